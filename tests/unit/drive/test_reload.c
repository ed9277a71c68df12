/* SPDX-License-Identifier: Apache-2.0
 * When what of a reload happens, with steps that only say so. A letter each: b begin, L load, m a
 * slice of the move, B bind, S switch, c a slice of clearing, r release, ! told of success,
 * x of failure; w and W a waiter told of success and failure. */
#include "drive/reload.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fake {
    uv_loop_t loop;
    struct reload reload;
    char log[128];
    size_t n;
    int load_code, bind_code;
    unsigned n_slices, n_left; /* of a move; of the one that goes on */
    bool forced;
    /* Called in the step of this letter, once. */
    char when;
    void (*then)(struct fake *f);
    atomic_bool may_load, has_loaded;
    const char *last_step; /* said by the load at its end; NULL: nothing */
};

static void say(struct fake *f, char letter)
{
    assert_true(f->n + 1 < sizeof f->log);
    f->log[f->n++] = letter;
    if (f->when != letter)
        return;
    f->when = 0;
    f->then(f);
}

static void begin(void *ctx)
{
    struct fake *f = ctx;
    f->n_left = f->n_slices;
    say(f, 'b');
}

static int load(void *ctx, bool force, struct diags *diags)
{
    struct fake *f = ctx;
    while (!f->may_load)
        usleep(1000);
    f->forced = force;
    f->log[f->n++] = 'L'; /* the loop says nothing meanwhile */
    if (f->load_code != 0)
        diag_error(diags, (struct span){0}, "it is no good");
    if (f->last_step)
        reload_step(&f->reload, f->last_step);
    f->has_loaded = true;
    return f->load_code;
}

static bool move(void *ctx, int64_t until_us)
{
    struct fake *f = ctx;
    assert_true(until_us > clock_mono_us() - 1000000);
    say(f, 'm');
    return f->n_left == 0 || --f->n_left == 0;
}

static int bind_all(void *ctx, struct diags *diags)
{
    struct fake *f = ctx;
    say(f, 'B');
    if (f->bind_code != 0)
        diag_error(diags, (struct span){0}, "no such address");
    return f->bind_code;
}

static void put_in_force(void *ctx, struct diags *diags)
{
    (void)diags;
    say(ctx, 'S');
}

static bool clear(void *ctx, int64_t until_us)
{
    struct fake *f = ctx;
    (void)until_us;
    say(f, 'c');
    return strstr(f->log, "cc") != NULL;
}

static void release(void *ctx)
{
    say(ctx, 'r');
}

static void conclude(void *ctx, int code, const struct diags *diags)
{
    assert_int_equal(code != 0, diags->n_errors > 0);
    say(ctx, code == 0 ? '!' : 'x');
}

static const struct reload_steps steps = {begin,        load,  move,    bind_all,
                                          put_in_force, clear, release, conclude};

static void on_done(void *arg, int code, const struct diags *diags)
{
    assert_int_equal(code != 0, diags->n_errors > 0);
    say(arg, code == 0 ? 'w' : 'W');
}

#define WAITER(fake) (&(struct reload_waiter){on_done, NULL, (fake)})

static void set_up(struct fake *f)
{
    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    reload_init(&f->reload, &f->loop, &steps, f);
    f->n_slices = 1;
    f->may_load = true;
}

static void run_until_idle(struct fake *f)
{
    do
        uv_run(&f->loop, UV_RUN_ONCE);
    while (f->reload.phase != RELOAD_IDLE);
}

