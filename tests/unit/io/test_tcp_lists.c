/* SPDX-License-Identifier: Apache-2.0
 * Which connection makes room: by hand, against a slow oracle, and under attack, all in a time that
 * the test sets. */
#include "base/arena.h"
#include "base/rng.h"
#include "io/tcp_lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* What happens to a connection. */

static void begins_query(struct tcp_lists *l, struct tcp_conn *c, int64_t now_ms)
{
    if (!c->in)
        c->in = xmalloc(1);
    tcp_lists_follow(l, c, now_ms);
}

static void gets_answers(struct tcp_lists *l, struct tcp_conn *c, bool takes_them, int64_t now_ms)
{
    free(c->in);
    c->in = NULL;
    c->progress = true;
    if (!takes_them && !c->out)
        c->out = xmalloc(1);
    tcp_lists_follow(l, c, now_ms);
}

static void takes_answers(struct tcp_lists *l, struct tcp_conn *c, int64_t now_ms)
{
    free(c->out);
    c->out = NULL;
    tcp_lists_follow(l, c, now_ms);
}

static void leaves(struct tcp_lists *l, struct tcp_conn *c)
{
    tcp_lists_remove(l, c);
    free(c->in);
    free(c->out);
    free(c);
}

static struct tcp_conn *comes(struct tcp_lists *l, int64_t now_ms)
{
    struct tcp_conn *c = xcalloc(1, sizeof *c);
    tcp_lists_add(l, c, now_ms);
    return c;
}

static void leave_all(struct tcp_lists *l)
{
    for (struct tcp_conn *c; (c = tcp_lists_oldest(l));)
        leaves(l, c);
}

static void the_oldest_goes_whatever_it_waits_for(void **state)
{
    (void)state;
    struct tcp_lists l = {0};
    assert_null(tcp_lists_least_missed(&l, 0));
    struct tcp_conn *begun = comes(&l, 0), *idle = comes(&l, 1), *fresh = comes(&l, 2);
    gets_answers(&l, begun, true, 3);
    begins_query(&l, begun, 10);
    gets_answers(&l, idle, true, 20);
    assert_int_equal(begun->place, TCP_BUSY);
    assert_int_equal(idle->place, TCP_IDLE);
    assert_int_equal(fresh->place, TCP_NEW);
    /* Those who wait have their grace, and one who has its answers needs none. */
    assert_ptr_equal(tcp_lists_least_missed(&l, 30), idle);
    assert_ptr_equal(tcp_lists_least_missed(&l, 2 + TCP_GRACE_MS - 1), idle);
    /* After that the oldest goes first. */
    assert_ptr_equal(tcp_lists_least_missed(&l, 2 + TCP_GRACE_MS), fresh);
    leaves(&l, fresh);
    assert_ptr_equal(tcp_lists_least_missed(&l, 10 + TCP_GRACE_MS - 1), idle);
    assert_ptr_equal(tcp_lists_least_missed(&l, 10 + TCP_GRACE_MS), begun);
    leaves(&l, idle);
    assert_null(tcp_lists_least_missed(&l, 10 + TCP_GRACE_MS - 1));
    assert_ptr_equal(tcp_lists_least_missed(&l, 10 + TCP_GRACE_MS), begun);
    assert_ptr_equal(tcp_lists_first_keeper(&l), begun);
    leave_all(&l);
    assert_null(tcp_lists_oldest(&l));
}

static void a_stop_waits_for_what_has_begun(void **state)
{
    (void)state;
    struct tcp_lists l = {0};
    struct tcp_conn *begun = comes(&l, 0), *silent = comes(&l, 1), *idle = comes(&l, 2);
    begins_query(&l, begun, 3);
    gets_answers(&l, idle, true, 4);
    tcp_lists_stop(&l, 10);
    assert_ptr_equal(tcp_lists_unbegun(&l), idle);
    leaves(&l, idle);
    assert_ptr_equal(tcp_lists_unbegun(&l), silent);
    begins_query(&l, silent, 20);
    assert_null(tcp_lists_unbegun(&l));
    gets_answers(&l, begun, true, 30);
    assert_ptr_equal(tcp_lists_unbegun(&l), begun);
    leave_all(&l);
}

