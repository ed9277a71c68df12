/* SPDX-License-Identifier: Apache-2.0
 * Waiting in a test for what a drive's thread does. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#define WAIT_S 60 /* generous: the machine may be busy with something else */

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    unsigned n; /* that have come */
};

static inline void wait_init(struct wait *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->cond, NULL);
    w->n = 0;
}

static inline void wait_came(struct wait *w)
{
    pthread_mutex_lock(&w->lock);
    w->n++;
    pthread_cond_broadcast(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

/** Until `n` have come in all; false when that takes too long. */
static inline bool wait_for(struct wait *w, unsigned n)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&w->lock);
    while (w->n < n && rc == 0)
        rc = pthread_cond_timedwait(&w->cond, &w->lock, &until);
    bool came = w->n >= n;
    pthread_mutex_unlock(&w->lock);
    return came;
}
