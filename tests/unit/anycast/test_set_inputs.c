/* SPDX-License-Identifier: Apache-2.0
 * What conditions and orders of prefix sets come to, of states and levels as the checker has them.
 */
#include "anycast/set_inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two sites; pool www has endpoints 0, 1 in ams (weights 3, 1) and 2 in iad (4); pool api has 3 in
 * ams; endpoint 4 is what is checked for the set alone. */
enum { WWW, API, OWN, AMS = 0, IAD = 1, UPLINK = 4, N = 5 };

static const struct site sites[2] = {{.name = "ams"}, {.name = "iad"}};
static struct endpoint endpoints[N] = {{.pool = WWW, .site = AMS, .weight = 3},
                                       {.pool = WWW, .site = AMS, .weight = 1},
                                       {.pool = WWW, .site = IAD, .weight = 4},
                                       {.pool = API, .site = AMS, .weight = 1},
                                       {.pool = OWN, .site = AMS, .weight = 1}};
static const struct pool_site www[2] = {{.site = AMS, .first_endpoint = 0, .n_endpoints = 2},
                                        {.site = IAD, .first_endpoint = 2, .n_endpoints = 1}},
                              api[1] = {{.site = AMS, .first_endpoint = 3, .n_endpoints = 1}},
                              own[1] = {{.site = AMS, .first_endpoint = 4, .n_endpoints = 1}};
static struct pool pools[3] = {
    {.name = "www", .sites = www, .n_sites = 2, .checks.n = 1},
    {.name = "api", .sites = api, .n_sites = 1, .checks.n = 1},
    {.name = "anycast:dns", .sites = own, .n_sites = 1, .checks.n = 1, .of_anycast = true}};
static struct model model = {.sites = sites,
                             .n_sites = 2,
                             .pools = pools,
                             .n_pools = 3,
                             .endpoints = endpoints,
                             .n_endpoints = N};
static struct endpoint_state states[N];
static struct orders orders;
static bool panic;
static const struct inputs_batch *before;

static struct anycast_condition conditions[3];
static struct anycast_spec spec = {.name = "dns", .site = "ams", .conditions = conditions};
static struct anycast_set set;

static struct anycast_condition pool_in(uint32_t pool, uint32_t site, double min_up)
{
    return (struct anycast_condition){
        .name = "pool", .pool = pool, .site = site, .endpoint = MODEL_NONE, .min_up = min_up};
}

static struct anycast_condition check_of(uint32_t endpoint)
{
    return (struct anycast_condition){.name = "check", .endpoint = endpoint};
}

static int set_up(void **state)
{
    (void)state;
    panic = false;
    before = NULL;
    for (uint32_t i = 0; i < N; i++)
        states[i] =
            (struct endpoint_state){.health = HEALTH_UP, .checked = true, .weight_override = -1};
    endpoints[1].weight = 1;
    pools[API].checks.n = 1;
    spec.n_conditions = 0;
    set = (struct anycast_set){
        .n_holds = 1, .arena = arena_new(), .sets = &spec, .n_sets = 1, .node = ""};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(set.arena);
    return 0;
}

static void need(struct anycast_condition condition)
{
    conditions[spec.n_conditions++] = condition;
}

static struct inputs_batch *work_out(void)
{
    struct level_table *levels = level_table_new(&model, states);
    const struct inputs_sources from = {.model = &model,
                                        .states = states,
                                        .levels = levels,
                                        .orders = &orders,
                                        .panic = panic,
                                        .before = before};
    struct inputs_batch *batch = inputs_batch_new(&set, &from);
    level_table_free(levels);
    return batch;
}

static void assert_condition(uint32_t nth, bool ok, bool known, const char *reason)
{
    struct inputs_batch *b = work_out();
    assert_int_equal(b->conditions[nth].ok, ok);
    assert_int_equal(b->conditions[nth].known, known);
    assert_string_equal(b->conditions[nth].reason, reason);
    inputs_batch_free(b);
}

static void assert_set(bool known, bool when_ok, bool full_ok, bool frozen)
{
    struct inputs_batch *b = work_out();
    assert_int_equal(b->sets[0].known, known);
    assert_int_equal(b->sets[0].when_ok, when_ok);
    assert_int_equal(b->sets[0].full_ok, full_ok);
    assert_int_equal(b->sets[0].frozen, frozen);
    inputs_batch_free(b);
}

static void test_nothing_is_needed(void **state)
{
    (void)state;
    assert_set(true, true, true, false);
}

