/* SPDX-License-Identifier: Apache-2.0
 * The panic guard as a table of situations (contrib/adr/0028): what happens, and what is published.
 *
 * A row's pools are of the form "POOL CHECK SITE=GROUP,N ..; ..": N addresses of a group that
 * behaves as told; the same group in the same site is the same addresses, in whatever pool. Its
 * steps are read from left to right; see do_step(). Every row is run from several times of the
 * clock, so that probes have other phases. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char head[] =
    "sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}, sin: {location: [1, 103]}}\n"
    "checks:\n"
    "  c: {type: tcp, port: 80, interval: 1s, timeout: 500ms, rise: 2, fall: 2}\n"
    "  d: {type: tcp, port: 81, interval: 1s, timeout: 500ms, rise: 2, fall: 2}\n"
    "  one: {type: tcp, port: 82, interval: 1s, timeout: 500ms, rise: 1, fall: 1}\n"
    "  slow: {type: tcp, port: 83, interval: 20s, timeout: 500ms, rise: 1, fall: 2}\n"
    "  deep: {type: tcp, port: 85, interval: 1s, timeout: 500ms, rise: 1, fall: 6}\n"
    "  other: {type: tcp, port: 84, interval: 1s, timeout: 400ms, rise: 2, fall: 2}\n";

struct row {
    const char *what, *panic, *pools, *steps, *pools_later;
};

#define TEN "www c ams=A,5 iad=B,5"
#define UP "start; all open; run 3000; all up; calm; "

static const struct row rows[] = {
    /* The uplink. */
    {"all are silent", NULL, TEN, UP "all silent; run 9000; all up; frozen; panics 1", NULL},
    {"all are unreachable by ICMP", NULL, TEN, UP "all unreachable; run 9000; all up; frozen",
     NULL},
    {"and answer again", NULL, TEN,
     UP "all silent; run 9000; frozen; all open; run 4000; all up; thawed; falls 0", NULL},
    {"one by one", NULL, TEN,
     UP "all silent; run 9000; A open; run 9000; A up; B down; thawed; B open; run 4000; all up",
     NULL},
    {"for less than it takes to fall", NULL, TEN,
     UP "all silent; run 900; all open; run 5000; all up; falls 0", NULL},
    {"the same with fall: 1", NULL, "www one ams=A,5 iad=B,5",
     UP "all silent; run 9000; all up; frozen; falls 0", NULL},
    {"silence that then lacks a route does not thaw", NULL, TEN,
     UP "all silent; run 5000; frozen; all lacking; run 30000; all up; frozen", NULL},
    {"eight of ten, and two answer", NULL, "www c ams=A,4,B,1 iad=A,4,B,1",
     UP "A silent; run 9000; all up; frozen", NULL},
    {"seven of ten are the targets'", NULL, "www c ams=A,4,B,1 iad=A,3,B,2",
     UP "A silent; run 3000; A down; B up; calm; panics 0", NULL},
    {"a reduced share", "share: 60%, probes: 4, sites: 2", "www c ams=A,4,B,1 iad=A,3,B,2",
     UP "A silent; run 9000; all up; frozen", NULL},
    /* The targets' word. */
    {"all refuse", NULL, TEN, UP "all refused; run 2000; all down; calm; panics 0", NULL},
    {"all answer 503 (a shared database)", NULL, TEN,
     UP "all wrong; run 2000; all down; calm; panics 0", NULL},
    {"silent, then 503: down, and no panic for ever", NULL, TEN,
     UP "all silent; run 9000; frozen; all wrong; run 5000; all down; thawed", NULL},
    {"refusals are in the denominator", NULL, "www c ams=A,4,B,3 iad=A,4,B,3",
     UP "A silent; B refused; run 3000; all down; calm; panics 0", NULL},
    {"one port of all is silent: half of the probes", NULL,
     "www c ams=A,5 iad=A,5; db d ams=B,5 "
     "iad=B,5",
     UP "B silent; run 3000; B down; A up; panics 0", NULL},
    {"a refusal is told while the others are silent", NULL,
     "www c ams=A,4 iad=A,4; b one ams=B,1 iad=B,1",
     UP "A silent; B refused; run 1000; B down; A up", NULL},
    /* What counts. */
    {"two machines behind five pools", NULL,
     "p1 c ams=A,1 iad=B,1; p2 c ams=A,1 iad=B,1; p3 c ams=A,1 iad=B,1; p4 c ams=A,1 iad=B,1; "
     "p5 c ams=A,1 iad=B,1",
     UP "all silent; run 2500; all down; panics 0", NULL},
    {"one balancer in all pools, and another machine", NULL,
     "p1 c ams=A,1 iad=B,1; p2 c ams=A,1 iad=B,1; p3 c ams=A,1 iad=B,1; p4 c ams=A,1 iad=B,1; "
     "p5 c ams=A,1 iad=B,1; p6 c ams=A,1 iad=B,1; p7 c ams=A,1 iad=B,1; p8 c ams=A,1 iad=C,1",
     UP "A silent; C silent; run 2500; A down; C down; B up; panics 0", NULL},
    {"ten probes behind thirty endpoints", NULL,
     "p1 c ams=A,5 iad=B,5; p2 c ams=A,5 iad=B,5; p3 c ams=A,5 iad=B,5",
     UP "all silent; run 9000; all up; frozen", NULL},
    {"a quarter was down for long", NULL, "www c ams=A,3,B,3 iad=B,6",
     UP "A silent; run 9000; A down; panics 0; B silent; run 9000; A down; B up; frozen", NULL},
    {"followers of a pool do not count", NULL, "www c ams=A,2 iad=B,2; top up ams=C,2 iad=D,2",
     "start; A open; B open; run 3000; all up; all silent; run 3000; all down; panics 0", NULL},
    {"followers of a frozen pool", NULL, "www c ams=A,5 iad=B,5; top up ams=C,2 iad=D,2",
     "start; A open; B open; run 3000; all up; A silent; B silent; run 9000; all up; frozen", NULL},
    {"a slow decline", NULL, "www c ams=A,2,B,2,C,2 iad=D,2,E,2,F,2",
     UP "A silent; run 5000; B silent; run 5000; C silent; run 5000; D silent; run 5000; E silent; "
        "run 5000; F silent; run 5000; all down; panics 0",
     NULL},
    {"one family's uplink, and the other lives", NULL, "www c ams=A,5,V,5 iad=A,5,V,5",
     UP "V silent; run 3000; V down; A up; panics 0", NULL},
    {"both families' uplinks", NULL, "www c ams=A,5,V,5 iad=A,5,V,5",
     UP "all silent; run 9000; all up; frozen", NULL},
    /* Few. */
    {"one site", NULL, "www c ams=A,20", UP "all silent; run 2500; all down; panics 0", NULL},
    {"seven probes", NULL, "www c ams=A,4 iad=B,3", UP "all silent; run 2500; all down; panics 0",
     NULL},
    {"a whole site of three", NULL, "www c ams=A,6 iad=B,6 sin=C,6",
     UP "A silent; run 2500; A down; B up; C up; panics 0", NULL},
    /* Mixed intervals. */
    {"fast and slow: no window", NULL, "fast c ams=A,2 iad=B,2; lazy slow ams=C,4 iad=D,4",
     "start; all open; run 30000; all up; all silent; run 60000; all up; frozen; falls 0", NULL},
    {"fast with fall: 1 and slow", NULL, "fast one ams=A,2 iad=B,2; lazy slow ams=C,4 iad=D,4",
     "start; all open; run 30000; all up; all unreachable; run 60000; all up; frozen; falls 0",
     NULL},
    {"the fast ones are dead, the slow ones answer", NULL,
     "fast c ams=A,4 iad=B,4; lazy slow ams=C,4 iad=D,4",
     "start; all open; run 30000; A silent; B silent; run 3000; A down; B down; C up; panics 0",
     NULL},
    {"one of many slow ones dies", NULL, "lazy slow ams=A,1,B,19 iad=C,20",
     "start; all open; run 30000; all up; A unreachable; run 41000; A down; B up; C up; panics 0",
     NULL},
    /* Nothing of ours is evidence. */
    {"all are untried", NULL, TEN, UP "all lacking; run 30000; all up; calm; panics 0", NULL},
    {"half are untried, the others silent", NULL, "www c ams=A,8,B,8 iad=A,8,B,8",
     UP "A lacking; B silent; run 9000; all up; frozen", NULL},
    {"untried ones are not asked", NULL, "www c ams=A,4,B,4 iad=A,4,B,4",
     UP "A lacking; B refused; run 3000; A up; B down; panics 0", NULL},
    /* Starts. */
    {"a start on a dead network, nothing saved", NULL, TEN,
     "all silent; start; run 9000; all unknown; all serve; frozen; all open; run 4000; all up; "
     "thawed",
     NULL},
    {"a start with one dead target", NULL, "www c ams=A,1,B,5 iad=C,6",
     "all open; A silent; start; run 600; A down; B up; C up; panics 0", NULL},
    {"a start where all refuse", NULL, TEN, "all refused; start; run 100; all down; calm", NULL},
    {"a restart on a dead network, fresh states", NULL, "www c ams=A,3,B,6 iad=B,6",
     UP "A refused; run 3000; A down; all silent; restart; run 9000; A down; B serve; frozen",
     NULL},
    {"a restart before the first result after a restart", NULL, "www c ams=A,3,B,6 iad=B,6",
     UP
     "A refused; run 3000; A down; all silent; restart; restart; run 9000; A down; B serve; frozen",
     NULL},
    {"a restart on a dead network, old states", NULL, TEN,
     UP "stop; old; all silent; start; run 9000; all serve; frozen", NULL},
    {"a restart on a dead network, states lost", NULL, TEN,
     UP "stop; forget; all silent; start; run 9000; all serve; frozen", NULL},
    {"a restart, too few were up", NULL, "www c ams=A,5,B,2 iad=A,5,B,2",
     UP "A refused; run 3000; A down; all silent; restart; run 3000; all down; panics 0", NULL},
    {"a restart in panic", NULL, TEN,
     UP "all silent; run 9000; frozen; restart; run 9000; all serve; frozen; all open; run 4000; "
        "all up; thawed",
     NULL},
    /* Reloads. */
    {"a reload in panic", NULL, TEN,
     UP "all silent; run 9000; frozen; reload; frozen; all up; run 9000; all up; frozen; all open; "
        "run 4000; thawed; falls 0",
     TEN},
    {"a reload in panic that adds a pool", NULL, TEN,
     UP "all silent; run 9000; frozen; reload; run 9000; A up; B up; C unknown; C serve; frozen",
     TEN "; new c ams=C,5 iad=C,5"},
    {"a reload in panic that changes the check", NULL, TEN,
     UP "all silent; run 9000; frozen; reload; run 9000; all serve; frozen",
     "www other ams=A,5 iad=B,5"},
    {"a reload while falls count", NULL, TEN,
     UP "all silent; run 1200; reload; run 9000; all up; frozen; falls 0", TEN},
    {"a reload in panic that switches the guard off", NULL, TEN,
     UP "all silent; run 9000; frozen; off; reload; run 3000; all down; thawed", TEN},
    /* No guard. */
    {"switched off", "off", TEN, UP "all silent; run 2500; all down; panics 0", NULL},
    /* Targets that die while it is frozen. */
    {"who is dead when it thaws", NULL, "www c ams=A,2,B,6 iad=B,6",
     UP "all silent; run 9000; frozen; B open; run 12000; B up; A down; thawed", NULL},
    {"and is soon found out", NULL, "www deep ams=A,3,B,7 iad=B,7",
     UP "all silent; run 12000; frozen; B open; thaw; A up; run 1600; B up; A down; thawed", NULL},
};

