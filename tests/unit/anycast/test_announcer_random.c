/* SPDX-License-Identifier: Apache-2.0
 * The state machine of a prefix set over random sequences, against a slow recount: what is to be is
 * worked out anew at each step from all that was, by looking back for how long something has been
 * so. And each invariant of the header by itself. */
#include "anycast/announcer.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 1000000
#define RUN_MAX 2000 /* steps of one machine */

struct moment {
    int64_t now_ms;
    struct announcer_inputs in;
    enum announcer_state from; /* before the step; after adoption */
    bool from_degraded;
    bool self_bad, when_bad; /* failing, or overdue */
    enum announcer_state to;
    bool to_degraded;
};

struct history {
    struct moment v[RUN_MAX];
    uint32_t n;
    int64_t withdrawn_ms[RUN_MAX];
    uint32_t n_withdrawn;
    bool looked;
    struct announcer_config config;
};

static struct history past;

static bool is_on(enum announcer_state state)
{
    return state == ANNOUNCER_ANNOUNCED || state == ANNOUNCER_DEGRADED ||
           state == ANNOUNCER_DRAINING;
}

/* ---- what is said ---- */

static bool by_order(const struct announcer_inputs *in)
{
    return in->order == ANNOUNCE_YES;
}

static bool by_force(const struct announcer_inputs *in)
{
    return by_order(in) && in->forced;
}

static bool goes(const struct announcer_inputs *in)
{
    return in->stopping || in->order == ANNOUNCE_WITHDRAW || in->order == ANNOUNCE_DRAIN;
}

static bool self_good(const struct announcer_inputs *in)
{
    return by_force(in) || (in->self_known && in->self_ok);
}

static bool when_good(const struct announcer_inputs *in)
{
    return by_order(in) || (in->known && in->when_ok && !in->frozen);
}

static bool full_good(const struct announcer_inputs *in)
{
    return by_order(in) || (in->known && in->full_ok && !in->frozen);
}

static bool full_bad(const struct announcer_inputs *in)
{
    return !by_order(in) && in->known && !in->full_ok && !in->frozen;
}

static bool lacks_results(const struct announcer_inputs *in)
{
    return (!in->self_known && !by_force(in)) || (!in->known && !by_order(in) && !in->frozen);
}

/* ---- for how long ---- */

static bool was_waiting(const struct moment *m)
{
    return m->from != ANNOUNCER_DOWN && lacks_results(&m->in);
}

static bool was_falling(const struct moment *m)
{
    return is_on(m->from) && m->when_bad;
}

static bool was_draining(const struct moment *m)
{
    return is_on(m->from) && goes(&m->in);
}

static bool was_holding(const struct moment *m)
{
    return !is_on(m->from) && self_good(&m->in) && when_good(&m->in) && !goes(&m->in) &&
           !m->in.hook_failed;
}

static bool was_worse(const struct moment *m)
{
    return is_on(m->from) && !goes(&m->in) && !m->from_degraded && full_bad(&m->in);
}

static bool was_better(const struct moment *m)
{
    return is_on(m->from) && !goes(&m->in) && m->from_degraded && full_good(&m->in);
}

/** Since when it has been so, at each step up to the latest, and never down; -1: it is not. */
static int64_t since(bool (*is_so)(const struct moment *m))
{
    int64_t since_ms = -1;
    for (uint32_t i = past.n; i-- > 0 && is_so(&past.v[i]);) {
        if (i + 1 < past.n && past.v[i].to == ANNOUNCER_DOWN)
            break;
        since_ms = past.v[i].now_ms;
    }
    return since_ms;
}

static bool for_long(bool (*is_so)(const struct moment *m), int64_t ms)
{
    int64_t since_ms = since(is_so);
    return since_ms >= 0 && past.v[past.n - 1].now_ms - since_ms >= ms;
}

