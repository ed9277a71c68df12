/* SPDX-License-Identifier: Apache-2.0
 * What BIRD says, as it was recorded (2.0.12), and as it could be by mistake or on purpose; and the
 * file that it is given. */
#include "anycast/bird_file.h"
#include "anycast/bird_reply.h"
#include "driver_ends.h"

static void lines_and_their_codes(void **state)
{
    (void)state;
    struct bird_line line;
    assert_true(bird_line_read(&line, "1002-loadstar_dns_4 Static", 0));
    assert_int_equal(line.code, 1002);
    assert_false(line.last);
    assert_string_equal(line.text, "loadstar_dns_4 Static");
    assert_true(bird_line_read(&line, " up4  BGP", 1002));
    assert_int_equal(line.code, 1002);
    assert_false(line.last);
    assert_string_equal(line.text, "up4  BGP");
    assert_true(bird_line_read(&line, "0003 Reconfigured", 2));
    assert_int_equal(line.code, BIRD_RECONFIGURED);
    assert_true(line.last);
    assert_true(bird_line_read(&line, "0000 ", 1));
    assert_string_equal(line.text, "");
    static const char *const bad[] = {"", "000", "0000", "00001 x", "x000 y", "0003:z", "-001 a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bird_line_read(&line, bad[i], 1002));
}

static void rows_of_protocols(void **state)
{
    (void)state;
    struct bird_protocol row;
    assert_true(bird_protocol_read(&row, "up4        BGP        ---        start  17:02:21.291  "
                                         "Active        Socket: Connection refused"));
    assert_string_equal(row.name, "up4");
    assert_string_equal(row.type, "BGP");
    assert_string_equal(row.state, "start");
    assert_string_equal(row.info, "Active        Socket: Connection refused");
    assert_true(bird_protocol_read(&row, "device1 Device --- up 2026-11-26"));
    assert_string_equal(row.info, "");
    assert_true(bird_protocol_read(&row, "device1    Device     ---        up     "
                                         "2026-11-26 17:02:21  "));
    assert_string_equal(row.info, "");
    assert_true(bird_protocol_read(&row, "up4        BGP        ---        down   "
                                         "2026-11-26 17:02:21  Error: Invalid next hop"));
    assert_string_equal(row.info, "Error: Invalid next hop");
    assert_false(bird_protocol_read(&row, "device1 Device --- up"));
    assert_false(bird_protocol_read(&row, "device1    Device     ---        up     "));
    assert_false(bird_protocol_read(&row, ""));
    char name[80];
    memset(name, 'a', sizeof name);
    snprintf(name + 64, 16, " BGP - up 1 x");
    assert_false(bird_protocol_read(&row, name));
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    assert_int_equal(ip_prefix_parse(&p, text), 0);
    return p;
}

static void feed(struct bird_route *route, const char *p, const char *const *lines)
{
    struct ip_prefix of = prefix(p);
    memset(route, 0, sizeof *route);
    for (; *lines; lines++) {
        struct bird_line line = {.code = atoi(*lines), .text = *lines + 5};
        bird_route_feed(route, &line, &of);
    }
}

static const char *const whole[] = {
    "1007-Table master4:",
    "1007 192.0.2.53/32        unicast [loadstar_dns_4 17:04] * (200)",
    "1007 \tdev ls-dns",
    "1008-\tType: static univ",
    "1012-\tBGP.as_path: 65001 65001",
    "1012 \tBGP.next_hop: 10.0.0.77 fe80::1",
    "1012 \tBGP.med: 7",
    "1012 \tBGP.community: (65001,1) (65535,0)",
    "1012 \t\t(65001,2)",
    "1012 \tBGP.large_community: (1, 2, 3) (4294967295, 0, 0)",
    "1012 \t\t(4, 5, 6)",
    NULL};

static void a_route_with_all_of_it(void **state)
{
    (void)state;
    static const struct large_community large[] = {{{4, 5, 6}}, {{1, 2, 3}}, {{4294967295, 0, 0}}};
    struct bird_route route;
    struct ip hop;
    assert_int_equal(ip_parse(&hop, "10.0.0.77"), 0);
    feed(&route, "192.0.2.53/32", whole);
    assert_true(route.present);
    assert_false(route.read.odd);
    struct route_attributes wanted = {.has_med = true,
                                      .med = 7,
                                      .communities = {{65001, 1}, {65001, 2}, {65535, 0}},
                                      .n_communities = 3,
                                      .large = large,
                                      .n_large = 3};
    assert_false(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    assert_true(route_read_differs(&route.read, &wanted, NULL, 65001, 2));
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 1));
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65002, 2));
    wanted.med = 8;
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    wanted.med = 7;
    wanted.communities[1].low = 3;
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    wanted.communities[1].low = 2;
    wanted.n_communities = 2;
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    wanted.n_communities = 3;
    wanted.n_large = 2;
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    wanted.n_large = 3;
    wanted.has_med = false;
    assert_true(route_read_differs(&route.read, &wanted, &hop, 65001, 2));
    feed(&route, "192.0.2.54/32", whole);
    assert_false(route.present);
    feed(&route, "192.0.2.52/31", whole);
    assert_false(route.present);
    feed(&route, "10.0.0.0/8", (const char *const[]){"1007-10.0.0.0/9 unreachable", NULL});
    assert_false(route.present);
    feed(&route, "10.0.0.0/8", (const char *const[]){"1007-10.0.0.0/8 unreachable", NULL});
    assert_true(route.present);
}

