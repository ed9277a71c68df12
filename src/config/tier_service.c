/* SPDX-License-Identifier: Apache-2.0
 * Where clients reach a tier, and how its packets reach members: what IPVS is told. */
#include "config/tier_draft.h"

#include "config/suggest.h"

#include <linux/ip_vs.h>

#define PERSISTENCE_MAX_S (31 * 24 * 3600) /* as of ipvsadm(8) */

static const struct schema_word protocols[] = {
    {"tcp", TIER_TCP, "TCP"},
    {"udp", TIER_UDP, "UDP"},
    {"sctp", TIER_SCTP, "SCTP"},
};
static const struct schema_word families[] = {
    {"ipv4", IP_V4, "IPv4"},
    {"ipv6", IP_V6, "IPv6"},
};

/* net/netfilter/ipvs/ip_vs_*.c of Linux 6.12; others may come as modules. */
static const char *const schedulers[] = {"rr",    "wrr", "lc", "wlc", "fo",  "ovf", "lblc",
                                         "lblcr", "dh",  "sh", "mh",  "sed", "nq",  "twos"};

static const char *scheduler_name(const void *names, uint32_t i)
{
    return ((const char *const *)names)[i];
}

static void read_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct ip ip = {0};
    if (node->kind != YAML_SCALAR || ip_parse(&ip, node->text) != 0) {
        load_expected(load, node, "'address' of 'service'",
                      "an IPv4 or IPv6 address (IPv6 in quotes)");
        return;
    }
    static const uint8_t zero[16];
    const char *why = memcmp(ip.b, zero, sizeof zero) == 0
                          ? "every address of this host, expected one of them"
                          : listen_unusable(load->scratch, &ip);
    if (why)
        diag_error(load->diags, node->span, "'address' of 'service' is '%s': %s", node->text, why);
    *(struct ip *)field = ip;
}

static void read_scheduler(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "the name of a scheduler of IPVS, as wlc";
    static const char usable[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *text = schema_scalar(load, node, "'scheduler'", expected);
    if (!text)
        return;
    if (strlen(text) >= IP_VS_SCHEDNAME_MAXLEN || text[strspn(text, usable)]) {
        load_expected(load, node, "'scheduler'", "%s: at most %d letters", expected,
                      IP_VS_SCHEDNAME_MAXLEN - 1);
        return;
    }
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(schedulers); i++)
        known |= strcmp(schedulers[i], text) == 0;
    if (!known)
        diag_warning(load->diags, node->span, "no scheduler '%s' is known of Linux%s", text,
                     suggest(load->scratch, text, scheduler_name, schedulers,
                             ARRAY_LEN(schedulers)));
    *(const char **)field = arena_strdup(load->arena, text);
}

struct persistence_form {
    uint32_t timeout_s;
    uint16_t prefix;
};

static const struct schema_key persistence_keys[] = {
    {.name = "timeout",
     .kind = SCHEMA_SECONDS,
     .required = true,
     .offset = offsetof(struct persistence_form, timeout_s),
     .min = 1,
     .max = PERSISTENCE_MAX_S,
     .doc = "How long a client that has no connection any more comes to the same member.",
     .example = "5m"},
    {.name = "prefix",
     .kind = SCHEMA_U16,
     .offset = offsetof(struct persistence_form, prefix),
     .min = 1,
     .max = 128,
     .fallback_doc = "32 or 128: each address by itself",
     .doc = "The length of the prefix whose addresses are one client.",
     .example = "24"},
};
static const struct schema persistence_schema = {.title = "'persistence'",
                                                 .doc = "Clients that come to the same member.",
                                                 SCHEMA_KEYS(persistence_keys)};
static const struct schema_key persistence_value = {
    .name = "persistence", .kind = SCHEMA_SECONDS, .min = 1, .max = PERSISTENCE_MAX_S};

static void read_persistence(struct load *load, const struct yaml_node *node, void *field)
{
    struct tier_draft *d = field;
    struct persistence_form form = {0};
    if (node->kind == YAML_MAP)
        schema_read(load, &persistence_schema, node, &form);
    else
        schema_read_value(load, &persistence_value, node, &form.timeout_s);
    d->tier.service.persistence_s = form.timeout_s;
    d->persistence_len = (uint8_t)form.prefix;
}

