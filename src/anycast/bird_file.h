/* SPDX-License-Identifier: Apache-2.0
 * The file that BIRD includes: a mark (drive/mark.h), a function for the export filters of the
 * site, and for each set and family a static protocol, `loadstar_NAME_4` or `_6`. Pure.
 *
 * A set with a TUN is in it whether or not it is announced: its routes lead to the TUN with `check
 * link`, so that its carrier decides. A set without one is in it while it is announced.
 *
 * The function never changes, so that no change of ours makes BIRD export a whole table anew. What
 * it does is to set MED and next hop, which the routes have, once more: BIRD gives to eBGP peers
 * only what an export filter has set (2.0.12). */
#pragma once

#include "anycast/speaker.h"
#include "drive/mark.h"

#define BIRD_PREFIX "loadstar_"
#define BIRD_NAME_MAX                                                          \
    65 /* of a protocol, with NUL: a symbol of BIRD has 64 bytes (conf/conf.h) \
        */

/** The protocol of a set and a family. Names of sets are letters, digits, `_`, `-` and `.`, and at
 *  most PREFIX_SET_BIRD_NAME_MAX of them: they fit into a name that is quoted. */
const char *bird_protocol_name(char out[BIRD_NAME_MAX], const char *set,
                               uint8_t family) ATTR_NONNULL ATTR_RETURNS_NONNULL;
/** Whether a set has prefixes of a family. */
bool bird_set_has(const struct anycast_spec *spec, uint8_t family) ATTR_NONNULL ATTR_PURE;
/** Whether the set is in the file. */
bool bird_is_written(const struct announcement *a) ATTR_NONNULL ATTR_PURE;

/** All of the file. `wanted` may be NULL: the function alone. */
void bird_file_write(struct buf *out, const struct announcements *wanted,
                     const struct speaker *config, const char *node)
    __attribute__((nonnull(1, 3, 4)));

/** Whose a file is. *blank: there is nothing in it but blanks, comments, and the function without a
 *  mark, which a site has put there so that BIRD may start before Loadstar does. */
enum mark_owner bird_file_owner(struct slice text, const char *node, char found[MARK_NODE_MAX],
                                bool *blank) ATTR_NONNULL;
/** Whether a file that is ours has that protocol. */
bool bird_file_has(struct slice text, const char *protocol) ATTR_NONNULL;