static void test_weight_of_a_site(void **state)
{
    (void)state;
    need(pool_in(WWW, AMS, 0.75));
    states[1].health = HEALTH_DOWN;
    assert_condition(0, true, true, "75 % of the weight is up, at least 75 % is needed");
    states[1].health = HEALTH_UP;
    states[0].health = HEALTH_DOWN;
    assert_condition(0, false, true, "25 % of the weight is up, at least 75 % is needed");
    states[2].health = HEALTH_DOWN; /* of another site */
    assert_condition(0, false, true, "25 % of the weight is up, at least 75 % is needed");
}

static void test_weight_of_all_sites(void **state)
{
    (void)state;
    need(pool_in(WWW, MODEL_NONE, 0.5));
    states[2].health = HEALTH_DOWN;
    assert_condition(0, true, true, "50 % of the weight is up, at least 50 % is needed");
    states[1].health = HEALTH_DOWN;
    assert_condition(0, false, true, "37.5 % of the weight is up, at least 50 % is needed");
}

static void test_any_weight(void **state)
{
    (void)state;
    need(pool_in(WWW, IAD, 0));
    assert_condition(0, true, true, "100 % of the weight is up, any is enough");
    states[2].health = HEALTH_DOWN;
    assert_condition(0, false, true, "0 % of the weight is up, any is enough");
    states[2].health = HEALTH_UP;
    states[2].override = OVERRIDE_DRAIN;
    assert_condition(0, false, true, "nothing of it has a weight that counts");
}

static void test_is_known_when_all_that_count_have_a_result(void **state)
{
    (void)state;
    need(pool_in(WWW, AMS, 0.3));
    states[1].health = HEALTH_UNKNOWN;
    states[1].assumed_up = true;
    assert_condition(0, true, false,
                     "100 % of the weight is up, at least 30 % is needed; 1 without a result yet");
    states[1].override = OVERRIDE_DRAIN;
    assert_condition(0, true, true, "100 % of the weight is up, at least 30 % is needed");
    states[1].override = OVERRIDE_AUTO;
    endpoints[1].weight = 0;
    assert_condition(0, true, true, "100 % of the weight is up, at least 30 % is needed");
    states[2].health = HEALTH_UNKNOWN; /* of another site */
    assert_condition(0, true, true, "100 % of the weight is up, at least 30 % is needed");
}

static void test_what_was_known_is_known(void **state)
{
    (void)state;
    need(pool_in(WWW, AMS, 0.3));
    need(pool_in(WWW, IAD, 0.3));
    states[2].health = HEALTH_UNKNOWN;
    struct inputs_batch *b = work_out();
    assert_true(b->conditions[0].known);
    assert_false(b->conditions[1].known);
    before = b;
    states[0].health = HEALTH_UNKNOWN; /* nobody looks at it again */
    assert_condition(0, false, true, "25 % of the weight is up, at least 30 % is needed");
    assert_condition(1, false, false,
                     "0 % of the weight is up, at least 30 % is needed; 1 without a result yet");
    inputs_batch_free(b);
}

static void test_own_checks_go_by_probes_alone(void **state)
{
    (void)state;
    need(check_of(UPLINK));
    snprintf(states[UPLINK].reason, REASON_MAX, "connected");
    assert_condition(0, true, true, "up: connected");
    states[UPLINK].override = OVERRIDE_DOWN;
    assert_condition(0, true, true, "up: connected");
    states[UPLINK] = (struct endpoint_state){.health = HEALTH_DOWN, .override = OVERRIDE_UP};
    assert_condition(0, false, true, "down");
    states[UPLINK].health = HEALTH_UNKNOWN;
    states[UPLINK].assumed_up = true;
    assert_condition(0, false, false, "unknown");
}

static void test_all_must_hold(void **state)
{
    (void)state;
    need(check_of(UPLINK));
    need(pool_in(WWW, AMS, 0.3));
    need(pool_in(WWW, AMS, 0.9));
    conditions[2].is_full = true;
    assert_set(true, true, true, false);
    states[1].health = HEALTH_DOWN;
    assert_set(true, true, false, false);
    states[0].health = HEALTH_DOWN;
    assert_set(true, false, false, false);
    states[0].health = HEALTH_UP;
    states[UPLINK].health = HEALTH_UNKNOWN;
    assert_set(false, false, false, false);
}

static void all_down(void)
{
    for (uint32_t i = 0; i < N; i++)
        states[i].health = HEALTH_DOWN;
}

