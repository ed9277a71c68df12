/* SPDX-License-Identifier: Apache-2.0
 * Tiers: local balancers whose members are the endpoints of a pool. Their keys. */
#include "config/tier_draft.h"

#define DAY_S (24 * 3600)

static const struct schema_word tier_types[] = {TIER_TYPES(SCHEMA_WORD_OF)};
static const struct schema_word remove_words[] = {
    {"drain", TIER_LEAVE_DRAIN, "its members are drained: no new sessions, those there may finish"},
    {"leave", TIER_LEAVE_LEAVE, "everything in it stays as it is"},
};
static const struct schema_word down_words[] = {
    {"keep", false, "it stays, with weight 0: connections that are there may end by themselves"},
    {"reset", true, "it is removed, and its connections end"},
};
static const struct schema_word modes[] = {
    {"http", false, "the upstream of an `http` block"},
    {"stream", true, "the upstream of a `stream` block: TCP or UDP"},
};

static void read_pool(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->pools, node, "'pool'");
}

static void read_site(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind == YAML_SCALAR && strcmp(node->text, "*") == 0)
        *(uint32_t *)field = MODEL_NONE;
    else
        *(uint32_t *)field = namespace_find(load, &load->sites, node, "'site'");
}

static void read_later(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    (void)node;
    (void)field; /* with the members, or by another key */
}

static void read_weight_when_down(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "a whole number from -254 to -1";
    const char *text = schema_scalar(load, node, "'weight_when_down'", expected);
    char *end = NULL;
    long weight = text ? strtol(text, &end, 10) : 0;
    if (text && (text[0] != '-' || *end || weight < -254 || weight > -1))
        load_expected(load, node, "'weight_when_down'", "%s", expected);
    else if (text)
        *(int32_t *)field = (int32_t)weight;
}

static const struct schema_key drain_keys[] = {
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = TIER_DRAFT(tier.drain_timeout_ms),
     .min = 1000,
     .max = 7 * DAY_S * 1000u,
     .fallback = "5m",
     .doc = "A member whose sessions have not ended by then counts as drained all the same.",
     .example = "10m"},
};
static const struct schema drain_schema = {
    .title = "'drain'", .doc = "How members are drained.", SCHEMA_KEYS(drain_keys)};

