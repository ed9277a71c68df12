/* SPDX-License-Identifier: Apache-2.0
 * The panic guard: when it begins, whom it asks, what it takes back, when it ends; and random
 * histories against a recount of everything. */
#include "health/guard.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 2000, WINDOW_MS = 5000 };

static uint32_t sites[MAX];

/* The first `lump` are in the first site, the others in all. */
static struct arena *begin_lumped(struct guard *g, uint32_t n_probes, uint32_t n_sites,
                                  uint32_t lump)
{
    static const struct guard_limits limits = {
        .share = 0.8, .probes = 8, .sites = 2, .window_ms = WINDOW_MS};
    struct arena *arena = arena_new();
    for (uint32_t i = 0; i < n_probes; i++)
        sites[i] = i < lump ? 0 : i % n_sites;
    guard_init(g, arena, &limits, sites, n_probes, n_sites);
    for (uint32_t i = 0; i < n_probes; i++)
        guard_told(g, i, true);
    return arena;
}

static struct arena *begin(struct guard *g, uint32_t n_probes, uint32_t n_sites)
{
    return begin_lumped(g, n_probes, n_sites, 0);
}

/* Asks, and hears, some. */
static void hear(struct guard *g, uint32_t from, uint32_t to, enum guard_said said)
{
    for (uint32_t i = from; i < to; i++)
        guard_asked(g, i);
    for (uint32_t i = from; i < to; i++)
        guard_heard(g, i, said);
}

static void fall(struct guard *g, uint32_t probe, int64_t now_ms)
{
    guard_fell(g, probe, now_ms);
    guard_told(g, probe, false);
}

static void test_needs_share_number_and_sites(void **state)
{
    (void)state;
    static const struct {
        uint32_t n, sites, silent;
        enum guard_verdict verdict;
    } cases[] = {
        {10, 2, 7, GUARD_FALL},  {10, 2, 8, GUARD_PANIC},  {10, 1, 10, GUARD_FALL}, /* one site */
        {7, 2, 7, GUARD_FALL},                                                      /* few */
        {20, 4, 15, GUARD_FALL}, {20, 4, 16, GUARD_PANIC}, {8, 2, 8, GUARD_PANIC},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guard g;
        struct arena *arena = begin(&g, cases[i].n, cases[i].sites);
        hear(&g, 0, cases[i].silent, GUARD_SILENT);
        hear(&g, cases[i].silent, cases[i].n, GUARD_REACHED);
        assert_int_equal(guard_judge(&g, 0, 1000), cases[i].verdict);
        arena_free(arena);
    }
}

/* Nobody else has spoken: a sample is asked, of both sites, and of those alone who have not. */
static void test_asks_who_has_not_spoken(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin_lumped(&g, 1000, 4, 960);
    hear(&g, 0, 1000, GUARD_REACHED);
    hear(&g, 0, 1, GUARD_SILENT);
    for (uint32_t i = 1; i < 4; i++)
        guard_heard(&g, i, GUARD_REACHED);
    guard_untried(&g, 5);
    assert_int_equal(guard_judge(&g, 0, 1000), GUARD_ASK);
    guard_inquire(&g, 0);
    unsigned at_site[4] = {0};
    assert_int_equal(g.n_sample, 16);
    for (uint32_t i = 0; i < g.n_sample; i++) {
        at_site[sites[g.sample[i]]]++;
        assert_true(g.sample[i] > 3 && g.sample[i] != 5);
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(g.sample[i], g.sample[j]);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(at_site[i], 4);
    arena_free(arena);
}

/* As soon as it is clear. */
static void test_inquiry_ends_early(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 1000, 4);
    hear(&g, 0, 1, GUARD_SILENT);
    guard_inquire(&g, 0);
    uint32_t n = 0;
    while (guard_decide(&g, 1000) == GUARD_ASK)
        guard_heard(&g, g.sample[n++], GUARD_REACHED);
    assert_int_equal(n, 4); /* 1 + 12 of 17 is too little */
    assert_false(g.inquiry.open);
    assert_int_equal(g.inquiry.n_pending, 0);

    guard_inquire(&g, 0);
    assert_true(g.n_sample > 0);
    uint32_t sample[1024], n_sample = g.n_sample;
    memcpy(sample, g.sample, n_sample * sizeof *sample);
    enum guard_verdict verdict = guard_decide(&g, 1000);
    for (n = 0; n < n_sample && verdict == GUARD_ASK; n++) {
        guard_heard(&g, sample[n], GUARD_SILENT);
        verdict = guard_decide(&g, 1000);
    }
    assert_int_equal(verdict, GUARD_PANIC);
    assert_true(n > 12); /* those four have spoken since the first was asked, and count against */
    arena_free(arena);
}

