/* SPDX-License-Identifier: Apache-2.0
 * Whether the prefixes of one set are to be announced, and how: a state machine, stepped with what
 * is known and the time. Pure.
 *
 *   down       not announced: something that has to hold does not, or it is ordered so
 *   holding    all holds; not announced before it has for the hold time
 *   announced  with the set's own attributes
 *   degraded   announced with those of `degraded`, as `full` does not hold
 *   draining   announced with GRACEFUL_SHUTDOWN (RFC 8326), to be withdrawn when drain_time is over
 *
 * Invariants, whatever comes in which order (tests/unit/anycast/test_announcer_random.c):
 *  - With `self` not ok nothing is announced from the next step on, unless by a forced order; nor
 *    when it has not been known for ANNOUNCER_WAIT_MS.
 *  - Causes other than `self`, orders and a failed hook withdraw only after fall_ms without a
 * pause.
 *  - Before each announcement all has held, known and believed, without a pause for the hold time:
 *    rise_ms x 2^(n-1) for n withdrawals in the last 15 minutes when that began, at least rise_ms,
 *    at most 10 minutes. So no withdrawal is followed by an announcement any sooner.
 *  - While frozen, neither pools nor checks withdraw, degrade or announce.
 *  - What is not known is waited for, for ANNOUNCER_WAIT_MS: neither a start nor a reload withdraws
 *    for want of results; then it counts as what does not hold.
 *  - What was announced when Loadstar started is adopted, at the first look at the speaker: it is
 *    not withdrawn to be announced anew, nor held. Only if nothing has been withdrawn until then.
 *  - What is announced changes from plain to degraded only after fall_ms of `full` failing, and
 *    back only after rise_ms of it holding, without a pause; by an order at once.
 *  - A drain that is taken back ends where it began, without a hold: nothing was withdrawn.
 *  - `stopping` never announces what is not.
 *  - What the speaker has changes nothing but by adoption: if it has lost a route, it is told anew
 *    (speaker_line.h), and the state stays. */
#pragma once

#include "model/anycast.h"

#include <stdbool.h>
#include <stdint.h>

/* With them a rise of 20 ms grows to the longest hold. */
#define ANNOUNCER_WITHDRAWALS_MAX 16
#define ANNOUNCER_WINDOW_MS (15 * 60 * 1000)
#define ANNOUNCER_HOLD_MAX_MS (10 * 60 * 1000)
#define ANNOUNCER_WAIT_MS 30000

enum announcer_state {
    ANNOUNCER_DOWN,
    ANNOUNCER_HOLDING,
    ANNOUNCER_ANNOUNCED,
    ANNOUNCER_DEGRADED,
    ANNOUNCER_DRAINING
};
const char *announcer_state_text(enum announcer_state state);

/** What the speaker has. */
enum announcer_real { REAL_UNKNOWN, REAL_ABSENT, REAL_PRESENT };
const char *announcer_real_text(enum announcer_real real);

struct announcer_config {
    uint32_t rise_ms, fall_ms, drain_ms;
    bool graceful;
};

struct announcer_inputs {
    bool self_known, self_ok; /* both true if it is not asked */
    bool known;               /* of `when` and `full`: each of them has a result */
    bool when_ok, full_ok;
    bool frozen; /* what pools and checks say is not believed */
    enum announce_order order;
    bool forced;      /* ANNOUNCE_YES holds against `self` as well */
    bool stopping;    /* drained if that is graceful, once and for all */
    bool hook_failed; /* a required on_announce has failed: not announced. Once it is not, the
                         caller takes this back; then the hold begins, and it is tried again */
    enum announcer_real real;
    bool real_differs; /* it has other attributes than the set's own: of what is adopted without
                          knowing `full`, that it was degraded. Asked for by nothing else */
};

enum announcer_timer {
    ANNOUNCER_TIMER_HOLD,  /* until it is announced */
    ANNOUNCER_TIMER_FALL,  /* until it is withdrawn, as what has to hold does not */
    ANNOUNCER_TIMER_DRAIN, /* until it is withdrawn, as it is drained */
    ANNOUNCER_TIMER_FULL,  /* until it is degraded, or not any more */
    ANNOUNCER_TIMER_WAIT,  /* until what is not known counts as what does not hold */
    ANNOUNCER_TIMERS
};
/** "hold" "fall" "drain" "full" "wait" */
const char *announcer_timer_text(enum announcer_timer timer);

struct announcer {
    enum announcer_state state;
    int64_t since_ms; /* monotonic, of the state */
    bool degraded;    /* announced with the attributes of `degraded`, draining or not */
    bool looked;      /* what the speaker has was known once, or something was withdrawn before */
    bool adopted;     /* announced since before Loadstar was started */
    bool overdue;     /* what is not known was waited for */
    int64_t until_ms[ANNOUNCER_TIMERS];                /* when it is over; 0: it does not run */
    int64_t withdrawals_ms[ANNOUNCER_WITHDRAWALS_MAX]; /* the latest, a ring */
    uint64_t n_withdrawals, n_transitions;
};

/** Down, since now. */
void announcer_init(struct announcer *announcer, int64_t now_ms) ATTR_NONNULL;

/** What was withdrawn counts for another one that goes on in its place. */
void announcer_remember(struct announcer *announcer, const struct announcer *of) ATTR_NONNULL;

/** Steps on; any number of times within one moment gives the same. Returns whether the state has
 *  changed. What it goes through within one step (a hold of 0 s) is no state that it was in. */
bool announcer_step(struct announcer *announcer, const struct announcer_config *config,
                    const struct announcer_inputs *inputs, int64_t now_ms) ATTR_NONNULL;

/** When to step again though nothing comes; INT64_MAX: not. */
int64_t announcer_next_ms(const struct announcer *announcer) ATTR_NONNULL ATTR_PURE;

/** Whether the prefixes are to be with the speaker. */
static inline bool announcer_announces(const struct announcer *announcer)
{
    return announcer->state >= ANNOUNCER_ANNOUNCED;
}

/** How long all would have to hold from now on before it is announced. */
int64_t announcer_hold_ms(const struct announcer *announcer, const struct announcer_config *config,
                          int64_t now_ms) ATTR_NONNULL ATTR_PURE;
