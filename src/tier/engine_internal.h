/* SPDX-License-Identifier: Apache-2.0
 * An engine from inside:
 *
 *   engine.c        life, and what it is told
 *   engine_cycle.c  what it does when
 *   engine_due.c    when it does it
 *   engine_plan.c   what it wants to do
 *   engine_tell.c   what others see of it */
#pragma once

#include "drive/backoff.h"
#include "tier/engine.h"

/** A driver is called from the engine's timer alone, never from within what it calls: what it says
 *  is noted, and acted upon in the next turn of the loop. */
enum engine_phase {
    ENGINE_IDLE,
    ENGINE_OBSERVES, /* the driver is at it */
    ENGINE_SEEN,     /* it has observed, and there is a plan */
    ENGINE_RECORDS,  /* what will be made is being recorded */
    ENGINE_RECORDED,
    ENGINE_APPLIES, /* the driver is at it */
    ENGINE_APPLIED,
    ENGINE_FAILED /* either */
};

struct engine {
    struct engine_host host;
    const struct driver_type *type;
    struct driver *driver;
    struct driver_host driver_host;
    struct set_states *states; /* held; of spec's set */
    const struct tier_spec *spec;
    struct set_states *next_states; /* held: the specification to go on with when it is idle */
    const struct tier_spec *next_spec;
    enum leaving leaving;
    bool ended;
    bool is_disowned, made_object; /* the latter in the place of a record */

    struct tier_table table;
    struct tier_plan plan;
    struct desired desired;
    struct serving *wanted; /* n_wanted of each */
    int64_t *staged_ms;
    uint32_t n_wanted;
    int64_t held_since_ms; /* monotonic: since when it may wait for results */

    /* The cycle. Times are monotonic. */
    enum engine_phase phase;
    bool looks;      /* this observation is for a look: nothing is done about it */
    bool reads_back; /* this observation comes after a plan */
    bool is_fresh;   /* the plan was made of an observation of this cycle */
    bool has_read;   /* it was observed, ever */
    bool shows;      /* `phase` is what others see */
    bool has_news;   /* for the driver: states have changed */
    enum engine_phase failed_in;
    enum tier_error failed_reason;
    char failed_text[256];
    uint32_t n_rounds;     /* plans of this cycle */
    int64_t began_ms;      /* of the phase */
    int64_t looked_ms;     /* the latest observation that went well; INT64_MIN: none */
    int64_t planned_ms;    /* when what is wanted was last worked out */
    int64_t acted_ms;      /* when a plan was last begun with */
    int64_t nudged_ms;     /* 0: not */
    int64_t waits_ms;      /* until the driver is ready to apply; 0: it does not wait */
    int64_t not_before_ms; /* no look before, but one that is asked for */
    int64_t leave_by_ms;   /* while leaving */
    int64_t changed_us;    /* the first change that is not planned yet; 0: none */
    int64_t pending_us;    /* the first that is, and not read back */
    bool wants_sessions;
    uv_timer_t timer, pulse;
    unsigned n_open;          /* of them, while closing */
    VEC(void *) looks_wanted; /* tickets */
    VEC(void *) looks_now;    /* of the observation under way */

    /* What went wrong. */
    struct backoff backoff;
    bool failing;
    enum tier_error reason;
    char error[256], note[256];
    int64_t error_since_ms;  /* wall clock */
    int64_t drift_told_ms;   /* monotonic */
    uint64_t n_drift_before; /* table.n_drift when it was told last */
    uint64_t n_met;          /* tier_view.n_met */

    /* What others see, besides. */
    int64_t last_change_ms, last_sync_ms; /* wall clock */
    uint64_t n_errors[TIER_ERRORS];
    uint64_t n_apply[TIER_APPLY_BOUNDS + 1];
    double sum_apply_s;
    struct client_rtts *clients; /* held; NULL: nothing was measured */
    char *published;
    size_t n_published;
    uint64_t published_version;
};

static inline const char *engine_name(const struct engine *engine)
{
    return engine->spec->name;
}

/* engine_due.c; times are monotonic */
/** Sets the timer to what is due next. */
void engine_arm(struct engine *engine) ATTR_NONNULL;
/** When it is to be observed; when what is wanted is to be worked out again. */
int64_t engine_look_due_ms(const struct engine *engine) ATTR_NONNULL;
int64_t engine_plan_due_ms(const struct engine *engine) ATTR_NONNULL;
/** How long the driver may take: what it waits for is bounded by itself, so that this is only for
 *  one that has lost its way. */
int64_t engine_patience_ms(const struct engine *engine) ATTR_NONNULL;
static inline bool engine_was_read(const struct engine *engine)
{
    return engine->looked_ms != INT64_MIN;
}

/* engine_cycle.c */
/** The driver's: */
void engine_observed(void *engine, struct observation *seen) ATTR_NONNULL;
void engine_applied(void *engine) ATTR_NONNULL;
void engine_failed(void *engine, enum tier_error reason, const char *text) ATTR_NONNULL;
void engine_on_timer(uv_timer_t *timer) ATTR_NONNULL;
/** Closes the driver and opens it again. */
void engine_reopen(struct engine *engine) ATTR_NONNULL;
/** Takes up the next specification, if there is one. */
void engine_take_next(struct engine *engine) ATTR_NONNULL;

/* engine_plan.c */
/** Works out anew what is wanted, from the states and what is seen; NULL: what was seen last. */
void engine_plan(struct engine *engine, struct observation *seen) __attribute__((nonnull(1)));
/** Whether the object was made by us. */
bool engine_made_object(const struct engine *engine) ATTR_NONNULL;
/** Records what the plan will make; `done`: that what it removes is gone. Returns whether that is
 *  news. */
bool engine_record(struct engine *engine, bool done) ATTR_NONNULL;

/* engine_tell.c */
void engine_publish(struct engine *engine) ATTR_NONNULL;
/** It failed: counts, and logs the first of a kind. */
void engine_note_failure(struct engine *engine, enum tier_error reason,
                         const char *text) ATTR_NONNULL;
/** It is as it should be, or waits for results: tells the end of failures. */
void engine_note_success(struct engine *engine) ATTR_NONNULL;
void engine_note_drift(struct engine *engine) ATTR_NONNULL;
/** Changes from then on have been read back. */
void engine_note_applied(struct engine *engine, int64_t since_us) ATTR_NONNULL;
