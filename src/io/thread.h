/* SPDX-License-Identifier: Apache-2.0
 * Threads of the query side: named, without signals, on a core of their own if wanted. */
#pragma once

#include "base/attr.h"

#include <pthread.h>

/** Starts a thread named NAME/worker, with all signals blocked (they are the control thread's).
 *  cpu -1: on any core. Returns 0, or E_SYSTEM (errno). */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name,
                 unsigned worker, int cpu) ATTR_NONNULL ATTR_MUST_USE;

/** The core for a worker: with as many workers as usable cores each gets its own, as its socket's
 *  packets then stay in one cache; otherwise -1, and the scheduler decides. */
int thread_cpu(unsigned worker, unsigned n_workers);
