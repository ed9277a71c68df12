/* SPDX-License-Identifier: Apache-2.0
 * nginx: an upstream in a file that it includes. Its members are as the file says; who talks to
 * them is counted from outside, as nginx does not tell. */
#include "base/clock.h"
#include "tier/nginx_driver.h"
#include "tier/written.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- ends --- */

static void on_timer(uv_timer_t *timer)
{
    struct driver *d = timer->data;
    d->then(d);
}

void nginx_later(struct driver *d, uint32_t delay_ms, void (*then)(struct driver *d))
{
    d->then = then;
    uv_timer_start(d->timer, on_timer, delay_ms, 0);
}

void nginx_fail(struct driver *d, enum tier_error reason, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    nginx_end_turn(d);
    d->host.failed(d->host.ctx, reason, text);
}

void nginx_fail_file(struct driver *d, const char *what, const char *suffix, int error)
{
    char text[WRITTEN_TEXT_MAX];
    nginx_end_turn(d);
    d->host.failed(d->host.ctx, written_reason(error),
                   written_text(text, what, nginx_config(d)->file, suffix, error));
}

/* --- what is there --- */

static void tell_observed(struct driver *d)
{
    d->seen.v = d->members.v;
    d->seen.n = (uint32_t)d->members.n;
    d->host.observed(d->host.ctx, &d->seen);
}

static void on_sessions(void *ctx, int error, const uint32_t *counts)
{
    struct driver *d = ctx;
    for (size_t i = 0; !error && counts && i < d->members.n; i++) {
        d->members.v[i].active = counts[i];
        d->members.v[i].at_most = true;
    }
    if (error && !*d->seen.note)
        snprintf(d->seen.note, sizeof d->seen.note, "sessions cannot be counted: %s",
                 strerror(-error));
    tell_observed(d);
}

static void count_sessions(struct driver *d)
{
    VEC(struct sock_dest) dests = {0};
    if (!d->sessions && !(d->sessions = sock_diag_open(d->host.drive))) {
        on_sessions(d, -errno, NULL);
        return;
    }
    for (size_t i = 0; i < d->members.n; i++)
        *vec_push(&dests) = (struct sock_dest){d->members.v[i].addr, d->members.v[i].port};
    sock_diag_count(d->sessions, dests.v, (uint32_t)dests.n, nginx_config(d)->nginx.stream,
                    on_sessions, d);
    vec_free(&dests);
}

static void take_servers(struct driver *d, const struct nginx_file *file)
{
    d->members.n = 0;
    for (size_t i = 0; i < file->servers.n; i++) {
        const struct nginx_server *server = &file->servers.v[i];
        *vec_push(&d->members) = (struct observed){
            .addr = server->addr,
            .port = server->port,
            .serving = nginx_shown((struct serving){SERVES_READY, server->weight}),
            .is_ours = true,
            .active = -1,
            .inactive = -1};
    }
}

/* Whose it is, and whether there is anything to do but for its members. */
static void judge(struct driver *d, const struct nginx_file *file, struct slice text)
{
    const struct tier *config = nginx_config(d);
    static const char *const kept[2] = {NGINX_BEFORE, NGINX_EDITED};
    struct observation *seen = &d->seen;
    written_judge(seen, config, file->owner, file->empty, file->node, kept);
    if (file->owner == MARK_EDITED)
        seen->differs = true;
    if (file->owner == MARK_OURS)
        seen->differs = !d->has_good || !slice_equal(text, nginx_text(&d->good)) || d->owed ||
                        d->is_unsaved ||
                        !slice_equal(file->upstream, slice_str(config->nginx.upstream));
    if (d->put_back && !*seen->note)
        snprintf(seen->note, sizeof seen->note,
                 "%s had not been tested, and was put back to %s" NGINX_GOOD, config->file,
                 config->file);
    d->put_back = false;
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct nginx_file file;
    d->seen = (struct observation){0};
    d->members.n = 0;
    if (error == ELOOP)
        written_is_link(&d->seen, nginx_config(d));
    if (error == ENOENT || error == ELOOP) {
        tell_observed(d);
        return;
    }
    if (error) {
        nginx_fail_file(d, "read", "", error);
        return;
    }
    nginx_file_read(&file, text, d->host.node);
    judge(d, &file, text);
    take_servers(d, &file);
    nginx_file_free(&file);
    if (d->members.n)
        count_sessions(d);
    else
        tell_observed(d);
}

/* --- what an earlier end has left --- */

static void on_put_back(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error) {
        nginx_fail_file(d, "put back", "", error);
        return;
    }
    d->started = d->put_back = d->owed = true;
    followed_read(d->file, "", on_read, d);
}

static void on_owed_again(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error)
        nginx_fail_file(d, "write", NGINX_OWED, error);
    else
        followed_write(d->file, "", nginx_text(&d->good), on_put_back, d);
}

