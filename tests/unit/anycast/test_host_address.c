/* SPDX-License-Identifier: Apache-2.0
 * Addresses of an interface against a kernel that answers when it is told to. */
#include "anycast/host_address.h"

#include "drive/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- the kernel ---- */

enum { REQUESTS = 8 };

static struct {
    struct {
        bool adds;
        struct netlink_events events;
    } requests[REQUESTS];
    uint32_t n, n_answered;
} kernel;
static uv_loop_t loop;

struct netlink *netlink_open(struct drive *drive, int protocol)
{
    (void)drive;
    assert_int_equal(protocol, NETLINK_ROUTE);
    return (struct netlink *)(void *)&kernel;
}

void netlink_close(struct netlink *netlink)
{
    (void)netlink;
}

void netlink_send(struct netlink *netlink, const struct nlmsghdr *message, uint32_t timeout_ms,
                  const struct netlink_events *events)
{
    (void)netlink;
    assert_true(timeout_ms > 0 && kernel.n < REQUESTS);
    kernel.requests[kernel.n].adds = message->nlmsg_type == RTM_NEWADDR;
    kernel.requests[kernel.n++].events = *events;
}

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

/* Answers the first request that waits, which is to be one of these. */
static void answer(bool adds, int error)
{
    assert_true(kernel.n_answered < kernel.n);
    assert_int_equal(kernel.requests[kernel.n_answered].adds, adds);
    const struct netlink_events events = kernel.requests[kernel.n_answered++].events;
    events.done(events.ctx, error, "");
}

static uint32_t waiting(void)
{
    return kernel.n - kernel.n_answered;
}

/* ---- addresses ---- */

static const struct ip address = {{192, 0, 2, 53}, IP_V4};
static struct host_addresses *all;
static unsigned n_changed;

static void on_changed(void *ctx)
{
    assert_ptr_equal(ctx, &n_changed);
    n_changed++;
}

static int begin(void **state)
{
    const struct host_addresses_host host = {
        .drive = (struct drive *)(void *)&loop, .ctx = &n_changed, .changed = on_changed};
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    n_changed = 0;
    uv_loop_init(&loop);
    all = host_addresses_new(&host);
    return 0;
}

static int end(void **state)
{
    (void)state;
    host_addresses_free(all);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static bool there(const char *expected)
{
    const char *why;
    bool is = host_address_there(all, "lo", &address, &why);
    assert_string_equal(why, expected);
    return is;
}

static void take(void)
{
    host_address_take(all, "lo", &address);
}

static void drop(bool keep)
{
    host_address_drop(all, "lo", &address, keep);
}

static void it_is_there_while_somebody_has_it(void **state)
{
    (void)state;
    take();
    assert_false(there(""));
    answer(true, 0);
    assert_true(there(""));
    assert_int_equal(n_changed, 1);
    take();
    drop(false);
    assert_int_equal(waiting(), 0);
    drop(false);
    assert_int_equal(host_addresses_busy(all), 1);
    answer(false, 0);
    assert_int_equal(host_addresses_busy(all), 0);
    assert_int_equal(n_changed, 2);
    assert_false(there(""));
    drop(false);
    assert_int_equal(waiting(), 0);
}

/* Who ends while it is added would leave it behind for good. */
static void one_that_is_being_added_is_waited_for(void **state)
{
    (void)state;
    take();
    assert_int_equal(host_addresses_busy(all), 1);
    drop(false);
    assert_int_equal(host_addresses_busy(all), 1);
    answer(true, 0);
    assert_int_equal(host_addresses_busy(all), 1);
    answer(false, 0);
    assert_int_equal(host_addresses_busy(all), 0);
    assert_int_equal(n_changed, 2);
}

static void what_is_kept_is_not_removed(void **state)
{
    (void)state;
    take();
    answer(true, -EEXIST);
    assert_true(there(""));
    drop(true);
    assert_int_equal(host_addresses_busy(all), 0);
    take();
    drop(true);
    answer(true, 0);
    assert_int_equal(host_addresses_busy(all), 0);
    assert_int_equal(waiting(), 0);
}

static void one_that_is_taken_again_comes_back(void **state)
{
    (void)state;
    take();
    answer(true, 0);
    drop(false);
    take();
    assert_int_equal(waiting(), 1);
    answer(false, -EADDRNOTAVAIL);
    assert_false(there(""));
    answer(true, 0);
    assert_true(there(""));
}

static void what_fails_says_why(void **state)
{
    (void)state;
    take();
    answer(true, -EPERM);
    assert_false(there("cannot add it to lo: Operation not permitted; loadstard needs "
                       "CAP_NET_ADMIN for that"));
    assert_int_equal(host_addresses_busy(all), 0);
    drop(false);
    assert_false(there(""));
    assert_int_equal(waiting(), 0);
    host_address_take(all, "nowhere", &address);
    const char *why;
    assert_false(host_address_there(all, "nowhere", &address, &why));
    assert_string_equal(why, "cannot add it to nowhere: there is no such interface");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_there_while_somebody_has_it),
        TEST(one_that_is_being_added_is_waited_for),
        TEST(what_is_kept_is_not_removed),
        TEST(one_that_is_taken_again_comes_back),
        TEST(what_fails_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