static int64_t hold_at(int64_t at_ms)
{
    double hold_ms = past.config.rise_ms;
    uint32_t n = 0;
    for (uint32_t i = 0; i < past.n_withdrawn; i++)
        n += past.withdrawn_ms[i] > at_ms - 15 * 60 * 1000;
    for (uint32_t i = 1; i < n; i++)
        hold_ms *= 2;
    if (hold_ms > 10 * 60 * 1000)
        hold_ms = 10 * 60 * 1000;
    return hold_ms < past.config.rise_ms ? past.config.rise_ms : (int64_t)hold_ms;
}

/* ---- what is to be ---- */

static void expect_off(struct moment *m)
{
    bool none = self_good(&m->in) && when_good(&m->in);
    int64_t held_ms = since(was_holding);
    m->to_degraded = false;
    if (goes(&m->in) || m->self_bad || m->when_bad || (m->from == ANNOUNCER_DOWN && !none))
        m->to = ANNOUNCER_DOWN;
    else if (held_ms >= 0 && m->now_ms - held_ms >= hold_at(held_ms))
        m->to = full_bad(&m->in) ? ANNOUNCER_DEGRADED : ANNOUNCER_ANNOUNCED;
    else
        m->to = ANNOUNCER_HOLDING;
    m->to_degraded = m->to == ANNOUNCER_DEGRADED;
}

static void expect_on(struct moment *m)
{
    const struct announcer_config *c = &past.config;
    m->to_degraded = false;
    m->to = ANNOUNCER_DOWN;
    if (m->in.order == ANNOUNCE_WITHDRAW || (m->in.stopping && !c->graceful) || m->self_bad)
        return;
    if (m->in.hook_failed) {
        m->to = goes(&m->in) || m->when_bad ? ANNOUNCER_DOWN : ANNOUNCER_HOLDING;
        return;
    }
    if (for_long(was_falling, c->fall_ms) || for_long(was_draining, c->drain_ms))
        return;
    m->to_degraded = m->from_degraded;
    if (for_long(was_worse, c->fall_ms))
        m->to_degraded = true;
    if (for_long(was_better, by_order(&m->in) ? 0 : c->rise_ms))
        m->to_degraded = false;
    m->to = goes(&m->in)     ? ANNOUNCER_DRAINING
            : m->to_degraded ? ANNOUNCER_DEGRADED
                             : ANNOUNCER_ANNOUNCED;
}

/** Adds the moment; works out what is to come of it. */
static const struct moment *expect(const struct announcer_inputs *in, int64_t now_ms)
{
    struct moment *m = &past.v[past.n], *before = past.n ? m - 1 : NULL;
    *m = (struct moment){.now_ms = now_ms, .in = *in};
    m->from = before ? before->to : ANNOUNCER_DOWN;
    m->from_degraded = before && before->to_degraded;
    if (!past.looked && in->real != REAL_UNKNOWN) {
        past.looked = true;
        if (!is_on(m->from) && in->real == REAL_PRESENT) {
            bool tells = by_order(in) || (in->known && !in->frozen);
            m->from_degraded = tells ? full_bad(in) : in->real_differs;
            m->from = m->from_degraded ? ANNOUNCER_DEGRADED : ANNOUNCER_ANNOUNCED;
        }
    }
    past.n++;
    bool overdue = for_long(was_waiting, 30000);
    m->self_bad = !by_force(in) && (in->self_known ? !in->self_ok : overdue);
    m->when_bad = !by_order(in) && !in->frozen && (in->known ? !in->when_ok : overdue);
    if (is_on(m->from))
        expect_on(m);
    else
        expect_off(m);
    if (is_on(m->from) && !is_on(m->to)) {
        past.withdrawn_ms[past.n_withdrawn++] = now_ms;
        past.looked = true;
    }
    return m;
}

/* ---- each invariant by itself ---- */

