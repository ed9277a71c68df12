/* SPDX-License-Identifier: Apache-2.0
 * The end of the tiers. */
#include "tier/tiers_internal.h"

#include "base/log.h"

#include <stdlib.h>

#define PATIENCE_MS 6000

static void on_closed(uv_handle_t *handle)
{
    struct tiers *t = handle->data;
    if (--t->n_open > 0)
        return;
    void (*stopped)(void *) = t->stopped;
    void *ctx = t->stopped_ctx;
    if (!t->is_lost)
        free(t);
    stopped(ctx);
}

static void close_handles(struct tiers *t)
{
    uv_timer_t *const timers[] = {&t->slice, &t->changed, &t->patience};
    t->n_open = ARRAY_LEN(timers);
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        uv_close((uv_handle_t *)timers[i], on_closed);
}

static void free_views(struct tiers *t)
{
    for (uint32_t i = 0; t->set && i < t->set->n_tiers; i++)
        tier_view_release(t->views[i]);
    free(t->views);
    tier_set_release(t->set);
    t->views = NULL;
    t->set = NULL;
}

static void on_joinable(uv_timer_t *timer)
{
    struct tiers *t = timer->data;
    tiers_thread_join(t->thread);
    mailbox_close(t->mailbox);
    free_views(t);
    worklist_free(&t->waiting);
    dns_memory_free(&t->dns);
    descriptors_free(t->descriptors);
    close_handles(t);
}

/** From within the mailbox, which is closed in a turn of its own. */
void tiers_on_stopped(void *tiers)
{
    struct tiers *t = tiers;
    if (!t->is_lost)
        uv_timer_start(&t->patience, on_joinable, 0, 0);
}

/** It hangs in the kernel, where nothing can end it: the process does not wait for that. */
static void on_patience(uv_timer_t *timer)
{
    struct tiers *t = timer->data;
    log_error("the thread of the tiers does not end, and is left behind");
    t->is_lost = true;
    mailbox_unref(t->mailbox);
    close_handles(t);
}

void tiers_stop(struct tiers *t, void (*done)(void *ctx), void *ctx)
{
    t->stopping = true;
    t->stopped = done;
    t->stopped_ctx = ctx;
    tiers_unprepare(t);
    if (t->subscription)
        subscription_end(t->subscription);
    uv_timer_stop(&t->slice);
    uv_timer_stop(&t->changed);
    uv_timer_start(&t->patience, on_patience, PATIENCE_MS, 0);
    tiers_thread_stop(t->thread);
}
