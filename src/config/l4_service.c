/* SPDX-License-Identifier: Apache-2.0
 * Services of loadstar-l4. Their keys. */
#include "config/l4_draft.h"
#include "config/pool_draft.h"

#define HOUR_MS (3600 * 1000)
#define DAY_MS (24 * HOUR_MS)
#define FLOWS_MAX 10000000
#define IDLE_TCP_MS (5 * 60 * 1000)
#define IDLE_UDP_MS (10 * 1000)

#define SERVICE(member) offsetof(struct l4_service_draft, service.member)
#define DRAFT(member) offsetof(struct l4_service_draft, member)

#define LISTEN_FORMS "ADDRESS:PORT or [IPV6]:PORT"

static const struct schema_word protocols[] = {
    {"tcp", false, "connections"},
    {"udp", true, "datagrams: a flow is what one address and port sends, until it is idle"},
};
static const struct schema_word balances[] = {L4_BALANCES(SCHEMA_WORD_OF)};
static const struct schema_word relays[] = {
    {"auto", L4_RELAY_AUTO, "what is best for each connection, as it goes"},
    {"copy", L4_RELAY_COPY, "read and write"},
    {"splice", L4_RELAY_SPLICE, "bulk moves through pipes, within the kernel; the rest is copied"},
    {"sockhash", L4_RELAY_SOCKHASH,
     "the kernel hands on what goes back and forth (BPF); it takes Linux 6.15, and CAP_BPF, "
     "CAP_NET_ADMIN and CAP_PERFMON at the start; else, and for bulk, as `splice`"},
};
/* The words of tiers' services (IPVS); where the others will live: contrib/adr/0058. */
static const struct schema_word forwards[] = {
    {"proxy", 0, "by a connection, or a flow, of the forwarder's own: answers come back by it"},
    {"dr", 1, NULL},
    {"tunnel", 2, NULL},
};
static const struct schema_word sends[] = {
    {"off", L4_PROXY_NONE, "none: members see the forwarder's address"},
    {"v1", L4_PROXY_V1, "a line of text"},
    {"v2", L4_PROXY_V2, "binary"},
};
static const struct schema_word down_words[] = {
    {"keep", false, "they go on, as long as the member answers"},
    {"reset", true, "they are reset at once"},
};

static void read_listens(struct load *load, const struct yaml_node *node, void *field)
{
    struct l4_service *s = &((struct l4_service_draft *)field)->service;
    struct yaml_items items = yaml_items(&node);
    struct l4_listen *v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    if (items.n == 0)
        load_expected(load, node, "'listen'", "at least one address: %s", LISTEN_FORMS);
    for (uint32_t i = 0; i < items.n; i++) {
        struct l4_listen *l = &v[s->n_listens];
        *l = (struct l4_listen){.span = items.v[i]->span};
        if (listen_read(load, items.v[i], "an item of 'listen'", LISTEN_FORMS, &l->addr, &l->port))
            s->n_listens++;
    }
    s->listens = v;
}

static void read_trusted(struct load *load, const struct yaml_node *node, void *field)
{
    struct l4_service *s = &((struct l4_service_draft *)field)->service;
    struct yaml_items items = yaml_items(&node);
    struct ip_prefix *v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    if (items.n == 0)
        load_expected(load, node, "'trusted'", "at least one network: ADDRESS/LENGTH");
    for (uint32_t i = 0; i < items.n; i++) {
        struct ip_prefix *p = &v[s->n_proxy_trusted];
        if (!prefix_read(load, items.v[i], p))
            continue;
        if (p->len == 0)
            diag_warning(load->diags, items.v[i]->span,
                         "'trusted' has '%s': anyone may say which client a connection is of",
                         items.v[i]->text);
        s->n_proxy_trusted++;
    }
    s->proxy_trusted = v;
}

