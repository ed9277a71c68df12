/* SPDX-License-Identifier: Apache-2.0
 * The state machine of one prefix set. */
#include "anycast/announcer.h"

#include <string.h>

/** What is said of something that has to hold. */
enum verdict {
    HOLDS,
    FAILS,
    OPEN /* not known yet, or not believed: nothing begins or ends by it */
};

const char *announcer_state_text(enum announcer_state state)
{
    static const char *const texts[] = {
        [ANNOUNCER_DOWN] = "down",           [ANNOUNCER_HOLDING] = "holding",
        [ANNOUNCER_ANNOUNCED] = "announced", [ANNOUNCER_DEGRADED] = "degraded",
        [ANNOUNCER_DRAINING] = "draining",
    };
    return texts[state];
}

const char *announcer_real_text(enum announcer_real real)
{
    static const char *const texts[] = {
        [REAL_UNKNOWN] = "unknown", [REAL_ABSENT] = "absent", [REAL_PRESENT] = "present"};
    return texts[real];
}

const char *announcer_timer_text(enum announcer_timer timer)
{
    static const char *const texts[ANNOUNCER_TIMERS] = {
        [ANNOUNCER_TIMER_HOLD] = "hold",   [ANNOUNCER_TIMER_FALL] = "fall",
        [ANNOUNCER_TIMER_DRAIN] = "drain", [ANNOUNCER_TIMER_FULL] = "full",
        [ANNOUNCER_TIMER_WAIT] = "wait",
    };
    return texts[timer];
}

/* ---- time ---- */

