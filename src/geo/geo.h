/* SPDX-License-Identifier: Apache-2.0
 * Where clients are: MaxMind-format databases and the operator's networks, read once at load into a
 * partition of the address space. Nothing here runs per query.
 *
 * `base` is a trie whose values index `places`. Place 0 is "nothing is known". */
#pragma once

#include "base/lpm.h"
#include "model/model.h"

/** What is known of the addresses of one leaf. Interned: equal places have one index. */
struct place {
    char continent[3], country[3]; /* "" : unknown */
    char subdivision[12];          /* ISO 3166-2, "US-CA" */
    uint32_t asn;                  /* 0: unknown */
    bool located;
    bool coarse; /* the coordinates are the country's representative ones */
    float latitude, longitude;
    uint32_t site; /* geo.networks said `site:`; MODEL_NONE otherwise */
    const char *tag;
    const char *source; /* "networks" or the database's file name; for explain */
};

struct geo {
    struct arena *arena;
    struct trie *base;
    const struct place *places;
    uint32_t n_places;
    bool precise; /* a database tells more of some clients than their country: where, or which
                   * subdivision */
};

/** Reads all databases (later ones add what earlier ones lack) and lays the networks over them.
 *  Returns 0; or a negative code with the reasons in `diags` (a missing, broken or useless
 * database: one in which none of the known keys is ever found). */
int geo_load(struct geo **geo, const struct model *model,
             struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

void geo_free(struct geo *geo);

/** What a table looks at beside the site: coordinates and nothing else, or continent, country and
 *  tag, and besides them: */
struct geo_wants {
    bool location;
    bool asn, subdivision;
};

/** The same partition without what is not wanted: places that differ in nothing more become one,
 * and their leaves merge. Place 0 stays apart. Owned by the caller; it
 * must not outlive `geo`. */
struct geo *geo_reduce(const struct geo *geo,
                       struct geo_wants wants) ATTR_NONNULL ATTR_MUST_USE ATTR_RETURNS_NONNULL;

/** The place of an address, and the prefix in which it holds. Control side only. */
const struct place *geo_find(const struct geo *geo, const struct ip *ip,
                             struct ip_prefix *prefix) ATTR_NONNULL;

/** Continent ("EU") of an ISO 3166-1 country and a representative coordinate; NULL if unknown. */
struct country {
    char code[3], continent[3];
    float latitude, longitude;
};
const struct country *country_find(const char *code) ATTR_NONNULL ATTR_PURE;
/** The country that a place is in, where that is sure: one of the larger ones, and not near its
 *  borders. NULL: it may be anywhere. Degrees. */
const char *country_inland(double latitude, double longitude);
