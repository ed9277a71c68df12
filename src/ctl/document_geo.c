/* SPDX-License-Identifier: Apache-2.0
 * The document on a client's place, and what each steering makes of it. */
#include "control/json.h"
#include "ctl/documents.h"

void document_set_place(json_t *object, const struct facts *f, const struct place *place)
{
    json_set_text(object, "source",
                  place->source && *place->source ? place->source : "nothing is known");
    if (place->continent[0])
        json_set_text(object, "continent", place->continent);
    if (place->country[0])
        json_set_text(object, "country", place->country);
    if (place->subdivision[0])
        json_set_text(object, "subdivision", place->subdivision);
    if (place->asn)
        json_set_int(object, "asn", place->asn);
    if (place->located) {
        json_set_real(object, "latitude", place->latitude, 4);
        json_set_real(object, "longitude", place->longitude, 4);
        json_set_text(object, "precision", place->coarse ? "country" : "location");
    }
    if (place->site != MODEL_NONE)
        json_set_text(object, "site", f->generation->model->sites[place->site].name);
    if (place->tag)
        json_set_text(object, "tag", place->tag);
}

/* The pools that are steered so, without those that steer nobody. Returns one; MODEL_NONE: none. */
static uint32_t add_pools(json_t *list, const struct generation *g, uint32_t index)
{
    uint32_t n = model_steering_pools(g->model), any = MODEL_NONE;
    for (uint32_t p = 0; p < n; p++)
        if (g->steerings.of_pool[p] == index) {
            json_array_append_new(list, json_text(g->model->pools[p].name));
            any = p;
        }
    return any;
}

/* Adds what holds for one steering. */
static void add_steering(json_t *list, const struct facts *f, struct arena *arena, uint32_t index,
                         const struct ip *ip)
{
    const struct generation *g = f->generation;
    struct steer_reason why;
    json_t *object = json_object();
    uint32_t any = add_pools(json_set_array(object, "pools"), g, index);
    if (any == MODEL_NONE) {
        json_decref(object);
        return;
    }
    steer_explain(&why, arena, g->model, g->geo, &g->steerings, any, ip, MODEL_NONE);
    json_set_int(object, "class", why.class_);
    json_set_int(object, "scope", why.depth);
    json_set_bool(object, "placed", !why.unplaced);
    json_set_text(object, "rule", why.rule);
    json_t *sites = json_set_array(object, "sites");
    for (uint32_t rank = 0; rank < why.sites.n; rank++) {
        json_t *site = json_object();
        json_set_text(site, "site", g->model->sites[why.sites.v[rank]].name);
        if (why.distance_km[rank] >= 0)
            json_set_real(site, "distance_km", why.distance_km[rank], 0);
        json_array_append_new(sites, site);
    }
    json_array_append_new(list, object);
}

json_t *document_geo(const struct facts *f, const struct ip *ip)
{
    char text[IP_PREFIX_TEXT_MAX];
    struct ip_prefix prefix = {.addr = *ip};
    struct arena *arena = arena_new();
    json_t *document = json_object();
    const struct place *place = geo_find(f->generation->geo, ip, &prefix);
    json_set_text(document, "address", ip_text(text, ip));
    json_set_text(document, "prefix", ip_prefix_text(text, &prefix));
    document_set_place(document, f, place);
    json_t *steerings = json_set_array(document, "steerings");
    for (uint32_t i = 0; i < f->generation->steerings.n; i++)
        add_steering(steerings, f, arena, i, ip);
    arena_free(arena);
    return document;
}
