/* SPDX-License-Identifier: Apache-2.0
 * What the operators' side needs of the daemon. */
#pragma once

#include "base/actor.h"
#include "compile/compile.h"
#include "health/checker.h"
#include "io/stats.h"
#include "out/facts.h"

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
    bool (*serving)(void *ctx); /* false while starting: then the views are empty */
    /** Starts a reload, one that insists with `force` (load_options). */
    void (*reload)(void *ctx, bool force, const struct actor *by,
                   const struct ctl_reload_waiter *waiter);
    void (*stop)(void *ctx, const struct actor *by);
    int64_t started_wall_ms;
    void (*reloads)(void *ctx, struct reload_info *out);
};
