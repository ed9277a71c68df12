/* SPDX-License-Identifier: Apache-2.0
 * BIRD's driver against a BIRD that does what it is told: what is done, in which order, and what is
 * left after each way in which it can go wrong. */
#include "bird_world.h"

static struct speaker_driver *driver;

static int begin(void **state)
{
    (void)state;
    sets_clear();
    memset(&world, 0, sizeof world);
    ends = (struct ends){0};
    speaker = (struct speaker){.name = "local",
                               .type = SPEAKER_BIRD,
                               .socket = "/nowhere/bird.ctl",
                               .file = "/etc/bird/loadstar.conf",
                               .as = 65001,
                               .timeout_ms = 5000};
    snprintf(world.more_rows, sizeof world.more_rows,
             "up4  BGP  ---  up  17:02:21.291  Established\n");
    driver = bird_speaker.open(&host);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bird_speaker.close(driver);
    buf_free(&world.trace);
    return 0;
}

static void reopen(void)
{
    bird_speaker.close(driver);
    driver = bird_speaker.open(&host);
}

static void run(void (*fn)(struct speaker_driver *driver, const struct announcements *wanted))
{
    ends.kind = NOTHING;
    world.trace.n = 0;
    buf_puts(&world.trace, "");
    fn(driver, &sets.wanted);
    while (world_turn())
        ;
}

static void look(void)
{
    run(bird_speaker.observe);
    expect_end(OBSERVED);
}

static void tell(void)
{
    run(bird_speaker.apply);
    expect_end(APPLIED);
}

static void expect_trace(const char *expected)
{
    assert_string_equal(world.trace.n ? world.trace.p : "", expected);
}

static struct announcement *add_set(const char *name, const char *prefixes, enum anycast_hold hold)
{
    struct announcement *set = sets_add(name, prefixes);
    sets.configs[sets.wanted.n - 1].hold = hold;
    sets.specs[sets.wanted.n - 1].ifname = "ls-dns";
    return set;
}

static struct announcement *add_dns(void)
{
    struct announcement *set = add_set("dns", "192.0.2.53/32 2001:db8::53/128", ANYCAST_HOLD_NONE);
    set->announced = true;
    return set;
}

static void what_is_announced_comes_to_be(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    tell();
    expect_trace("w configure W");
    assert_string_equal(world.file[0], world.file[1]);
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_PRESENT);
    assert_int_equal(seen_of("2001:db8::53/128")->real, REAL_PRESENT);
    assert_string_equal(ends.version, "BIRD 2.0.12");
    assert_string_equal(ends.note, "");
    tell();
    expect_trace("");
    dns->announced = false;
    tell();
    expect_trace("disable loadstar_dns_4 disable loadstar_dns_6 w configure W");
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_ABSENT);
}

static void with_a_tun_only_attributes_are_written(void **state)
{
    (void)state;
    struct announcement *dns = add_set("dns", "192.0.2.53/32", ANYCAST_HOLD_TUN);
    tell();
    expect_trace("w configure W");
    assert_non_null(strstr(world.file[0], "check link;"));
    assert_non_null(strstr(world.file[0], "route 192.0.2.53/32 via \"ls-dns\";"));
    dns->announced = true;
    tell();
    expect_trace("");
    set_community(dns, 65535, 0);
    tell();
    expect_trace("w configure W");
    dns->announced = false;
    tell();
    expect_trace("");
}

static void a_restart_of_ours_tells_nothing(void **state)
{
    (void)state;
    add_dns();
    tell();
    reopen();
    look();
    tell();
    expect_trace("");
    /* Without a look nothing is known of BIRD. */
    reopen();
    tell();
    expect_trace("configure W");
}

static void what_is_there_and_differs_is_configured_anew(void **state)
{
    (void)state;
    add_dns();
    tell();
    snprintf(world.attributes, sizeof world.attributes, "\tBGP.med: 7\n");
    look();
    assert_true(seen_of("192.0.2.53/32")->differs);
    tell();
    expect_trace("configure");
}

static void what_was_disabled_is_enabled(void **state)
{
    (void)state;
    add_dns();
    tell();
    snprintf(world.disabled[0], BIRD_NAME_MAX, "loadstar_dns_6");
    world.n_disabled = 1;
    tell();
    expect_trace("enable loadstar_dns_6");
    look();
    assert_int_equal(seen_of("2001:db8::53/128")->real, REAL_PRESENT);
}

static void a_refusal_puts_back_what_was_good(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    char good[ROOM];
    tell();
    snprintf(good, sizeof good, "%s", world.file[0]);
    set_community(dns, 65001, 1);
    world.refuse = 8002;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "syntax error");
    expect_trace("w configure w configure");
    assert_string_equal(world.file[0], good);
    assert_string_equal(world.file[1], good);
    world.refuse = 0;
    tell();
    expect_trace("w configure W");
    assert_non_null(strstr(world.loaded, "(65001,1)"));
}

static void a_refusal_at_first_leaves_a_file_that_bird_can_start_with(void **state)
{
    (void)state;
    add_dns();
    world.refuse = 8002;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "syntax error");
    assert_null(strstr(world.file[0], "protocol"));
    assert_non_null(strstr(world.file[0], "function loadstar_export()"));
    assert_false(world.there[1]);
}

