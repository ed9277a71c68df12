/* SPDX-License-Identifier: Apache-2.0
 * From what is wanted and what was seen to what is to be done. Pure: a table of rows goes in and
 * comes out with its targets and drains, and a plan with it.
 *
 * A tier is never emptied by this, never told what it is already, and nothing in it is touched that
 * was not made by us or is adopted. Before every member has a result (or a saved one that is fresh)
 * nothing is written at all, for at most RECONCILE_HOLD_MS; then what is known is. What is absent
 * is made at weight 0, and gets its weight in the next plan. */
#pragma once

#include "base/vec.h"
#include "tier/desired.h"

#define RECONCILE_HOLD_MS 30000

struct tier_table {
    uint8_t level; /* enum tier_level: what is wanted */
    VEC(struct tier_row)
    rows;          /* members in the order of the spec first, then those that have left */
    bool observed; /* at least once: what follows is of the latest observation */
    bool exists, is_ours, is_foreign, differs;
    char refused[256];
    bool released;         /* it has not to wait for results any more */
    uint64_t n_drift;      /* members that were found changed by somebody else */
    uint32_t n_strangers;  /* what was seen in it and is none of its rows */
    uint8_t seen_level;    /* enum tier_level: what the object says */
    int64_t held_until_ms; /* monotonic: it waits for results until then at the latest; 0: not */
};

enum plan_op {
    PLAN_CREATE, /* the object itself: service, file; rows follow */
    PLAN_REPAIR, /* the object is there, and not as configured */
    PLAN_ADD,    /* a member: at weight 0, or in a document at its target */
    PLAN_SET,    /* to rows[row].target, its address and all that is configured of it included */
    PLAN_REMOVE, /* its target is SERVES_GONE. What cannot be removed is left without clients */
    PLAN_DELETE, /* the object, when its tier has left the configuration and we made it */
};

struct plan_step {
    uint8_t op;
    uint32_t row; /* of the table; MODEL_NONE for the object */
    struct serving from, to;
};

struct tier_plan {
    VEC(struct plan_step)
    steps;     /* in an order in which what is to serve does so before what is not to stops */
    bool held; /* nothing may be written yet: members are unknown */
    char refused[256]; /* why nothing may be written at all; "": it may */
    char note[256];    /* why not all that is wanted will be there after it; "" */
};

/** Why a tier is to be left, if it is. */
enum leaving {
    LEAVING_NOT,
    LEAVING_REMOVED, /* it has left the configuration: `on_remove`; by default members that we made
                        are drained and removed, then the object that we made */
    LEAVING_EXIT     /* the daemon stops: `on_exit`; by default all stays as it is. What is drained
                        then is not removed */
};

/** What a driver has seen of its tier. */
struct observation {
    bool exists;     /* the object: service, backend, file */
    bool is_ours;    /* where the tier itself can tell: a mark of this node, or that it asks us */
    bool is_foreign; /* a mark of another node: never written, whether or not it is to be adopted */
    bool differs;    /* the object is not as configured: PLAN_REPAIR */
    uint8_t level;   /* enum tier_level: what the object says, for types that follow that */
    char note[256];  /* a warning for `status`; "" */
    char refused[256]; /* why the driver must not write; "" */
    struct observed *v;
    uint32_t n;
};

struct reconcile_input {
    const struct tier_spec *spec;
    const struct serving *wanted; /* of desired_compute() */
    const int64_t *staged_ms;
    const struct desired *desired;
    const struct observation *seen; /* NULL: nothing new, plan by what was seen last */
    int64_t now_ms;                 /* wall clock */
    int64_t mono_ms;
    int64_t held_since_ms; /* monotonic: when it began to wait for results */
    enum leaving leaving;  /* then `wanted`, `staged_ms`, `desired` may be NULL */
    bool keeps_members;    /* the type has no removal of members by order (all but ipvs) */
    bool is_given;         /* the object is somebody else's and not made, repaired or deleted by us,
                              only members of it are (a backend of HAProxy); it may lack */
    bool is_whole; /* it is written in one step: what is absent is added as it is to be, not at 0 */
    /** How a target looks when it is read back, as tiers have fewer states than we (to IPVS all is
     * a weight); NULL: as it is. A member is right when what was seen equals shown(target). */
    struct serving (*shown)(struct serving target);
    bool follows_level;  /* the object says the level of the whole, and its members nothing: while
                            that is known and `seen` has another, PLAN_REPAIR */
    bool object_created; /* by us (records.h) */
};

/** Brings the table up to date and works out a plan, into an emptied *plan. Rows that are to be
 *  added are `created` already then, so that they can be recorded before they are made. */
void reconcile(struct tier_table *table, struct tier_plan *plan,
               const struct reconcile_input *in) ATTR_NONNULL;

/** After a plan was carried out: rows are what they were told to be. !ok: some of it may have been
 *  carried out, and what is there now is nobody else's doing. */
void reconcile_applied(struct tier_table *table, const struct tier_plan *plan,
                       bool ok) ATTR_NONNULL;

/** When it has to be looked at again for a drain (monotonic), or for what is held; INT64_MAX: not
 *  for that. */
int64_t reconcile_next_ms(const struct tier_table *table, int64_t mono_ms) ATTR_NONNULL ATTR_PURE;

/** Whether the object goes with it. */
bool plan_deletes(const struct tier_plan *plan) ATTR_NONNULL ATTR_PURE;

/** One step as text for `tiers --diff`: "+ ams-web7 10.0.0.7:80 weight 0", "~ ... ready 100 ->
 * drain",
 *  "- ...". */
const char *plan_step_text(char out[256], const struct tier_table *table,
                           const struct plan_step *step) ATTR_NONNULL;

void tier_table_free(struct tier_table *table) ATTR_NONNULL;
void tier_plan_free(struct tier_plan *plan) ATTR_NONNULL;
