/* SPDX-License-Identifier: Apache-2.0
 * ExaBGP's driver against one that does what it is told: what is told and what is not, and whose
 * answers are whose when some come late, never, or to somebody else. */
#include "anycast/exabgp_driver.h"
#include "anycast/exabgp_relay.h"
#include "driver_ends.h"

#include <malloc.h>
#include <uv.h>

enum { TABLE = 256, PENDING = 512 };

static uv_loop_t loop;
static struct speaker_driver *driver;

static struct exabgp {
    struct exabgp_link_host host;
    bool up, deaf, hangs, no_ack;
    const char *refuse; /* commands that begin so */
    char *table[TABLE]; /* what was announced, behind `announce route ` */
    uint32_t n_table;
    char *pending[PENDING]; /* commands that are not answered */
    uint32_t n_pending, n_told, n_most;
    unsigned n_announced, n_withdrawn;
} exabgp;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

/* ---- the link ---- */

static struct exabgp_link *link_open(const struct exabgp_link_host *host_of)
{
    exabgp.host = *host_of;
    return (struct exabgp_link *)(void *)&exabgp;
}

static enum speaker_error link_check(struct exabgp_link *link, char text[EXABGP_TEXT_MAX])
{
    (void)link;
    snprintf(text, EXABGP_TEXT_MAX, "nobody is there");
    return exabgp.up ? SPEAKER_ERROR_NONE : SPEAKER_ERROR_UNREACHABLE;
}

static bool link_send(struct exabgp_link *link, struct slice line)
{
    (void)link;
    if (!exabgp.up || exabgp.deaf)
        return false;
    assert_true(exabgp.n_pending < PENDING);
    exabgp.pending[exabgp.n_pending++] = strndup((const char *)line.p, line.n);
    if (exabgp.n_pending > exabgp.n_most)
        exabgp.n_most = exabgp.n_pending;
    return true;
}

static void link_close(struct exabgp_link *link)
{
    (void)link;
}

const struct exabgp_link_ops exabgp_process_link = {link_open, link_check, link_send, 8,
                                                    link_close};
const struct exabgp_link_ops exabgp_fifo_link = {link_open, link_check, link_send, 1, link_close};

/* ---- ExaBGP ---- */

static void say(const char *line)
{
    exabgp.host.line(exabgp.host.ctx, line);
}

/* By its prefix; n_table: it is not there. */
static uint32_t find(const char *route)
{
    size_t n = strcspn(route, " ") + 1;
    uint32_t i = 0;
    while (i < exabgp.n_table && strncmp(exabgp.table[i], route, n) != 0)
        i++;
    return i;
}

static void put(const char *route)
{
    uint32_t i = find(route);
    if (i == exabgp.n_table)
        exabgp.n_table++;
    else
        free(exabgp.table[i]);
    exabgp.table[i] = strdup(route);
}

static void take_away(const char *route)
{
    uint32_t i = find(route);
    if (i == exabgp.n_table)
        return;
    free(exabgp.table[i]);
    exabgp.table[i] = exabgp.table[--exabgp.n_table];
}

static void show(void)
{
    char line[512];
    for (uint32_t i = 0; i < exabgp.n_table; i++) {
        snprintf(line, sizeof line, "neighbor 10.0.0.1 local-ip 10.0.0.2 ipv4 unicast %s",
                 exabgp.table[i]);
        say(line);
    }
}

static void obey(const char *command)
{
    if (exabgp.refuse && strncmp(command, exabgp.refuse, strlen(exabgp.refuse)) == 0) {
        say("error");
        return;
    }
    if (strcmp(command, "version") == 0) {
        say("exabgp 4.2.21");
    } else if (strncmp(command, "announce route ", 15) == 0) {
        put(command + 15);
        exabgp.n_announced++;
    } else if (strncmp(command, "withdraw route ", 15) == 0) {
        take_away(command + 15);
        exabgp.n_withdrawn++;
    } else if (strcmp(command, "show adj-rib out extensive") == 0) {
        show();
    } else {
        say("10.0.0.1        65000     0:00:06 established           2          1");
    }
    if (!exabgp.no_ack)
        say("done");
}

