/* SPDX-License-Identifier: Apache-2.0
 * What each state of an endpoint is in a tier, as tables: one endpoint alone, weights, `serve_all`,
 * staged drains, the level of the whole. */
#include "tier/desired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tier/small_tier.h"

#define NOW 1000000000000

/* ---- one endpoint ---- */

struct state_case {
    const char *what;
    struct member_state state;
    struct serving expected;
};

#define STATE(...)                             \
    {                                          \
        .share = 256, .weight = 1, __VA_ARGS__ \
    }

static const struct state_case state_cases[] = {
    {"up", STATE(.health = HEALTH_UP), {SERVES_READY, 100}},
    {"up, weight 0", {.health = HEALTH_UP, .share = 256}, {SERVES_READY, 0}},
    {"drain", STATE(.health = HEALTH_UP, .override = OVERRIDE_DRAIN), {SERVES_DRAIN, 0}},
    {"drain, down", STATE(.health = HEALTH_DOWN, .override = OVERRIDE_DRAIN), {SERVES_DRAIN, 0}},
    {"down by health", STATE(.health = HEALTH_DOWN), {SERVES_DOWN, 0}},
    {"down by health, weight 0", {.health = HEALTH_DOWN, .share = 256}, {SERVES_DOWN, 0}},
    {"down by order", STATE(.health = HEALTH_UP, .override = OVERRIDE_DOWN), {SERVES_MAINT, 0}},
    {"up by order", STATE(.health = HEALTH_DOWN, .override = OVERRIDE_UP), {SERVES_READY, 100}},
    {"up by order, weight 0",
     {.health = HEALTH_DOWN, .override = OVERRIDE_UP, .share = 256},
     {SERVES_READY, 0}},
    /* Nothing is known: unchanged. */
    {"unknown", STATE(.health = HEALTH_UNKNOWN), {SERVES_UNKNOWN, 0}},
    {"unknown, assumed up", STATE(.assumed_up = true), {SERVES_UNKNOWN, 0}},
    {"stale", STATE(.health = HEALTH_UP, .stale = true), {SERVES_UNKNOWN, 0}},
    {"stale, down", STATE(.health = HEALTH_DOWN, .stale = true), {SERVES_UNKNOWN, 0}},
    {"frozen", STATE(.health = HEALTH_UP, .frozen = true), {SERVES_UNKNOWN, 0}},
    {"frozen, down", STATE(.health = HEALTH_DOWN, .frozen = true), {SERVES_UNKNOWN, 0}},
    {"frozen, unknown", STATE(.frozen = true), {SERVES_UNKNOWN, 0}},
    /* A saved state that is fresh is as good as a result. */
    {"remembered up", STATE(.remembered = true, .assumed_up = true), {SERVES_READY, 100}},
    {"remembered down", STATE(.remembered = true), {SERVES_DOWN, 0}},
    {"remembered, stale",
     STATE(.remembered = true, .assumed_up = true, .stale = true),
     {SERVES_UNKNOWN, 0}},
    /* Orders win over what is not known. */
    {"unknown, up by order", STATE(.override = OVERRIDE_UP), {SERVES_READY, 100}},
    {"stale, drained", STATE(.stale = true, .override = OVERRIDE_DRAIN), {SERVES_DRAIN, 0}},
    {"frozen, down by order", STATE(.frozen = true, .override = OVERRIDE_DOWN), {SERVES_MAINT, 0}},
    {"frozen, up by order", STATE(.frozen = true, .override = OVERRIDE_UP), {SERVES_READY, 100}},
    {"unknown, weight 0 by order", {.share = 256, .weight_ordered = true}, {SERVES_READY, 0}},
    {"frozen, weight 0 by order",
     {.health = HEALTH_DOWN, .frozen = true, .share = 256, .weight_ordered = true},
     {SERVES_READY, 0}},
    {"stale, weight by order",
     {.health = HEALTH_UP, .stale = true, .share = 256, .weight = 2, .weight_ordered = true},
     {SERVES_UNKNOWN, 200}},
    {"down, weight by order",
     {.health = HEALTH_DOWN, .share = 256, .weight = 2, .weight_ordered = true},
     {SERVES_DOWN, 0}},
};

