/* SPDX-License-Identifier: Apache-2.0
 * What `pick: sticky` hashes of an endpoint (model.h, endpoint.key). It is told apart within a pool
 * and family: A and AAAA of one machine may have one seed, and then one client gets both. */
#include "base/strmap.h"
#include "config/endpoints.h"
#include "config/load.h"
#include "dns/name.h"

/* The address or the CNAME target as text; NULL: it has neither, which has been complained of. */
static const char *target_text(struct load *load, const struct endpoint *e)
{
    char text[NAME_TEXT_MAX];
    if (!e->name)
        return e->label;
    if (e->addr.family)
        return arena_strdup(load->arena, ip_text(text, &e->addr));
    if (!e->cname.n)
        return NULL;
    name_to_text(text, e->cname);
    return arena_strndup(load->arena, text, strlen(text) - 1);
}

/* A seed that is an address counts as it, however written: that of one that was replaced. */
static const char *seed_text(struct load *load, const char *seed)
{
    char text[IP_TEXT_MAX];
    struct ip ip;
    if (ip_parse(&ip, seed) != 0)
        return seed;
    return arena_strdup(load->arena, ip_text(text, &ip));
}

static void refuse_shared(struct load *load, const struct endpoint *e, const struct endpoint *first)
{
    diag_error(
        load->diags, e->span,
        "endpoint '%s' has the seed '%s' of '%s' at line %u, column %u, expected one that no "
        "other endpoint of the pool has as seed or address",
        e->label, e->key, first->label, first->span.line, first->span.column);
    diag_also(load->diags, first->span, "the other one");
}

/* One address may be there several times, with ports or in several sites: each has its share. */
static void tell_apart(struct load *load, struct strmap *known, struct endpoint *e, uint32_t index)
{
    for (e->key_nth = 0;; e->key_nth++) {
        const char *text = arena_printf(load->scratch, "%c %u %s",
                                        e->addr.family == IP_V6 ? '6' : '4', e->key_nth, e->key);
        uint32_t at = strmap_add(known, slice_str(text), index);
        if (at == index)
            return;
        const struct endpoint *other = &load->endpoints.v[at];
        if (e->seed || other->seed) {
            refuse_shared(load, e, other);
            return;
        }
    }
}

void endpoints_key(struct load *load, uint32_t first)
{
    struct strmap known = {0};
    for (uint32_t i = first; i < load->endpoints.n; i++) {
        struct endpoint *e = &load->endpoints.v[i];
        if (!e->label)
            continue;
        e->key = e->seed ? seed_text(load, e->seed) : target_text(load, e);
        if (e->key)
            tell_apart(load, &known, e, i);
    }
    strmap_free(&known);
}
