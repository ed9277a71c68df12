/* SPDX-License-Identifier: Apache-2.0
 * Envoy by EDS: a file that it watches, replaced by rename (it follows moves of that path), or the
 * same text over HTTP (REST-EDS), or both.
 *
 * A file is read back, so a restart finds what it left. Over HTTP alone there is nothing to read:
 * an Envoy that gets no answer yet keeps what it has, so nothing is offered before all is known. */
#include "base/clock.h"
#include "base/escape.h"
#include "drive/files.h"
#include "tier/eds.h"
#include "tier/json.h"
#include "tier/written.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_MS                                                                  \
    20 /* a flap's changes come within one flush; readers are to have it in 100 ms \
        */

struct driver {
    struct driver_host host;
    struct followed_file *file; /* NULL: none is configured, or it could not be opened */
    uint64_t version;           /* of the latest text that was read or made */
    struct buf text;            /* that; without a file it is the tier */
    struct buf next;            /* being written */
    uint64_t next_version;
    bool left; /* the tier is over: what is there is nobody's */
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

/* ---- observing ---- */

static void publish(struct driver *d)
{
    if (config_of(d)->envoy.rest)
        d->host.publish(d->host.ctx, d->text.p, d->text.n, d->version);
}

static void take_text(struct driver *d, const void *p, size_t n, uint64_t version)
{
    d->text.n = 0;
    buf_add(&d->text, p, n);
    d->version = version;
}

/** Whose the text is: it has a mark, and no sum. */
static enum mark_owner owner_of(const struct driver *d, const struct eds_seen *eds)
{
    if (!eds->node[0])
        return MARK_NONE;
    return strcmp(eds->node, d->host.node) == 0 ? MARK_OURS : MARK_FOREIGN;
}

/** Whether the text is what would be written of these members: no other hand was on it, and no
 *  other release. */
static bool is_as_rendered(struct driver *d, struct slice text, uint64_t version)
{
    struct buf again = {0};
    eds_render(&again, d->host.spec, d->host.table(d->host.ctx), d->host.node, version);
    bool same = slice_equal(slice_of(again.p, again.n), text);
    buf_free(&again);
    return same;
}

/** All members are what they are to be, as the file says; `differs` is for the rest of it. */
static bool members_match(struct driver *d, const struct eds_seen *eds)
{
    const struct tier_table *table = d->host.table(d->host.ctx);
    if (table->rows.n != eds->members.n)
        return false;
    for (size_t i = 0; i < table->rows.n; i++) {
        struct serving to = envoy_driver.shown(table->rows.v[i].target);
        const struct serving *is = &eds->members.v[i].serving;
        if (to.serves != is->serves || to.weight != is->weight)
            return false;
    }
    return true;
}

static void tell_observed(struct driver *d, struct slice text)
{
    struct observation seen = {0};
    struct eds_seen eds;
    char wrong[128], node[64];
    bool is_eds = eds_read(&eds, text, wrong) == 0;
    escape_text(node, sizeof node, slice_str(eds.node));
    if (owner_of(d, &eds) == MARK_NONE)
        seen.exists = true; /* damaged or another's: that is known from the records */
    else
        written_judge(&seen, config_of(d), owner_of(d, &eds), false, node, NULL);
    if (!is_eds)
        snprintf(seen.note, sizeof seen.note, "the file is no EDS response: %s", wrong);
    if (seen.is_ours) {
        seen.differs = members_match(d, &eds) && !is_as_rendered(d, text, eds.version);
        take_text(d, text.p, text.n, eds.version);
        publish(d);
    }
    seen.v = eds.members.v;
    seen.n = (uint32_t)eds.members.n;
    d->host.observed(d->host.ctx, &seen);
    eds_seen_free(&eds);
}

static void tell_nothing(struct driver *d)
{
    struct observation none = {0};
    d->host.observed(d->host.ctx, &none);
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct observation link = {0};
    if (error == ELOOP) {
        written_is_link(&link, config_of(d));
        d->host.observed(d->host.ctx, &link);
    } else if (error == ENOENT || (error == 0 && text.n == 0)) {
        tell_nothing(d);
    } else if (error != 0) {
        fail(d, "read", error);
    } else {
        tell_observed(d, text);
    }
}

static void observe(struct driver *d)
{
    bool has_file = config_of(d)->file;
    if (has_file && !d->file)
        d->file = followed_open(d->host.drive, config_of(d)->file);
    if (d->left || (!has_file && d->text.n == 0))
        tell_nothing(d);
    else if (!has_file)
        tell_observed(d, slice_of(d->text.p, d->text.n)); /* what is offered is what there is */
    else if (d->file)
        followed_read(d->file, "", on_read, d);
    else
        fail(d, "open the directory of", errno);
}

/* ---- applying ---- */

static void finish_apply(struct driver *d)
{
    take_text(d, d->next.p, d->next.n, d->next_version);
    publish(d);
    d->host.applied(d->host.ctx);
}

static void on_written(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error == 0)
        finish_apply(d);
    else
        fail(d, "write", error);
}

/** A file that another node has taken in the meantime is not written; one that was edited is. */
static void on_looked(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct eds_seen eds;
    char wrong[128], why[WRITTEN_TEXT_MAX];
    if (error && error != ENOENT) {
        fail(d, "read", error);
        return;
    }
    (void)!eds_read(&eds, error ? slice_of("", 0) : text, wrong); /* else nobody's */
    if (owner_of(d, &eds) == MARK_FOREIGN &&
        written_is_taken(why, config_of(d), MARK_FOREIGN, false))
        d->host.failed(d->host.ctx, TIER_ERROR_FOREIGN, why);
    else
        followed_write(d->file, "", slice_of(d->next.p, d->next.n), on_written, d);
    eds_seen_free(&eds);
}

static void apply(struct driver *d, const struct tier_table *table, const struct tier_plan *plan)
{
    d->left = plan_deletes(plan);
    if (d->left) { /* the file stays: Envoy follows it, and would not start without it */
        d->host.applied(d->host.ctx);
        return;
    }
    d->next.n = 0;
    d->next_version = tier_next_version(d->version, clock_wall_ms());
    eds_render(&d->next, d->host.spec, table, d->host.node, d->next_version);
    if (d->file)
        followed_read(d->file, "", on_looked, d);
    else
        finish_apply(d);
}

/* ---- life ---- */

static struct driver *open_(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    return d;
}

/** What was read and offered holds. */
static void respecified(struct driver *d, const struct tier_spec *spec)
{
    d->host.spec = spec;
    d->left = false;
}

static void close_(struct driver *d)
{
    if (d->file)
        followed_close(d->file);
    buf_free(&d->text);
    buf_free(&d->next);
    free(d);
}

static struct serving shown(struct serving target)
{
    switch (target.serves) {
    case SERVES_READY:
        return target.weight > 0 ? target : (struct serving){SERVES_DRAIN, 0};
    case SERVES_DOWN:
    case SERVES_MAINT:
        return (struct serving){SERVES_DOWN, 0};
    default:
        return (struct serving){SERVES_DRAIN, 0};
    }
}

const struct driver_type envoy_driver = {
    .type = TIER_ENVOY,
    .keeps_members = true,
    .is_whole = true,
    .shown = shown,
    .settle_ms = SETTLE_MS,
    .open = open_,
    .observe = observe,
    .apply = apply,
    .respecified = respecified,
    .close = close_,
};
