/* SPDX-License-Identifier: Apache-2.0
 * The loop of a worker: events, then time, then what was put off, then events again.
 *
 * Orders of other threads come as a list that is pushed to without a lock and taken as a whole; an
 * eventfd wakes the loop. It is watched edge-triggered, so that nobody has to read it: each write
 * is an edge. */
#include "l4/worker.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/diag.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKER_EVENTS 128 /* of one turn: bounds how long time and orders wait */
/* Of one turn, each of which may move half a megabyte (TCP_TURN, both ways): some 1 ms. What a turn
 * costs beside, an epoll_wait(2), is a thousandth of that. */
#define WORKER_GO_ONS 8

struct order {
    struct order *next;
    void (*fn)(struct worker *worker, void *arg);
    void *arg;
};

struct worker_thread {
    struct worker worker; /* first */
    struct worker_source orders_came;
    int wake; /* eventfd */
    uint32_t n_cursors;
    bool stopping;
    pthread_t thread;
    ATTR_CACHELINE _Atomic(struct order *) orders; /* the newest first */
};

static struct worker_thread *thread_of(struct worker *worker)
{
    return (void *)worker;
}

/* ---- descriptors and tasks ---- */

static int control(struct worker *worker, int op, int fd, uint32_t events,
                   struct worker_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(worker->epoll, op, fd, &event);
}

int worker_watch(struct worker *worker, int fd, uint32_t events, struct worker_source *source)
{
    return control(worker, EPOLL_CTL_ADD, fd, events, source);
}

int worker_rewatch(struct worker *worker, int fd, uint32_t events, struct worker_source *source)
{
    return control(worker, EPOLL_CTL_MOD, fd, events, source);
}

void worker_unwatch(struct worker *worker, int fd)
{
    control(worker, EPOLL_CTL_DEL, fd, 0, NULL);
}

static void tasks_init(struct worker_tasks *tasks)
{
    tasks->first = NULL;
    tasks->end = &tasks->first;
}

static void put_off(struct worker_tasks *tasks, struct worker_task *task)
{
    if (task->waits)
        return;
    task->waits = true;
    task->next = NULL;
    *tasks->end = task;
    tasks->end = &task->next;
}

void worker_defer(struct worker *worker, struct worker_task *task)
{
    put_off(&worker->tasks, task);
}

void worker_go_on(struct worker *worker, struct worker_task *task)
{
    put_off(&worker->turns, task);
}

/* What a task puts off in its turn waits for the next one. */
static void run_all(struct worker *worker, struct worker_task *task)
{
    for (struct worker_task *next; task; task = next) {
        next = task->next;
        task->waits = false;
        task->run(worker, task);
    }
}

static void run_tasks(struct worker *worker)
{
    struct worker_task *first = worker->tasks.first;
    tasks_init(&worker->tasks);
    run_all(worker, first);
}

static void run_turns(struct worker *worker)
{
    struct worker_tasks *turns = &worker->turns;
    struct worker_task *first = turns->first, **cut = &first;
    for (unsigned i = 0; i < WORKER_GO_ONS && *cut; i++)
        cut = &(*cut)->next;
    turns->first = *cut;
    *cut = NULL;
    if (!turns->first)
        tasks_init(turns);
    run_all(worker, first);
}

/* ---- orders ---- */

void worker_post(struct worker *worker, void (*fn)(struct worker *worker, void *arg), void *arg)
{
    struct worker_thread *self = thread_of(worker);
    struct order *order = xmalloc(sizeof *order);
    *order = (struct order){.fn = fn, .arg = arg};
    order->next = atomic_load_explicit(&self->orders, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&self->orders, &order->next, order,
                                                  memory_order_release, memory_order_relaxed))
        ;
    /* Fails only when the count is full, and then the loop has been woken. */
    (void)!write(self->wake, &(uint64_t){1}, sizeof(uint64_t));
}

