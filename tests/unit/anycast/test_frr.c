/* SPDX-License-Identifier: Apache-2.0
 * FRR's driver against a bgpd that does what its lines say: what is announced comes to be, in
 * whichever order it changes; what stays is not touched, and a change of attributes withdraws
 * nothing. */
#include "anycast/frr_route.h"
#include "bgpd_model.h"
#include "drive/command.h"

#include <uv.h>

static uv_loop_t loop;
static struct speaker_driver *driver;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

/* By the vty no command is run. */
struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
{
    (void)drive, (void)spec, (void)done, (void)ctx;
    abort();
}
void command_cancel(struct command *command)
{
    (void)command;
    abort();
}
const char *command_text(char out[COMMAND_TEXT_MAX], const struct command_result *result)
{
    (void)result;
    return out;
}

static int begin(void **state)
{
    (void)state;
    sets_clear();
    memset(&bgpd, 0, sizeof bgpd);
    ends = (struct ends){0};
    speaker = (struct speaker){
        .name = "local", .type = SPEAKER_FRR, .socket = "/run/frr/bgpd.vty", .timeout_ms = 5000};
    snprintf(bgpd.as, sizeof bgpd.as, "65001");
    uv_loop_init(&loop);
    driver = frr_speaker.open(&host);
    return 0;
}

static int end(void **state)
{
    (void)state;
    frr_speaker.close(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    buf_free(&bgpd.output);
    return 0;
}

static void look(void)
{
    ends.kind = NOTHING;
    frr_speaker.observe(driver, &sets.wanted);
    while (ends.kind == NOTHING)
        uv_run(&loop, UV_RUN_ONCE);
}

static void tell(void)
{
    ends.kind = NOTHING;
    frr_speaker.apply(driver, &sets.wanted);
    assert_int_not_equal(ends.kind, NOTHING);
}

static void tell_well(void)
{
    tell();
    expect_end(APPLIED);
}

static void expect_network(const char *prefix, const char *sets_lines)
{
    const struct model_network *n = model_network(prefix);
    assert_non_null(n);
    assert_string_equal(n->told, sets_lines);
}

/* --- what is told --- */

static void attributes_come_by_a_route_map_and_replace(void **state)
{
    static const struct large_community large[] = {{{65001, 1, 2}}, {{4294967295u, 0, 7}}};
    (void)state;
    struct announcement *dns = sets_add("dns", "192.0.2.53/32 2001:db8::53/128");
    dns->announced = true;
    set_community(dns, 65001, 53);
    dns->attributes.large = large;
    dns->attributes.n_large = 2;
    tell_well();
    expect_network("192.0.2.53/32", "set community 65001:53 additive\n"
                                    "set large-community 65001:1:2 4294967295:0:7 additive\n");
    expect_network("2001:db8::53/128", model_network("192.0.2.53/32")->told);
    assert_int_equal(bgpd.n_updates, 2);

    set_community(dns, 65535, 0);
    dns->attributes.has_med = true;
    dns->attributes.med = 200;
    dns->attributes.prepend = 2;
    dns->attributes.n_large = 0;
    (void)!ip_parse(&speaker.next_hop_v6, "fd09::2");
    sets.configs[0].next_hop_self = true;
    tell_well();
    expect_network("192.0.2.53/32", "set community 65001:53 65535:0 additive\n"
                                    "set metric 200\n"
                                    "set as-path prepend 65001 65001\n"
                                    "set ipv6 next-hop global fd09::2\n");
    assert_int_equal(bgpd.n_withdrawals, 0);
    assert_int_equal(bgpd.n_updates, 4);
    assert_int_equal(bgpd.n_maps, 1);
    (void)!ip_parse(&speaker.next_hop_v4, "10.9.0.7");
    tell_well();
    assert_non_null(strstr(model_network("192.0.2.53/32")->told, "set ip next-hop 10.9.0.7\n"));
    speaker.next_hop_v4 = speaker.next_hop_v6 = (struct ip){0};
}

static void what_is_right_is_not_told_again(void **state)
{
    (void)state;
    sets_add("dns", "192.0.2.53/32")->announced = true;
    sets_add("b", "192.0.2.54/32");
    tell_well();
    unsigned asked = bgpd.n_asked;
    tell_well();
    assert_int_equal(bgpd.n_asked, asked + 1);
    assert_int_equal(bgpd.n_updates, 1);
}

static void a_set_that_goes_or_is_renamed_takes_only_its_own(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32")->announced = true;
    sets_add("c", "2001:db8::3/128")->announced = true;
    tell_well();
    sets_clear();
    sets_add("c", "2001:db8::3/128")->announced = true;
    sets_add("renamed", "192.0.2.1/32")->announced = true;
    look();
    assert_int_equal(seen_of("192.0.2.2/32")->set, MODEL_NONE);
    assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_PRESENT);
    tell_well();
    assert_null(model_network("192.0.2.2/32"));
    assert_int_equal(bgpd.n_withdrawals, 1);
    assert_int_equal(bgpd.n_updates, 3);
    assert_int_equal(bgpd.n_maps, 2);
}