/* Who has sent nothing keeps nothing, however old it is. */
static void newcomers_are_no_keepers(void **state)
{
    (void)state;
    struct tcp_lists l = {0};
    struct tcp_conn *silent = comes(&l, 0), *busy = comes(&l, 1), *begun = comes(&l, 3);
    assert_null(tcp_lists_first_keeper(&l));
    gets_answers(&l, busy, true, 4);
    begins_query(&l, busy, 5);
    assert_ptr_equal(tcp_lists_first_keeper(&l), busy);
    begins_query(&l, begun, 6);
    assert_ptr_equal(tcp_lists_first_keeper(&l), begun); /* since it came, at 3 */
    leaves(&l, begun);
    assert_ptr_equal(tcp_lists_first_keeper(&l), busy);
    leaves(&l, busy);
    assert_null(tcp_lists_first_keeper(&l));
    leaves(&l, silent);
}

static void bytes_renew_nothing(void **state)
{
    (void)state;
    struct tcp_lists l = {0};
    struct tcp_conn *c = comes(&l, 0);
    begins_query(&l, c, 50);
    assert_int_equal(c->since_ms, 0);
    assert_int_equal(c->place, TCP_NEW);
    assert_ptr_equal(tcp_lists_first_keeper(&l), c);
    gets_answers(&l, c, true, 60);
    assert_int_equal(c->since_ms, 60);
    assert_null(tcp_lists_first_keeper(&l));
    begins_query(&l, c, 100);
    assert_int_equal(c->since_ms, 100);
    begins_query(&l, c, 200); /* one byte more */
    assert_int_equal(c->since_ms, 100);
    gets_answers(&l, c, false, 300); /* answered, and not taken: still the same business */
    assert_int_equal(c->since_ms, 100);
    assert_int_equal(c->place, TCP_BUSY);
    takes_answers(&l, c, 400);
    assert_int_equal(c->since_ms, 400);
    assert_int_equal(c->place, TCP_IDLE);
    gets_answers(&l, c, true, 500); /* a whole query that came at once */
    assert_int_equal(c->since_ms, 500);
    tcp_lists_follow(&l, c, 600); /* woken for nothing */
    assert_int_equal(c->since_ms, 500);
    leave_all(&l);
}

/* Against an oracle that looks at all. */

#define CROWD 60

static struct tcp_conn *slow_least_missed(struct tcp_conn **all, int64_t now_ms)
{
    struct tcp_conn *best = NULL;
    for (unsigned i = 0; i < CROWD; i++) {
        struct tcp_conn *c = all[i];
        bool may = c && (c->place == TCP_IDLE || now_ms - c->since_ms >= TCP_GRACE_MS);
        if (may && (!best || c->since_ms < best->since_ms))
            best = c;
    }
    return best;
}

static int64_t oldest_ms(struct tcp_conn **all)
{
    int64_t oldest = INT64_MAX;
    for (unsigned i = 0; i < CROWD; i++)
        if (all[i] && all[i]->since_ms < oldest)
            oldest = all[i]->since_ms;
    return oldest;
}

static void agrees_with_an_oracle(void **state)
{
    (void)state;
    struct tcp_lists l = {0};
    struct tcp_conn *all[CROWD] = {0};
    struct rng rng = {.state = 1};
    for (int64_t now = 0; now < 200000; now += rng_next(&rng) % 8) {
        unsigned i = (unsigned)(rng_next(&rng) % CROWD), what = (unsigned)(rng_next(&rng) % 8);
        if (!all[i])
            all[i] = comes(&l, now);
        else if (what == 0)
            leaves(&l, all[i]), all[i] = NULL;
        else if (what < 3)
            begins_query(&l, all[i], now);
        else if (what < 6 || !all[i]->out)
            gets_answers(&l, all[i], what != 5, now);
        else
            takes_answers(&l, all[i], now);
        const struct tcp_conn *fast = tcp_lists_least_missed(&l, now);
        const struct tcp_conn *slow = slow_least_missed(all, now);
        assert_int_equal(!fast, !slow);
        if (fast)
            assert_int_equal(fast->since_ms, slow->since_ms);
        fast = tcp_lists_oldest(&l);
        assert_int_equal(fast ? fast->since_ms : INT64_MAX, oldest_ms(all));
    }
    leave_all(&l);
}

/* Under attack: newcomers of whom each 20th is honest. */

enum manner { SILENT, ONE_BYTE, ONE_QUERY, ONE_QUERY_AND_A_BYTE, LATE_BYTE, READS_NOTHING };

struct attack {
    enum manner manner;
    unsigned per_second, rtt_ms, least_percent;
};

