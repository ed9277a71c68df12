/* SPDX-License-Identifier: Apache-2.0
 * Reloading as a transaction.
 *
 * The new generation is read and compiled on a thread of libuv's pool, while probes and answers go
 * on. Back on the loop come the steps that can fail, each undone if a later one fails: the control
 * side follows, addresses are bound. Then those that cannot: the checker moves over, views are
 * filled, and one pointer swap puts the new generation in force. On failure the old one stays. */
#include "base/clock.h"
#include "base/give_way.h"
#include "base/log.h"
#include "base/turns.h"
#include "main/daemon.h"
#include "main/judge.h"
#include "main/notify.h"
#include "main/process.h"
#include "main/report.h"
#include "snapshot/publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void release_generation(void *p)
{
    generation_free(p);
}

/** Frees a generation that was never in force. */
static void discard(struct generation *g)
{
    snapshot_free(g->snapshot);
    generation_free(g);
}

/** The steps that can fail. On failure the old configuration is as before. */
static int prepare(struct daemon *d, const struct generation *next, struct diags *diags)
{
    const struct model *before = d->generation->model, *after = next->model;
    int code = checker_prepare(d->checker, after, diags);
    if (code == 0)
        code = ctl_reload(d->ctl, after, diags);
    if (code != 0)
        return code;
    code = workers_reload(d->workers, &after->server, process_max_connections(after, diags), diags);
    if (code != 0) {
        struct diags ignored;
        diags_init(&ignored);
        if (ctl_reload(d->ctl, before, &ignored) != 0)
            report_diags(&ignored);
        diags_free(&ignored);
    }
    return code;
}

/** Puts `next` in force; what was is freed once no worker can see it. */
static void put_in_force(struct daemon *d, struct generation *next)
{
    struct generation *before = d->generation;
    int64_t began_us = clock_mono_us();
    vanished_note(&d->vanished, before->model, next->model);
    daemon_flush_events(d);
    daemon_number(d, next);
    d->switching = true;
    checker_reload(d->checker, next->model, next->credentials);
    daemon_fill_views(d, next);
    publish_snapshot(next->snapshot);
    d->generation = next;
    d->switching = false;
    daemon_refresh_views(d);
    publish_retire(release_generation, before); /* after its snapshot, which points into it */
    turns_part("a reload put in force", began_us);
}

static bool same_xdp(const struct server_config *a, const struct server_config *b)
{
    bool same = a->xdp.mode == b->xdp.mode && a->xdp.n_interfaces == b->xdp.n_interfaces;
    for (uint32_t i = 0; same && i < a->xdp.n_interfaces; i++)
        same = strcmp(a->xdp.interfaces[i].name, b->xdp.interfaces[i].name) == 0;
    return same;
}

static void warn_of_what_needs_a_restart(const struct model *before, const struct model *after,
                                         struct diags *diags)
{
    const char *a = before->server.user, *b = after->server.user;
    if (!a != !b || (a && strcmp(a, b) != 0))
        diag_warning(diags, (struct span){0}, "server.user takes effect at the next restart");
    if (!same_xdp(&before->server, &after->server))
        diag_warning(diags, (struct span){0}, "server.xdp takes effect at the next restart");
}

/** Keeps the errors as text for the operator. */
static void keep_errors(struct daemon *d, const struct diags *diags)
{
    struct arena *arena = arena_new();
    const char *text = "";
    for (size_t i = 0; i < diags->n; i++)
        if (diags->v[i].severity == DIAG_ERROR)
            text = arena_printf(arena, "%s%s%s", text, *text ? "\n" : "",
                                diag_text(arena, &diags->v[i]));
    free(d->reload.errors);
    d->reload.errors = xstrdup(text);
    d->reload.info.errors = d->reload.errors;
    arena_free(arena);
}

/** For those who look at the events later: which configuration served from when on. */
static void add_event(const struct daemon *d, int code, const struct diags *diags)
{
    struct event event = {.at_ms = d->reload.info.at_ms, .target = "loadstar"};
    uint64_t now = d->generation->number, before = code == 0 ? now - 1 : now;
    snprintf(event.from, sizeof event.from, "gen %" PRIu64, before);
    snprintf(event.to, sizeof event.to, "gen %" PRIu64, now);
    if (code == 0)
        snprintf(event.reason, sizeof event.reason, "reloaded");
    event.severity = code == 0 ? EVENT_NOTICE : EVENT_ERROR;
    if (code != 0) /* the errors themselves are logged once, and kept for status */
        snprintf(event.reason, sizeof event.reason, "reload failed, %u error%s", diags->n_errors,
                 diags->n_errors == 1 ? "" : "s");
    events_add(&event);
}

