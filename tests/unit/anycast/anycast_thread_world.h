/* SPDX-License-Identifier: Apache-2.0
 * A world for the thread that announces: the thread is real; the line to the speaker is a record of
 * what is wanted of it, with a speaker that has it at once, or is dead; the guard's TUNs are there
 * after a while. Takes the place of what the thread uses, so it is included once in a program. */
#pragma once

#include "anycast/anycast_thread.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the speaker ---- */

/* What it has: the fourth bytes of the prefixes, "53 54 55g" (g: with GRACEFUL_SHUTDOWN). */
#define TOLD_MAX 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char told[TOLD_MAX][64], there[64]; /* there: at the last look */
static uint32_t n_told, n_open, n_will;
static bool is_dead;         /* it takes nothing */
static const char *leftover; /* what it has before it is told anything */

struct speaker_line {
    struct speaker_line_host host;
    uv_timer_t timer;
    char has[64], wanted[64];
    struct speaker_status status;
    struct speaker_seen seen;
};

static bool has(const char *list, const struct ip_prefix *prefix)
{
    char text[16];
    snprintf(text, sizeof text, "%d", prefix->addr.b[3]);
    return strstr(list, text) != NULL;
}

/** It has been looked at. */
static void on_looked(uv_timer_t *timer)
{
    struct speaker_line *line = timer->data;
    pthread_mutex_lock(&lock);
    bool dead = is_dead;
    if (!dead && line->status.looked_ms != 0)
        memcpy(line->has, line->wanted, sizeof line->has);
    memcpy(there, line->has, sizeof there);
    pthread_mutex_unlock(&lock);
    line->status.looked_ms = 1;
    line->status.up = !dead;
    line->host.changed(line->host.ctx, line);
}

struct speaker_line *speaker_line_open(const struct speaker_line_host *host,
                                       const struct speaker_type_ops *ops,
                                       const struct speaker *config, struct anycast_set *set)
{
    struct speaker_line *line = xcalloc(1, sizeof *line);
    (void)ops, (void)config, (void)set;
    line->host = *host;
    snprintf(line->has, sizeof line->has, "%s", leftover);
    uv_timer_init(drive_loop(host->drive), &line->timer);
    line->timer.data = line;
    uv_timer_start(&line->timer, on_looked, 0, 0);
    pthread_mutex_lock(&lock);
    n_open++;
    pthread_mutex_unlock(&lock);
    return line;
}

void speaker_line_want(struct speaker_line *line, const struct announcements *wanted,
                       struct anycast_set *set)
{
    char text[64] = "", all[64] = "";
    for (uint32_t i = 0; i < wanted->n; i++) {
        const struct announcement *a = &wanted->v[i];
        bool held = false;
        for (uint32_t k = 0; k < set->n_sets; k++)
            held |= a->spec == &set->sets[k];
        assert_true(held);
        for (uint32_t k = 0; k < a->spec->config->n_prefixes; k++) {
            size_t n = strlen(all);
            assert_false(has(all, &a->spec->config->prefixes[k])); /* in one set at most */
            snprintf(all + n, sizeof all - n, "%d ", a->spec->config->prefixes[k].addr.b[3]);
        }
        for (uint32_t k = 0; k < a->spec->config->n_prefixes && a->announced; k++) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "%s%d%s", n ? " " : "",
                     a->spec->config->prefixes[k].addr.b[3],
                     a->attributes.n_communities ? "g" : "");
        }
    }
    pthread_mutex_lock(&lock);
    if (n_told == 0 || strcmp(told[n_told - 1], text) != 0) {
        assert_true(n_told < TOLD_MAX);
        memcpy(told[n_told++], text, sizeof text);
    }
    pthread_mutex_unlock(&lock);
    memcpy(line->wanted, text, sizeof text);
    uv_timer_start(&line->timer, on_looked, 1, 0);
}

enum announcer_real speaker_line_real(const struct speaker_line *line,
                                      const struct anycast_spec *spec, bool *differs)
{
    *differs = false;
    if (!line->status.looked_ms)
        return REAL_UNKNOWN;
    return has(line->has, &spec->config->prefixes[0]) ? REAL_PRESENT : REAL_ABSENT;
}
const struct speaker_seen *speaker_line_seen(const struct speaker_line *line)
{
    return &line->seen;
}
bool speaker_line_settled(const struct speaker_line *line)
{
    return strcmp(line->has, line->wanted) == 0;
}
const struct speaker_status *speaker_line_status(const struct speaker_line *line)
{
    return &line->status;
}
bool speaker_line_will(struct speaker_line *line, struct last_will *will)
{
    (void)line, (void)will;
    pthread_mutex_lock(&lock);
    n_will++;
    pthread_mutex_unlock(&lock);
    return false;
}
void speaker_line_respecify(struct speaker_line *line, const struct speaker *config,
                            struct anycast_set *set)
{
    (void)line, (void)config, (void)set;
}
void speaker_line_look(struct speaker_line *line)
{
    (void)line;
}
static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}
void speaker_line_close(struct speaker_line *line)
{
    pthread_mutex_lock(&lock);
    n_open--;
    pthread_mutex_unlock(&lock);
    uv_close((uv_handle_t *)&line->timer, on_closed);
}
const struct speaker_type_ops *speaker_ops(enum speaker_type type)
{
    static const struct speaker_type_ops ops;
    (void)type;
    return &ops;
}

