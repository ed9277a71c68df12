/* SPDX-License-Identifier: Apache-2.0
 * What is lent to the control side. */
#include "main/daemon.h"

static const struct generation *host_generation(void *ctx)
{
    return ((struct daemon *)ctx)->generation;
}

static struct checker *host_checker(void *ctx)
{
    return ((struct daemon *)ctx)->checker;
}

static const struct level_table *host_levels(void *ctx)
{
    return levels_now(((struct daemon *)ctx)->levels);
}

static void host_io_stats(void *ctx, struct io_stats *out)
{
    const struct daemon *d = ctx;
    *out = (struct io_stats){0};
    if (d->workers) /* not while the last requests are answered at the stop */
        workers_stats(d->workers, out);
}

static void host_io_shares(void *ctx, struct io_shares *out)
{
    const struct daemon *d = ctx;
    *out = (struct io_shares){0};
    if (d->workers)
        workers_shares(d->workers, out);
}

static const struct limiter *host_limiter(void *ctx)
{
    const struct daemon *d = ctx;
    return d->workers ? workers_limiter(d->workers) : NULL;
}

static bool host_xdp(void *ctx, uint32_t i, struct xdp_info *out)
{
    const struct daemon *d = ctx;
    return d->workers && workers_xdp(d->workers, i, out);
}

static struct tiers *host_tiers(void *ctx)
{
    return ((struct daemon *)ctx)->tiers;
}

static struct anycast_view **host_anycast_views(void *ctx, uint32_t *n)
{
    const struct daemon *d = ctx;
    *n = 0;
    return d->anycast ? anycast_views(d->anycast, n) : NULL;
}

static struct speaker_view **host_anycast_speakers(void *ctx, uint32_t *n)
{
    const struct daemon *d = ctx;
    *n = 0;
    return d->anycast ? anycast_speakers(d->anycast, n) : NULL;
}

static bool host_serving(void *ctx)
{
    return ((struct daemon *)ctx)->serving;
}

static void host_reload(void *ctx, bool force, const struct actor *by,
                        const struct ctl_reload_waiter *waiter)
{
    struct daemon *d = ctx;
    d->reload_by = *by;
    reload_ask(&d->reload, force, &(struct reload_waiter){waiter->done, waiter->step, waiter->arg});
}

static const char *host_events_problem(void *ctx)
{
    return event_file_problem(((struct daemon *)ctx)->event_file);
}

static const char *host_stop_problem(void *ctx, enum ctl_stop how)
{
    return daemon_stop_problem(ctx, how);
}

static void host_stop(void *ctx, enum ctl_stop how, const struct actor *by)
{
    ((struct daemon *)ctx)->stop_by = *by;
    daemon_stop(ctx, how);
}

static void host_reloads(void *ctx, struct reload_info *out)
{
    const struct daemon *d = ctx;
    *out = d->transition.info;
    out->gone = vanished_text(&d->vanished);
    out->n_gone = d->vanished.n;
}

struct ctl_host daemon_lend(struct daemon *d)
{
    return (struct ctl_host){
        .ctx = d,
        .generation = host_generation,
        .checker = host_checker,
        .levels = host_levels,
        .events_problem = host_events_problem,
        .io_stats = host_io_stats,
        .io_shares = host_io_shares,
        .limiter = host_limiter,
        .xdp = host_xdp,
        .tiers = host_tiers,
        .anycast_views = host_anycast_views,
        .anycast_speakers = host_anycast_speakers,
        .serving = host_serving,
        .reload = host_reload,
        .stop_problem = host_stop_problem,
        .stop = host_stop,
        .started_wall_ms = d->started_wall_ms,
        .reloads = host_reloads,
    };
}