static void what_is_never_ours_is_odd(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "1012 \tBGP.as_path: 65001 {65002}", "1012 \tBGP.community: (65001,1) (65536,1)",
        "1012 \tBGP.community: (65001,1",    "1012 \tBGP.community: (1,2,3)",
        "1012 \tBGP.large_community: (1,2)", "1012 \tBGP.next_hop: nowhere",
        "1012 \tBGP.as_path: 4294967296",    "1012 \tBGP.community: nonsense"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct bird_route route;
        feed(&route, "192.0.2.53/32", (const char *const[]){odd[i], NULL});
        if (!route.read.odd)
            fail_msg("not odd: %s", odd[i]);
    }
}

static void more_than_there_is_room_for_is_odd(void **state)
{
    (void)state;
    struct route_read read = {0};
    for (unsigned i = 0; i < ROUTE_READ_MAX; i++) {
        route_read_as(&read, 1);
        route_read_community(&read, 1, i);
        route_read_large(&read, (const uint32_t[]){i, 0, 0});
        assert_false(read.odd);
    }
    struct route_read before = read;
    route_read_as(&read, 1);
    assert_true(read.odd);
    read = before;
    route_read_community(&read, 1, 1);
    assert_true(read.odd);
    read = before;
    route_read_large(&read, (const uint32_t[]){1, 2, 3});
    assert_true(read.odd);
}

/* ---- the file ---- */

static struct buf written(void)
{
    struct buf out = {0};
    bird_file_write(&out, &sets.wanted, &speaker, "ams1");
    return out;
}

