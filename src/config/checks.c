/* SPDX-License-Identifier: Apache-2.0
 * Checks: how the health of endpoints is probed. */
#include "config/parts.h"

#include "base/file.h"
#include "base/units.h"
#include "config/sources.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#define CHECK(member) offsetof(struct check, member)
#define TIMEOUT_DEFAULT_MS 2000u
#define STATUS_MIN 100
#define STATUS_MAX 599
#define TLS_FILE_MAX (16u << 20)

static const struct schema_word check_types[] = {
    {"tcp", CHECK_TCP, "A TCP connection opens."},
    {"http", CHECK_HTTP, "An HTTP request is answered as `expect` says."},
    {"https", CHECK_HTTPS, "As `http`, over TLS."},
    {"exec", CHECK_EXEC, "A program exits with status 0."},
    {"pool", CHECK_POOL, "Another pool has a site that is up."},
    {"tls", 0, NULL},
    {"dns", 0, NULL},
    {"icmp", 0, NULL},
    {"udp", 0, NULL},
    {"agent", 0, NULL},
    {"grpc", 0, NULL},
    {"metric", 0, NULL},
};

/* "200" or "200-299". */
static bool parse_status(const char *text, struct number_range *out)
{
    unsigned v[2] = {0, 0}, i = 0, digits = 0;
    for (; *text; text++) {
        if (*text == '-' && i == 0 && digits == 3) {
            i = 1;
            digits = 0;
        } else if (*text >= '0' && *text <= '9' && digits < 3) {
            v[i] = v[i] * 10 + (unsigned)(*text - '0');
            digits++;
        } else {
            return false;
        }
    }
    if (i == 0)
        v[1] = v[0];
    *out = (struct number_range){(uint16_t)v[0], (uint16_t)v[1]};
    return digits == 3 && v[0] >= STATUS_MIN && v[1] <= STATUS_MAX && v[0] <= v[1];
}

static void read_status(struct load *load, const struct yaml_node *node, void *field)
{
    struct check *check = field;
    const struct yaml_node *one[1] = {node};
    const struct yaml_node *const *items = node->kind == YAML_LIST ? node->items : one;
    uint32_t n = node->kind == YAML_LIST ? node->n : 1;
    struct number_range *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        if (items[i]->kind != YAML_SCALAR || !parse_status(items[i]->text, &v[i]))
            load_expected(load, items[i], "'status'", "HTTP statuses, as 200 or 200-299");
    if (n == 0)
        diag_error(load->diags, node->span,
                   "'status' is an empty list, expected HTTP statuses, as [200-299, 301]");
    check->http.status = v;
    check->http.n_status = n;
}

static void read_http_path(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'path'", "a path that begins with '/'");
    if (!text)
        return;
    bool clean = true;
    for (const char *p = text; *p; p++)
        clean &= (unsigned char)*p > ' ' && *p != 0x7f;
    if (text[0] != '/' || !clean)
        load_expected(load, node, "'path'", "a path that begins with '/', without spaces");
    *(const char **)field = arena_strdup(load->arena, text);
}

static void read_host(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'host'", "a host name");
    if (!text)
        return;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/') {
            load_expected(load, node, "'host'", "a host name, without spaces and '/'");
            break;
        }
    }
    *(const char **)field = arena_strdup(load->arena, text);
}

static void read_method(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'method'", "GET or HEAD");
    if (text && strcmp(text, "GET") != 0 && strcmp(text, "HEAD") != 0)
        load_expected(load, node, "'method'", "GET or HEAD");
    if (text)
        *(const char **)field = arena_strdup(load->arena, text);
}

static void read_check_pool(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->pools, node, "'pool'");
}

static const struct schema_key expect_keys[] = {
    {.name = "status",
     .kind = SCHEMA_CUSTOM,
     .read = read_status,
     .type = "a status, a range of statuses, or a list of them",
     .fallback = "200-299",
     .doc = "HTTP statuses that count as healthy.",
     .example = "[200-299, 301]"},
    {.name = "body",
     .kind = SCHEMA_TEXT,
     .offset = CHECK(http.body),
     .fallback_doc = "none: the body is not looked at",
     .doc = "Text that must occur in the body (in its first `max_body` bytes). Case counts.",
     .example = "ready"},
};
static const struct schema expect_schema = {
    .title = "'expect'", .doc = "What a healthy answer looks like.", SCHEMA_KEYS(expect_keys)};

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
     .read = read_host,
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
static const struct schema tls_schema = {
    .title = "'tls'", .doc = "TLS, for type `https`.", SCHEMA_KEYS(tls_keys)};

