/* SPDX-License-Identifier: Apache-2.0
 * `server.rate_limit`, `server.cookies`, and the file with the secrets of cookies. */
#include "config/parts.h"

#include "base/digits.h"
#include "base/file.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#define SECRET_LEN 16
#define LIMIT(member) offsetof(struct model, server.rate_limit.member)

/* What holds without any of it. Loopback is where benchmarks and tests of this host come from, and
 * nobody spoofs it from outside. */
static const struct ip_prefix loopback[] = {
    {.addr = {{127}, IP_V4}, .len = 8},
    {.addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, IP_V6}, .len = 128},
};

struct networks {
    const struct ip_prefix *v;
    uint32_t n;
};

static struct networks read_networks(struct load *load, const struct yaml_node *node,
                                     uint32_t n_before)
{
    struct yaml_items items = yaml_items(&node);
    struct ip_prefix *v = arena_calloc(load->arena, items.n + n_before + 1, sizeof *v);
    uint32_t n = n_before;
    for (uint32_t i = 0; i < items.n; i++) {
        if (prefix_read(load, items.v[i], &v[n]))
            n++;
    }
    return (struct networks){v, n};
}

static void read_exempt(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct networks read = read_networks(load, node, ARRAY_LEN(loopback));
    memcpy((struct ip_prefix *)(uintptr_t)read.v, loopback, sizeof loopback);
    load->model->server.rate_limit.exempt = read.v;
    load->model->server.rate_limit.n_exempt = read.n;
}

static void read_include(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct networks read = read_networks(load, node, 0);
    load->model->server.rate_limit.include = read.v;
    load->model->server.rate_limit.n_include = read.n;
}

static const struct schema_key rate_limit_keys[] = {
    {.name = "bytes_per_second",
     .kind = SCHEMA_SIZE,
     .offset = LIMIT(bytes_per_second),
     .min = 1024,
     .max = 1u << 30,
     .fallback = "64k",
     .doc = "What answers to one client network (IPv4 /24, IPv6 /56) may have more than their "
            "queries, all workers together. The first 32 bytes that an answer has more count for a "
            "quarter: a resolver may ask 16,000 times a second for an address.",
     .example = "256k"},
    {.name = "burst",
     .kind = SCHEMA_SIZE,
     .offset = LIMIT(burst),
     .min = 4096,
     .max = 1u << 30,
     .fallback = "128k",
     .doc = "How much of that may come at once. At least `bytes_per_second / 10`.",
     .example = "1M"},
    {.name = "slip",
     .kind = SCHEMA_U32,
     .offset = LIMIT(slip),
     .max = 10,
     .fallback = "2",
     .doc = "Of the answers that are kept back, one in so many goes out truncated (TC), so that "
            "clients of the network come by TCP; or, if the query has a client cookie, as "
            "BADCOOKIE. The others are dropped. 1: all go out; 0: none does.",
     .example = "1"},
    {.name = "exempt",
     .kind = SCHEMA_CUSTOM,
     .read = read_exempt,
     .type = "a network (ADDRESS/LENGTH) or a list of networks",
     .fallback_doc = "none but loopback",
     .doc = "Clients that are never limited. 127.0.0.0/8 and ::1 are always among them, unless "
            "`include` says otherwise.",
     .example = "[192.0.2.0/24, \"2001:db8::/32\"]"},
    {.name = "include",
     .kind = SCHEMA_CUSTOM,
     .read = read_include,
     .type = "a network (ADDRESS/LENGTH) or a list of networks",
     .fallback_doc = "none",
     .doc = "Clients that are limited all the same: parts of `exempt`, or loopback.",
     .example = "127.0.0.0/8"},
    {.name = "log_only",
     .kind = SCHEMA_BOOL,
     .offset = LIMIT(log_only),
     .fallback = "false",
     .doc = "Nothing is kept back, but log and metrics say what would be.",
     .example = "true"},
};
const struct schema rate_limit_schema = {
    .title = "'rate_limit'",
    .doc = "Response rate limiting. Counted is what an answer has more than its query: what a "
           "victim gets beyond what the sender of spoofed queries has to send himself. A network "
           "that is over its allowance gets no UDP answer that is longer than its query until that "
           "is over. TCP and queries with a valid cookie are never limited. `rate_limit: off` "
           "switches it off.",
    SCHEMA_KEYS(rate_limit_keys)};

/** Says whether the word is `off`, which stands where a mapping may. */
static bool is_off(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && strcmp(node->text, "off") == 0;
}

void rate_limit_read(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct model *m = load->model;
    m->server.rate_limit.off = is_off(node);
    if (is_off(node))
        return;
    if (node->kind != YAML_MAP) {
        load_expected(load, node, "'rate_limit'", "off, or a mapping: {bytes_per_second: 64k}");
        return;
    }
    schema_read(load, &rate_limit_schema, node, m);
    if (m->server.rate_limit.burst < m->server.rate_limit.bytes_per_second / 10)
        diag_error(load->diags, node->span,
                   "'burst' is %u bytes, expected at least %u: a tenth of 'bytes_per_second'",
                   m->server.rate_limit.burst, m->server.rate_limit.bytes_per_second / 10);
}

