/* SPDX-License-Identifier: Apache-2.0
 * Which files a configuration was read from, and whether they are still the same. */
#pragma once

#include "config/load.h"

/** Notes a file that is about to be read; the caller adds its digest. A change that happens in
 *  between is seen later: size and times are those from before. */
struct source *sources_add(struct load *load, const char *path) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** The digest of a file's content. */
uint64_t source_digest(struct slice content);

/** Whether a file is certainly the one that was read for a model loaded at that time. */
bool source_unchanged(const struct source *then, int64_t loaded_wall_ms) ATTR_NONNULL;

/** Moves the list into the model, and sets its hash. */
void sources_finish(struct load *load) ATTR_NONNULL;