static const struct schema_key service_keys[] = {
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.service.addr),
     .read = read_address,
     .type = "an IPv4 or IPv6 address",
     .fallback_doc = "none; `ipvs` takes it or `fwmark`",
     .doc = "The address that clients come to.",
     .example = "192.0.2.80"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = TIER_DRAFT(tier.service.port),
     .min = 0,
     .max = 65535,
     .fallback_doc = "none; required with `address`",
     .doc = "The port that clients come to, and that of members which have none. 0: all ports of "
            "the address, which takes `persistence`.",
     .example = "443"},
    {.name = "fwmark",
     .kind = SCHEMA_U32,
     .offset = TIER_DRAFT(tier.service.fwmark),
     .min = 1,
     .max = UINT32_MAX,
     .fallback_doc = "none: by `address`",
     .doc = "For `ipvs`: the service is of all packets that the firewall has marked so, instead of "
            "an address.",
     .example = "10"},
    {.name = "family",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(family),
     SCHEMA_WORDS(families),
     .fallback_doc = "that of the first member",
     .doc = "For `ipvs` with `fwmark`: which family the marked packets are of.",
     .example = "ipv6"},
    {.name = "protocol",
     .kind = SCHEMA_WORD,
     .offset = TIER_DRAFT(tier.service.protocol),
     SCHEMA_WORDS(protocols),
     .fallback = "tcp",
     .doc = "For `ipvs` with `address`: the protocol.",
     .example = "udp"},
    {.name = "scheduler",
     .kind = SCHEMA_CUSTOM,
     .offset = TIER_DRAFT(tier.service.scheduler),
     .read = read_scheduler,
     .type = "the name of a scheduler",
     .fallback = "wlc",
     .doc = "For `ipvs`: how a member is chosen: `rr` `wrr` `lc` `wlc` `fo` `ovf` `lblc` `lblcr` "
            "`dh` `sh` `mh` `sed` `nq` `twos`, or that of another module of the kernel.",
     .example = "mh"},
    {.name = "persistence",
     .kind = SCHEMA_CUSTOM,
     .read = read_persistence,
     .sub = &persistence_schema,
     .type = "a duration in whole seconds, or {timeout, prefix}",
     .fallback_doc = "none",
     .doc = "For `ipvs`: how long a client that has no connection any more comes to the same "
            "member.",
     .example = "5m"},
};
const struct schema tier_service_schema = {
    .title = "'service'", .doc = "Where clients reach the tier.", SCHEMA_KEYS(service_keys)};

#define PATH(member) offsetof(struct tier_path, member)

static const struct schema_word forward_words[] = {{"nat", TIER_FORWARD_NAT, ""},
                                                   {"dr", TIER_FORWARD_DR, ""},
                                                   {"tunnel", TIER_FORWARD_TUNNEL, ""}};
static const struct schema_key forward_word = {.name = "forward",
                                               .kind = SCHEMA_WORD,
                                               .offset = PATH(forward),
                                               SCHEMA_WORDS(forward_words),
                                               .type = FORWARD_FORMS};
static const struct schema_word tunnels[] = {
    {"ipip", TIER_TUNNEL_IPIP, "IP in IP"},
    {"gre", TIER_TUNNEL_GRE, "GRE (RFC 2784)"},
    {"gue", TIER_TUNNEL_GUE, "Generic UDP Encapsulation, to a port"},
};
static const struct schema_key forward_keys[] = {
    {.name = "tunnel",
     .kind = SCHEMA_WORD,
     .required = true,
     .offset = PATH(tunnel),
     SCHEMA_WORDS(tunnels),
     .doc = "What packets are put into. Linux 5.3 and later for others than `ipip`.",
     .example = "gue"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = PATH(tunnel_port),
     .min = 1,
     .max = 65535,
     .fallback_doc = "none; required for `gue`",
     .doc = "For `gue`: the UDP port that members decapsulate at.",
     .example = "6080"},
};
const struct schema tier_forward_schema = {
    .title = "'forward'",
    .doc = "Besides the words `nat`, `dr` and `tunnel` (`ipip`):",
    SCHEMA_KEYS(forward_keys)};

void tier_forward_read(struct load *load, const struct yaml_node *node, void *field)
{
    struct tier_path *path = field;
    if (node->kind != YAML_MAP) {
        schema_read_value(load, &forward_word, node, &path->forward);
        return;
    }
    unsigned errors = load->diags->n_errors;
    schema_read(load, &tier_forward_schema, node, path);
    path->forward = TIER_FORWARD_TUNNEL;
    if (load->diags->n_errors != errors)
        return;
    const struct yaml_node *port = yaml_get(node, "port");
    if (path->tunnel == TIER_TUNNEL_GUE && !port)
        diag_error(load->diags, node->span,
                   "'forward' by gue has no 'port', expected the UDP port that members "
                   "decapsulate at, as {tunnel: gue, port: 6080}");
    else if (path->tunnel != TIER_TUNNEL_GUE && port)
        diag_error(load->diags, port->span,
                   "'port' has no meaning for tunnel %s, expected it with gue",
                   yaml_get(node, "tunnel")->text);
}

static const struct schema_key thresholds_keys[] = {
    {.name = "upper",
     .kind = SCHEMA_U32,
     .required = true,
     .offset = PATH(upper),
     .min = 1,
     .max = UINT32_MAX,
     .doc = "A member with this many connections gets no new ones.",
     .example = "1000"},
    {.name = "lower",
     .kind = SCHEMA_U32,
     .offset = PATH(lower),
     .min = 1,
     .max = UINT32_MAX,
     .fallback_doc = "three quarters of `upper`",
     .doc = "With fewer than this it does again.",
     .example = "800"},
};
const struct schema tier_thresholds_schema = {.title = "'thresholds'",
                                              .doc = "Bounds of the connections of each member.",
                                              SCHEMA_KEYS(thresholds_keys)};

void tier_thresholds_read(struct load *load, const struct yaml_node *node, void *field)
{
    struct tier_path *path = field;
    unsigned errors = load->diags->n_errors;
    schema_read(load, &tier_thresholds_schema, node, path);
    if (load->diags->n_errors == errors && path->lower && path->lower >= path->upper)
        load_expected(load, yaml_get(node, "lower"), "'lower'", "less than 'upper', %u",
                      path->upper);
}
