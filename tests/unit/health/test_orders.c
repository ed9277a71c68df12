/* SPDX-License-Identifier: Apache-2.0
 * Orders: targets, who decides, what a new one replaces, lies above, or takes away, expiry, what
 * ended, merging, following, standing. */
#include "orders_world.h"

#include "base/rng.h"

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"abc", "abc", true},
        {"abc", "abd", false},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"a*c", "abc", true},
        {"a*c", "ac", true},
        {"a*c", "acd", false},
        {"*b*", "abc", true},
        {"**", "x", true},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXcXb", false},
        {"web?", "web1", false},
        {"[a]", "a", false},
        {"ams*", "ams", true},
        {"2001:db8:*", "2001:db8:1::11", true},
        {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"a*", "a*b", true}, /* patterns as text: covers */
        {"ab*", "a*b", false},
        {"*", "*", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("%s against %s", cases[i].pattern, cases[i].text);
}

static void make_pattern(struct rng *rng, char *out)
{
    uint32_t n = rng_below(rng, 5);
    for (uint32_t i = 0; i < n; i++)
        out[i] = "ab*"[rng_below(rng, 3)];
    out[n] = '\0';
}

/* All texts over {a,b} up to 6 long decide what the patterns have in common. */
static void test_overlap_and_cover_against_all_texts(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    for (int round = 0; round < 3000; round++) {
        char a[5], b[5], text[8];
        make_pattern(&rng, a);
        make_pattern(&rng, b);
        bool overlap = false, cover = true;
        for (unsigned n = 0; n <= 6; n++)
            for (unsigned bits = 0; bits < 1u << n; bits++) {
                for (unsigned i = 0; i < n; i++)
                    text[i] = bits >> i & 1 ? 'b' : 'a';
                text[n] = '\0';
                bool in_a = glob_match(a, text), in_b = glob_match(b, text);
                overlap |= in_a && in_b;
                cover &= in_a || !in_b;
            }
        if (glob_overlap(a, b) != overlap)
            fail_msg("overlap of %s and %s", a, b);
        if (glob_match(a, b) && !cover)
            fail_msg("%s does not cover %s", a, b);
    }
}

/* ---- over a small model ---- */

#define HOUR 3600000

static int set_for(const char *target, enum override o, int64_t for_ms)
{
    const struct order_words words = {.override = o, .for_ms = for_ms, .author = "root"};
    return give_words(target, &words);
}

static void set(const char *target, enum override o)
{
    assert_int_equal(set_for(target, o, 0), 0);
}

static int set_volatile(const char *target, enum override o)
{
    const struct order_words words = {.override = o, .is_volatile = true};
    return give_words(target, &words);
}

static void weigh(const char *target, int64_t weight)
{
    const struct order_words words = {.kind = ORDER_WEIGHT, .weight = weight};
    assert_int_equal(give_words(target, &words), 0);
}

/* The state of endpoint `number`. */
static struct endpoint_state state_of(uint32_t number)
{
    static struct endpoint_state states[SMALL_ENDPOINTS];
    orders_apply(&orders, m, states);
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        if (numbers[i] == number)
            return states[i];
    fail_msg("endpoint %u is absent", number);
    return states[0];
}

static enum override get(uint32_t number)
{
    return (enum override)state_of(number).override;
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *pool, *site, *label;
    } good[] = {
        {"ams", "*", "ams", "*"},
        {"www/ams", "www", "ams", "*"},
        {"www/ams/192.0.2.1", "www", "ams", "192.0.2.1"},
        {"*/a*/2001:db8::1", "*", "a*", "2001:db8::1"},
        {"a/b/c/d", "a", "b", "c/d"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct target t;
        assert_int_equal(target_parse(&t, good[i].target), 0);
        assert_string_equal(t.text, good[i].target);
        assert_string_equal(t.pool.text, good[i].pool);
        assert_string_equal(t.site.text, good[i].site);
        assert_string_equal(t.label.text, good[i].label);
        target_free(&t);
    }
    static const char *const bad[] = {"", "/", "www/", "/ams", "www//x", "www/ams/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct target t;
        assert_int_equal(target_parse(&t, bad[i]), E_SYNTAX);
    }
}

