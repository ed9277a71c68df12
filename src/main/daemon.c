/* SPDX-License-Identifier: Apache-2.0
 * Starting, serving. */
#include "main/daemon.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/give_way.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "base/turns.h"
#include "dns/name.h"
#include "io/host.h"
#include "main/connections.h"
#include "main/judge.h"
#include "main/report.h"
#include "snapshot/publish.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READY_POLL_MS 10
#define FILL_US 3000      /* of a turn of the loop, for views */
#define HOST_POLL_MS 5000 /* where the kernel tells no news of addresses */

void daemon_close_handles(struct daemon *d)
{
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    reload_stop(&d->reload);
    turn_watch_stop(&d->turns);
    uv_close((uv_handle_t *)&d->ready_timer, NULL);
    uv_close((uv_handle_t *)&d->event_timer, NULL);
    uv_close((uv_handle_t *)&d->level_timer, NULL);
    uv_close((uv_handle_t *)&d->tier_timer, NULL);
    if (d->event_file)
        event_file_stop(d->event_file);
    uv_close((uv_handle_t *)&d->watchdog_timer, NULL);
    uv_close((uv_handle_t *)&d->host_timer, NULL);
    uv_close((uv_handle_t *)&d->stop_timer, NULL);
    daemon_close_guard(d);
    if (d->watching)
        uv_close((uv_handle_t *)&d->host_watch, NULL);
}

/* Starting. */

static void log_ready(struct daemon *d)
{
    char summary[256], where[IP_PORT_TEXT_MAX];
    struct buf listen = {0};
    const struct server_config *server = &d->generation->model->server;
    for (uint32_t i = 0; i < server->n_listen; i++)
        if (host_has_family(&server->listen[i].addr))
            buf_printf(&listen, "%s%s", listen.n ? ", " : "",
                       ip_port_text(where, &server->listen[i].addr, server->listen[i].port));
    report_summary(summary, sizeof summary, d->generation);
    log_notice("ready after %lld ms: %s; %u worker%s on %s",
               (long long)(clock_mono_ms() - d->started_mono_ms), summary, server->workers,
               report_plural(server->workers), listen.p ? listen.p : "no address");
    notify_manager("READY=1\nSTATUS=%s", summary);
    buf_free(&listen);
}

static void on_host_change(uv_poll_t *handle, int status, int events)
{
    struct daemon *d = handle->data;
    (void)status, (void)events;
    workers_follow_host(d->workers, &d->generation->model->server);
}

static void on_host_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (!d->stopping)
        workers_follow_host(d->workers, &d->generation->model->server);
}

static void watch_host(struct daemon *d)
{
    int fd = workers_watch_fd(d->workers);
    if (fd < 0 || uv_poll_init(&d->loop, &d->host_watch, fd) != 0) {
        uv_timer_start(&d->host_timer, on_host_timer, HOST_POLL_MS, HOST_POLL_MS);
        return;
    }
    d->watching = true;
    d->host_watch.data = d;
    uv_poll_start(&d->host_watch, UV_READABLE, on_host_change);
}

/** In slices, as results are taken in meanwhile. Returns whether all are filled. */
static bool fill_views(struct daemon *d)
{
    struct generation *g = d->generation;
    int64_t began_us = clock_mono_us();
    if (d->n_filled == 0)
        daemon_views_are_filled(d); /* with what is known now, or when it is their turn */
    while (d->n_filled < g->snapshot->n_pools && clock_mono_us() - began_us < FILL_US)
        generation_fill_view(g, d->n_filled++, checker_states(d->checker));
    turns_part("views filled at the start", began_us);
    return d->n_filled == g->snapshot->n_pools;
}

static void begin_serving(struct daemon *d)
{
    publish_snapshot(d->generation->snapshot);
    d->serving = true;
    daemon_refresh_views(d);
    struct diags diags;
    diags_init(&diags);
    if (workers_start(d->workers, &diags) != 0) {
        diags_log(&diags);
        d->exit_code = 1;
        daemon_stop(d, CTL_STOP_NOW);
    } else {
        log_ready(d);
        daemon_watch_workers(d);
        anycast_serving(d->anycast);
        watch_host(d);
        reload_allow(&d->reload); /* asked for while starting */
    }
    diags_free(&diags);
}

static void on_ready_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->draining || !checker_ready(d->checker))
        return;
    if (!fill_views(d)) {
        uv_timer_start(timer, on_ready_timer, 1, READY_POLL_MS);
        return;
    }
    uv_timer_stop(timer);
    begin_serving(d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    struct actor *by = number == SIGHUP ? &d->reload_by : &d->stop_by;
    if (!d->stopping)
        snprintf(by->text, sizeof by->text, "signal %s",
                 number == SIGHUP    ? "SIGHUP"
                 : number == SIGTERM ? "SIGTERM"
                                     : "SIGINT");
    if (number == SIGHUP)
        reload_ask(&d->reload, false, NULL); /* a signal never insists */
    else
        daemon_stop(d, d->draining ? CTL_STOP_NOW : CTL_STOP_DRAIN);
}

/** From the loop itself: when it hangs the service manager hears nothing any more. */
static void on_watchdog_timer(uv_timer_t *timer)
{
    (void)timer;
    notify_manager("WATCHDOG=1");
}

