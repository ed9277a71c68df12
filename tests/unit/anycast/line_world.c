/* SPDX-License-Identifier: Apache-2.0
 * A line to a speaker in memory. */
#include "line_world.h"

#include "../health/settable_clock.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define HOLDS 1000 /* never freed: they are no arena's */

/* ---- in the place of the log, of a drive and of sets ---- */

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

struct anycast_set *anycast_set_hold(struct anycast_set *set)
{
    atomic_fetch_add(&set->n_holds, 1);
    return set;
}

/** Specs of a set that nobody holds any more are spoilt. */
void anycast_set_release(struct anycast_set *set)
{
    if (!set)
        return;
    assert_true(atomic_fetch_sub(&set->n_holds, 1) > HOLDS);
}

/* ---- sets ---- */

static struct ip_prefix prefixes[FAKE_SETS][2];
static const struct community plain[] = {{65001, 7}}, more[] = {{65001, 9}, {65001, 7}};
static struct prefix_set configs[FAKE_SETS], hopping[WORLD_VERSIONS];
static const char *const names[] = {"a", "b", "c", "d"};
static const char *const ifnames[] = {"ls-a", "ls-b", "ls-c", "ls-d"};
static const int members[WORLD_VERSIONS][FAKE_SETS] = {
    {0, 1, 2, -1}, {2, 0, 3, -1}, {0, 1, 2, -1}, {0, 1, 2, -1}, {0, 1, 2, -1}};

static void make_config(int i)
{
    char text[2][64];
    snprintf(text[0], sizeof text[0], "192.0.2.%d/32", i);
    snprintf(text[1], sizeof text[1], "2001:db8::%d/128", i);
    for (int j = 0; j < 2; j++)
        assert_int_equal(ip_prefix_parse(&prefixes[i][j], text[j]), 0);
    configs[i] = (struct prefix_set){
        .name = names[i],
        .prefixes = prefixes[i],
        .n_prefixes = 2,
        .next_hop_self = true,
        .communities = plain,
        .n_communities = 1,
        .degraded = {.prepend = 2, .has_med = true, .med = 200, .communities = more, 2},
    };
}

static void make_version(struct line_world *w, int version)
{
    struct anycast_set *set = &w->sets[version];
    *set = (struct anycast_set){.n_holds = HOLDS, .node = "n1", .sets = w->specs[version]};
    for (int i = 0; i < FAKE_SETS && members[version][i] >= 0; i++) {
        int which = members[version][i];
        bool renamed = version == 2 && which == 0;
        w->specs[version][i] = (struct anycast_spec){.config = &configs[which],
                                                     .name = renamed ? "x" : names[which],
                                                     .ifname = renamed ? "ls-x" : ifnames[which]};
        set->n_sets++;
    }
    if (version < 3)
        return;
    hopping[version] = configs[0];
    hopping[version].next_hop_self = false;
    if (version == 3)
        assert_int_equal(ip_parse(&hopping[version].next_hop_v4, "198.51.100.1"), 0);
    w->specs[version][0].config = &hopping[version];
}

static bool attributes_by(struct route_attributes *out, int which, char letter)
{
    enum announcer_state state = letter == 'D'                    ? ANNOUNCER_DEGRADED
                                 : letter == 'G' || letter == 'g' ? ANNOUNCER_DRAINING
                                                                  : ANNOUNCER_ANNOUNCED;
    route_attributes_of(out, &configs[which], state, letter == 'g');
    return letter != '-';
}

/* ---- the world ---- */

static void on_changed(void *ctx, struct speaker_line *line)
{
    struct line_world *w = ctx;
    assert_ptr_equal(line, w->line);
    assert_int_equal(fake.depth, 0);
    w->n_changed++;
    if (w->on_changed)
        w->on_changed(w);
}

void world_open(struct line_world *w)
{
    memset(w, 0, sizeof *w);
    fake = (struct fake_speaker){
        .look_ms = INT64_MIN, .apply_ms = INT64_MIN, .error = SPEAKER_ERROR_UNREACHABLE};
    log_forget();
    assert_int_equal(uv_loop_init(&w->loop), 0);
    drive.loop = &w->loop;
    for (int i = 0; i < FAKE_SETS; i++)
        make_config(i);
    for (int i = 0; i < WORLD_VERSIONS; i++)
        make_version(w, i);
    w->config = (struct speaker){
        .name = "s", .type = SPEAKER_EXEC, .interval_ms = 10000, .timeout_ms = 5000};
    w->other_config = w->config;
    w->other_config.interval_ms = 3000;
    w->ops = &fake_ops;
}

