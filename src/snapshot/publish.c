/* SPDX-License-Identifier: Apache-2.0
 * Pointer swaps, and the thread that frees what they replaced.
 *
 * The control thread puts retired objects on a list; the reclaimer takes the whole list, waits for
 * one grace period and frees all of it. Its mutex guards the list only and is never held across a
 * grace period, so that the control thread does not wait for readers. */
#include "snapshot/publish.h"

#include "base/arena.h"
#include "base/give_way.h"
#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

/* liburcu is not instrumented, so ThreadSanitizer does not see that a grace period orders a
 * reader's last use before the free. These two say so, and no more than that: what a reader does
 * after its last quiescent state stays unordered, and is reported. */
#if defined(__SANITIZE_THREAD__)
#define PUBLISH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PUBLISH_TSAN 1
#endif
#endif

#ifdef PUBLISH_TSAN
#include <sanitizer/tsan_interface.h>
static char grace_period;
#define READER_IS_DONE() __tsan_release(&grace_period)
#define GRACE_PERIOD_IS_OVER() __tsan_acquire(&grace_period)
#else
#define READER_IS_DONE() ((void)0)
#define GRACE_PERIOD_IS_OVER() ((void)0)
#endif

struct retired {
    struct retired *next;
    void (*release)(void *p);
    void *p;
};

static _Atomic(struct snapshot *) current;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    pthread_t thread;
    bool running, stop;
    struct retired *list, **tail; /* tail is NULL until the first retirement */
    uint64_t n_retired, n_freed;
} reclaimer = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

void publish_thread_register(void)
{
    rcu_register_thread();
}

void publish_thread_unregister(void)
{
    READER_IS_DONE();
    rcu_unregister_thread();
}

void publish_quiesce(void)
{
    READER_IS_DONE();
    rcu_quiescent_state();
}

void publish_offline(void)
{
    READER_IS_DONE();
    rcu_thread_offline();
}

void publish_online(void)
{
    rcu_thread_online();
}

const struct snapshot *publish_current(void)
{
    return atomic_load_explicit(&current, memory_order_acquire);
}

/** Frees a list of retired objects; returns how many. */
static uint64_t release_all(struct retired *list)
{
    uint64_t n = 0;
    for (struct retired *next; list; list = next, n++) {
        next = list->next;
        list->release(list->p);
        free(list);
    }
    return n;
}

static void *reclaimer_run(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "reclaim");
    give_way(); /* giving a million names back takes a while, and no one waits for it */
    pthread_mutex_lock(&reclaimer.mutex);
    for (;;) {
        while (!reclaimer.list && !reclaimer.stop)
            pthread_cond_wait(&reclaimer.work, &reclaimer.mutex);
        struct retired *list = reclaimer.list;
        if (!list)
            break;
        reclaimer.list = NULL;
        reclaimer.tail = &reclaimer.list;
        pthread_mutex_unlock(&reclaimer.mutex);

        synchronize_rcu();
        GRACE_PERIOD_IS_OVER();
        uint64_t n = release_all(list);

        pthread_mutex_lock(&reclaimer.mutex);
        reclaimer.n_freed += n;
        pthread_cond_broadcast(&reclaimer.done);
    }
    pthread_mutex_unlock(&reclaimer.mutex);
    return NULL;
}

/** Starts the thread at the first retirement, with all signals left to the control thread. */
static void reclaimer_start(void)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&reclaimer.thread, NULL, reclaimer_run, NULL) != 0) {
        log_error("cannot start the reclaiming thread: out of memory or of threads");
        abort();
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    reclaimer.running = true;
}

void publish_retire(void (*release)(void *p), void *p)
{
    struct retired *r = xmalloc(sizeof *r);
    *r = (struct retired){NULL, release, p};
    pthread_mutex_lock(&reclaimer.mutex);
    if (!reclaimer.running)
        reclaimer_start();
    if (!reclaimer.tail)
        reclaimer.tail = &reclaimer.list;
    *reclaimer.tail = r;
    reclaimer.tail = &r->next;
    reclaimer.n_retired++;
    pthread_cond_signal(&reclaimer.work);
    pthread_mutex_unlock(&reclaimer.mutex);
}

static void release_snapshot(void *p)
{
    snapshot_free(p);
}

void publish_snapshot(struct snapshot *next)
{
    struct snapshot *old = atomic_exchange_explicit(&current, next, memory_order_acq_rel);
    if (old)
        publish_retire(release_snapshot, old);
}

static void release_arena(void *p)
{
    arena_free(p);
}

void publish_view(struct pool_slot *slot, const struct pool_view *next)
{
    const struct pool_view *old = atomic_exchange_explicit(&slot->view, next, memory_order_acq_rel);
    if (old)
        publish_retire(release_arena, old->arena);
}

void publish_barrier(void)
{
    pthread_mutex_lock(&reclaimer.mutex);
    uint64_t upto = reclaimer.n_retired;
    while (reclaimer.n_freed < upto)
        pthread_cond_wait(&reclaimer.done, &reclaimer.mutex);
    pthread_mutex_unlock(&reclaimer.mutex);
}

void publish_shutdown(void)
{
    publish_snapshot(NULL);
    pthread_mutex_lock(&reclaimer.mutex);
    bool running = reclaimer.running;
    reclaimer.stop = true;
    pthread_cond_signal(&reclaimer.work);
    pthread_mutex_unlock(&reclaimer.mutex);
    if (running)
        pthread_join(reclaimer.thread, NULL);
    reclaimer.running = reclaimer.stop = false;
}