static void what_only_others_broke_is_not_written_again(void **state)
{
    (void)state;
    add_dns();
    tell();
    reopen();
    world.refuse = 8002;
    run(bird_speaker.observe);
    world.n_disabled = 0;
    snprintf(world.attributes, sizeof world.attributes, "\tBGP.med: 7\n");
    look();
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "syntax error");
    expect_trace("configure");
}

static void a_bird_that_may_not_be_configured(void **state)
{
    (void)state;
    add_dns();
    world.refuse = BIRD_DENIED;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_DENIED, "");
    world.refuse = BIRD_SHUTTING_DOWN;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "shutting down");
    world.refuse = BIRD_QUEUED;
    tell();
}

static void a_file_that_is_not_included(void **state)
{
    (void)state;
    add_dns();
    world.not_included = true;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "include \"/etc/bird/loadstar.conf\"");
    look();
    assert_non_null(strstr(ends.note, "needs `include"));
    assert_false(world.there[1]);
}

static void one_that_is_dead_does_not_find_what_was_withdrawn(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    tell();
    dns->announced = false;
    world.dead = SPEAKER_ERROR_UNREACHABLE;
    world.n_talks = 0;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "not running");
    assert_int_equal(world.n_talks, 1); /* one that hangs is not waited for twice */
    expect_trace("w");
    assert_null(strstr(world.file[0], "192.0.2.53"));
    assert_non_null(strstr(world.file[1], "192.0.2.53"));
    world.dead = SPEAKER_ERROR_NONE;
    tell();
    assert_null(strstr(world.loaded, "192.0.2.53"));
}

static void an_untested_file_is_put_back_first(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    tell();
    set_community(dns, 65001, 1);
    strcat(world.file[0], "# more\n");
    world.dead = SPEAKER_ERROR_UNREACHABLE;
    reopen();
    run(bird_speaker.observe);
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "");
    expect_trace("w");
    assert_string_equal(world.file[0], world.file[1]);
    world.dead = SPEAKER_ERROR_NONE;
    look();
    expect_trace("");
    tell();
    expect_trace("w configure W");
}

static void what_was_put_back_is_configured(void **state)
{
    (void)state;
    add_dns();
    tell();
    strcat(world.file[0], "# more\n");
    snprintf(world.loaded, sizeof world.loaded, "%s", world.file[0]);
    reopen();
    look();
    expect_trace("w");
    tell();
    expect_trace("configure");
    assert_string_equal(world.loaded, world.file[1]);
    tell();
    expect_trace("");
}

/* It is known to have been told, however it differs for a while. */
static void what_was_configured_after_it_was_put_back_is_taken(void **state)
{
    (void)state;
    add_dns();
    tell();
    strcat(world.file[0], "# more\n");
    reopen();
    look();
    expect_trace("w");
    tell();
    expect_trace("configure");
    snprintf(world.attributes, sizeof world.attributes, "\tBGP.med: 7\n");
    look();
    assert_true(seen_of("192.0.2.53/32")->differs);
    world.attributes[0] = '\0';
    look();
    assert_false(seen_of("192.0.2.53/32")->differs);
    tell();
    expect_trace("");
}

static void files_of_others_are_left_alone(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "protocol static x { ipv4; }\n",
        "# loadstar node=fra1 speaker=local sum=0; written by loadstard, edits are undone\n",
        "function loadstar_export()\n{\n  accept;\n}\n"};
    add_dns();
    for (size_t i = 0; i < 3; i++) {
        snprintf(world.file[0], ROOM, "%s", contents[i]);
        world.there[0] = true;
        run(bird_speaker.apply);
        expect_failed(SPEAKER_ERROR_FOREIGN, "/etc/bird/loadstar.conf");
        run(bird_speaker.observe);
        expect_failed(SPEAKER_ERROR_FOREIGN, "/etc/bird/loadstar.conf");
        assert_string_equal(world.file[0], contents[i]);
    }
    snprintf(world.file[0], ROOM, "# for BIRD to start\nfunction loadstar_export()\n{\n}\n\n");
    tell();
}

static void what_was_edited_is_put_right(void **state)
{
    (void)state;
    add_dns();
    tell();
    look();
    strcat(world.file[0], "# mine\n");
    look();
    assert_non_null(strstr(ends.note, "put right"));
    tell();
    expect_trace("w configure");
    assert_string_equal(world.file[0], world.file[1]);
}

static void errors_of_files(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    world.write_error[0] = EROFS;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_DENIED, "ReadWritePaths=");
    world.write_error[0] = 0;
    world.read_error[0] = ELOOP;
    run(bird_speaker.observe);
    expect_failed(SPEAKER_ERROR_DISK, "link");
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_DISK, "link");
    world.read_error[0] = ETIMEDOUT;
    run(bird_speaker.observe);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "read");
    world.read_error[0] = 0;
    world.read_error[1] = EACCES;
    run(bird_speaker.observe);
    expect_failed(SPEAKER_ERROR_DENIED, ".good");
    world.read_error[1] = 0;
    world.write_error[1] = ENOSPC;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_DISK, ".good");
    /* A withdrawal needs no disk. */
    dns->announced = false;
    world.write_error[0] = EROFS;
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_DENIED, "");
    expect_trace("disable loadstar_dns_4 disable loadstar_dns_6 w");
}

