/* SPDX-License-Identifier: Apache-2.0
 * The key `self`: what is asked of this server itself. */
#include "config/anycast_draft.h"

#include "dns/name.h"
#include "dns/rr_type.h"
#include "dns/types.h"

#define SET(member) offsetof(struct prefix_set, member)

static void read_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct ip ip = {0};
    if (node->kind != YAML_SCALAR || ip_parse(&ip, node->text) != 0)
        load_expected(load, node, "'address' of 'self'",
                      "an IPv4 or IPv6 address (IPv6 in quotes) within the prefixes");
    *(struct ip *)field = ip;
}

static void read_name(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "a domain name, as example.com";
    const char *text = schema_scalar(load, node, "'name' of 'self'", expected);
    uint8_t wire[NAME_WIRE_MAX];
    if (!text)
        return;
    int n = name_from_text(wire, text, node->n, slice_of("", 1));
    if (n < 1) {
        load_expected(load, node, "'name' of 'self'", "%s", expected);
        return;
    }
    name_lower(wire, slice_of(wire, (size_t)n));
    *(struct slice *)field = slice_of(arena_copy(load->arena, wire, (size_t)n), (size_t)n);
}

/* Those that are no data are never answered as such. */
static bool is_asked(int type)
{
    return type > 0 && type != TYPE_OPT && !(type >= TYPE_TSIG - 1 && type <= TYPE_ANY);
}

static void read_type(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "a type of records, as SOA";
    const char *text = schema_scalar(load, node, "'type' of 'self'", expected);
    int type = text ? rr_type_from_text(text, node->n) : -1;
    if (text && !is_asked(type))
        load_expected(load, node, "'type' of 'self'", "%s", expected);
    else if (text)
        *(uint16_t *)field = (uint16_t)type;
}

static const struct schema_key self_keys[] = {
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .offset = SET(self.addr),
     .read = read_address,
     .type = "an IPv4 or IPv6 address",
     .fallback_doc = "the first of `listen` within the prefixes; where that is every address, that "
                     "of the first /32 or /128",
     .doc = "The address that is asked.",
     .example = "192.0.2.53"},
    {.name = "name",
     .kind = SCHEMA_CUSTOM,
     .offset = SET(self.name),
     .read = read_name,
     .type = "a domain name",
     .fallback_doc = "that of the first zone",
     .doc = "The name whose records are asked for.",
     .example = "example.com"},
    {.name = "type",
     .kind = SCHEMA_CUSTOM,
     .offset = SET(self.type),
     .read = read_type,
     .type = "a type of records",
     .fallback = "SOA",
     .doc = "Their type.",
     .example = "A"},
};
const struct schema anycast_self_schema = {
    .title = "'self'",
    .doc = "Besides `true` (as below by default) and `false` (not asked: also prefixes that this "
           "server does not serve by DNS):",
    SCHEMA_KEYS(self_keys)};

void anycast_self_read(struct load *load, const struct yaml_node *node, void *set)
{
    static const struct schema_key key = {.name = "self", .kind = SCHEMA_BOOL};
    struct prefix_set *s = &((struct set_draft *)set)->set;
    bool on = true;
    s->self.type = TYPE_SOA;
    if (node->kind == YAML_MAP)
        schema_read(load, &anycast_self_schema, node, s);
    else
        schema_read_value(load, &key, node, &on);
    s->self.off = !on;
}