static void a_file_has_what_is_to_be_announced(void **state)
{
    (void)state;
    static const struct large_community large = {{1, 2, 3}};
    sets_clear();
    speaker = (struct speaker){.name = "local", .as = 65001};
    struct announcement *a = sets_add("a-b", "192.0.2.53/32 192.0.2.54/32 2001:db8::53/128");
    sets_add("gone", "198.51.100.1/32");
    sets.configs[0].hold = ANYCAST_HOLD_TUN;
    sets.configs[1].hold = ANYCAST_HOLD_NONE;
    sets.specs[0].ifname = "ls-a-b";
    assert_int_equal(ip_parse(&sets.configs[0].next_hop_v6, "fd00::7"), 0);
    sets.configs[0].next_hop_self = false;
    a->attributes = (struct route_attributes){
        .prepend = 2, .has_med = true, .med = 9, .large = &large, .n_large = 1};
    set_community(a, 65535, 0);
    struct buf out = written();
    const char *rest = strchr(out.p, '\n') + 1;
    assert_string_equal(
        rest,
        "# Called by the export filters of eBGP sessions.\n"
        "function loadstar_export()\n{\n"
        "  if proto ~ \"loadstar_*\" then {\n"
        "    if defined(bgp_med) then bgp_med = bgp_med;\n"
        "    if defined(bgp_next_hop) then bgp_next_hop = bgp_next_hop;\n"
        "  }\n}\n"
        "protocol static 'loadstar_a-b_4' {\n  ipv4;\n  check link;\n"
        "  route 192.0.2.53/32 via \"ls-a-b\" { bgp_path.prepend(65001); bgp_path.prepend(65001); "
        "bgp_med = 9; bgp_community.add((65535,0)); bgp_large_community.add((1,2,3)); };\n"
        "  route 192.0.2.54/32 via \"ls-a-b\" { bgp_path.prepend(65001); bgp_path.prepend(65001); "
        "bgp_med = 9; bgp_community.add((65535,0)); bgp_large_community.add((1,2,3)); };\n}\n"
        "protocol static 'loadstar_a-b_6' {\n  ipv6;\n  check link;\n"
        "  route 2001:db8::53/128 via \"ls-a-b\" { bgp_path.prepend(65001); "
        "bgp_path.prepend(65001); bgp_med = 9; bgp_next_hop = fd00::7; "
        "bgp_community.add((65535,0)); bgp_large_community.add((1,2,3)); };\n}\n");
    struct slice text = slice_of(out.p, out.n);
    char node[MARK_NODE_MAX];
    bool blank;
    assert_int_equal(bird_file_owner(text, "ams1", node, &blank), MARK_OURS);
    assert_false(blank);
    assert_int_equal(bird_file_owner(text, "fra1", node, &blank), MARK_FOREIGN);
    assert_string_equal(node, "ams1");
    out.p[out.n - 2] = '{';
    assert_int_equal(bird_file_owner(text, "ams1", node, &blank), MARK_EDITED);
    assert_true(bird_file_has(text, "loadstar_a-b_4"));
    assert_false(bird_file_has(text, "loadstar_a-b"));
    assert_false(bird_file_has(text, "loadstar_gone_4"));
    buf_free(&out);
}

static void without_its_as_nothing_is_prepended(void **state)
{
    (void)state;
    sets_clear();
    speaker = (struct speaker){.name = "local"};
    struct announcement *a = sets_add("a", "192.0.2.53/32");
    a->announced = true;
    sets.configs[0].hold = ANYCAST_HOLD_NONE;
    a->attributes.prepend = 3;
    struct buf out = written();
    assert_non_null(strstr(out.p, "  route 192.0.2.53/32 unreachable;\n"));
    buf_free(&out);
}

static void what_a_site_has_put_there(void **state)
{
    (void)state;
    char node[MARK_NODE_MAX];
    bool blank;
    static const char *const ours[] = {"", "\n", "# a note\n  \t\n",
                                       "function loadstar_export()\n{\n}\n"};
    static const char *const theirs[] = {"x", "# a\nprotocol static {}\n",
                                         "function other()\n{\n}\n"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        assert_int_equal(bird_file_owner(slice_str(ours[i]), "n", node, &blank), MARK_NONE);
        assert_true(blank);
    }
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        assert_int_equal(bird_file_owner(slice_str(theirs[i]), "n", node, &blank), MARK_NONE);
        assert_false(blank);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_their_codes),
        cmocka_unit_test(rows_of_protocols),
        cmocka_unit_test(a_route_with_all_of_it),
        cmocka_unit_test(what_is_never_ours_is_odd),
        cmocka_unit_test(more_than_there_is_room_for_is_odd),
        cmocka_unit_test(a_file_has_what_is_to_be_announced),
        cmocka_unit_test(without_its_as_nothing_is_prepended),
        cmocka_unit_test(what_a_site_has_put_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
