/* SPDX-License-Identifier: Apache-2.0
 * The line to a speaker over random sequences: what is wanted changes, and the speaker restarts,
 * forgets, refuses, hangs, answers late, is deaf or blind. At each moment:
 *
 *  - nothing is told before a look that went well;
 *  - what is told announces what was wanted last when it was begun;
 *  - changes that withdraw nothing are LINE_APART_MS apart, where nobody disturbs;
 *  - a withdrawal is begun at once, if the speaker is free, well, and has been looked at;
 *  - if it is said to be settled, the speaker has what is wanted (unless it changed since the
 * look).
 *
 * And whatever was before: when the speaker is well again, it has what is wanted in time, and then
 * nothing is told any more. */
#include "line_world.h"

#include "base/clock.h"
#include "base/rng.h"

#include <string.h>

#define EPISODES 2000
#define STEPS 40
#define WELL_MS 120000 /* patience, a backoff at its longest, and a settling */

static struct line_world w;
static bool is_touched; /* by others than the line, or deaf, since the latest look */
static uint32_t n_applies_checked, n_prompt, n_settled;

static bool one_in(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n) == 0;
}

static const char *draw_letters(struct rng *rng)
{
    static char letters[4];
    for (int i = 0; i < 3; i++)
        letters[i] = "--PPDGg"[rng_below(rng, 7)];
    return letters;
}

static void draw_answers(struct rng *rng)
{
    static const int64_t delays[] = {0, 0, 0, 5, 80, 3000};
    fake.look = one_in(rng, 4) ? FAKE_FAILS : one_in(rng, 12) ? FAKE_HANGS : FAKE_ANSWERS;
    fake.apply = one_in(rng, 5)    ? FAKE_FAILS
                 : one_in(rng, 6)  ? FAKE_BREAKS
                 : one_in(rng, 12) ? FAKE_HANGS
                                   : FAKE_ANSWERS;
    fake.error = (enum speaker_error)(1 + rng_below(rng, SPEAKER_ERROR_TIMEOUT));
    fake.delay_ms = delays[rng_below(rng, ARRAY_LEN(delays))];
    fake.is_deaf = one_in(rng, 8);
    fake.has_twin = one_in(rng, 4);
}

static void be_well(void)
{
    fake.look = fake.apply = FAKE_ANSWERS;
    fake.delay_ms = 0;
    fake.is_deaf = false;
}

static void disturb(struct rng *rng)
{
    is_touched = true;
    switch (rng_below(rng, 4)) {
    case 0:
        fake_restart();
        break;
    case 1:
        if (fake.n_routes > 0)
            fake_lose(rng_below(rng, fake.n_routes));
        break;
    case 2:
        if (fake.n_routes > 0)
            fake.routes[rng_below(rng, fake.n_routes)].attributes.prepend ^= 1;
        break;
    case 3:
        world_has(&w, (const char *[]){"P---", "-D-P", "----", "GPgD"}[rng_below(rng, 4)]);
        break;
    }
}

/** Whether the speaker has something that is not wanted. */
static bool is_to_withdraw(void)
{
    const char *routes = world_routes(&w), *wanted = world_wanted(&w);
    for (int i = 0; i < FAKE_SETS; i++)
        if (wanted[i] == '-' && routes[i] != '-')
            return true;
    return false;
}

static bool is_right(void)
{
    char wanted[FAKE_SETS + 1];
    memcpy(wanted, world_wanted(&w), sizeof wanted);
    return strcmp(world_routes(&w), wanted) == 0;
}

static void want(struct rng *rng)
{
    uint32_t n_applies = fake.n_applies;
    bool free_and_well = !speaker_line_status(w.line)->busy && speaker_line_settled(w.line) &&
                         fake.apply == FAKE_ANSWERS && !is_touched && !fake.is_blind &&
                         fake.n_applies > 0;
    if (one_in(rng, 4))
        w.version = rng_below(rng, WORLD_VERSIONS);
    world_want(&w, draw_letters(rng));
    bool prompt = free_and_well && is_to_withdraw();
    if (!prompt)
        return;
    world_run(&w, 0);
    assert_true(fake.n_applies > n_applies);
    n_prompt++;
}

static void check(void)
{
    if (fake.n_applies > 0) {
        assert_true(fake.n_looks_before_apply > 0);
        n_applies_checked++;
    }
    if (w.wants[0] && speaker_line_settled(w.line) && !is_touched && !fake.is_blind &&
        !fake.is_deaf) {
        assert_true(is_right());
        n_settled++;
    }
}

static void act(struct rng *rng, bool calm)
{
    switch (rng_below(rng, calm ? 4 : 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        want(rng);
        break;
    case 4:
    case 5:
        draw_answers(rng);
        is_touched |= fake.is_deaf;
        break;
    case 6:
        be_well();
        break;
    case 7:
        disturb(rng);
        break;
    case 8:
        if (one_in(rng, 2))
            fake_nudge();
        else
            speaker_line_look(w.line);
        break;
    case 9:
        if (one_in(rng, 3))
            speaker_line_respecify(w.line, &w.other_config,
                                   &w.sets[rng_below(rng, WORLD_VERSIONS)]);
        break;
    }
}

static void pass(struct rng *rng)
{
    static const int64_t most[] = {1, 60, 300, 3000, 20000, 100000};
    uint32_t looks = fake.n_looked_well;
    world_run(&w, rng_below(rng, (uint32_t)most[rng_below(rng, ARRAY_LEN(most))]));
    if (fake.n_looked_well > looks + 1) /* one that was begun since, at least */
        is_touched = fake.is_deaf;
}

static void episode(struct rng *rng)
{
    world_open(&w);
    if (one_in(rng, 2))
        w.ops = &fake_ops_reopened;
    if (one_in(rng, 2))
        world_has(&w, "PD-P");
    is_touched = true;
    fake.is_blind = one_in(rng, 10);
    bool calm = one_in(rng, 3);
    world_begin(&w);
    for (int i = 0; i < STEPS; i++) {
        act(rng, calm);
        check();
        pass(rng);
        check();
    }
    if (!w.wants[0])
        world_want(&w, "P-D");
    be_well();
    world_run(&w, WELL_MS);
    assert_true(speaker_line_settled(w.line));
    assert_true(speaker_line_status(w.line)->up);
    if (!fake.is_blind)
        assert_true(is_right());
    uint32_t n_applies = fake.n_applies;
    if (calm)
        assert_int_equal(fake.n_hasty, 0);
    world_run(&w, 60000);
    assert_int_equal(fake.n_applies, n_applies);
    world_close(&w);
}

static void test_random(void **state)
{
    struct rng rng = {1126};
    (void)state;
    for (int i = 0; i < EPISODES; i++)
        episode(&rng);
    print_message("%u told, %u prompt withdrawals, %u settled\n", n_applies_checked, n_prompt,
                  n_settled);
    assert_true(n_applies_checked > EPISODES && n_prompt > EPISODES / 4 && n_settled > EPISODES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
