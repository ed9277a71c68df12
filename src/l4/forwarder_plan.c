/* SPDX-License-Identifier: Apache-2.0
 * From changes to plans. */
#include "l4/forwarder.h"

#include "base/clock.h"
#include "base/turns.h"
#include "l4/elders.h"
#include "l4/heir.h"

#define GATHER_MS 10 /* what changes together becomes one plan */

/** On any thread: the last worker has let go of it. */
static void on_unbuilt(void *arg)
{
    struct plan *plan = arg;
    struct forwarder *f = plan->ctx;
    plan_unbuild(plan, f->registry);
}

static void on_unheld(void *ctx, struct plan *plan)
{
    struct forwarder *f = ctx;
    mailbox_post(f->mailbox, on_unbuilt, plan);
}

bool forwarder_has_sets(const struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    for (uint32_t i = 0; i < config->n_sets; i++)
        if (setup_is_told(&config->sets[i]) && f->sets.v[i]->origin == SET_UNKNOWN)
            return false;
    return true;
}

void forwarder_look_at_checker(struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    const struct endpoint_state *states = checker_states(f->checker);
    (void)subscription_take(f->changes);
    for (uint32_t i = 0; i < config->n_sets; i++)
        if (config->sets[i].pool != MODEL_NONE)
            set_table_check(&f->sets, i, &config->sets[i], f->setup->model, states);
}

static void on_order_over(uv_timer_t *timer)
{
    forwarder_replan(timer->data);
}

static void follow_orders(struct forwarder *f, int64_t now_ms)
{
    int64_t next_ms = set_table_expire(&f->sets, now_ms);
    if (next_ms == INT64_MAX)
        uv_timer_stop(&f->order_timer);
    else
        uv_timer_start(&f->order_timer, on_order_over, (uint64_t)(next_ms - now_ms), 0);
}

void forwarder_plan_now(struct forwarder *f)
{
    int64_t now_ms = clock_mono_ms(), began_us = clock_mono_us();
    uv_timer_stop(&f->plan_timer);
    if (!f->ready || f->ending)
        return;
    if (!f->retired)
        forwarder_look_at_checker(f);
    follow_orders(f, now_ms);
    const struct plan_parts parts = {.setup = f->setup,
                                     .listeners = f->listeners,
                                     .sets = &f->sets,
                                     .before = f->plan,
                                     .registry = f->registry,
                                     .bound = f->bound,
                                     .n_workers = f->n_workers,
                                     .version = ++f->n_plans,
                                     .seed = f->seed,
                                     .now_ms = now_ms,
                                     .unheld = on_unheld,
                                     .ctx = f};
    struct plan *before = f->plan;
    f->plan = plan_build(&parts);
    if (before)
        plan_leave_gone(before, f->plan, now_ms);
    elders_count(f);
    for (uint32_t i = 0; i < f->n_workers; i++)
        worker_give(f->hands[i].worker, f->plan);
    if (before)
        plan_release(before);
    if (!f->retired)
        heir_tell(f);
    elders_tell(f);
    turns_part("a plan for the workers", began_us);
}

static void on_plan_timer(uv_timer_t *timer)
{
    forwarder_plan_now(timer->data);
}

void forwarder_replan(struct forwarder *f)
{
    if (!uv_is_active((uv_handle_t *)&f->plan_timer) && !f->ending)
        uv_timer_start(&f->plan_timer, on_plan_timer, GATHER_MS, 0);
}

void forwarder_forget_bound(struct forwarder *f)
{
    bound_release(f->bound, f->registry);
    f->bound = NULL;
    forwarder_replan(f);
}
