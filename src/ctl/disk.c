/* SPDX-License-Identifier: Apache-2.0
 * Looking at the configuration on disk. */
#include "ctl/disk.h"

#include "base/clock.h"
#include "base/give_way.h"
#include "config/config.h"

#include <stdlib.h>

struct look {
    uint64_t generation; /* whose files; 0: none yet */
    int64_t began_ms;    /* monotonic */
    enum disk_state state;
    uint64_t hash;
    enum token_state token;
};

struct disk {
    uv_loop_t *loop;
    struct ctl_host host;
    struct look last; /* that ended */
    struct token token;
    uv_work_t work;
    uv_timer_t patience;
    struct {
        struct look look;
        struct generation *generation; /* held */
        struct disk_memory *memory;
        struct token token; /* in force */
    } job;                  /* the thread's, while `running` */
    bool running, again, stopping, timer_closed;
    void (*then)(void *arg); /* NULL: nobody waits */
    void (*done)(void *arg);
    void *arg, *done_arg;
};

static const struct generation *current(const struct disk *d)
{
    return d->host.generation(d->host.ctx);
}

struct disk *disk_new(uv_loop_t *loop, const struct ctl_host *host)
{
    struct disk *d = xcalloc(1, sizeof *d);
    d->loop = loop;
    d->host = *host;
    d->work.data = d->patience.data = d;
    uv_timer_init(loop, &d->patience);
    return d;
}

/* The thread */

static enum token_state look_at_token(const struct token *in_force, const char *path)
{
    struct token now;
    struct diags diags;
    if (!path || !in_force->set)
        return TOKEN_STATE_UNKNOWN;
    diags_init(&diags);
    int code = token_read(&now, path, (struct span){0}, &diags);
    diags_free(&diags);
    return code != 0 ? TOKEN_UNREADABLE : token_equal(&now, in_force) ? TOKEN_SAME : TOKEN_CHANGED;
}

static void look_modestly(void *arg)
{
    struct disk *d = arg;
    const struct model *model = d->job.generation->model;
    d->job.look.state = DISK_UNREADABLE;
    if (config_disk_hash(&d->job.look.hash, model, &d->job.memory) == 0)
        d->job.look.state = d->job.look.hash == model->file_hash ? DISK_SAME : DISK_CHANGED;
    d->job.look.token = look_at_token(&d->job.token, model->http.token_file);
    generation_free(d->job.generation);
}

static void look(uv_work_t *work)
{
    give_way_run(look_modestly, work->data);
}

/* The loop */

static void answer(struct disk *d)
{
    void (*then)(void *arg) = d->then;
    d->then = NULL;
    uv_timer_stop(&d->patience);
    if (then)
        then(d->arg);
}

static void on_patience_over(uv_timer_t *timer)
{
    answer(timer->data);
}

static void start(struct disk *d);

static void finish_stop(struct disk *d)
{
    if (d->running || !d->timer_closed)
        return;
    disk_memory_free(d->job.memory);
    d->done(d->done_arg);
    free(d);
}

static void after_look(uv_work_t *work, int status)
{
    struct disk *d = work->data;
    (void)status; /* never cancelled */
    d->running = false;
    d->last = d->job.look;
    if (d->stopping) {
        finish_stop(d);
        return;
    }
    if (d->again)
        start(d);
    else
        answer(d);
}

static void start(struct disk *d)
{
    const struct generation *g = current(d);
    d->again = false;
    if (d->last.generation != g->number) {
        disk_memory_free(d->job.memory); /* by the sources of another model */
        d->job.memory = NULL;
    }
    d->job.look = (struct look){.generation = g->number, .began_ms = clock_mono_ms()};
    d->job.generation = generation_hold((struct generation *)(uintptr_t)g);
    d->job.token = d->token;
    d->running = true;
    if (uv_queue_work(d->loop, &d->work, look, after_look) != 0) {
        look_modestly(d);
        d->running = false;
        d->last = d->job.look;
        answer(d);
    }
}

void disk_ask(struct disk *d, int64_t max_age_ms, void (*then)(void *arg), void *arg)
{
    int64_t now_ms = clock_mono_ms();
    bool is_known = d->last.generation == current(d)->number && max_age_ms > 0 &&
                    now_ms - d->last.began_ms <= max_age_ms;
    bool is_stuck = d->running && now_ms - d->job.look.began_ms > DISK_WAIT_MS;
    if (is_known || is_stuck) {
        d->again = d->again || is_stuck;
        then(arg);
        return;
    }
    d->then = then;
    d->arg = arg;
    uv_timer_start(&d->patience, on_patience_over, DISK_WAIT_MS, 0);
    if (d->running)
        d->again = true; /* that one may have passed a file already that has changed since */
    else
        start(d);
}

void disk_set(const struct disk *d, struct facts *f)
{
    if (d->last.generation != f->generation->number)
        return;
    f->disk = d->last.state;
    f->disk_hash = d->last.hash;
    f->token = d->last.token;
}

void disk_watch_token(struct disk *d, const struct token *token)
{
    d->token = *token;
}

static void on_closed(uv_handle_t *handle)
{
    struct disk *d = handle->data;
    d->timer_closed = true;
    finish_stop(d);
}

void disk_stop(struct disk *d, void (*done)(void *arg), void *arg)
{
    d->done = done;
    d->done_arg = arg;
    d->then = NULL;
    d->again = false;
    d->stopping = true;
    uv_close((uv_handle_t *)&d->patience, on_closed);
}
