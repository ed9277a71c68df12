/* SPDX-License-Identifier: Apache-2.0
 * Keeps the records of what was made in tiers. */
#include "tier/keeper.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/vec.h"
#include "drive/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiter {
    void (*done)(void *ctx);
    void *ctx;
    uint64_t version;
};

struct keeper {
    struct drive *drive;
    uv_timer_t timer;
    struct records *records;
    char *dir;                  /* NULL: none */
    struct followed_file *file; /* NULL: its directory cannot be opened, or there is none */
    bool has_read, reading, writing;
    uint64_t version;                /* counts what was set */
    uint64_t written, being_written; /* of that */
    VEC(struct waiter) waiters;
    int error; /* errno of what failed last; 0: it went well */
    void (*ready)(void *ctx);
    void *ready_ctx;
    void (*closed)(void *ctx); /* not NULL: to be closed when all is written */
    void *closed_ctx;
};

static void on_timer(uv_timer_t *timer);

static bool is_dirty(const struct keeper *k)
{
    return k->written < k->version;
}

static void wait_for_more(struct keeper *k)
{
    if (is_dirty(k) && k->dir && !k->closed && !uv_is_active((uv_handle_t *)&k->timer))
        uv_timer_start(&k->timer, on_timer, KEEPER_PAUSE_MS, 0);
}

static void note_error(struct keeper *k, const char *what, int error)
{
    if (error && !k->error)
        log_error("cannot %s %s/" RECORDS_FILE ": %s; what is made in tiers is not known as "
                  "Loadstar's after a restart",
                  what, k->dir, strerror(error));
    else if (!error && k->error)
        log_notice("%s/" RECORDS_FILE " is written again", k->dir);
    k->error = error;
}

static bool open_file(struct keeper *k)
{
    if (k->file)
        return true;
    struct buf path = {0};
    buf_printf(&path, "%s/" RECORDS_FILE, k->dir);
    k->file = followed_open(k->drive, path.p);
    int error = errno;
    buf_free(&path);
    if (!k->file)
        note_error(k, "open", error);
    return k->file;
}

/* ---- reading ---- */

static void tell_ready(struct keeper *k)
{
    k->reading = false;
    k->has_read = true;
    if (k->ready)
        k->ready(k->ready_ctx);
    wait_for_more(k);
}

static void on_read(void *ctx, int error, struct slice content)
{
    struct keeper *k = ctx;
    if (error != 0 && error != ENOENT)
        note_error(k, "read", error);
    uint32_t n_bad = error ? 0 : records_read(k->records, content);
    if (n_bad > 0)
        log_warning("%s/" RECORDS_FILE ": %u damaged line%s left out", k->dir, n_bad,
                    n_bad == 1 ? "" : "s");
    tell_ready(k);
}

/* ---- writing ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void end(struct keeper *k)
{
    void (*closed)(void *) = k->closed;
    void *ctx = k->closed_ctx;
    if (k->file)
        followed_close(k->file);
    records_free(k->records);
    vec_free(&k->waiters);
    free(k->dir);
    uv_close((uv_handle_t *)&k->timer, on_timer_closed);
    closed(ctx);
}

/** Of all up to that version. */
static void tell_waiters(struct keeper *k, uint64_t version)
{
    for (size_t i = 0; i < k->waiters.n;) {
        struct waiter waiter = k->waiters.v[i];
        if (waiter.version > version) {
            i++;
            continue;
        }
        k->waiters.v[i] = k->waiters.v[--k->waiters.n];
        waiter.done(waiter.ctx);
    }
}

static void on_written(void *ctx, int error);

static void write_now(struct keeper *k)
{
    struct buf text = {0};
    if (!open_file(k)) {
        tell_waiters(k, UINT64_MAX);
        return;
    }
    records_write(&text, k->records);
    k->being_written = k->version;
    k->writing = true;
    followed_write(k->file, "", slice_of(text.p, text.n), on_written, k);
    buf_free(&text);
}

static void on_written(void *ctx, int error)
{
    struct keeper *k = ctx;
    k->writing = false;
    note_error(k, "write", error);
    if (!error)
        k->written = k->being_written;
    tell_waiters(k, k->being_written);
    if (!error && is_dirty(k) && (k->closed || k->waiters.n > 0))
        write_now(k);
    if (k->closed && !k->writing)
        end(k);
    else
        wait_for_more(k);
}

static void on_timer(uv_timer_t *timer)
{
    struct keeper *k = timer->data;
    if (is_dirty(k) && !k->writing && !k->reading)
        write_now(k);
    wait_for_more(k);
}

/* ---- all of it ---- */

struct keeper *keeper_open(struct drive *drive)
{
    struct keeper *k = xcalloc(1, sizeof *k);
    k->drive = drive;
    k->records = records_new();
    k->timer.data = k;
    uv_timer_init(drive_loop(drive), &k->timer);
    return k;
}

void keeper_move(struct keeper *k, const char *dir, void (*ready)(void *ctx), void *ctx)
{
    k->ready = ready;
    k->ready_ctx = ctx;
    bool same = dir && k->dir ? strcmp(dir, k->dir) == 0 : dir == k->dir;
    if (same && k->has_read) {
        tell_ready(k);
        return;
    }
    if (k->reading && same)
        return;
    if (k->file)
        followed_close(k->file);
    k->file = NULL;
    free(k->dir);
    k->dir = dir ? xstrdup(dir) : NULL;
    k->version += k->has_read; /* all of it goes there */
    tell_waiters(k, UINT64_MAX);
    k->writing = k->reading = false;
    k->error = 0;
    if (!dir || k->has_read || !open_file(k)) {
        tell_ready(k);
        return;
    }
    k->reading = true;
    followed_read(k->file, "", on_read, k);
}

const struct records *keeper_records(const struct keeper *k)
{
    return k->records;
}

bool keeper_set(struct keeper *k, const char *tier, const struct ip *addr, uint16_t port,
                bool created)
{
    if (!records_set(k->records, tier, addr, port, created))
        return false;
    k->version++;
    wait_for_more(k);
    return true;
}

bool keeper_sync(struct keeper *k, void (*done)(void *ctx), void *ctx)
{
    if (!k->dir || k->closed || !is_dirty(k) || k->error)
        return false;
    *vec_push(&k->waiters) = (struct waiter){done, ctx, k->version};
    uv_timer_start(&k->timer, on_timer, 0, 0);
    return true;
}

void keeper_forget(struct keeper *k, const void *ctx)
{
    for (size_t i = 0; i < k->waiters.n;)
        if (k->waiters.v[i].ctx == ctx)
            k->waiters.v[i] = k->waiters.v[--k->waiters.n];
        else
            i++;
}

void keeper_close(struct keeper *k, void (*done)(void *ctx), void *ctx)
{
    k->closed = done;
    k->closed_ctx = ctx;
    uv_timer_stop(&k->timer);
    if (is_dirty(k) && k->dir && !k->writing && !k->reading)
        write_now(k);
    if (!k->writing)
        end(k);
}
