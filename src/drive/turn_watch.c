/* SPDX-License-Identifier: Apache-2.0
 * From the loop's own account of its waiting to the lengths of its turns. */
#include "drive/turn_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/turns.h"

#include <signal.h>
#include <time.h>

static const int signals[TURN_SIGNALS] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

enum { SLOW_US = 100000, TELL_MS = 60000 };

static uint64_t cpu_ns(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void tell_if_slow(struct turn_watch *w, int64_t us, int64_t ran_us)
{
    int64_t now_ms = clock_mono_ms(), part_us;
    const char *part = turns_longest_part(&part_us);
    if (us <= SLOW_US || (w->told_ms && now_ms - w->told_ms < TELL_MS))
        return;
    w->told_ms = now_ms;
    log_warning("the control thread was busy for %lld ms at one go (ran for %lld); longest: %s, "
                "%lld ms",
                (long long)(us / 1000), (long long)(ran_us / 1000), part ? part : "not known",
                (long long)(part ? part_us / 1000 : 0));
}

/* A signal ends the wait, and the loop's account of it loses what it has waited until then. All
 * other threads block signals, so each comes here. */
static void on_signal(uv_signal_t *signal, int number)
{
    struct turn_watch *w = signal->data;
    (void)number;
    w->was_interrupted = true;
}

/* Right before the wait. What is called from within it, for events, counts as not waiting. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct turn_watch *w = prepare->data;
    uint64_t at = uv_hrtime(), waited = uv_metrics_idle_time(prepare->loop), ran = cpu_ns();
    int64_t us = (int64_t)(at - w->at_ns - (waited - w->waited_ns)) / 1000;
    int64_t ran_us = (int64_t)(ran - w->cpu_ns) / 1000;
    if (w->was_interrupted)
        us = ran_us;
    w->was_interrupted = false;
    if (w->at_ns) {
        turns_add(clock_mono_ms(), us > 0 ? us : 0, ran_us);
        tell_if_slow(w, us, ran_us);
    }
    w->at_ns = at;
    w->waited_ns = waited;
    w->cpu_ns = ran;
}

void turn_watch_start(struct turn_watch *w, uv_loop_t *loop)
{
    *w = (struct turn_watch){.prepare.data = w};
    uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    uv_prepare_init(loop, &w->prepare);
    uv_prepare_start(&w->prepare, on_prepare);
    uv_unref((uv_handle_t *)&w->prepare);
    for (size_t i = 0; i < TURN_SIGNALS; i++) {
        uv_signal_init(loop, &w->signals[i]);
        w->signals[i].data = w;
        uv_signal_start(&w->signals[i], on_signal, signals[i]);
        uv_unref((uv_handle_t *)&w->signals[i]);
    }
}

void turn_watch_stop(struct turn_watch *w)
{
    uv_close((uv_handle_t *)&w->prepare, NULL);
    for (size_t i = 0; i < TURN_SIGNALS; i++)
        uv_close((uv_handle_t *)&w->signals[i], NULL);
}
