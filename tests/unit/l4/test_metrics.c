/* SPDX-License-Identifier: Apache-2.0
 * Metrics: one series of each set and key. */
#include "l4/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void a_key_with_another_address_is_one_series(void **state)
{
    struct registry *r = registry_new();
    struct ip a = {.family = IP_V4, .b = {192, 0, 2, 1}},
              b = {.family = IP_V4, .b = {192, 0, 2, 2}};
    struct buf out = {0};
    (void)state;
    struct member *now = registry_member(r, "web", "k", &a, 80);
    struct member *gone = registry_member(r, "web", "k", &b, 80);
    registry_member(r, "we", "bk", &b, 80);
    for (int i = 0; i < 3; i++)
        member_enter(gone);
    member_enter(now);
    registry_drop_member(r, gone); /* its flows are left */
    gone->refused = 2;
    now->refused = 5;
    gone->timeouts = 1;
    gone->ejected_until_ms = 2000;
    quantiles_add(&gone->connect_us, 1000000);
    for (int i = 0; i < 3; i++)
        quantiles_add(&now->connect_us, 500000);
    const struct metrics_facts facts = {.registry = r, .version = "1", .now_ms = 1000};
    metrics_write(&out, &facts);
    buf_add(&out, "", 1);
#define WEB "{service=\"web\",member=\"k\""
    assert_int_equal(count(out.p, "loadstar_l4_active" WEB), 1);
    assert_int_equal(count(out.p, "loadstar_l4_ejected" WEB), 1);
    assert_int_equal(count(out.p, "loadstar_l4_connect_seconds" WEB ",quantile=\"0.5\"}"), 1);
    assert_non_null(strstr(out.p, "loadstar_l4_active" WEB "} 4\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_ejected" WEB "} 0\n")); /* of the one in plans */
    assert_non_null(strstr(out.p, "connect_failures_total" WEB ",what=\"refused\"} 7\n"));
    assert_non_null(strstr(out.p, "connect_failures_total" WEB ",what=\"timeout\"} 1\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_active{service=\"we\",member=\"bk\"} 0\n"));
    /* a summary: quantiles of the one in plans, sum and count of both; of none, no quantile */
    assert_non_null(strstr(out.p, "# TYPE loadstar_l4_connect_seconds summary\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_connect_seconds_sum" WEB "} 2.5\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_connect_seconds_count" WEB "} 4\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_rtt_seconds" WEB ",quantile=\"0.9\"} NaN\n"));
    assert_non_null(strstr(out.p, "loadstar_l4_rtt_seconds_count" WEB "} 0\n"));
    buf_free(&out);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_with_another_address_is_one_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