static void names_are_one_word_for_bgpd(void **state)
{
    (void)state;
    sets_add("x y\n;!\"é", "192.0.2.1/32")->announced = true;
    tell_well();
    const char *name = bgpd.maps[0].name;
    assert_memory_equal(name, "LOADSTAR-x.20y.0a.3b", 20);
    assert_int_equal(strspn(name, "LOADSTARabcdefxy.-0123456789"), strlen(name));
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->set, 0);
    sets.v[0].announced = false;
    tell_well();
    assert_int_equal(bgpd.n_networks + bgpd.n_maps, 0);
}

static uint32_t random_state;
static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static bool attributes_of(const struct announcement *a, const char *told)
{
    struct buf text = {0};
    buf_puts(&text, "");
    frr_map_lines(&text, a, &speaker, 65001);
    bool same = strcmp(text.p, told) == 0;
    buf_free(&text);
    return same;
}

/* Any sequence of changes: what is told is what is announced, and nothing that stays is withdrawn
 * or updated. */
static void any_sequence_ends_in_what_is_wanted(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        char prefixes[64];
        snprintf(prefixes, sizeof prefixes, "192.0.2.%u/32 2001:db8::%u/128", i, i + 1);
        sets_add((const char[]){(char)('a' + i), 0}, prefixes);
    }
    for (random_state = 7; bgpd.n_asked < 4000;) {
        unsigned withdrawals = bgpd.n_withdrawals, updates = bgpd.n_updates, gone = 0, new = 0;
        for (uint32_t i = 0; i < 8; i++) {
            struct announcement *a = &sets.v[i], before = *a;
            if (draw(3) == 0)
                a->announced = draw(2);
            if (draw(3) == 0)
                a->attributes.prepend = (uint8_t)draw(3);
            if (draw(5) == 0)
                a->attributes.has_med = draw(2);
            gone += 2 * (before.announced && !a->announced);
            new += 2 * (a->announced &&
                        (!before.announced || before.attributes.prepend != a->attributes.prepend ||
                         before.attributes.has_med != a->attributes.has_med));
        }
        tell_well();
        assert_int_equal(bgpd.n_withdrawals, withdrawals + gone);
        assert_int_equal(bgpd.n_updates, updates + new);
        for (uint32_t i = 0; i < 8; i++)
            for (uint32_t k = 0; k < 2; k++) {
                char text[IP_PREFIX_TEXT_MAX];
                const struct model_network *n =
                    model_network(ip_prefix_text(text, &sets.prefixes[i][k]));
                assert_int_equal(n != NULL, sets.v[i].announced);
                assert_true(!n || attributes_of(&sets.v[i], n->told));
            }
    }
}

/* --- what is there --- */

static void what_it_has_is_read_back(void **state)
{
    (void)state;
    struct announcement *a = sets_add("a", "192.0.2.1/32");
    sets_add("b", "2001:db8::2/128");
    a->announced = true;
    a->attributes.prepend = 1;
    set_community(a, 65001, 1);
    set_community(a, 65535, 0);
    tell_well();
    look();
    expect_end(OBSERVED);
    assert_string_equal(ends.version, "FRR 8.4.4");
    assert_string_equal(ends.note, "");
    assert_int_equal(ends.n_routes, 2);
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_false(seen_of("192.0.2.1/32")->differs);
    assert_int_equal(seen_of("2001:db8::2/128")->real, REAL_ABSENT);
    assert_int_equal(seen_of("2001:db8::2/128")->set, 1);
    assert_false(ends.restarted);
    a->attributes.prepend = 2;
    look();
    assert_true(seen_of("192.0.2.1/32")->differs);
}

