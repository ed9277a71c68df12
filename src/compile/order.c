/* SPDX-License-Identifier: Apache-2.0
 * Ordering the sites of a pool for a client. */
#include "compile/order.h"

#include <math.h>
#include <stdlib.h>

#define EARTH_RADIUS_KM 6371.0088

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

double great_circle_km(double lat1, double lon1, double lat2, double lon2)
{
    double a = sin(radians(lat2 - lat1) / 2), b = sin(radians(lon2 - lon1) / 2);
    double h = a * a + cos(radians(lat1)) * cos(radians(lat2)) * b * b;
    return 2 * EARTH_RADIUS_KM * asin(sqrt(fmin(1.0, h)));
}

static struct sphere_point sphere_point(double latitude, double longitude)
{
    double lat = radians(latitude), lon = radians(longitude);
    return (struct sphere_point){cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)};
}

static double chord_squared(const struct sphere_point *a, const struct sphere_point *b)
{
    double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
    return x * x + y * y + z * z;
}

static struct slice asn_key(const uint32_t *asn)
{
    return slice_of(asn, sizeof *asn);
}

static void index_codes(struct strmap *keys, const struct map_entries *entries)
{
    for (uint32_t i = 0; i < entries->n; i++) {
        const struct map_entry *e = &entries->v[i];
        strmap_add(keys, slice_str(e->tag != NULL ? e->tag : e->code), i);
    }
}

static void index_map(struct orderer *o)
{
    o->entries[MAP_CONTINENT] = &o->map->continents;
    o->entries[MAP_COUNTRY] = &o->map->countries;
    o->entries[MAP_SUBDIVISION] = &o->map->subdivisions;
    o->entries[MAP_ASN] = &o->map->asns;
    o->entries[MAP_TAG] = &o->map->tags;
    for (enum map_key key = MAP_CONTINENT; key < MAP_INDEXED; key++) {
        if (key != MAP_ASN)
            index_codes(&o->keys[key], o->entries[key]);
    }
    for (uint32_t i = 0; i < o->map->asns.n; i++)
        strmap_add(&o->keys[MAP_ASN], asn_key(&o->map->asns.v[i].asn), i);
}

static void index_sites(struct orderer *o)
{
    o->points = xcalloc(o->sites.n, sizeof *o->points);
    o->distance = xcalloc(o->sites.n, sizeof *o->distance);
    for (uint32_t i = 0; i < o->sites.n; i++) {
        const struct site *site = &o->model->sites[o->sites.v[i]];
        if (site->located)
            o->points[i] = sphere_point(site->latitude, site->longitude);
    }
}

void orderer_init(struct orderer *o, const struct model *model, enum steer_kind kind, uint32_t map,
                  struct u32_list sites)
{
    *o = (struct orderer){.model = model, .kind = kind, .sites = sites};
    o->has = xcalloc(model->n_sites, sizeof *o->has);
    for (uint32_t i = 0; i < sites.n; i++)
        o->has[sites.v[i]] = true;
    if (kind == STEER_MAP) {
        o->map = &model->maps[map];
        index_map(o);
    } else {
        index_sites(o);
    }
}

void orderer_free(struct orderer *o)
{
    for (unsigned key = 0; key < MAP_INDEXED; key++)
        strmap_free(&o->keys[key]);
    free(o->has);
    free(o->points);
    free(o->distance);
}

/* What a place has for a kind of key; empty if that is not known. */
static struct slice place_key(const struct place *place, enum map_key key)
{
    switch (key) {
    case MAP_CONTINENT:
        return slice_str(place->continent);
    case MAP_COUNTRY:
        return slice_str(place->country);
    case MAP_SUBDIVISION:
        return slice_str(place->subdivision);
    case MAP_ASN:
        return place->asn != 0 ? asn_key(&place->asn) : (struct slice){0};
    case MAP_TAG:
        return place->tag != NULL ? slice_str(place->tag) : (struct slice){0};
    case MAP_DEFAULT:
    case MAP_NETWORK:
        break;
    }
    return (struct slice){0};
}