static void tear_down(struct fake *f)
{
    reload_stop(&f->reload);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    reload_free(&f->reload);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void order_of_steps(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.n_slices = 3;
    reload_allow(&f.reload);
    reload_ask(&f.reload, false, WAITER(&f));
    run_until_idle(&f);
    /* Once bound, what has changed is moved in the turn of the switch. */
    assert_string_equal(f.log, "bLmmmBmS!wccr");
    assert_false(f.forced);
    tear_down(&f);
}

static void waits_until_allowed(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    reload_ask(&f.reload, false, WAITER(&f));
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_string_equal(f.log, "");
    reload_allow(&f.reload);
    run_until_idle(&f);
    assert_string_equal(f.log, "bLmBmS!wccr");
    tear_down(&f);
}

static void a_failed_load(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.load_code = E_SYNTAX;
    reload_allow(&f.reload);
    reload_ask(&f.reload, true, WAITER(&f));
    run_until_idle(&f);
    assert_string_equal(f.log, "bLxWr");
    assert_true(f.forced);
    /* The next is tried as if nothing had been, and insists no more. */
    f.load_code = 0;
    f.n = 0;
    memset(f.log, 0, sizeof f.log);
    reload_ask(&f.reload, false, NULL);
    run_until_idle(&f);
    assert_string_equal(f.log, "bLmBmS!ccr");
    assert_false(f.forced);
    tear_down(&f);
}

static void an_address_that_is_taken(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.n_slices = 2;
    f.bind_code = E_SYSTEM;
    reload_allow(&f.reload);
    reload_ask(&f.reload, false, WAITER(&f));
    run_until_idle(&f);
    assert_string_equal(f.log, "bLmmBxWr");
    tear_down(&f);
}

static void ask_twice(struct fake *f)
{
    reload_ask(&f->reload, true, WAITER(f));
    reload_ask(&f->reload, false, WAITER(f));
}

/* However many ask during one, in whatever step, one follows it, and serves them all. */
static void asked_meanwhile(void **state)
{
    (void)state;
    static const char when[] = "bmBS!wc";
    for (const char *p = when; *p; p++) {
        struct fake f;
        set_up(&f);
        f.when = *p;
        f.then = ask_twice;
        reload_allow(&f.reload);
        reload_ask(&f.reload, false, WAITER(&f));
        while (f.reload.phase != RELOAD_IDLE || f.reload.again)
            uv_run(&f.loop, UV_RUN_ONCE);
        /* The second finds "cc" said already, and clears in one slice. */
        assert_string_equal(f.log, "bLmBmS!wccrbLmBmS!wwcr");
        assert_true(f.forced);
        tear_down(&f);
    }
}

static void stop(struct fake *f)
{
    reload_stop(&f->reload);
}

/* A stop in any step before the switch leaves what is in force, and all are told. */
static void stopped_meanwhile(void **state)
{
    (void)state;
    static const struct {
        char when;
        const char *log;
    } cases[] = {
        {'b', "bWL"},
        {'m', "bLmW"},
        {'B', "bLmBW"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        set_up(&f);
        f.n_slices = 3; /* so that the move is not over when it is stopped */
        if (cases[i].when == 'B')
            f.n_slices = 1;
        f.when = cases[i].when;
        f.then = stop;
        f.may_load = cases[i].when != 'b';
        reload_allow(&f.reload);
        reload_ask(&f.reload, false, WAITER(&f));
        f.may_load = true;
        uv_run(&f.loop, UV_RUN_DEFAULT); /* ends: nothing is open */
        assert_string_equal(f.log, cases[i].log);
        f.log[f.n = 0] = 0;
        reload_free(&f.reload);
        assert_int_equal(f.log[0], 'r');
        assert_int_equal(uv_loop_close(&f.loop), 0);
    }
}

static void asked_when_stopped(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    reload_allow(&f.reload);
    reload_stop(&f.reload);
    reload_ask(&f.reload, false, WAITER(&f));
    reload_ask(&f.reload, false, NULL);
    assert_string_equal(f.log, "W");
    tear_down(&f);
}

/* What a waiter is told of the steps, in brackets of what the load says. */

static void on_step(void *arg, const char *step)
{
    struct fake *f = arg;
    assert_true(f->n + strlen(step) + 3 < sizeof f->log);
    f->n += (size_t)sprintf(f->log + f->n, "(%s)", step);
}

/** Lets the loop hear of it before the load goes on. */
static void step_and_wait(struct fake *f, const char *step)
{
    reload_step(&f->reload, step);
    while (!strstr(f->log, step))
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void steps_of_a_load(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.may_load = false;
    reload_ask(&f.reload, false, &(struct reload_waiter){on_done, on_step, &f});
    reload_ask(&f.reload, false, WAITER(&f)); /* of no interest to this one */
    assert_string_equal(f.log, "(waiting for the first results of probes)");
    memset(f.log, 0, sizeof f.log);
    f.n = 0;
    reload_allow(&f.reload);
    step_and_wait(&f, "files");
    step_and_wait(&f, "zones");
    f.may_load = true;
    run_until_idle(&f);
    assert_string_equal(f.log, "b(files)(zones)L(switching)mBmS!wwccr");
    tear_down(&f);
}

/* What the load says last is over when the loop hears of its end as well. */
static void steps_that_are_over(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.last_step = "late";
    reload_allow(&f.reload);
    reload_ask(&f.reload, false, &(struct reload_waiter){on_done, on_step, &f});
    while (!f.has_loaded)
        usleep(1000);
    usleep(20000); /* the end of the work follows */
    run_until_idle(&f);
    if (!strstr(f.log, "L(switching)m") && !strstr(f.log, "L(late)(switching)m"))
        fail_msg("%s", f.log);
    tear_down(&f);
}

/* Who comes while one runs is told that it waits, and then of its own. */
static void steps_of_the_next(void **state)
{
    (void)state;
    struct fake f;
    set_up(&f);
    f.may_load = false;
    reload_allow(&f.reload);
    reload_ask(&f.reload, false, NULL);
    reload_ask(&f.reload, false, &(struct reload_waiter){on_done, on_step, &f});
    assert_string_equal(f.log, "b(waiting for the reload that runs)");
    memset(f.log, 0, sizeof f.log);
    f.n = 0;
    f.may_load = true;
    run_until_idle(&f);
    assert_string_equal(f.log, "LmBmS!ccrbL(switching)mBmS!wcr");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_steps),      cmocka_unit_test(waits_until_allowed),
        cmocka_unit_test(a_failed_load),       cmocka_unit_test(an_address_that_is_taken),
        cmocka_unit_test(asked_meanwhile),     cmocka_unit_test(stopped_meanwhile),
        cmocka_unit_test(asked_when_stopped),  cmocka_unit_test(steps_of_a_load),
        cmocka_unit_test(steps_that_are_over), cmocka_unit_test(steps_of_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
