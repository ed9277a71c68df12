/* SPDX-License-Identifier: Apache-2.0
 * Lines for bgpd. */
#include "anycast/frr_words.h"

#include "base/digits.h"
#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>

void frr_lines_add(struct frr_lines *lines, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    *vec_push(&lines->v) = text.p;
}

void frr_lines_free(struct frr_lines *lines)
{
    for (size_t i = 0; i < lines->v.n; i++)
        free(lines->v.v[i]);
    vec_free(&lines->v);
}

/* --- route-maps --- */

static void add_communities(struct buf *out, const struct route_attributes *a)
{
    char text[COMMUNITY_TEXT_MAX], large[LARGE_COMMUNITY_TEXT_MAX];
    if (a->n_communities > 0) {
        buf_puts(out, "set community");
        for (uint32_t i = 0; i < a->n_communities; i++)
            buf_printf(out, " %s", community_text(text, a->communities[i]));
        buf_puts(out, " additive\n");
    }
    if (a->n_large > 0) {
        buf_puts(out, "set large-community");
        for (uint32_t i = 0; i < a->n_large; i++)
            buf_printf(out, " %s", large_community_text(large, &a->large[i]));
        buf_puts(out, " additive\n");
    }
}

void frr_map_lines(struct buf *out, const struct announcement *set, const struct speaker *speaker,
                   uint32_t as)
{
    const struct route_attributes *a = &set->attributes;
    const struct ip *v4 = route_next_hop(set->spec->config, speaker, IP_V4);
    const struct ip *v6 = route_next_hop(set->spec->config, speaker, IP_V6);
    char text[IP_TEXT_MAX];
    add_communities(out, a);
    if (a->has_med)
        buf_printf(out, "set metric %u\n", a->med);
    if (a->prepend > 0) {
        buf_puts(out, "set as-path prepend");
        for (unsigned i = 0; i < a->prepend; i++)
            buf_printf(out, " %u", as);
        buf_puts(out, "\n");
    }
    if (v4)
        buf_printf(out, "set ip next-hop %s\n", ip_text(text, v4));
    if (v6)
        buf_printf(out, "set ipv6 next-hop global %s\n", ip_text(text, v6));
}

/* A name is one word for bgpd, whatever is in it for us. */
static void add_word(struct buf *out, const char *name)
{
    for (; *name; name++) {
        uint8_t c = (uint8_t)*name;
        if (is_digit(c) || (uint8_t)((c | 0x20) - 'a') < 26 || c == '-' || c == '_')
            buf_add(out, name, 1);
        else
            buf_printf(out, ".%02x", c);
    }
}

void frr_map_name(char out[FRR_MAP_NAME_MAX], const char *set, const char *lines, uint32_t salt)
{
    struct buf word = {0};
    add_word(&word, set);
    uint64_t hash = hash_bytes(salt, (const uint8_t *)lines, (uint32_t)strlen(lines));
    snprintf(out, FRR_MAP_NAME_MAX, FRR_MAP_PREFIX "%.*s-%08x", PREFIX_SET_NAME_MAX * 3,
             word.p ? word.p : "", (unsigned)(uint32_t)hash);
    buf_free(&word);
}

static void define_map(struct frr_lines *lines, const char *name, const char *sets)
{
    frr_lines_add(lines, "route-map %s permit 10", name);
    for (const char *end; (end = strchr(sets, '\n')) != NULL; sets = end + 1)
        frr_lines_add(lines, "%.*s", (int)(end - sets), sets);
    frr_lines_add(lines, "exit");
}

/* --- networks --- */

static const char *family_word(uint8_t family)
{
    return family == IP_V4 ? "ipv4" : "ipv6";
}

/* What of ours no set announces any more. */
static void withdraw(struct frr_lines *lines, const struct frr_config *has,
                     const struct announcements *wanted, uint8_t family)
{
    char text[IP_PREFIX_TEXT_MAX];
    uint32_t set, nth;
    for (size_t i = 0; i < has->networks.n; i++) {
        const struct frr_network *network = &has->networks.v[i];
        if (network->prefix.addr.family != family || !network->is_ours)
            continue;
        if (!announcements_find(wanted, &network->prefix, &set, &nth) || !wanted->v[set].announced)
            frr_lines_add(lines, "no network %s", ip_prefix_text(text, &network->prefix));
    }
}

static void announce_set(struct frr_plan *plan, const struct frr_config *has,
                         const struct prefix_set *config, const char *map, uint8_t family)
{
    char text[IP_PREFIX_TEXT_MAX];
    for (uint32_t i = 0; i < config->n_prefixes; i++) {
        const struct ip_prefix *prefix = &config->prefixes[i];
        if (prefix->addr.family != family)
            continue;
        const struct frr_network *now = frr_config_network(has, prefix);
        if (now && !now->is_ours)
            plan->theirs = *prefix;
        else if (!now || strcmp(now->map, map) != 0)
            frr_lines_add(&plan->lines, "network %s route-map %s", ip_prefix_text(text, prefix),
                          map);
    }
}

