/* SPDX-License-Identifier: Apache-2.0
 * Who holds which addresses, by what the guard and the host are asked. */
#include "anycast/hold.h"
#include "anycast/host_address.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uv_loop_t loop;
static struct buf diary;
static struct guard_host guard_host;
static bool (*guard_alive)(void *ctx);
static bool there, is_alive;
static const char *address_error;
static unsigned n_changed, n_late, n_will;

static void note(const char *what, const char *of, const char *more)
{
    buf_printf(&diary, "%s%s %s%s", diary.n ? ", " : "", what, of, more);
}

static void assert_diary(const char *expected)
{
    assert_string_equal(diary.n ? diary.p : "", expected);
    diary.n = 0;
}

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

/* ---- the guard ---- */

struct guard *guard_open(const struct guard_host *host, int fd, bool (*alive)(void *ctx))
{
    assert_int_equal(fd, 7);
    guard_host = *host;
    guard_alive = alive;
    return (struct guard *)(void *)&loop;
}
void guard_tun(struct guard *guard, const char *ifname, const struct ip_prefix *addresses,
               uint32_t n)
{
    char text[IP_PREFIX_TEXT_MAX], more[8];
    (void)guard;
    snprintf(more, sizeof more, " %u", n);
    note("tun", ifname, more);
    if (n > 0)
        assert_non_null(strstr(ip_prefix_text(text, &addresses[0]), "192.0.2."));
}
void guard_gone(struct guard *guard, const char *ifname)
{
    (void)guard;
    note("gone", ifname, "");
}
void guard_carrier(struct guard *guard, const char *ifname, bool up)
{
    (void)guard;
    note(up ? "up" : "down", ifname, "");
}
bool guard_will(struct guard *guard, uint32_t number, const struct last_will *will)
{
    (void)guard, (void)will;
    n_will++;
    return number == 3;
}
void guard_close(struct guard *guard, bool withdrawn)
{
    (void)guard;
    note(withdrawn ? "bye" : "end", "", "");
}

/* ---- addresses of the host ---- */

struct host_addresses *host_addresses_new(const struct host_addresses_host *host)
{
    (void)host;
    return (struct host_addresses *)(void *)&loop;
}
void host_address_take(struct host_addresses *all, const char *interface, const struct ip *address)
{
    char text[IP_TEXT_MAX];
    (void)all;
    note(interface, "+", ip_text(text, address));
}
void host_address_drop(struct host_addresses *all, const char *interface, const struct ip *address,
                       bool keep)
{
    char text[IP_TEXT_MAX];
    (void)all;
    note(interface, keep ? "=" : "-", ip_text(text, address));
}
bool host_address_there(const struct host_addresses *all, const char *interface,
                        const struct ip *address, const char **why)
{
    (void)all, (void)interface, (void)address;
    *why = address_error;
    return there;
}
uint32_t host_addresses_busy(const struct host_addresses *all)
{
    (void)all;
    return 5;
}
void host_addresses_free(struct host_addresses *all)
{
    (void)all;
}

/* ---- specifications ---- */

static struct ip_prefix addresses[3] = {
    {{{192, 0, 2, 53}, IP_V4}, 32}, {{{192, 0, 2, 54}, IP_V4}, 32}, {{{192, 0, 2, 55}, IP_V4}, 32}};
static struct prefix_set configs[3] = {
    {.name = "dns", .addresses = addresses, .n_addresses = 2},
    {.name = "dns", .addresses = addresses, .n_addresses = 3},
    {.name = "lo", .addresses = addresses, .n_addresses = 2, .interface = "lo"}};
static char name_a[] = "ls-dns", name_b[] = "ls-dns";
static const struct anycast_spec tun_a = {.config = &configs[0], .ifname = name_a},
                                 tun_b = {.config = &configs[1], .ifname = name_b},
                                 on_lo = {.config = &configs[2]}, bare = {.config = &configs[0]};

static struct holds *holds;

static void on_changed(void *ctx)
{
    (void)ctx;
    n_changed++;
}
static void on_late(void *ctx)
{
    (void)ctx;
    n_late++;
}
static bool on_alive(void *ctx)
{
    assert_ptr_equal(ctx, &is_alive);
    return is_alive;
}

static void begin(int fd)
{
    const struct holds_host host = {.drive = (struct drive *)(void *)&loop,
                                    .ctx = &is_alive,
                                    .changed = on_changed,
                                    .late = on_late};
    uv_loop_init(&loop);
    n_changed = n_late = n_will = 0;
    there = false;
    address_error = "";
    holds = holds_new(&host, fd, on_alive);
}

