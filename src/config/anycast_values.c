/* SPDX-License-Identifier: Apache-2.0
 * Values that only routes have: prefixes, communities, next hops. */
#include "config/anycast_draft.h"

#include "base/digits.h"
#include "base/file.h"
#include "config/suggest.h"

#include <net/if.h>

/* ---- prefixes ---- */

/** What nobody routes, or everybody has. */
static const struct {
    struct ip_prefix within;
    const char *what;
} unroutable[] = {
    {{{.family = IP_V4, .b = {0}}, 8}, "in 0.0.0.0/8, which no host has"},
    {{{.family = IP_V4, .b = {127}}, 8}, "of the loopback"},
    {{{.family = IP_V4, .b = {224}}, 4}, "of multicast"},
    {{{.family = IP_V4, .b = {240}}, 4}, "in 240.0.0.0/4, which no host has"},
    {{{.family = IP_V6, .b = {0}}, 127}, "of the loopback"},
    {{{.family = IP_V6, .b = {[10] = 0xff, [11] = 0xff}}, 96}, "of IPv4 within IPv6"},
    {{{.family = IP_V6, .b = {0xff}}, 8}, "of multicast"},
    {{{.family = IP_V6, .b = {0xfe, 0x80}}, 10}, "of a link alone"},
};

static bool is_within(const struct ip_prefix *p, const struct ip_prefix *within)
{
    return p->len >= within->len && ip_in_prefix(&p->addr, within);
}

static bool prefix_judge(struct load *load, const struct yaml_node *node, const struct ip_prefix *p)
{
    if (p->len == 0) {
        diag_error(load->diags, node->span,
                   "'%s' is the default route, expected a prefix that this node serves",
                   node->text);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(unroutable); i++) {
        const struct ip_prefix *never = &unroutable[i].within;
        bool is = is_within(p, never);
        if (!is && !is_within(never, p))
            continue;
        diag_error(load->diags, node->span, "prefix '%s' %s %s: it cannot be announced", node->text,
                   is ? "is" : "has addresses", unroutable[i].what);
        return false;
    }
    return true;
}

static bool read_prefix(struct load *load, const struct yaml_node *node, struct ip_prefix *out)
{
    char text[IP_PREFIX_TEXT_MAX];
    int e = node->kind == YAML_SCALAR ? ip_prefix_parse(out, node->text) : E_SYNTAX;
    if (e == 0 && !strchr(node->text, '/'))
        load_expected(load, node, "the prefix", "ADDRESS/LENGTH: %s for this address alone",
                      ip_prefix_text(text, out));
    else if (e == E_RANGE)
        load_expected(load, node, "the prefix", "%s, as bits past its length are set",
                      ip_prefix_text(text, out));
    else if (e)
        load_expected(load, node, "the prefix", "ADDRESS/LENGTH, as 192.0.2.53/32");
    else
        return prefix_judge(load, node, out);
    return false;
}

void anycast_prefixes_read(struct load *load, const struct yaml_node *node, void *set)
{
    struct prefix_set *s = &((struct set_draft *)set)->set;
    struct yaml_items items = yaml_items(&node);
    if (items.n == 0 || items.n > PREFIXES_MAX) {
        diag_error(load->diags, node->span, "'prefixes' has %u items, expected 1 to %d", items.n,
                   PREFIXES_MAX);
        return;
    }
    struct ip_prefix *v = arena_calloc(load->arena, items.n, sizeof *v);
    for (uint32_t i = 0; i < items.n; i++)
        if (read_prefix(load, items.v[i], &v[s->n_prefixes]))
            s->n_prefixes++;
    s->prefixes = v;
}

/* ---- communities ---- */

/* IANA "Border Gateway Protocol (BGP) Well-known Communities". */
static const struct {
    const char *name;
    struct community value;
} well_known[] = {
    {"graceful-shutdown", {65535, 0}}, {"accept-own", {65535, 1}},
    {"llgr-stale", {65535, 6}},        {"no-llgr", {65535, 7}},
    {"blackhole", {65535, 666}},       {"no-export", {65535, 65281}},
    {"no-advertise", {65535, 65282}},  {"no-export-subconfed", {65535, 65283}},
    {"no-peer", {65535, 65284}},
};

static const char *well_known_name(const void *unused, uint32_t i)
{
    (void)unused;
    return well_known[i].name;
}

