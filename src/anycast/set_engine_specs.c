/* SPDX-License-Identifier: Apache-2.0
 * Specifications of a set: the first, another one, one with fewer prefixes, one that goes on for
 * another. */
#include "anycast/set_engine_internal.h"

#include "base/clock.h"

#include <stdlib.h>

#define HOOK_RETRY_FIRST_MS 1000
#define HOOK_RETRY_LAST_MS 60000

static void on_self_changed(void *ctx)
{
    set_engine_look(ctx);
}

static bool on_overflows(void *ctx)
{
    const struct set_engine *e = ctx;
    return e->host.overflows && e->host.overflows(e->host.ctx);
}

static void open_self(struct set_engine *e)
{
    const struct self_probe_host host = {
        .drive = e->host.drive, .ctx = e, .changed = on_self_changed, .overflows = on_overflows};
    if (e->spec->config->self.off)
        return;
    e->self = self_probe_open(&host, e->spec->config);
    if (e->serving)
        self_probe_start(e->self);
}

struct set_engine *set_engine_open(const struct set_engine_host *host, struct anycast_set *set,
                                   const struct anycast_spec *spec, struct speaker_line *line)
{
    struct set_engine *e = xcalloc(1, sizeof *e);
    *e = (struct set_engine){
        .host = *host, .set = anycast_set_hold(set), .spec = spec, .line = line};
    const int64_t now_ms = clock_mono_ms();
    e->backoff = (struct backoff){
        .first_ms = HOOK_RETRY_FIRST_MS, .last_ms = HOOK_RETRY_LAST_MS, .draw = (uint64_t)now_ms};
    uv_timer_init(drive_loop(host->drive), &e->timer);
    e->timer.data = e;
    announcer_init(&e->announcer, now_ms);
    set_engine_attributes(e, false, &e->told);
    e->hold = hold_open(host->holds, spec);
    open_self(e);
    return e;
}

/* ---- another specification ---- */

/** The line knows it by another specification, and is told at once by whoever gave the new one. */
static void retell(struct set_engine *e)
{
    set_engine_tell(e, e->told_announced);
}

void set_engine_respecify(struct set_engine *e, struct anycast_set *set,
                          const struct anycast_spec *spec)
{
    const struct anycast_spec *before = e->spec;
    struct anycast_set *held = e->set;
    struct arena *reduced = e->reduced;
    e->set = anycast_set_hold(set);
    e->reduced = NULL;
    e->spec = spec;
    e->leaving = e->stopping = e->cut = e->ended = false;
    e->quiet_ms = 0;
    e->is_given = false; /* what its conditions come to is on its way */
    e->hold = hold_respecify(e->hold, spec);
    if (!self_probe_same(before->config, spec->config)) {
        if (e->self)
            self_probe_close(e->self);
        e->self = NULL;
        open_self(e);
    }
    retell(e);
    arena_free(reduced);
    anycast_set_release(held);
}

/* ---- one that goes on for another ---- */

static bool has_prefix(const struct prefix_set *config, const struct ip_prefix *prefix)
{
    for (uint32_t i = 0; i < config->n_prefixes; i++)
        if (ip_prefix_equal(&config->prefixes[i], prefix))
            return true;
    return false;
}

/** Goes on without the prefixes that the other one has. */
static void reduce(struct set_engine *e, const struct prefix_set *other)
{
    struct arena *arena = arena_new();
    struct anycast_spec *spec = arena_calloc(arena, 1, sizeof *spec);
    struct prefix_set *config = arena_calloc(arena, 1, sizeof *config);
    struct ip_prefix *prefixes = arena_calloc(arena, e->spec->config->n_prefixes, sizeof *prefixes);
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->spec->config->n_prefixes; i++)
        if (!has_prefix(other, &e->spec->config->prefixes[i]))
            prefixes[n++] = e->spec->config->prefixes[i];
    *spec = *e->spec;
    *config = *e->spec->config;
    config->prefixes = prefixes;
    config->n_prefixes = n;
    spec->config = config;
    arena_free(e->reduced);
    e->reduced = arena;
    e->spec = spec;
}

void set_engine_give_up(struct set_engine *e, const struct anycast_spec *spec)
{
    reduce(e, spec->config);
    if (e->spec->config->n_prefixes > 0) {
        retell(e);
        return;
    }
    if (e->hook)
        hook_cancel(e->hook);
    e->hook = NULL;
    e->phase = SET_QUIET;
    e->cut = true;
    /* Its carrier is up until the speaker is seen to go by that of the other one: a speaker that
     * follows carriers would withdraw in between. The end of the claim takes it down. */
    e->told_announced = false;
    e->is_untold = true;
    e->host.tell(e->host.ctx, e);
}

bool set_engine_shares(const struct set_engine *e, const struct anycast_spec *spec)
{
    bool shares = false;
    for (uint32_t i = 0; i < e->spec->config->n_prefixes; i++)
        shares |= has_prefix(spec->config, &e->spec->config->prefixes[i]);
    return shares;
}

void set_engine_await(struct set_engine *e)
{
    e->announcer.looked = true;
}

void set_engine_inherit(struct set_engine *e, struct set_engine *from)
{
    if (!announcer_announces(&e->announcer) && announcer_announces(&from->announcer)) {
        e->announcer = from->announcer;
        if (from->phase == SET_TOLD) {
            e->phase = SET_TOLD;
            set_engine_tell(e, true);
        }
    } else if (!announcer_announces(&e->announcer)) {
        announcer_remember(&e->announcer, &from->announcer);
    }
    set_engine_give_up(from, e->spec);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void set_engine_close(struct set_engine *e, bool keep)
{
    if (e->hook)
        hook_cancel(e->hook);
    if (e->self)
        self_probe_close(e->self);
    hold_close(e->hold, keep);
    free(e->conditions);
    arena_free(e->reduced);
    anycast_set_release(e->set);
    uv_close((uv_handle_t *)&e->timer, on_closed);
}