static const struct schema_key proxy_keys[] = {
    {.name = "send",
     .kind = SCHEMA_WORD,
     .offset = SERVICE(proxy_send),
     SCHEMA_WORDS(sends),
     .fallback = "off",
     .doc = "Which header members get before anything else.",
     .example = "v2"},
    {.name = "accept",
     .kind = SCHEMA_BOOL,
     .offset = SERVICE(proxy_accept),
     .fallback = "false",
     .doc = "Whether clients send a header, of either version: each connection has to begin with "
            "one. What it says of the client counts for limits, logs and `send`.",
     .example = "true"},
    {.name = "trusted",
     .kind = SCHEMA_CUSTOM,
     .read = read_trusted,
     .type = "a network or a list of networks: ADDRESS/LENGTH",
     .fallback_doc = "none; required with `accept: true`",
     .doc = "From where headers are accepted. Connections from elsewhere are closed.",
     .example = "[192.0.2.0/24, \"2001:db8::/48\"]"},
};
static const struct schema proxy_schema = {
    .title = "'proxy_protocol'",
    .doc = "The PROXY protocol, which tells the client's address.",
    SCHEMA_KEYS(proxy_keys)};

static const struct schema_key connect_keys[] = {
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = SERVICE(connect_timeout_ms),
     .min = 10,
     .max = 60 * 1000,
     .fallback = "2s",
     .doc = "How long a member may take to accept a connection.",
     .example = "500ms"},
    {.name = "retries",
     .kind = SCHEMA_U32,
     .offset = SERVICE(connect_retries),
     .max = 10,
     .fallback = "2",
     .doc = "How many other members are tried when one refuses or is too slow: before anything "
            "was sent to it.",
     .example = "3"},
};
static const struct schema connect_schema = {
    .title = "'connect'", .doc = "How members are connected to.", SCHEMA_KEYS(connect_keys)};

static const struct schema_key limits_keys[] = {
    {.name = "connections",
     .kind = SCHEMA_U32,
     .offset = SERVICE(limits.connections),
     .at = SERVICE(limits.connections_at),
     .min = 1,
     .max = FLOWS_MAX,
     .fallback = "100000",
     .doc = "Connections or flows that are open at one time, in all. A connection takes two open "
            "files of the process, a flow of `udp` one: a load is refused when the hard limit of "
            "these "
            "(LimitNOFILE= of systemd) does not allow as many for all services. A flow takes a "
            "local port towards its member besides: 7 of 8 of net.ipv4.ip_local_port_range can be "
            "had to each, and what is beyond that is warned of.",
     .example = "20000"},
    {.name = "per_source",
     .kind = SCHEMA_U32,
     .offset = SERVICE(limits.per_source),
     .max = FLOWS_MAX,
     .fallback = "0",
     .doc = "And of one client: an IPv4 address or an IPv6 /64. 0: as many as of all.",
     .example = "500"},
    {.name = "new_per_second",
     .kind = SCHEMA_U32,
     .offset = SERVICE(limits.new_per_second),
     .max = FLOWS_MAX,
     .fallback = "0",
     .doc = "New ones a second, in all. 0: no limit.",
     .example = "20000"},
    {.name = "per_source_new",
     .kind = SCHEMA_U32,
     .offset = SERVICE(limits.per_source_new),
     .max = FLOWS_MAX,
     .fallback = "0",
     .doc = "New ones a second of one client. 0: no limit.",
     .example = "50"},
};
static const struct schema limits_schema = {
    .title = "'limits'",
    .doc = "How much is taken on. What is beyond is refused at once.",
    SCHEMA_KEYS(limits_keys)};

static const struct schema_key drain_keys[] = {
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = SERVICE(drain_timeout_ms),
     .min = 1000,
     .max = 7 * DAY_MS,
     .fallback = "10m",
     .doc = "How long the connections of a member that is drained may take to end, and all of "
            "them when the forwarder stops or is replaced; then they are closed.",
     .example = "1m"},
};
static const struct schema drain_schema = {
    .title = "'drain'", .doc = "How connections end in time.", SCHEMA_KEYS(drain_keys)};

