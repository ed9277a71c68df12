/* SPDX-License-Identifier: Apache-2.0
 * Whatever a command of the operator's can tell: it gets what is wanted (wish.h) on its standard
 * input whenever that has changed, and its exit status says whether it took it.
 *
 * What it took last is the tier, as far as can be known. It is kept in the state directory, so that
 * a restart in which nothing changed runs nothing. */
#include "base/clock.h"
#include "base/escape.h"
#include "drive/command.h"
#include "drive/files.h"
#include "tier/driver.h"
#include "tier/json.h"
#include "tier/wish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_MS 200 /* a command costs more than a line on a socket */
#define VARIABLE_MAX 96

struct driver {
    struct driver_host host;
    struct followed_file *file; /* what it took last; NULL: there is no state directory */
    bool loaded;
    struct buf taken, next;
    uint64_t version, next_version;
    struct command *command;
    bool left; /* the tier is over */
};

static const struct tier *config_of(const struct driver *d)
{
    return d->host.spec->config;
}

/* ---- observing ---- */

static void tell_observed(struct driver *d)
{
    struct observation seen = {.is_ours = true};
    struct wish_seen wish = {0};
    seen.exists =
        !d->left && d->taken.n > 0 && wish_read(&wish, slice_of(d->taken.p, d->taken.n)) == 0;
    seen.v = wish.members.v;
    seen.n = (uint32_t)wish.members.n;
    d->host.observed(d->host.ctx, &seen);
    wish_seen_free(&wish);
}

/** What is of another node, tier or form is nothing: the command is run. */
static void on_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct wish_seen wish;
    d->loaded = true;
    if (error == 0 && wish_read(&wish, text) == 0) {
        d->version = wish.version;
        if (strcmp(wish.node, d->host.node) == 0 && strcmp(wish.tier, d->host.spec->name) == 0)
            buf_add(&d->taken, text.p, text.n);
        wish_seen_free(&wish);
    }
    tell_observed(d);
}

static void observe(struct driver *d)
{
    if (d->file && !d->loaded)
        followed_read(d->file, "", on_read, d);
    else
        tell_observed(d);
}

/* ---- applying ---- */

/** That it could not be kept costs a run after the next start, no more. */
static void on_kept(void *ctx, int error)
{
    struct driver *d = ctx;
    (void)error;
    d->host.applied(d->host.ctx);
}

static void on_command(void *ctx, const struct command_result *result)
{
    struct driver *d = ctx;
    char text[COMMAND_LINE_MAX + 64], why[sizeof text + 64];
    d->command = NULL;
    if (!command_ok(result)) {
        snprintf(why, sizeof why, "%.60s %s", config_of(d)->exec.command[0],
                 command_text(text, result));
        d->host.failed(d->host.ctx,
                       result->error == EACCES || result->error == EPERM ? TIER_ERROR_DENIED
                       : result->error                                   ? TIER_ERROR_UNREACHABLE
                       : result->timed_out                               ? TIER_ERROR_TIMEOUT
                                                                         : TIER_ERROR_REJECTED,
                       why);
        return;
    }
    d->taken.n = 0;
    buf_add(&d->taken, d->next.p, d->next.n);
    d->version = d->next_version;
    if (d->file)
        followed_write(d->file, "", slice_of(d->taken.p, d->taken.n), on_kept, d);
    else
        d->host.applied(d->host.ctx);
}

/** What it took is nobody's any more. */
static void leave(struct driver *d)
{
    d->left = true;
    if (d->file)
        followed_remove(d->file, "", on_kept, d);
    else
        d->host.applied(d->host.ctx);
}

static void apply(struct driver *d, const struct tier_table *table, const struct tier_plan *plan)
{
    char tier[VARIABLE_MAX], node[VARIABLE_MAX];
    const char *const env[] = {tier, node, NULL};
    if (plan_deletes(plan)) {
        leave(d);
        return;
    }
    d->left = false;
    snprintf(tier, sizeof tier, "LOADSTAR_TIER=%s", d->host.spec->name);
    snprintf(node, sizeof node, "LOADSTAR_NODE=%s", d->host.node);
    d->next.n = 0;
    d->next_version = tier_next_version(d->version, clock_wall_ms());
    wish_render(&d->next, d->host.spec, table, d->host.node, d->next_version);
    const struct command_spec spec = {.argv = config_of(d)->exec.command,
                                      .env = env,
                                      .input = d->next.p,
                                      .n_input = d->next.n,
                                      .timeout_ms = config_of(d)->exec.timeout_ms};
    d->command = command_run(d->host.drive, &spec, on_command, d);
}

/* ---- life ---- */

static struct followed_file *open_kept(const struct driver_host *host)
{
    if (!host->state_dir)
        return NULL;
    struct arena *arena = arena_new();
    struct followed_file *file = followed_open(
        host->drive, arena_printf(arena, "%s/tier.%s.json", host->state_dir, host->spec->name));
    arena_free(arena);
    return file;
}

static struct driver *open_(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->file = open_kept(host);
    return d;
}

/** What it took holds, and so does what it is being told. */
static void respecified(struct driver *d, const struct tier_spec *spec)
{
    d->host.spec = spec;
    d->left = false;
}

static void close_(struct driver *d)
{
    if (d->command)
        command_cancel(d->command);
    if (d->file)
        followed_close(d->file);
    buf_free(&d->taken);
    buf_free(&d->next);
    free(d);
}

const struct driver_type exec_driver = {
    .type = TIER_EXEC,
    .keeps_members = true,
    .is_whole = true,
    .shown = wish_shown,
    .settle_ms = SETTLE_MS,
    .open = open_,
    .observe = observe,
    .apply = apply,
    .respecified = respecified,
    .close = close_,
};