static const struct schema_key check_keys[] = {
    {.name = "type",
     .kind = SCHEMA_WORD,
     .required = true,
     .offset = CHECK(type),
     SCHEMA_WORDS(check_types),
     .doc = "What a probe does.",
     .example = "http"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = CHECK(port),
     .min = 1,
     .max = 65535,
     .fallback_doc = "80 for `http`, 443 for `https`; else each endpoint needs one",
     .doc = "The port that is probed, unless the endpoint has one of its own.",
     .example = "8080"},
    {.name = "interval",
     .kind = SCHEMA_MS,
     .offset = CHECK(interval_ms),
     .min = 100,
     .max = 86400000,
     .fallback = "5s",
     .doc = "From the start of one probe of an endpoint to the start of the next.",
     .example = "10s"},
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = CHECK(timeout_ms),
     .min = 10,
     .max = 86400000,
     .fallback_doc = "2s, or `interval` where that is shorter",
     .doc = "A probe that takes longer has failed. At most `interval`.",
     .example = "1s"},
    {.name = "rise",
     .kind = SCHEMA_U16,
     .offset = CHECK(rise),
     .min = 1,
     .max = 1000,
     .fallback = "2",
     .doc = "Good results in a row that bring an endpoint up.",
     .example = "1"},
    {.name = "fall",
     .kind = SCHEMA_U16,
     .offset = CHECK(fall),
     .min = 1,
     .max = 1000,
     .fallback = "3",
     .doc = "Bad results in a row that take an endpoint down.",
     .example = "2"},
    {.name = "path",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(http.path),
     .read = read_http_path,
     .type = "a path that begins with '/'",
     .fallback = "/",
     .doc = "For `http` and `https`: what is asked for, with the query string if any.",
     .example = "/healthz"},
    {.name = "host",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(http.host),
     .read = read_host,
     .type = "a host name",
     .fallback_doc = "the endpoint's address",
     .doc = "For `http` and `https`: the Host header, and the name asked for by TLS.",
     .example = "www.example.com"},
    {.name = "method",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(http.method),
     .read = read_method,
     .type = "GET or HEAD",
     .fallback = "GET",
     .doc = "For `http` and `https`: the method of the request.",
     .example = "HEAD"},
    {.name = "expect",
     .kind = SCHEMA_MAPPING,
     .sub = &expect_schema,
     .doc = "For `http` and `https`: what a healthy answer looks like.",
     .example = "{status: 200-299, body: ready}"},
    {.name = "max_body",
     .kind = SCHEMA_SIZE,
     .offset = CHECK(http.max_body),
     .min = 1,
     .max = 16u << 20,
     .fallback = "64k",
     .doc = "For `http` and `https`: bytes of the body that are read at most.",
     .example = "4k"},
    {.name = "tls",
     .kind = SCHEMA_MAPPING,
     .sub = &tls_schema,
     .doc = "For `https`: verification and certificates.",
     .example = "{ca_file: internal-ca.pem}"},
    {.name = "command",
     .kind = SCHEMA_STRINGS,
     .offset = CHECK(exec),
     .fallback_doc = "none; required for `exec`",
     .doc = "For `exec`: the program and its arguments, run without a shell. {address}, {port}, "
            "{name}, {pool} and {site} in an argument are replaced, and the environment has them "
            "as LOADSTAR_ADDRESS, LOADSTAR_PORT and so on, beside PATH, LANG and TZ. A program "
            "without a slash is looked for in PATH. Exit status 0 is healthy. What it has started "
            "ends with it.",
     .example = "[/usr/lib/nagios/plugins/check_smtp, -H, \"{address}\"]"},
    {.name = "pool",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(pool),
     .read = read_check_pool,
     .type = "the name of a pool",
     .fallback_doc = "none; required for `pool`",
     .doc = "For `pool`: the pool that must have a site that is up.",
     .example = "database"},
};
const struct schema check_schema = {
    .title = "check", .doc = "How the health of endpoints is probed.", SCHEMA_KEYS(check_keys)};

