/* SPDX-License-Identifier: Apache-2.0
 * Which files of a directory are zones. */
#pragma once

#include "base/attr.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#define ZONE_FILES_EXPECTED "*.yaml, *.yml or *.zone"

/** Whether a file of that name in a directory of zones is read as a zone. */
bool zone_file_is_named(const char *name) ATTR_NONNULL ATTR_PURE;

/** The entries of a directory but those that are litter, in an order that is the same anywhere, as
 *  scandir(3) gives them. Returns how many, or -1 (errno). */
int zone_files_list(struct dirent ***entries, const char *path) ATTR_NONNULL;

/** Frees what zone_files_list() gave. */
void zone_files_free(struct dirent **entries, int n);

/** The digest of the names of the zone files in a directory. False if it cannot be read. */
bool zone_files_digest(uint64_t *digest, const char *path) ATTR_NONNULL;