static void init_handles(struct daemon *d)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    static_assert(ARRAY_LEN(numbers) == ARRAY_LEN(((struct daemon *)0)->signals), "one each");
    uv_loop_init(&d->loop);
    turn_watch_start(&d->turns, &d->loop);
    transition_init(&d->transition, d);
    reload_init(&d->reload, &d->loop, &transition_steps, &d->transition);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&d->loop, &d->ready_timer);
    uv_timer_init(&d->loop, &d->event_timer);
    uv_timer_init(&d->loop, &d->level_timer);
    uv_timer_init(&d->loop, &d->tier_timer);
    uv_timer_init(&d->loop, &d->watchdog_timer);
    uv_timer_init(&d->loop, &d->host_timer);
    uv_timer_init(&d->loop, &d->stop_timer);
    daemon_init_guard(d);
    d->stop_timer.data = d->tier_timer.data = d;
    d->ready_timer.data = d->event_timer.data = d->level_timer.data = d->host_timer.data = d;
    if (notify_watchdog_ms() > 0)
        uv_timer_start(&d->watchdog_timer, on_watchdog_timer, 0, notify_watchdog_ms());
}

/** Of those who are not root by choice only what is needed is kept. */
static int give_up_rights(const struct model *m, struct diags *diags)
{
    rights_set keep = rights_needed(m);
    if (m->server.user)
        return process_become(m->server.user, keep, diags);
    return geteuid() == 0 ? 0 : process_confine(keep, diags);
}

/** What is wrong with zones that are not served while the others are. */
static void log_broken(const struct zone *zones, uint32_t n)
{
    struct arena *arena = arena_new();
    char name[NAME_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        if (!zones[i].broken)
            continue;
        for (uint32_t k = 0; k < zones[i].n_notes; k++)
            if (zones[i].notes[k].severity == DIAG_ERROR)
                log_error("%s", diag_text(arena, &zones[i].notes[k]));
        if (zones[i].origin.n > 0)
            log_error("zone %s is broken, and answered with SERVFAIL until its files are mended "
                      "and reloaded",
                      name_to_text(name, zones[i].origin));
        else
            log_error("%s is broken and not served; the name of its zone is not known",
                      zones[i].path);
    }
    arena_free(arena);
}

/** In this order: a mistake in the files costs nothing; the control socket tells whether another
 *  daemon serves this configuration, before we bind its ports and take queries from it; and all
 * that is privileged is ours before we stop being root. */
static int set_up(struct daemon *d, struct diags *diags)
{
    int code =
        judge_load(&d->generation, d->path, &(struct load_options){.purpose = LOAD_START}, diags);
    if (code != 0)
        return code;
    const struct model *m = d->generation->model;
    const struct ctl_host host = daemon_lend(d);
    log_broken(m->zones, m->n_zones);
    log_broken(m->unnamed, m->n_unnamed);
    daemon_number(d, d->generation);
    code = ctl_start(&d->ctl, &d->loop, m, &host, diags);
    uint32_t max_connections = connections_max(m, diags);
    if (code == 0)
        code = workers_bind(&d->workers, &m->server, max_connections, diags);
    go_first(); /* health and orders reach the answers however many queries there are */
    if (code == 0)
        code = daemon_start_guard(d, diags);
    if (code == 0)
        code = give_up_rights(m, diags);
    if (code == 0)
        code = daemon_start_drives(d, diags);
    if (code != 0)
        return code;
    struct checker_callbacks callbacks = daemon_checker_callbacks(d);
    code = checker_start(&d->checker, &d->loop, m, d->generation->credentials, &callbacks, diags);
    if (code != 0)
        return code;
    daemon_follow_checker(d);
    daemon_follow_levels(d);
    daemon_follow_tiers(d);
    daemon_follow_anycast(d);
    daemon_tell_start(d);
    return 0;
}

/** Frees what the loop's end has left. */
static void tear_down(struct daemon *d)
{
    workers_stop(d->workers);
    reload_free(&d->reload);
    if (d->serving)
        publish_shutdown();
    else if (d->generation)
        snapshot_free(d->generation->snapshot);
    daemon_tell_stop(d);
    generation_free(d->generation);
    vec_free(&d->events);
    vanished_free(&d->vanished);
    transition_free(&d->transition);
}

int daemon_run(const char *path)
{
    struct daemon d = {
        .path = path, .started_wall_ms = clock_wall_ms(), .started_mono_ms = clock_mono_ms()};
    struct diags diags;
    diags_init(&diags);
    signal(SIGPIPE, SIG_IGN);
    init_handles(&d);
    int code = set_up(&d, &diags);
    diags_log(&diags);
    if (code == 0) {
        uv_timer_start(&d.ready_timer, on_ready_timer, 0, READY_POLL_MS);
    } else {
        log_error("cannot start: %u error%s", diags.n_errors, report_plural(diags.n_errors));
        d.exit_code = 1;
        if (d.ctl)
            ctl_stop(d.ctl, NULL, NULL);
        daemon_give_up_tiers(&d);
        daemon_give_up_anycast(&d);
        daemon_close_handles(&d);
    }
    diags_free(&diags);
    uv_run(&d.loop, UV_RUN_DEFAULT);
    tear_down(&d);
    uv_loop_close(&d.loop);
    return d.exit_code;
}