/* All that were posted, the oldest first. */
static struct order *take_orders(struct worker_thread *self)
{
    struct order *newest = atomic_exchange_explicit(&self->orders, NULL, memory_order_acquire);
    struct order *oldest = NULL;
    while (newest) {
        struct order *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void on_orders(struct worker *worker, struct worker_source *source, uint32_t events)
{
    (void)source, (void)events;
    for (struct order *order = take_orders(thread_of(worker)), *next; order; order = next) {
        next = order->next;
        order->fn(worker, order->arg);
        free(order);
    }
}

static void grow_cursors(struct worker_thread *self, uint32_t n)
{
    struct worker *worker = &self->worker;
    if (n <= self->n_cursors)
        return;
    worker->cursors = xrealloc(worker->cursors, n * sizeof *worker->cursors);
    for (; self->n_cursors < n; self->n_cursors++) {
        worker->cursors[self->n_cursors] = (struct balance_cursor){0};
        rng_init(&worker->cursors[self->n_cursors].rng);
    }
}

static void follow(struct worker *worker, void *arg)
{
    struct plan *before = worker->plan;
    worker->plan = arg;
    grow_cursors(thread_of(worker), worker->plan->n_cursors);
    tcp_follow(worker->tcp, before);
    udp_follow(worker->udp, before);
    if (before)
        plan_release(before);
}

void worker_give(struct worker *worker, struct plan *plan)
{
    worker_post(worker, follow, plan);
}

struct drain {
    int64_t close_at_ms;
    bool passed;
};

static void drain(struct worker *worker, void *arg)
{
    const struct drain *how = arg;
    tcp_drain(worker->tcp, how->close_at_ms, how->passed);
    udp_drain(worker->udp, how->close_at_ms, how->passed);
    free(arg);
}

void worker_drain(struct worker *worker, int64_t close_at_ms, bool passed)
{
    struct drain *how = xmalloc(sizeof *how);
    *how = (struct drain){close_at_ms, passed};
    worker_post(worker, drain, how);
}

static void undrain(struct worker *worker, void *arg)
{
    (void)arg;
    tcp_undrain(worker->tcp);
    udp_undrain(worker->udp);
}

void worker_undrain(struct worker *worker)
{
    worker_post(worker, undrain, NULL);
}

/* Places are numbers of records: those of connections, then those of datagrams' flows. */
#define PLACE_UDP (UINT64_C(1) << 32)

uint32_t worker_flows(struct worker *worker, struct flow_record *out, uint32_t max, uint64_t *at)
{
    struct flow_look look = {.out = out, .max = max, .left = WORKER_LOOK_MAX};
    uint32_t nth = (uint32_t)*at;
    if (*at < PLACE_UDP) {
        if (tcp_flows(worker->tcp, &look, &nth)) {
            *at = nth;
            return look.n;
        }
        nth = 0;
    }
    *at = udp_flows(worker->udp, &look, &nth) ? PLACE_UDP + nth : WORKER_FLOWS_END;
    return look.n;
}

/* ---- the loop ---- */

static void fire(void *ctx, struct wheel_entry *entry)
{
    struct worker_timer *timer = (struct worker_timer *)entry;
    timer->fire(ctx, timer);
}

static int wait_ms(struct worker *worker)
{
    if (worker->tasks.first || worker->turns.first)
        return 0;
    int64_t ms = wheel_next_ms(&worker->wheel);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void turn(struct worker *worker)
{
    struct epoll_event events[WORKER_EVENTS];
    int n = epoll_wait(worker->epoll, events, WORKER_EVENTS, wait_ms(worker));
    worker->now_ms = clock_mono_ms();
    worker->turn++;
    for (int i = 0; i < n; i++) {
        struct worker_source *source = events[i].data.ptr;
        source->ready(worker, source, events[i].events);
    }
    wheel_advance(&worker->wheel, worker->now_ms, fire, worker);
    run_tasks(worker);
    run_turns(worker);
}

static void *run(void *arg)
{
    struct worker_thread *self = arg;
    struct worker *worker = &self->worker;
    while (!self->stopping)
        turn(worker);
    tcp_free(worker->tcp);
    udp_free(worker->udp);
    if (worker->plan)
        plan_release(worker->plan);
    return NULL;
}

/* ---- begin and end ---- */

static int thread_start(struct worker_thread *self, int cpu)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the main thread's */
    int error = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        errno = error;
        return E_SYSTEM;
    }
    char name[16]; /* the kernel's limit */
    snprintf(name, sizeof name, "l4/%u", self->worker.nth);
    pthread_setname_np(self->thread, name);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
        /* A core that was taken away meanwhile: then it runs on any. */
        pthread_setaffinity_np(self->thread, sizeof set, &set);
    }
    return 0;
}

static struct worker_thread *thread_new(uint32_t nth, const struct worker_host *host)
{
    struct worker_thread *self = aligned_alloc(alignof(struct worker_thread), sizeof *self);
    if (!self)
        abort();
    *self = (struct worker_thread){.orders_came.ready = on_orders};
    struct worker *worker = &self->worker;
    worker->nth = nth;
    worker->host = host;
    worker->now_ms = clock_mono_ms();
    tasks_init(&worker->tasks);
    tasks_init(&worker->turns);
    wheel_init(&worker->wheel, worker->now_ms);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return self;
}

static void thread_free(struct worker_thread *self)
{
    int error = errno;
    if (self->wake >= 0)
        close(self->wake);
    if (self->worker.epoll >= 0)
        close(self->worker.epoll);
    free(self->worker.cursors);
    free(self);
    errno = error;
}

int worker_start(struct worker **out, uint32_t nth, int cpu, const struct worker_host *host)
{
    struct worker_thread *self = thread_new(nth, host);
    struct worker *worker = &self->worker;
    if (worker->epoll < 0 || self->wake < 0 ||
        worker_watch(worker, self->wake, EPOLLIN | EPOLLET, &self->orders_came) != 0) {
        thread_free(self);
        return E_SYSTEM;
    }
    worker->tcp = tcp_new(worker);
    worker->udp = udp_new(worker);
    if (thread_start(self, cpu) != 0) {
        int error = errno;
        tcp_free(worker->tcp);
        udp_free(worker->udp);
        errno = error;
        thread_free(self);
        return E_SYSTEM;
    }
    *out = worker;
    return 0;
}

static void stop(struct worker *worker, void *arg)
{
    (void)arg;
    thread_of(worker)->stopping = true;
}

void worker_stop(struct worker *worker)
{
    worker_post(worker, stop, NULL); /* behind all that was posted before */
    pthread_join(thread_of(worker)->thread, NULL);
    thread_free(thread_of(worker));
}
