/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: carrying out a request, for whoever received it. Knows of no listener. */
#pragma once

#include "control/reply.h"
#include "control/token.h"
#include "ctl/host.h"
#include "ctl/request.h"

struct run;

/** Where the outcome of a request goes. */
struct run_asker {
    void *arg;
    /** Called once: before the request returns, or later on the loop. */
    void (*reply)(void *arg, const struct control_reply *reply);
    /** What a request that takes long is doing now, borrowed; NULL: nobody wants to know. */
    void (*progress)(void *arg, const json_t *progress);
    bool members; /* metrics: those of all members of tiers, however many there are */
    /** Whether nobody waits for the reply any more, which is still to be given. NULL: never known.
     */
    bool (*is_gone)(void *arg);
};

/** What listeners ask, so that they can be tried alone. */
struct run_service {
    void *ctx;
    /** Carries out a request, or writes the metrics (NULL). */
    void (*request)(void *ctx, const struct ctl_request *request, const struct run_asker *asker);
    bool (*serving)(void *ctx); /* whether queries are answered yet */
    /** Identifies the state that operators change: entity tags begin with it. */
    uint64_t (*state_tag)(void *ctx);
    /** As tiers_views(); NULL with *n 0 while there are no tiers. */
    struct tier_view **(*tiers)(void *ctx, uint32_t *n);
};

struct run *run_new(uv_loop_t *loop,
                    const struct ctl_host *host) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
struct run_service run_service(struct run *run) ATTR_NONNULL;

/** Where pages come from, to bound what readers keep. */
struct pages *run_pages(struct run *run) ATTR_NONNULL;

/** The token of changes over HTTP that is in force: `status` tells when its file has another one.
 */
void run_watch_token(struct run *run, const struct token *token) ATTR_NONNULL;

/** The views of tiers have changed. */
void run_tiers_changed(struct run *run) ATTR_NONNULL;

/** The views of prefix sets, or of speakers, have changed. */
void run_anycast_changed(struct run *run) ATTR_NONNULL;

/** Ends when every request has been answered; `done` runs on the loop. */
void run_stop(struct run *run, void (*done)(void *arg), void *arg);
/** Afterwards, when no page is held any more. */
void run_free(struct run *run) ATTR_NONNULL;
