/* SPDX-License-Identifier: Apache-2.0
 * What tiers are called by other programs, and which keys belong to which type.
 *
 * Names of upstreams and backends are written into files and commands of formats in which almost
 * any character means something: those that could be more than a name are refused here, so that no
 * writer has to quote them. Clusters go into JSON, which quotes anything. */
#include "config/tier_draft.h"

#include "base/escape.h"
#include "base/file.h"

#include <sys/un.h>

#define NAME_MAX_B 255
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

static void read_word_name(struct load *load, const struct yaml_node *node, const char *what,
                           const char *usable, const char *expected, const char **field)
{
    const char *text = schema_scalar(load, node, what, expected);
    if (text && (node->n > NAME_MAX_B || text[strspn(text, usable)]))
        load_expected(load, node, what, "%s", expected);
    else if (text)
        *field = arena_strdup(load->arena, text);
}

/* HAProxy configuration manual 4: "All proxy names must be formed from upper and lower case
 * letters, digits, '-', '_', '.' and ':'". */
void tier_backend_read(struct load *load, const struct yaml_node *node, void *field)
{
    read_word_name(load, node, "'backend'", WORD_CHARS ":",
                   "a name of letters, digits, '-', '_', '.' and ':'", field);
}

void tier_upstream_read(struct load *load, const struct yaml_node *node, void *field)
{
    read_word_name(load, node, "'upstream'", WORD_CHARS,
                   "a name of letters, digits, '-', '_' and '.'", field);
}

/** As l4.yaml names them: a service, or one of its sets, which is of a pool. */
static bool is_set_name(struct load *load, const char *text)
{
    const char *slash = strchr(text, '/');
    if (!slash)
        return name_is_usable(text);
    return name_is_usable(slash + 1) &&
           name_is_usable(arena_strndup(load->scratch, text, (size_t)(slash - text)));
}

void tier_service_read(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "a mapping, or for type l4 SERVICE or SERVICE/POOL, names of "
                                   "letters, digits, '-', '_' and '.'";
    struct tier_draft *d = field;
    if (node->kind == YAML_MAP) {
        schema_read(load, &tier_service_schema, node, d);
        return;
    }
    const char *text = schema_scalar(load, node, "'service'", expected);
    if (text && !is_set_name(load, text))
        load_expected(load, node, "'service'", "%s", expected);
    else if (text)
        d->tier.l4.service = arena_strdup(load->arena, text);
}

void tier_cluster_read(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "a name without controls, of at most 255 bytes";
    const char *text = schema_scalar(load, node, "'cluster'", expected);
    if (!text)
        return;
    if (node->n > NAME_MAX_B || escape_in(load->scratch, text) != text)
        load_expected(load, node, "'cluster'", "%s", expected);
    else
        *(const char **)field = arena_strdup(load->arena, text);
}

static void read_agent_listen(struct load *load, const struct yaml_node *node, void *field)
{
    struct tier_draft *d = field;
    uint16_t port = 0;
    d->tier.haproxy.agent.at = node->span;
    if (listen_read(load, node, "'listen'", "ADDRESS:PORT or [IPV6]:PORT",
                    &d->tier.haproxy.agent.addr, &port))
        d->tier.haproxy.agent.port = port;
    else
        d->tier.haproxy.agent.addr = (struct ip){.family = IP_NONE};
}

static const struct schema_key agent_keys[] = {
    {.name = "listen",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = read_agent_listen,
     .type = "ADDRESS:PORT or [IPV6]:PORT",
     .doc = "Where agent checks of HAProxy are answered. Several tiers may have the same: servers "
            "tell which they are by `agent-send TIER/NAME\\n`.",
     .example = "\"127.0.0.1:8054\""},
};
const struct schema tier_agent_schema = {
    .title = "'agent'", .doc = "Agent checks of HAProxy.", SCHEMA_KEYS(agent_keys)};

static const struct schema_key eds_keys[] = {
    {.name = "file",
     .kind = SCHEMA_PATH,
     .offset = TIER_DRAFT(tier.file),
     .at = TIER_DRAFT(tier.file_at),
     .fallback_doc = "none",
     .doc = "A file that Envoy watches (`path_config_source`).",
     .example = "/var/lib/loadstar/eds/web.json"},
    {.name = "rest",
     .kind = SCHEMA_BOOL,
     .offset = TIER_DRAFT(tier.envoy.rest),
     .fallback = "false",
     .doc = "Whether the HTTP API serves it (`api_type: REST`): POST /v3/discovery:endpoints.",
     .example = "true"},
};
const struct schema tier_eds_schema = {
    .title = "'eds'",
    .doc = "How Envoy gets its endpoints: by a file, over HTTP, or both.",
    SCHEMA_KEYS(eds_keys)};

