/* SPDX-License-Identifier: Apache-2.0
 * Lines about connections: whole, sampled, and what finds no room is counted and holds up nobody.
 */
#include "l4/flow_log.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct flow_record record = {
    .service = "web",
    .key = "web/ams/a",
    .client = {.family = IP_V4, .b = {192, 0, 2, 7}},
    .client_port = 1234,
    .member = {.family = IP_V6, .b = {0x20, 1, 0xd, 0xb8}},
    .member_port = 80,
    .begun_ms = 1000,
    .duration_ms = 12,
    .connect_us = 1500,
    .bytes_in = 3,
    .bytes_out = UINT64_C(5000000000),
    .end = "closed",
    .tries = 2,
};

static json_t *next_line(FILE *from)
{
    static char text[4096];
    assert_non_null(fgets(text, sizeof text, from));
    json_t *line = json_loads(text, 0, NULL);
    assert_non_null(line);
    return line;
}

static void lines_are_sampled(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct flow_log *log = flow_log_start(2, 3);
    flow_log_set_output(log, ends[1]);
    for (int i = 0; i < 7; i++)
        flow_log_put(flow_log_ring(log, 0), &record);
    for (int i = 0; i < 2; i++) /* a worker counts for itself */
        flow_log_put(flow_log_ring(log, 1), &record);
    flow_log_stop(log);
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    for (int i = 0; i < 2; i++) {
        json_t *line = next_line(in);
        assert_string_equal(json_string_value(json_object_get(line, "service")), "web");
        assert_string_equal(json_string_value(json_object_get(line, "member")), "web/ams/a");
        assert_string_equal(json_string_value(json_object_get(line, "client")), "192.0.2.7:1234");
        assert_string_equal(json_string_value(json_object_get(line, "address")), "[2001:db8::]:80");
        assert_string_equal(json_string_value(json_object_get(line, "result")), "ok");
        assert_int_equal(json_integer_value(json_object_get(line, "bytes_out")), 5000000000);
        assert_int_equal(json_integer_value(json_object_get(line, "tries")), 2);
        json_decref(line);
    }
    assert_int_equal(fgetc(in), EOF);
    fclose(in);
}

/* The pipe is full, and the thread that writes waits: a worker does not. */
static void a_log_that_nobody_reads(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct flow_log *log = flow_log_start(1, 1);
    flow_log_set_output(log, ends[1]);
    for (int i = 0; i < 10000; i++)
        flow_log_put(flow_log_ring(log, 0), &record);
    uint64_t dropped = flow_log_dropped(log);
    assert_true(dropped > 5000);
    assert_true(dropped < 10000);
    FILE *in = fdopen(ends[0], "r");
    for (uint64_t i = dropped; i < 10000; i++)
        json_decref(next_line(in));
    flow_log_stop(log);
    assert_int_equal(flow_log_dropped(NULL), 0);
    fclose(in);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_sampled),
        cmocka_unit_test(a_log_that_nobody_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