/* Numbers with colons between them, each at most `max`. */
static bool parse_numbers(const char *text, uint64_t max, uint32_t *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t x;
        const char *colon = strchr(text, ':'), *end = colon ? colon : text + strlen(text);
        if (!colon != (i == n - 1) || !decimal_parse(slice_of(text, (size_t)(end - text)), max, &x))
            return false;
        out[i] = (uint32_t)x;
        text = end + 1;
    }
    return true;
}

static bool read_community(struct load *load, const struct yaml_node *node, struct community *out)
{
    static const char expected[] = "HIGH:LOW in quotes, two numbers from 0 to 65535, or the name "
                                   "of a well-known community";
    const char *text = schema_scalar(load, node, "a community", expected);
    uint32_t v[2];
    if (!text)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(well_known); i++)
        if (strcmp(well_known[i].name, text) == 0) {
            *out = well_known[i].value;
            return true;
        }
    if (parse_numbers(text, UINT16_MAX, v, 2)) {
        *out = (struct community){(uint16_t)v[0], (uint16_t)v[1]};
        return true;
    }
    if (strchr(text, ':') || is_digit((uint8_t)text[0]))
        load_expected(load, node, "a community", "%s%s", expected,
                      parse_numbers(text, UINT32_MAX, (uint32_t[3]){0}, 3)
                          ? ": three numbers are a large community"
                          : "");
    else
        diag_error(load->diags, node->span, "unknown community '%s'%s", text,
                   suggest(load->scratch, text, well_known_name, NULL, ARRAY_LEN(well_known)));
    return false;
}

/* What nobody means to announce with. */
static void lint_community(struct load *load, const struct yaml_node *node, struct community c)
{
    if (c.high == 65535 && c.low == 666)
        diag_warning(load->diags, node->span,
                     "community '%s' asks others to drop what is sent here (RFC 7999)", node->text);
    else if (c.high == 65535 && c.low == 0)
        diag_warning(load->diags, node->span,
                     "community '%s' is added when the set is drained: always there, others never "
                     "prefer this way, and draining changes nothing",
                     node->text);
}

static uint32_t read_communities(struct load *load, const struct yaml_node *node,
                                 const struct community **out)
{
    struct yaml_items items = yaml_items(&node);
    struct community *v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    uint32_t n = 0;
    if (items.n > COMMUNITIES_MAX) {
        diag_error(load->diags, node->span, "'communities' has %u items, expected at most %d",
                   items.n, COMMUNITIES_MAX);
        return 0;
    }
    for (uint32_t i = 0; i < items.n; i++) {
        if (!read_community(load, items.v[i], &v[n]))
            continue;
        lint_community(load, items.v[i], v[n]);
        n++;
        for (uint32_t k = 0; k + 1 < n; k++)
            if (community_equal(v[k], v[n - 1])) {
                diag_error(load->diags, items.v[i]->span, "community '%s' is listed twice",
                           items.v[i]->text);
                n--;
                break;
            }
    }
    *out = v;
    return n;
}

void set_communities_read(struct load *load, const struct yaml_node *node, void *set)
{
    struct prefix_set *s = &((struct set_draft *)set)->set;
    s->n_communities = read_communities(load, node, &s->communities);
}

void degraded_communities_read(struct load *load, const struct yaml_node *node, void *attributes)
{
    struct anycast_attributes *a = attributes;
    a->n_communities = read_communities(load, node, &a->communities);
}

void large_communities_read(struct load *load, const struct yaml_node *node, void *set)
{
    static const char expected[] = "A:B:C in quotes, three numbers from 0 to 4294967295";
    struct prefix_set *s = &((struct set_draft *)set)->set;
    struct yaml_items items = yaml_items(&node);
    struct large_community *v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    if (items.n > COMMUNITIES_MAX) {
        diag_error(load->diags, node->span, "'large_communities' has %u items, expected at most %d",
                   items.n, COMMUNITIES_MAX);
        return;
    }
    for (uint32_t i = 0; i < items.n; i++) {
        const char *text = schema_scalar(load, items.v[i], "a large community", expected);
        if (!text)
            continue;
        if (!parse_numbers(text, UINT32_MAX, v[s->n_large_communities].v, 3)) {
            load_expected(load, items.v[i], "a large community", "%s", expected);
            continue;
        }
        bool twice = false;
        for (uint32_t k = 0; k < s->n_large_communities; k++)
            twice |= large_community_equal(&v[k], &v[s->n_large_communities]);
        if (twice)
            diag_error(load->diags, items.v[i]->span, "large community '%s' is listed twice", text);
        else
            s->n_large_communities++;
    }
    s->large_communities = v;
}