static void it_waits_for_what_bgpd_decides(void **state)
{
    (void)state;
    bgpd.pending = 3;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    bgpd.networks[0].pending = 1000;
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_ABSENT);
}

static void a_restart_is_seen(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    look();
    assert_false(ends.restarted);
    bgpd.n_networks = bgpd.n_maps = 0;
    look();
    assert_true(ends.restarted);
    look();
    assert_false(ends.restarted);
    tell_well();
    sets.v[0].announced = false;
    tell_well();
    look();
    assert_false(ends.restarted);
    bgpd.asker.lost(bgpd.asker.ctx);
    assert_int_equal(ends.n_nudges, 1);
    look();
    assert_true(ends.restarted);
}

/* A crash has left maps, half of them made, and networks of sets that are no more. */
static void leftovers_of_a_crash_go(void **state)
{
    (void)state;
    model_add_map("LOADSTAR-gone-00000001");
    model_add_map("LOADSTAR-gone-00000002");
    bgpd.at = AT_V4;
    model_add_network("192.0.2.9/32", "LOADSTAR-gone-00000001");
    bgpd.at = AT_TOP;
    sets_add("a", "192.0.2.1/32")->announced = true;
    look();
    assert_int_equal(seen_of("192.0.2.9/32")->real, REAL_PRESENT);
    assert_int_equal(seen_of("192.0.2.9/32")->set, MODEL_NONE);
    tell_well();
    assert_int_equal(bgpd.n_networks, 1);
    assert_int_equal(bgpd.n_maps, 1);
}

/* Somebody has changed a route-map of ours: its name says what it should be. */
static void a_map_that_was_edited_is_replaced(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    snprintf(bgpd.maps[0].sets, sizeof bgpd.maps[0].sets, "set metric 5\n");
    snprintf(bgpd.networks[0].told, sizeof bgpd.networks[0].told, "set metric 5\n");
    look();
    assert_true(seen_of("192.0.2.1/32")->differs);
    tell_well();
    look();
    assert_false(seen_of("192.0.2.1/32")->differs);
    assert_int_equal(bgpd.n_withdrawals, 0);
    assert_int_equal(bgpd.n_maps, 1);
}

static void networks_of_others_are_left_alone(void **state)
{
    struct last_will will = {0};
    (void)state;
    bgpd.at = AT_V4;
    model_add_network("192.0.2.1/32", "");
    bgpd.at = AT_TOP;
    sets_add("a", "192.0.2.1/32");
    sets_add("b", "192.0.2.2/32");
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_non_null(strstr(ends.note, "192.0.2.1/32"));
    tell_well();
    sets.v[0].announced = sets.v[1].announced = true;
    tell();
    expect_failed(SPEAKER_ERROR_FOREIGN, "no network 192.0.2.1/32");
    assert_non_null(model_network("192.0.2.2/32"));
    assert_string_equal(model_network("192.0.2.1/32")->map, "");
    bgpd.dead = SPEAKER_ERROR_TIMEOUT; /* what was read before is known yet */
    look();
    frr_speaker.will(driver, &sets.wanted, &will);
    assert_null(memmem(will.text.p, will.text.n, "192.0.2.1/32", 12));
    assert_non_null(memmem(will.text.p, will.text.n, "router bgp 65001\n", 17));
    assert_non_null(memmem(will.text.p, will.text.n, "no network 192.0.2.2/32\n", 24));
}

static void why_it_is_not_announced_is_said(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    bgpd.no_sessions = true;
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_non_null(strstr(ends.note, "no session is up"));
    bgpd.import_check = true;
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_ABSENT);
    assert_false(seen_of("192.0.2.1/32")->differs);
    assert_non_null(strstr(ends.note, "import-check"));
    sets.v[0].announced = false;
    look();
    assert_true(seen_of("192.0.2.1/32")->differs);
    tell_well();
    assert_int_equal(bgpd.n_networks, 0);
    bgpd.import_check = false;
    bgpd.redistributes = true;
    look();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_non_null(strstr(ends.note, "redistributes"));
}

/* --- errors --- */

static void errors_are_told(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    bgpd.dead = SPEAKER_ERROR_TIMEOUT;
    look();
    expect_failed(SPEAKER_ERROR_TIMEOUT, "dead");
    tell();
    expect_failed(SPEAKER_ERROR_TIMEOUT, "dead");
    bgpd.dead = SPEAKER_ERROR_NONE;
    bgpd.no_router = true;
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "no `router bgp`");
    bgpd.no_router = false;
    speaker.as = 65009;
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "65009");
    assert_int_equal(bgpd.n_networks, 0);
    speaker.as = 65001;
    bgpd.refuse = "network 192.0.2.1/32";
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "refused network 192.0.2.1/32");
    bgpd.refuse = NULL;
    bgpd.says = "{ nonsense";
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "no configuration of FRR");
    bgpd.says = NULL;
    tell_well();
}

