/* SPDX-License-Identifier: Apache-2.0
 * Lines of a file that stand for themselves: fields behind tabs, and in front the sum of all behind
 * it (FNV-1a, 64 bits, as hex); tabs, line feeds and backslashes in a field are \t, \n and \\. What
 * was cut by a crash or damaged by a disk is a line whose sum is wrong, and its neighbours are read
 * all the same. Against accidents only: who may write the file can make sums.
 *
 *     SUM<tab>FIELD<tab>FIELD ... */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/** Adds a field to a line. */
void sealed_add(struct buf *line, const char *text) ATTR_NONNULL;
/** Adds the line with its sum and a line feed, and empties it. */
void sealed_end(struct buf *out, struct buf *line) ATTR_NONNULL;
/** Adds the sum of what shall stand behind it. */
void sealed_sum(struct buf *out, struct slice rest) ATTR_NONNULL;

/** The fields that are left of a line. After the first that is not as it should be all others are
 *  empty. */
struct sealed {
    const char *p, *end;
    bool bad;
};

/** A line without its line feed; bad if its sum is not right. */
struct sealed sealed_open(struct slice line);
/** Digits, of a number up to `max`. */
uint64_t sealed_number(struct sealed *line, uint64_t max) ATTR_NONNULL;
/** A text of up to size - 1 bytes, without NULs. */
void sealed_text(struct sealed *line, char *out, size_t size) ATTR_NONNULL;
/** Whether all of it was good, and nothing is left. */
bool sealed_done(const struct sealed *line) ATTR_NONNULL ATTR_PURE;
