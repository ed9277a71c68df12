/* SPDX-License-Identifier: Apache-2.0
 * Commands to ExaBGP and its answers, as they were recorded (4.2.21) and worse; and what the relay
 * keeps in mind. */
#include "anycast/exabgp_relay.h"
#include "anycast/exabgp_text.h"
#include "driver_ends.h"

static const struct large_community large[] = {{{1, 2, 3}}, {{4, 5, 6}}};

static struct announcement *add_dns(void)
{
    sets_clear();
    speaker = (struct speaker){.name = "local", .as = 65001};
    struct announcement *a = sets_add("dns", "192.0.2.53/32 2001:db8::53/128");
    a->attributes = (struct route_attributes){.large = large};
    return a;
}

static void expect_command(const struct announcement *a, unsigned nth, const char *expected)
{
    struct buf out = {0};
    exabgp_announce(&out, &sets.prefixes[0][nth], a, &speaker);
    assert_string_equal(out.p, expected);
    buf_free(&out);
}

static void commands(void **state)
{
    (void)state;
    struct announcement *a = add_dns();
    struct buf out = {0};
    expect_command(a, 0, "announce route 192.0.2.53/32 next-hop self");
    a->attributes = (struct route_attributes){
        .prepend = 1, .has_med = true, .med = 20, .large = large, .n_large = 1};
    set_community(a, 65001, 1);
    set_community(a, 65535, 0);
    expect_command(a, 1,
                   "announce route 2001:db8::53/128 next-hop self med 20 as-path [ 65001 65001 ] "
                   "community [ 65001:1 65535:0 ] large-community [ 1:2:3 ]");
    assert_int_equal(ip_parse(&speaker.next_hop_v6, "fd00::1"), 0);
    speaker.as = 0;
    a->attributes = (struct route_attributes){.prepend = 4};
    expect_command(a, 0, "announce route 192.0.2.53/32 next-hop self");
    expect_command(a, 1, "announce route 2001:db8::53/128 next-hop fd00::1");
    exabgp_withdraw(&out, &sets.prefixes[0][0]);
    assert_string_equal(out.p, "withdraw route 192.0.2.53/32 next-hop self");
    buf_free(&out);
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum exabgp_word word;
    } lines[] = {{"done", EXABGP_DONE},
                 {"error", EXABGP_ERROR},
                 {"error: no", EXABGP_OTHER},
                 {"error no such route", EXABGP_ERROR},
                 {"done so", EXABGP_OTHER},
                 {"", EXABGP_NOTHING},
                 {"  ", EXABGP_NOTHING},
                 {"exabgp 4.2.21", EXABGP_VERSION},
                 {"exabgp", EXABGP_OTHER},
                 {"neighbor 10.0.0.1 up", EXABGP_EVENT},
                 {"neighbor 10.0.0.1 connected", EXABGP_EVENT},
                 {"neighbor 10.0.0.1 down - peer reset", EXABGP_EVENT},
                 {"neighbor 10.0.0.1 local-ip 10.0.0.2 ipv4 unicast", EXABGP_ROUTE},
                 {"Peer            AS        up/down state", EXABGP_OTHER}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (exabgp_word(lines[i].line) != lines[i].word)
            fail_msg("'%s'", lines[i].line);
}

#define ROUTE(rest)                                                                        \
    "neighbor 10.0.0.1 local-ip 10.0.0.2 local-as 65001 peer-as 65000 router-id 10.0.0.2 " \
    "family-allowed in-open ipv4 unicast 192.0.2.53/32" rest