typedef VEC(struct frr_map) map_names;

static void tell_family(struct frr_plan *plan, const struct frr_config *has,
                        const struct announcements *wanted, const map_names *maps, uint8_t family)
{
    size_t before = plan->lines.v.n;
    frr_lines_add(&plan->lines, "address-family %s unicast", family_word(family));
    withdraw(&plan->lines, has, wanted, family);
    for (uint32_t i = 0; i < wanted->n; i++)
        if (wanted->v[i].announced)
            announce_set(plan, has, wanted->v[i].spec->config, maps->v[i].name, family);
    if (plan->lines.v.n == before + 1) {
        free(plan->lines.v.v[before]);
        plan->lines.v.n = before;
        return;
    }
    frr_lines_add(&plan->lines, "exit-address-family");
}

/* Also what a set has used before; the networks have left it by now. */
static void remove_maps(struct frr_plan *plan, const struct frr_config *has, const map_names *maps)
{
    for (size_t i = 0; i < has->maps.n; i++) {
        const char *name = has->maps.v[i].name;
        bool used = false;
        for (size_t k = 0; k < maps->n; k++)
            used |= strcmp(maps->v[k].name, name) == 0;
        for (size_t k = 0; k < i; k++)
            used |= strcmp(has->maps.v[k].name, name) == 0;
        if (!used)
            frr_lines_add(&plan->lines, "no route-map %s", name);
    }
}

/* Those that bgpd has not got are defined first; all of them are named in `maps`, "" for a set that
 * is not announced. */
static void tell_maps(struct frr_plan *plan, const struct frr_config *has,
                      const struct announcements *wanted, map_names *maps)
{
    for (uint32_t i = 0; i < wanted->n; i++) {
        struct frr_map *map = vec_push(maps);
        struct buf sets = {0};
        if (!wanted->v[i].announced)
            continue;
        buf_puts(&sets, "");
        frr_map_lines(&sets, &wanted->v[i], plan->speaker, has->as);
        frr_map_name(map->name, wanted->v[i].spec->name, sets.p, plan->salt);
        if (!frr_config_has_map(has, map->name))
            define_map(&plan->lines, map->name, sets.p);
        buf_free(&sets);
    }
}

void frr_plan_make(struct frr_plan *plan, const struct frr_config *has,
                   const struct announcements *wanted)
{
    map_names maps = {0};
    plan->theirs = (struct ip_prefix){0};
    frr_lines_add(&plan->lines, "configure terminal");
    tell_maps(plan, has, wanted, &maps);
    frr_lines_add(&plan->lines, "router bgp %s", has->as_text);
    size_t lead = plan->lines.v.n;
    tell_family(plan, has, wanted, &maps, IP_V4);
    tell_family(plan, has, wanted, &maps, IP_V6);
    frr_lines_add(&plan->lines, "exit");
    remove_maps(plan, has, &maps);
    bool idle = plan->lines.v.n == lead + 1 && lead == 2;
    frr_lines_add(&plan->lines, "end");
    if (idle)
        frr_lines_free(&plan->lines);
    vec_free(&maps);
}

/* What is not ours stays, also then. */
static bool is_to_go(const struct frr_config *has, const struct ip_prefix *prefix)
{
    const struct frr_network *network = frr_config_network(has, prefix);
    return !network || network->is_ours;
}

static void will_family(struct frr_lines *lines, const struct frr_config *has,
                        const struct announcements *now, uint8_t family)
{
    char text[IP_PREFIX_TEXT_MAX];
    bool begun = false;
    for (uint32_t i = 0; i < now->n; i++) {
        const struct prefix_set *config = now->v[i].spec->config;
        for (uint32_t k = 0; now->v[i].announced && k < config->n_prefixes; k++) {
            const struct ip_prefix *prefix = &config->prefixes[k];
            if (prefix->addr.family != family || !is_to_go(has, prefix))
                continue;
            if (!begun)
                frr_lines_add(lines, "address-family %s unicast", family_word(family));
            begun = true;
            frr_lines_add(lines, "no network %s", ip_prefix_text(text, prefix));
        }
    }
    if (begun)
        frr_lines_add(lines, "exit-address-family");
}

void frr_will_lines(struct frr_lines *lines, const struct frr_config *has,
                    const struct announcements *now)
{
    frr_lines_add(lines, "configure terminal");
    frr_lines_add(lines, "router bgp%s%s", *has->as_text ? " " : "", has->as_text);
    will_family(lines, has, now, IP_V4);
    will_family(lines, has, now, IP_V6);
    frr_lines_add(lines, "end");
    if (lines->v.n == 3)
        frr_lines_free(lines);
}