static int set_up(void **state)
{
    (void)state;
    begin(7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    holds_free(holds, true);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    buf_free(&diary);
    return 0;
}

static void tun(bool is_there, bool carrier, const char *error)
{
    char name[] = "ls-dns";
    guard_host.tun(guard_host.ctx, name, is_there, carrier, error);
}

static bool ready(const struct hold *hold, const char *expected)
{
    const char *why;
    bool is = hold_ready(hold, &why);
    assert_string_equal(why, expected);
    return is;
}

static void test_a_tun_and_its_carrier(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &tun_a);
    assert_diary("tun ls-dns 2");
    assert_false(ready(hold, ""));
    tun(true, false, "");
    assert_int_equal(n_changed, 1);
    assert_true(ready(hold, ""));
    assert_diary("");
    hold_announce(hold, true);
    hold_announce(hold, true);
    assert_diary("up ls-dns");
    tun(true, true, "");
    assert_diary("");
    tun(true, false, ""); /* the guard had not heard of us */
    assert_diary("up ls-dns");
    assert_true(ready(hold, ""));
    hold_announce(hold, false);
    assert_diary("down ls-dns");
    hold_close(hold, false);
    assert_diary("gone ls-dns");
}

/** A set is not announced while its carrier is down, and finds out when it can be up. */
static void test_a_carrier_that_fails(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &tun_a);
    tun(true, false, "");
    hold_announce(hold, true);
    tun(true, false, "there was no sign of life for 2 s");
    assert_false(ready(hold, "there was no sign of life for 2 s"));
    assert_diary("tun ls-dns 2, up ls-dns"); /* not asked for again and again */
    hold_announce(hold, false);
    assert_diary("down ls-dns");
    guard_host.late(guard_host.ctx);
    assert_diary("tun ls-dns 2");
    tun(true, false, "");
    assert_true(ready(hold, ""));
    hold_announce(hold, true);
    assert_diary("up ls-dns");
    tun(true, false, "no");
    uv_run(&loop, UV_RUN_ONCE); /* till it is tried again */
    assert_diary("tun ls-dns 2");
    tun(true, true, "cannot add 192.0.2.54"); /* what is announced stays so */
    assert_true(ready(hold, "cannot add 192.0.2.54"));
    hold_close(hold, false);
}

/** What is announced goes on without an address that could not be added; it is tried again. */
static void test_an_address_that_fails_later(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &tun_a);
    tun(true, false, "");
    hold_announce(hold, true);
    tun(true, true, "");
    assert_diary("tun ls-dns 2, up ls-dns");
    tun(true, true, "cannot add 2001:db8::53");
    assert_true(ready(hold, "cannot add 2001:db8::53"));
    assert_diary("");
    hold_announce(hold, false);
    hold_announce(hold, true);
    assert_diary("down ls-dns, tun ls-dns 2, up ls-dns");
    tun(true, true, "");
    assert_true(ready(hold, ""));
    hold_announce(hold, false);
    hold_announce(hold, true);
    assert_diary("down ls-dns, up ls-dns");
    hold_close(hold, false);
}

static void test_a_name_that_is_taken(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &tun_a);
    tun(false, false, "ls-dns is there, and not ours");
    assert_false(ready(hold, "ls-dns is there, and not ours"));
    assert_diary("tun ls-dns 2");
    uv_run(&loop, UV_RUN_ONCE); /* till it is tried again */
    assert_diary("tun ls-dns 2");
    tun(true, false, "");
    assert_true(ready(hold, ""));
    hold_close(hold, false);
}

static void test_two_share_a_tun(void **state)
{
    (void)state;
    struct hold *leaves = hold_open(holds, &tun_a), *comes;
    tun(true, false, "");
    hold_announce(leaves, true);
    assert_diary("tun ls-dns 2, up ls-dns");
    comes = hold_open(holds, &tun_b);
    assert_true(ready(comes, ""));
    hold_announce(comes, true);
    hold_announce(leaves, false);
    assert_diary("tun ls-dns 3"); /* one of them is announced throughout */
    hold_announce(leaves, true);
    hold_close(comes, false);
    assert_diary("");
    hold_close(leaves, false);
    assert_diary("gone ls-dns");
}

