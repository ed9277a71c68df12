/* SPDX-License-Identifier: Apache-2.0
 * When which probe runs.
 *
 * Every probe has a fixed phase within its interval, by hash, so that load is even and stays so
 * over reloads. A probe that is due takes a slot or queues for one; its next time is set when it
 * starts, so it never overlaps itself. New probes skip the wheel: they queue at once. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/units.h"
#include "health/lanes.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    IN_FLIGHT_MAX = 8192, /* 20,000 probes/s of which one in ten waits out a timeout of 2 s */
    EXEC_BATCH = 16,      /* commands started per turn: each takes the better part of 1 ms */
    BATCH = 128,          /* starts per turn of the loop: about 3 ms */
    LAG_MS = 50,          /* later than this, the loop was held up */
    STALL_MS = 5000,
    SEARCH_MS = 2000,
    UNTRIED_MS = 60000, /* between log lines */
};

static void pump(struct checker *c);
static void arm(struct checker *c);

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

static int64_t next_due_ms(const struct probe *p, int64_t now_ms)
{
    int64_t interval = p->check->def.interval_ms;
    int64_t phase = (int64_t)(phase_hash(p) % (uint64_t)interval);
    /* Soon after the machine was booted, the phase may lie ahead. */
    int64_t past = now_ms >= phase ? (now_ms - phase) % interval : interval - (phase - now_ms);
    return now_ms - past + interval;
}

static struct lane *lane_of(struct checker *c, const struct probe *p)
{
    return p->lane == MODEL_NONE ? NULL : &c->plan->lanes[p->lane];
}

static void queue_probe(struct checker *c, struct probe *p)
{
    struct lane *lane = lane_of(c, p);
    struct probe ***last = lane ? &lane->last : &c->network.last;
    if (p->queued || p->trial)
        return;
    p->queued = true;
    p->queue_next = NULL;
    **last = p;
    *last = &p->queue_next;
    c->exec.n_waiting += lane != NULL;
}

static struct probe *take_first(struct probe **first, struct probe ***last)
{
    struct probe *p = *first;
    *first = p->queue_next;
    if (!*first)
        *last = first;
    p->queued = false;
    return p;
}

static void empty_queue(struct probe **first, struct probe ***last)
{
    while (*first)
        take_first(first, last);
}

static void list_trial(struct checker *c, struct trial *trial)
{
    trial->prev = NULL;
    trial->next = c->in_flight;
    if (c->in_flight)
        c->in_flight->prev = trial;
    c->in_flight = trial;
    c->n_in_flight++;
    c->n_trials++;
}

static void unlist_trial(struct checker *c, struct trial *trial)
{
    c->n_in_flight--;
    if (trial->prev)
        trial->prev->next = trial->next;
    else
        c->in_flight = trial->next;
    if (trial->next)
        trial->next->prev = trial->prev;
}

static void start_probe(struct checker *c, struct probe *p)
{
    const struct endpoint *e = &c->model->endpoints[p->subject];
    struct trial_target target = {
        .addr = p->addr,
        .port = p->port,
        .host = p->addr.family == IP_NONE ? e->label : NULL,
        .pool = c->model->pools[e->pool].name,
        .site = c->model->sites[e->site].name,
        .label = e->label,
    };
    wheel_start(&c->due, &p->due, next_due_ms(p, clock_mono_ms()));
    struct lane *lane = lane_of(c, p);
    if (lane) {
        lane->n_in_flight++;
        c->exec.n_in_flight++;
    } else {
        c->network.n_in_flight++;
    }
    p->trial = trial_start(&c->trials, p->check, &target, p);
    list_trial(c, p->trial);
}

static bool can_pump(const struct queue *q)
{
    return q->first && q->n_in_flight < q->max_in_flight;
}

static void pump_network(struct checker *c)
{
    struct queue *q = &c->network;
    for (unsigned n = 0; n < BATCH && can_pump(q); n++)
        start_probe(c, take_first(&q->first, &q->last));
}

/* Slots that no command has, also none of those that are killed and not gone yet. */
static uint32_t free_slots(const struct checker *c)
{
    uint32_t used = c->exec.n_in_flight + processes_dying(&c->processes);
    uint32_t n = c->model->server.exec_concurrency;
    return used < n ? n - used : 0;
}

/* The next lane, in turns, that waits and may start; NULL: none. */
static struct lane *next_lane(struct checker *c)
{
    const struct plan *plan = c->plan;
    uint32_t n_free = free_slots(c);
    uint32_t n_reserved = lanes_reserved(plan, c->model->server.exec_concurrency);
    for (uint32_t i = 0; i < plan->n_lanes && n_free > 0; i++) {
        struct lane *lane = &plan->lanes[c->exec.turn++ % plan->n_lanes];
        if (lane->first && lane_may_start(lane, n_free, n_reserved))
            return lane;
    }
    return NULL;
}