static void check_machine(const struct announcer *a, const struct announcer_inputs *in,
                          int64_t now_ms)
{
    struct announcer again = *a;
    assert_false(announcer_step(&again, &past.config, in, now_ms));
    assert_memory_equal(&again, a, sizeof again);
    int64_t next_ms = announcer_next_ms(a);
    assert_true(next_ms > now_ms);
    if (next_ms == INT64_MAX) {
        /* Nothing comes by time alone. */
        assert_false(announcer_step(&again, &past.config, in, now_ms + 100000000));
        return;
    }
    assert_false(announcer_step(&again, &past.config, in, next_ms - 1));
    again = *a;
    announcer_step(&again, &past.config, in, next_ms);
    assert_memory_not_equal(&again, a, sizeof again);
}

/** What the speaker has is nothing to one that has looked. */
static void check_real(const struct announcer *before, const struct announcer *after,
                       const struct announcer_inputs *in, int64_t now_ms)
{
    struct announcer other = *before;
    struct announcer_inputs otherwise = *in;
    if (!before->looked)
        return;
    otherwise.real = (in->real + 1) % 3;
    otherwise.real_differs = !in->real_differs;
    announcer_step(&other, &past.config, &otherwise, now_ms);
    assert_memory_equal(&other, after, sizeof other);
}

static void check_change(const struct announcer *before, const struct announcer *after,
                         const struct announcer_inputs *in, int64_t now_ms)
{
    bool was = announcer_announces(before), is = announcer_announces(after);
    bool adopts = !before->looked && in->real == REAL_PRESENT;
    if (is && !by_force(in))
        assert_false(in->self_known && !in->self_ok);
    if (!was && is && !adopts) {
        assert_false(in->stopping);
        if (past.n_withdrawn > 0) /* the hold was grown from the withdrawals until then */
            assert_true(now_ms - past.withdrawn_ms[past.n_withdrawn - 1] >=
                        (int64_t)past.config.rise_ms);
        assert_true(by_order(in) || !in->frozen);
    }
    if (was && is && in->frozen && !by_order(in))
        assert_int_equal(before->degraded, after->degraded);
    if (was && !is && in->frozen && !in->stopping && in->order == ANNOUNCE_AUTO && !in->hook_failed)
        assert_false(self_good(in));
    if (before->state == ANNOUNCER_DRAINING && is && !goes(in))
        assert_int_equal(before->n_withdrawals, after->n_withdrawals);
    assert_int_equal(after->n_transitions - before->n_transitions, before->state != after->state);
    assert_int_equal(after->since_ms, before->state == after->state ? before->since_ms : now_ms);
}

/* ---- sequences ---- */

static bool one_in(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n) == 0;
}

static void draw_config(struct rng *rng, struct announcer_config *c)
{
    static const uint32_t rises[] = {0, 20, 100, 1000, 10000, 60000, 700000},
                          falls[] = {0, 1, 500, 2000, 10000}, drains[] = {0, 5000, 30000, 30000};
    c->rise_ms = rises[rng_below(rng, ARRAY_LEN(rises))];
    c->fall_ms = falls[rng_below(rng, ARRAY_LEN(falls))];
    c->drain_ms = drains[rng_below(rng, ARRAY_LEN(drains))];
    c->graceful = !one_in(rng, 3);
}

static void draw_inputs(struct rng *rng, struct announcer_inputs *in, uint32_t calm)
{
    if (one_in(rng, 4 * calm))
        in->self_ok = false;
    else if (one_in(rng, 2))
        in->self_ok = true;
    if (one_in(rng, 3 * calm))
        in->when_ok = false;
    else if (one_in(rng, 4))
        in->when_ok = true;
    if (one_in(rng, 3))
        in->full_ok = !one_in(rng, calm);
    in->self_known = !one_in(rng, 6 * calm) && (in->self_known || one_in(rng, 4));
    in->known = !one_in(rng, 6 * calm) && (in->known || one_in(rng, 4));
    in->frozen = in->frozen ? !one_in(rng, 4) : one_in(rng, 8 * calm);
    if (in->order == ANNOUNCE_AUTO ? one_in(rng, 20) : one_in(rng, 6)) {
        static const enum announce_order orders[] = {ANNOUNCE_AUTO,     ANNOUNCE_AUTO,
                                                     ANNOUNCE_YES,      ANNOUNCE_DRAIN,
                                                     ANNOUNCE_WITHDRAW, ANNOUNCE_DRAIN};
        in->order = orders[rng_below(rng, one_in(rng, 3) ? 6 : 4)];
        in->forced = one_in(rng, 2);
    }
    in->hook_failed = in->hook_failed ? !one_in(rng, 2) : one_in(rng, 12 * calm);
    in->stopping |= one_in(rng, 600 * calm);
    if (one_in(rng, 6))
        in->real = (enum announcer_real)rng_below(rng, 3);
    in->real_differs = one_in(rng, 2);
}

