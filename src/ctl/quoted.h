/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: errors of files, as far as anybody may read them. */
#pragma once

#include "base/arena.h"

/** A line of `n` bytes, "FILE:LINE:COLUMN: MESSAGE", in `arena`. Messages quote what stands in a
 *  file, the status document is read without a token, and a zone can $INCLUDE any file, that of the
 *  token as well: so only files that are zones or configuration by their name are quoted. */
const char *quoted_line(struct arena *arena, const char *line, size_t n) ATTR_NONNULL ATTR_MUST_USE;
