/* SPDX-License-Identifier: Apache-2.0
 * A world for the engine of a prefix set: a clock that is set, a speaker, a hold, hooks and a self
 * probe that say what the test wants, and a diary of what the engine did to them. Takes the place
 * of what the engine uses, so it is included once in a program. */
#pragma once

#include "anycast/set_engine_internal.h"
#include "base/buf.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL_MS 1000000000000

static struct world {
    uv_loop_t loop;
    int64_t now_ms;
    struct buf diary; /* what was done, with blanks between */
    enum announcer_real real;
    bool differs, settled;
    struct speaker_status status;
    struct speaker_seen seen;
    bool held;
    const char *hold_error;
    struct self_score self;
    void (*self_changed)(void *ctx);
    void *self_ctx;
    uint32_t n_probes, n_started;
    void (*hook_done)(void *ctx, const char *error);
    void *hook_ctx;
    uint32_t n_hooks;          /* that run */
    struct anycast_view *view; /* the latest of n_views */
    uint32_t n_views;
    uint32_t n_ended;
} world;

static void note(const char *what)
{
    buf_printf(&world.diary, "%s%s", world.diary.n ? " " : "", what);
}

/** Compares the diary, and begins it anew. */
static void assert_diary(const char *expected)
{
    assert_string_equal(world.diary.n ? world.diary.p : "", expected);
    world.diary.n = 0;
}

/* ---- the clock ---- */

int64_t clock_mono_ms(void)
{
    return world.now_ms;
}
int64_t clock_mono_us(void)
{
    return world.now_ms * 1000;
}
int64_t clock_wall_ms(void)
{
    return WALL_MS + world.now_ms;
}
int64_t clock_wall_s(void)
{
    return clock_wall_ms() / 1000;
}

/* ---- what the engine uses ---- */

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &world.loop;
}

struct hold {
    bool announced;
};
struct hold *hold_open(struct holds *holds, const struct anycast_spec *spec)
{
    (void)holds, (void)spec;
    note("hold");
    return xcalloc(1, sizeof(struct hold));
}
struct hold *hold_respecify(struct hold *hold, const struct anycast_spec *spec)
{
    (void)spec;
    note("rehold");
    return hold;
}
void hold_announce(struct hold *hold, bool announced)
{
    if (hold->announced != announced)
        note(announced ? "up" : "down");
    hold->announced = announced;
}
bool hold_ready(const struct hold *hold, const char **why)
{
    (void)hold;
    *why = world.hold_error;
    return world.held;
}
void hold_close(struct hold *hold, bool keep)
{
    note(keep ? "keep" : "unhold");
    free(hold);
}

struct self_probe {
    int nothing;
};
struct self_probe *self_probe_open(const struct self_probe_host *host,
                                   const struct prefix_set *config)
{
    (void)config;
    world.self_changed = host->changed;
    world.self_ctx = host->ctx;
    world.n_probes++;
    return xcalloc(1, sizeof(struct self_probe));
}
void self_probe_start(struct self_probe *probe)
{
    (void)probe;
    world.n_started++;
}
struct self_score self_probe_state(const struct self_probe *probe, const char **reason)
{
    (void)probe;
    *reason = world.self.ok ? "" : "no answer";
    return world.self;
}
bool self_probe_same(const struct prefix_set *a, const struct prefix_set *b)
{
    return a->self.port == b->self.port;
}
void self_probe_close(struct self_probe *probe)
{
    world.n_probes--;
    free(probe);
}

struct hook {
    int nothing;
};
static struct hook the_hook;
struct hook *hook_run(struct drive *drive, const struct anycast_spec *spec, bool announce,
                      void (*done)(void *ctx, const char *error), void *ctx)
{
    (void)drive, (void)spec;
    assert_int_equal(world.n_hooks, 0);
    note(announce ? "on_announce" : "on_withdraw");
    world.n_hooks++;
    world.hook_done = done;
    world.hook_ctx = ctx;
    return &the_hook;
}
void hook_cancel(struct hook *hook)
{
    assert_ptr_equal(hook, &the_hook);
    assert_int_equal(world.n_hooks, 1);
    world.n_hooks--;
    note("cancel");
}
static void end_hook(const char *error)
{
    assert_int_equal(world.n_hooks, 1);
    world.n_hooks--;
    world.hook_done(world.hook_ctx, error);
}

enum announcer_real speaker_line_real(const struct speaker_line *line,
                                      const struct anycast_spec *spec, bool *differs)
{
    (void)line, (void)spec;
    *differs = world.differs;
    return world.real;
}
static struct ip_prefix prefixes[3] = {{{{192, 0, 2, 53}, IP_V4}, 32},
                                       {{{0x20, 1, 0xd, 0xb8}, IP_V6}, 128},
                                       {{{198, 51, 100, 53}, IP_V4}, 32}};

/* All prefixes alike, unless the test says it of each. */
const struct speaker_seen *speaker_line_seen(const struct speaker_line *line)
{
    static struct speaker_seen alike;
    static struct seen_route routes[3];
    (void)line;
    for (size_t i = 0; i < 3; i++)
        routes[i] = (struct seen_route){.prefix = prefixes[i], .real = world.real};
    alike.routes.v = routes;
    alike.routes.n = 3;
    return world.seen.routes.n > 0 ? &world.seen : &alike;
}
bool speaker_line_settled(const struct speaker_line *line)
{
    (void)line;
    return world.settled;
}
const struct speaker_status *speaker_line_status(const struct speaker_line *line)
{
    (void)line;
    return &world.status;
}