static void test_states(void **state)
{
    struct small_tier t;
    (void)state;
    small_tier_init(&t, 1, 0);
    for (size_t i = 0; i < ARRAY_LEN(state_cases); i++) {
        const struct state_case *c = &state_cases[i];
        struct serving got = serving_of(&t.spec, &c->state);
        if (got.serves != c->expected.serves || got.weight != c->expected.weight)
            fail_msg("%s: %s %u", c->what, serves_text(got.serves), got.weight);
        t.states[0] = c->state;
        struct desired summary;
        int64_t staged_ms;
        desired_compute(&summary, &got, &staged_ms, &t.spec, t.states, NOW);
        if (got.serves != c->expected.serves || got.weight != c->expected.weight)
            fail_msg("%s, computed: %s %u", c->what, serves_text(got.serves), got.weight);
        assert_int_equal(summary.n_unknown, c->expected.serves == SERVES_UNKNOWN);
        assert_int_equal(summary.n_ready,
                         c->expected.serves == SERVES_READY && c->expected.weight > 0);
        assert_int_equal(staged_ms, 0);
    }
}

/* ---- weights ---- */

static const struct {
    uint32_t max, weight;
    uint16_t share, expected;
} weight_cases[] = {
    {1, 1, 256, 100},
    {1, 0, 256, 0},
    {100, 100, 256, 100},
    {100, 50, 256, 50},
    {100, 1, 256, 1},
    {1000000, 1, 256, 1}, /* never 0 */
    {1000000, 1, 1, 1},
    {1000000, 1000000, 256, 100},
    {3, 1, 256, 33},
    {3, 2, 256, 67}, /* to the nearest */
    {1, 1, 16, 6},
    {1, 1, 128, 50},
    {1, 1, 1, 1}, /* a slow start's first */
    {100, 200, 256, 200},
    {100, 256, 256, 256},
    {100, 257, 256, 256}, /* by order */
    {1, 1000000, 256, 256},
    {1, 1000000, 1, 256},
    {100, 512, 128, 256},
    {100, 512, 16, 32},
    {4294967295u, 4294967295u, 256, 100},
};

static void test_weights(void **state)
{
    struct small_tier t;
    (void)state;
    small_tier_init(&t, 1, 0);
    for (size_t i = 0; i < ARRAY_LEN(weight_cases); i++) {
        t.spec.weight_max = weight_cases[i].max;
        uint16_t got = serving_weight(&t.spec, weight_cases[i].weight, weight_cases[i].share);
        if (got != weight_cases[i].expected)
            fail_msg("%u of %u x %u/256: %u", weight_cases[i].weight, weight_cases[i].max,
                     weight_cases[i].share, got);
    }
}

/* A step of one member's slow start changes that member only. */
static void test_a_ramp_changes_one(void **state)
{
    struct small_tier t;
    struct serving before[SMALL_MEMBERS], after[SMALL_MEMBERS];
    int64_t staged_ms[SMALL_MEMBERS];
    struct desired summary;
    (void)state;
    small_tier_init(&t, SMALL_MEMBERS, 0);
    t.spec.weight_max = 7;
    for (uint32_t i = 0; i < SMALL_MEMBERS; i++)
        t.states[i].weight = i;
    desired_compute(&summary, before, staged_ms, &t.spec, t.states, NOW);
    t.states[5].share = 16;
    desired_compute(&summary, after, staged_ms, &t.spec, t.states, NOW);
    for (uint32_t i = 0; i < SMALL_MEMBERS; i++)
        assert_int_equal(before[i].weight == after[i].weight, i != 5);
}

/* ---- all down ---- */

enum { UP, DOWN, ZERO, DRAINED, ORDERED, UNKNOWN, FROZEN_UP, FROZEN_DOWN };

static const struct member_state kinds[] = {
    [UP] = STATE(.health = HEALTH_UP),
    [DOWN] = STATE(.health = HEALTH_DOWN),
    [ZERO] = {.health = HEALTH_DOWN, .share = 256},
    [DRAINED] = STATE(.health = HEALTH_DOWN, .override = OVERRIDE_DRAIN),
    [ORDERED] = STATE(.health = HEALTH_DOWN, .override = OVERRIDE_DOWN),
    [UNKNOWN] = STATE(.assumed_up = true),
    [FROZEN_UP] = STATE(.health = HEALTH_UP, .frozen = true),
    [FROZEN_DOWN] = STATE(.health = HEALTH_DOWN, .frozen = true),
};