/* ---- the interpreter ---- */

struct run {
    struct world w;
    const struct row *row;
    const char *panic, *pools;
    const char *step;
    unsigned n_panics; /* of checkers before a restart */
    unsigned n_wrong;
    int64_t booted_ms;
};

/* All rows are run, and all that is wrong is told. */
#define ROW_FAIL(r, ...)                                                                         \
    do {                                                                                         \
        (r)->n_wrong++;                                                                          \
        print_error("%s (booted %lld): at '%.40s': ", (r)->row->what, (long long)(r)->booted_ms, \
                    (r)->step);                                                                  \
        print_error(__VA_ARGS__);                                                                \
        print_error("\n");                                                                       \
    } while (0)

static void add_site(struct buf *out, const char *spec)
{
    unsigned site = spec[0] == 'a' ? 1 : spec[0] == 'i' ? 2 : 3;
    buf_printf(out, "%.3s: [", spec);
    const char *comma = "";
    for (const char *p = strchr(spec, '=') + 1; p[0] >= 'A' && p[0] <= 'Z';) {
        char group = p[0], *end;
        unsigned long n = strtoul(p + 2, &end, 10);
        for (unsigned k = 1; k <= n; k++, comma = ", ")
            if (group >= 'V')
                buf_printf(out, "%s'fd00:%x::%x'", comma, group - 'A' + 1, site << 8 | k);
            else
                buf_printf(out, "%s127.%d.%u.%u", comma, group - 'A' + 1, site, k);
        p = *end == ',' ? end + 1 : end;
    }
    buf_puts(out, "]");
}

