/* SPDX-License-Identifier: Apache-2.0
 * Long polls: an array of who waits, the longest first, and one timer for the next who is due. */
#include "ctl/poll.h"

#include "base/arena.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct poll_waiter {
    char *name;
    uint64_t known;
    int64_t until_ms; /* monotonic */
    void (*look)(void *arg);
    void *arg;
};

struct polls {
    struct poll_source source;
    uv_timer_t timer;
    struct poll_waiter waiters[POLLS_MAX];
    unsigned n;
    bool stopping;
    void (*done)(void *arg);
    void *done_arg;
};

/** Takes one out, then tells it: who is told may ask again. */
static void tell(struct polls *p, unsigned at)
{
    struct poll_waiter w = p->waiters[at];
    memmove(&p->waiters[at], &p->waiters[at + 1], (--p->n - at) * sizeof w);
    free(w.name);
    w.look(w.arg);
}

static bool has_changed(const struct polls *p, const struct poll_waiter *w)
{
    return p->source.version(p->source.ctx, w->name) != w->known;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct polls *p)
{
    int64_t next_ms = INT64_MAX, now_ms = clock_mono_ms();
    for (unsigned i = 0; i < p->n; i++)
        if (p->waiters[i].until_ms < next_ms)
            next_ms = p->waiters[i].until_ms;
    if (p->stopping)
        return;
    if (p->n)
        uv_timer_start(&p->timer, on_timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 0, 0);
    else
        uv_timer_stop(&p->timer);
}

/** Whoever is told may ask again at once, and stands at the end then: the first `n` are looked at.
 */
static void look_at(struct polls *p,
                    bool (*is_due)(const struct polls *, const struct poll_waiter *))
{
    for (unsigned left = p->n, at = 0; left > 0 && at < p->n; left--)
        if (is_due(p, &p->waiters[at]))
            tell(p, at);
        else
            at++;
    set_timer(p);
}

static bool is_over(const struct polls *p, const struct poll_waiter *w)
{
    (void)p;
    return w->until_ms <= clock_mono_ms();
}

static void on_timer(uv_timer_t *timer)
{
    look_at(timer->data, is_over);
}

struct polls *polls_new(uv_loop_t *loop, const struct poll_source *source)
{
    struct polls *p = xcalloc(1, sizeof *p);
    p->source = *source;
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    return p;
}

void polls_ask(struct polls *p, const char *name, uint64_t known, int64_t wait_ms,
               void (*look)(void *arg), void *arg)
{
    struct poll_waiter w = {(char *)(uintptr_t)name, known, clock_mono_ms() + wait_ms, look, arg};
    if (p->stopping || wait_ms <= 0 || has_changed(p, &w)) {
        look(arg);
        return;
    }
    if (p->n == POLLS_MAX)
        tell(p, 0);
    if (p->n == POLLS_MAX) { /* who was told has come again, and had its turn */
        look(arg);
        return;
    }
    w.name = xstrdup(name);
    p->waiters[p->n++] = w;
    set_timer(p);
}

void polls_changed(struct polls *p)
{
    look_at(p, has_changed);
}

static void on_closed(uv_handle_t *handle)
{
    struct polls *p = handle->data;
    p->done(p->done_arg);
}

void polls_stop(struct polls *p, void (*done)(void *arg), void *arg)
{
    p->stopping = true;
    p->done = done;
    p->done_arg = arg;
    while (p->n)
        tell(p, 0);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

void polls_free(struct polls *p)
{
    free(p);
}
