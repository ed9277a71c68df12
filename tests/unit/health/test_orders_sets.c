/* SPDX-License-Identifier: Apache-2.0
 * Orders on prefix sets: targets, words that do not fit, layers, what a site's orders say, reloads,
 * standing, merging. */
#include "orders_world.h"

static int announce(const char *target, enum announce_order order)
{
    const struct order_words words = {.kind = ORDER_ANNOUNCE, .announce = order};
    return give_words(target, &words);
}

static int state_for(const char *target, enum override override, int64_t for_ms)
{
    const struct order_words words = {.override = override, .for_ms = for_ms};
    return give_words(target, &words);
}

static enum announce_order decided(const char *set, const char *site)
{
    return orders_decide_set(&orders, set, site).order;
}

static void test_targets(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(target_parse(&t, "anycast:a0"), 0);
    assert_true(target_is_of_sets(&t));
    assert_true(target_matches_set(&t, "a0", NULL));
    assert_false(target_matches_set(&t, "a1", "a0"));
    assert_false(target_matches(&t, m, 0));
    target_free(&t);
    assert_int_equal(target_parse(&t, "anycast:"), E_SYNTAX);
    /* With a slash it is a pool's name, as those are that checks of a set alone are in. */
    assert_int_equal(target_parse(&t, "anycast:a0/s0"), 0);
    assert_false(target_is_of_sets(&t));
    assert_string_equal(t.pool.text, "anycast:a0");
    target_free(&t);
    /* A whole site, by whatever words; not a part of it. */
    static const char *const whole[] = {"s0", "*/s0", "*/s0/*", "s*", "*"};
    static const char *const part[] = {"p0/s0", "p*/s0", "*/s0/w0", "*/s0/w*", "s1"};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        assert_int_equal(target_parse(&t, whole[i]), 0);
        assert_true(target_matches_set(&t, "a0", "s0"));
        assert_false(target_matches_set(&t, "a0", NULL));
        assert_false(target_matches_set(&t, "a0", ""));
        target_free(&t);
        assert_int_equal(target_parse(&t, part[i]), 0);
        assert_false(target_matches_set(&t, "a0", "s0"));
        target_free(&t);
    }
}

static void test_targets_compared(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same, covers, meets;
    } cases[] = {
        {"anycast:a0", "anycast:a0", true, true, true},
        {"anycast:a*", "anycast:a0", false, true, true},
        {"anycast:a0", "anycast:a*", false, false, true},
        {"anycast:a0", "anycast:a1", false, false, false},
        {"anycast:*", "anycast:**", true, true, true},
        {"*", "anycast:a0", false, false, false},
        {"anycast:*", "s0", false, false, false},
        {"anycast:*", "*", false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target a, b;
        assert_int_equal(target_parse(&a, cases[i].a) | target_parse(&b, cases[i].b), 0);
        if (target_same(&a, &b) != cases[i].same || target_covers(&a, &b) != cases[i].covers ||
            target_may_meet(&a, &b) != cases[i].meets)
            fail_msg("%s against %s", cases[i].a, cases[i].b);
        target_free(&a);
        target_free(&b);
    }
}

static void test_words_have_to_fit(void **state)
{
    (void)state;
    const struct order_words forced = {
        .kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_YES, .forced = true};
    const struct order_words forced_drain = {
        .kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_DRAIN, .forced = true};
    const struct order_words weight = {.kind = ORDER_WEIGHT, .weight = 1};
    assert_int_equal(state_for("anycast:a0", OVERRIDE_UP, 0), E_INVALID);
    assert_int_equal(state_for("anycast:a0", OVERRIDE_AUTO, 0), E_INVALID);
    assert_int_equal(give_words("anycast:a0", &weight), E_INVALID);
    assert_int_equal(announce("s0", ANNOUNCE_DRAIN), E_INVALID);
    assert_int_equal(announce("p0/s0/w0", ANNOUNCE_AUTO), E_INVALID);
    assert_int_equal(give_words("anycast:a0", &forced_drain), E_INVALID);
    assert_int_equal(announce("anycast:zz", ANNOUNCE_YES), E_NOTFOUND);
    assert_int_equal(announce("anycast:zz", ANNOUNCE_AUTO), E_NOTFOUND);
    assert_int_equal(orders.n, 0);
    assert_int_equal(give_words("anycast:a0", &forced), 0);
    assert_true(orders_decide_set(&orders, "a0", "s0").forced);
    assert_ptr_equal(orders_decide_set(&orders, "a0", "s0").by, orders.v[0]);
    char text[32];
    assert_string_equal(order_value_text(text, orders.v[0]), "announce, forced");
    assert_int_equal(announce("anycast:a0", ANNOUNCE_YES), 0);
    assert_int_equal(orders.n, 1);
    assert_false(orders_decide_set(&orders, "a0", "s0").forced);
    assert_string_equal(order_value_text(text, orders.v[0]), "announce");
}

