/* SPDX-License-Identifier: Apache-2.0
 * Endpoints: addresses or CNAME targets of one pool in one site. */
#include "config/endpoints.h"

#include "base/strmap.h"
#include "config/endpoint_probe.h"
#include "config/parts.h"
#include "config/zone_slips.h"
#include "dns/name.h"

#include <stddef.h>

#define ENDPOINT(member) offsetof(struct endpoint, member)

static void read_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct ip ip = {0};
    if (node->kind != YAML_SCALAR || ip_parse(&ip, node->text) != 0) {
        load_expected(load, node, "the endpoint",
                      "an IPv4 or IPv6 address (IPv6 in quotes), or {address: ..., weight: ...}");
        return;
    }
    address_warn_unreachable(load, node, &ip, "endpoint");
    *(struct ip *)field = ip;
}

static void read_cname(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'cname'", "a domain name");
    uint8_t wire[NAME_WIRE_MAX];
    if (!text)
        return;
    int n = name_from_text(wire, text, node->n, slice_of("", 1));
    if (n < 2) {
        load_expected(load, node, "'cname'", "a domain name, as edge.cdn.example.net");
        return;
    }
    struct slice name = slice_of(wire, (size_t)n);
    slips_unicode_name(load, node->span, slice_of(text, node->n), name);
    name_lower(wire, name);
    *(struct slice *)field = slice_of(arena_copy(load->arena, wire, name.n), name.n);
}

static void read_name(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind != YAML_SCALAR || !name_is_usable(node->text))
        load_expected(load, node, "'name'", "1 to 63 letters, digits, '-', '_' or '.'");
    else
        *(const char **)field = arena_strdup(load->arena, node->text);
}

static void read_own_checks(struct load *load, const struct yaml_node *node, void *field)
{
    struct endpoint *e = field;
    e->own_checks = true;
    checks_list_read(load, node, &e->checks);
}

static const struct schema_key endpoint_keys[] = {
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .offset = ENDPOINT(addr),
     .read = read_address,
     .type = "an IPv4 or IPv6 address",
     .fallback_doc = "none; this or `cname` is required",
     .doc = "The address that is answered, and probed unless `probe` has another.",
     .example = "192.0.2.12"},
    {.name = "cname",
     .kind = SCHEMA_CUSTOM,
     .offset = ENDPOINT(cname),
     .read = read_cname,
     .type = "a domain name",
     .fallback_doc = "none; this or `address` is required",
     .doc = "The name that is answered as CNAME; absolute, with or without a final dot.",
     .example = "edge.eu.cdn.example.net"},
    {.name = "weight",
     .kind = SCHEMA_U32,
     .offset = ENDPOINT(weight),
     .min = 0,
     .max = WEIGHT_MAX,
     .fallback = "1",
     .doc = "The endpoint's share relative to the others of its site. With 0 it never serves.",
     .example = "10"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = ENDPOINT(port),
     .min = 1,
     .max = 65535,
     .fallback_doc = "none: the check's port",
     .doc = "The port that the service has here, and that checks probe instead of their own.",
     .example = "9090"},
    {.name = "seed",
     .kind = SCHEMA_TEXT,
     .offset = ENDPOINT(seed),
     .fallback_doc = "the address, or the target of `cname`",
     .doc =
         "For `pick: sticky`: what clients are assigned by. An endpoint keeps its clients as long "
         "as this stays, whatever its name, site and weight; one that gets another address does by "
         "the old one as seed. Unique within the pool, for each family.",
     .example = "web7"},
    {.name = "name",
     .kind = SCHEMA_CUSTOM,
     .offset = ENDPOINT(name),
     .read = read_name,
     .type = "1 to 63 letters, digits, '-', '_' or '.'",
     .fallback_doc = "none: it goes by its address",
     .doc = "What the endpoint is called in commands and output; unique within pool and site, but "
            "for the A and the AAAA endpoint of one machine: commands for the name are then about "
            "both, and the second goes by its address in output.",
     .example = "web7"},
    {.name = "probe",
     .kind = SCHEMA_MAPPING,
     .sub = &probe_schema,
     .doc = "What checks probe, where that is not what is answered: an address behind a load "
            "balancer, the machine behind a name.",
     .example = "{address: 10.0.0.12, port: 8080}"},
    {.name = "checks",
     .kind = SCHEMA_CUSTOM,
     .read = read_own_checks,
     .type = "a list of names of checks",
     .fallback_doc = "the pool's",
     .doc = "How this endpoint is probed, instead of the pool's `checks`; with an empty list it is "
            "not, and always up.",
     .example = "[slow]"},
};
const struct schema endpoint_schema = {
    .title = "endpoint",
    .doc = "One address or one CNAME target, in one site of one pool.",
    SCHEMA_KEYS(endpoint_keys)};