/* ---- which keys belong to which type ---- */

#define IPVS (1u << TIER_IPVS)
#define HAPROXY (1u << TIER_HAPROXY)
#define NGINX (1u << TIER_NGINX)
#define ENVOY (1u << TIER_ENVOY)
#define KEEPALIVED (1u << TIER_KEEPALIVED)
#define EXEC (1u << TIER_EXEC)
#define L4 (1u << TIER_L4)

static const struct key_use {
    const char *key;
    unsigned types; /* bits 1 << enum tier_type */
    bool required;  /* for them */
    const char *expected;
} uses[] = {
    {"forward", IPVS, false, NULL},
    {"thresholds", IPVS, false, NULL},
    {"on_down", IPVS, false, NULL},
    {"backend", HAPROXY, false, NULL},
    {"socket", HAPROXY | L4, false, NULL},
    {"agent", HAPROXY, false, NULL},
    {"upstream", NGINX, true, "the name of an upstream"},
    {"file", NGINX, true, "the path of a file that nginx includes"},
    {"mode", NGINX, false, NULL},
    {"test", NGINX, false, NULL},
    {"reload", NGINX, false, NULL},
    {"reload_interval", NGINX, false, NULL},
    {"cluster", ENVOY, true, "the name of a cluster"},
    {"eds", ENVOY, true, "{file: PATH}, {rest: true} or both"},
    {"track_file", KEEPALIVED, true, "the path of a file that keepalived tracks"},
    {"weight_when_down", KEEPALIVED, false, NULL},
    {"command", EXEC, true, "a list: [PROGRAM, ARGUMENT...]"},
    {"timeout", EXEC, false, NULL},
    {"service", IPVS, true, "{address: ADDRESS, port: PORT} or {fwmark: MARK}"},
};
static const struct key_use service_uses[] = {
    {"fwmark", IPVS, false, NULL},      {"family", IPVS, false, NULL},
    {"protocol", IPVS, false, NULL},    {"scheduler", IPVS, false, NULL},
    {"persistence", IPVS, false, NULL},
};

static const char *type_of(unsigned types)
{
    enum tier_type type = TIER_IPVS;
    while (!(types >> type & 1))
        type++;
    return tier_type_word(type);
}

/* A key that has no effect is a misunderstanding: it is refused, not ignored. */
static void refuse_useless(struct load *load, const struct yaml_node *node, enum tier_type type,
                           const struct key_use *v, size_t n, const char *of)
{
    for (uint32_t i = 0; i < node->n; i++) {
        const struct yaml_node *key = node->pairs[i].key;
        for (size_t k = 0; k < n; k++)
            if (strcmp(key->text, v[k].key) == 0 && !(v[k].types >> type & 1))
                diag_error(load->diags, key->span,
                           "'%s'%s has no meaning for a tier of type %s, expected it with type %s",
                           key->text, of, tier_type_word(type), type_of(v[k].types));
    }
}

static void require_keys(struct load *load, const struct tier_draft *d)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (uses[i].required && uses[i].types >> d->tier.type & 1 &&
            !yaml_get(d->node, uses[i].key))
            diag_error(load->diags, d->node->span, "tier '%s' of type %s has no '%s', expected %s",
                       d->tier.name, tier_type_word(d->tier.type), uses[i].key, uses[i].expected);
}

static void judge_socket(struct load *load, const struct tier_draft *d)
{
    struct sockaddr_un address;
    if (d->tier.socket && strlen(d->tier.socket) >= sizeof address.sun_path)
        load_expected(load, yaml_get(d->node, "socket"), "'socket'", "a path of at most %zu bytes",
                      sizeof address.sun_path - 1);
}

static void judge_l4(struct load *load, const struct tier_draft *d)
{
    const struct yaml_node *service = yaml_get(d->node, "service");
    if (!yaml_get(d->node, "socket"))
        diag_error(load->diags, d->node->span,
                   "tier '%s' of type l4 has no 'socket', expected the path of the 'control' "
                   "socket of loadstar-l4",
                   d->tier.name);
    if (!service)
        diag_error(load->diags, d->node->span,
                   "tier '%s' of type l4 has no 'service', expected the name of a service of "
                   "loadstar-l4",
                   d->tier.name);
    else if (service->kind == YAML_MAP)
        diag_error(load->diags, service->span,
                   "'service' is a mapping, expected the name of a service of loadstar-l4 with "
                   "type l4");
}

static void judge_haproxy(struct load *load, const struct tier_draft *d)
{
    const struct yaml_node *socket = yaml_get(d->node, "socket");
    if (!socket && !yaml_get(d->node, "agent"))
        diag_error(load->diags, d->node->span,
                   "tier '%s' of type haproxy has no 'socket' and no 'agent', expected either or "
                   "both",
                   d->tier.name);
    if (socket && !yaml_get(d->node, "backend"))
        diag_error(load->diags, d->node->span,
                   "tier '%s' has a 'socket' but no 'backend', expected the name of a backend",
                   d->tier.name);
}