/* Keys that only some types use. */
#define HTTP_TYPES (1u << CHECK_HTTP | 1u << CHECK_HTTPS)
static const struct {
    const char *key;
    unsigned types; /* bits 1 << enum check_type */
    const char *text;
} uses[] = {
    {"port", HTTP_TYPES | 1u << CHECK_TCP | 1u << CHECK_EXEC, "tcp, http, https or exec"},
    {"path", HTTP_TYPES, "http or https"},
    {"host", HTTP_TYPES, "http or https"},
    {"method", HTTP_TYPES, "http or https"},
    {"expect", HTTP_TYPES, "http or https"},
    {"max_body", HTTP_TYPES, "http or https"},
    {"tls", 1u << CHECK_HTTPS, "https"},
    {"command", 1u << CHECK_EXEC, "exec"},
    {"pool", 1u << CHECK_POOL, "pool"},
};

/* A key that has no effect is a misunderstanding: it is refused, not ignored. */
static void refuse_useless(struct load *load, const struct yaml_node *node, enum check_type type)
{
    for (uint32_t i = 0; i < node->n; i++)
        for (size_t j = 0; j < ARRAY_LEN(uses); j++)
            if (strcmp(node->pairs[i].key->text, uses[j].key) == 0 && !(uses[j].types & 1u << type))
                diag_error(load->diags, node->pairs[i].key->span,
                           "'%s' has no meaning for type %s, expected it with type %s", uses[j].key,
                           check_types[type].text, uses[j].text);
}

static void check_timeout(struct load *load, const struct yaml_node *node, struct check *check)
{
    char text[UNITS_TEXT_MAX];
    const struct yaml_node *timeout = yaml_get(node, "timeout");
    if (!timeout)
        check->timeout_ms =
            check->interval_ms < TIMEOUT_DEFAULT_MS ? check->interval_ms : TIMEOUT_DEFAULT_MS;
    else if (check->timeout_ms > check->interval_ms)
        load_expected(load, timeout, "'timeout'", "at most the interval, %s",
                      units_duration_text(text, check->interval_ms));
}

static void check_required(struct load *load, const struct yaml_node *node,
                           const struct check *check)
{
    if (check->type == CHECK_EXEC && !yaml_get(node, "command"))
        diag_error(load->diags, node->span,
                   "check of type exec has no 'command', expected a list: [PROGRAM, ARGUMENT...]");
    if (check->type == CHECK_POOL && !yaml_get(node, "pool"))
        diag_error(load->diags, node->span,
                   "check of type pool has no 'pool', expected the name of a pool");
    if (!check->tls.cert_file.path != !check->tls.key_file.path)
        diag_error(load->diags, yaml_get(node, "tls")->span,
                   "'cert_file' and 'key_file' belong together, expected both or neither");
}

/* As other paths in a file, relative to it; a name without a slash is looked for in PATH. */
static void find_program(struct load *load, const struct yaml_node *node, struct check *check)
{
    const struct yaml_node *command = yaml_get(node, "command");
    if (check->exec.n == 0 || !command || command->kind != YAML_LIST)
        return;
    check->exec_span = command->items[0]->span;
    if (check->exec.v[0][0] == '/' || !strchr(check->exec.v[0], '/'))
        return;
    const char **argv = arena_copy(load->arena, check->exec.v, check->exec.n * sizeof *argv);
    argv[0] = file_resolve(load->arena, command->span.file, argv[0]);
    check->exec.v = argv;
}

static void read_check(struct load *load, const struct definition *d, struct check *check)
{
    const struct yaml_node *node = d->value;
    unsigned errors = load->diags->n_errors;
    check->name = d->name;
    check->span = d->key->span;
    check->pool = MODEL_NONE;
    schema_read_named(load, &check_schema, check->name, node, check);
    if (node->kind != YAML_MAP)
        return;
    check_timeout(load, node, check);
    find_program(load, node, check);
    if (load->diags->n_errors == errors) { /* else the type may not be the one meant */
        refuse_useless(load, node, check->type);
        check_required(load, node, check);
    }
}

void checks_read(struct load *load)
{
    uint32_t n = (uint32_t)load->checks.n;
    struct check *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        read_check(load, &load->checks.v[i], &v[i]);
    load->model->checks = v;
    load->model->n_checks = n;
}
