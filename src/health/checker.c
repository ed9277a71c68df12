/* SPDX-License-Identifier: Apache-2.0
 * The checker: start, reload, stop, and what others may read. */
#include "health/internal.h"

#include "base/clock.h"
#include "health/decide.h"

#include <stdlib.h>

enum { FIRST_RESULTS_MS = 3000 };

static void on_chores(uv_timer_t *timer)
{
    struct checker *c = timer->data;
    results_notice_stall(c);
    results_find_starved(c);
    doubt_review(c);
    order_queue_chores(c);
    ramp_step(c);
    persist_chores(c);
    processes_sweep(&c->processes);
    starts_pump_exec(c);
    if (c->reported_stale && c->plan->n_stale == 0) {
        c->reported_stale = false;
        endpoints_event(c, MODEL_NONE, "stale", "ok", "every probe has a new result");
    }
}

static void open_timer(struct checker *c, uv_timer_t *timer)
{
    uv_timer_init(c->loop, timer);
    timer->data = c;
    c->n_open++;
}

struct endpoint_state checker_fresh_state(void)
{
    return (struct endpoint_state){
        .assumed_up = true,
        .weight_override = -1,
        .override_until_s = INT64_MAX,
        .weight_until_s = INT64_MAX,
        .ramp = SHARE_FULL,
        .load = SHARE_FULL,
    };
}

static void allot(struct checker *c, const struct model *model,
                  const struct credentials *credentials)
{
    c->model = model;
    c->plan = plan_new(model, credentials);
    c->states = xcalloc(model->n_endpoints + 1u, sizeof *c->states);
    c->standings = xcalloc(model->n_endpoints + 1u, sizeof *c->standings);
    c->changed = xcalloc(model->n_endpoints + 1u, sizeof *c->changed);
    c->n_changed = 0;
    subscriptions_reset(&c->subscriptions, model->n_endpoints);
    for (uint32_t e = 0; e < model->n_endpoints; e++)
        c->states[e] = checker_fresh_state();
}

/* What no handle of the loop holds any more. */
static void release(struct checker *c)
{
    plan_free(c->plan);
    free(c->states);
    free(c->standings);
    free(c->changed);
    subscriptions_free(&c->subscriptions);
    ramp_free(&c->ramp);
    free(c->trials.read_buffer);
    order_apply_drop(c);
    orders_free(&c->orders);
    buf_free(&c->followed);
    free(c->rules_path);
    free(c->health_path);
    free(c->problem);
    free(c);
}

int checker_start(struct checker **checker, uv_loop_t *loop, const struct model *model,
                  const struct credentials *credentials, const struct checker_callbacks *callbacks,
                  struct diags *diags)
{
    struct checker *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    c->callbacks = *callbacks;
    c->save.data = c;
    c->started_ms = c->saved_mono_ms = clock_mono_ms();
    allot(c, model, credentials);
    int code = operator_load(c, diags);
    if (code) {
        release(c);
        return code;
    }
    schedule_init(c);
    open_timer(c, &c->flush);
    open_timer(c, &c->doubt.slice);
    open_timer(c, &c->chores);
    open_timer(c, &c->apply_timer);
    uv_timer_start(&c->chores, on_chores, CHORES_MS, CHORES_MS);
    orders_apply(&c->orders, model, c->states);
    persist_load(c);
    doubt_init(c);
    endpoints_init(c);
    schedule_plan(c);
    ramp_init(c);
    *checker = c;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    checker_closed(handle->data);
}

static void on_all_closed(struct checker *c)
{
    void (*stopped)(void *ctx) = c->stopped;
    void *ctx = c->stopped_ctx;
    release(c);
    if (stopped)
        stopped(ctx);
}

