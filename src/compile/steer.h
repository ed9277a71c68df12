/* SPDX-License-Identifier: Apache-2.0
 * Steering: which sites a client is sent to, in which order. A steering is a map (or `nearest`, an
 * order, all, a split) restricted to the sites that a pool has; pools with the same one share it.
 * Its classes are the distinct ordered lists of sites, interned; its client table maps addresses to
 * classes, equal neighbours merged, so that a leaf's depth is the exact ECS scope. order.h says how
 * sites are ordered for a client.
 *
 * Classes by kind:
 *   nearest, map   one per distinct order that some client gets
 *   order          one: the list's sites that the pool has
 *   all            one: all sites of the pool
 *   split          one per site that it lists: that site, then the others in the order of the file,
 *                  those of weight 0 last; a query draws the class
 *
 * A class may lack sites of its pool (a map that names them nowhere). Its clients never get those,
 * but for the sake of a family that no site in the class is configured to have (verdict.h). */
#pragma once

#include "base/lpm.h"
#include "geo/geo.h"
#include "model/budget.h"
#include "snapshot/view.h"

struct steering {
    const struct lpm *clients; /* values: see CLIENT_CLASS(); NULL: one class for every client */
    uint32_t n_classes;
    const struct u32_list *class_sites; /* per class: sites, best first; never empty */
    enum steer_kind kind;
    uint32_t map;          /* STEER_MAP */
    struct u32_list sites; /* the pool's sites that matter to the order, as it configures them */
};

/** All steerings of a model, and which one each pool uses. Lives in `arena`. */
struct steerings {
    const struct steering *v;
    uint32_t n;
    const uint32_t *of_pool; /* n_pools indices into v */
};

#define STEER_CLASSES_MAX (CLIENT_UNPLACED - 1) /* of a steering: numbers are below it */

/** What tables of clients may take. */
struct steer_memory {
    uint64_t
        alone_bytes; /* of a group of tables: with more they share a partition, with 0 always */
    struct budget *budget; /* of the load; NULL: any amount */
};

/** 30 tables with the country database, four with one of cities. */
#define STEER_ALONE_BYTES (UINT64_C(256) << 20)

/** Compiles all steerings. Returns 0, or E_RANGE with the reasons in `diags`: a pool with more
 *  endpoints in one place than a set of candidates may hold, a steering with too many classes,
 *  tables that the budget has no room for. */
int steer_compile(struct steerings *out, struct arena *arena, const struct model *model,
                  const struct geo *geo, const struct steer_memory *memory,
                  struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Why a class looks as it does for one address. For explain. */
struct steer_reason {
    const struct place *place; /* of the client */
    const char *rule;          /* "map world, country IN", "nearest to 52.31,4.76", "order", ... */
    uint32_t class_;
    uint8_t depth;             /* of the leaf in the client table; 0 when there is none */
    bool unplaced;             /* see CLIENT_UNPLACED */
    struct u32_list sites;     /* the class */
    const double *distance_km; /* per site of the class; < 0: unknown */
};

/** What pool `pool` does with a client. For STEER_SPLIT, where a query draws the class, the caller
 *  gives it in `drawn`; otherwise MODEL_NONE. */
void steer_explain(struct steer_reason *out, struct arena *arena, const struct model *model,
                   const struct geo *geo, const struct steerings *steerings, uint32_t pool,
                   const struct ip *client, uint32_t drawn) ATTR_NONNULL;

/** How far a place is from a site; < 0: unknown. */
double steer_distance_km(const struct model *model, uint32_t site,
                         const struct place *place) ATTR_NONNULL;