static const struct schema_key tls_keys[] = {
    {.name = "sni",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = DRAFT(sni),
     .read = node_keep,
     .sub = &l4_sni_schema,
     .type = "a mapping from names of servers to pools",
     .doc = "Which pool a connection goes to, by the name of the server that the client asks for "
            "(SNI). Names are hosts' names; `\"*.NAME\"` stands for those with one label before "
            "NAME that are not listed themselves. The value is the name of a pool, or {pool, site} "
            "as of `members`. A name that is not listed is refused, unless `default` or `members` "
            "say where it goes.",
     .example = "{api.example.com: api-pool, \"*.example.com\": web-backends}"},
};
static const struct schema tls_schema = {.title = "'tls'",
                                         .doc = "TLS that goes through: it ends at the members.",
                                         SCHEMA_KEYS(tls_keys)};

static const struct schema_key service_keys[] = {
    {.name = "listen",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = read_listens,
     .type = "an address or a list of addresses: " LISTEN_FORMS,
     .doc = "Where clients reach the service. `[::]` is every IPv6 address, and no IPv4 one. "
            "Where one service has an address and another one all addresses with the same port, "
            "the former gets what comes to its own.",
     .example = "[\"192.0.2.80:443\", \"[2001:db8::80]:443\"]"},
    {.name = "protocol",
     .kind = SCHEMA_WORD,
     .offset = DRAFT(protocol),
     SCHEMA_WORDS(protocols),
     .fallback = "tcp",
     .doc = "What is forwarded.",
     .example = "udp"},
    {.name = "balance",
     .kind = SCHEMA_WORD,
     .offset = SERVICE(balance),
     SCHEMA_WORDS(balances),
     .fallback_doc = "least_conn; for `udp` maglev",
     .doc = "Which member a new connection or flow goes to, by weight in all cases.",
     .example = "round_robin"},
    {.name = "members",
     .kind = SCHEMA_CUSTOM,
     .offset = DRAFT(members),
     .read = node_keep,
     .sub = &l4_members_schema,
     .type = "{pool: NAME}, or a list of endpoints",
     .fallback_doc = "none; required without `tls`",
     .doc =
         "Who serves: the endpoints of a pool, or those of a list, which are not checked: each an "
         "address with a port, or {address, port, weight}. One without a port has that of "
         "`listen`. The weight is its share relative to the others, 1 if none is given; with 0 "
         "it gets nothing new.",
     .example = "[\"10.0.0.11:8443\", {address: 10.0.0.12, port: 8443, weight: 2}]"},
    {.name = "forward",
     .kind = SCHEMA_WORD,
     .offset = DRAFT(forward),
     SCHEMA_WORDS(forwards),
     .fallback = "proxy",
     .doc = "How what clients send gets to members.",
     .example = "proxy"},
    {.name = "proxy_protocol",
     .kind = SCHEMA_MAPPING,
     .sub = &proxy_schema,
     .doc = "For `tcp`: the PROXY protocol, which tells the client's address.",
     .example = "{send: v2}"},
    {.name = "connect",
     .kind = SCHEMA_MAPPING,
     .sub = &connect_schema,
     .doc = "For `tcp`: how members are connected to.",
     .example = "{timeout: 500ms, retries: 3}"},
    {.name = "idle_timeout",
     .kind = SCHEMA_MS,
     .offset = SERVICE(idle_timeout_ms),
     .min = 1000,
     .max = DAY_MS,
     .fallback_doc = "5m; for `udp` 10s",
     .doc = "A connection or flow on which nothing moves for so long, either way, is closed.",
     .example = "1h"},
    {.name = "limits",
     .kind = SCHEMA_MAPPING,
     .sub = &limits_schema,
     .doc = "How much is taken on. What is beyond is refused at once.",
     .example = "{connections: 20000, per_source: 500}"},
    {.name = "drain",
     .kind = SCHEMA_MAPPING,
     .sub = &drain_schema,
     .doc = "How connections end in time.",
     .example = "{timeout: 1m}"},
    {.name = "on_down",
     .kind = SCHEMA_WORD,
     .offset = DRAFT(on_down),
     SCHEMA_WORDS(down_words),
     .fallback = "keep",
     .doc =
         "For `tcp`: what becomes of a member's connections when it goes down. Flows of `udp` go "
         "to another one.",
     .example = "reset"},
    {.name = "transparent",
     .kind = SCHEMA_BOOL,
     .offset = SERVICE(transparent),
     .fallback = "false",
     .doc = "Whether members see the client's address (IP_TRANSPARENT): what they send back has "
            "to come by this host. Takes CAP_NET_RAW, and addresses of one family on both "
            "sides.",
     .example = "true"},
    {.name = "relay",
     .kind = SCHEMA_WORD,
     .offset = SERVICE(relay),
     SCHEMA_WORDS(relays),
     .fallback = "auto",
     .doc = "For `tcp`: how bytes get from one connection to the other.",
     .example = "copy"},
    {.name = "tls",
     .kind = SCHEMA_MAPPING,
     .sub = &tls_schema,
     .doc = "For `tcp`: TLS that goes through.",
     .example = "{sni: {api.example.com: api-pool, default: web-backends}}"},
};
const struct schema l4_service_schema = {
    .title = "service",
    .doc = "Addresses that clients connect to, and the members that serve them.",
    SCHEMA_KEYS(service_keys)};