/* --- cookies --- */

/* In the file's order of keys; NULL: not given. */
struct secrets_form {
    const struct yaml_node *active, *next, *old;
};

static void keep(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    *(const struct yaml_node **)field = node;
}

#define SECRET_FORM "32 hexadecimal digits"

static const struct schema_key secrets_keys[] = {
    {.name = "active",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = keep,
     .offset = offsetof(struct secrets_form, active),
     .type = SECRET_FORM,
     .doc = "New cookies are made with it. The same on all servers that answer for an address, or "
            "are asked for the same zones (`openssl rand -hex 16` makes one).",
     .example = "00112233445566778899aabbccddeeff"},
    {.name = "next",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .offset = offsetof(struct secrets_form, next),
     .type = SECRET_FORM,
     .fallback_doc = "none",
     .doc = "Its cookies are good, too: on other servers it may be `active` already.",
     .example = "ffeeddccbbaa99887766554433221100"},
    {.name = "old",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .offset = offsetof(struct secrets_form, old),
     .type = SECRET_FORM,
     .fallback_doc = "none",
     .doc = "Its cookies are still good: clients have them for up to an hour.",
     .example = "0123456789abcdef0123456789abcdef"},
};
const struct schema cookie_secrets_schema = {
    .title = "the file of cookie secrets",
    .doc =
        "What `server.cookies.secrets` names. A change of secrets takes three steps (RFC 9018 5), "
        "each on all servers before the next: the new one becomes `next`; it becomes `active` and "
        "the one before `old`; after an hour `old` goes. A reload reads the file again.",
    SCHEMA_KEYS(secrets_keys)};

static bool parse_secret(uint8_t out[SECRET_LEN], const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR || strlen(node->text) != 2 * SECRET_LEN)
        return false;
    for (unsigned i = 0; i < SECRET_LEN; i++) {
        int high = hex_digit((uint8_t)node->text[2 * i]),
            low = hex_digit((uint8_t)node->text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The message has no part of the secret. */
static void add_secret(struct load *load, const struct yaml_node *node, const char *name)
{
    struct model *m = load->model;
    uint8_t *out = m->server.cookies.secret[m->server.cookies.n_secrets];
    if (!node)
        return;
    if (!parse_secret(out, node)) {
        diag_error(load->diags, node->span, "'%s' is no secret, expected " SECRET_FORM, name);
        return;
    }
    for (uint32_t i = 0; i < m->server.cookies.n_secrets; i++) {
        if (memcmp(m->server.cookies.secret[i], out, SECRET_LEN) == 0) {
            diag_error(load->diags, node->span, "'%s' is the same as another secret of this file",
                       name);
            return;
        }
    }
    m->server.cookies.n_secrets++;
}

static bool is_private(struct load *load, const char *path, struct span named)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0007))
        return true; /* what cannot be read says so when it is read */
    diag_error(load->diags, named,
               "'%s' is open to everybody on this machine: expected no permissions for others "
               "(chmod o= FILE)",
               path);
    return false;
}

static void read_secrets(struct load *load, const struct yaml_node *node, void *field)
{
    struct secrets_form form = {0};
    const char *text = schema_scalar(load, node, "'secrets'", "a path");
    (void)field;
    if (!text)
        return;
    const char *path = file_resolve(load->arena, node->span.file, text);
    load->model->server.cookies.path = path;
    const struct yaml_node *root =
        is_private(load, path, node->span) ? load_yaml(load, path, node->span) : NULL;
    if (!root)
        return;
    schema_read(load, &cookie_secrets_schema, root, &form);
    add_secret(load, form.active, "active");
    add_secret(load, form.next, "next");
    add_secret(load, form.old, "old");
}

static const struct schema_key cookies_keys[] = {
    {.name = "secrets",
     .kind = SCHEMA_CUSTOM,
     .read = read_secrets,
     .type = "a path",
     .fallback_doc = "none: the process draws one when it starts",
     .doc =
         "A file with the secrets, for servers that share an address or zones: the cookie of one "
         "is good at all. It must not be open to others (chmod o=).",
     .example = "cookies.yaml"},
};
const struct schema cookies_schema = {
    .title = "'cookies'",
    .doc =
        "DNS cookies. A query with a client cookie gets a server cookie with its answer. A query "
        "without a valid one is refused (BADCOOKIE) only while its network is over its allowance, "
        "or in a flood of many networks. `cookies: off` switches them off.",
    SCHEMA_KEYS(cookies_keys)};

void cookies_read(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->model->server.cookies.off = is_off(node);
    if (is_off(node))
        return;
    if (node->kind == YAML_MAP)
        schema_read(load, &cookies_schema, node, load->model);
    else
        load_expected(load, node, "'cookies'", "off, or a mapping: {secrets: FILE}");
}

void limits_set_defaults(struct load *load)
{
    struct model *m = load->model;
    static const struct yaml_node nothing = {.kind = YAML_MAP};
    m->server.rate_limit.exempt = loopback;
    m->server.rate_limit.n_exempt = ARRAY_LEN(loopback);
    schema_read(load, &rate_limit_schema, &nothing, m);
}
