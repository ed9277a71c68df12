/* SPDX-License-Identifier: Apache-2.0
 * What is told of limited networks: which, how much, for how long, and how often the log. */
#include "out/limited.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS INT64_C(1700000000000)

struct fixture {
    struct limiter *limiter;
    struct limited_watch watch;
    struct answer_stats stats;
    int64_t now_ms;
    int saved, log[2];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->limiter = limiter_new();
    f->now_ms = START_MS;
    f->saved = dup(2);
    assert_int_equal(pipe(f->log), 0);
    dup2(f->log[1], 2);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dup2(f->saved, 2);
    close(f->saved);
    close(f->log[0]);
    close(f->log[1]);
    limiter_free(f->limiter);
    free(f);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(struct fixture *f, char out[1000])
{
    static const char end[] = "<end>";
    assert_int_equal(write(f->log[1], end, sizeof end - 1), sizeof end - 1);
    ssize_t n = read(f->log[0], out, 999);
    out[n] = '\0';
    *strstr(out, end) = '\0';
    return out;
}

static void keep_back(struct fixture *f, const char *address, unsigned n)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, address), 0);
    for (unsigned i = 0; i < n; i++)
        limiter_note(f->limiter, limiter_network(&ip), i);
    f->stats.limited[1] += n;
}

static void second(struct fixture *f)
{
    f->now_ms += 1000;
    limited_look(&f->watch, f->limiter, &f->stats, f->now_ms);
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    struct limited_network v[LIMITER_ACTING];
    char text[IP_PREFIX_TEXT_MAX];
    second(f);
    assert_int_equal(limited_list(&f->watch, f->now_ms, v), 0);
    for (unsigned i = 0; i < 5; i++) {
        keep_back(f, "192.0.2.1", 50);
        keep_back(f, "2001:db8::1", 1600);
        second(f);
    }
    assert_int_equal(limited_list(&f->watch, f->now_ms, v), 2);
    assert_string_equal(ip_prefix_text(text, &v[0].network), "2001:db8::/56");
    assert_string_equal(ip_prefix_text(text, &v[1].network), "192.0.2.0/24");
    assert_true(v[0].per_second > 1500 && v[0].per_second < 1700);
    assert_true(v[1].per_second > 30 && v[1].per_second < 70);
    /* Over: it goes down, and after ten seconds there is none. */
    for (unsigned i = 0; i < 10; i++) {
        second(f);
        assert_int_equal(limited_list(&f->watch, f->now_ms, v), 2);
    }
    assert_true(v[0].per_second < 10);
    second(f);
    assert_int_equal(limited_list(&f->watch, f->now_ms, v), 0);
}

static void test_log(void **state)
{
    struct fixture *f = *state;
    char line[1000];
    unsigned lines = 0;
    second(f);
    assert_string_equal(logged(f, line), "");
    keep_back(f, "192.0.2.1", 40);
    second(f);
    assert_non_null(strstr(logged(f, line), "rate limit: 40 answers kept back, most of them to "
                                            "192.0.2.0/24"));
    for (unsigned i = 0; i < 120; i++) {
        keep_back(f, "192.0.2.1", 10);
        second(f);
        lines += logged(f, line)[0] != '\0';
    }
    assert_int_equal(lines, 4);
    /* Nothing new, nothing logged. */
    for (unsigned i = 0; i < 120; i++) {
        second(f);
        assert_string_equal(logged(f, line), "");
    }
}

static void test_log_only(void **state)
{
    struct fixture *f = *state;
    char line[1000];
    f->stats.would_limit[2] = 7;
    second(f);
    assert_non_null(strstr(logged(f, line), "rate limit: 7 answers would have been kept back"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_list), TEST(test_log), TEST(test_log_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