/* ---- what follows from several keys ---- */

/* A key that has no effect is a misunderstanding: it is refused, not ignored. */
static void refuse_useless(struct load *load, const struct l4_service_draft *d)
{
    static const char *const of_tcp[] = {"proxy_protocol", "connect", "on_down", "relay", "tls"};
    for (uint32_t i = 0; i < d->node->n && d->protocol; i++)
        for (size_t k = 0; k < ARRAY_LEN(of_tcp); k++)
            if (strcmp(d->node->pairs[i].key->text, of_tcp[k]) == 0)
                diag_error(load->diags, d->node->pairs[i].key->span,
                           "'%s' has no meaning for a service of protocol udp, expected it with "
                           "protocol tcp",
                           of_tcp[k]);
}

static void judge_proxy(struct load *load, const struct l4_service_draft *d)
{
    const struct yaml_node *proxy = yaml_get(d->node, "proxy_protocol");
    if (!proxy || proxy->incomplete || d->service.proxy_accept == (d->service.n_proxy_trusted > 0))
        return;
    if (d->service.proxy_accept)
        diag_error(load->diags, yaml_get(proxy, "accept")->span,
                   "'accept' is true but there is no 'trusted', expected the networks that headers "
                   "may come from");
    else
        diag_error(load->diags, yaml_get(proxy, "trusted")->span,
                   "'trusted' has no meaning without 'accept: true'");
}

void l4_service_judge(struct load *load, const struct l4_service_draft *d)
{
    refuse_useless(load, d);
    judge_proxy(load, d);
    if (!d->members && !yaml_get(d->node, "tls"))
        diag_error(load->diags, d->node->span,
                   "service '%s' has no 'members', expected {pool: NAME}, a list of endpoints, or "
                   "'tls' with 'sni'",
                   d->service.name);
}

void l4_service_settle(struct l4_service_draft *d)
{
    struct l4_service *s = &d->service;
    s->udp = d->protocol;
    s->reset_on_down = d->on_down;
    if (!yaml_get(d->node, "balance"))
        s->balance = s->udp ? L4_MAGLEV : L4_LEAST_CONN;
    if (!s->idle_timeout_ms)
        s->idle_timeout_ms = s->udp ? IDLE_UDP_MS : IDLE_TCP_MS;
}

uint16_t l4_service_port(const struct l4_service *service)
{
    uint16_t port = service->listens[0].port;
    for (uint32_t i = 1; i < service->n_listens; i++)
        if (service->listens[i].port != port)
            return 0;
    return port;
}
