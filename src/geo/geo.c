/* SPDX-License-Identifier: Apache-2.0
 * Databases and networks, put together into one partition of the address space. */
#include "geo/geo.h"

#include "base/buf.h"
#include "geo/database.h"

#include <stdlib.h>

struct loader {
    const struct model *model;
    struct diags *diags;
    struct interner facts;
    struct trie *trie; /* values index `facts` */
    bool precise;      /* the databases alone */
};

/* --- databases --- */

struct merger {
    struct interner *facts;
    struct memo memo; /* pair of indices -> index */
};

static uint32_t merge(void *ctx, uint32_t a, uint32_t b)
{
    struct merger *m = ctx;
    if (b == 0)
        return a;
    struct memo_slot *slot = memo_at(&m->memo, (uint64_t)a << 32 | b);
    if (!slot->used) {
        struct facts sum = facts_merge(&m->facts->v[a], &m->facts->v[b]);
        slot->value = interner_add(m->facts, &sum);
        slot->used = true;
    }
    return slot->value;
}

/* Where the configuration names a database. */
static struct span place_of(const struct loader *l, uint32_t index)
{
    const struct span *places = l->model->geo.database_spans;
    return places ? places[index] : (struct span){.file = l->model->path};
}

/* What is wrong with a database is said where it is named. */
static struct trie *read_named(struct loader *l, uint32_t index)
{
    const char *path = l->model->geo.databases.v[index];
    struct diags found;
    diags_init(&found);
    struct trie *trie = database_read(path, 1u << index, &l->facts, &found);
    for (size_t i = 0; i < found.n; i++)
        diag_error(l->diags, place_of(l, index), "%s: %s", path, found.v[i].text);
    diags_free(&found);
    return trie;
}

static void add_database(struct loader *l, uint32_t index)
{
    struct trie *next = read_named(l, index);
    if (!next)
        return;
    if (index == 0) { /* what is there says nothing yet */
        trie_free(l->trie);
        l->trie = next;
        return;
    }
    struct merger m = {&l->facts, {0}};
    struct trie *sum = trie_zip(l->trie, next, merge, &m);
    memo_free(&m.memo);
    trie_free(l->trie);
    trie_free(next);
    l->trie = sum;
}

static void add_databases(struct loader *l)
{
    const struct str_list *list = &l->model->geo.databases;
    if (list->n > DATABASES_MAX) {
        diag_error(l->diags, place_of(l, DATABASES_MAX),
                   "%u geo databases; at most %d can be laid over each other", list->n,
                   DATABASES_MAX);
        return;
    }
    for (uint32_t i = 0; i < list->n; i++)
        add_database(l, i);
    for (uint32_t i = 0; i < l->facts.n && !l->precise; i++)
        l->precise = l->facts.v[i].place.located || l->facts.v[i].place.subdivision[0];
}

/* --- networks --- */

struct overlay {
    struct interner *facts;
    const struct geo_network *network;
    const struct site *site;
};

static uint32_t overlay(void *ctx, uint32_t value)
{
    const struct overlay *o = ctx;
    struct facts facts = facts_overlay(&o->facts->v[value], o->network, o->site);
    return interner_add(o->facts, &facts);
}

/* A network and the prefix that stands for it in the trie. */
struct layer {
    struct ip_prefix prefix;
    const struct geo_network *network;
};

static int compare_layers(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;
    if (x->prefix.len != y->prefix.len)
        return x->prefix.len < y->prefix.len ? -1 : 1;
    return x->network < y->network ? -1 : x->network > y->network;
}

static void warn_window(const struct geo_network *network, struct diags *diags)
{
    char text[IP_PREFIX_TEXT_MAX];
    diag_warning(diags, network->span,
                 "%s does not apply to any client: addresses in it (IPv4-mapped, NAT64, 6to4, "
                 "Teredo) are placed by the IPv4 address inside",
                 ip_prefix_text(text, &network->prefix));
}