static int64_t later(int64_t at_ms, int64_t by_ms)
{
    int64_t sum;
    if (__builtin_add_overflow(at_ms, by_ms, &sum))
        return by_ms < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/** Runs the timer while `runs`, without a pause; returns whether it is over. */
static bool is_over(struct announcer *a, enum announcer_timer timer, bool runs, int64_t ms,
                    int64_t now_ms)
{
    int64_t *until_ms = &a->until_ms[timer];
    if (!runs) {
        *until_ms = 0;
        return false;
    }
    if (*until_ms == 0) {
        *until_ms = later(now_ms, ms);
        *until_ms -= *until_ms == 0; /* 0 is: it does not run */
    }
    return now_ms >= *until_ms;
}

int64_t announcer_next_ms(const struct announcer *a)
{
    int64_t next_ms = INT64_MAX;
    for (unsigned i = 0; i < ANNOUNCER_TIMERS; i++)
        if (a->until_ms[i] != 0 && a->until_ms[i] < next_ms)
            next_ms = a->until_ms[i];
    return next_ms;
}

int64_t announcer_hold_ms(const struct announcer *a, const struct announcer_config *config,
                          int64_t now_ms)
{
    uint64_t kept =
        a->n_withdrawals < ANNOUNCER_WITHDRAWALS_MAX ? a->n_withdrawals : ANNOUNCER_WITHDRAWALS_MAX;
    unsigned n = 0;
    for (uint64_t i = 0; i < kept; i++)
        n += later(a->withdrawals_ms[i], ANNOUNCER_WINDOW_MS) > now_ms;
    int64_t hold_ms = config->rise_ms;
    for (; n > 1 && hold_ms < ANNOUNCER_HOLD_MAX_MS; n--)
        hold_ms *= 2;
    if (hold_ms > ANNOUNCER_HOLD_MAX_MS)
        hold_ms = ANNOUNCER_HOLD_MAX_MS;
    return hold_ms > config->rise_ms ? hold_ms : config->rise_ms;
}

/* ---- what holds ---- */

static bool ignores_needs(const struct announcer_inputs *in)
{
    return in->order == ANNOUNCE_YES;
}

static bool ignores_self(const struct announcer_inputs *in)
{
    return in->order == ANNOUNCE_YES && in->forced;
}

static bool is_leaving(const struct announcer_inputs *in)
{
    return in->stopping || in->order == ANNOUNCE_DRAIN || in->order == ANNOUNCE_WITHDRAW;
}

static enum verdict verdict_of(bool known, bool ok, bool overdue)
{
    if (known)
        return ok ? HOLDS : FAILS;
    return overdue ? FAILS : OPEN;
}

static enum verdict self_verdict(const struct announcer *a, const struct announcer_inputs *in)
{
    return ignores_self(in) ? HOLDS : verdict_of(in->self_known, in->self_ok, a->overdue);
}

static enum verdict when_verdict(const struct announcer *a, const struct announcer_inputs *in)
{
    if (ignores_needs(in))
        return HOLDS;
    return in->frozen ? OPEN : verdict_of(in->known, in->when_ok, a->overdue);
}

static enum verdict full_verdict(const struct announcer_inputs *in)
{
    if (ignores_needs(in))
        return HOLDS;
    return in->frozen ? OPEN : verdict_of(in->known, in->full_ok, false);
}

static bool is_waited_for(const struct announcer_inputs *in)
{
    return (!in->self_known && !ignores_self(in)) ||
           (!in->known && !ignores_needs(in) && !in->frozen);
}

/* ---- states ---- */

static void note_withdrawal(struct announcer *a, int64_t now_ms)
{
    a->withdrawals_ms[a->n_withdrawals++ % ANNOUNCER_WITHDRAWALS_MAX] = now_ms;
    a->looked = true;
    a->adopted = false;
}

/** Timers that mean nothing in the new state do not run on. */
static void enter(struct announcer *a, enum announcer_state state, int64_t now_ms)
{
    if (announcer_announces(a) && state < ANNOUNCER_ANNOUNCED)
        note_withdrawal(a, now_ms);
    a->state = state;
    if (announcer_announces(a)) {
        a->until_ms[ANNOUNCER_TIMER_HOLD] = 0;
        return;
    }
    a->degraded = false;
    a->until_ms[ANNOUNCER_TIMER_FALL] = a->until_ms[ANNOUNCER_TIMER_FULL] =
        a->until_ms[ANNOUNCER_TIMER_DRAIN] = 0;
    if (state == ANNOUNCER_DOWN) {
        a->until_ms[ANNOUNCER_TIMER_HOLD] = a->until_ms[ANNOUNCER_TIMER_WAIT] = 0;
        a->overdue = false;
    }
}

/** The first look at the speaker. What it has may be as it was left before a restart. */
static void adopt(struct announcer *a, const struct announcer_inputs *in, int64_t now_ms)
{
    if (a->looked || in->real == REAL_UNKNOWN)
        return;
    a->looked = true;
    if (announcer_announces(a) || in->real == REAL_ABSENT)
        return;
    enum verdict full = full_verdict(in);
    a->degraded = full == OPEN ? in->real_differs : full == FAILS;
    a->adopted = true;
    enter(a, ANNOUNCER_ANNOUNCED, now_ms);
}

static void wait_for_results(struct announcer *a, const struct announcer_inputs *in, int64_t now_ms)
{
    bool waits = is_waited_for(in);
    a->overdue &= waits;
    if (is_over(a, ANNOUNCER_TIMER_WAIT, waits && !a->overdue, ANNOUNCER_WAIT_MS, now_ms)) {
        a->overdue = true;
        a->until_ms[ANNOUNCER_TIMER_WAIT] = 0;
    }
}

static enum announcer_state from_absent(struct announcer *a, const struct announcer_config *config,
                                        const struct announcer_inputs *in, int64_t now_ms)
{
    enum verdict self = self_verdict(a, in), when = when_verdict(a, in);
    if (is_leaving(in) || self == FAILS || when == FAILS)
        return ANNOUNCER_DOWN;
    bool all = self == HOLDS && when == HOLDS;
    if (!all && a->state == ANNOUNCER_DOWN)
        return ANNOUNCER_DOWN;
    if (!is_over(a, ANNOUNCER_TIMER_HOLD, all && !in->hook_failed,
                 announcer_hold_ms(a, config, now_ms), now_ms))
        return ANNOUNCER_HOLDING;
    a->degraded = full_verdict(in) == FAILS;
    return a->degraded ? ANNOUNCER_DEGRADED : ANNOUNCER_ANNOUNCED;
}

static enum announcer_state plain_or_degraded(struct announcer *a,
                                              const struct announcer_config *config,
                                              const struct announcer_inputs *in, int64_t now_ms)
{
    enum verdict full = full_verdict(in);
    bool turns = full == (a->degraded ? HOLDS : FAILS);
    bool ordered = turns && ignores_needs(in);
    uint32_t ms = a->degraded ? config->rise_ms : config->fall_ms;
    if (is_over(a, ANNOUNCER_TIMER_FULL, turns, ms, now_ms) || ordered) {
        a->degraded = !a->degraded;
        a->until_ms[ANNOUNCER_TIMER_FULL] = 0;
    }
    return a->degraded ? ANNOUNCER_DEGRADED : ANNOUNCER_ANNOUNCED;
}

static enum announcer_state from_announced(struct announcer *a,
                                           const struct announcer_config *config,
                                           const struct announcer_inputs *in, int64_t now_ms)
{
    enum verdict when = when_verdict(a, in);
    if (in->order == ANNOUNCE_WITHDRAW || (in->stopping && !config->graceful) ||
        self_verdict(a, in) == FAILS)
        return ANNOUNCER_DOWN;
    if (in->hook_failed)
        return is_leaving(in) || when == FAILS ? ANNOUNCER_DOWN : ANNOUNCER_HOLDING;
    if (is_over(a, ANNOUNCER_TIMER_FALL, when == FAILS, config->fall_ms, now_ms))
        return ANNOUNCER_DOWN;
    bool drains = is_leaving(in);
    if (is_over(a, ANNOUNCER_TIMER_DRAIN, drains, config->drain_ms, now_ms))
        return ANNOUNCER_DOWN;
    if (!drains)
        return plain_or_degraded(a, config, in, now_ms);
    a->until_ms[ANNOUNCER_TIMER_FULL] = 0;
    return ANNOUNCER_DRAINING;
}

void announcer_init(struct announcer *a, int64_t now_ms)
{
    *a = (struct announcer){.since_ms = now_ms};
}

void announcer_remember(struct announcer *a, const struct announcer *of)
{
    memcpy(a->withdrawals_ms, of->withdrawals_ms, sizeof a->withdrawals_ms);
    a->n_withdrawals = of->n_withdrawals;
}

bool announcer_step(struct announcer *a, const struct announcer_config *config,
                    const struct announcer_inputs *in, int64_t now_ms)
{
    enum announcer_state before = a->state;
    adopt(a, in, now_ms);
    wait_for_results(a, in, now_ms);
    enter(a,
          announcer_announces(a) ? from_announced(a, config, in, now_ms)
                                 : from_absent(a, config, in, now_ms),
          now_ms);
    if (a->state == before)
        return false;
    a->since_ms = now_ms;
    a->n_transitions++;
    return true;
}
