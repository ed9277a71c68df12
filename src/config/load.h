/* SPDX-License-Identifier: Apache-2.0
 * What reading one configuration carries along: where the results go, where errors go, and which
 * names exist. */
#pragma once

#include "base/strmap.h"
#include "base/vec.h"
#include "config/yaml.h"
#include "model/model.h"

/** A named thing as it stands in the files, before it is read. */
struct definition {
    const char *name;
    const struct yaml_node *key, *value;
    const struct yaml_node *defaults; /* of its file: a mapping, whose keys hold where `value` has
                                       * not got them; NULL: none */
};

/** All sites, or checks, or maps, or pools, in the order of the files. */
struct namespace
{
    const char *kind; /* "site", ... for messages */
    struct definition *v;
    size_t n, cap;
    struct strmap index;
    bool incomplete; /* a file could not be read: what is not found may be in it */
};

/** `weight_from` of a pool: which tier is found when tiers are known. */
struct weight_source {
    uint32_t pool;
    const struct yaml_node *tier;
};

struct load {
    struct arena *arena;   /* the model's */
    struct arena *scratch; /* trees and texts, until the load ends */
    struct diags *diags;
    struct model *model;
    const struct model *before; /* whose zones may be kept; NULL: none */
    struct budget *budget;      /* what may be read; NULL: anything */
    bool lenient;               /* a zone that cannot be read is broken, and no error */
    VEC(struct source) sources; /* read so far */
    uint8_t *pack,
        *pack_end; /* what the zones read so far have left of a chunk, see zone_build.h */
    struct namespace sites, checks, maps, pools, tiers, prefix_sets, speakers, services;
    VEC(const struct yaml_node *) pool_defaults; /* to be judged when names are known */
    VEC(struct endpoint) endpoints;
    struct pool *pool_table;      /* model->pools, for what is known of them later */
    struct prefix_set *set_table; /* model->prefix_sets; the same */
    struct set_draft *set_drafts; /* of each, in `scratch` */
    VEC(struct weight_source) weights_from;
    bool main_is_sound; /* the main file: a key that is not there was left out, not misread */
    /* Where loadstar.yaml names these files; NULL: it does not. */
    const struct yaml_node *networks_node, *pools_node, *zones_node, *tiers_node, *anycast_node;
    const struct yaml_node *site_node; /* of the server; NULL: not said */
    struct l4_draft *l4;               /* l4.yaml, in `scratch`; NULL: it is loadstar.yaml */
};

/** Reads a file into `scratch` and hashes it. `named` is where it was named; a span without a line
 *  when it was on the command line. Returns false after reporting. */
bool load_file(struct load *load, struct slice *text, const char *path, struct span named,
               size_t max) ATTR_NONNULL ATTR_MUST_USE;

/** Reads and parses a YAML file. NULL after reporting. */
const struct yaml_node *load_yaml(struct load *load, const char *path,
                                  struct span named) ATTR_NONNULL;

/** "WHAT is DESCRIPTION, expected EXPECTED", at the node. */
void load_expected(struct load *load, const struct yaml_node *node, const char *what,
                   const char *fmt, ...) ATTR_NONNULL ATTR_COLD ATTR_PRINTF(4, 5);

/** Adds the entries of a mapping of named things; refuses names that exist or cannot be. */
void namespace_add(struct load *load, struct namespace *names,
                   const struct yaml_node *map) ATTR_NONNULL;

/** The index that a node names, or MODEL_NONE after reporting with the nearest known name. `what`
 * is the key that it stands at, as messages name it: "'pool'". With a namespace that is incomplete
 * only what made it so is reported. */
uint32_t namespace_find(struct load *load, const struct namespace *names,
                        const struct yaml_node *node, const char *what) ATTR_NONNULL;

void namespace_free(struct namespace *names) ATTR_NONNULL;

/** Whether a name of a thing can be: letters, digits, '-', '_', '.', at most 63. Whatever a target
 *  of `loadstarctl set` gives a meaning to (`/ * ?`) is not among them. */
bool name_is_usable(const char *name) ATTR_NONNULL ATTR_PURE;

/** Reads a list of references into indices without repetition; a single name is a list of one. */
struct u32_list namespace_find_list(struct load *load, const struct namespace *names,
                                    const struct yaml_node *node, const char *what) ATTR_NONNULL;