/* FILE is ours, whole, and not what was tested last: an end came between writing and testing. Who
 * reloads nginx next, us or not, must not get it. */
static void on_first_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct nginx_file file, good;
    if (error)
        text = (struct slice){0};
    nginx_file_read(&file, text, d->host.node);
    nginx_file_read(&good, nginx_text(&d->good), d->host.node);
    bool untested = file.owner == MARK_OURS && d->has_good && good.owner != MARK_FOREIGN &&
                    !slice_equal(text, nginx_text(&d->good));
    nginx_file_free(&file);
    nginx_file_free(&good);
    if (untested) {
        followed_write(d->file, NGINX_OWED, (struct slice){0}, on_owed_again, d);
        return;
    }
    d->started = true;
    on_read(d, error, text);
}

static void on_owed_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    (void)text;
    if (error && error != ENOENT) {
        nginx_fail_file(d, "read", NGINX_OWED, error);
        return;
    }
    d->owed = error == 0;
    followed_read(d->file, "", on_first_read, d);
}

static void on_good_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    if (error && error != ENOENT) {
        nginx_fail_file(d, "read", NGINX_GOOD, error);
        return;
    }
    d->has_good = error == 0;
    d->guest.is_new = !d->has_good;
    if (error)
        text = (struct slice){0};
    nginx_keep(&d->good, text);
    followed_read(d->file, NGINX_OWED, on_owed_read, d);
}

/* --- the driver --- */

static void tell_nothing(struct driver *d)
{
    d->seen = (struct observation){0};
    d->members.n = 0;
    tell_observed(d);
}

static void nginx_observe(struct driver *d)
{
    if (!d->file)
        d->file = followed_open(d->host.drive, nginx_config(d)->file);
    if (d->left)
        tell_nothing(d);
    else if (!d->file)
        nginx_fail_file(d, "open the directory of", "", errno);
    else if (!d->started)
        followed_read(d->file, NGINX_GOOD, on_good_read, d);
    else
        followed_read(d->file, "", on_read, d);
}

static void join(struct driver *d)
{
    nginx_gate_join(&d->guest, d->host.nginx_gates, nginx_config(d)->nginx.reload,
                    nginx_config(d)->nginx.reload_interval_ms);
}

static struct driver *nginx_open(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->timer = xcalloc(1, sizeof *d->timer);
    uv_timer_init(drive_loop(host->drive), d->timer);
    d->timer->data = d;
    d->guest.ctx = d;
    d->guest.turn = nginx_turn;
    d->guest.reloaded = nginx_reloaded;
    d->guest.is_new = true;
    join(d);
    d->file = followed_open(host->drive, nginx_config(d)->file);
    return d;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void nginx_close(struct driver *d)
{
    if (d->command)
        command_cancel(d->command);
    nginx_gate_leave(&d->guest);
    if (d->sessions)
        sock_diag_close(d->sessions);
    if (d->file)
        followed_close(d->file);
    uv_timer_stop(d->timer);
    uv_close((uv_handle_t *)d->timer, free_handle);
    buf_free(&d->good);
    buf_free(&d->next);
    buf_free(&d->old);
    vec_free(&d->members);
    free(d);
}

static const char *argument(const char *const *argv, size_t i)
{
    return argv[i] ? argv[i] : "";
}

static bool is_same_nginx(const char *const *a, const char *const *b)
{
    size_t i = 0;
    while (a[i] && strcmp(a[i], argument(b, i)) == 0)
        i++;
    return !a[i] && !b[i];
}

/* What is known of the file holds across a reload of ours, and so does the time between nginx'. */
static void nginx_respecified(struct driver *d, const struct tier_spec *spec)
{
    const struct tier *config = spec->config;
    bool same = is_same_nginx(nginx_config(d)->nginx.reload, config->nginx.reload);
    d->host.spec = spec;
    if (!same) {
        nginx_gate_leave(&d->guest);
        join(d);
    }
    d->guest.argv = config->nginx.reload;
    d->guest.interval_ms = config->nginx.reload_interval_ms;
}

static int64_t nginx_ready_ms(const struct driver *d)
{
    int64_t gate_ms = nginx_gate_ready_ms(&d->guest);
    return d->ready_ms > gate_ms ? d->ready_ms : gate_ms;
}

const struct driver_type nginx_driver = {
    .type = TIER_NGINX,
    .keeps_members = true,
    .is_whole = true,
    .shown = nginx_shown,
    .settle_ms = 100,
    .open = nginx_open,
    .observe = nginx_observe,
    .apply = nginx_apply,
    .ready_ms = nginx_ready_ms,
    .respecified = nginx_respecified,
    .close = nginx_close,
};
