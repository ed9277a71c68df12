/* SPDX-License-Identifier: Apache-2.0
 * What a file is that was taken for a MaxMind database: downloads that failed or were not unpacked
 * are told by their first bytes. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

#define MISTAKEN_MAX 192

/** What is wrong with a file that has no metadata of a MaxMind database, after its name: "is empty,
 *  expected a MaxMind database". Quotes at most the beginning of its first line, as it stands: the
 *  caller escapes. Returns `out`. */
const char *mistaken_text(char out[MISTAKEN_MAX], struct slice file) ATTR_NONNULL;

/** Whether it is an archive, which may have a database inside, metadata and all. */
bool mistaken_is_archive(struct slice file);
