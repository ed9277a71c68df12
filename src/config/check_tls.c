/* SPDX-License-Identifier: Apache-2.0
 * Checks of type https: verification and certificates. */
#include "config/check_keys.h"

#include "base/file.h"
#include "config/sources.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#define TLS_FILE_MAX (16u << 20)

/* Read as sources, so that `status` tells when one has changed on disk; what is in them is judged
 * once all is read. A file that many checks name is read once. */
static void read_tls_file(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "the file", "a path");
    if (!text)
        return;
    struct named_file *file = field;
    struct slice content;
    struct stat st = {0};
    *file = (struct named_file){file_resolve(load->arena, node->span.file, text), node->span};
    for (size_t i = 0; i < load->sources.n; i++)
        if (strcmp(load->sources.v[i].path, file->path) == 0)
            return;
    int missing = stat(file->path, &st);
    if (missing || !S_ISREG(st.st_mode)) {
        const char *is = S_ISDIR(st.st_mode) ? "a directory" : "not a regular file";
        (void)sources_add(load, file->path); /* told once */
        if (missing)
            diag_error(load->diags, node->span, "cannot find '%s': %s", file->path,
                       strerror(errno));
        else
            diag_error(load->diags, node->span, "cannot use '%s': it is %s, expected a file (PEM)",
                       file->path, is);
        return;
    }
    (void)!load_file(load, &content, file->path, node->span, TLS_FILE_MAX);
}

static const struct schema_key tls_keys[] = {
    {.name = "verify",
     .kind = SCHEMA_BOOL,
     .offset = CHECK(tls.verify),
     .fallback = "true",
     .doc = "Whether the certificate must be valid for `sni` and signed by a known authority.",
     .example = "false"},
    {.name = "sni",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(tls.sni),
     .read = check_host_read,
     .type = "a host name",
     .fallback_doc = "`host`; without it no name is sent",
     .doc = "The server name that is asked for, and that the certificate must have.",
     .example = "www.example.com"},
    {.name = "ca_file",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(tls.ca_file),
     .read = read_tls_file,
     .type = "a path",
     .fallback_doc = "the system's authorities",
     .doc = "Certificates (PEM) of the authorities that are trusted, instead of the system's.",
     .example = "internal-ca.pem"},
    {.name = "cert_file",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(tls.cert_file),
     .read = read_tls_file,
     .type = "a path",
     .fallback_doc = "none",
     .doc = "A client certificate (PEM, with its chain) to show; `key_file` belongs to it.",
     .example = "checker.pem"},
    {.name = "key_file",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(tls.key_file),
     .read = read_tls_file,
     .type = "a path",
     .fallback_doc = "none",
     .doc = "The private key (PEM, without passphrase) of the client certificate.",
     .example = "checker.key"},
};
const struct schema check_tls_schema = {
    .title = "'tls'", .doc = "TLS, for type `https`.", SCHEMA_KEYS(tls_keys)};
