/* SPDX-License-Identifier: Apache-2.0
 * When which probe runs.
 *
 * Every probe has a fixed phase within its interval, by hash, so that load is even and stays so
 * over reloads. A probe that is due takes a slot or queues for one; its next time is set when it
 * starts, so it never overlaps itself. New probes skip the wheel: they queue at once. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stddef.h>
#include <sys/resource.h>

enum {
    IN_FLIGHT_MAX = 8192, /* 20,000 probes/s of which one in ten waits out a timeout of 2 s */
    LAG_MS = 50,          /* later than this, the loop was held up */
};

/* Half of the descriptors that we may have: the rest is for the server, tiers and operators. */
static uint32_t max_in_flight(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 2 >= IN_FLIGHT_MAX)
        return IN_FLIGHT_MAX;
    return files.rlim_cur / 2 < 16 ? 16 : (uint32_t)files.rlim_cur / 2;
}

static uint64_t phase_hash(const struct probe *p)
{
    uint64_t seed = (uint64_t)p->check_index << 16 | p->port;
    return hash_bytes(seed ^ (uint64_t)p->subject << 32, p->addr.b, sizeof p->addr.b);
}

int64_t schedule_next_ms(const struct probe *p, int64_t now_ms)
{
    int64_t interval = p->check->def.interval_ms;
    int64_t phase = (int64_t)(phase_hash(p) % (uint64_t)interval);
    /* Soon after the machine was booted, the phase may lie ahead. */
    int64_t past = now_ms >= phase ? (now_ms - phase) % interval : interval - (phase - now_ms);
    return now_ms - past + interval;
}

static void on_due(void *ctx, struct wheel_entry *entry)
{
    struct checker *c = ctx;
    struct probe *p = (void *)((char *)entry - offsetof(struct probe, due));
    if (p->trial || p->queued)
        wheel_start(&c->plan->due, &p->due, schedule_next_ms(p, clock_mono_ms()));
    else
        starts_queue(c, p);
}

static void on_deadline(void *ctx, struct wheel_entry *entry)
{
    (void)ctx;
    trial_deadline((void *)((char *)entry - offsetof(struct trial, deadline)));
}

/* When the loop was held up, what came in meanwhile is still unread: the probes in flight get twice
 * the time that was lost, up to a whole timeout. Once each, or a loop that is always late would
 * never see a timeout. */
static void excuse_trials(struct checker *c, int64_t now_ms, int64_t lag_ms)
{
    for (struct trial *t = c->in_flight; t; t = t->next) {
        if (t->early || t->excused)
            continue;
        int64_t timeout_ms = t->check->def.timeout_ms;
        int64_t from_ms = t->deadline.at_ms > now_ms ? t->deadline.at_ms : now_ms;
        t->excused = true;
        wheel_start(&c->deadlines, &t->deadline,
                    from_ms + (2 * lag_ms < timeout_ms ? 2 * lag_ms : timeout_ms));
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct checker *c = timer->data;
    int64_t now_ms = clock_mono_ms(), lag_ms = now_ms - c->tick_at_ms;
    results_notice_stall(c);
    if (lag_ms > LAG_MS)
        excuse_trials(c, now_ms, lag_ms);
    c->ticking = true;
    wheel_advance(&c->deadlines, now_ms, on_deadline, c);
    wheel_advance(&c->plan->due, now_ms, on_due, c);
    c->ticking = false;
    c->tick_at_ms = INT64_MAX;
    starts_pump(c);
}

/* Sets the timer to the next thing that may be due. */
void schedule_arm(struct checker *c)
{
    if (c->ticking || c->stopping)
        return;
    int64_t due = wheel_next_ms(&c->plan->due), deadline = wheel_next_ms(&c->deadlines);
    int64_t at_ms = INT64_MAX;
    if (due >= 0)
        at_ms = c->plan->due.now_ms + due;
    if (deadline >= 0 && c->deadlines.now_ms + deadline < at_ms)
        at_ms = c->deadlines.now_ms + deadline;
    int64_t now_ms = clock_mono_ms();
    /* Not at once: a timer that is due fires within the same turn of the loop. */
    if (starts_more(c) && at_ms > now_ms)
        at_ms = now_ms + 1;
    if (at_ms < now_ms)
        at_ms = now_ms;
    if (at_ms >= c->tick_at_ms)
        return;
    /* libuv counts from its own time, which stands still within a turn. */
    uv_update_time(c->loop);
    c->tick_at_ms = at_ms;
    uv_timer_start(&c->tick, on_tick, (uint64_t)(at_ms - now_ms), 0);
}

/* Commands that were killed have held their slots until now. */
static void on_ended(struct processes *all)
{
    starts_pump_exec((void *)((char *)all - offsetof(struct checker, processes)));
}

static void on_armed(struct trial_host *host)
{
    schedule_arm(host->ctx);
}

void schedule_init(struct checker *c)
{
    int64_t now_ms = clock_mono_ms();
    wheel_init(&c->deadlines, now_ms);
    c->network.max_in_flight = max_in_flight();
    processes_init(&c->processes, c->loop);
    c->processes.ended = on_ended;
    c->n_open++;
    c->trials = (struct trial_host){
        .loop = c->loop,
        .wheel = &c->deadlines,
        .ctx = c,
        .finished = results_take,
        .freed = starts_freed,
        .armed = on_armed,
        .processes = &c->processes,
        .read_buffer = xmalloc(TRIAL_READ_MAX),
    };
    c->tick_at_ms = INT64_MAX;
    c->last_turn_ms = now_ms;
    uv_timer_init(c->loop, &c->tick);
    c->tick.data = c;
    c->n_open++;
}

/* Whether an endpoint waits for this probe's first result: nothing fresh was saved of it. */
static bool is_awaited(const struct checker *c, const struct probe *p)
{
    for (uint32_t i = 0; i < p->n_users && !p->reason && !p->untried; i++)
        if (c->standings[p->users[i]].known == HEALTH_UNKNOWN)
            return true;
    return false;
}

void schedule_probe(struct checker *c, struct probe *p, bool is_busy)
{
    int64_t now_ms = clock_mono_ms();
    c->plan->n_stale += p->stale;
    c->plan->n_untried += p->untried != NULL;
    if (is_busy || p->reason || p->untried)
        wheel_start(&c->plan->due, &p->due, schedule_next_ms(p, now_ms));
    else
        starts_queue(c, p);
    if (!p->last_mono_ms)
        p->last_mono_ms = now_ms;
}

void schedule_forget(struct checker *c, struct probe *p)
{
    wheel_stop(&p->due);
    starts_unqueue(c, p);
    c->plan->n_stale -= p->stale;
    c->plan->n_untried -= p->untried != NULL;
}

void schedule_plan(struct checker *c)
{
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p))
            continue;
        p->awaited = is_awaited(c, p);
        c->plan->n_awaited += p->awaited;
        schedule_probe(c, p, false);
    }
    starts_pump(c);
}
