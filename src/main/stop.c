/* SPDX-License-Identifier: Apache-2.0
 * Stopping:
 *
 *     drain      what is announced is drained while everything goes on: answers, probes, orders
 *     withdraw   what is announced all the same goes; answers go on
 *     end        no request, no tier, no probe, no answer any more, in this order; the loop ends
 *
 * Whoever asks again, or for `now`, goes on from the first to the second. */
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "main/daemon.h"

#include <stdio.h>

#define EXTEND_MS 1000
#define EXTEND_US 15000000 /* what the service manager waits for the next sign */

/* ---- the end ---- */

static void on_checker_stopped(void *ctx)
{
    struct daemon *d = ctx;
    d->checker = NULL;
    daemon_close_handles(d);
}

static void on_tiers_stopped(void *ctx)
{
    struct daemon *d = ctx;
    daemon_flush_events(d);
    daemon_leave_levels(d);
    checker_stop(d->checker, on_checker_stopped, d);
}

/** The tiers and the checker go after the control side, which shows and changes them until the end;
 *  the former first, as they may be left with what the checker knows. */
static void on_ctl_stopped(void *ctx)
{
    struct daemon *d = ctx;
    struct tiers *tiers = d->tiers;
    d->ctl = NULL;
    daemon_leave_tiers(d);
    d->tiers = NULL;
    tiers_stop(tiers, on_tiers_stopped, d);
}

static void end(void *ctx)
{
    struct daemon *d = ctx;
    struct workers *workers = d->workers;
    d->ending = true;
    uv_timer_stop(&d->stop_timer);
    if (d->watching)
        uv_poll_stop(&d->host_watch); /* the workers close its file descriptor */
    if (d->ctl)
        ctl_stop(d->ctl, on_ctl_stopped, d);
    else
        on_ctl_stopped(d);
    d->workers = NULL;
    workers_stop(workers);
}

/* ---- before it ---- */

static void withdraw(void *ctx)
{
    struct daemon *d = ctx;
    struct anycast *anycast = d->anycast;
    if (d->stopping)
        return;
    d->stopping = true;
    log_notice("stopping");
    d->anycast = NULL;
    if (anycast)
        anycast_stop(anycast, end, d);
    else
        end(d);
}

static void on_stop_timer(uv_timer_t *timer)
{
    const struct daemon *d = timer->data;
    notify_manager("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", EXTEND_US,
                   d->stopping ? "withdrawing what is announced" : "draining what is announced");
}

static void drain(struct daemon *d, bool keep)
{
    if (!keep)
        log_notice("draining what is announced; another SIGTERM, or stop --now, withdraws it");
    uv_timer_start(&d->stop_timer, on_stop_timer, 0, EXTEND_MS);
    anycast_drain(d->anycast, keep, withdraw, d);
}

void daemon_stop(struct daemon *d, enum ctl_stop how)
{
    bool is_first = !d->draining;
    if (d->stopping || (!is_first && how != CTL_STOP_NOW))
        return;
    if (is_first)
        notify_manager("STOPPING=1");
    d->draining = true;
    reload_stop(&d->reload);
    bool has_sets = d->anycast && d->serving && d->generation->model->n_prefix_sets > 0;
    if (how != CTL_STOP_NOW && has_sets)
        drain(d, how == CTL_STOP_KEEP);
    else
        withdraw(d);
}

const char *daemon_stop_problem(struct daemon *d, enum ctl_stop how)
{
    const struct model *m = d->generation->model;
    for (uint32_t i = 0; how == CTL_STOP_KEEP && i < m->n_prefix_sets; i++)
        if (m->prefix_sets[i].hold == ANYCAST_HOLD_TUN) {
            snprintf(d->stop_text, sizeof d->stop_text,
                     "keep_announced: prefix set '%s' has hold: tun, and its TUN goes with "
                     "loadstard, and the announcement with it: it can be drained (stop), or be "
                     "withdrawn at once (stop --now); with hold: none it could be kept",
                     m->prefix_sets[i].name);
            return d->stop_text;
        }
    if (how == CTL_STOP_KEEP && d->draining)
        return "keep_announced: loadstard is stopping already, and what it announced is drained";
    return NULL;
}
