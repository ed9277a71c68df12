/* SPDX-License-Identifier: Apache-2.0
 * Publishing to the workers: RCU, quiescent-state flavour (liburcu-qsbr).
 *
 * One writer, the control thread, swaps pointers; workers read them without any lock. What a worker
 * loaded stays valid until its next publish_quiesce() or publish_offline(): pointers from a
 * snapshot are never stored in worker state. What was replaced waits for its grace period on
 * a thread of its own; the control thread does not block. The control thread may read without
 * being registered: nothing is retired while it reads, as it is the one that retires. */
#pragma once

#include "snapshot/snapshot.h"

/* Workers: register once per thread; quiesce after each batch; offline around blocking calls. */
void publish_thread_register(void);
void publish_thread_unregister(void);
void publish_quiesce(void) ATTR_HOT;
void publish_offline(void);
void publish_online(void);

/** The snapshot now in force; NULL before the first publish_snapshot(). */
const struct snapshot *publish_current(void) ATTR_HOT;

/** Puts `next` in force; the previous one is freed after a grace period. Control thread only. */
void publish_snapshot(struct snapshot *next);

/** Swaps one pool's view; the previous one is freed after a grace period. Control thread only. */
void publish_view(struct pool_slot *slot, const struct pool_view *next) ATTR_NONNULL;

/** Calls release(p) on the reclaiming thread after a grace period: for what the snapshot just
 *  replaced points to (the client tables of its generation). Control thread only. */
void publish_retire(void (*release)(void *p), void *p);

/** Waits until everything retired so far is freed. For shutdown and tests. */
void publish_barrier(void);

/** Frees the snapshot in force, waits as publish_barrier() does, and ends the reclaiming thread. No
 *  reader may be left. For shutdown and tests: publishing may start again afterwards. */
void publish_shutdown(void);