/* ---- the guard: its TUNs are there after a while ---- */

#define TUN_MS 300

struct tun_timer {
    uv_timer_t timer;
    char name[16];
};

static struct guard_host guard;
static bool guard_is_open;

static void on_tun(uv_timer_t *timer)
{
    const struct tun_timer *tun = timer->data;
    if (guard_is_open)
        guard.tun(guard.ctx, tun->name, true, false, "");
    uv_close((uv_handle_t *)timer, on_closed);
}

struct guard *guard_open(const struct guard_host *host, int fd, bool (*alive)(void *ctx))
{
    (void)alive;
    assert_int_equal(fd, 0);
    guard = *host;
    guard_is_open = true;
    return (struct guard *)(void *)&guard;
}
void guard_tun(struct guard *g, const char *ifname, const struct ip_prefix *addresses, uint32_t n)
{
    struct tun_timer *tun = xcalloc(1, sizeof *tun);
    (void)g, (void)addresses, (void)n;
    snprintf(tun->name, sizeof tun->name, "%s", ifname);
    uv_timer_init(drive_loop(guard.drive), &tun->timer);
    tun->timer.data = tun;
    uv_timer_start(&tun->timer, on_tun, TUN_MS, 0);
}
void guard_gone(struct guard *g, const char *ifname)
{
    (void)g, (void)ifname;
}
void guard_carrier(struct guard *g, const char *ifname, bool up)
{
    (void)g, (void)ifname, (void)up;
}
bool guard_will(struct guard *g, uint32_t number, const struct last_will *will)
{
    (void)g, (void)number, (void)will;
    return true;
}
static bool guard_was_told_bye;
void guard_close(struct guard *g, bool withdrawn)
{
    (void)g;
    guard_was_told_bye = withdrawn;
    guard_is_open = false;
}

/* ---- what the tests look at ---- */

static const char *last_told(void)
{
    static char text[64];
    pthread_mutex_lock(&lock);
    memcpy(text, n_told ? told[n_told - 1] : "-", n_told ? sizeof text : 2);
    pthread_mutex_unlock(&lock);
    return text;
}

static bool is_there(const char *text)
{
    pthread_mutex_lock(&lock);
    bool is = strcmp(there, text) == 0;
    pthread_mutex_unlock(&lock);
    return is;
}

/* ---- the control thread's side ---- */

static uv_loop_t loop;
static uv_timer_t tick;
static struct mailbox *mailbox;
static struct anycast_thread *thread;
static bool drained, stopped;
static enum announcer_state states[4]; /* of the set in force */
static struct anycast_set *in_force;
static uint64_t versions[4]; /* of its latest views */
static bool frozen[4];       /* likewise */
static uint32_t n_drains;    /* views of it in which a set drains */

/* In one go, each says something else of its set than the one before. */
static void assert_news(struct anycast_view **views, uint32_t nth)
{
    for (uint32_t i = nth; i-- > 0;) {
        if (views[i]->spec != views[nth]->spec)
            continue;
        assert_true(views[i]->state != views[nth]->state || views[i]->real != views[nth]->real ||
                    strcmp(views[i]->problem, views[nth]->problem) != 0);
        return;
    }
}

static void on_views(void *ctx, struct anycast_view **views, uint32_t n)
{
    (void)ctx;
    for (uint32_t i = 0; i < n; i++)
        assert_news(views, i);
    for (uint32_t i = 0; i < n; i++) {
        if (views[i]->set == in_force) {
            const size_t nth = (size_t)(views[i]->spec - in_force->sets);
            states[nth] = views[i]->state;
            assert_true(views[i]->version > versions[nth]);
            versions[nth] = views[i]->version;
            frozen[nth] = views[i]->frozen;
            n_drains += views[i]->state == ANNOUNCER_DRAINING;
        }
        anycast_view_release(views[i]);
    }
    free(views);
}
static void on_speakers(void *ctx, struct speaker_view **views, uint32_t n)
{
    (void)ctx;
    for (uint32_t i = 0; i < n; i++)
        speaker_view_release(views[i]);
    free(views);
}
static void on_drained(void *ctx)
{
    (void)ctx;
    assert_false(drained);
    drained = true;
}
static void on_stopped(void *ctx)
{
    (void)ctx;
    assert_false(stopped);
    stopped = true;
}
static bool on_stalled(void *ctx)
{
    (void)ctx;
    return false;
}
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

