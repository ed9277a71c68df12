/* SPDX-License-Identifier: Apache-2.0
 * In which order a client gets the sites of a pool: by a map, or by distance.
 *
 * Map: of the keys that match a client the most specific one decides: network (the longest), tag,
 * asn, subdivision, country, continent, default, in this order. Its sites come first, then the
 * sites of the map's default that it lacks; sites that the pool does not have are left out. If
 * nothing is left, the client gets the pool's sites in the order of the file. A client that
 * geo.networks puts at a site has that site first, unless one of the map's own networks decides.
 *
 * Nearest: by great circle from the client's location; equally near sites and sites without a
 * location, which come last, in the order of the file. Clients without a location get the order of
 * the file. A client that geo.networks puts at a site has it first, and is where the site is. */
#pragma once

#include "base/strmap.h"
#include "geo/geo.h"

/* Sites on the unit sphere: the squared chord between two points grows with their great circle. */
struct sphere_point {
    double x, y, z;
};

enum map_key {
    MAP_DEFAULT,
    MAP_CONTINENT,
    MAP_COUNTRY,
    MAP_SUBDIVISION,
    MAP_ASN,
    MAP_TAG,
    MAP_NETWORK,
};
#define MAP_INDEXED MAP_NETWORK /* keys below it are looked up by what is known of a place */

/** What ordering needs to know, indexed; one steering each. */
struct orderer {
    const struct model *model;
    enum steer_kind kind;  /* STEER_MAP or STEER_NEAREST */
    const struct map *map; /* STEER_MAP */
    struct u32_list sites; /* the pool's, in the order of the file */
    bool *has;             /* model->n_sites: whether the pool has the site */
    const struct map_entries *entries[MAP_INDEXED];
    struct strmap keys[MAP_INDEXED]; /* map key -> entry */
    struct sphere_point *points;     /* of `sites` */
    double *distance;                /* room, by `sites` */
    /* Of a partition that many orderers go over: its places, and where each is, worked out once by
     * place_points(). NULL: as they come. Borrowed. */
    const struct place *places;
    const struct sphere_point *place_points;
};

void orderer_init(struct orderer *orderer, const struct model *model, enum steer_kind kind,
                  uint32_t map, struct u32_list sites) ATTR_NONNULL;
void orderer_free(struct orderer *orderer) ATTR_NONNULL;

/** Which entry of the map decides for a place; *key says of what kind. NULL: the default. */
const struct map_entry *orderer_match(const struct orderer *orderer, const struct place *place,
                                      enum map_key *key) ATTR_NONNULL;

/** The order for a place; out[] has room for all sites. Returns how many it holds, at least one. */
uint32_t orderer_place(const struct orderer *orderer, const struct place *place,
                       uint32_t *out) ATTR_NONNULL;

/** The order inside one of the map's networks. */
uint32_t orderer_network(const struct orderer *orderer, const struct map_entry *network,
                         uint32_t *out) ATTR_NONNULL;

/** Where the places of a partition are on the sphere, those whose location is known. Freed by the
 *  caller. */
struct sphere_point *place_points(const struct model *model,
                                  const struct geo *geo) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Where a place is: the site's location if it is put at a site, else its own. False: unknown. */
bool place_location(const struct model *model, const struct place *place, double *latitude,
                    double *longitude) ATTR_NONNULL;

/** Great-circle distance in km (haversine, mean Earth radius 6371.0088 km). Degrees. */
double great_circle_km(double lat1, double lon1, double lat2, double lon2);
