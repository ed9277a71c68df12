/* SPDX-License-Identifier: Apache-2.0
 * The thread that announces: its start, what it is asked and what it gives back. */
#include "anycast/anycast_thread_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MS 20 /* views are given at most so often, and at once if none were for as long */

/* ---- what is given back ---- */

struct given {
    struct anycast_thread_host host;
    struct anycast_view **views;
    struct speaker_view **speakers;
    uint32_t n_views, n_speakers;
    void (*say)(void *ctx);
};

static void deliver(void *arg)
{
    struct given *g = arg;
    if (g->n_views > 0)
        g->host.views(g->host.ctx, g->views, g->n_views);
    else
        free(g->views);
    if (g->n_speakers > 0)
        g->host.speakers(g->host.ctx, g->speakers, g->n_speakers);
    else
        free(g->speakers);
    if (g->say)
        g->say(g->host.ctx);
    free(g);
}

void anycast_thread_give(struct anycast_thread *t)
{
    struct given *g = xcalloc(1, sizeof *g);
    *g = (struct given){.host = t->host,
                        .views = xcalloc(t->views.n, sizeof(struct anycast_view *)),
                        .speakers = xcalloc(t->lines.n, sizeof(struct speaker_view *)),
                        .n_views = (uint32_t)t->views.n};
    uv_timer_stop(&t->out);
    t->out_ms = clock_mono_ms();
    for (size_t i = 0; i < t->views.n; i++)
        g->views[i] = t->views.v[i];
    t->views.n = 0;
    for (size_t i = 0; i < t->lines.n; i++) {
        struct line_seat *line = t->lines.v[i];
        if (line->is_changed && !line->leaving)
            g->speakers[g->n_speakers++] = anycast_thread_view_line(line);
        line->is_changed = false;
    }
    mailbox_post(t->host.mailbox, deliver, g);
}

void anycast_thread_give_end(struct anycast_thread *t, void (*say)(void *ctx))
{
    struct given *g = xcalloc(1, sizeof *g);
    *g = (struct given){.host = t->host, .say = say};
    mailbox_post(t->host.mailbox, deliver, g);
}

static void on_out(uv_timer_t *timer)
{
    anycast_thread_give(timer->data);
}