#define RUN_UNTIL(what)                                 \
    do {                                                \
        const int64_t end_ms = clock_mono_ms() + 60000; \
        while (!(what)) {                               \
            assert_true(clock_mono_ms() < end_ms);      \
            uv_run(&loop, UV_RUN_ONCE);                 \
        }                                               \
    } while (0)

/* ---- configurations ---- */

/** Of a set whose name begins with "long-" or "now-"; else that of all. */
static struct announcer_config timing_of(const char *name, struct announcer_config timing)
{
    if (strncmp(name, "long-", 5) == 0)
        timing.drain_ms = 1500;
    if (strncmp(name, "now-", 4) == 0)
        timing = (struct announcer_config){20, 20, 3600000, false};
    return timing;
}

/** "NAME:53,54 NAME2:55"; all conditions hold. `timing` of all. Held by a TUN if the name begins
 * with "ls-". */
static struct anycast_set *make(const char *text, struct announcer_config timing)
{
    struct arena *arena = arena_new();
    struct anycast_set *set = arena_calloc(arena, 1, sizeof *set);
    struct anycast_spec *specs = arena_calloc(arena, 4, sizeof *specs);
    struct speaker *speaker = arena_calloc(arena, 1, sizeof *speaker);
    *speaker = (struct speaker){.name = "local", .type = SPEAKER_EXEC};
    *set = (struct anycast_set){.n_holds = 1,
                                .arena = arena,
                                .node = "",
                                .sets = specs,
                                .speakers = speaker,
                                .n_speakers = 1};
    for (char *copy = arena_strdup(arena, text), *word, *rest = copy;
         (word = strtok_r(rest, " ", &rest));) {
        struct prefix_set *config = arena_calloc(arena, 1, sizeof *config);
        struct ip_prefix *prefixes = arena_calloc(arena, 4, sizeof *prefixes);
        char *colon = strchr(word, ':');
        *colon = '\0';
        for (char *at = colon + 1; *at; at += *at == ',')
            prefixes[config->n_prefixes++] =
                (struct ip_prefix){{{192, 0, 2, (uint8_t)strtoul(at, &at, 10)}, IP_V4}, 32};
        config->name = word;
        config->prefixes = config->addresses = prefixes;
        config->n_addresses = config->n_prefixes;
        config->self.off = true;
        specs[set->n_sets++] =
            (struct anycast_spec){.config = config,
                                  .name = word,
                                  .site = "",
                                  .timing = timing_of(word, timing),
                                  .ifname = strncmp(word, "ls-", 3) == 0 ? word : NULL};
    }
    return set;
}

#define ALL_WELL ((struct set_inputs){.known = true, .when_ok = true, .full_ok = true})

/** To all sets in force. */
static void give(struct set_inputs inputs)
{
    struct inputs_batch *batch = xcalloc(1, sizeof *batch);
    batch->set = anycast_set_hold(in_force);
    batch->sets = xcalloc(in_force->n_sets, sizeof *batch->sets);
    batch->conditions = xcalloc(1, sizeof *batch->conditions);
    for (uint32_t i = 0; i < in_force->n_sets; i++)
        batch->sets[i] = inputs;
    anycast_thread_inputs(thread, batch);
}

static void put_in_force(const char *text, struct announcer_config timing)
{
    anycast_set_release(in_force);
    in_force = make(text, timing);
    memset(states, 0, sizeof states);
    memset(versions, 0, sizeof versions);
    memset(frozen, 0, sizeof frozen);
    n_drains = 0;
    anycast_thread_switch(thread, anycast_set_hold(in_force), "ams1");
    give(ALL_WELL);
}

static const struct announcer_config
    quick = {.rise_ms = 20, .fall_ms = 20, .drain_ms = 200, .graceful = true},
    at_once = {.rise_ms = 20, .fall_ms = 20},
    slow = {.rise_ms = 3600000, .fall_ms = 20, .drain_ms = 200, .graceful = true};

static int set_up(void **state)
{
    const struct anycast_thread_host host = {.views = on_views,
                                             .speakers = on_speakers,
                                             .drained = on_drained,
                                             .stopped = on_stopped,
                                             .stalled = on_stalled};
    struct anycast_thread_host with = host;
    (void)state;
    n_told = n_open = 0;
    is_dead = drained = stopped = false;
    leftover = "";
    there[0] = '\0';
    memset(versions, 0, sizeof versions);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 5, 5);
    mailbox = mailbox_open(&loop);
    with.mailbox = mailbox;
    assert_int_equal(anycast_thread_start(&thread, &with, 0), 0);
    anycast_thread_serving(thread);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    const int64_t began_ms = clock_mono_ms();
    anycast_thread_stop(thread);
    RUN_UNTIL(stopped);
    assert_true(clock_mono_ms() - began_ms < 30000);
    anycast_thread_join(thread);
    mailbox_close(mailbox);
    anycast_set_release(in_force);
    in_force = NULL;
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(n_open, 0);
    return 0;
}