static void answer_all(void)
{
    while (exabgp.n_pending > 0 && !exabgp.hangs) {
        char *command = exabgp.pending[0];
        exabgp.n_pending--;
        memmove(exabgp.pending, exabgp.pending + 1, exabgp.n_pending * sizeof *exabgp.pending);
        obey(command);
        free(command);
    }
}

static void come(bool renewed)
{
    exabgp.up = true;
    exabgp.host.up(exabgp.host.ctx, true, renewed);
}

static void go(void)
{
    exabgp.up = false;
    while (exabgp.n_pending > 0)
        free(exabgp.pending[--exabgp.n_pending]);
    exabgp.host.up(exabgp.host.ctx, false, false);
}

/* ---- tests ---- */

static int begin(void **state)
{
    (void)state;
    sets_clear();
    memset(&exabgp, 0, sizeof exabgp);
    ends = (struct ends){0};
    speaker = (struct speaker){.name = "local",
                               .type = SPEAKER_EXABGP,
                               .socket = "/nowhere/exabgp.sock",
                               .exabgp = {.via = EXABGP_PROCESS, .to = "/run/to"},
                               .timeout_ms = 20,
                               .as = 65001};
    uv_loop_init(&loop);
    driver = exabgp_speaker.open(&host);
    come(true);
    ends.n_nudges = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    exabgp_speaker.close(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    while (exabgp.n_table > 0)
        free(exabgp.table[--exabgp.n_table]);
    while (exabgp.n_pending > 0)
        free(exabgp.pending[--exabgp.n_pending]);
    return 0;
}

static void run(void (*fn)(struct speaker_driver *driver, const struct announcements *wanted))
{
    ends.kind = NOTHING;
    exabgp.n_announced = exabgp.n_withdrawn = 0;
    fn(driver, &sets.wanted);
    answer_all();
    while (ends.kind == NOTHING)
        uv_run(&loop, UV_RUN_ONCE);
}

static void look(void)
{
    run(exabgp_speaker.observe);
    expect_end(OBSERVED);
}

static void tell(unsigned announced, unsigned withdrawn)
{
    run(exabgp_speaker.apply);
    expect_end(APPLIED);
    assert_int_equal(exabgp.n_announced, announced);
    assert_int_equal(exabgp.n_withdrawn, withdrawn);
}

static struct announcement *add_dns(void)
{
    struct announcement *set = sets_add("dns", "192.0.2.53/32 2001:db8::53/128");
    set->announced = true;
    return set;
}

static void what_differs_is_told_and_no_more(void **state)
{
    (void)state;
    struct announcement *dns = add_dns(), *www = sets_add("www", "198.51.100.1/32");
    tell(2, 1); /* what is not to be there may be of somebody before */
    tell(0, 1);
    look();
    assert_string_equal(ends.version, "exabgp 4.2.21");
    assert_string_equal(ends.note, "");
    assert_false(ends.restarted);
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_PRESENT);
    assert_false(seen_of("192.0.2.53/32")->differs);
    assert_int_equal(seen_of("198.51.100.1/32")->real, REAL_ABSENT);
    tell(0, 0);
    set_community(dns, 65535, 0);
    tell(2, 0);
    www->announced = true;
    tell(1, 0);
    dns->announced = false;
    tell(0, 2);
    tell(0, 0);
}

static void what_is_there_before_is_adopted(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    put("192.0.2.53/32 next-hop self");
    put("2001:db8::53/128 next-hop self med 5");
    look();
    assert_true(seen_of("2001:db8::53/128")->differs);
    tell(1, 0);
    look();
    assert_false(seen_of("2001:db8::53/128")->differs);
    dns->announced = false;
    look();
    tell(0, 2);
}