void anycast_thread_give_soon(struct anycast_thread *t)
{
    int64_t wait_ms = t->out_ms + OUT_MS - clock_mono_ms();
    if (!t->closing && !uv_is_active((uv_handle_t *)&t->out))
        uv_timer_start(&t->out, on_out, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

/* ---- what engines say ---- */

static bool says_the_same(const struct anycast_view *a, const struct anycast_view *b)
{
    return a->spec == b->spec && a->state == b->state && a->real == b->real &&
           strcmp(a->problem, b->problem) == 0;
}

/** Only what differs in what people are told of is kept beside a later one. */
static void on_publish(void *ctx, struct set_engine *engine, struct anycast_view *view)
{
    struct set_seat *seat = ctx;
    struct anycast_thread *t = seat->thread;
    (void)engine;
    if (seat->nth == MODEL_NONE || t->closing) {
        anycast_view_release(view);
        return;
    }
    view->version = ++t->n_views;
    for (size_t i = t->views.n; i-- > 0;) {
        if (t->views.v[i]->spec != view->spec)
            continue;
        if (!says_the_same(t->views.v[i], view))
            break;
        anycast_view_release(t->views.v[i]);
        t->views.v[i] = view;
        view = NULL;
        break;
    }
    if (view)
        *vec_push(&t->views) = view;
    anycast_thread_give_soon(t);
}

static void on_tell(void *ctx, struct set_engine *engine)
{
    (void)engine;
    anycast_thread_dirty(((struct set_seat *)ctx)->line);
}

static void on_ended(void *ctx, struct set_engine *engine)
{
    struct set_seat *seat = ctx;
    (void)engine;
    seat->has_ended = true;
    anycast_thread_dirty(seat->line); /* closed with the flush, which does not name it any more */
}

static bool on_overflows(void *ctx)
{
    const struct set_seat *seat = ctx;
    const struct anycast_thread_host *host = &seat->thread->host;
    return host->overflows && host->overflows(host->ctx);
}

struct set_engine_host anycast_thread_engine_host(struct set_seat *seat)
{
    return (struct set_engine_host){
        .drive = seat->thread->drive,
        .holds = seat->thread->holds,
        .ctx = seat,
        .tell = on_tell,
        .publish = on_publish,
        .ended = on_ended,
        .overflows = on_overflows,
    };
}

/* ---- the control thread's life ---- */

static void set_stalled(struct anycast_thread *t, bool stalled)
{
    if (t->is_stalled == stalled)
        return;
    t->is_stalled = stalled;
    if (stalled)
        log_error("anycast: the checker gives no sign of life: what is announced is withdrawn");
    else
        log_notice("anycast: the checker goes on");
    for (size_t i = 0; i < t->seats.n; i++)
        set_engine_stalled(t->seats.v[i]->engine, stalled);
}

/** Counted in turns of ours, not in time, so that a whole process that was stopped for a while and
 *  goes on blames nobody. */
static void on_beats(uv_timer_t *timer)
{
    struct anycast_thread *t = timer->data;
    if (t->has_beaten && !t->stopping && t->n_missed < ANYCAST_STALLED_BEATS &&
        ++t->n_missed == ANYCAST_STALLED_BEATS)
        set_stalled(t, true);
    anycast_thread_hand_over(t);
    anycast_thread_close_lines(t);
    anycast_thread_look_for_the_end(t);
}

/* ---- what it is asked ---- */

struct request {
    struct anycast_thread *thread;
    struct anycast_set *set;
    struct inputs_batch *batch;
    char node[128];
    bool keep;
};

static void post(struct anycast_thread *t, void (*fn)(void *arg), const struct request *of)
{
    struct request *r = xcalloc(1, sizeof *r);
    *r = *of;
    r->thread = t;
    drive_post(t->drive, fn, r);
}

static void do_switch(void *arg)
{
    struct request *r = arg;
    if (!r->thread->stopping) {
        snprintf(r->thread->node, sizeof r->thread->node, "%s", r->node);
        anycast_thread_take_set(r->thread, r->set);
    }
    anycast_set_release(r->set);
    free(r);
}

static void do_inputs(void *arg)
{
    struct request *r = arg;
    struct anycast_thread *t = r->thread;
    for (size_t i = 0; i < t->seats.n && r->batch->set == t->set; i++)
        if (t->seats.v[i]->nth != MODEL_NONE)
            set_engine_inputs(t->seats.v[i]->engine, r->batch, t->seats.v[i]->nth);
    inputs_batch_free(r->batch);
    free(r);
}

static void do_heartbeat(void *arg)
{
    struct request *r = arg;
    r->thread->has_beaten = true;
    r->thread->n_missed = 0;
    set_stalled(r->thread, false);
    free(r);
}

static void do_serving(void *arg)
{
    struct request *r = arg;
    struct anycast_thread *t = r->thread;
    t->serving = true;
    for (size_t i = 0; i < t->seats.n; i++)
        set_engine_serving(t->seats.v[i]->engine);
    free(r);
}

static void do_drain(void *arg)
{
    struct request *r = arg;
    anycast_thread_begin_drain(r->thread, r->keep);
    free(r);
}

static void do_stop(void *arg)
{
    struct request *r = arg;
    anycast_thread_begin_stop(r->thread);
    free(r);
}

void anycast_thread_switch(struct anycast_thread *t, struct anycast_set *set, const char *node)
{
    struct request r = {.set = set};
    snprintf(r.node, sizeof r.node, "%s", node);
    post(t, do_switch, &r);
}

void anycast_thread_inputs(struct anycast_thread *t, struct inputs_batch *batch)
{
    post(t, do_inputs, &(struct request){.batch = batch});
}

void anycast_thread_heartbeat(struct anycast_thread *t)
{
    post(t, do_heartbeat, &(struct request){0});
}

void anycast_thread_serving(struct anycast_thread *t)
{
    post(t, do_serving, &(struct request){0});
}

void anycast_thread_drain(struct anycast_thread *t, bool keep)
{
    post(t, do_drain, &(struct request){.keep = keep});
}

void anycast_thread_stop(struct anycast_thread *t)
{
    post(t, do_stop, &(struct request){0});
}

/* ---- the beginning ---- */

static bool on_alive(void *ctx)
{
    const struct anycast_thread *t = ctx;
    return !t->host.stalled(t->host.ctx);
}

static void on_holds_changed(void *ctx)
{
    struct anycast_thread *t = ctx;
    if (t->closing) {
        anycast_thread_look_for_the_end(t);
        return;
    }
    for (size_t i = 0; i < t->seats.n; i++)
        set_engine_look(t->seats.v[i]->engine);
    anycast_thread_hand_over(t);
}

static void on_late(void *ctx)
{
    struct anycast_thread *t = ctx;
    log_warning("anycast: the guard has withdrawn all, as it had heard nothing for too long");
    for (size_t i = 0; i < t->lines.n; i++)
        speaker_line_look(t->lines.v[i]->line);
}

static void do_start(void *arg)
{
    struct anycast_thread *t = arg;
    uv_loop_t *loop = drive_loop(t->drive);
    const struct holds_host host = {
        .drive = t->drive, .ctx = t, .changed = on_holds_changed, .late = on_late};
    uv_timer_t *const timers[] = {&t->out, &t->flush, &t->beats, &t->end};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = t;
    }
    t->holds = holds_new(&host, t->guard_fd, on_alive);
    uv_timer_start(&t->beats, on_beats, ANYCAST_HEARTBEAT_MS, ANYCAST_HEARTBEAT_MS);
}

int anycast_thread_start(struct anycast_thread **thread, const struct anycast_thread_host *host,
                         int guard_fd)
{
    struct anycast_thread *t = xcalloc(1, sizeof *t);
    t->host = *host;
    t->guard_fd = guard_fd;
    int code = drive_start(&t->drive, "anycast");
    if (code != 0) {
        free(t);
        return code;
    }
    drive_post(t->drive, do_start, t);
    *thread = t;
    return 0;
}

void anycast_thread_join(struct anycast_thread *t)
{
    drive_stop(t->drive);
    vec_free(&t->seats);
    vec_free(&t->lines);
    vec_free(&t->views);
    free(t);
}