static void a_table_in_other_words_is_refused(void **state)
{
    static const char *const texts[] = {"frr version 8.4.4\nrouter bgp 65001\n", "[]", "{", ""};
    (void)state;
    sets_add("a", "192.0.2.1/32");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct slice text = slice_str(texts[i]);
        struct route_attributes none = {0};
        const struct frr_expected expected = {&none, NULL};
        struct frr_route route;
        assert_int_not_equal(frr_route_read(&route, &text, &expected), 0);
    }
    bgpd.says = texts[0];
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "words that are not known");
}

/* --- the will --- */

static void the_will_withdraws_what_is_announced(void **state)
{
    struct last_will will = {0};
    (void)state;
    sets_add("a", "192.0.2.1/32 2001:db8::1/128")->announced = true;
    sets_add("b", "192.0.2.2/32");
    frr_speaker.will(driver, &sets.wanted, &will);
    assert_string_equal(will.socket, speaker.socket);
    assert_null(will.argv);
    static const char untold[] = "configure terminal\nrouter bgp\naddress-family ipv4 unicast\n"
                                 "no network 192.0.2.1/32\nexit-address-family\n";
    assert_memory_equal(will.text.p, untold, sizeof untold - 1);
    tell_well();
    frr_speaker.will(driver, &sets.wanted, &will);
    struct buf text = {0};
    buf_add(&text, will.text.p, will.text.n);
    for (char *line = strtok(text.p, "\n"); line; line = strtok(NULL, "\n"))
        assert_int_equal(model_line(&bgpd.output, line), 0);
    buf_free(&text);
    assert_int_equal(bgpd.n_networks, 0);
    assert_int_equal(bgpd.at, AT_TOP);
    sets.v[0].announced = false;
    will = (struct last_will){0};
    frr_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.socket);
}

static void by_vtysh_the_will_is_a_command(void **state)
{
    static const char *const command[] = {"/usr/bin/vtysh", "--vty_socket", "/x", NULL};
    static const char *const expected[] = {
        "/usr/bin/vtysh",     "--vty_socket", "/x",        "-d", "bgpd", "-c",
        "configure terminal", "-c",           "router bgp"};
    struct last_will will = {0};
    (void)state;
    speaker.socket = NULL;
    speaker.command = command;
    frr_speaker.respecified(driver, &speaker);
    sets_add("a", "192.0.2.1/32")->announced = true;
    frr_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.socket);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(will.argv[i], expected[i]);
    size_t n = 0;
    while (will.argv[n])
        n++;
    assert_string_equal(will.argv[n - 1], "end");
    speaker.socket = "/run/frr/bgpd.vty";
    speaker.command = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(attributes_come_by_a_route_map_and_replace, begin, end),
        cmocka_unit_test_setup_teardown(what_is_right_is_not_told_again, begin, end),
        cmocka_unit_test_setup_teardown(a_set_that_goes_or_is_renamed_takes_only_its_own, begin,
                                        end),
        cmocka_unit_test_setup_teardown(names_are_one_word_for_bgpd, begin, end),
        cmocka_unit_test_setup_teardown(any_sequence_ends_in_what_is_wanted, begin, end),
        cmocka_unit_test_setup_teardown(what_it_has_is_read_back, begin, end),
        cmocka_unit_test_setup_teardown(it_waits_for_what_bgpd_decides, begin, end),
        cmocka_unit_test_setup_teardown(a_restart_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(leftovers_of_a_crash_go, begin, end),
        cmocka_unit_test_setup_teardown(a_map_that_was_edited_is_replaced, begin, end),
        cmocka_unit_test_setup_teardown(networks_of_others_are_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(why_it_is_not_announced_is_said, begin, end),
        cmocka_unit_test_setup_teardown(errors_are_told, begin, end),
        cmocka_unit_test_setup_teardown(a_table_in_other_words_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_will_withdraws_what_is_announced, begin, end),
        cmocka_unit_test_setup_teardown(by_vtysh_the_will_is_a_command, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
