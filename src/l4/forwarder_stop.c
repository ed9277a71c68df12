/* SPDX-License-Identifier: Apache-2.0
 * Stopping: no new flows while those that are left end in their time; then everything. */
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/units.h"
#include "control/server.h"
#include "l4/elders.h"
#include "l4/forwarder.h"
#include "l4/heir.h"

#define LOOK_MS 50
#define SECOND_LATE_MS 1000 /* for workers to close what is left */
#define EXTEND_US 15000000  /* what the service manager waits for the next sign */

void forwarder_close_handles(struct forwarder *f)
{
    uv_timer_t *const timers[] = {&f->ready_timer,  &f->plan_timer,     &f->order_timer,
                                  &f->second_timer, &f->watchdog_timer, &f->stop_timer};
    for (size_t i = 0; i < ARRAY_LEN(f->signals); i++)
        uv_close((uv_handle_t *)&f->signals[i], NULL);
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        uv_close((uv_handle_t *)timers[i], NULL);
    turn_watch_stop(&f->turns);
    heir_close(f);
    saved_sets_close(f->saved);
    metrics_server_close(f->metrics);
    mailbox_close(f->mailbox);
}

static void on_checker_stopped(void *ctx)
{
    struct forwarder *f = ctx;
    f->checker = NULL;
    forwarder_stop_workers(f);
    if (f->plan)
        plan_release(f->plan);
    f->plan = NULL;
    forwarder_close_handles(f);
}

static void on_control_closed(void *ctx)
{
    struct forwarder *f = ctx;
    f->control = NULL;
    if (f->checker)
        checker_stop(f->checker, on_checker_stopped, f);
    else
        on_checker_stopped(f);
}

static void end(struct forwarder *f)
{
    if (f->ending)
        return;
    f->ending = true;
    log_notice("stopping");
    elders_end(f);
    uv_timer_stop(&f->stop_timer);
    uv_timer_stop(&f->plan_timer);
    uv_timer_stop(&f->second_timer);
    if (f->control)
        control_server_close(f->control, on_control_closed, f);
    else
        on_control_closed(f);
}

static void on_look(uv_timer_t *timer)
{
    struct forwarder *f = timer->data;
    uint32_t n_flows = forwarder_n_flows(f) + elders_n_flows(f);
    if (n_flows == 0 || clock_mono_ms() > f->drain_until_ms + SECOND_LATE_MS)
        end(f);
    else if ((clock_mono_ms() / LOOK_MS) % 20 == 0)
        notify_manager("EXTEND_TIMEOUT_USEC=%d\nSTATUS=draining, %u flow%s left", EXTEND_US,
                       n_flows, units_plural(n_flows));
}

uint32_t forwarder_longest_drain_ms(const struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    uint32_t longest_ms = 0;
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].drain_timeout_ms > longest_ms)
            longest_ms = config->services[i].drain_timeout_ms;
    return longest_ms;
}

static void drain_workers(struct forwarder *f, bool passed)
{
    f->drain_until_ms = clock_mono_ms() + forwarder_longest_drain_ms(f);
    for (uint32_t i = 0; i < f->n_workers; i++)
        worker_drain(f->hands[i].worker, f->drain_until_ms, passed);
}

static void drain(struct forwarder *f)
{
    drain_workers(f, false);
    uint32_t n_flows = forwarder_n_flows(f) + elders_n_flows(f);
    if (n_flows > 0)
        log_notice("draining %u flow%s; another SIGTERM, or stop --now, closes them", n_flows,
                   units_plural(n_flows));
    uv_timer_start(&f->stop_timer, on_look, LOOK_MS, LOOK_MS);
}

/* ---- another process goes on ---- */

static void on_checker_left(void *ctx)
{
    (void)ctx;
}

void forwarder_retire(struct forwarder *f)
{
    f->retired = f->draining = true;
    reload_stop(&f->reload);
    uv_timer_stop(&f->watchdog_timer);
    uv_timer_stop(&f->second_timer);
    if (f->control)
        control_server_leave(f->control);
    metrics_server_close(f->metrics);
    checker_stop(f->checker, on_checker_left, f);
    f->control = NULL;
    f->metrics = NULL;
    f->checker = NULL;
    drain_workers(f, true);
    listeners_leave(f->listeners);
    uv_timer_start(&f->stop_timer, on_look, LOOK_MS, LOOK_MS);
}

void forwarder_stop(struct forwarder *f, bool now)
{
    bool again = f->draining && (!f->retired || f->told_to_stop);
    heir_give_up(f);
    f->told_to_stop = true;
    if (f->retired && !now && !again && !heir_has_crashed(f))
        return; /* flows end in their time already */
    if (!f->draining) {
        notify_manager("STOPPING=1");
        reload_stop(&f->reload);
    }
    f->draining = true;
    if (now || again || !f->ready || f->retired)
        end(f); /* a service manager begins the service anew when nothing of it is left */
    else
        drain(f);
}