void checker_stop(struct checker *c, void (*done)(void *ctx), void *ctx)
{
    c->stopping = true;
    c->stopped = done;
    c->stopped_ctx = ctx;
    c->closed = on_all_closed;
    c->next = NULL;
    starts_cancel(c);
    processes_stop(&c->processes);
    c->processes.child.data = c;
    order_queue_stop(c);
    persist_save_now(c);
    uv_close((uv_handle_t *)&c->processes.child, on_handle_closed);
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
    uv_close((uv_handle_t *)&c->flush, on_handle_closed);
    uv_close((uv_handle_t *)&c->doubt.slice, on_handle_closed);
    uv_close((uv_handle_t *)&c->chores, on_handle_closed);
    uv_close((uv_handle_t *)&c->apply_timer, on_handle_closed);
}

struct subscription *checker_subscribe(struct checker *c, const struct subscriber *subscriber)
{
    endpoints_flush_soon(c);
    return subscriptions_add(&c->subscriptions, subscriber);
}

struct present *checker_present(struct checker *c)
{
    struct present *present = xcalloc(1, sizeof *present);
    present->plan = plan_hold(c->plan);
    orders_copy(&present->orders, &c->orders);
    present->orders_version = c->orders_version;
    return present;
}

void present_free(struct present *present)
{
    if (!present)
        return;
    plan_free(present->plan);
    orders_free(&present->orders);
    free(present);
}

const struct model *checker_model(const struct checker *c)
{
    return c->model;
}

const struct endpoint_state *checker_states(const struct checker *c)
{
    return c->states;
}

bool checker_ready(const struct checker *c)
{
    return c->plan->n_awaited == 0 || clock_mono_ms() - c->started_ms >= FIRST_RESULTS_MS;
}

static void fill_info(struct probe_info *out, const struct probe *p)
{
    *out = (struct probe_info){
        .check = p->check_index,
        .addr = p->addr,
        .port = p->port,
        .health = p->fsm.health,
        .since_ms = p->since_ms,
        .last_ms = p->last_ms,
        .latency_us = p->latency_us,
        .n_endpoints = p->n_users,
        .n_ok = p->n_ok,
        .n_failed = p->n_failed,
        .n_untried = p->n_untried,
        .reason = p->untried  ? p->untried
                  : p->reason ? p->reason
                              : "not probed yet",
    };
}

uint32_t checker_probes_from(const struct checker *c, uint32_t first, struct probe_info *out,
                             uint32_t max)
{
    uint32_t left = first < c->plan->n_probes ? c->plan->n_probes - first : 0;
    uint32_t n = left < max ? left : max;
    for (uint32_t i = 0; i < n; i++)
        fill_info(&out[i], &c->plan->probes[first + i]);
    return n;
}

uint32_t checker_probes(const struct checker *c, struct probe_info *out, uint32_t max)
{
    return checker_probes_from(c, 0, out, max);
}

/* Most likely the one that was the last to lack something. */
static const char *some_untried(const struct plan *plan)
{
    if (plan->last_untried < plan->n_probes && plan->probes[plan->last_untried].untried)
        return plan->probes[plan->last_untried].untried;
    for (uint32_t i = 0; i < plan->n_probes; i++)
        if (plan->probes[i].untried)
            return plan->probes[i].untried;
    return NULL;
}

const struct orders *checker_orders(const struct checker *c)
{
    return &c->orders;
}

struct checker_summary checker_summary(const struct checker *c)
{
    return (struct checker_summary){
        .n_probes = c->plan->n_probes,
        .n_in_flight = c->n_in_flight,
        .n_up = c->plan->n_health[HEALTH_UP],
        .n_down = c->plan->n_health[HEALTH_DOWN],
        .n_unknown = c->plan->n_health[HEALTH_UNKNOWN],
        .n_overrides = c->orders.n,
        .n_volatile = c->orders.n_volatile,
        .n_panics = c->n_panics,
        .problem = c->problem,
        .disk_error = c->disk.error,
        .disk_since_ms = c->disk.since_ms,
        .delays = c->delays,
        .n_untried = c->plan->n_untried,
        .untried = c->plan->n_untried ? some_untried(c->plan) : NULL,
        .n_frozen = c->plan->n_frozen,
        .panic = c->plan->guard.panic,
        .stale = c->plan->n_stale > 0,
    };
}