static void test_one_who_sees_nothing_believes_nothing(void **state)
{
    (void)state;
    need(check_of(UPLINK));
    need(pool_in(WWW, AMS, 0.3));
    all_down();
    assert_set(true, false, true, true);
    states[3].health = HEALTH_UP; /* another pool */
    assert_set(true, false, true, false);
    pools[API].checks.n = 0; /* whose checks are none */
    assert_set(true, false, true, true);
    states[UPLINK].health = HEALTH_UP;
    assert_set(true, false, true, false);
    states[UPLINK].health = HEALTH_UNKNOWN;
    assert_set(false, false, true, false);
}

static void test_without_a_check_pools_are_believed(void **state)
{
    (void)state;
    need(pool_in(WWW, AMS, 0.3));
    all_down();
    assert_set(true, false, true, false);
    panic = true;
    assert_set(true, false, true, true);
}

static void test_a_check_alone_is_believed(void **state)
{
    (void)state;
    need(check_of(UPLINK));
    all_down();
    assert_set(true, false, true, false);
}

static void test_orders(void **state)
{
    (void)state;
    const struct prefix_set configs[1] = {{.name = "dns", .site = AMS}};
    const struct order *laid;
    const struct order_words words = {
        .kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_YES, .forced = true, .author = "ann"};
    model.prefix_sets = configs;
    model.n_prefix_sets = 1;
    assert_int_equal(orders_give(&orders, &model, "anycast:dns", &words, 1000, &laid), 0);
    struct inputs_batch *b = work_out();
    assert_int_equal(b->sets[0].order, ANNOUNCE_YES);
    assert_true(b->sets[0].forced);
    assert_string_equal(b->sets[0].order_id, "@1");
    inputs_batch_free(b);
    spec.name = "other";
    b = work_out();
    assert_int_equal(b->sets[0].order, ANNOUNCE_AUTO);
    assert_string_equal(b->sets[0].order_id, "");
    inputs_batch_free(b);
    spec.name = "dns";
    orders_free(&orders);
    orders = (struct orders){0};
}

/** As the order on a site does: its endpoints, and the set that needs them. */
static void test_what_is_drained_with_the_set(void **state)
{
    (void)state;
    const struct prefix_set configs[1] = {{.name = "dns", .site = AMS}};
    const struct order *laid;
    const struct order_words words = {
        .kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_DRAIN, .author = "ann"};
    model.prefix_sets = configs;
    model.n_prefix_sets = 1;
    need(pool_in(WWW, AMS, 0.75));
    states[0].override = states[1].override = OVERRIDE_DRAIN;
    assert_condition(0, false, true, "nothing of it has a weight that counts");
    assert_int_equal(orders_give(&orders, &model, "anycast:dns", &words, 1000, &laid), 0);
    assert_condition(0, true, true,
                     "nothing of it has a weight that counts, it is drained as well");
    states[1].override = OVERRIDE_AUTO;
    states[1].health = HEALTH_DOWN;
    assert_condition(0, false, true, "0 % of the weight is up, at least 75 % is needed");
    orders_free(&orders);
    orders = (struct orders){0};
}

static void test_only_what_is_new_differs(void **state)
{
    (void)state;
    need(check_of(UPLINK));
    struct inputs_batch *a = work_out(), *b = inputs_batch_copy(a);
    assert_true(inputs_batch_equal(a, b));
    inputs_batch_free(b);
    snprintf(states[UPLINK].reason, REASON_MAX, "slow");
    b = work_out();
    assert_false(inputs_batch_equal(a, b));
    memcpy(b->conditions, a->conditions, sizeof *a->conditions);
    assert_true(inputs_batch_equal(a, b));
    b->sets[0].frozen = true;
    assert_false(inputs_batch_equal(a, b));
    b->sets[0] = a->sets[0];
    b->sets[0].order = ANNOUNCE_DRAIN;
    assert_false(inputs_batch_equal(a, b));
    b->sets[0] = a->sets[0];
    b->conditions[0].ok = !b->conditions[0].ok;
    assert_false(inputs_batch_equal(a, b));
    inputs_batch_free(a);
    inputs_batch_free(b);
    inputs_batch_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_needed),
        TEST(test_weight_of_a_site),
        TEST(test_weight_of_all_sites),
        TEST(test_any_weight),
        TEST(test_is_known_when_all_that_count_have_a_result),
        TEST(test_what_was_known_is_known),
        TEST(test_own_checks_go_by_probes_alone),
        TEST(test_all_must_hold),
        TEST(test_one_who_sees_nothing_believes_nothing),
        TEST(test_without_a_check_pools_are_believed),
        TEST(test_a_check_alone_is_believed),
        TEST(test_orders),
        TEST(test_what_is_drained_with_the_set),
        TEST(test_only_what_is_new_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