/* ---- next hops and numbers ---- */

/* An address, or one of each family. */
static void read_next_hops(struct load *load, const struct yaml_node *node, struct ip *v4,
                           struct ip *v6, const char *expected)
{
    struct yaml_items items = yaml_items(&node);
    if (items.n == 0 || items.n > 2) {
        load_expected(load, node, "'next_hop'", "%s", expected);
        return;
    }
    for (uint32_t i = 0; i < items.n; i++) {
        const struct yaml_node *item = items.v[i];
        struct ip ip;
        if (item->kind != YAML_SCALAR || ip_parse(&ip, item->text) != 0) {
            load_expected(load, item, "'next_hop'", "%s", expected);
            continue;
        }
        struct ip_prefix host = {ip, (uint8_t)ip_bits(&ip)};
        struct ip *to = ip.family == IP_V4 ? v4 : v6;
        if (to->family)
            diag_error(load->diags, item->span,
                       "'next_hop' has two IPv%d addresses, expected one of each family",
                       ip.family);
        for (size_t k = 0; k < ARRAY_LEN(unroutable); k++)
            if (is_within(&host, &unroutable[k].within)) {
                diag_error(load->diags, item->span,
                           "'next_hop' '%s' is %s: routers cannot reach it", item->text,
                           unroutable[k].what);
                break;
            }
        *to = ip;
    }
}

void set_next_hop_read(struct load *load, const struct yaml_node *node, void *set)
{
    struct prefix_set *s = &((struct set_draft *)set)->set;
    s->next_hop_self = node->kind == YAML_SCALAR && strcmp(node->text, "self") == 0;
    if (!s->next_hop_self)
        read_next_hops(load, node, &s->next_hop_v4, &s->next_hop_v6,
                       "self, an address, or a list of an IPv4 and an IPv6 address");
}

void speaker_next_hop_read(struct load *load, const struct yaml_node *node, void *draft)
{
    struct speaker *s = &((struct speaker_draft *)draft)->speaker;
    read_next_hops(load, node, &s->next_hop_v4, &s->next_hop_v6,
                   "an address, or a list of an IPv4 and an IPv6 address");
}

void as_number_read(struct load *load, const struct yaml_node *node, void *as)
{
    static const char expected[] = "the number of an AS, from 1 to 4294967294";
    const char *text = schema_scalar(load, node, "'as'", expected);
    uint64_t n = 0;
    if (!text)
        return;
    /* RFC 7607: 0; RFC 4893: 23456 stands for others; RFC 7300: the last of each size. */
    if (!decimal_parse(slice_str(text), UINT32_MAX - 1, &n) || n == 0)
        load_expected(load, node, "'as'", "%s", expected);
    else if (n == 23456 || n == 65535)
        diag_error(load->diags, node->span, "'as' is %s, which is reserved, expected %s", text,
                   expected);
    *(uint32_t *)as = (uint32_t)n;
}

void interface_read(struct load *load, const struct yaml_node *node, void *name)
{
    static const char expected[] = "the name of a network interface";
    const char *text = schema_scalar(load, node, "'interface'", expected);
    if (!text)
        return;
    /* dev_valid_name() in the kernel's net/core/dev.c; controls would go into messages. */
    bool usable = strlen(text) < IFNAMSIZ && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    for (const char *c = text; *c; c++)
        usable &= *c > ' ' && *c < 0x7f && !strchr("/:", *c);
    if (!usable)
        load_expected(load, node, "'interface'", "%s: at most %d characters, no '/', ':' or space",
                      expected, IFNAMSIZ - 1);
    *(const char **)name = arena_strdup(load->arena, text);
}

const char *const *command_of(struct load *load, const struct yaml_node *node,
                              struct str_list words)
{
    if (!words.n)
        return NULL;
    const char **argv = arena_calloc(load->arena, (size_t)words.n + 1, sizeof *argv);
    for (uint32_t i = 0; i < words.n; i++)
        argv[i] = words.v[i];
    if (argv[0] && strchr(argv[0], '/'))
        argv[0] = file_resolve(load->arena, node->span.file, argv[0]);
    return argv;
}