static void test_inquiry_that_finds_silence(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 1000, 4);
    hear(&g, 0, 1000, GUARD_REACHED);
    hear(&g, 0, 1, GUARD_SILENT);
    guard_inquire(&g, 0);
    uint32_t n = 0;
    enum guard_verdict verdict;
    while ((verdict = guard_decide(&g, 1000)) == GUARD_ASK)
        guard_heard(&g, g.sample[n++], GUARD_SILENT);
    assert_int_equal(verdict, GUARD_PANIC);
    assert_true(n >= 7 && n < 16);
    arena_free(arena);
}

static void test_inquiry_times_out(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 1000, 4);
    hear(&g, 0, 1, GUARD_SILENT);
    guard_inquire(&g, 0);
    g.inquiry.until_ms = 3000;
    assert_int_equal(guard_decide(&g, 2999), GUARD_ASK);
    assert_int_equal(guard_decide(&g, 3000), GUARD_FALL);
    assert_int_equal(g.inquiry.n_pending, 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_false(g.probes[i].pending);
    arena_free(arena);
}

/* Of many, those that fail alone, one after the other, are told at once, and nobody is asked. */
static void test_no_storm(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 1000, 4);
    for (uint32_t i = 0; i < 800; i++) {
        guard_asked(&g, i);
        for (uint32_t k = 1; k <= 100; k++) /* within its timeout */
            guard_heard(&g, i + k, GUARD_REACHED);
        guard_heard(&g, i, GUARD_SILENT);
        assert_int_equal(guard_judge(&g, i, 1000 + 20 * i), GUARD_FALL);
        fall(&g, i, 1000 + 20 * i);
    }
    arena_free(arena);
}

static void test_off(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    g.limits.off = true;
    hear(&g, 0, 10, GUARD_SILENT);
    assert_int_equal(guard_judge(&g, 0, 1000), GUARD_FALL);
    arena_free(arena);
}

static void test_falls_count_within_the_window(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 0, 8, GUARD_SILENT);
    for (uint32_t i = 0; i < 7; i++)
        fall(&g, i, 1000 + 100 * i);
    hear(&g, 8, 10, GUARD_REACHED);
    assert_int_equal(guard_judge(&g, 7, 6000), GUARD_PANIC);
    assert_int_equal(guard_judge(&g, 7, 6001), GUARD_FALL); /* the first fall is too old */
    arena_free(arena);
}

static void test_long_down_do_not_count(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 12, 2);
    for (uint32_t i = 0; i < 3; i++)
        guard_told(&g, i, false);
    hear(&g, 0, 12, GUARD_SILENT);
    assert_int_equal(g.n_up, 9);
    assert_int_equal(g.n_silent, 9);
    assert_int_equal(guard_judge(&g, 11, 1000), GUARD_PANIC);
    arena_free(arena);
}

/* What its own target said stays. */
static void test_takes_back_what_fell_silent(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 1, 10, GUARD_SILENT);
    hear(&g, 0, 1, GUARD_REACHED);
    for (uint32_t i = 0; i < 6; i++)
        fall(&g, i, 1000);
    hear(&g, 0, 1, GUARD_SILENT);
    guard_told(&g, 2, true);       /* recovered meanwhile */
    hear(&g, 3, 4, GUARD_REACHED); /* and then */
    hear(&g, 3, 4, GUARD_SILENT);
    guard_enter(&g);
    uint32_t taken = 0;
    for (uint32_t i; (i = guard_take_fall(&g)) != MODEL_NONE; taken++) {
        assert_true(i == 1 || i == 4 || i == 5);
        guard_told(&g, i, true);
    }
    assert_int_equal(taken, 3);
    arena_free(arena);
}

static void test_ends_after_a_calm_window(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 0, 10, GUARD_SILENT);
    guard_enter(&g);
    assert_false(guard_calm(&g, 100000)); /* as long as it takes */
    hear(&g, 0, 3, GUARD_REACHED);
    assert_false(guard_calm(&g, 101000));
    assert_false(guard_calm(&g, 105999));
    assert_true(guard_calm(&g, 106000));
    arena_free(arena);
}

/* Who was reached before the panic says nothing of it. */
static void test_calm_counts_from_the_panic_on(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 14, 2);
    hear(&g, 0, 14, GUARD_REACHED);
    hear(&g, 0, 10, GUARD_SILENT);
    guard_enter(&g);
    assert_false(guard_calm(&g, 1000));
    assert_false(guard_calm(&g, 100000));
    hear(&g, 10, 14, GUARD_REACHED);
    assert_false(guard_calm(&g, 101000));
    assert_true(guard_calm(&g, 106000));
    arena_free(arena);
}