/* By name, by address in any spelling, by CNAME target in any case, with or without final dot. */
static void test_labels(void **state)
{
    static const uint8_t wire[] = "\1x\7example\3net";
    static const struct {
        const char *label;
        bool v4, v6, cname;
    } cases[] = {
        {"*", true, true, true},
        {"web7", true, true, false},
        {"web*", true, true, false},
        {"WEB7", false, false, false},
        {"192.0.2.1", true, false, false},
        {"192.0.2.2", false, false, false},
        {"192.0.*", true, false, false},
        {"192.0.*2", false, false, false},
        {"2001:db8::a", false, true, false},
        {"2001:DB8:0:0::000A", false, true, false},
        {"2001:DB8:*", false, true, false},
        {"*:*", false, true, false},
        {"x.example.net", false, false, true},
        {"X.Example.NET.", false, false, true},
        {"*.Example.NET.", false, false, true},
        {"x.example.org", false, false, false},
        {"x.example.net..", false, false, false},
    };
    struct endpoint v4 = {.name = "web7", .label = "web7"}, v6 = v4,
                    cname = {.label = "x.example.net", .cname = slice_of(wire, sizeof wire)};
    (void)state;
    assert_int_equal(ip_parse(&v4.addr, "192.0.2.1") | ip_parse(&v6.addr, "2001:db8::a"), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];
        struct target t;
        snprintf(text, sizeof text, "*/*/%s", cases[i].label);
        assert_int_equal(target_parse(&t, text), 0);
        if (target_matches_label(&t, &v4) != cases[i].v4 ||
            target_matches_label(&t, &v6) != cases[i].v6 ||
            target_matches_label(&t, &cname) != cases[i].cname)
            fail_msg("%s", cases[i].label);
        target_free(&t);
    }
}

