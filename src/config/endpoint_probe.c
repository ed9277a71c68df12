/* SPDX-License-Identifier: Apache-2.0
 * What is probed of an endpoint, where that is not what is answered. */
#include "config/endpoint_probe.h"

#include <stddef.h>

#define ENDPOINT(member) offsetof(struct endpoint, member)

/* Kinds of addresses that nobody can reach a service at. */
static const struct {
    struct ip_prefix within;
    const char *what;
} unreachable[] = {
    {{{.family = IP_V4, .b = {0}}, 8}, "an address of 0.0.0.0/8, which no host has"},
    {{{.family = IP_V4, .b = {224}}, 4}, "a multicast address"},
    {{{.family = IP_V4, .b = {255, 255, 255, 255}}, 32}, "the broadcast address"},
    {{{.family = IP_V4, .b = {240}}, 4}, "an address of 240.0.0.0/4, which no host has"},
    {{{.family = IP_V6, .b = {0}}, 128}, "the address of no host"},
    {{{.family = IP_V6, .b = {0xff}}, 8}, "a multicast address"},
    {{{.family = IP_V6, .b = {0xfe, 0x80}}, 10},
     "a link-local address, which means nothing away from its own link"},
};

/* An IPv4 address written as IPv6 (::ffff:192.0.2.1): resolvers would get an AAAA that routes
 * nowhere. */
static bool is_mapped(const struct ip *ip, struct ip *v4)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (ip->family != IP_V6 || memcmp(ip->b, prefix, sizeof prefix) != 0)
        return false;
    *v4 = (struct ip){.family = IP_V4};
    memcpy(v4->b, ip->b + sizeof prefix, 4);
    return true;
}

void address_warn_unreachable(struct load *load, const struct yaml_node *node, const struct ip *ip,
                              const char *what)
{
    char text[IP_TEXT_MAX];
    struct ip v4;
    if (is_mapped(ip, &v4)) {
        diag_warning(load->diags, node->span,
                     "%s '%s' is an IPv4 address written as IPv6, which no client can reach: "
                     "expected %s",
                     what, node->text, ip_text(text, &v4));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(unreachable); i++) {
        if (!ip_in_prefix(ip, &unreachable[i].within))
            continue;
        diag_warning(load->diags, node->span, "%s '%s' is %s: expected the address of a server",
                     what, node->text, unreachable[i].what);
        return;
    }
}

static void read_probe_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct ip ip = {0};
    if (node->kind != YAML_SCALAR || ip_parse(&ip, node->text) != 0) {
        load_expected(load, node, "'address' of 'probe'",
                      "an IPv4 or IPv6 address (IPv6 in quotes): names are not looked up");
        return;
    }
    address_warn_unreachable(load, node, &ip, "probed address");
    *(struct ip *)field = ip;
}

static const struct schema_key probe_keys[] = {
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .offset = ENDPOINT(probe.addr),
     .read = read_probe_address,
     .type = "an IPv4 or IPv6 address",
     .fallback_doc = "the endpoint's `address`",
     .doc = "The address that checks probe. Endpoints with the same one share the probes of a "
            "check. With it a `cname` can be probed by any type.",
     .example = "10.0.0.12"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = ENDPOINT(probe.port),
     .min = 1,
     .max = 65535,
     .fallback_doc = "the endpoint's `port`, or the check's",
     .doc = "The port that checks probe.",
     .example = "8080"},
};
const struct schema probe_schema = {.title = "'probe'",
                                    .doc = "What checks probe instead of what is answered.",
                                    SCHEMA_KEYS(probe_keys)};

static bool is_loopback(const struct ip *ip)
{
    static const struct ip_prefix v4 = {{.family = IP_V4, .b = {127}}, 8},
                                  v6 = {{.family = IP_V6, .b = {[15] = 1}}, 128};
    return ip_in_prefix(ip, &v4) || ip_in_prefix(ip, &v6);
}

/* What is allowed, and hardly meant. */
static void lint_probe_address(struct load *load, const struct yaml_node *node,
                               const struct endpoint *e)
{
    const struct ip *to = &e->probe.addr;
    if (e->addr.family && memcmp(&e->addr, to, sizeof *to) == 0)
        diag_warning(load->diags, node->span,
                     "'address' of 'probe' is the one that is answered, which is probed anyway: "
                     "expected another, or none");
    else if (e->addr.family && e->addr.family != to->family)
        diag_warning(load->diags, node->span,
                     "'address' of 'probe' is IPv%d, but the endpoint is IPv%d: clients take a way "
                     "that is not probed",
                     to->family == IP_V4 ? 4 : 6, e->addr.family == IP_V4 ? 4 : 6);
    else if (is_loopback(to) && !is_loopback(&e->addr))
        diag_warning(load->diags, node->span,
                     "'address' of 'probe' is of this host itself: expected one of the endpoint's "
                     "machine");
}

void probe_judge(struct load *load, const struct yaml_node *node, const struct endpoint *e)
{
    const struct yaml_node *probe = yaml_get(node, "probe");
    if (!probe || probe->kind != YAML_MAP)
        return;
    const struct yaml_node *address = yaml_get(probe, "address");
    if (probe->n == 0 && !probe->incomplete)
        diag_error(load->diags, probe->span,
                   "'probe' says nothing, expected 'address', 'port' or both");
    if (address && e->probe.addr.family)
        lint_probe_address(load, address, e);
}
