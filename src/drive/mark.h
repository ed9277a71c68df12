/* SPDX-License-Identifier: Apache-2.0
 * The line by which a written file says whose it is: its node, and a checksum of everything else in
 * it. A file with another node's mark is never written, one whose checksum is wrong was edited.
 * Pure.
 *
 *   # loadstar node=ams1 tier=edge sum=af63bd4c8601b7df; written by loadstard, edits are undone
 *   # loadstar node=ams1 speaker=local sum=... */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

enum mark_owner {
    MARK_NONE,    /* no mark, or what resembles one */
    MARK_FOREIGN, /* another node's */
    MARK_EDITED,  /* this node's, and the rest is not what it was made of */
    MARK_OURS
};

#define MARK_NODE_MAX 64 /* with NUL; kept of a foreign node's name */

/** Adds the line for a file whose other bytes are `rest`. Names may hold any bytes. */
void mark_add(struct buf *out, const char *node, const char *tier, struct slice rest) ATTR_NONNULL;
/** The same for the file of a speaker. */
void mark_add_speaker(struct buf *out, const char *node, const char *speaker,
                      struct slice rest) ATTR_NONNULL;

/** Of the line, without its end, and the other bytes. What the line says of the node is escaped
 * into `found` ("" without a mark). */
enum mark_owner mark_read(struct slice line, struct slice rest, const char *node,
                          char found[MARK_NODE_MAX]) ATTR_NONNULL;
