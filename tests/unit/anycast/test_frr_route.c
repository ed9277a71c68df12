/* SPDX-License-Identifier: Apache-2.0
 * A route as bgpd shows it: whose it is, whether neighbours are told, and whether it is as told. */
#include "anycast/frr_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* As bgpd 8.4.4 shows it, shortened. */
#define PATH(more)                                                                          \
    "{\"aspath\": {\"string\": \"65001 65001\", \"length\": 2}, \"metric\": 200, " more     \
    "\"community\": {\"list\": [\"65001:53\", \"gracefulShutdown\"]}, \"largeCommunity\": " \
    "{\"list\": [\"65001:1:2\", \"4294967295:0:7\"]}, \"nexthops\": [{\"ip\": \"10.9.0.7\"}]}"
#define OWN "\"valid\": true, \"sourced\": true, \"local\": true, "
#define BEST "\"bestpath\": {\"overall\": true}, "
#define PATHS(paths) "{\"prefix\": \"192.0.2.53/32\", \"paths\": [" paths "]}"

static const struct large_community large[] = {{{4294967295u, 0, 7}}, {{65001, 1, 2}}};
static struct route_attributes attributes;
static struct ip next_hop;

static int begin(void **state)
{
    (void)state;
    attributes = (struct route_attributes){.prepend = 2,
                                           .has_med = true,
                                           .med = 200,
                                           .communities = {{65001, 53}, {65535, 0}},
                                           .n_communities = 2,
                                           .large = large,
                                           .n_large = 2};
    return ip_parse(&next_hop, "10.9.0.7");
}

static struct frr_route read_route(const char *document)
{
    const struct frr_expected expected = {&attributes, &next_hop};
    struct slice text = slice_str(document);
    struct frr_route route;
    assert_int_equal(frr_route_read(&route, &text, &expected), 0);
    assert_int_equal(text.n, 0);
    return route;
}

static bool differs(void)
{
    return read_route(PATHS(PATH(OWN BEST))).differs;
}

static void it_is_as_told_or_not(void **state)
{
    (void)state;
    assert_false(differs());
    attributes.prepend = 1;
    assert_true(differs());
    begin(NULL);
    attributes.med = 201;
    assert_true(differs());
    attributes.has_med = false;
    assert_true(differs());
    begin(NULL);
    attributes.n_large = 1;
    assert_true(differs());
    attributes.n_large = 0;
    assert_true(differs());
    begin(NULL);
    attributes.large = (const struct large_community[]){{{65001, 1, 2}}, {{65001, 1, 3}}};
    attributes.n_large = 2;
    assert_true(differs());
    begin(NULL);
    next_hop.b[3] = 8;
    assert_true(differs());
}

/* bgpd writes words in the place of some numbers; which, depends on its version. */
static void communities_may_be_words(void **state)
{
    (void)state;
    attributes.communities[1] = (struct community){65535, 666};
    assert_false(differs()); /* a word, and a number that is not there */
    attributes.communities[0] = (struct community){65001, 54};
    assert_true(differs());
    begin(NULL);
    attributes.n_communities = 1;
    assert_true(differs());
    attributes.communities[0] = (struct community){65535, 0};
    assert_true(differs());
    attributes.n_communities = 0;
    assert_true(differs());
    attributes.communities[2] = (struct community){65001, 55};
    attributes.n_communities = 3;
    assert_true(differs());
}

static void expect(const char *document, bool sourced, bool valid, bool best)
{
    struct frr_route route = read_route(document);
    if (route.sourced != sourced || route.valid != valid || route.best != best)
        fail_msg("%d %d %d of %s", route.sourced, route.valid, route.best, document);
}

static void whose_it_is_and_whether_it_is_told(void **state)
{
    (void)state;
    expect(PATHS(PATH(OWN BEST)), true, true, true);
    expect(PATHS(PATH(OWN)), true, true, false);
    expect(PATHS(PATH("\"sourced\": true, \"valid\": false, " BEST)), true, false, false);
    expect(PATHS(PATH("\"local\": true, \"valid\": true, " BEST)), true, true, true);
    expect(PATHS(PATH("\"valid\": true, " BEST)), false, false, false);
    expect(PATHS(PATH(OWN BEST "\"removed\": true, ")), false, false, false);
    expect(PATHS(PATH("\"valid\": true, " BEST) "," PATH(OWN)), true, true, false);
    expect(PATHS(""), false, false, false);
    expect("{\n}", false, false, false);
    assert_true(read_route(PATHS(PATH(OWN "\"processScheduled\": true, "))).pending);
    assert_false(read_route(PATHS(PATH(OWN))).pending);
    assert_false(read_route("{\"advertisedTo\": {}}").advertised);
    assert_true(read_route("{\"advertisedTo\": {\"10.9.0.1\": {}}}").advertised);
}

static void documents_are_taken_one_by_one(void **state)
{
    const struct frr_expected expected = {&attributes, NULL};
    struct slice text = slice_str("{\n}\n\n" PATHS(PATH(OWN BEST)) "{}x");
    struct frr_route route;
    (void)state;
    assert_int_equal(frr_route_read(&route, &text, &expected), 0);
    assert_false(route.sourced);
    assert_int_equal(frr_route_read(&route, &text, &expected), 0);
    assert_true(route.best && !route.differs);
    assert_int_equal(frr_route_read(&route, &text, &expected), 0);
    assert_int_equal(text.n, 1);
    assert_int_not_equal(frr_route_read(&route, &text, &expected), 0);
    text.n = 0;
    assert_int_not_equal(frr_route_read(&route, &text, &expected), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_as_told_or_not, begin),
        cmocka_unit_test_setup(communities_may_be_words, begin),
        cmocka_unit_test_setup(whose_it_is_and_whether_it_is_told, begin),
        cmocka_unit_test_setup(documents_are_taken_one_by_one, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
