/* SPDX-License-Identifier: Apache-2.0
 * What the operators' side needs of the daemon. */
#pragma once

#include "anycast/view.h"
#include "base/actor.h"
#include "compile/compile.h"
#include "ctl/request.h"
#include "health/checker.h"
#include "io/stats.h"
#include "out/facts.h"
#include "tier/tiers.h"

/** Who waits for a reload: called on the loop. */
struct ctl_reload_waiter {
    /** Once: 0 or a code, and all diagnostics. */
    void (*done)(void *arg, int code, const struct diags *diags);
    /** Before, any number of times: what is being done, in a few words. NULL: of no interest. */
    void (*step)(void *arg, const char *step);
    void *arg;
};

/** What the daemon lends to its operators' side. */
struct ctl_host {
    void *ctx;
    const struct generation *(*generation)(void *ctx); /* the one in force */
    struct checker *(*checker)(void *ctx);
    const struct level_table *(*levels)(void *ctx); /* as levels_now() */
    const char *(*events_problem)(void *ctx);       /* as event_file_problem() */
    void (*io_stats)(void *ctx, struct io_stats *out);
    void (*io_shares)(void *ctx, struct io_shares *out); /* as workers_shares() */
    const struct limiter *(*limiter)(void *ctx);         /* as workers_limiter(); NULL: none yet */
    bool (*xdp)(void *ctx, uint32_t i, struct xdp_info *out); /* as workers_xdp() */
    struct tiers *(*tiers)(void *ctx);                        /* NULL: not yet, or not any more */
    /** As anycast_views() and anycast_speakers(); NULL with *n 0 where there is no anycast. */
    struct anycast_view **(*anycast_views)(void *ctx, uint32_t *n);
    struct speaker_view **(*anycast_speakers)(void *ctx, uint32_t *n);
    bool (*serving)(void *ctx); /* false while starting: then the views are empty */
    /** Starts a reload, one that insists with `force` (load_options). */
    void (*reload)(void *ctx, bool force, const struct actor *by,
                   const struct ctl_reload_waiter *waiter);
    /** Why it cannot stop in that way, until the next call; NULL: it can. */
    const char *(*stop_problem)(void *ctx, enum ctl_stop how);
    void (*stop)(void *ctx, enum ctl_stop how, const struct actor *by);
    int64_t started_wall_ms;
    void (*reloads)(void *ctx, struct reload_info *out);
};