const struct map_entry *orderer_match(const struct orderer *o, const struct place *place,
                                      enum map_key *key)
{
    for (*key = MAP_TAG; *key > MAP_DEFAULT; (*key)--) {
        struct slice text = place_key(place, *key);
        if (text.n == 0 || o->keys[*key].n == 0)
            continue;
        uint32_t i = strmap_get(&o->keys[*key], text);
        if (i != STRMAP_NONE)
            return &o->entries[*key]->v[i];
    }
    return NULL;
}

/* Appends a site that the pool has, unless it is there already. */
static uint32_t append(const struct orderer *o, uint32_t *out, uint32_t n, uint32_t site)
{
    if (!o->has[site])
        return n;
    for (uint32_t i = 0; i < n; i++) {
        if (out[i] == site)
            return n;
    }
    out[n] = site;
    return n + 1;
}

static uint32_t append_list(const struct orderer *o, uint32_t *out, uint32_t n,
                            const struct u32_list *sites)
{
    for (uint32_t i = 0; i < sites->n; i++)
        n = append(o, out, n, sites->v[i]);
    return n;
}

/* What comes behind the sites of the key that decided. */
static uint32_t append_default(const struct orderer *o, uint32_t *out, uint32_t n)
{
    n = append_list(o, out, n, &o->map->default_sites);
    return n > 0 ? n : append_list(o, out, n, &o->sites);
}

uint32_t orderer_network(const struct orderer *o, const struct map_entry *network, uint32_t *out)
{
    return append_default(o, out, append_list(o, out, 0, &network->sites));
}

static uint32_t order_by_map(const struct orderer *o, const struct place *place, uint32_t *out)
{
    enum map_key key;
    const struct map_entry *entry = orderer_match(o, place, &key);
    uint32_t n = place->site != MODEL_NONE ? append(o, out, 0, place->site) : 0;
    if (entry != NULL)
        n = append_list(o, out, n, &entry->sites);
    return append_default(o, out, n);
}

bool place_location(const struct model *model, const struct place *place, double *latitude,
                    double *longitude)
{
    const struct site *site = place->site != MODEL_NONE ? &model->sites[place->site] : NULL;
    bool at_site = site != NULL && site->located;
    *latitude = at_site ? site->latitude : (double)place->latitude;
    *longitude = at_site ? site->longitude : (double)place->longitude;
    return at_site || place->located;
}

struct sphere_point *place_points(const struct model *model, const struct geo *geo)
{
    struct sphere_point *points = xcalloc(geo->n_places, sizeof *points);
    for (uint32_t i = 0; i < geo->n_places; i++) {
        double latitude, longitude;
        if (place_location(model, &geo->places[i], &latitude, &longitude))
            points[i] = sphere_point(latitude, longitude);
    }
    return points;
}

/* Insertion sort: pools have few sites, and it keeps the order of the file among equals. */
static uint32_t order_by_distance(const struct orderer *o, const struct place *place, uint32_t *out)
{
    double latitude, longitude, *distance = o->distance;
    if (!place_location(o->model, place, &latitude, &longitude)) {
        uint32_t first = place->site != MODEL_NONE ? append(o, out, 0, place->site) : 0;
        return append_list(o, out, first, &o->sites);
    }
    struct sphere_point here =
        o->place_points ? o->place_points[place - o->places] : sphere_point(latitude, longitude);
    for (uint32_t i = 0; i < o->sites.n; i++) {
        uint32_t site = o->sites.v[i], at = i;
        double d = site == place->site             ? -1.0
                   : o->model->sites[site].located ? chord_squared(&here, &o->points[i])
                                                   : INFINITY;
        for (; at > 0 && d < distance[at - 1]; at--) {
            distance[at] = distance[at - 1];
            out[at] = out[at - 1];
        }
        distance[at] = d;
        out[at] = site;
    }
    return o->sites.n;
}

uint32_t orderer_place(const struct orderer *o, const struct place *place, uint32_t *out)
{
    return o->kind == STEER_MAP ? order_by_map(o, place, out) : order_by_distance(o, place, out);
}