static void test_one_that_closes_takes_its_carrier_with_it(void **state)
{
    (void)state;
    struct hold *a = hold_open(holds, &tun_a), *b = hold_open(holds, &tun_b);
    tun(true, false, "");
    hold_announce(b, true);
    diary.n = 0;
    hold_close(b, false);
    assert_diary("down ls-dns");
    memset(name_b, 'x', sizeof name_b - 1); /* its specification is gone */
    hold_announce(a, true);
    assert_diary("up ls-dns");
    hold_close(a, false);
    assert_diary("gone ls-dns");
    memcpy(name_b, name_a, sizeof name_a);
}

static void test_respecified_without_a_gap(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &tun_a);
    tun(true, false, "");
    hold_announce(hold, true);
    tun(true, true, "");
    diary.n = 0;
    hold = hold_respecify(hold, &tun_b);
    assert_diary("tun ls-dns 3");
    assert_true(ready(hold, ""));
    hold = hold_respecify(hold, &on_lo);
    assert_diary("lo +192.0.2.53, lo +192.0.2.54, gone ls-dns");
    hold = hold_respecify(hold, &tun_a);
    assert_diary("tun ls-dns 2, lo -192.0.2.53, lo -192.0.2.54");
    tun(true, false, "");
    assert_diary("up ls-dns"); /* announced all along */
    hold_close(hold, false);
}

static void test_addresses_of_an_interface(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &on_lo);
    assert_diary("lo +192.0.2.53, lo +192.0.2.54");
    address_error = "no right";
    assert_false(ready(hold, "no right"));
    there = true;
    address_error = "";
    assert_true(ready(hold, ""));
    hold_announce(hold, true);
    hold_close(hold, true);
    assert_diary("lo =192.0.2.53, lo =192.0.2.54");
    assert_int_equal(holds_busy(holds), 5);
}

static void test_nothing_to_hold(void **state)
{
    (void)state;
    struct hold *hold = hold_open(holds, &bare);
    assert_true(ready(hold, ""));
    hold_announce(hold, true);
    hold_close(hold, false);
    assert_diary("");
}

static void test_the_guard_has_ended(void **state)
{
    (void)state;
    static const char ended[] = "the guard has ended, and its TUNs with it: restart loadstard";
    struct hold *hold = hold_open(holds, &tun_a);
    tun(true, false, "");
    hold_announce(hold, true);
    diary.n = 0;
    guard_host.lost(guard_host.ctx);
    assert_false(ready(hold, ended));
    hold_announce(hold, false);
    hold_announce(hold, true);
    assert_true(holds_will(holds, 9, NULL));
    assert_int_equal(n_will, 0);
    struct hold *other = hold_open(holds, &tun_b);
    assert_false(ready(other, ended));
    hold_close(other, false);
    hold_close(hold, false);
    assert_diary("");
}

static void test_there_is_no_guard(void **state)
{
    (void)state;
    tear_down(NULL);
    begin(-1);
    struct hold *hold = hold_open(holds, &tun_a);
    assert_false(ready(hold, "there is no guard to hold it: restart loadstard"));
    assert_true(holds_will(holds, 9, NULL));
    hold_close(hold, false);
    assert_diary("");
}

static void test_what_the_guard_is_told_and_tells(void **state)
{
    (void)state;
    assert_true(holds_will(holds, 3, NULL));
    assert_false(holds_will(holds, 4, NULL));
    is_alive = true;
    assert_true(guard_alive(guard_host.ctx));
    is_alive = false;
    assert_false(guard_alive(guard_host.ctx));
    guard_host.late(guard_host.ctx);
    assert_int_equal(n_late, 1);
    tun(true, true, ""); /* of nobody */
    assert_int_equal(n_changed, 0);
}

static void test_too_many_addresses(void **state)
{
    (void)state;
    struct prefix_set many = {.name = "dns", .n_addresses = GUARD_ADDRESSES_MAX + 1};
    const struct anycast_spec spec = {.config = &many, .ifname = "ls-dns"};
    struct hold *hold = hold_open(holds, &spec);
    assert_false(
        ready(hold, "it has 257 addresses, and a TUN at most 256: make several sets of it"));
    assert_diary("");
    hold_close(hold, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_tun_and_its_carrier),
        TEST(test_a_carrier_that_fails),
        TEST(test_an_address_that_fails_later),
        TEST(test_a_name_that_is_taken),
        TEST(test_two_share_a_tun),
        TEST(test_one_that_closes_takes_its_carrier_with_it),
        TEST(test_respecified_without_a_gap),
        TEST(test_addresses_of_an_interface),
        TEST(test_nothing_to_hold),
        TEST(test_the_guard_has_ended),
        TEST(test_there_is_no_guard),
        TEST(test_what_the_guard_is_told_and_tells),
        TEST(test_too_many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