static void what_is_left_of_others_is_seen_and_goes(void **state)
{
    (void)state;
    add_dns();
    tell();
    snprintf(
        world.more_rows, sizeof world.more_rows,
        "loadstar_old_4 Static master4 up 17:02\nup4 BGP --- start 17:02  Active  Socket: x\n");
    look();
    assert_int_equal(seen_of("198.51.100.9/32")->set, MODEL_NONE);
    assert_int_equal(seen_of("198.51.100.9/32")->real, REAL_PRESENT);
    /* A set that has this prefix now has it by a protocol that goes with another carrier. */
    assert_true(seen_of("198.51.100.9/32")->differs);
    assert_non_null(strstr(ends.note, "up4 is Active  Socket: x"));
    snprintf(world.more_rows, sizeof world.more_rows, "loadstar_a'b_4 Static master4 up 17:02\n");
    look();
    assert_null(seen_of("198.51.100.9/32"));
    assert_string_equal(ends.note, "BIRD has no BGP session in its configuration");
}

/* `timeformat protocol` is the operator's: iso long has blanks in it, and %e two at once. */
static void a_session_is_up_whatever_the_time_looks_like(void **state)
{
    static const struct {
        const char *row, *note;
    } rows[] = {
        {"up4 BGP --- up     2026-11-26 17:02:21  Established   ", ""},
        {"up4 BGP --- up     Thu  5. Nov 17:02:21  Established   ", ""},
        {"up4 BGP --- start  2026-11-26 17:02:21  Active        Socket: Connection refused",
         "up4 is Active        Socket: Connection refused"},
        {"up4 BGP --- start  Thu  5. Nov 17:02:21  Idle          Received: Unexpected message in "
         "Established state",
         "Unexpected message in Established state"},
        {"up4 BGP --- down   2026-11-26 17:02:21  ", "up4 is down"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(world.more_rows, sizeof world.more_rows, "%s\n", rows[i].row);
        look();
        if (!strstr(ends.note, rows[i].note) || !*rows[i].note != !*ends.note)
            fail_msg("%s: %s", rows[i].row, ends.note);
    }
}

static void words_of_another_version(void **state)
{
    (void)state;
    add_dns();
    world.says = "9001 syntax error, unexpected \x1b[31m";
    run(bird_speaker.observe);
    expect_failed(SPEAKER_ERROR_REJECTED, "does not tell what it has: syntax error");
    assert_null(strchr(ends.text, '\x1b'));
    run(bird_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "syntax error");
    assert_null(strchr(ends.text, '\x1b'));
}

static void what_the_guard_has_to_do(void **state)
{
    (void)state;
    struct last_will will = {0};
    struct announcement *dns = add_dns();
    bird_speaker.will(driver, &sets.wanted, &will);
    assert_non_null(will.argv);
    assert_string_equal(will.argv[2], "/nowhere/bird.ctl");
    assert_string_equal(will.argv[4], "\"loadstar_*\"");
    assert_null(will.argv[5]);
    will = (struct last_will){0};
    dns->announced = false;
    bird_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
    dns->announced = true;
    sets.configs[0].hold = ANYCAST_HOLD_TUN;
    bird_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
}

static void it_closes_at_any_moment(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    for (unsigned turns = 0; turns < 8; turns++) {
        dns->announced = turns % 2 == 0;
        ends.kind = NOTHING;
        bird_speaker.apply(driver, &sets.wanted);
        for (unsigned i = 0; i < turns && world_turn(); i++)
            ;
        bird_speaker.close(driver);
        world.read = NULL;
        world.done = NULL;
        driver = bird_speaker.open(&host);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_announced_comes_to_be),
        TEST(with_a_tun_only_attributes_are_written),
        TEST(a_restart_of_ours_tells_nothing),
        TEST(what_is_there_and_differs_is_configured_anew),
        TEST(what_was_disabled_is_enabled),
        TEST(a_refusal_puts_back_what_was_good),
        TEST(a_refusal_at_first_leaves_a_file_that_bird_can_start_with),
        TEST(what_only_others_broke_is_not_written_again),
        TEST(a_bird_that_may_not_be_configured),
        TEST(a_file_that_is_not_included),
        TEST(one_that_is_dead_does_not_find_what_was_withdrawn),
        TEST(an_untested_file_is_put_back_first),
        TEST(what_was_put_back_is_configured),
        TEST(what_was_configured_after_it_was_put_back_is_taken),
        TEST(files_of_others_are_left_alone),
        TEST(what_was_edited_is_put_right),
        TEST(errors_of_files),
        TEST(what_is_left_of_others_is_seen_and_goes),
        TEST(words_of_another_version),
        TEST(a_session_is_up_whatever_the_time_looks_like),
        TEST(what_the_guard_has_to_do),
        TEST(it_closes_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
