/* SPDX-License-Identifier: Apache-2.0
 * Saying why a client got its class: the same ordering code as the tables were made by. */
#include "compile/steer.h"

#include "compile/order.h"

/* The longest of a map's networks around an address, as lay_networks() laid them. */
static const struct map_entry *network_of(const struct map *map, const struct ip *client)
{
    const struct map_entry *best = NULL;
    unsigned best_len = 0, before;
    struct ip at = *client;
    (void)ip_embedded_v4(client, &at, &before);
    for (uint32_t i = 0; i < map->networks.n; i++) {
        struct ip_prefix prefix;
        if (!trie_fold(&prefix, &map->networks.v[i].network) || !ip_in_prefix(&at, &prefix))
            continue;
        if (best == NULL || prefix.len >= best_len) {
            best = &map->networks.v[i];
            best_len = prefix.len;
        }
    }
    return best;
}

static const char *key_text(struct arena *arena, enum map_key key, const struct map_entry *entry)
{
    static const char *const kinds[] = {"default",     "continent", "country",
                                        "subdivision", "asn",       "tag"};
    if (entry == NULL)
        return "default";
    if (key == MAP_ASN)
        return arena_printf(arena, "asn %u", entry->asn);
    return arena_printf(arena, "%s %s", kinds[key], entry->tag != NULL ? entry->tag : entry->code);
}

static const char *map_rule(struct arena *arena, const struct model *model,
                            const struct steering *s, const struct place *place,
                            const struct ip *client)
{
    const struct map *map = &model->maps[s->map];
    const struct map_entry *network = network_of(map, client);
    if (network != NULL) {
        char text[IP_PREFIX_TEXT_MAX];
        return arena_printf(arena, "map %s, network %s", map->name,
                            ip_prefix_text(text, &network->network));
    }
    struct orderer orderer;
    enum map_key key;
    orderer_init(&orderer, model, STEER_MAP, s->map, s->sites);
    const struct map_entry *entry = orderer_match(&orderer, place, &key);
    const char *rule = arena_printf(arena, "map %s, %s", map->name, key_text(arena, key, entry));
    if (place->site != MODEL_NONE && orderer.has[place->site])
        rule = arena_printf(arena, "geo.networks, site %s; then %s", model->sites[place->site].name,
                            rule);
    orderer_free(&orderer);
    return rule;
}

static const char *nearest_rule(struct arena *arena, const struct model *model,
                                const struct place *place)
{
    double latitude, longitude;
    if (place->site != MODEL_NONE)
        return arena_printf(arena, "nearest to site %s (geo.networks)",
                            model->sites[place->site].name);
    if (!place_location(model, place, &latitude, &longitude))
        return "nearest, but the client's location is unknown: order of the file";
    if (place->coarse)
        return arena_printf(arena, "nearest to %.2f,%.2f (country %s)", latitude, longitude,
                            place->country);
    return arena_printf(arena, "nearest to %.2f,%.2f", latitude, longitude);
}

static const char *rule_text(struct arena *arena, const struct model *model,
                             const struct steering *s, const struct place *place,
                             const struct ip *client)
{
    if (s->sites.n == 1)
        return "the only site";
    switch (s->kind) {
    case STEER_MAP:
        return map_rule(arena, model, s, place, client);
    case STEER_NEAREST:
        return nearest_rule(arena, model, place);
    case STEER_ALL:
        return "all sites as one";
    case STEER_ORDER:
        return "order";
    case STEER_SPLIT:
        break;
    }
    return "split, drawn by weight among the sites that are up";
}

double steer_distance_km(const struct model *model, uint32_t site, const struct place *place)
{
    double latitude, longitude;
    const struct site *s = &model->sites[site];
    if (!s->located || !place_location(model, place, &latitude, &longitude))
        return -1.0;
    return great_circle_km(latitude, longitude, s->latitude, s->longitude);
}

static const double *distances(struct arena *arena, const struct model *model,
                               const struct u32_list *sites, const struct place *place)
{
    double *km = arena_calloc(arena, sites->n, sizeof *km);
    for (uint32_t i = 0; i < sites->n; i++)
        km[i] = steer_distance_km(model, sites->v[i], place);
    return km;
}

void steer_explain(struct steer_reason *out, struct arena *arena, const struct model *model,
                   const struct geo *geo, const struct steerings *steerings, uint32_t pool,
                   const struct ip *client, uint32_t drawn)
{
    const struct steering *s = &steerings->v[steerings->of_pool[pool]];
    struct ip_prefix prefix;
    const struct place *place = geo_find(geo, client, &prefix);
    *out = (struct steer_reason){.place = place, .class_ = drawn != MODEL_NONE ? drawn : 0};
    if (s->clients != NULL) {
        struct lpm_leaf leaf = lpm_lookup(s->clients, client);
        out->class_ = CLIENT_CLASS(leaf.value);
        out->depth = leaf.depth;
        out->unplaced = (leaf.value & CLIENT_UNPLACED) != 0;
    }
    out->rule = rule_text(arena, model, s, place, client);
    out->sites = s->class_sites[out->class_];
    out->distance_km = distances(arena, model, &out->sites, place);
}
