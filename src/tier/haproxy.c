/* SPDX-License-Identifier: Apache-2.0
 * A backend of HAProxy: read and written over its runtime API, or told by answers to its agent
 * checks, or both.
 *
 * A connection lasts for one look or one batch of commands: one that stays open would keep a worker
 * of before a reload alive, and would talk to that. All of a look comes over one connection, so
 * that it is of one worker. */
#include "tier/haproxy_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PULSE_MS 2000
/* Statistics are most of what HAProxy has to write for a look. Looks that come one upon the other,
 * as to read back what was told, go by those of just before. */
#define STAT_FRESH_MS 900

/* ---- connections ---- */

void haproxy_talk(struct driver *driver, struct buf *request, const struct talk_events *events)
{
    driver->talk_spec = (struct talk_spec){.path = haproxy_config(driver)->socket,
                                           .request = slice_of(request->p, request->n),
                                           .total_ms = HAPROXY_TOTAL_MS,
                                           .idle_ms = HAPROXY_IDLE_MS,
                                           .max_bytes = HAPROXY_REPLY_MAX,
                                           .max_line = HAPROXY_LINE_MAX};
    driver->talk = talk_start(driver->host->drive, &driver->talk_spec, events);
    driver->talk_spec.request = (struct slice){0};
    buf_free(request);
}

static void talk_drop(struct driver *driver)
{
    if (driver->talk)
        talk_cancel(driver->talk);
    driver->talk = NULL;
    driver->pulses = false;
}

static void fail(struct driver *driver, enum tier_error reason, const char *text)
{
    driver->pid = driver->uptime_s = 0;
    driver->host->failed(driver->host->ctx, reason, text);
}

static enum tier_error reason_of(enum talk_end how, int error)
{
    switch (how) {
    case TALK_NO_SOCKET:
        return error == EACCES || error == EPERM ? TIER_ERROR_DENIED : TIER_ERROR_UNREACHABLE;
    case TALK_TOO_SLOW:
        return TIER_ERROR_TIMEOUT;
    case TALK_TOO_MUCH:
        return TIER_ERROR_PROTOCOL;
    case TALK_BROKEN:
    case TALK_CLOSED:
    case TALK_DONE:
        break;
    }
    return TIER_ERROR_UNREACHABLE;
}

void haproxy_fail_talk(struct driver *driver, enum talk_end how, int error)
{
    char what[TALK_TEXT_MAX], text[640];
    const char *path = haproxy_config(driver)->socket;
    enum tier_error reason = reason_of(how, error);
    talk_text(what, &driver->talk_spec, how, error);
    if (reason == TIER_ERROR_DENIED)
        snprintf(text, sizeof text,
                 "%s: let the user of loadstard in by `stats socket %s mode 660 group GROUP level "
                 "admin` in HAProxy's global section",
                 what, path);
    else if (how == TALK_CLOSED)
        snprintf(text, sizeof text, "%s before the end of its answer", what);
    else
        snprintf(text, sizeof text, "%s", what);
    fail(driver, reason, text);
}

/* ---- looks ---- */

static bool on_look_line(void *ctx, char *line, size_t n)
{
    struct driver *driver = ctx;
    (void)n;
    return haproxy_reading_line(&driver->next, line) == 0 && !driver->next.is_done;
}

/** Statistics of a moment ago go on with who is still there. */
static void keep_stat(struct haproxy_reading *next, const struct haproxy_reading *before)
{
    for (size_t i = 0; i < next->servers.n; i++) {
        struct haproxy_server *server = &next->servers.v[i];
        const struct haproxy_server *old =
            haproxy_reading_find(before, haproxy_server_name(next, server));
        if (!old || !old->has_stat)
            continue;
        server->has_stat = true;
        server->active = old->active;
        server->n_total = old->n_total;
        server->bytes_in = old->bytes_in;
        server->bytes_out = old->bytes_out;
    }
}

static void take_look(struct driver *driver)
{
    struct observation seen;
    if (driver->next.with_stat)
        driver->stat_ms = clock_mono_ms();
    else
        keep_stat(&driver->next, &driver->now);
    haproxy_reading_free(&driver->now);
    driver->now = driver->next;
    driver->next = (struct haproxy_reading){0};
    driver->pid = driver->now.info.pid;
    driver->uptime_s = driver->now.info.uptime_s;
    haproxy_seen(driver, &seen);
    driver->host->observed(driver->host->ctx, &seen);
    haproxy_seen_free(&seen);
}

