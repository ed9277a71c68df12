/* SPDX-License-Identifier: Apache-2.0
 * keepalived: a number in a file that it tracks, 0 while the pool or its site is healthy and
 * `weight_when_down` while it is not, so that VRRP follows the checker. The file has no members,
 * and no sessions of its own. keepalived follows renames into place (inotify), so it never sees
 * half of a number. */
#include "drive/files.h"
#include "tier/driver.h"
#include "tier/keepalived_file.h"
#include "tier/written.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct driver {
    struct driver_host host;
    struct followed_file *file; /* NULL: its directory could not be opened */
    struct buf next;            /* being applied */
    VEC(struct observed) members;
};

static const struct tier *config_of(const struct driver *d)
{
    return d->host.spec->config;
}

static void fail(struct driver *d, const char *what, int error)
{
    char text[WRITTEN_TEXT_MAX];
    d->host.failed(d->host.ctx, written_reason(error),
                   written_text(text, what, config_of(d)->file, "", error));
}

/* --- what is there --- */

/* A member is neither there nor not. */
static struct serving keepalived_shown(struct serving target)
{
    (void)target;
    return (struct serving){SERVES_UNKNOWN, 0};
}

static void take_members(struct driver *d)
{
    d->members.n = 0;
    for (uint32_t i = 0; i < d->host.spec->n_members; i++) {
        const struct tier_member *member = &d->host.spec->members[i];
        *vec_push(&d->members) = (struct observed){.addr = member->addr,
                                                   .port = member->port,
                                                   .serving = keepalived_shown((struct serving){0}),
                                                   .is_ours = true,
                                                   .inactive = -1};
    }
}

static uint8_t level_of(const struct driver *d, int32_t value)
{
    int32_t down = config_of(d)->keepalived.weight_when_down;
    if (down == 0 && value == 0)
        return d->host.table(d->host.ctx)->level; /* it says both */
    if (value == 0)
        return TIER_LEVEL_UP;
    return value == down ? TIER_LEVEL_DOWN : TIER_LEVEL_UNKNOWN;
}

static void tell_observed(struct driver *d, struct observation *seen)
{
    take_members(d);
    seen->v = d->members.v;
    seen->n = (uint32_t)d->members.n;
    d->host.observed(d->host.ctx, seen);
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct observation seen = {0};
    struct track_file file;
    if (error && error != ENOENT && error != ELOOP) {
        fail(d, "read", error);
        return;
    }
    if (error == ELOOP) {
        written_is_link(&seen, config_of(d));
    } else if (!error) {
        track_file_read(&file, text, d->host.node);
        written_judge(&seen, config_of(d), file.owner, file.empty, file.node, NULL);
        if (file.owner == MARK_OURS)
            seen.level = level_of(d, file.value);
    }
    tell_observed(d, &seen);
}

static void keepalived_observe(struct driver *d)
{
    if (!d->file)
        d->file = followed_open(d->host.drive, config_of(d)->file);
    if (d->file)
        followed_read(d->file, "", on_read, d);
    else
        fail(d, "open the directory of", errno);
}

/* --- what is to be there --- */

static void applied(struct driver *d)
{
    d->host.applied(d->host.ctx);
}

static void on_written(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error)
        fail(d, "write", error);
    else
        applied(d);
}

/* Whose it is may have changed since it was observed. */
static void on_read_again(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct track_file file;
    if (error && error != ENOENT) {
        fail(d, "read", error);
        return;
    }
    if (error)
        text = (struct slice){0};
    track_file_read(&file, text, d->host.node);
    struct slice next = slice_of(d->next.p, d->next.n);
    char why[WRITTEN_TEXT_MAX];
    if (written_is_taken(why, config_of(d), file.owner, file.empty)) {
        d->host.failed(d->host.ctx, TIER_ERROR_FOREIGN, why);
    } else if (slice_equal(text, next)) {
        applied(d);
    } else {
        followed_write(d->file, "", next, on_written, d);
    }
}

static void on_removed(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error && error != ENOENT)
        fail(d, "remove", error);
    else
        applied(d);
}

static void keepalived_apply(struct driver *d, const struct tier_table *table,
                             const struct tier_plan *plan)
{
    int32_t down = config_of(d)->keepalived.weight_when_down;
    if (!d->file) {
        fail(d, "open the directory of", ENOENT);
    } else if (plan_deletes(plan)) {
        followed_remove(d->file, "", on_removed, d); /* which counts as 0 */
    } else if (table->level == TIER_LEVEL_UNKNOWN) {
        applied(d);
    } else {
        d->next.n = 0;
        track_file_write(&d->next, table->level == TIER_LEVEL_UP ? 0 : down, d->host.node,
                         d->host.spec->name);
        followed_read(d->file, "", on_read_again, d);
    }
}

/* --- the driver --- */

static struct driver *keepalived_open(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->file = followed_open(host->drive, config_of(d)->file);
    return d;
}

static void keepalived_close(struct driver *d)
{
    if (d->file)
        followed_close(d->file);
    buf_free(&d->next);
    vec_free(&d->members);
    free(d);
}

static void keepalived_respecified(struct driver *d, const struct tier_spec *spec)
{
    d->host.spec = spec;
}

const struct driver_type keepalived_driver = {
    .type = TIER_KEEPALIVED,
    .keeps_members = true,
    .is_whole = true,
    .follows_level = true,
    .shown = keepalived_shown,
    .settle_ms = 100,
    .open = keepalived_open,
    .observe = keepalived_observe,
    .apply = keepalived_apply,
    .respecified = keepalived_respecified,
    .close = keepalived_close,
};