static void pump_exec(struct checker *c)
{
    unsigned n = 0;
    for (struct lane *lane; c->exec.n_waiting > 0 && n < EXEC_BATCH; n++) {
        lane = next_lane(c);
        if (!lane)
            break;
        c->exec.n_waiting--;
        start_probe(c, take_first(&lane->first, &lane->last));
    }
    c->exec.more = n == EXEC_BATCH && c->exec.n_waiting > 0;
}

static void pump(struct checker *c)
{
    if (c->stopping)
        return;
    pump_network(c);
    pump_exec(c);
    arm(c);
}

static void on_due(void *ctx, struct wheel_entry *entry)
{
    struct checker *c = ctx;
    struct probe *p = (void *)((char *)entry - offsetof(struct probe, due));
    if (p->trial || p->queued)
        wheel_start(&c->due, &p->due, next_due_ms(p, clock_mono_ms()));
    else
        queue_probe(c, p);
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
    schedule_turn(c);
    if (lag_ms > LAG_MS)
        excuse_trials(c, now_ms, lag_ms);
    c->ticking = true;
    wheel_advance(&c->deadlines, now_ms, on_deadline, c);
    wheel_advance(&c->due, now_ms, on_due, c);
    c->ticking = false;
    c->tick_at_ms = INT64_MAX;
    pump(c);
}

/* Sets the timer to the next thing that may be due. */
static void arm(struct checker *c)
{
    if (c->ticking || c->stopping)
        return;
    int64_t due = wheel_next_ms(&c->due), deadline = wheel_next_ms(&c->deadlines);
    int64_t at_ms = INT64_MAX;
    if (due >= 0)
        at_ms = c->due.now_ms + due;
    if (deadline >= 0 && c->deadlines.now_ms + deadline < at_ms)
        at_ms = c->deadlines.now_ms + deadline;
    int64_t now_ms = clock_mono_ms();
    if (can_pump(&c->network) || c->exec.more || at_ms < now_ms)
        at_ms = now_ms;
    if (at_ms >= c->tick_at_ms)
        return;
    /* libuv counts from its own time, which stands still within a turn. */
    uv_update_time(c->loop);
    c->tick_at_ms = at_ms;
    uv_timer_start(&c->tick, on_tick, (uint64_t)(at_ms - now_ms), 0);
}

static void count_stale(struct checker *c, struct probe *p, bool stale)
{
    if (p->stale == stale)
        return;
    p->stale = stale;
    c->n_stale += stale ? 1u : -1u;
}

static void replace_text(char **text, const char *with)
{
    if (*text && with && strcmp(*text, with) == 0)
        return;
    free(*text);
    *text = with ? xstrdup(with) : NULL;
}

/* The state stays as it is; should this last, it becomes stale. */
static void take_untried(struct checker *c, struct probe *p, const char *why)
{
    int64_t now_ms = clock_mono_ms();
    c->n_untried += !p->untried;
    replace_text(&p->untried, why);
    p->n_untried++;
    endpoints_follow(c, p);
    if (c->untried_ms && now_ms - c->untried_ms < UNTRIED_MS)
        return;
    c->untried_ms = now_ms;
    log_warning("health: check %s: %s", p->check->def.name, why);
}

static void take_result(struct checker *c, struct probe *p, const struct trial_result *r)
{
    int64_t wall_ms = clock_wall_ms();
    struct fsm_limits limits = probe_limits(p);
    c->n_awaited -= p->awaited;
    p->awaited = false;
    p->last_ms = wall_ms;
    if (r->outcome == TRIAL_UNTRIED) {
        take_untried(c, p, r->reason);
        return;
    }
    c->n_untried -= p->untried != NULL;
    replace_text(&p->untried, NULL);
    replace_text(&p->reason, r->reason);
    p->last_mono_ms = clock_mono_ms();
    p->latency_us = r->latency_us;
    p->n_ok += r->outcome == TRIAL_UP;
    p->n_failed += r->outcome == TRIAL_DOWN;
    if (fsm_result(&p->fsm, r->outcome == TRIAL_UP, &limits))
        p->since_ms = wall_ms;
    count_stale(c, p, false);
    endpoints_follow(c, p);
}

static void on_finished(struct trial_host *host, struct trial *trial,
                        const struct trial_result *result)
{
    struct checker *c = host->ctx;
    struct probe *p = trial->subject;
    struct lane *lane = lane_of(c, p);
    p->trial = NULL;
    unlist_trial(c, trial);
    if (lane)
        lane->n_in_flight--;
    take_result(c, p, result);
    endpoints_flush_if_late(c);
}

static void on_freed(struct trial_host *host, const struct prepared_check *check)
{
    struct checker *c = host->ctx;
    c->n_trials--;
    bool exec = check->def.type == CHECK_EXEC;
    if (exec)
        c->exec.n_in_flight--;
    else
        c->network.n_in_flight--;
    if (c->stopping)
        checker_release(c);
    else if (exec ? c->exec.n_waiting > 0 : c->network.first != NULL)
        pump(c);
}

