/* SPDX-License-Identifier: Apache-2.0
 * Anycast: the control thread's side.
 *
 * Whenever the checker has something new, all conditions of all sets are worked out anew (they are
 * few) and sent if anything is different. Each 500 ms that is done as well, and the thread is told
 * that this one is alive. */
#include "anycast/anycast_internal.h"

#include "base/clock.h"
#include "base/turns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what sets go by ---- */

/** While the checker is ahead of the set in force, changes wait for its successor. */
void anycast_send_inputs(struct anycast *a)
{
    if (a->stopping || !a->set || checker_model(a->checker) != a->model)
        return;
    const int64_t began_us = clock_mono_us();
    const struct inputs_sources from = {.model = a->model,
                                        .states = checker_states(a->checker),
                                        .levels = a->host.levels(a->host.ctx),
                                        .orders = checker_orders(a->checker),
                                        .panic = checker_summary(a->checker).panic,
                                        .before = a->sent};
    struct inputs_batch *now = inputs_batch_new(a->set, &from);
    if (a->sent && inputs_batch_equal(a->sent, now)) {
        inputs_batch_free(now);
    } else {
        inputs_batch_free(a->sent);
        a->sent = now;
        anycast_thread_inputs(a->thread, inputs_batch_copy(now));
    }
    turns_part("conditions of prefix sets worked out", began_us);
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    struct anycast *a = ctx;
    if (a->stopping || checker_model(a->checker) != a->model)
        return;
    (void)subscription_take(subscription);
    anycast_send_inputs(a);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct anycast *a = timer->data;
    anycast_thread_heartbeat(a->thread);
    if (a->checker)
        anycast_send_inputs(a);
}

/* ---- what others ask ---- */

struct anycast_set *anycast_set_now(const struct anycast *a)
{
    return a->set;
}

void anycast_serving(struct anycast *a)
{
    anycast_thread_serving(a->thread);
}

/* ---- the beginning ---- */

static bool on_stalled(void *ctx)
{
    const struct anycast *a = ctx;
    return a->host.stalled(a->host.ctx);
}

static bool on_overflows(void *ctx)
{
    const struct anycast *a = ctx;
    return a->host.overflows(a->host.ctx);
}

int anycast_start(struct anycast **out, uv_loop_t *loop, const struct anycast_host *host,
                  int guard_fd, struct diags *diags)
{
    struct anycast *a = xcalloc(1, sizeof *a);
    *a = (struct anycast){.loop = loop, .host = *host};
    a->mailbox = mailbox_open(loop);
    const struct anycast_thread_host thread_host = {.mailbox = a->mailbox,
                                                    .ctx = a,
                                                    .views = anycast_on_views,
                                                    .speakers = anycast_on_speakers,
                                                    .drained = anycast_on_drained,
                                                    .stopped = anycast_on_stopped,
                                                    .stalled = on_stalled,
                                                    .overflows = on_overflows};
    if (anycast_thread_start(&a->thread, &thread_host, guard_fd) != 0) {
        diag_error(diags, (struct span){0}, "no thread for anycast: %s", strerror(errno));
        mailbox_close(a->mailbox);
        free(a);
        return E_SYSTEM;
    }
    uv_timer_t *const timers[] = {&a->heartbeat, &a->changed, &a->patience};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = a;
    }
    *out = a;
    return 0;
}

void anycast_follow(struct anycast *a, struct checker *checker)
{
    const struct subscriber subscriber = {.name = "anycast", .ctx = a, .wake = on_wake};
    a->checker = checker;
    a->subscription = checker_subscribe(checker, &subscriber);
    subscription_follow_orders(a->subscription);
    uv_timer_start(&a->heartbeat, on_heartbeat, 0, ANYCAST_HEARTBEAT_MS);
}