static void test_calm_starts_over(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 0, 10, GUARD_SILENT);
    guard_enter(&g);
    hear(&g, 0, 3, GUARD_REACHED);
    assert_false(guard_calm(&g, 1000));
    hear(&g, 0, 3, GUARD_SILENT);
    assert_false(guard_calm(&g, 5000));
    hear(&g, 0, 3, GUARD_REACHED);
    assert_false(guard_calm(&g, 6000));
    assert_false(guard_calm(&g, 10000));
    assert_true(guard_calm(&g, 11000));
    arena_free(arena);
}

static void test_ends_at_once_when_all_is_well(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 0, 10, GUARD_SILENT);
    guard_enter(&g);
    hear(&g, 0, 10, GUARD_REACHED);
    assert_true(guard_calm(&g, 1000));
    arena_free(arena);
}

/* Lacks of ours do not end it. */
static void test_untried_keeps_the_word(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    hear(&g, 0, 10, GUARD_SILENT);
    guard_enter(&g);
    for (uint32_t i = 0; i < 10; i++)
        guard_untried(&g, i);
    assert_false(guard_calm(&g, 1000));
    assert_false(guard_calm(&g, 100000));
    arena_free(arena);
}

/* A fall that later ones have pushed out of the ring is forgotten with its place in it: it must not
 * count for ever. */
static void test_falls_that_were_pushed_out(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 3, 2);
    hear(&g, 0, 1, GUARD_SILENT);
    fall(&g, 0, 1000); /* and stays down */
    for (int i = 1; i <= 6; i++) {
        fall(&g, 1, 1000 + i);
        guard_told(&g, 1, true);
    }
    assert_int_equal(g.probes[0].fell_ms, 0);
    assert_int_equal(g.n_silent, 0);
    assert_int_equal(g.n_up, 2);
    arena_free(arena);
}

/* ---- against a recount ---- */

/* What is known of a probe, as plainly as can be. */
struct plain {
    enum guard_said said;
    uint64_t word, asked; /* numbers of the latest word, and of words before it was started */
    bool untried, up;
    int64_t fell_ms; /* -1: not within memory */
};

struct model_of {
    struct plain v[64];
    uint32_t n;
    uint64_t words;
    int64_t now_ms;
};

static bool counts(const struct model_of *m, uint32_t i)
{
    return m->v[i].up || (m->v[i].fell_ms >= 0 && m->now_ms - m->v[i].fell_ms <= WINDOW_MS);
}

struct recount {
    uint32_t up, silent, reached, open, sites_up, sites_silent;
};

static struct recount recount_all(const struct model_of *m, uint64_t mark)
{
    struct recount r = {0};
    bool up_at[8] = {0}, silent_at[8] = {0};
    for (uint32_t i = 0; i < m->n; i++) {
        const struct plain *p = &m->v[i];
        if (!counts(m, i))
            continue;
        r.up++;
        up_at[sites[i]] = true;
        if (p->said == GUARD_SILENT) {
            r.silent++;
            silent_at[sites[i]] = true;
        } else if (!p->untried) {
            bool reached = p->said == GUARD_REACHED && p->word >= mark;
            r.reached += reached;
            r.open += !reached;
        }
    }
    for (int s = 0; s < 8; s++)
        r.sites_up += up_at[s], r.sites_silent += silent_at[s];
    return r;
}

/* The rule of the record, word for word. */
static enum guard_verdict verdict_of(const struct model_of *m, const struct guard_limits *l,
                                     uint64_t mark)
{
    struct recount r = recount_all(m, mark);
    uint32_t more = r.open < 2 * l->probes ? r.open : 2 * l->probes;
    if (r.sites_up < l->sites || r.silent + r.open < l->probes)
        return GUARD_FALL;
    if (r.silent + more < (l->share - 1e-9) * (r.silent + more + r.reached))
        return GUARD_FALL;
    if (r.silent >= l->probes && r.sites_silent >= l->sites &&
        r.silent >= (l->share - 1e-9) * (r.silent + r.reached + more))
        return GUARD_PANIC;
    return more ? GUARD_ASK : GUARD_FALL;
}

static void check(struct guard *g, const struct model_of *m, uint32_t probe, unsigned *n)
{
    enum guard_verdict verdict = guard_judge(g, probe, m->now_ms);
    struct recount r = recount_all(m, m->v[probe].asked);
    assert_int_equal(verdict, verdict_of(m, &g->limits, m->v[probe].asked));
    assert_int_equal(g->n_up, r.up);
    assert_int_equal(g->n_silent, r.silent);
    assert_int_equal(g->n_sites_up, r.sites_up);
    assert_int_equal(g->n_sites_silent, r.sites_silent);
    assert_int_equal(tally_since(&g->reached, g->probes[probe].asked), r.reached);
    assert_int_equal(g->n_up - g->n_silent - g->n_closed - r.reached, r.open);
    n[verdict]++;
}