/* Commands that were killed have held their slots until now. */
static void on_ended(struct processes *all)
{
    schedule_pump((void *)((char *)all - offsetof(struct checker, processes)));
}

static void on_armed(struct trial_host *host)
{
    arm(host->ctx);
}

void schedule_init(struct checker *c)
{
    int64_t now_ms = clock_mono_ms();
    wheel_init(&c->due, now_ms);
    wheel_init(&c->deadlines, now_ms);
    c->network = (struct queue){.last = &c->network.first, .max_in_flight = max_in_flight()};
    processes_init(&c->processes, c->loop);
    c->processes.ended = on_ended;
    c->n_handles++;
    c->trials = (struct trial_host){
        .loop = c->loop,
        .wheel = &c->deadlines,
        .ctx = c,
        .finished = on_finished,
        .freed = on_freed,
        .armed = on_armed,
        .processes = &c->processes,
        .read_buffer = xmalloc(TRIAL_READ_MAX),
    };
    c->tick_at_ms = INT64_MAX;
    c->last_turn_ms = now_ms;
    uv_timer_init(c->loop, &c->tick);
    c->tick.data = c;
    c->n_handles++;
}

/* Whether an endpoint waits for this probe's first result: nothing fresh was saved of it. */
static bool is_awaited(const struct checker *c, const struct probe *p)
{
    for (uint32_t i = 0; i < p->n_users && !p->reason && !p->untried; i++)
        if (c->standings[p->users[i]].known == HEALTH_UNKNOWN)
            return true;
    return false;
}

void schedule_plan(struct checker *c)
{
    int64_t now_ms = clock_mono_ms();
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p))
            continue;
        c->n_stale += p->stale;
        c->n_untried += p->untried != NULL;
        p->awaited = is_awaited(c, p);
        c->n_awaited += p->awaited;
        if (p->trial || p->reason || p->untried)
            wheel_start(&c->due, &p->due, next_due_ms(p, now_ms));
        else
            queue_probe(c, p);
        if (!p->last_mono_ms)
            p->last_mono_ms = now_ms;
    }
    pump(c);
}

void schedule_drop(struct checker *c, struct plan *plan)
{
    /* First: a trial that ends in here gives its slot to the next in the queue, which must not be
     * one of this plan. */
    empty_queue(&c->network.first, &c->network.last);
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        empty_queue(&plan->lanes[i].first, &plan->lanes[i].last);
    c->exec.n_waiting = 0;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        struct probe *p = &plan->probes[i];
        wheel_stop(&p->due);
        if (p->trial) {
            unlist_trial(c, p->trial);
            trial_cancel(p->trial);
            p->trial = NULL;
        }
    }
    c->n_awaited = c->n_stale = c->n_untried = 0;
}

/* Probes again at once, and says so until then. */
static void mark_stale(struct checker *c, struct probe *p)
{
    count_stale(c, p, true);
    endpoints_follow(c, p);
    queue_probe(c, p);
}

void schedule_pump(struct checker *c)
{
    if (c->exec.n_waiting > 0)
        pump(c);
}

void schedule_turn(struct checker *c)
{
    int64_t now_ms = clock_mono_ms(), gap_ms = now_ms - c->last_turn_ms;
    uint32_t n = 0;
    c->last_turn_ms = now_ms;
    if (gap_ms <= STALL_MS)
        return;
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p) || gap_ms <= p->check->def.interval_ms)
            continue;
        mark_stale(c, p);
        n++;
    }
    if (n == 0)
        return;
    char gap[UNITS_TEXT_MAX], text[REASON_MAX];
    snprintf(text, sizeof text,
             "the checker did not run for %s: %u probe%s stale and start%s again at once",
             units_age_text(gap, gap_ms), n, n == 1 ? " is" : "s are", n == 1 ? "s" : "");
    log_warning("health: %s", text);
    endpoints_event(c, MODEL_NONE, "ok", "stale", text);
    c->reported_stale = true;
}

void schedule_find_starved(struct checker *c)
{
    int64_t now_ms = clock_mono_ms();
    uint32_t n = 0;
    if (now_ms - c->searched_ms < SEARCH_MS)
        return;
    c->searched_ms = now_ms;
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        struct probe *p = &c->plan->probes[i];
        int64_t most_ms = 2 * (int64_t)p->check->def.interval_ms + p->check->def.timeout_ms;
        if (probe_is_derived(p) || p->stale ||
            now_ms - p->last_mono_ms <= (most_ms > STALL_MS ? most_ms : STALL_MS))
            continue;
        count_stale(c, p, true);
        endpoints_follow(c, p);
        n++;
    }
    if (n == 0 || c->reported_stale)
        return;
    char text[REASON_MAX];
    snprintf(text, sizeof text, "%u probe%s no result in time, and %s stale", n,
             n == 1 ? " gets" : "s get", n == 1 ? "is" : "are");
    log_warning("health: %s", text);
    endpoints_event(c, MODEL_NONE, "ok", "stale", text);
    c->reported_stale = true;
}