static void on_look_end(void *ctx, enum talk_end how, int error, size_t left)
{
    struct driver *driver = ctx;
    (void)left;
    driver->talk = NULL;
    if (driver->next.error[0])
        fail(driver, TIER_ERROR_PROTOCOL, driver->next.error);
    else if (!driver->next.is_done)
        haproxy_fail_talk(driver, how, error);
    else
        take_look(driver);
}

static void observe_by_agent(struct driver *driver)
{
    struct observation seen;
    haproxy_seen_by_agent(driver, &seen);
    driver->host->observed(driver->host->ctx, &seen);
    haproxy_seen_free(&seen);
}

static void observe(struct driver *driver)
{
    const struct tier *config = haproxy_config(driver);
    struct buf request = {0};
    if (driver->refused[0]) {
        fail(driver, TIER_ERROR_REJECTED, driver->refused);
        return;
    }
    if (!config->socket) {
        observe_by_agent(driver);
        return;
    }
    talk_drop(driver);
    bool with_stat = driver->pid == 0 || clock_mono_ms() - driver->stat_ms >= STAT_FRESH_MS;
    haproxy_reading_free(&driver->next);
    haproxy_reading_init(&driver->next, config->haproxy.backend, with_stat);
    buf_printf(&request, "prompt\nshow info\nshow servers state %s\n", config->haproxy.backend);
    if (with_stat)
        buf_printf(&request, "show stat %s 4 -1\n", config->haproxy.backend);
    buf_puts(&request, "quit\n");
    const struct talk_events events = {.ctx = driver, .line = on_look_line, .end = on_look_end};
    haproxy_talk(driver, &request, &events);
}

static void apply(struct driver *driver, const struct tier_table *table,
                  const struct tier_plan *plan)
{
    if (!haproxy_config(driver)->socket) {
        driver->host->applied(driver->host->ctx); /* it is told when it asks */
        return;
    }
    talk_drop(driver);
    haproxy_apply(driver, table, plan);
}

/* ---- pulses ---- */

static bool on_pulse_line(void *ctx, char *line, size_t n)
{
    struct driver *driver = ctx;
    (void)n;
    return haproxy_info_line(&driver->pulse_info, line) == 0 && *line;
}

static void on_pulse_end(void *ctx, enum talk_end how, int error, size_t left)
{
    struct driver *driver = ctx;
    uint64_t pid = driver->pulse_info.pid, uptime_s = driver->pulse_info.uptime_s;
    (void)how, (void)error, (void)left;
    driver->talk = NULL;
    driver->pulses = false;
    bool is_same = pid == driver->pid && uptime_s >= driver->uptime_s;
    driver->pid = pid; /* told once, whatever becomes of the look */
    driver->uptime_s = uptime_s;
    if (!is_same)
        driver->host->nudge(driver->host->ctx);
}

static void pulse(struct driver *driver)
{
    struct buf request = {0};
    if (driver->talk || driver->work.commands.v.n || !haproxy_config(driver)->socket ||
        driver->refused[0])
        return;
    driver->pulses = true;
    driver->pulse_info = (struct haproxy_info){0};
    buf_puts(&request, "show info\n");
    const struct talk_events events = {.ctx = driver, .line = on_pulse_line, .end = on_pulse_end};
    haproxy_talk(driver, &request, &events);
}

/* ---- life ---- */

static struct driver *driver_open(const struct driver_host *host)
{
    struct driver *driver = xcalloc(1, sizeof *driver);
    driver->host = host;
    uv_timer_init(drive_loop(host->drive), &driver->timer);
    driver->timer.data = driver;
    haproxy_agent_open(driver);
    const char *backend = haproxy_config(driver)->haproxy.backend;
    if (haproxy_config(driver)->socket && !haproxy_is_name(backend))
        snprintf(driver->refused, sizeof driver->refused,
                 "no backend of HAProxy can be called \"%s\"", backend);
    return driver;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void driver_close(struct driver *driver)
{
    talk_drop(driver);
    haproxy_agent_close(driver);
    haproxy_work_free(&driver->work);
    haproxy_reading_free(&driver->now);
    haproxy_reading_free(&driver->next);
    uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
}

const struct tier_row *haproxy_row(const struct driver *driver, uint32_t member)
{
    const struct tier_table *table = driver->host->table(driver->host->ctx);
    const struct tier_row *row = member < table->rows.n ? &table->rows.v[member] : NULL;
    return row && row->member == member ? row : NULL;
}

const struct driver_type haproxy_driver = {.type = TIER_HAPROXY,
                                           .keeps_members = true,
                                           .is_given = true,
                                           .shown = haproxy_shown,
                                           .pulse_ms = PULSE_MS,
                                           .open = driver_open,
                                           .observe = observe,
                                           .apply = apply,
                                           .pulse = pulse,
                                           .close = driver_close};
