/* SPDX-License-Identifier: Apache-2.0
 * One engine over a table in memory. */
#include "engine_world.h"

#include "../health/settable_clock.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

/* ---- in the place of the log, of a drive and of a keeper ---- */

static struct buf lines;

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    (void)level;
    va_start(args, fmt);
    buf_vprintf(&lines, fmt, args);
    va_end(args);
    buf_puts(&lines, "\n");
}

unsigned log_count(const char *text)
{
    unsigned n = 0;
    for (const char *at = lines.p; at && (at = strstr(at, text)); at++)
        n++;
    return n;
}

void log_forget(void)
{
    buf_free(&lines);
}

struct drive {
    uv_loop_t *loop;
};

static struct drive drive;

uv_loop_t *drive_loop(struct drive *d)
{
    return d->loop;
}

struct keeper {
    struct records *records;
    bool is_slow; /* what is set is on disk when keeper_written() says so */
    bool is_dirty;
    void (*done)(void *ctx);
    void *ctx;
};

static struct keeper keeper;

const struct records *keeper_records(const struct keeper *k)
{
    return k->records;
}

bool keeper_set(struct keeper *k, const char *tier, const struct ip *addr, uint16_t port,
                bool created)
{
    bool news = records_set(k->records, tier, addr, port, created);
    k->is_dirty |= news;
    return news;
}

bool keeper_sync(struct keeper *k, void (*done)(void *ctx), void *ctx)
{
    if (!k->is_slow || !k->is_dirty)
        return false;
    k->done = done;
    k->ctx = ctx;
    return true;
}

void keeper_forget(struct keeper *k, const void *ctx)
{
    if (k->ctx == ctx)
        k->done = NULL;
}

void keeper_is_slow(bool slow)
{
    keeper.is_slow = slow;
}

bool keeper_written(void)
{
    void (*done)(void *ctx) = keeper.done;
    keeper.done = NULL;
    keeper.is_dirty = false;
    if (done)
        done(keeper.ctx);
    return done;
}

bool kept(const char *tier, const struct ip *addr, uint16_t port)
{
    return records_has(keeper.records, tier, addr, port);
}

void keep(const char *tier, const struct ip *addr, uint16_t port)
{
    records_set(keeper.records, tier, addr, port, true);
}

/* ---- what the engine says ---- */

static void on_view(void *ctx, struct engine *engine, struct tier_view *view)
{
    struct engine_world *w = ctx;
    (void)engine;
    tier_view_release(w->view);
    w->view = view;
    w->n_views++;
}

static void on_looked(void *ctx, struct engine *engine)
{
    struct engine_world *w = ctx;
    (void)engine;
    w->n_looked++;
    if (!w->goes_down_when_seen)
        return;
    w->goes_down_when_seen = false;
    w->small.states[0].health = HEALTH_DOWN;
    world_change(w);
}

static void on_look_ended(void *ctx, void *ticket)
{
    assert_ptr_equal(ticket, ctx);
    ((struct engine_world *)ctx)->n_tickets++;
}

static void on_ended(void *ctx, struct engine *engine)
{
    struct engine_world *w = ctx;
    assert_ptr_equal(engine, w->engine);
    assert_int_equal(w->table.n_under_way, 0); /* not from within the driver */
    w->n_ended++;
}

static int on_descriptor(void *ctx, const struct engine *engine, const char *name)
{
    (void)ctx, (void)engine, (void)name;
    return -1;
}

/* ---- the world ---- */

static void make_set(struct tier_set *set, struct small_tier *small)
{
    static const uint32_t endpoints[SMALL_SLOTS];
    *set = (struct tier_set){.n_holds = 1000, /* never freed: it is no arena's */
                             .node = "n1",
                             .tiers = &small->spec,
                             .n_tiers = 1,
                             .endpoints = endpoints,
                             .n_endpoints = SMALL_SLOTS};
}

void world_open(struct engine_world *w)
{
    memset(w, 0, sizeof *w);
    log_forget();
    assert_int_equal(uv_loop_init(&w->loop), 0);
    drive.loop = &w->loop;
    keeper = (struct keeper){.records = records_new()};
    small_tier_init(&w->small, 3, 1);
    small_tier_init(&w->other, 3, 1);
    w->small.config.interval_ms = w->other.config.interval_ms = 30000;
    make_set(&w->set, &w->small);
    make_set(&w->other_set, &w->other);
    w->type = table_driver;
    pthread_mutex_init(&w->table.lock, NULL);
    table_tiers[0] = &w->table;
}

void world_begin(struct engine_world *w)
{
    const struct engine_host host = {.drive = &drive,
                                     .node = "n1",
                                     .keeper = &keeper,
                                     .ctx = w,
                                     .publish = on_view,
                                     .looked = on_looked,
                                     .look_ended = on_look_ended,
                                     .ended = on_ended,
                                     .descriptor = on_descriptor};
    w->states = set_states_new(&w->set);
    for (uint32_t i = 0; i < SMALL_SLOTS; i++)
        set_states_put(w->states, i, &w->small.states[i]);
    w->engine = engine_open(&host, &w->type, w->states, &w->small.spec);
}

void world_close(struct engine_world *w)
{
    if (w->engine)
        engine_close(w->engine);
    set_states_release(w->states);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    assert_int_equal(w->table.n_opened, w->table.n_closed);
    tier_view_release(w->view);
    records_free(keeper.records);
    log_forget();
    assert_int_equal(w->set.n_holds, 1000);
    assert_int_equal(w->other_set.n_holds, 1000);
}

static void settle(struct engine_world *w)
{
    do
        uv_run(&w->loop, UV_RUN_NOWAIT);
    while (uv_loop_alive(&w->loop) && uv_backend_timeout(&w->loop) == 0);
}

void world_run(struct engine_world *w, int64_t ms)
{
    for (;;) {
        settle(w);
        if (ms <= 0)
            return;
        int next_ms = uv_backend_timeout(&w->loop);
        int64_t step_ms = next_ms < 0 || next_ms > ms ? ms : next_ms;
        settable_clock_advance_ms(step_ms);
        ms -= step_ms;
    }
}

void world_change(struct engine_world *w)
{
    for (uint32_t i = 0; i < SMALL_SLOTS; i++)
        set_states_put(w->states, i, &w->small.states[i]);
    engine_changed(w->engine, clock_mono_us());
}

void world_make(struct engine_world *w)
{
    w->table.exists = true;
    keep("t", NULL, 0);
    for (uint32_t i = 0; i < w->small.spec.n_members; i++) {
        const struct tier_member *member = &w->small.members[i];
        struct table_member *m = &w->table.v[w->table.n++];
        *m = (struct table_member){
            .addr = member->addr, .port = member->port, .serving = {SERVES_READY, 100}};
        snprintf(m->name, sizeof m->name, "%s", member->name);
        keep("t", &member->addr, member->port);
    }
}

const char *table_text(const struct table_tier *table)
{
    static char text[1024];
    size_t n = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < table->n; i++) {
        const struct table_member *m = &table->v[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", i ? " " : "", m->name,
                              serves_text(m->serving.serves));
        if (m->serving.serves == SERVES_READY)
            n += (size_t)snprintf(text + n, sizeof text - n, " %u", m->serving.weight);
    }
    return text;
}