static char *format_pools(const char *spec)
{
    struct buf out = {0};
    char text[512], *pool_end, *word_end;
    snprintf(text, sizeof text, "%s", spec);
    buf_puts(&out, head);
    if (strstr(spec, " up "))
        buf_puts(&out, "  up: {type: pool, pool: www}\n");
    buf_puts(&out, "pools:\n");
    for (char *pool = strtok_r(text, ";", &pool_end); pool; pool = strtok_r(NULL, ";", &pool_end)) {
        char *name = strtok_r(pool, " ", &word_end), *check = strtok_r(NULL, " ", &word_end);
        buf_printf(&out, "  %s: {checks: [%s], sites: {", name, check);
        const char *comma = "";
        for (char *site; (site = strtok_r(NULL, " ", &word_end)); comma = ", ") {
            buf_puts(&out, comma);
            add_site(&out, site);
        }
        buf_puts(&out, "}}\n");
    }
    return out.p;
}

static void configure(struct run *r, bool reload)
{
    char server[128];
    char *pools = format_pools(r->pools);
    bool off = r->panic && strcmp(r->panic, "off") == 0;
    snprintf(server, sizeof server, off ? "  panic: off" : "  panic: {%s}",
             r->panic ? r->panic : "sites: 2");
    if (reload) {
        world_reload(&r->w, server, "%s", pools);
    } else {
        world_configure(&r->w, server, "%s", pools);
        world_start(&r->w);
    }
    free(pools);
}

