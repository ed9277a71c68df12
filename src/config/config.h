/* SPDX-License-Identifier: Apache-2.0
 * Reads loadstar.yaml and everything it names into a model. */
#pragma once

#include "model/model.h"

/** Loads and validates. Returns 0 with *model owned by the caller (model_free()), or a negative
 * code with every error of every file in `diags`; warnings may be there either way. Does exactly
 * what `loadstard --check` and a reload do; no network, no databases opened. */
int config_load(struct model **model, const char *path,
                struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

struct config_options {
    /** In force; NULL: none. Zones that are as they were for it are not read again: their `kept`
     *  says so, and their warnings are told again. */
    const struct model *before;
    bool lenient; /* zones that cannot be read are broken (struct zone), and no errors; what would
                   * not fit into memory is tried all the same, with a warning */
    bool insist;  /* the latter */
};

/** A part of a configuration beside the main file: what it names and the model gets of it. They
 *  are read in this order, and each may leave out those behind it; only those that a program names
 *  are linked. Of a section that is not read its key in the main file means nothing. */
struct config_section;
extern const struct config_section config_pools;   /* sites, checks, maps, pools */
extern const struct config_section config_tiers;   /* names sites and pools; pools name tiers */
extern const struct config_section config_anycast; /* names sites, checks, pools; adds pools */
extern const struct config_section config_geo;     /* networks.yaml; names sites */
extern const struct config_section config_zones;   /* names pools */

/** Reads the main file and these sections, up to a NULL: as config_reload(), which reads all. */
int config_read(struct model **model, const char *path,
                const struct config_section *const *sections, const struct config_options *options,
                struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** As config_load(), with options. */
int config_reload(struct model **model, const char *path, const struct config_options *options,
                  struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Reads l4.yaml of loadstar-l4, and the files of pools that it names: model.l4, `control`,
 *  `server.user`, `server.state_dir`, and what config_pools gives. As config_load() otherwise. */
int config_l4_load(struct model **model, const char *path,
                   struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Whom `server.user` of the main file at `path` names, and where; NULL when none, or when that
 *  cannot be read. Texts live in `arena`. Says nothing: a load does. */
const char *config_peek_user(struct arena *arena, const char *path, struct span *at) ATTR_NONNULL;
/** The same of `user` in l4.yaml. */
const char *config_l4_peek_user(struct arena *arena, const char *path,
                                struct span *at) ATTR_NONNULL;

/** What was found at the last look at the files on disk, so that only what has changed since is
 * read again. NULL at first; of one model only. */
struct disk_memory;
void disk_memory_free(struct disk_memory *memory);

/** The hash of the same files as they are on disk now, files that have come or gone in a directory
 * of zones included: equal to model->file_hash exactly when the running configuration is what is on
 * disk. Returns 0, or E_SYSTEM when a file cannot be read. Files whose size and times are as at the
 * load, or as in *memory, are not read again. */
int config_disk_hash(uint64_t *hash, const struct model *model,
                     struct disk_memory **memory) ATTR_NONNULL ATTR_MUST_USE;