static void test_the_newest_decides(void **state)
{
    (void)state;
    set("p0/s0", OVERRIDE_DRAIN);
    set("p0/s0/w0", OVERRIDE_UP);
    assert_int_equal(get(0), OVERRIDE_UP);
    assert_int_equal(get(1), OVERRIDE_DRAIN);
    assert_int_equal(get(4), OVERRIDE_AUTO);
    set("s0", OVERRIDE_DOWN);
    assert_int_equal(get(0), OVERRIDE_DOWN);
    assert_int_equal(orders.n, 3); /* all are kept beneath */
    set("s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 0); /* and what is within goes with it */
    assert_int_equal(orders.n_ended, 3);
}

/* "Broken disk", then the site is drained for a while: the machine stays down afterwards. */
static void test_a_temporary_order_gives_way_to_what_was(void **state)
{
    (void)state;
    set("p0/s0/w0", OVERRIDE_DOWN);
    assert_int_equal(set_for("s0", OVERRIDE_DRAIN, HOUR), 0);
    assert_int_equal(get(0), OVERRIDE_DRAIN);
    assert_int_equal(orders_next_expiry_ms(&orders), NOW + HOUR);
    assert_int_equal(orders_expire(&orders, NOW + HOUR - 1), 0);
    assert_int_equal(orders_expire(&orders, NOW + HOUR), 1);
    assert_int_equal(get(0), OVERRIDE_DOWN);
    assert_int_equal(get(1), OVERRIDE_AUTO);
    assert_int_equal(orders.ended[0]->end, ORDER_EXPIRED);
}

static void test_the_same_target_replaces(void **state)
{
    (void)state;
    set("p0/s0", OVERRIDE_DRAIN);
    set("p0/s0/*", OVERRIDE_DOWN); /* another spelling of it */
    assert_int_equal(orders.n, 1);
    assert_int_equal(orders.ended[0]->end, ORDER_REPLACED);
    assert_int_equal(set_for("p0/s0", OVERRIDE_UP, HOUR), 0); /* lies above */
    assert_int_equal(orders.n, 2);
    assert_int_equal(set_for("p0/s0", OVERRIDE_DRAIN, HOUR), 0); /* replaces that, not the other */
    assert_int_equal(orders.n, 2);
    assert_int_equal(get(0), OVERRIDE_DRAIN);
    set("p0/s0", OVERRIDE_UP); /* replaces both */
    assert_int_equal(orders.n, 1);
    weigh("p0/s0", 7); /* of another kind */
    assert_int_equal(orders.n, 2);
    assert_int_equal(get(0), OVERRIDE_UP);
    assert_int_equal(state_of(0).weight_override, 7);
    set("p0/s0/2001:db8::4", OVERRIDE_DOWN);
    set("p0/s0/2001:DB8:0::4", OVERRIDE_UP);
    assert_int_equal(orders.n, 3);
}

static void test_auto_takes_away_ones_own_layer(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    set("p0/s0", OVERRIDE_DOWN);
    set("p0/s0/w0", OVERRIDE_UP);
    weigh("p0/s0", 3);
    set("p0/s0", OVERRIDE_AUTO); /* and the one within; the wider one still decides there */
    assert_int_equal(get(0), OVERRIDE_AUTO);
    assert_int_equal(get(12), OVERRIDE_DRAIN);
    assert_int_equal(orders.n, 3); /* s0, the weight, and auto over p0/s0 */
    set("p0/s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 3);
    set("s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 1);
    assert_int_equal(state_of(0).weight_override, 3);
    weigh("p*/s*", -1);
    assert_int_equal(orders.n, 0);
    assert_int_equal(set_for("p0/s0", OVERRIDE_AUTO, 0), 0); /* nothing to do is no failure */
    assert_int_equal(set_for("p0/s9", OVERRIDE_AUTO, 0), E_NOTFOUND);
    assert_int_equal(set_for("p0/s9", OVERRIDE_UP, 0), E_NOTFOUND);
    assert_int_equal(set_for("p0//", OVERRIDE_UP, 0), E_SYNTAX);
}

/* Whatever it is called: what matches only endpoints within is taken away. */
static void test_within_is_by_endpoints(void **state)
{
    (void)state;
    set("p0/s0/w*", OVERRIDE_DOWN); /* w0, w2 */
    set("p0/s0/192.0.2.1", OVERRIDE_DOWN);
    set("p0/*/w0", OVERRIDE_DOWN);
    set("p0/*/w*", OVERRIDE_DOWN);
    set("p0/s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 2); /* p0/ * /w* is in other sites, too */
    assert_string_equal(orders.v[0]->target.text, "p0/*/w*");
    assert_int_equal(get(0), OVERRIDE_AUTO);
    assert_int_equal(get(4), OVERRIDE_DOWN);
}

static void test_auto_for_a_while(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    assert_int_equal(set_for("p0/s0/w0", OVERRIDE_AUTO, HOUR), 0);
    assert_int_equal(get(0), OVERRIDE_AUTO);
    assert_int_equal(state_of(0).override_until_s, (NOW + HOUR) / 1000); /* caps TTLs */
    assert_int_equal(orders_expire(&orders, NOW + HOUR), 1);
    assert_int_equal(get(0), OVERRIDE_DRAIN);
}

/* An auto goes with the last order that it is an exception from, of its own kind. */
static void test_needless_exceptions_go(void **state)
{
    (void)state;
    assert_int_equal(set_for("s0", OVERRIDE_DRAIN, HOUR), 0);
    set("p0/s0/w0", OVERRIDE_AUTO);
    weigh("s0", 5);
    set("s1", OVERRIDE_DOWN);
    assert_int_equal(orders.n, 4);
    assert_int_equal(orders_expire(&orders, NOW + HOUR), 1);
    assert_int_equal(orders.n, 2);
}

static void test_orders_for_what_is_gone(void **state)
{
    (void)state;
    set("p0/s0/w0", OVERRIDE_DOWN);
    set("p0/s1/w4", OVERRIDE_DOWN);
    names.absent[0] = names.absent[4] = true;
    build();
    (void)orders_follow(&orders, m, NOW, NULL, NULL);
    set("p0/s2/w8", OVERRIDE_AUTO); /* takes no order away that matches nothing */
    assert_int_equal(orders.n, 2);
    set("p0/s0/w0", OVERRIDE_AUTO); /* but by its name */
    assert_int_equal(orders.n, 1);
    orders_remove(&orders, orders_find_id(&orders, "@2"), NOW);
    assert_int_equal(orders.n, 0);
}

static void test_volatile_orders(void **state)
{
    (void)state;
    set("p0/s0", OVERRIDE_DRAIN);
    assert_int_equal(set_volatile("p0/s0", OVERRIDE_UP), 0);
    assert_int_equal(orders.n, 2); /* what is on disk stays beneath */
    assert_int_equal(set_volatile("p0/s0", OVERRIDE_DOWN), 0);
    assert_int_equal(orders.n, 2);
    assert_int_equal(get(0), OVERRIDE_DOWN);
    assert_int_equal(set_volatile("p0/s0", OVERRIDE_AUTO), 0);
    assert_int_equal(orders.n, 2); /* an exception from it, in memory */
    assert_int_equal(get(0), OVERRIDE_AUTO);
    assert_int_equal(orders.n_ended, 0);
    set("p0/s0", OVERRIDE_UP);
    assert_int_equal(orders.n, 1);
    assert_int_equal(get(0), OVERRIDE_UP);
}

static void test_ids(void **state)
{
    char id[ORDER_ID_MAX];
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    set("s1", OVERRIDE_DRAIN);
    assert_string_equal(order_id_text(id, &orders, orders.v[1]), "@2");
    assert_ptr_equal(orders_find_id(&orders, "@2"), orders.v[1]);
    assert_ptr_equal(orders_find_id(&orders, "@n-2"), orders.v[1]);
    assert_null(orders_find_id(&orders, "@3"));
    assert_null(orders_find_id(&orders, "@other-2"));
    snprintf(orders.node, sizeof orders.node, "m");
    assert_string_equal(order_id_text(id, &orders, orders.v[1]), "@n-2");
    assert_null(orders_find_id(&orders, "@2"));
    assert_int_equal(set_for("s2", OVERRIDE_UP, 0), 0);
    assert_ptr_equal(orders_find_id(&orders, "@3"), orders.v[2]);
}

/* Time goes on for orders, whatever the wall clock does. */
static void test_hybrid_time(void **state)
{
    const struct order_words words = {.override = OVERRIDE_UP};
    const struct order *laid;
    (void)state;
    assert_int_equal(orders_give(&orders, m, "s0", &words, NOW, &laid), 0);
    assert_int_equal(laid->time_ms, NOW);
    assert_int_equal(orders_give(&orders, m, "s1", &words, NOW - HOUR, &laid), 0);
    assert_int_equal(laid->time_ms, NOW + 1);
    assert_int_equal(laid->set_ms, NOW - HOUR);
    assert_int_equal(orders_give(&orders, m, "s2", &words, NOW + 5, &laid), 0);
    assert_int_equal(laid->time_ms, NOW + 5);
    assert_ptr_equal(orders.v[2], laid);
}

static void test_what_ended_is_kept_for_a_while(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    set("s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n_ended, 1);
    assert_string_equal(orders.ended[0]->author, "root");
    (void)orders_expire(&orders, NOW + ENDED_KEPT_MS - 1);
    assert_int_equal(orders.n_ended, 1);
    (void)orders_expire(&orders, NOW + ENDED_KEPT_MS);
    assert_int_equal(orders.n_ended, 0);
    for (int i = 0; i < ENDED_MAX + 10; i++)
        set("s0", OVERRIDE_DRAIN);
    assert_int_equal(orders.n, 1);
    assert_int_equal(orders.n_ended, ENDED_MAX);
    set("s1", OVERRIDE_UP);
    assert_int_equal(orders.v[1]->number, ENDED_MAX + 12); /* no number comes twice */
}

static void test_no_more_than_there_may_be(void **state)
{
    char target[64];
    (void)state;
    for (int i = 0; i < ORDERS_MAX; i++) {
        snprintf(target, sizeof target, "%.*s/s0", 1 + i % 50,
                 "p**************************************************");
        const struct order_words words = {.override = OVERRIDE_UP};
        struct order *o = order_new();
        snprintf(o->node, sizeof o->node, "n");
        o->number = o->time_ms = (uint32_t)i + 1;
        order_set_words(o, NULL, NULL);
        assert_int_equal(target_parse(&o->target, target), 0);
        assert_true(orders_add(&orders, o));
        (void)words;
    }
    assert_int_equal(set_for("s1", OVERRIDE_UP, 0), E_RANGE);
    set("s0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 0);
}

static void test_old_ones(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    set("p0/s0", OVERRIDE_AUTO);
    assert_int_equal(set_for("s1", OVERRIDE_DRAIN, HOUR), 0);
    assert_true(order_is_old(orders.v[0], NOW + 60000, 60));
    assert_false(order_is_old(orders.v[0], NOW + 59999, 60));
    assert_false(order_is_old(orders.v[0], NOW + 60000, 0));
    assert_false(order_is_old(orders.v[1], NOW + 60000, 60)); /* orders nothing */
    assert_false(order_is_old(orders.v[2], NOW + 60000, 60)); /* ends by itself */
}

/* ---- following ---- */

static char told[512];

static void tell(void *ctx, enum follow_kind kind, const struct order *before,
                 const struct order *now)
{
    static const char *const words[] = {"moved", "lost", "back"};
    size_t n = strlen(told);
    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s %s %s; ", words[kind], before->target.text,
             now->target.text);
}

static void follow(const char *expected)
{
    build();
    told[0] = '\0';
    (void)orders_follow(&orders, m, NOW, tell, NULL);
    assert_string_equal(told, expected);
}

static void rename_endpoint(uint32_t number, const char *name)
{
    snprintf(names.names[number], SMALL_NAME, "%s", name);
}

static void test_follows_an_endpoint(void **state)
{
    (void)state;
    set("p0/s0/w0", OVERRIDE_DOWN);
    rename_endpoint(0, "db1");
    follow("moved p0/s0/w0 p0/s0/db1; ");
    assert_int_equal(get(0), OVERRIDE_DOWN);
    rename_endpoint(0, "");
    follow("moved p0/s0/db1 p0/s0/192.0.2.1; ");
    rename_endpoint(0, "w0"); /* by address it is the same one */
    follow("");
    assert_int_equal(get(0), OVERRIDE_DOWN);
    set("p0/s0/w0", OVERRIDE_AUTO);
    assert_int_equal(orders.n, 0);
}

/* The name goes to another machine: the order stays with the one that it was about. */
static void test_follows_the_machine_not_the_name(void **state)
{
    (void)state;
    set("p0/s0/w0", OVERRIDE_DOWN);
    rename_endpoint(0, "w2");
    rename_endpoint(2, "w0");
    follow("moved p0/s0/w0 p0/s0/w2; ");
    assert_int_equal(get(0), OVERRIDE_DOWN);
    assert_int_equal(get(2), OVERRIDE_AUTO);
}

static void test_lost_and_back(void **state)
{
    (void)state;
    set("p0/s0/w0", OVERRIDE_DOWN);
    names.absent[0] = true;
    follow("lost p0/s0/w0 p0/s0/w0; ");
    follow("");
    names.absent[0] = false;
    rename_endpoint(0, "other");
    follow("moved p0/s0/w0 p0/s0/other; ");
    names.absent[0] = true;
    follow("lost p0/s0/other p0/s0/other; ");
    names.absent[0] = false;
    follow("back p0/s0/other p0/s0/other; ");
    assert_int_equal(get(0), OVERRIDE_DOWN);
}

static void test_follows_a_site(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    set("p1/s0", OVERRIDE_DOWN);
    set("*/s0/w*", OVERRIDE_UP);
    set("p0/s0/192.0.2.2", OVERRIDE_DOWN);
    set("s1", OVERRIDE_UP);
    snprintf(names.sites[0], SMALL_NAME, "fra");
    follow("moved s0 fra; moved p1/s0 p1/fra; moved */s0/w* */fra/w*; "
           "moved p0/s0/192.0.2.2 p0/fra/192.0.2.2; ");
    assert_int_equal(get(1), OVERRIDE_DOWN);
    assert_int_equal(get(3), OVERRIDE_DRAIN);
    assert_int_equal(get(13), OVERRIDE_DOWN);
    assert_int_equal(get(0), OVERRIDE_UP);
}

/* A site that is merged into another one is not that one renamed. */
static void test_does_not_follow_into_another_site(void **state)
{
    (void)state;
    set("s0", OVERRIDE_DRAIN);
    snprintf(names.sites[0], SMALL_NAME, "new");
    build();
    free(orders.sites[1]); /* it was there before */
    orders.sites[1] = strdup("new");
    told[0] = '\0';
    (void)orders_follow(&orders, m, NOW, tell, NULL);
    assert_string_equal(told, "lost s0 s0; ");
    assert_int_equal(get(0), OVERRIDE_AUTO);
}

/* ---- standing ---- */

static void test_standing(void **state)
{
    struct order_standing v[5];
    (void)state;
    set("s0", OVERRIDE_DRAIN);       /* 12, of which the next ones take 4 and 1 */
    set("p0/s0/w2", OVERRIDE_DOWN);  /* covered */
    set("p0/s0", OVERRIDE_UP);       /* 4 */
    set("p1/s0/w12", OVERRIDE_AUTO); /* 1, with nothing ordered */
    weigh("s0", 5);
    orders_stand(v, &orders, m);
    assert_int_equal(v[0].n_matched, 12);
    assert_int_equal(v[0].n_decided, 7);
    assert_int_equal(v[0].n_above, 2);
    assert_int_equal(v[0].above, 3);
    assert_int_equal(v[1].n_decided, 0);
    assert_int_equal(v[1].above, 2);
    assert_int_equal(v[1].n_above, 1);
    assert_int_equal(v[2].n_decided, 4);
    assert_int_equal(v[2].above, ORDER_NONE);
    assert_int_equal(v[3].n_decided, 1);
    assert_int_equal(v[4].n_decided, 12);
}

/* Many exact labels are found by hash, with the same outcome. */
static void test_many_exact_labels(void **state)
{
    char target[64];
    struct rng rng = {.state = 3};
    (void)state;
    for (int i = 0; i < 600; i++) {
        uint32_t e = rng_below(&rng, SMALL_IN_SITE);
        char address[SMALL_NAME];
        const char *label =
            rng_below(&rng, 2) && e % 2 == 0 ? names.names[e] : small_address(address, e);
        snprintf(target, sizeof target, "p%.*s/s0/%s", (int)rng_below(&rng, 200) % 30,
                 "******************************", label);
        if (strncmp(target, "p/", 2) == 0)
            continue;
        set(target, (enum override)(1 + rng_below(&rng, 3)));
    }
    assert_true(orders.n > 128); /* times 4 endpoints */
    for (uint32_t e = 0; e < SMALL_IN_SITE; e++) {
        const struct order *newest = NULL;
        for (uint32_t i = 0; i < orders.n; i++)
            if (target_matches(&orders.v[i]->target, m, e))
                newest = orders.v[i];
        assert_int_equal(state_of(e).state_order, newest->serial);
    }
}

/* ---- merging ---- */

static bool same_list(const struct orders *a, const struct orders *b)
{
    bool same = a->n == b->n && a->n_ended == b->n_ended;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = order_compare(a->v[i], b->v[i]) == 0 && order_equal(a->v[i], b->v[i]);
    for (uint32_t i = 0; same && i < a->n_ended; i++)
        same = order_compare(a->ended[i], b->ended[i]) == 0 &&
               a->ended[i]->end == b->ended[i]->end &&
               a->ended[i]->ended_ms == b->ended[i]->ended_ms;
    return same;
}

static void merged(struct orders *out, const struct orders *a, const struct orders *b)
{
    orders_copy(out, a);
    orders_merge(out, b);
}

/* What three nodes make of orders that each gave alone, or had from another before. */
static void one_more(struct orders *v, struct rng *rng, int64_t now_ms)
{
    static const char *const targets[] = {"s0", "p0/s0", "p0/s0/w0", "p1/s0", "p0/*"};
    uint32_t of = rng_below(rng, 3);
    const struct order *laid;
    struct orders next;
    const struct order_words words = {
        .override = (enum override)rng_below(rng, 4),
        .for_ms = rng_below(rng, 2) ? 1 + rng_below(rng, 90) : 0,
    };
    if (rng_below(rng, 5) == 0) {
        (void)orders_expire(&v[of], now_ms);
    } else if (rng_below(rng, 5) == 0) {
        orders_merge(&v[of], &v[(of + 1) % 3]);
    } else {
        orders_copy(&next, &v[of]);
        int code = orders_give(&next, m, targets[rng_below(rng, 5)], &words, now_ms, &laid);
        orders_free(code ? &next : &v[of]);
        if (!code)
            v[of] = next;
    }
}

static void test_merging_is_the_same_whichever_way(void **state)
{
    struct rng rng = {.state = 11};
    unsigned n_live = 0;
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct orders v[3] = {0}, ab, ba, a_bc, bc, ab_c, again;
        for (int i = 0; i < 3; i++)
            snprintf(v[i].node, sizeof v[i].node, "n%d", i);
        for (int i = 0; i < 30; i++)
            one_more(v, &rng, NOW + 10 * i + rng_below(&rng, 40));
        merged(&ab, &v[0], &v[1]);
        merged(&ba, &v[1], &v[0]);
        assert_true(same_list(&ab, &ba));
        merged(&bc, &v[1], &v[2]);
        merged(&a_bc, &v[0], &bc);
        merged(&ab_c, &ab, &v[2]);
        assert_true(same_list(&a_bc, &ab_c));
        merged(&again, &ab_c, &v[round % 3]);
        assert_true(same_list(&again, &ab_c));
        n_live += ab_c.n;
        struct orders *all[] = {&v[0], &v[1], &v[2], &ab, &ba, &bc, &a_bc, &ab_c, &again};
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            orders_free(all[i]);
    }
    assert_true(n_live > 400);
}

static void test_copies_share_and_live_on(void **state)
{
    struct orders copy;
    (void)state;
    set("p0/s0", OVERRIDE_DRAIN);
    orders_copy(&copy, &orders);
    assert_ptr_equal(copy.v[0], orders.v[0]);
    assert_true(orders_equal(&copy, &orders));
    set("p0/s0", OVERRIDE_AUTO);
    assert_false(orders_equal(&copy, &orders));
    assert_int_equal(copy.n, 1);
    assert_string_equal(copy.v[0]->target.text, "p0/s0");
    orders_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_overlap_and_cover_against_all_texts),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_labels),
        cmocka_unit_test_setup_teardown(test_the_newest_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_temporary_order_gives_way_to_what_was, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_target_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auto_takes_away_ones_own_layer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_within_is_by_endpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auto_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_needless_exceptions_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_orders_for_what_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_volatile_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hybrid_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_ended_is_kept_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_than_there_may_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_follows_an_endpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_follows_the_machine_not_the_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_follows_a_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_does_not_follow_into_another_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_standing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_exact_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merging_is_the_same_whichever_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies_share_and_live_on, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
