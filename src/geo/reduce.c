/* SPDX-License-Identifier: Apache-2.0
 * The partition without what a steering cannot see. A city database has ten times the leaves that
 * its countries need, one of networks splits them for nothing that has a distance: tables are
 * compiled from the smaller partition. */
#include "geo/facts.h"

#include <stdlib.h>

struct reducer {
    const struct geo *geo;
    struct geo_wants wants;
    struct interner interner;
    uint32_t *number; /* by place; MODEL_NONE: not met yet */
};

static struct facts seen_by(const struct reducer *r, const struct place *place)
{
    /* `from` keeps apart from place 0 what was known, but is not wanted. */
    struct facts facts = {*place, .from = 1};
    facts.place.source = "";
    facts.place.coarse = false;
    if (r->wants.location) {
        memset(facts.place.continent, 0, sizeof facts.place.continent);
        memset(facts.place.country, 0, sizeof facts.place.country);
        facts.place.tag = NULL;
    } else {
        facts.place.located = false;
        facts.place.latitude = facts.place.longitude = 0;
    }
    if (!r->wants.asn)
        facts.place.asn = 0;
    if (!r->wants.subdivision)
        memset(facts.place.subdivision, 0, sizeof facts.place.subdivision);
    return facts;
}

static uint32_t reduce(void *ctx, uint32_t place, uint32_t unused)
{
    struct reducer *r = ctx;
    (void)unused;
    if (r->number[place] == MODEL_NONE) {
        struct facts facts = seen_by(r, &r->geo->places[place]);
        r->number[place] = interner_add(&r->interner, &facts);
    }
    return r->number[place];
}

struct geo *geo_reduce(const struct geo *geo, struct geo_wants wants)
{
    struct reducer r = {.geo = geo, .wants = wants};
    interner_init(&r.interner);
    r.number = xmalloc(geo->n_places * sizeof *r.number);
    memset(r.number, 0xff, geo->n_places * sizeof *r.number);
    r.number[0] = 0;

    struct arena *arena = arena_new();
    struct geo *out = arena_calloc(arena, 1, sizeof *out);
    struct trie *everywhere = trie_new(0);
    out->arena = arena;
    out->base = trie_zip(geo->base, everywhere, reduce, &r);
    trie_free(everywhere);
    struct place *places = arena_calloc(arena, r.interner.n, sizeof *places);
    for (uint32_t i = 0; i < r.interner.n; i++)
        places[i] = r.interner.v[i].place;
    out->places = places;
    out->n_places = r.interner.n;
    interner_free(&r.interner);
    free(r.number);
    return out;
}