static int64_t draw_ms(struct rng *rng, const struct announcer *a, int64_t now_ms)
{
    int64_t next_ms = announcer_next_ms(a);
    switch (rng_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
    case 2:
        return next_ms == INT64_MAX ? 1 : next_ms - now_ms;
    case 3:
        return next_ms == INT64_MAX ? 2 : next_ms - now_ms - 1;
    case 4:
        return rng_below(rng, 10);
    case 5:
        return rng_below(rng, 3000);
    case 6:
        return rng_below(rng, 20000);
    }
    return one_in(rng, 20) ? rng_below(rng, 1200000) : rng_below(rng, 200);
}

static void fail_at(const struct announcer *a, const struct moment *m)
{
    fail_msg("step %u: it is %s, to be %s (from %s, self %d%d known %d when %d full %d frozen %d "
             "order %d%d hook %d stop %d real %d; rise %u fall %u drain %u)",
             past.n, announcer_state_text(a->state), announcer_state_text(m->to),
             announcer_state_text(m->from), m->in.self_known, m->in.self_ok, m->in.known,
             m->in.when_ok, m->in.full_ok, m->in.frozen, m->in.order, m->in.forced,
             m->in.hook_failed, m->in.stopping, m->in.real, past.config.rise_ms,
             past.config.fall_ms, past.config.drain_ms);
}

static uint64_t n_seen[ANNOUNCER_DRAINING + 1], n_withdrawals;

static uint32_t run_one(struct rng *rng, uint32_t steps, int64_t now_ms)
{
    struct announcer_inputs in = {.self_ok = true, .when_ok = true, .full_ok = true};
    uint32_t calm = 1 + rng_below(rng, 3) * rng_below(rng, 30);
    struct announcer a;
    past.n = past.n_withdrawn = 0;
    past.looked = false;
    draw_config(rng, &past.config);
    announcer_init(&a, now_ms);
    for (uint32_t i = 0; i < steps; i++) {
        struct announcer before = a;
        draw_inputs(rng, &in, calm);
        const struct moment *m = expect(&in, now_ms);
        bool changed = announcer_step(&a, &past.config, &in, now_ms);
        assert_int_equal(changed, before.state != a.state);
        if (a.state != m->to || a.degraded != m->to_degraded || a.n_withdrawals != past.n_withdrawn)
            fail_at(&a, m);
        assert_int_equal(announcer_hold_ms(&a, &past.config, now_ms), hold_at(now_ms));
        check_machine(&a, &in, now_ms);
        check_real(&before, &a, &in, now_ms);
        check_change(&before, &a, &in, now_ms);
        n_seen[a.state]++;
        now_ms += draw_ms(rng, &a, now_ms);
    }
    n_withdrawals += past.n_withdrawn;
    return steps;
}

static void test_random(void **state)
{
    struct rng rng = {20261126};
    uint32_t done = 0;
    (void)state;
    while (done < STEPS)
        done += run_one(&rng, 1 + rng_below(&rng, RUN_MAX), 1000 + rng_below(&rng, 1000000));
    /* It has been everywhere. */
    for (enum announcer_state i = ANNOUNCER_DOWN; i <= ANNOUNCER_DRAINING; i++)
        assert_true(n_seen[i] > STEPS / 100);
    assert_true(n_withdrawals > STEPS / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