static void what_it_announces_reads_back_the_same(void **state)
{
    (void)state;
    struct announcement *a = add_dns();
    struct exabgp_route route;
    a->attributes = (struct route_attributes){
        .prepend = 1, .has_med = true, .med = 20, .large = large, .n_large = 1};
    set_community(a, 65001, 1);
    set_community(a, 65535, 0);
    static const char same[] = ROUTE(" next-hop self as-path [ 65001 65001 ] med 20 community [ "
                                     "65001:1 65535:0 ] large-community 1:2:3");
    assert_true(exabgp_route_read(&route, same));
    assert_true(ip_prefix_equal(&route.prefix, &sets.prefixes[0][0]));
    assert_false(exabgp_route_differs(&route, a, &speaker));
    static const char *const others[] = {
        ROUTE(" next-hop self med 20 community [ 65001:1 65535:0 ] large-community 1:2:3"),
        ROUTE(" next-hop 10.0.0.7 as-path [ 65001 65001 ] med 20 community [ 65001:1 65535:0 ] "
              "large-community 1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65001 65001 ] med 20 community [ 65001:1 65535:0 ] "
              "large-community 1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65002 ] med 20 community [ 65001:1 65535:0 ] "
              "large-community 1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65001 ] community [ 65001:1 65535:0 ] "
              "large-community 1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65001 ] med 20 community 65001:1 large-community "
              "1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65001 ] med 20 community [ 65001:1 65535:0 ]"),
        ROUTE(" next-hop self as-path [ 65001 65001 ] med 20 community [ 65001:1 65535:0 "
              "large-community 1:2:3"),
        ROUTE(" next-hop self as-path [ 65001 65001 ] med 20 community [ 65001:1 65535:0 ] "
              "large-community [ 1:2:3"),
        ROUTE("")};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(exabgp_route_read(&route, others[i]));
        if (!exabgp_route_differs(&route, a, &speaker))
            fail_msg("does not differ: %s", others[i]);
    }
}

static void communities_with_names(void **state)
{
    (void)state;
    struct exabgp_route route;
    assert_true(exabgp_route_read(&route, ROUTE(" next-hop self community [ blackhole no-export "
                                                "no-advertise no-export-subconfed no-peer ]")));
    static const uint16_t lows[] = {666, 65281, 65282, 65283, 65284};
    assert_int_equal(route.read.n_communities, 5);
    assert_false(route.read.odd);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(route.read.communities[i].high, 65535);
        assert_int_equal(route.read.communities[i].low, lows[i]);
    }
    assert_true(exabgp_route_read(&route, ROUTE(" community no-such")));
    assert_true(route.read.odd);
    assert_true(exabgp_route_read(&route, ROUTE(" community 1:2:3")));
    assert_true(route.read.odd);
    assert_true(exabgp_route_read(&route, ROUTE(" large-community 1:2")));
    assert_true(route.read.odd);
    assert_false(exabgp_route_read(&route, "neighbor 10.0.0.1 local-ip 10.0.0.2"));
    assert_false(
        exabgp_route_read(&route, "neighbor 10.0.0.1 ipv4 unicast nonsense next-hop self"));
}

static void sessions(void **state)
{
    (void)state;
    struct ip peer;
    char text[32];
    assert_true(exabgp_neighbor_read(
        "fd00::1         65000     0:00:06 established           2          1", &peer, text));
    assert_string_equal(text, "established");
    assert_int_equal(peer.family, IP_V6);
    assert_true(
        exabgp_neighbor_read("10.0.0.1        65000        down active   0 0", &peer, text));
    assert_string_equal(text, "down");
    assert_false(exabgp_neighbor_read("Peer AS up/down state | #sent #recvd", &peer, text));
    assert_false(exabgp_neighbor_read("10.0.0.1 65000 0:00:01", &peer, text));
    assert_false(exabgp_neighbor_read("10.0.0.0/8 65000 0:00:01 established", &peer, text));
    char line[256];
    memset(line, 'a', sizeof line);
    memcpy(line, "10.0.0.1 65000 0:00:01 ", 23);
    line[255] = '\0';
    assert_true(exabgp_neighbor_read(line, &peer, text));
    assert_int_equal(strlen(text), 31);
}

/* ---- the relay ---- */

static void expect_out(struct buf *out, const char *expected)
{
    assert_string_equal(out->n ? out->p : "", expected);
    out->n = 0;
}

