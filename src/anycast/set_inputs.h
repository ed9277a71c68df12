/* SPDX-License-Identifier: Apache-2.0
 * What the control thread knows of each set's conditions and orders, worked out for the thread that
 * announces: plain values. */
#pragma once

#include "anycast/spec.h"
#include "health/level.h"

#define CONDITION_REASON_MAX 128

struct condition_input {
    bool ok, known;
    char reason[CONDITION_REASON_MAX];
};

struct set_inputs {
    bool known, when_ok, full_ok; /* of all conditions together */
    bool frozen;
    bool forced;
    enum announce_order order;
    char order_id[ORDER_ID_MAX]; /* "@17"; "": none */
    uint32_t first_condition;    /* into the batch's; as many as the set has */
};

/** Of all sets, in order. Owns what it points to. */
struct inputs_batch {
    struct anycast_set *set; /* held */
    struct set_inputs *sets;
    struct condition_input *conditions;
    uint32_t n_conditions;
};

/** What they are worked out of: of one model, now. */
struct inputs_sources {
    const struct model *model;
    const struct endpoint_state *states;
    const struct level_table *levels;
    const struct orders *orders;
    bool panic; /* the checker believes nothing */
    /** What was worked out before, or NULL: what was known of a pool then, of the same set, is
     * known; else all of its endpoints have to be looked at. */
    const struct inputs_batch *before;
};

struct inputs_batch *inputs_batch_new(struct anycast_set *set, const struct inputs_sources *from)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
struct inputs_batch *
inputs_batch_copy(const struct inputs_batch *from) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Whether both say the same of the same sets. */
bool inputs_batch_equal(const struct inputs_batch *a, const struct inputs_batch *b) ATTR_NONNULL;
void inputs_batch_free(struct inputs_batch *batch);