/* Shorter prefixes first, so that a nested network inherits from the one around it. */
static void add_networks(struct loader *l)
{
    const struct model *model = l->model;
    struct layer *layers = xcalloc(model->geo.n_networks, sizeof *layers);
    uint32_t n = 0;
    for (uint32_t i = 0; i < model->geo.n_networks; i++) {
        const struct geo_network *network = &model->geo.networks[i];
        layers[n].network = network;
        if (trie_fold(&layers[n].prefix, &network->prefix))
            n++;
        else
            warn_window(network, l->diags);
    }
    qsort(layers, n, sizeof *layers, compare_layers);
    for (uint32_t i = 0; i < n; i++) {
        const struct geo_network *network = layers[i].network;
        struct overlay o = {&l->facts, network,
                            network->site == MODEL_NONE ? NULL : &model->sites[network->site]};
        trie_map_prefix(l->trie, &layers[i].prefix, overlay, &o);
    }
    free(layers);
}

/* --- finishing --- */

/* Facts that the trie still has, completed from the country table and numbered anew. */
struct finish {
    const struct interner *facts;
    struct interner used;
    uint32_t *number; /* by index of the facts; MODEL_NONE: not met yet */
};

static uint32_t finish_value(void *ctx, uint32_t value)
{
    struct finish *f = ctx;
    if (f->number[value] == MODEL_NONE) {
        struct facts facts = f->facts->v[value];
        place_complete(&facts.place);
        f->number[value] = interner_add(&f->used, &facts);
    }
    return f->number[value];
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *source_text(struct arena *arena, const struct model *model, uint32_t from)
{
    struct buf text = {0};
    if (from & FROM_NETWORKS)
        buf_puts(&text, "networks");
    for (uint32_t i = 0; i < model->geo.databases.n && i < DATABASES_MAX; i++)
        if (from >> i & 1)
            buf_printf(&text, "%s%s", text.n ? ", " : "", base_name(model->geo.databases.v[i]));
    const char *out = arena_strndup(arena, text.n ? text.p : "", text.n);
    buf_free(&text);
    return out;
}

/* The places with their sources as text; there are few distinct sources. */
static const struct place *make_places(struct arena *arena, const struct model *model,
                                       const struct interner *facts)
{
    struct place *places = arena_calloc(arena, facts->n, sizeof *places);
    struct memo texts = {0};
    const char *text[256];
    uint32_t n = 0;
    for (uint32_t i = 0; i < facts->n; i++) {
        struct memo_slot *slot = memo_at(&texts, facts->v[i].from);
        places[i] = facts->v[i].place;
        if (slot->used) {
            places[i].source = text[slot->value];
            continue;
        }
        places[i].source = source_text(arena, model, facts->v[i].from);
        *slot = (struct memo_slot){slot->key, n < ARRAY_LEN(text) ? n : 0, true};
        if (n < ARRAY_LEN(text))
            text[n++] = places[i].source;
    }
    memo_free(&texts);
    return places;
}

static struct geo *finish(struct loader *l)
{
    struct finish f = {.facts = &l->facts};
    interner_init(&f.used);
    f.number = xmalloc(l->facts.n * sizeof *f.number);
    for (uint32_t i = 0; i < l->facts.n; i++)
        f.number[i] = MODEL_NONE;
    trie_map(l->trie, finish_value, &f);

    struct arena *arena = arena_new();
    struct geo *geo = arena_calloc(arena, 1, sizeof *geo);
    geo->arena = arena;
    geo->base = l->trie;
    geo->n_places = f.used.n;
    geo->precise = l->precise;
    geo->places = make_places(arena, l->model, &f.used);
    interner_free(&f.used);
    free(f.number);
    l->trie = NULL;
    return geo;
}

int geo_load(struct geo **geo, const struct model *model, struct diags *diags)
{
    struct loader l = {.model = model, .diags = diags, .trie = trie_new(0)};
    unsigned errors = diags->n_errors;
    interner_init(&l.facts);
    add_databases(&l);
    add_networks(&l);
    if (l.facts.full)
        diag_error(diags, (struct span){.file = model->path},
                   "the geo databases and networks tell more than %u places apart", LPM_VALUE_MAX);
    *geo = diags->n_errors == errors ? finish(&l) : NULL;
    interner_free(&l.facts);
    trie_free(l.trie);
    return *geo ? 0 : E_INVALID;
}

void geo_free(struct geo *geo)
{
    if (!geo)
        return;
    trie_free(geo->base);
    arena_free(geo->arena);
}

const struct place *geo_find(const struct geo *geo, const struct ip *ip, struct ip_prefix *prefix)
{
    struct lpm_leaf leaf = trie_find(geo->base, ip);
    *prefix = (struct ip_prefix){*ip, leaf.depth};
    ip_mask(&prefix->addr, leaf.depth);
    return &geo->places[leaf.value];
}