struct all_down_case {
    const char *what;
    uint8_t members[3];
    bool all_down;
    const char
        *expected; /* a letter a member: r(eady), 0 (ready, weight 0), d(own), u, D(rain), m */
};

static const struct all_down_case all_down_cases[] = {
    {"one is up", {UP, DOWN, DOWN}, false, "rdd"},
    {"all are down", {DOWN, DOWN, DOWN}, true, "rrr"},
    {"weight 0 stays that", {DOWN, ZERO, DOWN}, true, "r0r"},
    {"drained ones stay", {DOWN, DRAINED, DOWN}, true, "rDr"},
    {"those down by order stay", {DOWN, ORDERED, DRAINED}, true, "rmD"},
    {"all are ordered away", {ORDERED, DRAINED, ORDERED}, false, "mDm"},
    {"only weight 0", {ZERO, ZERO, DRAINED}, false, "00D"},
    {"one may be up", {DOWN, UNKNOWN, DOWN}, false, "dud"},
    {"one is held up", {DOWN, FROZEN_UP, DOWN}, false, "dud"},
    {"one is held down", {DOWN, FROZEN_DOWN, DOWN}, true, "rur"},
    {"all are held down", {FROZEN_DOWN, FROZEN_DOWN, FROZEN_DOWN}, false, "uuu"},
};

static char letter(const struct serving *serving)
{
    static const char letters[] = {
        [SERVES_UNKNOWN] = 'u', [SERVES_READY] = 'r', [SERVES_DOWN] = 'd',
        [SERVES_DRAIN] = 'D',   [SERVES_MAINT] = 'm', [SERVES_GONE] = 'g'};
    return serving->serves == SERVES_READY && serving->weight == 0 ? '0' : letters[serving->serves];
}

static void test_all_down(void **state)
{
    struct small_tier t;
    struct serving out[3];
    int64_t staged_ms[3];
    struct desired summary;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_down_cases); i++) {
        const struct all_down_case *c = &all_down_cases[i];
        small_tier_init(&t, 3, 0);
        for (uint32_t k = 0; k < 3; k++)
            t.states[k] = kinds[c->members[k]];
        t.spec.serve_all = true;
        desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
        char got[4] = {letter(&out[0]), letter(&out[1]), letter(&out[2]), '\0'};
        if (strcmp(got, c->expected) != 0 || summary.all_down != c->all_down)
            fail_msg("%s: %s%s", c->what, got, summary.all_down ? ", all down" : "");
        t.spec.serve_all = false;
        desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
        assert_false(summary.all_down);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(out[k].serves, serving_of(&t.spec, &t.states[k]).serves);
    }
}

/* ---- staged drains ---- */

enum who { NOBODY, ON_SITE, ON_ITSELF, DOWN_ORDER };

struct staged_case {
    const char *what;
    uint8_t member, front, other_front; /* enum who: the order on it; given 10 s ago */
    uint32_t member_wait_s, front_wait_s;
    const char *expected; /* of the member */
    int64_t staged_s;     /* from now; 0: not */
};