/* ---- the engine's host ---- */

static void on_tell(void *ctx, struct set_engine *engine)
{
    struct announcement a;
    (void)ctx;
    set_engine_announcement(engine, &a);
    char text[64];
    snprintf(text, sizeof text, "tell:%d", a.announced);
    note(text);
}
static void on_publish(void *ctx, struct set_engine *engine, struct anycast_view *view)
{
    (void)ctx, (void)engine;
    anycast_view_release(world.view);
    world.view = view;
    world.n_views++;
}
static void on_ended(void *ctx, struct set_engine *engine)
{
    (void)ctx, (void)engine;
    world.n_ended++;
}

static const struct set_engine_host host = {.drive = (struct drive *)(void *)&world,
                                            .holds = (struct holds *)(void *)&world,
                                            .tell = on_tell,
                                            .publish = on_publish,
                                            .ended = on_ended};

/* ---- a configuration of two sets that share a prefix ---- */

static const char *const argv[] = {"/bin/true", NULL};
static struct speaker speakers[1] = {{.name = "local", .type = SPEAKER_BIRD}};
static struct anycast_condition conditions[2] = {
    {.name = "pool www", .endpoint = MODEL_NONE},
    {.name = "pool www", .endpoint = MODEL_NONE, .is_full = true}};

struct small_set {
    struct anycast_set *set;
    struct prefix_set *configs;
    struct anycast_spec *specs;
};

/** `n` sets, "dns" and "dns2": with the first two prefixes, and the last two. Held once. */
static struct small_set small_set(uint32_t n)
{
    static const char *const names[] = {"dns", "dns2"};
    struct arena *arena = arena_new();
    struct small_set s = {arena_calloc(arena, 1, sizeof *s.set),
                          arena_calloc(arena, n, sizeof *s.configs),
                          arena_calloc(arena, n, sizeof *s.specs)};
    for (uint32_t i = 0; i < n; i++) {
        s.configs[i] = (struct prefix_set){.name = names[i],
                                           .prefixes = prefixes + i,
                                           .n_prefixes = 2,
                                           .degraded = {.prepend = 2},
                                           .rise_ms = 10000,
                                           .fall_ms = 2000,
                                           .drain_ms = 30000};
        s.specs[i] = (struct anycast_spec){.config = &s.configs[i],
                                           .name = names[i],
                                           .site = "",
                                           .conditions = conditions,
                                           .n_conditions = 2,
                                           .timing = {10000, 2000, 30000, true}};
    }
    *s.set = (struct anycast_set){.n_holds = 1,
                                  .arena = arena,
                                  .node = "ams1",
                                  .sets = s.specs,
                                  .n_sets = n,
                                  .speakers = speakers,
                                  .n_speakers = 1};
    return s;
}

static struct small_set now;
static struct set_engine *engine;
static struct speaker_line *const line = (struct speaker_line *)(void *)&world;

/** What the control thread would send. */
static void give(struct set_engine *to, const struct small_set *of, struct set_inputs inputs)
{
    struct condition_input given[4] = {{inputs.when_ok, inputs.known, "70 % of the weight is up"},
                                       {inputs.full_ok, inputs.known, "70 % of the weight is up"}};
    struct set_inputs sets[2] = {inputs, inputs};
    const struct inputs_batch batch = {of->set, sets, given, 2};
    set_engine_inputs(to, &batch, 0);
}

#define ALL_WELL ((struct set_inputs){.known = true, .when_ok = true, .full_ok = true})

static void pass(int64_t ms)
{
    world.now_ms += ms;
    set_engine_look(engine);
}

static int set_up(void **state)
{
    (void)state;
    world = (struct world){.now_ms = 50000,
                           .real = REAL_ABSENT,
                           .settled = true,
                           .held = true,
                           .hold_error = "",
                           .self = {.known = true, .ok = true},
                           .status = {.up = true}};
    uv_loop_init(&world.loop);
    now = small_set(2);
    engine = set_engine_open(&host, now.set, &now.specs[0], line);
    assert_diary("hold");
    set_engine_serving(engine);
    set_engine_look(engine);
    return 0;
}

/** An engine that a failed test has left open would start its timer for ever: what there is after
 *  all that was closed has ended is such a one. */
static void close_loop(void)
{
    for (int i = 0; i < 100 && uv_run(&world.loop, UV_RUN_NOWAIT) != 0; i++)
        ;
    assert_int_equal(uv_loop_close(&world.loop), 0);
}

static int tear_down(void **state)
{
    (void)state;
    set_engine_close(engine, false);
    anycast_view_release(world.view);
    anycast_set_release(now.set);
    buf_free(&world.diary);
    close_loop();
    assert_int_equal(world.n_probes, 0);
    assert_int_equal(world.n_hooks, 0);
    return 0;
}

/** Announced, with an empty diary. */
static void announce(void)
{
    give(engine, &now, ALL_WELL);
    pass(10000);
    if (world.n_hooks)
        end_hook("");
    set_engine_told(engine);
    world.real = REAL_PRESENT;
    set_engine_look(engine);
    world.diary.n = 0;
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
}