/* The CNAME as text without the final dot, the address, or the operator's name. */
static const char *label(struct load *load, const struct endpoint *e)
{
    char text[NAME_TEXT_MAX];
    if (e->name)
        return e->name;
    if (e->addr.family)
        return arena_strdup(load->arena, ip_text(text, &e->addr));
    if (!e->cname.n)
        return NULL;
    name_to_text(text, e->cname);
    return arena_strndup(load->arena, text, strlen(text) - 1);
}

static void read_one(struct load *load, const struct yaml_node *node, struct endpoint *e)
{
    if (node->kind != YAML_MAP) {
        e->weight = WEIGHT_DEFAULT;
        read_address(load, node, &e->addr);
        return;
    }
    schema_read(load, &endpoint_schema, node, e);
    probe_judge(load, node, e);
    const struct yaml_node *address = yaml_get(node, "address"), *cname = yaml_get(node, "cname");
    if (address && cname)
        diag_error(load->diags, node->span,
                   "endpoint has 'address' and 'cname', expected one of them");
    else if (!address && !cname)
        diag_error(load->diags, node->span,
                   "endpoint has no 'address', expected an address, or 'cname' with a name");
}

/** The endpoints of one site so far, by what must not come twice. */
struct site_names {
    struct strmap targets, labels; /* -> index in load->endpoints */
    struct strmap shared;          /* names: -> the second that has it */
};

/* What makes two endpoints the same one: address and port, or the target. */
static struct slice identity(struct load *load, const struct endpoint *e)
{
    struct {
        struct ip addr;
        uint8_t port[2];
    } key = {e->addr, {(uint8_t)(e->port >> 8), (uint8_t)e->port}};
    if (e->cname.n)
        return e->cname;
    return slice_of(arena_copy(load->scratch, &key, sizeof key), sizeof key);
}

/* Whether the name says that both are one machine: its A and its AAAA. The first goes by the name
 * alone, the second by its address. */
static bool shares_name(struct load *load, struct site_names *names, uint32_t first, uint32_t index)
{
    const struct endpoint *o = &load->endpoints.v[first];
    struct endpoint *e = &load->endpoints.v[index];
    char text[IP_TEXT_MAX];
    if (!o->name || !e->name || !o->addr.family || !e->addr.family ||
        o->addr.family == e->addr.family ||
        strmap_add(&names->shared, slice_str(e->name), index) != index)
        return false;
    e->label = arena_strdup(load->arena, ip_text(text, &e->addr));
    return strmap_add(&names->labels, slice_str(e->label), index) == index;
}

/* The endpoint `index` is the last; one before it in the same site must not be the same one. */
static void refuse_repeated(struct load *load, struct site_names *names, uint32_t index)
{
    const struct endpoint *e = &load->endpoints.v[index], *o;
    if (!e->label)
        return;
    uint32_t target = strmap_add(&names->targets, identity(load, e), index);
    uint32_t named = strmap_add(&names->labels, slice_str(e->label), index);
    if (target != index) {
        o = &load->endpoints.v[target];
        diag_error(load->diags, e->span,
                   "endpoint '%s' is in this site twice, first at line %u, column %u", e->label,
                   o->span.line, o->span.column);
    } else if (named != index && !shares_name(load, names, named, index)) {
        o = &load->endpoints.v[named];
        diag_error(load->diags, e->span,
                   "two endpoints of this site are called '%s', expected a 'name' that tells this "
                   "one from that at line %u, column %u",
                   e->name ? e->name : e->label, o->span.line, o->span.column);
    } else {
        return;
    }
    diag_also(load->diags, o->span, "first given here");
}

uint32_t endpoints_read(struct load *load, const struct yaml_node *node, uint32_t pool,
                        uint32_t site)
{
    struct yaml_items items = yaml_items(&node);
    struct site_names names = {0};
    if (items.n == 0 || yaml_is_empty(node)) {
        diag_error(load->diags, node->span, "site '%s' has no endpoints, expected a list of them",
                   load->sites.v[site].name);
        return 0;
    }
    for (uint32_t i = 0; i < items.n; i++) {
        struct endpoint *e = vec_push(&load->endpoints);
        *e = (struct endpoint){.span = items.v[i]->span, .pool = pool, .site = site};
        read_one(load, items.v[i], e);
        e->label = label(load, e);
        refuse_repeated(load, &names, (uint32_t)load->endpoints.n - 1);
    }
    strmap_free(&names.targets);
    strmap_free(&names.labels);
    strmap_free(&names.shared);
    return items.n;
}