static void stop(struct run *r)
{
    r->n_panics += (unsigned)checker_summary(r->w.checker).n_panics;
    world_stop(&r->w);
}

static void forget(struct run *r)
{
    char path[128];
    snprintf(path, sizeof path, "%s/state/health.json", r->w.dir);
    if (unlink(path))
        ROW_FAIL(r, "nothing was saved");
}

static void behave(const char *who, const char *how)
{
    static const struct {
        const char *word;
        enum scripted what;
    } words[] = {
        {"open", SCRIPTED_OPEN},       {"refused", SCRIPTED_REFUSED},
        {"silent", SCRIPTED_SILENT},   {"unreachable", SCRIPTED_UNREACHABLE},
        {"lacking", SCRIPTED_LACKING}, {"wrong", SCRIPTED_WRONG},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (uint8_t g = 1; g <= 26 && strcmp(words[i].word, how) == 0; g++)
            if (who[1] || who[0] - 'A' + 1 == g)
                scripted_set_group(g, words[i].what);
}

static bool is_as(const struct endpoint_state *s, const char *how)
{
    return strcmp(how, "serve") == 0 ? endpoint_serves(s)
                                     : strcmp(how, health_text(s->health)) == 0;
}

static void check_health(struct run *r, const char *who, const char *how)
{
    for (uint32_t e = 0; e < r->w.model->n_endpoints; e++) {
        const struct endpoint_state *s = world_state(&r->w, e);
        uint8_t group = scripted_group_of(&r->w.model->endpoints[e].addr);
        if (who[1] == '\0' && who[0] - 'A' + 1 != group)
            continue;
        /* "down": also one that was saved so, and has no result that counts. */
        if (!is_as(s, how) && !(strcmp(how, "down") == 0 && !endpoint_serves(s)))
            ROW_FAIL(r, "%c is %s: %s", 'A' + group - 1, health_text(s->health), s->reason);
    }
}

static void check_panic(struct run *r, bool panic)
{
    struct checker_summary s = checker_summary(r->w.checker);
    uint32_t n = 0;
    for (uint32_t e = 0; e < r->w.model->n_endpoints; e++)
        n += world_state(&r->w, e)->frozen;
    if (s.panic != panic || n != s.n_frozen || n != (panic ? r->w.model->n_endpoints : 0))
        ROW_FAIL(r, "panic %d, %u frozen, %u counted", s.panic, n, s.n_frozen);
}

static void check_falls(struct run *r, unsigned wanted)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->w.events.n; i++)
        n += r->w.events.v[i].endpoint != MODEL_NONE && strcmp(r->w.events.v[i].to, "down") == 0;
    if (n != wanted)
        ROW_FAIL(r, "%u falls were published", n);
}

