/* SPDX-License-Identifier: Apache-2.0
 * Files of the state directory: round trips, and every way in which they can be bad (orders:
 * test_orders_file.c). */
#include "health/store.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char path[] = "/tmp/test-store-XXXXXX";

static int open_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static void test_health_round_trip(void **state)
{
    (void)state;
    const struct saved_health known[] = {{"www/am\"s/a", HEALTH_UP, 11},
                                         {"www/am\"s/b\\", HEALTH_DOWN, 22}};
    struct buf text = {0};
    struct saved_file saved;
    struct arena *arena = arena_new();
    store_render_health(&text, known, ARRAY_LEN(known), 12345);
    put(text.p);
    buf_free(&text);
    assert_int_equal(store_load_health(&saved, arena, path, &text), 0);
    assert_int_equal(saved.saved_ms, 12345);
    assert_int_equal(saved.n, 2);
    assert_string_equal(saved.v[0].key, "www/am\"s/a");
    assert_int_equal(saved.v[0].health, HEALTH_UP);
    assert_int_equal(saved.v[0].since_ms, 11);
    assert_string_equal(saved.v[1].key, "www/am\"s/b\\");
    assert_int_equal(saved.v[1].health, HEALTH_DOWN);
    arena_free(arena);
}

static void test_bad_health_files_are_refused_whole(void **state)
{
#define HEALTH(endpoints) "{\"format\": 1, \"saved_ms\": 5, \"endpoints\": {" endpoints "}}"
    static const char *const bad[] = {
        "",
        "[]",
        "{\"format\": 1}",
        "{\"format\": 2, \"saved_ms\": 5, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": 5, \"endpoints\": 5}",
        "{\"format\": 1, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": \"5\", \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": -9223372036854775808, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": 9223372036854775807, \"endpoints\": {}}",
        HEALTH("\"a\": 5"),
        HEALTH("\"a\": []"),
        HEALTH("\"a\": [\"up\"]"),
        HEALTH("\"a\": [1, 5]"),
        HEALTH("\"a\": [\"sideways\", 5]"),
        HEALTH("\"a\": [\"up\", \"5\"]"),
        HEALTH("\"a\": [\"up\", -1]"),
        HEALTH("\"a\": [\"up\", 253402300800000]"),
        HEALTH("\"a\": [\"up\", 5, 5]"),
        HEALTH("\"a\": [\"up\", 5], \"b\": 5"),
        HEALTH("\"a\": [\"up\", 5], \"a\": [\"up\", 5]"),
    };
    struct saved_file saved;
    struct buf problem = {0};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(bad[i]);
        if (store_load_health(&saved, arena, path, &problem) != E_SYNTAX)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(saved.n, 0);
        assert_int_equal(strncmp(problem.p, path, strlen(path)), 0);
        buf_free(&problem);
    }
    put(HEALTH("\"a\": [\"up\", 0], \"b\": [\"down\", 253402300799999]"));
    assert_int_equal(store_load_health(&saved, arena, path, &problem), 0);
    assert_int_equal(saved.n, 2);
    arena_free(arena);
}

static void test_freshness(void **state)
{
    (void)state;
    const int64_t now_ms = 10000000, minute_ms = 60000;
    assert_true(store_is_fresh(now_ms, now_ms, 5000));
    assert_true(store_is_fresh(now_ms - 5 * minute_ms, now_ms, 5000));
    assert_false(store_is_fresh(now_ms - 5 * minute_ms - 1, now_ms, 5000));
    assert_true(store_is_fresh(now_ms - 10 * minute_ms, now_ms, 60000));
    assert_false(store_is_fresh(now_ms - 10 * minute_ms - 1, now_ms, 60000));
    assert_true(store_is_fresh(now_ms + minute_ms, now_ms, 5000));
    assert_false(store_is_fresh(now_ms + minute_ms + 1, now_ms, 5000));
    assert_false(store_is_fresh(INT64_MIN, now_ms, UINT32_MAX));
    assert_false(store_is_fresh(INT64_MAX, now_ms, UINT32_MAX));
    assert_false(store_is_fresh(INT64_MAX, INT64_MIN, UINT32_MAX));
    assert_true(store_is_fresh(now_ms - 10 * (int64_t)UINT32_MAX, now_ms, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health_round_trip),
        cmocka_unit_test(test_bad_health_files_are_refused_whole),
        cmocka_unit_test(test_freshness),
    };
    return cmocka_run_group_tests(tests, open_file, remove_file);
}
