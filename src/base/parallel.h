/* SPDX-License-Identifier: Apache-2.0
 * Independent pieces of work on all cores that the process may use. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

#define PARALLEL_MAX 64 /* threads, however many cores there are */

/** Cores that the process may run on (its affinity); at least 1. */
uint32_t usable_cores(void);

/** How many threads parallel_for() uses for `n` pieces: 1 to PARALLEL_MAX. */
uint32_t parallel_threads(uint32_t n);

/** Calls work(arg, piece, thread) once for each piece below `n`, in order of their start, and
 * returns when all are done. `thread` is below `threads`, which parallel_threads() gave; 0 is the
 * caller. A thread that cannot be started does not matter: the others do its work. */
void parallel_for(uint32_t n, uint32_t threads,
                  void (*work)(void *arg, uint32_t piece, uint32_t thread), void *arg);