#define PLACES 200
#define HONEST_EVERY 20

/** A table of PLACES; who is in it, and since when. */
struct table {
    struct tcp_lists lists;
    struct guest {
        struct tcp_conn *conn;
        bool honest;
        int64_t came_ms;
    } guest[PLACES];
    unsigned n, asked, answered;
};

static struct guest *seat(struct table *t, int64_t now_ms)
{
    struct guest *free_seat = NULL;
    const struct tcp_conn *victim =
        t->n == PLACES ? tcp_lists_least_missed(&t->lists, now_ms) : NULL;
    for (unsigned i = 0; i < PLACES; i++)
        if (t->guest[i].conn == victim)
            free_seat = &t->guest[i];
    if (t->n == PLACES && !victim)
        return NULL;
    if (victim) {
        leaves(&t->lists, free_seat->conn);
        t->n--;
    }
    *free_seat = (struct guest){.conn = comes(&t->lists, now_ms), .came_ms = now_ms};
    t->n++;
    return free_seat;
}

static void attacker_does(struct table *t, const struct guest *g, enum manner manner, int64_t now)
{
    bool first = now == g->came_ms, second = now == g->came_ms + 1;
    if (manner == ONE_BYTE && first)
        begins_query(&t->lists, g->conn, now);
    if ((manner == ONE_QUERY || manner == ONE_QUERY_AND_A_BYTE) && first)
        gets_answers(&t->lists, g->conn, true, now);
    if (manner == ONE_QUERY_AND_A_BYTE && second)
        begins_query(&t->lists, g->conn, now);
    if (manner == LATE_BYTE && now == g->came_ms + TCP_GRACE_MS - 1)
        begins_query(&t->lists, g->conn, now);
    if (manner == READS_NOTHING && first)
        gets_answers(&t->lists, g->conn, false, now);
}

static void step(struct table *t, const struct attack *a, int64_t now)
{
    for (unsigned i = 0; i < PLACES; i++) {
        struct guest *g = &t->guest[i];
        if (g->conn && g->honest && now == g->came_ms + a->rtt_ms) {
            gets_answers(&t->lists, g->conn, true, now);
            t->answered++;
            leaves(&t->lists, g->conn);
            *g = (struct guest){0};
            t->n--;
        } else if (g->conn && !g->honest) {
            attacker_does(t, g, a->manner, now);
        }
    }
}

static unsigned percent_answered(const struct attack *a)
{
    struct table t = {0};
    uint64_t due = 0;
    struct rng rng = {.state = 7};
    for (int64_t now = 0; now < 10000; now++) {
        for (due += a->per_second; due >= 1000; due -= 1000) {
            struct guest *g = seat(&t, now);
            bool honest = rng_below(&rng, HONEST_EVERY) == 0;
            if (g)
                g->honest = honest;
            t.asked += honest;
        }
        step(&t, a, now);
    }
    leave_all(&t.lists);
    return t.answered * 100 / t.asked;
}

/** The honest ask one round trip after they have come. Up to 200 places / 250 ms = 800 newcomers a
 *  second everyone has the time for that; from there on, a fair share of them. */
static void the_honest_are_answered(void **state)
{
    (void)state;
    static const struct {
        unsigned per_second, rtt_ms, least_percent;
    } loads[] = {{180, 5, 98},  {180, 50, 98},  {180, 200, 97}, {600, 200, 97}, {790, 5, 98},
                 {790, 50, 98}, {790, 200, 97}, {821, 200, 90}, {2000, 50, 30}, {2000, 200, 30}};
    for (unsigned i = 0; i < ARRAY_LEN(loads); i++)
        for (enum manner m = SILENT; m <= READS_NOTHING; m++) {
            struct attack a = {m, loads[i].per_second, loads[i].rtt_ms, loads[i].least_percent};
            unsigned percent = percent_answered(&a);
            if (percent < a.least_percent)
                fail_msg("attack %u at %u/s, round trip %u ms: %u %% answered, expected %u", m,
                         a.per_second, a.rtt_ms, percent, a.least_percent);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_goes_whatever_it_waits_for),
        cmocka_unit_test(bytes_renew_nothing),
        cmocka_unit_test(newcomers_are_no_keepers),
        cmocka_unit_test(a_stop_waits_for_what_has_begun),
        cmocka_unit_test(agrees_with_an_oracle),
        cmocka_unit_test(the_honest_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
