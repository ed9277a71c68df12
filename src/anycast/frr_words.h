/* SPDX-License-Identifier: Apache-2.0
 * What bgpd is told: the lines that lead from the configuration it has to what is to be announced.
 * Pure.
 *
 * A set is `network PREFIX route-map LOADSTAR-SET-HASH`, where HASH is that of the route-map's own
 * lines: other attributes are another route-map, and its `network` replaces the one before at once.
 * A route-map that is changed while it is in use counts only after bgpd's `route-map delay-timer`
 * (5 s), and one that is removed from under its networks withdraws them. */
#pragma once

#include "anycast/frr_config.h"
#include "anycast/speaker.h"

struct frr_lines {
    VEC(char *) v;
};
void frr_lines_add(struct frr_lines *lines, const char *fmt, ...) ATTR_NONNULL ATTR_PRINTF(2, 3);
void frr_lines_free(struct frr_lines *lines) ATTR_NONNULL;

/** The `set` lines of a set's route-map, each with its LF. `as` is what is prepended; `salt` makes
 *  it another name by the same lines. */
void frr_map_lines(struct buf *out, const struct announcement *set, const struct speaker *speaker,
                   uint32_t as) ATTR_NONNULL;
void frr_map_name(char out[FRR_MAP_NAME_MAX], const char *set, const char *lines,
                  uint32_t salt) ATTR_NONNULL;

struct frr_plan {
    const struct speaker *speaker;
    uint32_t salt;
    struct frr_lines lines;  /* from `configure terminal` to `end`; none: nothing is to be done */
    struct ip_prefix theirs; /* a prefix that is to be announced, and has a network that is not
                                ours; family IP_NONE: there is none. It is left as it is */
};

/** Withdraws first, as that may be urgent. */
void frr_plan_make(struct frr_plan *plan, const struct frr_config *has,
                   const struct announcements *wanted) ATTR_NONNULL;

/** The lines that withdraw what is announced, from `configure terminal` to `end`; none when nothing
 *  is. `has` is what bgpd had when it was last read; zeroed: it was not. */
void frr_will_lines(struct frr_lines *lines, const struct frr_config *has,
                    const struct announcements *now) ATTR_NONNULL;
