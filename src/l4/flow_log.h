/* SPDX-License-Identifier: Apache-2.0
 * Lines about connections that have ended: JSON, one a line, to standard error. Each worker writes
 * into a ring of its own and never waits; a thread writes them out. What finds no room is counted,
 * and the count is told in the log. */
#pragma once

#include "l4/worker.h"

struct flow_log;
struct flow_log_ring;

/** Starts the thread; one line for each `sample` connections of a worker. */
struct flow_log *flow_log_start(uint32_t n_workers, uint32_t sample) ATTR_RETURNS_NONNULL;
/** For tests: another descriptor than standard error. Before anything is put. */
void flow_log_set_output(struct flow_log *log, int fd) ATTR_NONNULL;
/** Writes what is left, ends. NULL is allowed. */
void flow_log_stop(struct flow_log *log);

struct flow_log_ring *flow_log_ring(struct flow_log *log, uint32_t worker) ATTR_NONNULL;
/** On the worker's thread. */
void flow_log_put(struct flow_log_ring *ring, const struct flow_record *record) ATTR_NONNULL;

/** Lines that found no room so far. NULL: 0. */
uint64_t flow_log_dropped(const struct flow_log *log);
