/* SPDX-License-Identifier: Apache-2.0
 * Checks: how the health of endpoints is probed. */
#include "config/check_keys.h"

#include "base/file.h"
#include "base/units.h"
#include "config/defaults.h"

#include <stddef.h>

#define TIMEOUT_DEFAULT_MS 2000u

static const struct schema_word check_types[] = {
    CHECK_TYPES(SCHEMA_WORD_OF){"tls", 0, NULL},
    {"dns", 0, NULL},
    {"icmp", 0, NULL},
    {"udp", 0, NULL},
    {"agent", 0, NULL},
    {"grpc", 0, NULL},
    {"metric", 0, NULL},
};

static void read_check_pool(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->pools, node, "'pool'");
}

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
     .read = check_path_read,
     .type = "a path that begins with '/'",
     .fallback = "/",
     .doc = "For `http` and `https`: what is asked for, with the query string if any.",
     .example = "/healthz"},
    {.name = "host",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(http.host),
     .read = check_host_read,
     .type = "a host name",
     .fallback_doc = "the endpoint's address",
     .doc = "For `http` and `https`: the Host header, and the name asked for by TLS.",
     .example = "www.example.com"},
    {.name = "method",
     .kind = SCHEMA_CUSTOM,
     .offset = CHECK(http.method),
     .read = check_method_read,
     .type = "GET or HEAD",
     .fallback = "GET",
     .doc = "For `http` and `https`: the method of the request.",
     .example = "HEAD"},
    {.name = "expect",
     .kind = SCHEMA_MAPPING,
     .sub = &check_expect_schema,
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
     .sub = &check_tls_schema,
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

static void refuse_timeout(struct load *load, const struct yaml_node *timeout,
                           const struct check *check)
{
    char text[UNITS_TEXT_MAX];
    if (check->timeout_ms > check->interval_ms)
        load_expected(load, timeout, "'timeout'", "at most the interval, %s",
                      units_duration_text(text, check->interval_ms));
}

/* How fast a check goes, `interval` to `fall`. */
static const struct schema pace_schema = {
    .title = "'check' of 'defaults'", .keys = check_keys + 2, .n_keys = 4};

bool check_defaults_judge(struct load *load, const struct yaml_node *node)
{
    struct check check = {0};
    unsigned errors = load->diags->n_errors;
    const struct yaml_node *timeout = yaml_get(node, "timeout");
    schema_read(load, &pace_schema, node, &check);
    if (timeout && yaml_get(node, "interval") && load->diags->n_errors == errors)
        refuse_timeout(load, timeout, &check);
    return load->diags->n_errors == errors;
}

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

/* One that the check does not name itself gives way to its interval. */
static void check_timeout(struct load *load, const struct definition *d, struct check *check)
{
    const struct yaml_node *timeout = yaml_get(d->value, "timeout");
    uint32_t usual = defaults_decide(d, "timeout") ? check->timeout_ms : TIMEOUT_DEFAULT_MS;
    if (timeout)
        refuse_timeout(load, timeout, check);
    else
        check->timeout_ms = check->interval_ms < usual ? check->interval_ms : usual;
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
    const struct yaml_node *node = defaults_apply(load, d);
    unsigned errors = load->diags->n_errors;
    check->name = d->name;
    check->span = d->key->span;
    check->pool = MODEL_NONE;
    schema_read_named(load, &check_schema, check->name, node, check);
    if (node->kind != YAML_MAP)
        return;
    check_timeout(load, d, check);
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