static void judge_envoy(struct load *load, const struct tier_draft *d)
{
    const struct yaml_node *eds = yaml_get(d->node, "eds");
    const struct yaml_node *rest = eds ? yaml_get(eds, "rest") : NULL;
    if (eds && !d->tier.file && !d->tier.envoy.rest)
        diag_error(load->diags, eds->span,
                   "'eds' has no 'file' and no 'rest: true', expected either or both");
    if (rest && d->tier.envoy.rest && load->main_is_sound && !load->model->http.enabled)
        diag_error(load->diags, rest->span,
                   "'rest' takes the HTTP API, expected 'http' with 'listen' in '%s'",
                   load->model->path);
}

static void judge_ipvs(struct load *load, const struct tier_draft *d)
{
    const struct yaml_node *service = yaml_get(d->node, "service");
    if (!service)
        return;
    const struct yaml_node *address = yaml_get(service, "address"),
                           *fwmark = yaml_get(service, "fwmark"), *port = yaml_get(service, "port"),
                           *family = yaml_get(service, "family"),
                           *protocol = yaml_get(service, "protocol");
    if (!address == !fwmark)
        diag_error(load->diags, service->span, "'service' has %s, expected %s",
                   address ? "'address' and 'fwmark'" : "no 'address'",
                   address ? "one of them" : "'address' and 'port', or 'fwmark'");
    else if (address && !port)
        diag_error(load->diags, service->span,
                   "'service' has no 'port', expected a whole number from 0 to 65535");
    else if (port && address && d->tier.service.port == 0 && d->tier.service.persistence_s == 0)
        diag_error(load->diags, port->span,
                   "'port' is 0, all ports, which takes 'persistence': without it the connections "
                   "of one client go to different members");
    if (fwmark && protocol)
        diag_error(load->diags, protocol->span,
                   "'protocol' has no meaning with 'fwmark': the marked packets have theirs");
    if (address && family)
        diag_error(load->diags, family->span, "'family' has no meaning with 'address'");
}

bool tier_judge_keys(struct load *load, const struct tier_draft *d)
{
    unsigned errors = load->diags->n_errors;
    const struct yaml_node *service = yaml_get(d->node, "service");
    refuse_useless(load, d->node, d->tier.type, uses, ARRAY_LEN(uses) - 1, "");
    if (service && service->kind == YAML_MAP && d->tier.type != TIER_L4)
        refuse_useless(load, service, d->tier.type, service_uses, ARRAY_LEN(service_uses),
                       " of 'service'");
    else if (service && d->tier.type != TIER_L4)
        load_expected(load, service, "'service'", "a mapping with type %s",
                      tier_type_word(d->tier.type));
    require_keys(load, d);
    judge_socket(load, d);
    if (d->tier.type == TIER_L4)
        judge_l4(load, d);
    else if (d->tier.type == TIER_HAPROXY)
        judge_haproxy(load, d);
    else if (d->tier.type == TIER_ENVOY)
        judge_envoy(load, d);
    else if (d->tier.type == TIER_IPVS)
        judge_ipvs(load, d);
    return load->diags->n_errors == errors;
}

/* argv that ends with NULL. As other paths in a file a relative one is relative to it; a name
 * without a slash is looked for in PATH. */
static const char *const *command(struct load *load, const struct tier_draft *d, const char *key,
                                  struct str_list words)
{
    if (!words.n)
        return NULL;
    const char **argv = arena_calloc(load->arena, (size_t)words.n + 1, sizeof *argv);
    memcpy(argv, words.v, words.n * sizeof *argv);
    if (strchr(argv[0], '/'))
        argv[0] = file_resolve(load->arena, yaml_get(d->node, key)->span.file, argv[0]);
    return argv;
}

void tier_settle(struct load *load, struct tier_draft *d)
{
    static const char *const test[] = {"systemctl", "start", "loadstar-nginx-test.service", NULL};
    static const char *const reload[] = {"systemctl", "reload", "nginx", NULL};
    struct tier *t = &d->tier;
    t->reset_on_down = d->on_down;
    t->nginx.stream = d->mode;
    t->exec.command = command(load, d, "command", d->command);
    if (t->type != TIER_NGINX)
        return;
    if (!d->test.n)
        t->nginx.test_at = t->span;
    if (!d->reload.n)
        t->nginx.reload_at = t->span;
    t->nginx.test = d->test.n ? command(load, d, "test", d->test) : test;
    t->nginx.reload = d->reload.n ? command(load, d, "reload", d->reload) : reload;
}