static void it_withdraws_what_it_has_passed_on(void **state)
{
    (void)state;
    struct relay relay = {0};
    struct buf out = {0};
    assert_int_equal(relay_told(&relay, "announce route 192.0.2.53/32 next-hop self"), RELAY_PASS);
    assert_int_equal(relay_told(&relay, "announce route 192.0.2.53/32 next-hop self med 1"),
                     RELAY_PASS);
    assert_int_equal(relay_told(&relay, "announce route 2001:db8::53/128 next-hop self"),
                     RELAY_PASS);
    assert_int_equal(relay_told(&relay, "announce route 192.0.2.54/32 next-hop self"), RELAY_PASS);
    assert_int_equal(relay_told(&relay, "withdraw route 192.0.2.53/32 next-hop self"), RELAY_PASS);
    assert_int_equal(relay_told(&relay, "withdraw route 192.0.2.99/32 next-hop self"), RELAY_PASS);
    relay_greet(&relay, &out, 42);
    expect_out(&out, "hello 1 42\nhas 192.0.2.54/32\nhas 2001:db8::53/128\nready\n");
    relay_withdraw(&relay, &out);
    expect_out(&out, "withdraw route 192.0.2.54/32 next-hop self\n"
                     "withdraw route 2001:db8::53/128 next-hop self\n");
    relay_withdraw(&relay, &out);
    expect_out(&out, "");
    relay_free(&relay);
    buf_free(&out);
}

static void it_passes_on_nothing_else(void **state)
{
    (void)state;
    struct relay relay = {0};
    static const char *const bad[] = {"shutdown",
                                      "",
                                      "announce route nonsense next-hop self",
                                      "announce route 192.0.2.53 ",
                                      "announce flow route {}",
                                      "withdraw route x",
                                      "stay 30001",
                                      "stay -1",
                                      "stay ",
                                      "keep it",
                                      "show adj-rib in",
                                      "version 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (i != 3 && relay_told(&relay, bad[i]) != RELAY_BAD)
            fail_msg("passed on: '%s'", bad[i]);
    assert_int_equal(relay.n_owed, 0);
    assert_int_equal(relay_told(&relay, "keep"), RELAY_NOTHING);
    assert_int_equal(relay_told(&relay, "stay 30000"), RELAY_NOTHING);
    assert_int_equal(relay.stay_ms, 30000);
    assert_int_equal(relay_told(&relay, "version"), RELAY_PASS);
    assert_int_equal(relay_told(&relay, "show adj-rib out extensive"), RELAY_PASS);
    assert_int_equal(relay_told(&relay, "show neighbor summary"), RELAY_PASS);
    assert_int_equal(relay.n_owed, 3);
    relay_free(&relay);
}

static void what_it_could_not_withdraw_is_not_announced(void **state)
{
    (void)state;
    struct relay relay = {0};
    char line[96];
    for (unsigned i = 0; i <= RELAY_ROUTES_MAX; i++) {
        snprintf(line, sizeof line, "announce route 10.0.%u.%u/32 next-hop self", i / 256, i % 256);
        assert_int_equal(relay_told(&relay, line), i < RELAY_ROUTES_MAX ? RELAY_PASS : RELAY_BAD);
    }
    relay_free(&relay);
}

static void answers_are_for_who_has_asked(void **state)
{
    (void)state;
    struct relay relay = {0};
    struct buf out = {0};
    (void)relay_told(&relay, "announce route 192.0.2.53/32 next-hop self");
    (void)relay_told(&relay, "version");
    assert_true(relay_answered(&relay, "done"));
    relay_left(&relay);
    relay_withdraw(&relay, &out);
    (void)relay_told(&relay, "version");
    assert_false(relay_answered(&relay, "exabgp 4.2.21"));
    assert_false(relay_answered(&relay, "done"));
    assert_true(relay_answered(&relay, "neighbor 10.0.0.1 up"));
    assert_false(relay_answered(&relay, ""));
    assert_false(relay_answered(&relay, "error"));
    assert_true(relay_answered(&relay, "exabgp 4.2.21"));
    assert_true(relay_answered(&relay, "done"));
    assert_int_equal(relay.n_owed, 0);
    assert_true(relay_answered(&relay, "done"));
    assert_int_equal(relay.n_owed, 0);
    (void)relay_told(&relay, "version");
    relay_left(&relay);
    relay_forget(&relay);
    assert_true(relay_answered(&relay, "exabgp 4.2.21"));
    relay_free(&relay);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(words),
        cmocka_unit_test(what_it_announces_reads_back_the_same),
        cmocka_unit_test(communities_with_names),
        cmocka_unit_test(sessions),
        cmocka_unit_test(it_withdraws_what_it_has_passed_on),
        cmocka_unit_test(it_passes_on_nothing_else),
        cmocka_unit_test(what_it_could_not_withdraw_is_not_announced),
        cmocka_unit_test(answers_are_for_who_has_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