static void test_layers(void **state)
{
    (void)state;
    const struct order_words for_a_while = {
        .kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_WITHDRAW, .for_ms = 1000};
    assert_int_equal(announce("anycast:*", ANNOUNCE_DRAIN), 0);
    assert_int_equal(decided("c", NULL), ANNOUNCE_DRAIN);
    assert_int_equal(announce("anycast:a*", ANNOUNCE_YES), 0);
    assert_int_equal(give_words("anycast:a0", &for_a_while), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_WITHDRAW);
    assert_int_equal(decided("a1", "s1"), ANNOUNCE_YES);
    assert_int_equal(orders_expire(&orders, NOW + 1000), 1);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_YES);
    /* `auto` for one excepts it from what decides the others. */
    assert_int_equal(announce("anycast:a0", ANNOUNCE_AUTO), 0);
    assert_int_equal(orders.n, 3);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_AUTO);
    assert_int_equal(announce("anycast:*", ANNOUNCE_AUTO), 0);
    assert_int_equal(orders.n, 0);
}

static void test_a_site_orders_its_sets(void **state)
{
    (void)state;
    assert_int_equal(state_for("s0", OVERRIDE_DRAIN, 0), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_DRAIN);
    assert_int_equal(decided("a1", "s1"), ANNOUNCE_AUTO);
    assert_int_equal(decided("c", NULL), ANNOUNCE_AUTO);
    assert_string_equal(orders_decide_set(&orders, "b1", "s0").by->target.text, "s0");
    assert_int_equal(state_for("*/s0", OVERRIDE_DOWN, 0), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_WITHDRAW);
    assert_int_equal(state_for("p0/s0", OVERRIDE_UP, 0), 0); /* not of the whole site */
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_WITHDRAW);
    assert_int_equal(state_for("s0", OVERRIDE_UP, 0), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_AUTO);
    assert_non_null(orders_decide_set(&orders, "a0", "s0").by);
}

/* Of the two the one on the set decides, even if it is the older; `auto` is none. */
static void test_the_sets_own_order_is_above_the_sites(void **state)
{
    (void)state;
    assert_int_equal(announce("anycast:a0", ANNOUNCE_YES), 0);
    assert_int_equal(state_for("s0", OVERRIDE_DRAIN, 0), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_YES);
    assert_int_equal(decided("b1", "s0"), ANNOUNCE_DRAIN);
    assert_int_equal(announce("anycast:a0", ANNOUNCE_AUTO), 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_DRAIN);
    /* One that is laid over a wider order lets the site's through as well. */
    assert_int_equal(announce("anycast:*", ANNOUNCE_YES), 0);
    assert_int_equal(announce("anycast:a0", ANNOUNCE_AUTO), 0);
    assert_int_equal(orders.n, 3);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_DRAIN);
    assert_int_equal(decided("b1", "s0"), ANNOUNCE_YES);
}

/* A node that only announces: its site has no endpoints. */
static void test_a_site_without_endpoints(void **state)
{
    (void)state;
    const struct order_words weight = {.kind = ORDER_WEIGHT, .weight = 1};
    for (uint32_t e = 0; e < SMALL_ENDPOINTS; e++)
        names.absent[e] = true;
    build();
    assert_int_equal(state_for("s0", OVERRIDE_DRAIN, 0), 0);
    assert_int_equal(state_for("p0/s0", OVERRIDE_DRAIN, 0), E_NOTFOUND);
    assert_int_equal(give_words("s0", &weight), E_NOTFOUND);
    (void)orders_follow(&orders, m, NOW, NULL, NULL);
    assert_false(orders.v[0]->is_lost);
    assert_int_equal(state_for("s*", OVERRIDE_DRAIN, 0), 0);
    assert_int_equal(state_for("s0", OVERRIDE_AUTO, 0), 0); /* is laid over s* */
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_AUTO);
    assert_int_equal(decided("a1", "s1"), ANNOUNCE_DRAIN);
}

