/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: who waits for the end of a drain. It is looked at each second, and when tiers
 * have changed, until nothing is left, its time is over, somebody takes the order back, or whoever
 * waits is gone. Waiting changes nothing: the order stays in force. */
#pragma once

#include "ctl/gather.h"

#include <jansson.h>

struct drain_watches;

struct drain_asker {
    void *arg;
    /** Borrowed: {target stage dns_left_s tiers[] ..} of drain_document(). NULL: of no interest. */
    void (*progress)(void *arg, const json_t *document);
    /** Whether nobody waits any more; NULL: never so. */
    bool (*is_gone)(void *arg);
    /** Once. The last document, with `outcome` "done", "time_over", "undone" or "stopped", and
     * `why`; the callee owns it. */
    void (*done)(void *arg, json_t *document);
};

struct drain_watches *drain_watches_new(uv_loop_t *loop, struct gather *gather)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Waits for a target that has just been ordered to drain, for wait_ms at most; CTL_WAIT_DEFAULT:
 * as long as its tiers may take. `done` may be called before this returns. */
void drain_watch(struct drain_watches *watches, const char *target, int64_t wait_ms,
                 const struct drain_asker *asker) ATTR_NONNULL;

/** Tiers may have changed. */
void drain_watches_look(struct drain_watches *watches) ATTR_NONNULL;

/** Ends all; `done` runs on the loop, and then it may be freed. */
void drain_watches_stop(struct drain_watches *watches, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1, 2)));
void drain_watches_free(struct drain_watches *watches) ATTR_NONNULL;
