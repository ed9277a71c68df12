/* SPDX-License-Identifier: Apache-2.0
 * The end of anycast. */
#include "anycast/anycast_internal.h"

#include "base/log.h"

#include <stdlib.h>

#define PATIENCE_MS 4000 /* the thread's own is shorter */

/* ---- draining ---- */

void anycast_on_drained(void *anycast)
{
    struct anycast *a = anycast;
    void (*drained)(void *) = a->drained;
    a->drained = NULL;
    if (drained)
        drained(a->drained_ctx);
}

void anycast_drain(struct anycast *a, bool keep, void (*done)(void *ctx), void *ctx)
{
    a->drained = done;
    a->drained_ctx = ctx;
    anycast_thread_drain(a->thread, keep);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct anycast *a = handle->data;
    if (--a->n_open > 0)
        return;
    void (*stopped)(void *) = a->stopped;
    void *ctx = a->stopped_ctx;
    if (!a->is_lost)
        free(a);
    stopped(ctx);
}

static void close_handles(struct anycast *a)
{
    uv_timer_t *const timers[] = {&a->heartbeat, &a->changed, &a->patience};
    a->n_open = ARRAY_LEN(timers);
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        uv_close((uv_handle_t *)timers[i], on_closed);
}

static void on_joinable(uv_timer_t *timer)
{
    struct anycast *a = timer->data;
    anycast_thread_join(a->thread);
    mailbox_close(a->mailbox);
    anycast_free_views(a);
    anycast_set_release(a->set);
    inputs_batch_free(a->sent);
    close_handles(a);
}

/** From within the mailbox, which is closed in a turn of its own. */
void anycast_on_stopped(void *anycast)
{
    struct anycast *a = anycast;
    if (!a->is_lost)
        uv_timer_start(&a->patience, on_joinable, 0, 0);
}

/** It hangs in the kernel, where nothing can end it: the process does not wait for that, and its
 *  end withdraws what TUNs announce. */
static void on_patience(uv_timer_t *timer)
{
    struct anycast *a = timer->data;
    log_error("the thread of anycast does not end, and is left behind");
    a->is_lost = true;
    mailbox_unref(a->mailbox);
    close_handles(a);
}

void anycast_stop(struct anycast *a, void (*done)(void *ctx), void *ctx)
{
    a->stopping = true;
    a->drained = NULL;
    a->stopped = done;
    a->stopped_ctx = ctx;
    if (a->subscription)
        subscription_end(a->subscription);
    a->subscription = NULL;
    uv_timer_stop(&a->heartbeat);
    uv_timer_stop(&a->changed);
    anycast_thread_stop(a->thread);
    uv_timer_start(&a->patience, on_patience, PATIENCE_MS, 0);
}