static void conclude(struct daemon *d, int code, const struct diags *diags)
{
    char summary[256];
    d->reload.info.at_ms = clock_wall_ms();
    d->reload.info.failed = code != 0;
    keep_errors(d, diags);
    add_event(d, code, diags);
    report_diags(diags);
    report_summary(summary, sizeof summary, d->generation);
    if (code == 0) {
        d->reload.info.n_ok++;
        log_notice("reloaded: %s; zones: %u read, %u kept", summary,
                   d->generation->snapshot->n_read, d->generation->snapshot->n_kept);
        notify_manager("READY=1\nSTATUS=%s", summary);
    } else {
        d->reload.info.n_failed++;
        log_error("reload failed, %u error%s: what was served goes on (%s)", diags->n_errors,
                  diags->n_errors == 1 ? "" : "s", summary);
        notify_manager("READY=1\nSTATUS=reload failed, serving %s", summary);
    }
}

static void tell_waiters(struct daemon *d, int code, const struct diags *diags)
{
    for (size_t i = 0; i < d->reload.now.n; i++)
        d->reload.now.v[i].done(d->reload.now.v[i].arg, code, diags);
    d->reload.now.n = 0;
}

/** Those who wait now are served by the reload that begins. */
static void take_waiters(struct daemon *d)
{
    for (size_t i = 0; i < d->reload.next.n; i++)
        *vec_push(&d->reload.now) = d->reload.next.v[i];
    d->reload.next.n = 0;
}

static int refuse_while_stopping(struct diags *diags)
{
    diag_error(diags, (struct span){0}, "not reloaded: loadstard is stopping");
    return E_INVALID;
}

static void start(struct daemon *d);

/** The loop again: switches over, unless it failed or we are stopping. */
static void after_load(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    struct daemon *d = work->data;
    struct diags *diags = &d->reload.diags;
    struct generation *next = d->reload.loaded;
    int code = d->reload.code;
    d->reload.running = false;
    if (d->stopping)
        take_waiters(d);
    if (code == 0 && d->stopping) {
        code = refuse_while_stopping(diags);
    } else if (code == 0) {
        warn_of_what_needs_a_restart(d->generation->model, next->model, diags);
        code = prepare(d, next, diags);
    }
    if (code == 0)
        put_in_force(d, next);
    else if (d->reload.code == 0)
        discard(next);
    if (!d->stopping) /* else nothing has failed, and the service manager knows that we stop */
        conclude(d, code, diags);
    tell_waiters(d, code, diags);
    diags_free(diags);
    if (d->reload.again && !d->stopping)
        start(d);
}

static void load_modestly(void *arg)
{
    struct daemon *d = arg;
    d->reload.code = judge_load(&d->reload.loaded, d->path, LOAD_RELOAD, d->generation,
                                d->reload.force, &d->reload.diags);
}

/** With all threads that it starts, it leaves the cores to those that answer. */
static void load(uv_work_t *work)
{
    give_way_run(load_modestly, work->data);
}

static void start(struct daemon *d)
{
    d->reload.running = true;
    d->reload.again = false;
    d->reload.force = d->reload.force_next;
    d->reload.force_next = false;
    take_waiters(d);
    diags_init(&d->reload.diags);
    notify_manager("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    d->reload.work.data = d;
    int code = uv_queue_work(&d->loop, &d->reload.work, load, after_load);
    if (code != 0) {
        diag_error(&d->reload.diags, (struct span){0}, "no thread to load it on: %s",
                   uv_strerror(code));
        d->reload.code = E_SYSTEM;
        after_load(&d->reload.work, code);
    }
}

static void refuse(reload_done_fn *done, void *arg)
{
    struct diags diags;
    diags_init(&diags);
    int code = refuse_while_stopping(&diags);
    done(arg, code, &diags);
    diags_free(&diags);
}

void daemon_reload(struct daemon *d, bool force, reload_done_fn *done, void *arg)
{
    if (d->stopping) {
        if (done)
            refuse(done, arg);
        return;
    }
    if (done)
        *vec_push(&d->reload.next) = (struct reload_waiter){done, arg};
    /* The one that runs may have read a file already that has changed since. */
    d->reload.again = true;
    d->reload.force_next |= force;
    if (!d->reload.running && d->serving)
        start(d);
}
