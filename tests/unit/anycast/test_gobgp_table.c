/* SPDX-License-Identifier: Apache-2.0
 * What gobgp prints, and the record: read, and refused when it is something else. */
#include "anycast/gobgp_record.h"
#include "anycast/gobgp_table.h"
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As GoBGP 3.10 prints it. */
static const char table_310[] =
    "{\"192.0.2.53/32\":[{\"nlri\":{\"prefix\":\"192.0.2.53/32\"},\"age\":1795712655,\"best\":true,"
    "\"attrs\":[{\"type\":1,\"value\":2},{\"type\":2,\"as_paths\":[{\"segment_type\":2,\"num\":2,"
    "\"asns\":[65001,65001]}]},{\"type\":4,\"metric\":200},{\"type\":8,\"communities\":[4259905589,"
    "4294901760]},{\"type\":32,\"value\":[{\"ASN\":65001,\"LocalData1\":1,\"LocalData2\":2},{"
    "\"ASN\":65001,\"LocalData1\":1,\"LocalData2\":3}]},{\"type\":3,\"nexthop\":\"0.0.0.0\"}],"
    "\"stale\":false}],\"10.77.0.1/"
    "32\":[{\"best\":true,\"attrs\":[],\"neighbor-ip\":\"10.9.0.1\"}],"
    "\"2001:db8::53/128\":[{\"attrs\":[{\"type\":14,\"nexthop\":\"fd09::2\",\"afi\":2}]}]}";

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix;
    assert_int_equal(ip_prefix_parse(&prefix, text), 0);
    return prefix;
}

static void a_table_is_read(void **state)
{
    static const struct large_community large[] = {{{65001, 1, 3}}, {{65001, 1, 2}}};
    struct route_attributes a = {.prepend = 2,
                                 .has_med = true,
                                 .med = 200,
                                 .communities = {{65001, 53}, {65535, 0}},
                                 .n_communities = 2,
                                 .large = large,
                                 .n_large = 2};
    const struct ip_prefix v4 = prefix_of("192.0.2.53/32"), v6 = prefix_of("2001:db8::53/128");
    struct gobgp_table table = {0};
    struct ip hop;
    (void)state;
    assert_int_equal(gobgp_table_read(&table, slice_str(table_310)), 0);
    assert_int_equal(table.routes.n, 2);
    const struct gobgp_route *route = gobgp_table_find(&table, &v4);
    assert_true(route->best);
    assert_true(gobgp_route_is(route, gobgp_attributes(&a, 65001), NULL));
    assert_false(gobgp_route_is(route, gobgp_attributes(&a, 65002), NULL));
    a.n_large = 1;
    assert_false(gobgp_route_is(route, gobgp_attributes(&a, 65001), NULL));
    a.n_large = 2;
    a.n_communities = 1;
    assert_false(gobgp_route_is(route, gobgp_attributes(&a, 65001), NULL));
    route = gobgp_table_find(&table, &v6);
    assert_false(route->best);
    assert_int_equal(ip_parse(&hop, "fd09::2"), 0);
    assert_true(gobgp_route_is(route, gobgp_attributes(&(struct route_attributes){0}, 1), &hop));
    hop.b[15] = 3;
    assert_false(gobgp_route_is(route, gobgp_attributes(&(struct route_attributes){0}, 1), &hop));
    vec_free(&table.routes);
}

static void numbers_are_in_their_range(void **state)
{
    uint32_t as, all, up;
    uint64_t count;
    (void)state;
    assert_int_equal(gobgp_as_read(&as, slice_str("{\"asn\": 4294967295}")), 0);
    assert_int_equal(as, UINT32_MAX);
    assert_int_equal(gobgp_as_read(&as, slice_str("{}")), 0);
    assert_int_equal(as, 0);
    static const char *const bad[] = {"{\"asn\": 4294967296}",
                                      "{\"asn\": -1}",
                                      "{\"asn\": \"1\"}",
                                      "{\"error\": \"x\"}",
                                      "[]",
                                      "",
                                      "1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(gobgp_as_read(&as, slice_str(bad[i])), E_SYNTAX);
        assert_int_equal(as, 0);
    }
    assert_int_equal(gobgp_count_read(&count, slice_str("{\"num_destination\": 4294967296}")), 0);
    assert_int_equal(count, 4294967296);
    assert_int_equal(gobgp_sessions_read(&all, &up, slice_str("null")), 0);
    assert_int_equal(gobgp_sessions_read(&all, &up, slice_str("{}")), E_SYNTAX);
    assert_int_equal(gobgp_sessions_read(&all, &up,
                                         slice_str("[{\"state\": {\"session_state\": "
                                                   "6}}, {}, {\"state\": 6}]")),
                     0);
    assert_int_equal(all, 3);
    assert_int_equal(up, 1);
}

static void a_record_is_taken_as_a_whole(void **state)
{
    ip_prefixes prefixes = {0};
    struct buf text = {0};
    (void)state;
    assert_int_equal(gobgp_record_read(&prefixes,
                                       slice_str("{\"prefixes\": [\"192.0.2.9/32\", \"x\"]}")),
                     E_SYNTAX);
    assert_int_equal(prefixes.n, 0);
    for (unsigned n = GOBGP_RECORD_MAX; n <= GOBGP_RECORD_MAX + 1; n++) {
        text.n = 0;
        buf_puts(&text, "{\"prefixes\": [\"192.0.2.1/32\"");
        for (unsigned i = 1; i < n; i++)
            buf_puts(&text, ", \"192.0.2.1/32\"");
        buf_puts(&text, "]}");
        assert_int_equal(gobgp_record_read(&prefixes, slice_of(text.p, text.n)),
                         n > GOBGP_RECORD_MAX ? E_SYNTAX : 0);
    }
    assert_int_equal(prefixes.n, 1);
    buf_free(&text);
    vec_free(&prefixes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read),
        cmocka_unit_test(numbers_are_in_their_range),
        cmocka_unit_test(a_record_is_taken_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