static void what_was_undone_is_told_again(void **state)
{
    (void)state;
    add_dns();
    tell(2, 0);
    take_away("192.0.2.53/32 next-hop self");
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_ABSENT);
    tell(1, 0);
}

static void what_is_left_goes_and_what_others_have_stays(void **state)
{
    (void)state;
    struct ip_prefix left;
    add_dns();
    put("198.51.100.9/32 next-hop self");
    put("203.0.113.0/24 next-hop self");
    go();
    assert_int_equal(ip_prefix_parse(&left, "198.51.100.9/32"), 0);
    exabgp.host.held(exabgp.host.ctx, &left);
    come(false);
    look();
    assert_int_equal(seen_of("198.51.100.9/32")->set, MODEL_NONE);
    assert_null(seen_of("203.0.113.0/24"));
    tell(2, 1);
    assert_int_equal(find("198.51.100.9/32 "), exabgp.n_table);
    assert_true(find("203.0.113.0/24 ") < exabgp.n_table);
    look();
    assert_null(seen_of("198.51.100.9/32"));
}

static void what_is_left_may_go_by_itself(void **state)
{
    (void)state;
    add_dns();
    sets_add("www", "198.51.100.1/32")->announced = true;
    tell(3, 0);
    sets.wanted.n = 1;
    for (unsigned i = 0; i < 2; i++) {
        look();
        assert_int_equal(seen_of("198.51.100.1/32")->real, REAL_PRESENT);
    }
    take_away("198.51.100.1/32 next-hop self");
    look();
    assert_null(seen_of("198.51.100.1/32"));
    tell(0, 0);
}

static void a_set_that_is_gone_goes(void **state)
{
    (void)state;
    add_dns();
    sets_add("www", "198.51.100.1/32")->announced = true;
    tell(3, 0);
    look();
    sets.wanted.n = 1;
    tell(0, 1);
    assert_int_equal(exabgp.n_table, 2);
}

static void a_refusal_is_told_and_the_rest_is_done(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    exabgp.refuse = "announce route 192";
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "refuses `announce route 192.0.2.53/32 next-hop self`");
    assert_int_equal(exabgp.n_table, 1);
    exabgp.refuse = NULL;
    tell(1, 0);
    dns->announced = false;
    tell(0, 2);
}

static void another_exabgp_is_told_everything(void **state)
{
    (void)state;
    add_dns();
    tell(2, 0);
    go();
    assert_int_equal(ends.n_nudges, 1);
    run(exabgp_speaker.observe);
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "nobody is there");
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "nobody is there");
    while (exabgp.n_table > 0)
        free(exabgp.table[--exabgp.n_table]);
    come(true);
    assert_int_equal(ends.n_nudges, 2);
    look();
    assert_true(ends.restarted);
    look();
    assert_false(ends.restarted);
    tell(2, 0);
}

static void it_goes_while_it_is_told(void **state)
{
    (void)state;
    add_dns();
    exabgp.hangs = true;
    ends.kind = NOTHING;
    exabgp_speaker.apply(driver, &sets.wanted);
    go();
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "nobody is there");
    exabgp.hangs = false;
    come(false);
    look();
    assert_false(ends.restarted);
    tell(2, 0);
}

static void late_answers_are_of_nobody(void **state)
{
    (void)state;
    struct announcement *dns = add_dns();
    tell(2, 0);
    look();
    exabgp.hangs = true;
    for (unsigned i = 0; i < 4; i++) {
        run(exabgp_speaker.observe);
        expect_failed(SPEAKER_ERROR_TIMEOUT, "hangs, or is busy");
    }
    dns->announced = false;
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "hangs, or is busy");
    exabgp.hangs = false; /* all of it is answered now, before or while it is asked */
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_PRESENT);
    assert_int_equal(ends.n_routes, 2);
    tell(0, 2);
    exabgp.hangs = true;
    run(exabgp_speaker.observe);
    run(exabgp_speaker.observe);
    exabgp.hangs = false;
    answer_all();
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_ABSENT);
    exabgp.hangs = true;
    run(exabgp_speaker.observe);
    exabgp.hangs = false;
    exabgp.refuse = "announce";
    dns->announced = true;
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "refuses `announce route 192.0.2.53/32"); /* the first */
}

