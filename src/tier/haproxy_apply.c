/* SPDX-License-Identifier: Apache-2.0
 * A plan as commands, told to HAProxy in as few connections as do not last long. */
#include "tier/haproxy_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX 4 /* to delete what has just lost its last connections .. */
#define TRY_MS 50   /* .. this far apart */

static void start_batch(struct driver *driver);

void haproxy_work_free(struct haproxy_work *work)
{
    haproxy_commands_free(&work->commands);
    free(work->busy);
    *work = (struct haproxy_work){0};
}

/* ---- what cannot be told ---- */

static void note_bad(struct haproxy_work *work, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void note_bad(struct haproxy_work *work, const char *fmt, ...)
{
    va_list args;
    if (work->n_bad++ > 0)
        return;
    va_start(args, fmt);
    vsnprintf(work->bad, sizeof work->bad, fmt, args);
    va_end(args);
}

static bool is_older(const struct haproxy_info *info, unsigned major, unsigned minor)
{
    return info->major < major || (info->major == major && info->minor < minor);
}

/** A server that is added takes nothing from default-server: among servers that are spoken to by
 *  TLS it would be spoken to without. */
static bool has_tls(const struct haproxy_reading *now)
{
    for (size_t i = 0; i < now->servers.n; i++) {
        if (now->servers.v[i].has_tls)
            return true;
    }
    return false;
}

/* ---- commands ---- */

static void add(struct driver *driver, const struct tier_row *row)
{
    struct haproxy_work *work = &driver->work;
    const struct haproxy_reading *now = &driver->now;
    char text[IP_PORT_TEXT_MAX];
    ip_port_text(text, &row->addr, row->port);
    if (is_older(&now->info, 2, 6))
        note_bad(work,
                 "HAProxy %s cannot add servers at run time, as 2.6 and later can: put `server %s "
                 "%s weight 100` into backend %s",
                 now->info.version, row->name, text, work->commands.backend);
    else if (has_tls(now))
        note_bad(work,
                 "servers of backend %s are spoken to by TLS, and one that is added would not be: "
                 "put `server %s %s weight 100 ..` there",
                 work->commands.backend, row->name, text);
    else
        haproxy_tell_add(&work->commands, row->name, &row->addr, row->port);
}

static void leave(struct driver *driver, const struct tier_row *row, const char *name)
{
    struct haproxy_work *work = &driver->work;
    if (is_older(&driver->now.info, 2, 6))
        note_bad(work,
                 "HAProxy %s cannot delete servers at run time, as 2.6 and later can: take %s out "
                 "of backend %s",
                 driver->now.info.version, name, work->commands.backend);
    else
        haproxy_tell_remove(&work->commands, name, row->drain.timed_out);
}

/** The server that a row is: by its name, which a row may have cut short, else by its address. */
static struct haproxy_server *find_server(const struct haproxy_reading *now,
                                          const struct tier_row *row)
{
    struct haproxy_server *server = haproxy_reading_find(now, row->name);
    for (size_t i = 0; i < now->servers.n && !server; i++) {
        struct haproxy_server *other = &now->servers.v[i];
        if (other->port == row->seen.port && ip_equal(&other->addr, &row->seen.addr))
            server = other;
    }
    return server;
}

static void tell_step(struct driver *driver, const struct tier_row *row, enum plan_op op)
{
    struct haproxy_work *work = &driver->work;
    struct haproxy_server *server = op == PLAN_ADD ? NULL : find_server(&driver->now, row);
    const char *name = server ? haproxy_server_name(&driver->now, server) : row->name;
    if (!haproxy_is_name(name)) {
        note_bad(work, "a server cannot be called \"%s\"", name);
        return;
    }
    if (op == PLAN_ADD)
        add(driver, row);
    else if (op == PLAN_REMOVE)
        leave(driver, row, name);
    else if (op == PLAN_SET)
        haproxy_tell(&work->commands, name, server && !server->is_told ? server : NULL, &row->addr,
                     row->port, row->target);
    if (server)
        server->is_told = true;
}

/* ---- connections ---- */

static void end_work(struct driver *driver)
{
    struct haproxy_work *work = &driver->work;
    const struct driver_host *host = driver->host;
    char text[640], more[32] = "";
    if (work->n_bad > 1)
        snprintf(more, sizeof more, " (and %u more)", work->n_bad - 1);
    snprintf(text, sizeof text, "%s%s", work->bad, more);
    bool ok = work->n_bad == 0, denied = work->denied;
    haproxy_work_free(work);
    if (ok)
        host->applied(host->ctx);
    else
        host->failed(host->ctx, denied ? TIER_ERROR_DENIED : TIER_ERROR_REJECTED, text);
}

static void note_rejected(struct driver *driver)
{
    struct haproxy_work *work = &driver->work;
    const struct haproxy_answers *answers = &work->answers;
    uint32_t n = answers->n_of[HAPROXY_REJECTED] + answers->n_of[HAPROXY_DENIED];
    if (n == 0)
        return;
    const struct haproxy_command *first = &work->commands.v.v[answers->first_bad];
    work->denied |= answers->n_of[HAPROXY_DENIED] > 0;
    if (answers->n_of[HAPROXY_DENIED] > 0)
        note_bad(work,
                 "HAProxy denies `%.*s`: %s must be a `stats socket` of `level admin` in its "
                 "global section",
                 (int)first->n, work->commands.text.p + first->at, haproxy_config(driver)->socket);
    else
        note_bad(work, "HAProxy does not take `%.*s`: %s", (int)first->n,
                 work->commands.text.p + first->at, answers->error);
    work->n_bad += n - 1;
}

/** What was busy is all that is left to be told. */
static void keep_busy(struct haproxy_work *work)
{
    struct haproxy_commands next = {.backend = work->commands.backend,
                                    .scale = work->commands.scale};
    for (size_t i = 0; i < work->n_busy; i++) {
        const struct haproxy_command *command = &work->commands.v.v[work->busy[i]];
        haproxy_tell_again(&next, &work->commands, command);
    }
    haproxy_commands_free(&work->commands);
    work->commands = next;
    work->at = work->n_busy = 0;
}

static void on_timer(uv_timer_t *timer)
{
    start_batch(timer->data);
}

/** All was told once. What is busy still has clients, or has lost them this moment: after a few
 *  tries it is for the next plan. */
static void end_round(struct driver *driver)
{
    struct haproxy_work *work = &driver->work;
    if (work->n_busy == 0 || work->denied || ++work->n_tries == TRIES_MAX) {
        end_work(driver);
        return;
    }
    keep_busy(work);
    uv_timer_start(&driver->timer, on_timer, TRY_MS, 0);
}

static bool on_line(void *ctx, char *line, size_t n)
{
    struct driver *driver = ctx;
    (void)n;
    return haproxy_answers_line(&driver->work.answers, line);
}

static void on_end(void *ctx, enum talk_end how, int error, size_t left)
{
    struct driver *driver = ctx;
    struct haproxy_work *work = &driver->work;
    (void)left;
    driver->talk = NULL;
    if (!work->answers.is_done) {
        const char *said = work->answers.said;
        bool is_garbage = work->answers.is_garbage;
        char text[HAPROXY_ERROR_MAX + 64];
        snprintf(text, sizeof text, "this is not HAProxy's command line: \"%s\"", said);
        haproxy_work_free(work);
        if (is_garbage)
            driver->host->failed(driver->host->ctx, TIER_ERROR_PROTOCOL, text);
        else
            haproxy_fail_talk(driver, how, error);
        return;
    }
    note_rejected(driver);
    work->at += work->n;
    if (work->at < work->commands.v.n && !work->denied)
        start_batch(driver);
    else
        end_round(driver);
}

static void on_busy(void *ctx, size_t command)
{
    struct haproxy_work *work = &((struct driver *)ctx)->work;
    work->busy = xrealloc(work->busy, (work->n_busy + 1) * sizeof *work->busy);
    work->busy[work->n_busy++] = command;
}

static void start_batch(struct driver *driver)
{
    struct haproxy_work *work = &driver->work;
    struct buf request = {0};
    size_t left = work->commands.v.n - work->at;
    work->n = left > HAPROXY_BATCH_MAX ? HAPROXY_BATCH_MAX : left;
    work->answers = (struct haproxy_answers){.commands = &work->commands,
                                             .from = work->at,
                                             .n = work->n,
                                             .busy = on_busy,
                                             .ctx = driver};
    haproxy_request(&request, &work->commands, work->at, work->n);
    const struct talk_events events = {.ctx = driver, .line = on_line, .end = on_end};
    haproxy_talk(driver, &request, &events);
}

void haproxy_apply(struct driver *driver, const struct tier_table *table,
                   const struct tier_plan *plan)
{
    struct haproxy_work *work = &driver->work;
    haproxy_work_free(work);
    work->commands.backend = haproxy_config(driver)->haproxy.backend;
    work->commands.scale = haproxy_scale(driver);
    for (size_t i = 0; i < plan->steps.n; i++) {
        const struct plan_step *step = &plan->steps.v[i];
        if (step->row != MODEL_NONE)
            tell_step(driver, &table->rows.v[step->row], (enum plan_op)step->op);
    }
    if (work->commands.v.n > 0)
        start_batch(driver);
    else
        end_work(driver);
}
