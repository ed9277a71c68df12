/* SPDX-License-Identifier: Apache-2.0
 * What a server costs while it is measured: its CPU time, and which share of it is user space.
 *
 * Total time is the scheduler's, exact to the nanosecond. The kernel's own split into user and
 * system comes from its ticks (250 a second here), too coarse for a server that spends 4 % in user
 * space. So the split is sampled: a timer on the server's core, much faster than the tick, notes
 * where it interrupts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_PIDS 64

struct account {
    int pids[ACCOUNT_PIDS], n_pids;
    int core;  /* the server's; -1: not said, so no sampling */
    int event; /* perf's, while sampling */
    void *ring;
    uint64_t user, kernel; /* samples */
};

struct cpu_time {
    uint64_t run_ns;              /* of all threads of the pids */
    uint64_t core_busy, core_all; /* ticks of the core, whoever ran */
};

/* Takes "PID,PID,..."; more than ACCOUNT_PIDS are left out. */
void account_pids(struct account *a, const char *list);

void account_read(const struct account *a, struct cpu_time *t);

/* Samples until account_sample_stop(), which adds to user and kernel. False: perf events are not to
 * be had (no right to them, or no core given). */
bool account_sample_start(struct account *a);
void account_sample_stop(struct account *a);