static void what_another_has_is_not_what_the_first_was_told(void **state)
{
    (void)state;
    add_dns();
    tell(2, 0);
    go();
    come(true);
    tell(2, 0);
}

static void answers_that_somebody_else_has_read(void **state)
{
    (void)state;
    add_dns();
    exabgp.hangs = true;
    run(exabgp_speaker.observe);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "");
    free(exabgp.pending[0]);
    exabgp.n_pending = 0;
    exabgp.hangs = false;
    run(exabgp_speaker.observe); /* there is one answer, where two are awaited */
    expect_failed(SPEAKER_ERROR_TIMEOUT, "");
    look();
    tell(2, 0);
}

static void one_that_does_not_acknowledge(void **state)
{
    (void)state;
    add_dns();
    exabgp.no_ack = true;
    run(exabgp_speaker.observe);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "exabgp.api.ack=true");
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "exabgp.api.ack=true");
    assert_int_equal(exabgp.n_announced, 0);
}

static void one_that_does_not_read(void **state)
{
    (void)state;
    add_dns();
    exabgp.deaf = true;
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_TIMEOUT, "does not read");
    exabgp.deaf = false;
    tell(2, 0);
}

static void events_call_for_a_look(void **state)
{
    (void)state;
    say("neighbor 10.0.0.1 up");
    assert_int_equal(ends.n_nudges, 1);
    say("done"); /* to nothing */
    say("neighbor 10.0.0.1 local-ip 10.0.0.2 ipv4 unicast 192.0.2.53/32 next-hop self");
    add_dns();
    look();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_ABSENT);
}

static size_t allocated(void)
{
    const struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

static void what_is_shown_without_end_takes_no_memory(void **state)
{
    (void)state;
    char other[128];
    add_dns();
    tell(2, 0);
    sets_add("www", "198.51.100.1/32 198.51.100.2/32");
    exabgp.hangs = true;
    ends.kind = NOTHING;
    exabgp_speaker.observe(driver, &sets.wanted);
    const size_t before = allocated();
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(other, sizeof other,
                 "neighbor 10.0.0.%u local-ip 10.0.0.2 ipv4 unicast 10.%u.%u.%u/32 next-hop self",
                 i % 200, i >> 16 & 255, i >> 8 & 255, i & 255);
        say(other);
        say("neighbor 10.0.0.1 local-ip 10.0.0.2 ipv4 unicast 192.0.2.53/32 next-hop self");
        say("neighbor 10.0.0.1 local-ip 10.0.0.2 ipv4 unicast 198.51.100.2/32 next-hop self med 5");
    }
    say("neighbor 10.0.0.2 local-ip 10.0.0.2 ipv4 unicast 198.51.100.2/32 next-hop self");
    assert_true(allocated() < before + 65536);
    assert_int_equal(ends.kind, NOTHING);
    exabgp.hangs = false;
    answer_all();
    expect_end(OBSERVED);
    assert_int_equal(ends.n_routes, 4);
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_PRESENT);
    assert_false(seen_of("192.0.2.53/32")->differs);
    assert_int_equal(seen_of("2001:db8::53/128")->real, REAL_PRESENT);
    assert_int_equal(seen_of("198.51.100.1/32")->real, REAL_ABSENT);
    assert_int_equal(seen_of("198.51.100.2/32")->real, REAL_PRESENT);
    assert_true(seen_of("198.51.100.2/32")->differs);
    assert_int_equal(seen_of("198.51.100.2/32")->set, 1);
    assert_int_equal(seen_of("198.51.100.2/32")->nth, 1);
    look(); /* and what was shown then is not there any more */
    assert_int_equal(seen_of("198.51.100.2/32")->real, REAL_ABSENT);
    assert_false(seen_of("198.51.100.2/32")->differs);
}

