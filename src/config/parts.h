/* SPDX-License-Identifier: Apache-2.0
 * The parts of a configuration: one schema table and one reader each. Names of sites, checks, maps
 * and pools are collected first (namespace_add()), so that anything may refer to anything. */
#pragma once

#include "config/schema.h"

extern const struct schema loadstar_schema, server_schema, pools_schema, tiers_schema,
    anycast_schema, networks_schema, zone_schema;
extern const struct schema rate_limit_schema, cookies_schema, cookie_secrets_schema, panic_schema;
extern const struct schema site_schema, check_schema, map_schema, pool_schema, steer_schema,
    all_down_schema, ttl_schema, soa_schema, data_schema, pool_name_schema, owner_schema,
    tier_schema;
extern const struct schema l4_schema;

/** Reads loadstar.yaml into the model; files that it names are kept in `load` to be read next. */
void main_file_read(struct load *load, const struct yaml_node *root) ATTR_NONNULL;

/** Reads `listen` of the server, a list, and its default. */
void listen_read_list(struct load *load, const struct yaml_node *node, void *field);
void listen_default(struct load *load) ATTR_NONNULL;

/** Reads one address to listen on, as `expected` describes it; `port` keeps its value if none is
 *  given. `what` has the name of the key in quotes, alone or at its end: "an item of 'listen'".
 *  Returns false after reporting. */
bool listen_read(struct load *load, const struct yaml_node *node, const char *what,
                 const char *expected, struct ip *addr, uint16_t *port) ATTR_NONNULL;

/** Why no host can listen on the address, and what was expected; NULL: one can. */
const char *listen_unusable(struct arena *arena, const struct ip *addr) ATTR_NONNULL;

void sites_read(struct load *load) ATTR_NONNULL;
void checks_read(struct load *load) ATTR_NONNULL;
void maps_read(struct load *load) ATTR_NONNULL;
void pools_read(struct load *load) ATTR_NONNULL;

/** What only shows when all is read: cycles, ports that nobody names, mixed kinds. */
void pools_validate(struct load *load) ATTR_NONNULL;

/** See config.h. */
struct config_section {
    /** Adds what it will need to the budget; NULL: nothing that shows before it is read. */
    void (*estimate)(struct load *load);
    /** Reads it; `root` is the main file, which has been read. */
    void (*read)(struct load *load, const struct yaml_node *root);
    /** Runs when all sections are read; NULL: nothing is left to do. */
    void (*finish)(struct load *load);
};

/** Reads the main file into the model; what it names is kept in `load`. */
typedef void config_main_fn(struct load *load, const struct yaml_node *root);

struct config_options;

/** As config_read(), of a main file that this reads. */
int config_read_by(struct model **model, const char *path, config_main_fn *main_file,
                   const struct config_section *const *sections,
                   const struct config_options *options,
                   struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Judges a file that Loadstar is to write at `at`: where it is, and that it is nobody else's.
 *  Returns its real path; NULL after reporting. */
const char *written_file_judge(struct load *load, const char *file, struct span at) ATTR_NONNULL;
/** The real path of a file that need not be there, of which nothing but the last part is missing;
 *  NULL (errno): its directory cannot be found. */
const char *written_file_real(struct load *load, const char *file) ATTR_NONNULL;

/** Reads `[LATITUDE, LONGITUDE]`; returns false after reporting. */
bool location_read(struct load *load, const struct yaml_node *node, double *latitude,
                   double *longitude) ATTR_NONNULL;

/** Reads a TTL: a duration, or {min, max}. */
void ttl_range_read(struct load *load, const struct yaml_node *node, void *field) ATTR_NONNULL;

/** Reads a list of checks; an empty list is one, too. */
void checks_list_read(struct load *load, const struct yaml_node *node, void *field) ATTR_NONNULL;

#define TTL_MAX 2147483647u /* RFC 2181 8 */

/** Read `server.rate_limit` and `server.cookies`; the latter keeps the place of its file, which
 *  cookie_secrets_read() reads. */
void rate_limit_read(struct load *load, const struct yaml_node *node, void *field) ATTR_NONNULL;
void cookies_read(struct load *load, const struct yaml_node *node, void *field);

/** What holds without these keys. */
void limits_set_defaults(struct load *load) ATTR_NONNULL;

/** Reads `server.panic`: off, or the limits of the guard. */
void panic_read(struct load *load, const struct yaml_node *node, void *field);
void panic_set_defaults(struct load *load) ATTR_NONNULL;

/** Reads ADDRESS/LENGTH; returns false after reporting. */
bool prefix_read(struct load *load, const struct yaml_node *node,
                 struct ip_prefix *out) ATTR_NONNULL;

/** What should stand instead of `text`, or NULL when it is a code of the kind. */
const char *country_expected(const char *text) ATTR_NONNULL ATTR_PURE;
const char *continent_expected(const char *text) ATTR_NONNULL ATTR_PURE;
