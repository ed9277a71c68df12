/* SPDX-License-Identifier: Apache-2.0
 * What follows from the views of prefix sets and of speakers. Pure, on any thread. */
#pragma once

#include "out/facts.h"

/** Gives up all views. */
void anycast_facts_free(struct anycast_facts *anycast) ATTR_NONNULL;

/** The view of a set; NULL: there is none of that name. */
const struct anycast_view *anycast_facts_find(const struct anycast_facts *anycast,
                                              const char *name) ATTR_NONNULL ATTR_PURE;
/** The same, of a set whose number in the model is likely to be the view's. */
const struct anycast_view *anycast_facts_find_at(const struct anycast_facts *anycast, uint32_t set,
                                                 const char *name) ATTR_NONNULL ATTR_PURE;
/** The view of the set that has a prefix, or the narrowest one around it (an address is one of full
 *  length). NULL: none has. */
const struct anycast_view *
anycast_facts_find_prefix(const struct anycast_facts *anycast,
                          const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;
/** The speaker of a set; NULL: it has no view yet. */
const struct speaker_view *
anycast_facts_speaker(const struct anycast_facts *anycast,
                      const struct anycast_view *view) ATTR_NONNULL ATTR_PURE;

/** What rises with each change of that set and its speaker, or with "" of any, and with each
 *  reload. */
uint64_t anycast_facts_version(const struct facts *facts, const char *name) ATTR_NONNULL ATTR_PURE;

/** The name of a set's speaker. */
const char *anycast_view_speaker(const struct anycast_view *view) ATTR_NONNULL ATTR_PURE;

/** What orders say of a set; facts without orders say nothing. */
struct announce_decision anycast_view_decision(const struct facts *facts,
                                               const struct anycast_view *view) ATTR_NONNULL;

static inline bool anycast_view_announces(const struct anycast_view *view)
{
    return view->state >= ANNOUNCER_ANNOUNCED;
}

/** Whether the speaker is known to have what it should not, or not to have what it should. */
static inline bool anycast_view_is_apart(const struct anycast_view *view)
{
    return view->real == (anycast_view_announces(view) ? REAL_ABSENT : REAL_PRESENT);
}

/** When a timer of it is over, wall clock; 0: it does not run. */
int64_t anycast_view_until_ms(const struct anycast_view *view,
                              enum announcer_timer timer) ATTR_NONNULL ATTR_PURE;

/** Whether it answers itself; NULL: the view does not say. */
const struct anycast_input *
anycast_view_self(const struct anycast_view *view) ATTR_NONNULL ATTR_PURE;

/** The first input that is not known to be ok, of `full` or of the rest; NULL: all are. */
const struct anycast_input *anycast_view_failing(const struct anycast_view *view,
                                                 bool full) ATTR_NONNULL ATTR_PURE;

/** Why it is as it is, in words; in `arena`. */
const char *anycast_view_why(struct arena *arena, const struct facts *facts,
                             const struct anycast_view *view) ATTR_NONNULL ATTR_RETURNS_NONNULL;
