/* SPDX-License-Identifier: Apache-2.0
 * Health across restarts: read at the start, written on a thread while running. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/give_way.h"
#include "base/log.h"
#include "base/strmap.h"
#include "base/turns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAVE_MS = 5000,       /* at most this often when something changed */
    SAVE_IDLE_MS = 60000, /* and otherwise, so that the file stays fresh (store_is_fresh()) */
};

static uint32_t slowest_interval_ms(const struct checker *c, uint32_t endpoint)
{
    uint32_t most = 0;
    for (uint32_t i = c->plan->first[endpoint]; i < c->plan->first[endpoint + 1]; i++) {
        uint32_t ms = c->plan->probes[c->plan->of_endpoint[i]].check->def.interval_ms;
        most = ms > most ? ms : most;
    }
    return most;
}

static void restore(struct checker *c, const struct saved_file *saved)
{
    struct strmap by_key = {0};
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < saved->n; i++)
        strmap_add(&by_key, slice_str(saved->v[i].key), i);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        uint32_t i = strmap_get(&by_key, slice_str(c->plan->keys[e]));
        if (i == STRMAP_NONE || !store_is_fresh(saved->saved_ms, now_ms, slowest_interval_ms(c, e)))
            continue;
        c->states[e].assumed_up = saved->v[i].health != HEALTH_DOWN;
        c->states[e].remembered = saved->v[i].health != HEALTH_UNKNOWN;
        c->standings[e].known = (uint8_t)saved->v[i].health;
        c->standings[e].known_since_ms = saved->v[i].since_ms;
    }
    strmap_free(&by_key);
}

void persist_load(struct checker *c)
{
    struct saved_file saved;
    struct buf problem = {0};
    struct arena *scratch = arena_new();
    if (c->health_path) {
        if (store_load_health(&saved, scratch, c->health_path, &problem))
            log_warning("health: %s; it is ignored and will be replaced", problem.p);
        else
            restore(c, &saved);
    }
    arena_free(scratch);
    buf_free(&problem);
}

/* On any thread. */
static void write_file(struct checker *c)
{
    struct buf text = {0};
    store_render_health(&text, c->saving.v, c->saving.n, c->saving.at_ms);
    c->save_error = file_replace(c->saving_path, text.p, text.n, 0640) ? errno : 0;
    buf_free(&text);
}

static void write_modestly(void *arg)
{
    write_file(arg);
}

static void in_thread(uv_work_t *work)
{
    give_way_run(write_modestly, work->data);
}

static void finish(struct checker *c)
{
    disk_note(c, c->save_error);
    c->unsaved |= c->save_error != 0;
    free(c->saving.v);
    plan_free(c->saving.plan);
    free(c->saving_path);
    c->saving_path = NULL;
}

static void after_thread(uv_work_t *work, int status)
{
    struct checker *c = work->data;
    (void)status;
    finish(c);
    if (c->stopping)
        persist_save_now(c);
    checker_closed(c);
}

/* What was saved or published before stays known until there is a result, through any number of
 * restarts: it is what is acted upon. */
static struct saved_health known_of(const struct checker *c, uint32_t e)
{
    const struct endpoint_state *state = &c->states[e];
    const struct standing *standing = &c->standings[e];
    if (state->health == HEALTH_UNKNOWN)
        return (struct saved_health){c->plan->keys[e], standing->known, standing->known_since_ms};
    return (struct saved_health){c->plan->keys[e], state->health, state->since_ms};
}

/* All that the loop has to do with it: 2 ms for 100,000 endpoints. */
static void collect(struct checker *c)
{
    int64_t began_us = clock_mono_us();
    uint32_t n = 0;
    struct saved_health *v = xcalloc(c->model->n_endpoints + 1u, sizeof *v);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        const struct saved_health known = known_of(c, e);
        if (c->states[e].checked && known.health != HEALTH_UNKNOWN)
            v[n++] = known;
    }
    c->saving.v = v;
    c->saving.n = n;
    c->saving.at_ms = clock_wall_ms();
    c->saving.plan = plan_hold(c->plan); /* the keys are its */
    c->saving_path = xstrdup(c->health_path);
    c->saved_mono_ms = clock_mono_ms();
    c->unsaved = false;
    turns_part("health collected to be saved", began_us);
}

void persist_save_now(struct checker *c)
{
    if (!c->health_path || c->saving_path)
        return;
    collect(c);
    write_file(c);
    finish(c);
}

void persist_chores(struct checker *c)
{
    int64_t age_ms = clock_mono_ms() - c->saved_mono_ms;
    if (!c->health_path || c->saving_path || age_ms < (c->unsaved ? SAVE_MS : SAVE_IDLE_MS))
        return;
    collect(c);
    if (uv_queue_work(c->loop, &c->save, in_thread, after_thread) == 0)
        c->n_open++;
    else
        finish(c);
}