static const struct schema_key tier_keys[] = {
    {.name = "type",
     .kind = SCHEMA_WORD,
     .required = true,
     .offset = TIER_DRAFT(tier.type),
     SCHEMA_WORDS(tier_types),
     .doc = "What balancer it is.",
     .example = "ipvs"},
    {.name = "pool",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = TIER_DRAFT(tier.pool),
     .read = read_pool,
     .type = "the name of a pool",
     .doc = "The pool whose endpoints are the members: addresses, no `cname`.",
     .example = "web-backends"},
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.site),
     .at = TIER_DRAFT(tier.site_at),
     .read = read_site,
     .type = "the name of a site, or \"*\"",
     .fallback_doc = "`site` of the server; without that all sites",
     .doc = "Only this site's endpoints are members; \"*\": those of all sites.",
     .example = "ams"},
    {.name = "service",
     .kind = SCHEMA_CUSTOM,
     .sub = &tier_service_schema,
     .read = tier_service_read,
     .type = "a mapping; for `l4` the name of a service",
     .fallback_doc = "none; required for `ipvs` and `l4`",
     .doc =
         "Where clients reach the tier. For `ipvs` it is the virtual service itself; for others "
         "the address and the port of the balancer, which tell what endpoints lead clients here "
         "(see `behind`), and the port of members that have none. For `l4` the name of a service "
         "of loadstar-l4, or SERVICE/POOL of one that routes by `tls.sni`.",
     .example = "{address: 192.0.2.80, port: 443}"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = TIER_DRAFT(port),
     .min = 0,
     .max = 65535,
     .fallback_doc = "each endpoint's `port`, else that of `service`",
     .doc = "The port of every member. 0, for an IPVS service of all ports or by mark: the one "
            "that the client asked for.",
     .example = "8080"},
    {.name = "behind",
     .kind = SCHEMA_CUSTOM,
     .read = read_later,
     .type = "a target or a list of targets: POOL/SITE/LABEL",
     .fallback_doc = "endpoints that have the address and the port of `service`",
     .doc = "Further endpoints that lead clients to this tier: when they are drained, its members "
            "serve on until no answer with them can be alive, and are drained then. `*` stands for "
            "any characters.",
     .example = "[\"www/ams/*\"]"},
    {.name = "members",
     .kind = SCHEMA_CUSTOM,
     .sub = &tier_member_schema,
     .entry = "\"SITE/LABEL\"",
     .read = read_later,
     .type = "a mapping from targets within the pool, SITE/LABEL or SITE, to exceptions",
     .fallback_doc = "none",
     .doc = "What holds for some members only. `*` stands for any characters; of several that "
            "match, the last that says a thing decides it.",
     .example = "{\"iad/*\": {forward: {tunnel: gue, port: 6080}}}"},
    {.name = "adopt",
     .kind = SCHEMA_BOOL,
     .offset = TIER_DRAFT(tier.adopt),
     .fallback = "false",
     .doc = "Whether a service, servers or a file that were there before, and that Loadstar has "
            "not made, may be changed. Without it they are left alone, and `status` tells of it.",
     .example = "true"},
    {.name = "drain",
     .kind = SCHEMA_MAPPING,
     .sub = &drain_schema,
     .doc = "How members are drained.",
     .example = "{timeout: 10m}"},
    {.name = "slow_start",
     .kind = SCHEMA_MS,
     .offset = TIER_DRAFT(slow_start_ms),
     .at = TIER_DRAFT(slow_start_at),
     .min = 1000,
     .max = DAY_S * 1000,
     .fallback_doc = "`slow_start` of the pool",
     .doc = "How long an endpoint that begins to serve takes to its whole weight, in DNS and in "
            "all tiers: it is the pool's, which must not say otherwise. Slow starts of the "
            "balancer itself are to be off.",
     .example = "30s"},
    {.name = "interval",
     .kind = SCHEMA_MS,
     .offset = TIER_DRAFT(tier.interval_ms),
     .min = 1000,
     .max = 3600 * 1000,
     .fallback = "30s",
     .doc = "How often it is looked at and set right, beside each change.",
     .example = "10s"},
    {.name = "on_remove",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(tier.on_remove),
     SCHEMA_WORDS(remove_words),
     .fallback_doc = "`drain` for what Loadstar has made, `leave` for what it has adopted",
     .doc = "What becomes of a tier or a member that is not configured any more.",
     .example = "leave"},
    {.name = "on_exit",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(tier.on_exit),
     SCHEMA_WORDS(remove_words),
     .fallback_doc = "leave",
     .doc = "What becomes of the tier when the server ends. A restart changes nothing with "
            "`leave`.",
     .example = "drain"},
    {.name = "forward",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(path),
     .sub = &tier_forward_schema,
     .read = tier_forward_read,
     .type = FORWARD_FORMS,
     .fallback_doc = "nat",
     .doc = "For `ipvs`: how packets reach the members: `nat` rewrites address and port; `dr` "
            "sends them to the member's link-layer address, `tunnel` within packets of its own "
            "(IP in IP), both as they came, so that the member has to have the service's address.",
     .example = "{tunnel: gue, port: 6080}"},
    {.name = "thresholds",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(path),
     .sub = &tier_thresholds_schema,
     .read = tier_thresholds_read,
     .type = "a mapping",
     .fallback_doc = "none",
     .doc = "For `ipvs`: bounds of the connections of each member.",
     .example = "{upper: 1000, lower: 800}"},
    {.name = "on_down",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(on_down),
     SCHEMA_WORDS(down_words),
     .fallback = "keep",
     .doc = "For `ipvs`: what becomes of a member that an order puts down.",
     .example = "reset"},
    {.name = "backend",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.haproxy.backend),
     .read = tier_backend_read,
     .type = "the name of a backend",
     .fallback_doc = "none; required with `socket`",
     .doc = "For `haproxy`: the backend whose servers are driven.",
     .example = "be_web"},
    {.name = "socket",
     .kind = SCHEMA_PATH,
     .offset = TIER_DRAFT(tier.socket),
     .at = TIER_DRAFT(tier.socket_at),
     .fallback_doc = "none: no runtime API; required for `l4`",
     .doc = "For `haproxy`: its `stats socket`, of level `admin`. This, `agent` or both. For `l4`: "
            "the `control` socket of loadstar-l4.",
     .example = "/run/haproxy/admin.sock"},
    {.name = "agent",
     .kind = SCHEMA_MAPPING,
     .sub = &tier_agent_schema,
     .doc = "For `haproxy`: answers its agent checks.",
     .example = "{listen: \"127.0.0.1:8054\"}"},
    {.name = "upstream",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.nginx.upstream),
     .read = tier_upstream_read,
     .type = "the name of an upstream",
     .fallback_doc = "none; required for `nginx`",
     .doc = "For `nginx`: the name of the upstream that is written.",
     .example = "web"},
    {.name = "file",
     .kind = SCHEMA_PATH,
     .offset = TIER_DRAFT(tier.file),
     .at = TIER_DRAFT(tier.file_at),
     .fallback_doc = "none; required for `nginx`",
     .doc = "For `nginx`: the file that is written, and that its configuration includes. Nothing "
            "else may stand in it.",
     .example = "/etc/nginx/upstreams/web.conf"},
    {.name = "mode",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(mode),
     SCHEMA_WORDS(modes),
     .fallback = "http",
     .doc = "For `nginx`: what kind of upstream it is.",
     .example = "stream"},
    {.name = "test",
     .kind = SCHEMA_STRINGS,
     .offset = TIER_DRAFT(test),
     .at = TIER_DRAFT(tier.nginx.test_at),
     .fallback_doc = "[systemctl, start, loadstar-nginx-test.service]",
     .doc = "For `nginx`: the command that tests the configuration; when it fails the file is put "
            "back, and nothing is reloaded. The default is a unit of contrib/systemd.",
     .example = "[nginx, -t]"},
    {.name = "reload",
     .kind = SCHEMA_STRINGS,
     .offset = TIER_DRAFT(reload),
     .at = TIER_DRAFT(tier.nginx.reload_at),
     .fallback_doc = "[systemctl, reload, nginx]",
     .doc = "For `nginx`: the command that makes it read the file. The default takes the rule of "
            "contrib/polkit.",
     .example = "[nginx, -s, reload]"},
    {.name = "reload_interval",
     .kind = SCHEMA_MS,
     .offset = TIER_DRAFT(tier.nginx.reload_interval_ms),
     .min = 100,
     .max = 3600 * 1000,
     .fallback = "2s",
     .doc = "For `nginx`: at most one reload in this time.",
     .example = "10s"},
    {.name = "cluster",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.envoy.cluster),
     .read = tier_cluster_read,
     .type = "the name of a cluster",
     .fallback_doc = "none; required for `envoy`",
     .doc = "For `envoy`: the cluster's name, or its `service_name` where it has one.",
     .example = "web"},
    {.name = "eds",
     .kind = SCHEMA_MAPPING,
     .sub = &tier_eds_schema,
     .doc = "For `envoy`: how it gets its endpoints.",
     .example = "{file: /var/lib/loadstar/eds/web.json}"},
    {.name = "track_file",
     .kind = SCHEMA_PATH,
     .offset = TIER_DRAFT(tier.file),
     .at = TIER_DRAFT(tier.file_at),
     .fallback_doc = "none; required for `keepalived`",
     .doc = "For `keepalived`: the file that a `track_file` block of it names.",
     .example = "/run/loadstar/web.track"},
    {.name = "weight_when_down",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.keepalived.weight_when_down),
     .read = read_weight_when_down,
     .type = "a whole number from -254 to -1",
     .fallback = "-254",
     .doc = "For `keepalived`: what is written when no member is up, else 0: what the priority "
            "changes by. -254 is a fault of the instance.",
     .example = "-50"},
    {.name = "command",
     .kind = SCHEMA_STRINGS,
     .offset = TIER_DRAFT(command),
     .at = TIER_DRAFT(tier.exec.command_at),
     .fallback_doc = "none; required for `exec`",
     .doc = "For `exec`: the program that gets what is wanted as JSON on its standard input, and "
            "its arguments, run without a shell.",
     .example = "[/usr/local/bin/push, --json]"},
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = TIER_DRAFT(tier.exec.timeout_ms),
     .min = 100,
     .max = 3600 * 1000,
     .fallback = "30s",
     .doc = "For `exec`: a command that takes longer has failed, and is killed.",
     .example = "2m"},
};
const struct schema tier_schema = {
    .title = "tier",
    .doc = "A local balancer whose members are the endpoints of a pool.",
    SCHEMA_KEYS(tier_keys)};
