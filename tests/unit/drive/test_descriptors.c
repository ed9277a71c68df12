/* SPDX-License-Identifier: Apache-2.0
 * The table of descriptors: what is there is taken over, a refused change leaves all as it was. */
#include "drive/descriptors.h"

#include "tests/unit/free_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ip loopback(void)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, "127.0.0.1"), 0);
    return ip;
}

static bool answers(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return ok;
}

static void a_listener_is_what_was_said(void **state)
{
    (void)state;
    struct descriptors *table = descriptors_new();
    struct ip ip = loopback();
    uint16_t port = free_port();
    int fd = descriptors_listen(table, "agent", &ip, port);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(answers(port));
    assert_int_equal(descriptors_listen(table, "agent", &ip, port), fd);
    assert_int_equal(descriptors_find(table, "agent"), fd);
    assert_int_equal(descriptors_find(table, "other"), -1);
    descriptors_free(table);
    assert_false(answers(port));
}

static void a_port_that_others_have_is_refused(void **state)
{
    (void)state;
    struct descriptors *table = descriptors_new(), *others = descriptors_new();
    struct ip ip = loopback();
    uint16_t port = free_port();
    assert_true(descriptors_listen(others, "x", &ip, port) >= 0);
    errno = 0;
    assert_int_equal(descriptors_listen(table, "agent", &ip, port), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(descriptors_find(table, "agent"), -1);
    descriptors_free(others);
    assert_true(descriptors_listen(table, "agent", &ip, port) >= 0);
    /* Two of ours on one address: the second is refused as well. */
    assert_int_equal(descriptors_listen(table, "second", &ip, port), -1);
    assert_int_equal(errno, EADDRINUSE);
    descriptors_free(table);
    descriptors_free(NULL);
}

static void an_address_that_is_not_there_yet_is_listened_on(void **state)
{
    (void)state;
    struct descriptors *table = descriptors_new();
    struct ip v4, v6;
    assert_int_equal(ip_parse(&v4, "192.0.2.77"), 0);
    assert_int_equal(ip_parse(&v6, "2001:db8::77"), 0);
    assert_true(descriptors_listen(table, "v4", &v4, free_port()) >= 0);
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe >= 0)
        assert_true(descriptors_listen(table, "v6", &v6, free_port()) >= 0);
    close(probe);
    descriptors_free(table);
}

static void a_change_takes_over_and_closes_the_rest(void **state)
{
    (void)state;
    struct descriptors *table = descriptors_new();
    struct ip ip = loopback();
    uint16_t a = free_port(), b = free_port();
    int fd = descriptors_listen(table, "a", &ip, a);
    assert_true(descriptors_listen(table, "b", &ip, b) >= 0);
    descriptors_begin(table);
    assert_int_equal(descriptors_listen(table, "a", &ip, a), fd);
    descriptors_end(table, true);
    assert_true(answers(a));
    assert_false(answers(b));
    assert_int_equal(descriptors_find(table, "b"), -1);
    descriptors_free(table);
}

static void a_refused_change_leaves_all_as_it_was(void **state)
{
    (void)state;
    struct descriptors *table = descriptors_new();
    struct ip ip = loopback();
    uint16_t a = free_port(), b = free_port(), moved = free_port();
    int fd = descriptors_listen(table, "a", &ip, a);
    int kept = descriptors_listen(table, "b", &ip, b);
    descriptors_begin(table);
    int other = descriptors_listen(table, "a", &ip, moved); /* the same name elsewhere */
    assert_true(other >= 0 && other != fd);
    assert_int_equal(descriptors_listen(table, "b", &ip, b), kept); /* what is taken over stays */
    assert_int_equal(descriptors_find(table, "a"), other);
    assert_true(answers(a) && answers(moved));
    descriptors_end(table, false);
    assert_int_equal(descriptors_find(table, "a"), fd);
    assert_true(answers(a) && answers(b));
    assert_false(answers(moved));
    /* And it is kept by the next one only if it is asked for. */
    descriptors_begin(table);
    descriptors_end(table, true);
    assert_false(answers(a));
    descriptors_free(table);
}

/* A tier that gets another name keeps its port, whether or not the change goes through. */
static void another_name_takes_the_port_over(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        struct descriptors *table = descriptors_new();
        struct ip ip = loopback();
        uint16_t port = free_port();
        assert_true(descriptors_listen(table, "old", &ip, port) >= 0);
        descriptors_begin(table);
        int fd = descriptors_listen(table, "new", &ip, port);
        assert_true(fd >= 0);
        assert_int_equal(descriptors_listen(table, "new", &ip, port), fd);
        assert_int_equal(descriptors_listen(table, "third", &ip, port), -1);
        descriptors_end(table, commit);
        assert_true(answers(port));
        assert_int_equal(descriptors_find(table, "new") >= 0, commit);
        assert_int_equal(descriptors_find(table, "old") >= 0, !commit);
        descriptors_free(table);
        assert_false(answers(port));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_what_was_said),
        cmocka_unit_test(a_port_that_others_have_is_refused),
        cmocka_unit_test(an_address_that_is_not_there_yet_is_listened_on),
        cmocka_unit_test(a_change_takes_over_and_closes_the_rest),
        cmocka_unit_test(a_refused_change_leaves_all_as_it_was),
        cmocka_unit_test(another_name_takes_the_port_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
