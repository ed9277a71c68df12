/* SPDX-License-Identifier: Apache-2.0
 * One engine over a table in memory, on a loop of the test's own and a clock that it sets. */
#pragma once

#include "table_tier.h"

#include "small_tier.h"

#include "tier/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct engine_world {
    uv_loop_t loop;
    struct small_tier small, other; /* what it is, and may be specified to be next */
    struct tier_set set, other_set;
    struct set_states *states;
    struct table_tier table;
    struct driver_type type;
    struct engine *engine;
    struct tier_view *view; /* the latest */
    uint32_t n_views, n_looked, n_ended;
    bool goes_down_when_seen; /* the first member, between a look and what is done for it */
    uint32_t n_tickets;       /* that have ended */
};

/** Three members, all up; the tier is not there yet. */
void world_open(struct engine_world *w);
/** After what was changed of `small` and `type`. */
void world_begin(struct engine_world *w);
void world_close(struct engine_world *w);

/** Runs the loop for `ms` of the clock. */
void world_run(struct engine_world *w, int64_t ms);
/** States of `small` have changed. */
void world_change(struct engine_world *w);
/** The tier is there with all its members as they are wanted, made by us before. */
void world_make(struct engine_world *w);

/** Lines of the log since the last call that have `text` in them. */
unsigned log_count(const char *text);
void log_forget(void);

/** Of the fake keeper. */
bool kept(const char *tier, const struct ip *addr, uint16_t port);
void keep(const char *tier, const struct ip *addr, uint16_t port);

/** What is set is on disk only when keeper_written() says so; that returns whether anybody waited.
 */
void keeper_is_slow(bool slow);
bool keeper_written(void);

/** "a=ready 100 b=down" of the table, in the order of names. */
const char *table_text(const struct table_tier *table);

#define RIGHT "a=ready 100 b=ready 100 c=ready 100"

static inline void assert_table(const struct engine_world *w, const char *text)
{
    assert_string_equal(table_text(&w->table), text);
}

static inline void assert_state(const struct engine_world *w, enum tier_state state)
{
    assert_non_null(w->view);
    assert_string_equal(tier_state_text(w->view->state), tier_state_text(state));
}

static inline uint64_t count_applied(const struct tier_view *view)
{
    uint64_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(view->n_apply); i++)
        n += view->n_apply[i];
    return n;
}