static const struct staged_case staged_cases[] = {
    {"nothing", NOBODY, NOBODY, NOBODY, 35, 35, "r", 0},
    {"on itself: at once", ON_ITSELF, NOBODY, NOBODY, 35, 35, "D", 0},
    {"on the site: its own answers", ON_SITE, NOBODY, NOBODY, 35, 0, "r", 25},
    {"on the site, no name: at once", ON_SITE, NOBODY, NOBODY, 0, 0, "D", 0},
    {"on the site, over", ON_SITE, NOBODY, NOBODY, 10, 0, "D", 0},
    {"on the site, nearly over", ON_SITE, NOBODY, NOBODY, 11, 0, "r", 1},
    {"on the site: those of its fronts", ON_SITE, ON_SITE, ON_SITE, 0, 65, "r", 55},
    {"on the site, one front elsewhere", ON_SITE, ON_SITE, NOBODY, 0, 65, "r", 55},
    {"on the site: whichever is longer", ON_SITE, ON_SITE, ON_SITE, 95, 65, "r", 85},
    {"one of two fronts", NOBODY, ON_ITSELF, NOBODY, 35, 65, "r", 0},
    {"both fronts", NOBODY, ON_ITSELF, ON_ITSELF, 35, 65, "r", 55},
    {"both fronts, no name", NOBODY, ON_ITSELF, ON_ITSELF, 35, 0, "D", 0},
    {"both fronts, over", NOBODY, ON_ITSELF, ON_ITSELF, 35, 10, "D", 0},
    {"one drained, the other down by order", NOBODY, ON_ITSELF, DOWN_ORDER, 35, 65, "r", 55},
    {"both fronts down by order", NOBODY, DOWN_ORDER, DOWN_ORDER, 35, 65, "r", 0},
    {"fronts, and on itself: at once", ON_ITSELF, ON_SITE, ON_SITE, 35, 65, "D", 0},
    {"fronts, and down by order", DOWN_ORDER, ON_SITE, ON_SITE, 35, 65, "m", 0},
};

static void order(struct member_state *state, enum who who, uint32_t wait_s)
{
    state->override = who == NOBODY       ? OVERRIDE_AUTO
                      : who == DOWN_ORDER ? OVERRIDE_DOWN
                                          : OVERRIDE_DRAIN;
    state->by_wide_order = who == ON_SITE;
    state->override_since_ms = who == NOBODY ? 0 : NOW - 10000;
    state->dns_wait_s = wait_s;
}

static void test_staged(void **state)
{
    struct small_tier t;
    struct serving out;
    int64_t staged_ms;
    struct desired summary;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(staged_cases); i++) {
        const struct staged_case *c = &staged_cases[i];
        int64_t expected_ms = c->staged_s ? NOW + c->staged_s * 1000 : 0;
        small_tier_init(&t, 1, 2);
        order(&t.states[0], c->member, c->member_wait_s);
        order(&t.states[t.fronts[0]], c->front, c->front_wait_s);
        order(&t.states[t.fronts[1]], c->other_front, c->front_wait_s);
        desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, NOW);
        if (letter(&out) != c->expected[0] || staged_ms != expected_ms)
            fail_msg("%s: %c, %lld s", c->what, letter(&out),
                     (long long)(staged_ms ? staged_ms - NOW : 0) / 1000);
        assert_int_equal(summary.dns_until_ms, expected_ms);
        assert_true(summary.next_ms == (expected_ms ? expected_ms : INT64_MAX));
        if (!expected_ms)
            continue;
        /* A millisecond before it is over, and when it is. */
        desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, expected_ms - 1);
        assert_int_equal(letter(&out), 'r');
        desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, expected_ms);
        assert_int_equal(letter(&out), 'D');
        assert_true(staged_ms == 0 && summary.next_ms == INT64_MAX);
    }
}

/* Until a staged drain takes effect, a member is what its health says, `serve_all` included. */
static void test_staged_by_health(void **state)
{
    struct small_tier t;
    struct serving out[2];
    int64_t staged_ms[2];
    struct desired summary;
    (void)state;
    small_tier_init(&t, 2, 0);
    order(&t.states[0], ON_SITE, 35);
    t.states[0].health = HEALTH_DOWN;
    desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
    assert_int_equal(letter(&out[0]), 'd');
    t.states[0].frozen = true;
    desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
    assert_int_equal(letter(&out[0]), 'u');
    t.states[0].frozen = false;
    t.states[1].health = HEALTH_DOWN;
    t.spec.serve_all = true;
    desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
    assert_int_equal(letter(&out[0]), 'r');
    assert_int_equal(letter(&out[1]), 'r');
    /* Then it is drained, and the other one is the only one left. */
    desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW + 25000);
    assert_int_equal(letter(&out[0]), 'D');
    assert_int_equal(letter(&out[1]), 'r');
}