/* A word is in memory while its slot in the ring is not taken: 4 n words at least. */
static void forget_old(const struct guard *g, struct model_of *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (m->v[i].said == GUARD_REACHED && m->words - m->v[i].word >= g->reached.n_slots)
            m->v[i].word = 0;
}

static void step(struct guard *g, struct model_of *m, struct rng *rng, unsigned percent_silent)
{
    uint32_t i = (uint32_t)rng_below(rng, m->n);
    struct plain *p = &m->v[i];
    switch (rng_below(rng, 8)) {
    case 0:
        m->now_ms += (int64_t)rng_below(rng, 300);
        return;
    case 1:
        guard_untried(g, i);
        p->untried = true;
        return;
    case 2:
        /* Once a window: the ring has room for as many falls as there are probes. */
        if (!p->up || (p->fell_ms >= 0 && m->now_ms - p->fell_ms <= WINDOW_MS))
            return;
        guard_fell(g, i, m->now_ms);
        guard_told(g, i, false);
        p->up = false;
        p->fell_ms = m->now_ms;
        return;
    case 3:
        guard_told(g, i, true);
        if (!counts(m, i) && p->said == GUARD_REACHED && !p->untried)
            p->word = ++m->words; /* it counts from now on */
        p->up = true;
        return;
    case 4:
        guard_asked(g, i);
        p->asked = m->words + 1;
        return;
    default:
        p->said = rng_below(rng, 100) < percent_silent ? GUARD_SILENT : GUARD_REACHED;
        guard_heard(g, i, p->said);
        p->untried = false;
        p->word = p->said == GUARD_REACHED && counts(m, i) ? ++m->words : 0;
    }
}

static void test_random_histories(void **state)
{
    (void)state;
    unsigned n[3] = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct guard g;
        struct rng rng = {.state = seed};
        struct model_of m = {.n = 9 + (uint32_t)rng_below(&rng, 50), .now_ms = 1000};
        struct arena *arena = begin(&g, m.n, 1 + (uint32_t)rng_below(&rng, 5));
        for (uint32_t i = 0; i < m.n; i++)
            m.v[i] = (struct plain){.up = true, .fell_ms = -1};
        for (unsigned i = 0; i < 3000; i++) {
            static const unsigned weather[] = {5, 50, 80, 97, 100};
            step(&g, &m, &rng, weather[i / 100 % ARRAY_LEN(weather)]);
            forget_old(&g, &m);
            check(&g, &m, (uint32_t)rng_below(&rng, m.n), n);
        }
        arena_free(arena);
    }
    for (int i = 0; i < 3; i++)
        assert_true(n[i] > 1000);
}

static void test_tally(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {.state = seed};
        uint32_t n = 1 + (uint32_t)rng_below(&rng, 100);
        uint64_t word[128] = {0}, words = 0;
        struct arena *arena = arena_new();
        struct tally t;
        tally_init(&t, arena, n);
        for (unsigned i = 0; i < 5000; i++) {
            uint32_t member = (uint32_t)rng_below(&rng, rng_below(&rng, 2) ? n : 1 + n / 4);
            if (rng_below(&rng, 10) == 0) {
                tally_drop(&t, member);
                word[member] = 0;
            } else {
                tally_say(&t, member);
                word[member] = ++words;
            }
            uint64_t back = words < 2 * t.n_slots ? words + 1 : 2 * t.n_slots;
            uint64_t mark = words + 1 - rng_below(&rng, (uint32_t)back);
            uint32_t since = 0;
            for (uint32_t k = 0; k < n; k++) {
                if (word[k] && words - word[k] >= t.n_slots)
                    word[k] = 0;
                since += word[k] && word[k] >= mark;
            }
            assert_int_equal(tally_since(&t, mark), since);
            assert_int_equal(tally_mark(&t), words + 1);
        }
        assert_true(t.n_slots >= 4 * n);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_share_number_and_sites),
        cmocka_unit_test(test_asks_who_has_not_spoken),
        cmocka_unit_test(test_inquiry_ends_early),
        cmocka_unit_test(test_inquiry_that_finds_silence),
        cmocka_unit_test(test_inquiry_times_out),
        cmocka_unit_test(test_no_storm),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_falls_count_within_the_window),
        cmocka_unit_test(test_long_down_do_not_count),
        cmocka_unit_test(test_takes_back_what_fell_silent),
        cmocka_unit_test(test_ends_after_a_calm_window),
        cmocka_unit_test(test_calm_counts_from_the_panic_on),
        cmocka_unit_test(test_calm_starts_over),
        cmocka_unit_test(test_ends_at_once_when_all_is_well),
        cmocka_unit_test(test_untried_keeps_the_word),
        cmocka_unit_test(test_falls_that_were_pushed_out),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_tally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
