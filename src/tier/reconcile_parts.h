/* SPDX-License-Identifier: Apache-2.0
 * Inside the reconciler: what its parts give each other. */
#pragma once

#include "tier/reconcile.h"

/* match.c */
/** Gives the table one row for each member of the spec, in its order, and what has left behind
 * them: rows stand for addresses and ports, whatever they are called. */
void match_members(struct tier_table *table, const struct reconcile_input *in) ATTR_NONNULL;
/** Takes an observation in: whose each thing in the tier is, and what somebody else has changed. */
void match_observation(struct tier_table *table, const struct reconcile_input *in) ATTR_NONNULL;

/* drains.c */
/** Where the drain of a row is, and whether it is over: then its target is SERVES_GONE, if it can
 * be removed. `fresh`: there is a new observation. */
void drain_step(struct tier_row *row, const struct reconcile_input *in, int64_t staged_ms,
                bool fresh) ATTR_NONNULL;

/* plan.c */
/** Fills *plan from the targets of the table. */
void plan_make(struct tier_plan *plan, struct tier_table *table,
               const struct reconcile_input *in) ATTR_NONNULL;

static inline bool serving_equal(struct serving a, struct serving b)
{
    return a.serves == b.serves && a.weight == b.weight;
}

/** Whether a tier that was told `target` would show what was seen. */
static inline bool shows(const struct reconcile_input *in, struct serving target,
                         const struct observed *seen)
{
    return serving_equal(in->shown ? in->shown(target) : target, seen->serving);
}

/** Whether it gets new clients. */
static inline bool has_clients(struct serving serving)
{
    return serving.serves == SERVES_READY && serving.weight > 0;
}

/** Whether the object was made by us. */
static inline bool object_is_made(const struct reconcile_input *in)
{
    return !in->is_given && in->object_created;
}

/** Whether it is ours to write. */
static inline bool object_is_ours(const struct tier_table *table, const struct reconcile_input *in)
{
    return object_is_made(in) || table->is_ours;
}

/** Whether a row is of a member that is to leave, or whose tier is. */
static inline bool is_leaving(const struct tier_row *row, const struct reconcile_input *in)
{
    return in->leaving != LEAVING_NOT || row->member == MODEL_NONE;
}

/** Whether what leaves is left in the tier as it is. Of what is written as a whole, members that
 *  have left the configuration are drained in any case: nobody else could keep them. */
static inline bool is_left(const struct tier_row *row, const struct reconcile_input *in)
{
    const struct tier *config = in->spec->config;
    bool exits = in->leaving == LEAVING_EXIT;
    enum tier_leave how = exits ? config->on_exit : config->on_remove;
    if (!is_leaving(row, in) || (in->is_whole && in->leaving == LEAVING_NOT))
        return false;
    if (how == TIER_LEAVE_DEFAULT)
        return exits || !(in->is_whole ? object_is_made(in) : row->created);
    return how == TIER_LEAVE_LEAVE;
}