/* Undone in the middle, it is as if nothing had been; ordered again, it waits anew. */
static void test_staged_undone(void **state)
{
    struct small_tier t;
    struct serving out;
    int64_t staged_ms;
    struct desired summary;
    (void)state;
    small_tier_init(&t, 1, 0);
    order(&t.states[0], ON_SITE, 35);
    desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, NOW);
    assert_true(staged_ms == NOW + 25000);
    order(&t.states[0], NOBODY, 35);
    desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, NOW + 1000);
    assert_true(letter(&out) == 'r' && staged_ms == 0 && summary.next_ms == INT64_MAX);
    order(&t.states[0], ON_SITE, 35);
    t.states[0].override_since_ms = NOW + 2000;
    desired_compute(&summary, &out, &staged_ms, &t.spec, t.states, NOW + 2000);
    assert_true(letter(&out) == 'r' && staged_ms == NOW + 37000);
}

/* The next change is the first of several; until the last one some serve on. */
static void test_staged_apart(void **state)
{
    struct small_tier t;
    struct serving out[2];
    int64_t staged_ms[2];
    struct desired summary;
    (void)state;
    small_tier_init(&t, 2, 0);
    order(&t.states[0], ON_SITE, 35);
    order(&t.states[1], ON_SITE, 65);
    desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
    assert_true(summary.next_ms == NOW + 25000 && summary.dns_until_ms == NOW + 55000);
}

/* ---- the level ---- */

struct level_case {
    const char *what;
    uint8_t members[3];
    double min_up;
    enum tier_level expected;
};

static const struct level_case level_cases[] = {
    {"any is up", {UP, DOWN, DOWN}, 0, TIER_LEVEL_UP},
    {"a third is up", {UP, DOWN, DOWN}, 0.5, TIER_LEVEL_DOWN},
    {"two thirds are up", {UP, UP, DOWN}, 0.5, TIER_LEVEL_UP},
    {"drained ones do not count", {UP, DRAINED, DRAINED}, 1, TIER_LEVEL_UP},
    {"those down by order do", {UP, ORDERED, UP}, 1, TIER_LEVEL_DOWN},
    {"weight 0 does not", {UP, ZERO, UP}, 1, TIER_LEVEL_UP},
    {"all are down", {DOWN, DOWN, ORDERED}, 0, TIER_LEVEL_DOWN},
    {"all are drained", {DRAINED, DRAINED, DRAINED}, 0, TIER_LEVEL_DOWN},
    {"one could be up", {DOWN, UNKNOWN, DOWN}, 0, TIER_LEVEL_UNKNOWN},
    {"one is, whatever others are", {UP, UNKNOWN, FROZEN_DOWN}, 0, TIER_LEVEL_UP},
    {"too few could be", {DOWN, UNKNOWN, DOWN}, 0.5, TIER_LEVEL_DOWN},
    {"enough could be", {UP, UNKNOWN, DOWN}, 0.5, TIER_LEVEL_UNKNOWN},
};

static void test_level(void **state)
{
    struct small_tier t;
    struct serving out[3];
    int64_t staged_ms[3];
    struct desired summary;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(level_cases); i++)
        for (int serve_all = 0; serve_all < 2; serve_all++) {
            const struct level_case *c = &level_cases[i];
            small_tier_init(&t, 3, 0);
            for (uint32_t k = 0; k < 3; k++)
                t.states[k] = kinds[c->members[k]];
            t.spec.min_up = c->min_up;
            t.spec.serve_all = serve_all;
            desired_compute(&summary, out, staged_ms, &t.spec, t.states, NOW);
            if (summary.level != c->expected)
                fail_msg("%s: %u", c->what, summary.level);
        }
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(serves_text(SERVES_READY), "ready");
    assert_string_equal(serves_text(SERVES_GONE), "gone");
    assert_string_equal(drain_phase_text(DRAIN_NONE), "");
    assert_string_equal(drain_phase_text(DRAIN_DONE), "done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_a_ramp_changes_one),
        cmocka_unit_test(test_all_down),
        cmocka_unit_test(test_staged),
        cmocka_unit_test(test_staged_by_health),
        cmocka_unit_test(test_staged_undone),
        cmocka_unit_test(test_staged_apart),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