/* As a relay says that is none of ours. */
static void hold_many(unsigned n)
{
    struct ip_prefix prefix;
    char text[IP_PREFIX_TEXT_MAX];
    go();
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof text, "10.%u.%u.%u/32", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(ip_prefix_parse(&prefix, text), 0);
        exabgp.host.held(exabgp.host.ctx, &prefix);
    }
    come(false);
}

static void no_more_are_known_than_a_relay_holds(void **state)
{
    (void)state;
    add_dns();
    hold_many(2 * RELAY_ROUTES_MAX);
    assert_int_equal(driver->told.n, RELAY_ROUTES_MAX);
    look();
    assert_int_equal(ends.n_routes, 2);
    assert_int_equal(driver->told.n, 0);
    tell(2, 0);
}

static void no_more_are_announced_than_a_relay_holds(void **state)
{
    (void)state;
    add_dns();
    hold_many(RELAY_ROUTES_MAX - 1);
    run(exabgp_speaker.apply);
    expect_failed(SPEAKER_ERROR_REJECTED, "4096 prefixes");
    assert_int_equal(exabgp.n_announced, 1);
    assert_int_equal(exabgp.n_withdrawn, RELAY_ROUTES_MAX - 1);
    tell(1, 0); /* there is room now */
    look();
    assert_int_equal(driver->told.n, 2);
}

static void no_more_are_asked_at_once_than_it_takes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        sets_add((const char[]){(char)('a' + i), '\0'},
                 "198.51.100.1/32 198.51.100.2/32 198.51.100.3/32 198.51.100.4/32")
            ->announced = true;
    for (unsigned i = 0; i < 8; i++)
        for (unsigned k = 0; k < 4; k++)
            sets.prefixes[i][k].addr.b[2] = (uint8_t)i;
    tell(32, 0);
    assert_int_equal(exabgp.n_most, 8);
    exabgp_speaker.close(driver);
    speaker.exabgp.via = EXABGP_FIFO;
    driver = exabgp_speaker.open(&host);
    come(true);
    exabgp.n_most = 0;
    look();
    tell(0, 0);
    assert_int_equal(exabgp.n_most, 1);
}

static void what_the_guard_has_to_do(void **state)
{
    (void)state;
    struct last_will will = {0};
    struct announcement *dns = add_dns();
    exabgp_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
    exabgp_speaker.close(driver);
    speaker.exabgp.via = EXABGP_FIFO;
    driver = exabgp_speaker.open(&host);
    exabgp_speaker.will(driver, &sets.wanted, &will);
    assert_string_equal(will.argv[4], "withdraw route 192.0.2.53/32 next-hop self\n"
                                      "withdraw route 2001:db8::53/128 next-hop self\n");
    assert_string_equal(will.argv[5], "/run/to");
    assert_null(will.argv[6]);
    will = (struct last_will){0};
    dns->announced = false;
    exabgp_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_differs_is_told_and_no_more),
        TEST(what_is_there_before_is_adopted),
        TEST(what_was_undone_is_told_again),
        TEST(what_is_left_goes_and_what_others_have_stays),
        TEST(what_is_left_may_go_by_itself),
        TEST(a_set_that_is_gone_goes),
        TEST(a_refusal_is_told_and_the_rest_is_done),
        TEST(another_exabgp_is_told_everything),
        TEST(what_another_has_is_not_what_the_first_was_told),
        TEST(it_goes_while_it_is_told),
        TEST(late_answers_are_of_nobody),
        TEST(answers_that_somebody_else_has_read),
        TEST(one_that_does_not_acknowledge),
        TEST(one_that_does_not_read),
        TEST(events_call_for_a_look),
        TEST(what_is_shown_without_end_takes_no_memory),
        TEST(no_more_are_known_than_a_relay_holds),
        TEST(no_more_are_announced_than_a_relay_holds),
        TEST(no_more_are_asked_at_once_than_it_takes),
        TEST(what_the_guard_has_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