void world_begin(struct line_world *w)
{
    const struct speaker_line_host host = {
        .drive = &drive, .node = "n1", .ctx = w, .changed = on_changed};
    w->line = speaker_line_open(&host, w->ops, &w->config, &w->sets[0]);
}

void world_close(struct line_world *w)
{
    if (w->line)
        speaker_line_close(w->line);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    assert_int_equal(fake.n_opened, fake.n_closed);
    for (int i = 0; i < WORLD_VERSIONS; i++)
        assert_int_equal(w->sets[i].n_holds, HOLDS);
    log_forget();
}

static void settle(struct line_world *w)
{
    do
        uv_run(&w->loop, UV_RUN_NOWAIT);
    while (uv_loop_alive(&w->loop) && uv_backend_timeout(&w->loop) == 0);
}

void world_run(struct line_world *w, int64_t ms)
{
    for (;;) {
        settle(w);
        if (ms <= 0)
            return;
        int next_ms = uv_backend_timeout(&w->loop);
        bool idle = next_ms < 0 || !uv_loop_alive(&w->loop);
        int64_t step_ms = idle || next_ms > ms ? ms : next_ms;
        settable_clock_advance_ms(step_ms);
        ms -= step_ms;
    }
}

void world_want(struct line_world *w, const char *letters)
{
    struct announcement list[FAKE_SETS] = {0};
    struct anycast_set *set = &w->sets[w->version];
    assert_int_equal(strlen(letters), set->n_sets);
    for (uint32_t i = 0; i < set->n_sets; i++) {
        list[i].spec = &set->sets[i];
        list[i].announced = attributes_by(&list[i].attributes, members[w->version][i], letters[i]);
    }
    const struct announcements wanted = {list, set->n_sets, 1};
    snprintf(w->wants, sizeof w->wants, "%s", letters);
    speaker_line_want(w->line, &wanted, set);
    memset(list, 0xee, sizeof list); /* it was copied */
}

void world_has(struct line_world *w, const char *letters)
{
    (void)w;
    fake.n_routes = 0;
    for (int i = 0; letters[i]; i++)
        for (int j = 0; j < 2 && letters[i] != '-'; j++) {
            struct fake_route *route = &fake.routes[fake.n_routes++];
            *route = (struct fake_route){.prefix = prefixes[i][j]};
            snprintf(route->ifname, sizeof route->ifname, "%s", ifnames[i]);
            attributes_by(&route->attributes, i, letters[i]);
        }
}

static char letter_of(int set, int nth)
{
    const struct fake_route *route = fake_find(&prefixes[set][nth]);
    for (const char *letter = "PDGg"; route && *letter; letter++) {
        struct route_attributes attributes;
        attributes_by(&attributes, set, *letter);
        if (route_attributes_equal(&attributes, &route->attributes))
            return *letter;
    }
    return route ? '?' : '-';
}

const char *world_routes(struct line_world *w)
{
    static char text[FAKE_SETS + 1];
    (void)w;
    for (int i = 0; i < FAKE_SETS; i++)
        text[i] = letter_of(i, 0) == letter_of(i, 1) ? letter_of(i, 0) : '?';
    return text;
}

const char *world_wanted(struct line_world *w)
{
    static char text[FAKE_SETS + 1];
    snprintf(text, sizeof text, "----");
    for (uint32_t i = 0; i < w->sets[w->version].n_sets; i++)
        text[members[w->version][i]] = w->wants[i];
    return text;
}

const char *world_real(struct line_world *w)
{
    static char text[4];
    for (int i = 0; i < 3; i++) {
        bool differs;
        enum announcer_real real = speaker_line_real(w->line, &w->specs[0][i], &differs);
        text[i] = real == REAL_PRESENT ? (differs ? '~' : '+') : real == REAL_ABSENT ? '-' : '?';
    }
    return text;
}
