/* SPDX-License-Identifier: Apache-2.0
 * What a reload does: the steps of drive/reload.h. */
#include "l4/forwarder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/turns.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_ERRORS 3

static void begin(void *ctx)
{
    struct forwarder *f = ctx;
    notify_manager("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    f->next.present = checker_present(f->checker);
}

static int load(void *ctx, bool force, struct diags *diags)
{
    struct forwarder *f = ctx;
    (void)force; /* there is nothing to insist on */
    struct present *present = f->next.present;
    f->next.present = NULL;
    int code = setup_load(&f->next.setup, f->path, f->setup, SETUP_RELOAD, diags);
    if (code != 0) {
        present_free(present);
        return code;
    }
    f->next.succession =
        succession_new(f->next.setup->model, f->next.setup->credentials, f->setup->model, present);
    return 0;
}

static bool move(void *ctx, int64_t until_us)
{
    struct forwarder *f = ctx;
    return succession_step(f->checker, f->next.succession, until_us);
}

static bool clear(void *ctx, int64_t until_us)
{
    struct forwarder *f = ctx;
    return succession_clear(f->checker, f->next.succession, until_us);
}

static bool differs(const char *a, const char *b)
{
    return !a != !b || (a && strcmp(a, b) != 0);
}

static void warn_of_what_needs_a_restart(const struct forwarder *f, struct diags *diags)
{
    const struct model *a = f->setup->model, *b = f->next.setup->model;
    const struct span nowhere = {0};
    if (setup_workers(b->l4) != f->n_workers)
        diag_warning(diags, nowhere, "workers takes effect at the next restart, or replace");
    if (differs(a->server.user, b->server.user))
        diag_warning(diags, nowhere, "user takes effect at the next restart");
    if (differs(a->server.state_dir, b->server.state_dir))
        diag_warning(diags, nowhere, "state_dir takes effect at the next restart, or replace");
    if (differs(a->control, b->control))
        diag_warning(diags, nowhere, "control takes effect at the next restart, or replace");
    if (a->l4->log_connections != b->l4->log_connections || a->l4->log_sample != b->l4->log_sample)
        diag_warning(diags, nowhere, "log takes effect at the next restart, or replace");
}

/** On failure nothing has changed. */
static int bind_(void *ctx, struct diags *diags)
{
    struct forwarder *f = ctx;
    const struct l4_config *config = f->next.setup->model->l4;
    int64_t began_us = clock_mono_us();
    struct metrics_server *metrics = NULL;
    warn_of_what_needs_a_restart(f, diags);
    forwarder_warn_of_sockhash(f, config, diags);
    int code = forwarder_judge_rights(f, config, diags);
    if (code == 0)
        code = checker_prepare(f->checker, f->next.setup->model, diags);
    bool moves = !metrics_server_fits(f->metrics, config);
    if (code == 0)
        code = listeners_open(&f->next.listeners, config, f->n_workers, f->listeners, diags);
    if (code == 0 && moves)
        code = forwarder_open_metrics(f, &metrics, config, -1, diags);
    if (code == 0 && moves) {
        metrics_server_close(f->metrics);
        f->metrics = metrics;
    }
    turns_part("a reload's addresses opened", began_us);
    return code;
}

static void put_in_force(void *ctx, struct diags *diags)
{
    struct forwarder *f = ctx;
    struct setup *before = f->setup;
    f->setup = f->next.setup;
    f->next.setup = NULL;
    f->setup->number = ++f->n_setups;
    succession_finish(f->checker, f->next.succession);
    checker_tell_orders(f->checker, diags);
    saved_sets_keep(f->saved, &f->sets, f->setup->model->l4);
    set_table_follow(&f->sets, f->setup->model->l4);
    saved_sets_offer(f->saved, &f->sets, f->setup->model->l4);
    saved_sets_adopt(&f->sets);
    followers_renew(&f->followers);
    forwarder_expect_tellers(f);
    listeners_release(f->listeners);
    f->listeners = f->next.listeners;
    f->next.listeners = NULL;
    forwarder_plan_now(f);
    setup_release(before);
}

static void release(void *ctx)
{
    struct forwarder *f = ctx;
    if (f->next.present)
        present_free(f->next.present);
    if (f->next.succession && f->checker)
        succession_abandon(f->checker, f->next.succession);
    if (f->next.succession)
        succession_free(f->next.succession);
    listeners_release(f->next.listeners);
    setup_release(f->next.setup);
    f->next.present = NULL;
    f->next.succession = NULL;
    f->next.listeners = NULL;
    f->next.setup = NULL;
}

/** Keeps the errors as text for `status`; all of them are in the log. */
static void keep_errors(struct forwarder *f, const struct diags *diags)
{
    struct arena *arena = arena_new();
    const char *text = "";
    unsigned n = 0;
    for (size_t i = 0; i < diags->n && n < KEPT_ERRORS; i++)
        if (diags->v[i].severity == DIAG_ERROR)
            text = arena_printf(arena, "%s%s%s", text, n++ ? "; " : "",
                                diag_text(arena, &diags->v[i]));
    if (diags->n_errors > n)
        text = arena_printf(arena, "%s; and %u more", text, diags->n_errors - n);
    free(f->reload_errors);
    f->reload_errors = *text ? xstrdup(text) : NULL;
    arena_free(arena);
}

static void conclude(void *ctx, int code, const struct diags *diags)
{
    struct forwarder *f = ctx;
    char summary[SETUP_SUMMARY_MAX];
    f->reload_at_ms = clock_wall_ms();
    keep_errors(f, diags);
    diags_log(diags);
    setup_summary(summary, f->setup);
    if (code == 0) {
        f->n_reloads++;
        log_notice("reloaded: %s", summary);
        notify_manager("READY=1\nSTATUS=%s", summary);
    } else {
        f->n_reloads_failed++;
        log_error("reload failed, %u error%s: what was there goes on (%s)", diags->n_errors,
                  units_plural(diags->n_errors), summary);
        notify_manager("READY=1\nSTATUS=reload failed, going on with %s", summary);
    }
}

const struct reload_steps forwarder_reload_steps = {
    .begin = begin,
    .load = load,
    .move = move,
    .bind = bind_,
    .put_in_force = put_in_force,
    .clear = clear,
    .release = release,
    .conclude = conclude,
};