/* `auto` for some endpoints of a site leaves its order, which is about its sets as well. */
static void test_auto_for_a_part_of_a_site(void **state)
{
    (void)state;
    for (uint32_t e = SMALL_SITES * SMALL_IN_SITE; e < SMALL_ENDPOINTS; e++)
        names.absent[e] = true; /* p0 is all there is in s0 */
    build();
    assert_int_equal(state_for("s0", OVERRIDE_DRAIN, 0), 0);
    assert_int_equal(state_for("p0/s0", OVERRIDE_AUTO, 0), 0);
    assert_int_equal(orders.n, 2);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_DRAIN);
    const struct order_words weight = {.kind = ORDER_WEIGHT, .weight = 1},
                             no_weight = {.kind = ORDER_WEIGHT, .weight = ORDER_AUTO_WEIGHT};
    assert_int_equal(give_words("s0", &weight), 0);
    assert_int_equal(give_words("p0/s0", &no_weight), 0); /* weights are of endpoints alone */
    assert_int_equal(orders.n, 2);
    /* So there is nothing to except from where a site has none left. */
    assert_int_equal(give_words("*", &weight), 0);
    assert_int_equal(give_words("s0", &weight), 0);
    for (uint32_t e = 0; e < SMALL_IN_SITE; e++)
        names.absent[e] = true;
    build();
    assert_int_equal(give_words("s0", &no_weight), 0);
    assert_int_equal(orders.n, 3);
}

static void note_follow(void *ctx, enum follow_kind kind, const struct order *before,
                        const struct order *now)
{
    (void)before, (void)now;
    ((int *)ctx)[kind]++;
}

static void test_a_set_that_goes_and_comes_back(void **state)
{
    (void)state;
    int n[3] = {0};
    assert_int_equal(announce("anycast:a0", ANNOUNCE_WITHDRAW), 0);
    names.absent_set[0] = true;
    build();
    assert_true(orders_follow(&orders, m, NOW, note_follow, n));
    assert_true(orders.v[0]->is_lost);
    assert_int_equal(n[FOLLOW_LOST], 1);
    assert_int_equal(announce("anycast:a0", ANNOUNCE_DRAIN), E_NOTFOUND);
    names.absent_set[0] = false;
    build();
    assert_true(orders_follow(&orders, m, NOW, note_follow, n));
    assert_int_equal(n[FOLLOW_BACK], 1);
    assert_int_equal(n[FOLLOW_MOVED], 0);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_WITHDRAW);
    /* `auto` takes away what is lost. */
    names.absent_set[0] = true;
    build();
    assert_int_equal(announce("anycast:a0", ANNOUNCE_AUTO), 0);
    assert_int_equal(orders.n, 0);
}

static void test_standing(void **state)
{
    (void)state;
    struct order_standing s[4];
    assert_int_equal(announce("anycast:*", ANNOUNCE_DRAIN), 0);
    assert_int_equal(announce("anycast:a*", ANNOUNCE_YES), 0);
    assert_int_equal(announce("anycast:a1", ANNOUNCE_WITHDRAW), 0);
    assert_int_equal(state_for("s0", OVERRIDE_DRAIN, 0), 0);
    orders_stand(s, &orders, m);
    assert_int_equal(s[0].n_matched, 5);
    assert_int_equal(s[0].n_decided, 3);
    assert_int_equal(s[0].n_above, 2);
    assert_int_equal(s[0].above, 2);
    assert_int_equal(s[1].n_matched, 2);
    assert_int_equal(s[1].n_decided, 1);
    assert_int_equal(s[1].n_above, 1);
    assert_int_equal(s[2].n_decided, 1);
    assert_int_equal(s[2].above, ORDER_NONE);
    assert_int_equal(s[3].n_matched, SMALL_POOLS * SMALL_IN_SITE); /* endpoints */
}

static void test_merging(void **state)
{
    (void)state;
    struct orders other = {.node = "o"};
    const struct order *laid;
    const struct order_words drain = {.kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_DRAIN};
    assert_int_equal(announce("anycast:a0", ANNOUNCE_YES), 0);
    assert_int_equal(orders_give(&other, m, "anycast:a0", &drain, NOW + 5, &laid), 0);
    orders_merge(&orders, &other);
    orders_merge(&other, &orders);
    assert_int_equal(decided("a0", "s0"), ANNOUNCE_DRAIN);
    assert_true(orders_equal(&orders, &other));
    assert_int_equal(orders.n, 1);
    orders_free(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_targets),
        TEST(test_targets_compared),
        TEST(test_words_have_to_fit),
        TEST(test_layers),
        TEST(test_a_site_orders_its_sets),
        TEST(test_the_sets_own_order_is_above_the_sites),
        TEST(test_a_site_without_endpoints),
        TEST(test_auto_for_a_part_of_a_site),
        TEST(test_a_set_that_goes_and_comes_back),
        TEST(test_standing),
        TEST(test_merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
