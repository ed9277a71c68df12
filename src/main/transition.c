/* SPDX-License-Identifier: Apache-2.0
 * The steps of a reload.
 *
 * The new generation and all that follows from it alone is made on a thread. The checker and the
 * views move in slices, while the generation in force is probed and refreshed as always; what
 * changes is moved again. Steps that can fail come then, each undone if a later one fails: the
 * control side follows, addresses are bound. The switch is a few pointers. */
#include "main/transition.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "base/turns.h"
#include "main/connections.h"
#include "main/daemon.h"
#include "main/judge.h"
#include "main/report.h"
#include "snapshot/publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void release_generation(void *p)
{
    generation_free(p);
}

static void release_succession(void *p)
{
    succession_free(p);
}

/** Frees a generation that was never in force. */
static void discard(void *p)
{
    struct generation *g = p;
    snapshot_free(g->snapshot);
    generation_free(g);
}

/* ---- the thread ---- */

static void begin(void *ctx)
{
    struct transition *t = ctx;
    notify_manager("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    t->present = checker_present(t->daemon->checker);
}

static void on_step(void *arg, const char *step)
{
    reload_step(arg, step);
}

static int load(void *ctx, bool force, struct diags *diags)
{
    struct transition *t = ctx;
    const struct generation *before = t->daemon->generation;
    struct present *present = t->present;
    t->present = NULL;
    const struct load_options options = {.before = before,
                                         .purpose = LOAD_RELOAD,
                                         .force = force,
                                         .step = on_step,
                                         .step_arg = &t->daemon->reload};
    int code = judge_load(&t->next, t->daemon->path, &options, diags);
    if (code != 0) {
        present_free(present);
        return code;
    }
    t->succession = succession_new(t->next->model, t->next->credentials, before->model, present);
    t->tiers = tier_set_new(t->next->model);
    t->anycast = anycast_set_new(t->next->model);
    return 0;
}

/* ---- slices ---- */

static bool move(void *ctx, int64_t until_us)
{
    struct transition *t = ctx;
    do {
        if (!succession_step(t->daemon->checker, t->succession, until_us))
            return false;
        uint32_t pool = succession_pool(t->succession);
        if (pool == MODEL_NONE)
            return true;
        generation_fill_view(t->next, pool, succession_states(t->succession));
    } while (clock_mono_us() < until_us);
    return false;
}

static bool clear(void *ctx, int64_t until_us)
{
    struct transition *t = ctx;
    return succession_clear(t->daemon->checker, t->succession, until_us);
}

/* ---- what can fail ---- */

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

static void go_back(struct daemon *d)
{
    struct diags ignored;
    diags_init(&ignored);
    if (ctl_reload(d->ctl, d->generation->model, &ignored) != 0)
        diags_log(&ignored);
    diags_free(&ignored);
}

/** On failure the old configuration is as before. */
static int follow(struct transition *t, struct diags *diags)
{
    struct daemon *d = t->daemon;
    const struct model *after = t->next->model;
    int code = rights_check_tiers(d->generation->model, after, d->tier_rights, diags);
    if (code == 0)
        code = rights_check_anycast(after, &d->anycast_rights, diags);
    if (code == 0)
        code = checker_prepare(d->checker, after, diags);
    if (code == 0)
        code = ctl_reload(d->ctl, after, diags);
    if (code != 0)
        return code;
    code = tiers_prepare(d->tiers, t->tiers, diags);
    t->tiers_prepared = code == 0;
    if (code == 0)
        code = workers_reload(d->workers, &after->server, connections_max(after, diags), diags);
    if (code != 0)
        go_back(d); /* what was prepared of tiers is undone with the rest */
    return code;
}

static int bind_(void *ctx, struct diags *diags)
{
    struct transition *t = ctx;
    int64_t began_us = clock_mono_us();
    warn_of_what_needs_a_restart(t->daemon->generation->model, t->next->model, diags);
    int code = follow(t, diags);
    turns_part("a reload's addresses bound", began_us);
    return code;
}

/* ---- the switch ---- */

/** What was in force is freed, on a thread, once no worker can see it. */
static void put_in_force(void *ctx, struct diags *diags)
{
    struct transition *t = ctx;
    struct daemon *d = t->daemon;
    struct generation *before = d->generation, *next = t->next;
    int64_t began_us = clock_mono_us();
    t->next = NULL;
    vanished_note(&d->vanished, before->model, next->model);
    daemon_flush_events(d);
    daemon_number(d, next);
    d->switching = true;
    succession_finish(d->checker, t->succession);
    checker_tell_orders(d->checker, diags);
    daemon_views_are_filled(d);
    publish_snapshot(next->snapshot);
    d->generation = next;
    d->switching = false;
    tiers_switch(d->tiers, t->tiers, next->model);
    t->tiers_prepared = false;
    anycast_switch(d->anycast, t->anycast, next->model);
    event_file_move(d->event_file, next->model->server.state_dir);
    publish_retire(release_generation, before); /* after its snapshot, which points into it */
    turns_part("a reload put in force", began_us);
}

static void release(void *ctx)
{
    struct transition *t = ctx;
    if (t->present)
        present_free(t->present);
    t->present = NULL;
    if (t->succession && t->daemon->checker)
        succession_abandon(t->daemon->checker, t->succession);
    if (t->succession)
        publish_retire(release_succession, t->succession);
    t->succession = NULL;
    if (t->next)
        publish_retire(discard, t->next);
    t->next = NULL;
    if (t->tiers_prepared && t->daemon->tiers)
        tiers_unprepare(t->daemon->tiers);
    t->tiers_prepared = false;
    tier_set_release(t->tiers);
    t->tiers = NULL;
    anycast_set_release(t->anycast);
    t->anycast = NULL;
}

/* ---- what is told ---- */

/** Keeps the errors as text for the operator. */
static void keep_errors(struct transition *t, const struct diags *diags)
{
    struct arena *arena = arena_new();
    const char *text = "";
    for (size_t i = 0; i < diags->n; i++)
        if (diags->v[i].severity == DIAG_ERROR)
            text = arena_printf(arena, "%s%s%s", text, *text ? "\n" : "",
                                diag_text(arena, &diags->v[i]));
    free(t->errors);
    t->errors = xstrdup(text);
    t->info.errors = t->errors;
    arena_free(arena);
}

/** For those who look at the events later: which configuration served from when on. */
static void add_event(const struct transition *t, int code, const struct diags *diags)
{
    struct event event = {.at_ms = t->info.at_ms, .target = "loadstar"};
    uint64_t now = t->daemon->generation->number, before = code == 0 ? now - 1 : now;
    snprintf(event.from, sizeof event.from, "gen %" PRIu64, before);
    snprintf(event.to, sizeof event.to, "gen %" PRIu64, now);
    if (code == 0)
        snprintf(event.reason, sizeof event.reason, "reloaded");
    event.severity = code == 0 ? EVENT_NOTICE : EVENT_ERROR;
    if (code != 0) /* the errors themselves are logged once, and kept for status */
        snprintf(event.reason, sizeof event.reason, "reload failed, %u error%s", diags->n_errors,
                 diags->n_errors == 1 ? "" : "s");
    snprintf(event.by, sizeof event.by, "%s", t->daemon->reload_by.text);
    events_add(&event);
}

static void conclude(void *ctx, int code, const struct diags *diags)
{
    struct transition *t = ctx;
    char summary[256];
    t->info.at_ms = clock_wall_ms();
    t->info.failed = code != 0;
    keep_errors(t, diags);
    add_event(t, code, diags);
    diags_log(diags);
    report_summary(summary, sizeof summary, t->daemon->generation);
    if (code == 0) {
        t->info.n_ok++;
        log_notice("reloaded: %s; zones: %u read, %u kept", summary,
                   t->daemon->generation->snapshot->n_read,
                   t->daemon->generation->snapshot->n_kept);
        notify_manager("READY=1\nSTATUS=%s", summary);
    } else {
        t->info.n_failed++;
        log_error("reload failed, %u error%s: what was served goes on (%s)", diags->n_errors,
                  diags->n_errors == 1 ? "" : "s", summary);
        notify_manager("READY=1\nSTATUS=reload failed, serving %s", summary);
    }
}

const struct reload_steps transition_steps = {
    .begin = begin,
    .load = load,
    .move = move,
    .bind = bind_,
    .put_in_force = put_in_force,
    .clear = clear,
    .release = release,
    .conclude = conclude,
};

void transition_init(struct transition *t, struct daemon *d)
{
    *t = (struct transition){.daemon = d, .info = {.errors = "", .gone = ""}};
}

void transition_free(struct transition *t)
{
    free(t->errors);
}
