/* SPDX-License-Identifier: Apache-2.0
 * The order of a reload's steps. */
#include "drive/reload.h"

#include "base/clock.h"
#include "base/give_way.h"
#include "base/turns.h"

/* A slice, and the pause after it: what is due meanwhile waits for one slice, and nobody waits long
 * for the reload. */
enum { SLICE_US = 2000, PAUSE_MS = 2 };

static void start(struct reload *r);
static void on_slice(uv_timer_t *timer);
static void on_stepped(uv_async_t *async);

void reload_init(struct reload *r, uv_loop_t *loop, const struct reload_steps *steps, void *ctx)
{
    *r = (struct reload){.loop = loop, .steps = steps, .ctx = ctx};
    r->work.data = r->slice.data = r;
    r->stepped.data = r;
    uv_timer_init(loop, &r->slice);
    uv_async_init(loop, &r->stepped, on_stepped);
}

static void tell_step(struct reload *r, const char *step)
{
    for (size_t i = 0; i < r->now.n; i++)
        if (r->now.v[i].step)
            r->now.v[i].step(r->now.v[i].arg, step);
}

static void on_stepped(uv_async_t *async)
{
    struct reload *r = async->data;
    const char *step = atomic_exchange(&r->step, NULL);
    if (step)
        tell_step(r, step);
}

void reload_step(struct reload *r, const char *step)
{
    atomic_store(&r->step, step);
    uv_async_send(&r->stepped);
}

static void tell_waiters(struct reload *r, int code, const struct diags *diags)
{
    for (size_t i = 0; i < r->now.n; i++)
        r->now.v[i].done(r->now.v[i].arg, code, diags);
    r->now.n = 0;
}

/** Those who wait now are served by the reload that begins, or told that there is none. */
static void take_waiters(struct reload *r)
{
    for (size_t i = 0; i < r->next.n; i++)
        *vec_push(&r->now) = r->next.v[i];
    r->next.n = 0;
}

static void go_on_in(struct reload *r, uint64_t ms)
{
    uv_timer_start(&r->slice, on_slice, ms, 0);
}

/** All of it is over. */
static void rest(struct reload *r)
{
    r->steps->release(r->ctx);
    r->phase = RELOAD_IDLE;
    if (r->again && !r->stopping)
        start(r);
}

static void tell(struct reload *r, int code)
{
    r->steps->conclude(r->ctx, code, &r->diags);
    tell_waiters(r, code, &r->diags);
    diags_free(&r->diags);
}

static void fail(struct reload *r, int code)
{
    tell(r, code);
    rest(r);
}

static void refuse(struct reload *r)
{
    struct diags diags;
    diags_init(&diags);
    diag_error(&diags, (struct span){0}, "not reloaded: this program is stopping");
    take_waiters(r);
    tell_waiters(r, E_INVALID, &diags);
    diags_free(&diags);
}

static void bind_or_fail(struct reload *r)
{
    int code = r->steps->bind(r->ctx, &r->diags);
    if (code != 0) {
        fail(r, code);
        return;
    }
    r->phase = RELOAD_BOUND;
    go_on_in(r, 0);
}

static void put_in_force(struct reload *r)
{
    r->steps->put_in_force(r->ctx, &r->diags);
    r->phase = RELOAD_CLEARING;
    tell(r, 0);
    go_on_in(r, PAUSE_MS);
}

static void on_slice(uv_timer_t *timer)
{
    struct reload *r = timer->data;
    int64_t now_us = clock_mono_us();
    bool clearing = r->phase == RELOAD_CLEARING;
    bool done = clearing ? r->steps->clear(r->ctx, now_us + SLICE_US)
                         : r->steps->move(r->ctx, now_us + SLICE_US);
    if (!done)
        go_on_in(r, PAUSE_MS);
    else if (clearing)
        rest(r);
    else if (r->phase == RELOAD_MOVING)
        bind_or_fail(r);
    else
        put_in_force(r);
    turns_part("a slice of a reload", now_us);
}

/** The loop again. */
static void after_load(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    struct reload *r = work->data;
    r->step = NULL; /* what it said last is over */
    if (r->stopping) {
        diags_free(&r->diags);
        r->phase = RELOAD_IDLE;
    } else if (r->code != 0) {
        fail(r, r->code);
    } else {
        r->phase = RELOAD_MOVING;
        tell_step(r, "switching");
        go_on_in(r, 0);
    }
}

static void load_modestly(void *arg)
{
    struct reload *r = arg;
    r->code = r->steps->load(r->ctx, r->force, &r->diags);
}

/** With all threads that it starts, it leaves the cores to those that answer. */
static void load(uv_work_t *work)
{
    give_way_run(load_modestly, work->data);
}

static void start(struct reload *r)
{
    r->phase = RELOAD_LOADING;
    r->again = false;
    r->force = r->force_next;
    r->force_next = false;
    take_waiters(r);
    diags_init(&r->diags);
    r->steps->begin(r->ctx);
    int code = uv_queue_work(r->loop, &r->work, load, after_load);
    if (code != 0) {
        diag_error(&r->diags, (struct span){0}, "no thread to load it on: %s", uv_strerror(code));
        r->code = E_SYSTEM;
        after_load(&r->work, code);
    }
}

void reload_allow(struct reload *r)
{
    r->allowed = true;
    if (r->again && r->phase == RELOAD_IDLE && !r->stopping)
        start(r);
}

void reload_ask(struct reload *r, bool force, const struct reload_waiter *waiter)
{
    if (waiter)
        *vec_push(&r->next) = *waiter;
    if (r->stopping) {
        refuse(r);
        return;
    }
    r->again = true;
    r->force_next |= force;
    if (r->phase == RELOAD_IDLE && r->allowed)
        start(r);
    else if (waiter && waiter->step)
        waiter->step(waiter->arg, r->allowed ? "waiting for the reload that runs"
                                             : "waiting for the first results of probes");
}

void reload_stop(struct reload *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    if (r->phase == RELOAD_MOVING || r->phase == RELOAD_BOUND)
        diags_free(&r->diags);
    uv_close((uv_handle_t *)&r->slice, NULL);
    uv_close((uv_handle_t *)&r->stepped, NULL);
    refuse(r);
}

void reload_free(struct reload *r)
{
    r->steps->release(r->ctx);
    vec_free(&r->now);
    vec_free(&r->next);
}