static void check_panics(struct run *r, unsigned wanted)
{
    unsigned n = r->n_panics + (unsigned)checker_summary(r->w.checker).n_panics;
    if (n != wanted)
        ROW_FAIL(r, "%u panics", n);
}

static void start_again(struct run *r, const char *word)
{
    if (strcmp(word, "restart") == 0 || strcmp(word, "stop") == 0)
        stop(r);
    if (strcmp(word, "stop") != 0)
        configure(r, false);
}

static bool is_calm(struct world *w, void *arg)
{
    (void)arg;
    return !checker_summary(w->checker).panic;
}

static void do_step(struct run *r, const char *word, const char *arg)
{
    static const char *const healths[] = {"up", "down", "unknown", "serve"};
    bool is_health = false;
    for (size_t i = 0; i < ARRAY_LEN(healths) && arg; i++)
        is_health |= strcmp(arg, healths[i]) == 0;
    if (strcmp(word, "start") == 0 || strcmp(word, "stop") == 0 || strcmp(word, "restart") == 0) {
        start_again(r, word);
    } else if (strcmp(word, "old") == 0) {
        settable_clock_advance_ms(3600000);
    } else if (strcmp(word, "forget") == 0) {
        forget(r);
    } else if (strcmp(word, "off") == 0) {
        r->panic = "off";
    } else if (strcmp(word, "reload") == 0) {
        r->pools = r->row->pools_later;
        configure(r, true);
    } else if (strcmp(word, "thaw") == 0) {
        world_run(&r->w, 60000, is_calm, NULL);
    } else if (strcmp(word, "run") == 0) {
        world_run(&r->w, atoi(arg), NULL, NULL);
    } else if (strcmp(word, "frozen") == 0 || strcmp(word, "thawed") == 0 ||
               strcmp(word, "calm") == 0) {
        check_panic(r, word[0] == 'f');
    } else if (strcmp(word, "falls") == 0) {
        check_falls(r, (unsigned)atoi(arg));
    } else if (strcmp(word, "panics") == 0) {
        check_panics(r, (unsigned)atoi(arg));
    } else if (is_health) {
        check_health(r, word, arg);
    } else {
        behave(word, arg);
    }
}

static unsigned run_row(const struct row *row, int64_t booted_ms)
{
    struct run r = {.row = row, .panic = row->panic, .pools = row->pools, .booted_ms = booted_ms};
    char steps[512], *end, *word_end;
    settable_clock_set_mono_ms(booted_ms);
    behave("all", "open");
    world_open(&r.w);
    snprintf(steps, sizeof steps, "%s", row->steps);
    for (char *step = strtok_r(steps, ";", &end); step; step = strtok_r(NULL, ";", &end)) {
        r.step = row->steps + (step - steps);
        char *word = strtok_r(step, " ", &word_end);
        if (word)
            do_step(&r, word, strtok_r(NULL, " ", &word_end));
    }
    stop(&r);
    world_close(&r.w);
    return r.n_wrong;
}

static void test_situations(void **state)
{
    (void)state;
    static const int64_t booted_ms[] = {4000000, 4000137, 4012345, 4019999, 987654321};
    unsigned n_wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < ARRAY_LEN(booted_ms); j++)
            n_wrong += run_row(&rows[i], booted_ms[j]);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_situations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
