/* SPDX-License-Identifier: Apache-2.0
 * Threads that take the next piece until there is none. */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

struct job {
    uint32_t n;
    void (*work)(void *arg, uint32_t piece, uint32_t thread);
    void *arg;
    _Atomic uint32_t next;
};

struct worker {
    struct job *job;
    uint32_t number;
    pthread_t thread;
};

uint32_t usable_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (uint32_t)n : 1;
}

uint32_t parallel_threads(uint32_t n)
{
    uint32_t threads = usable_cores();
    if (threads > n)
        threads = n;
    return threads == 0 ? 1 : threads > PARALLEL_MAX ? PARALLEL_MAX : threads;
}

static void *take_pieces(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    for (uint32_t i; (i = atomic_fetch_add(&job->next, 1)) < job->n;)
        job->work(job->arg, i, w->number);
    return NULL;
}

void parallel_for(uint32_t n, uint32_t threads,
                  void (*work)(void *arg, uint32_t piece, uint32_t thread), void *arg)
{
    struct job job = {.n = n, .work = work, .arg = arg};
    struct worker workers[PARALLEL_MAX] = {{.job = &job}};
    uint32_t started = 1;
    for (uint32_t i = 1; i < threads; i++)
        workers[i] = (struct worker){.job = &job, .number = i};
    while (started < threads &&
           pthread_create(&workers[started].thread, NULL, take_pieces, &workers[started]) == 0)
        started++;
    (void)take_pieces(&workers[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}
