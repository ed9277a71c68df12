/* SPDX-License-Identifier: Apache-2.0
 * Which addresses can be listened on by any host at all. */
#include "base/arena.h"
#include "config/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *text, *why; /* a part of the reason; NULL: fine */
} cases[] = {
    {"0.0.0.0", NULL},
    {"::", NULL},
    {"127.0.0.1", NULL},
    {"127.255.255.255", NULL},
    {"::1", NULL},
    {"192.0.2.53", NULL},
    {"1.0.0.0", NULL},
    {"223.255.255.255", NULL},
    {"169.254.169.254", NULL},
    {"240.0.0.1", NULL},
    {"255.255.255.254", NULL},
    {"2001:db8::53", NULL},
    {"64:ff9b::c000:221", NULL},
    {"2002:c000:221::1", NULL},
    {"fd00::1", NULL},
    {"fec0::1", NULL},
    {"fe7f:ffff::1", NULL},
    {"::2", NULL},
    {"0.0.0.1", "0.0.0.0/8"},
    {"0.255.255.255", "0.0.0.0/8"},
    {"224.0.0.0", "multicast"},
    {"239.255.255.255", "multicast"},
    {"255.255.255.255", "broadcast"},
    {"ff00::", "multicast"},
    {"ff02::1", "multicast"},
    {"ffff:ffff::", "multicast"},
    {"fe80::1", "link-local"},
    {"febf:ffff::1", "link-local"},
    {"::ffff:127.0.0.1", "expected 127.0.0.1"},
    {"::ffff:0.0.0.0", "expected 0.0.0.0"},
    {"::ffff:255.255.255.255", "expected 255.255.255.255"},
};

static void test_every_kind(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        assert_int_equal(ip_parse(&ip, cases[i].text), 0);
        const char *why = listen_unusable(arena, &ip);
        if (!cases[i].why && why)
            fail_msg("%s: %s", cases[i].text, why);
        else if (cases[i].why && (!why || !strstr(why, cases[i].why)))
            fail_msg("%s: %s, expected %s", cases[i].text, why ? why : "fine", cases[i].why);
    }
    arena_free(arena);
}

/** What the kernel itself would never bind, without help, is refused here, too: multicast is the
 *  exception that it binds. */
static void test_agrees_with_the_kernel(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        struct sockaddr_storage sa;
        assert_int_equal(ip_parse(&ip, cases[i].text), 0);
        socklen_t n = ip_to_sockaddr(&sa, &ip, 0);
        int one = 1, fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) /* no IPv6 here */
            continue;
        if (ip.family == IP_V6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one);
        bool bound = bind(fd, (struct sockaddr *)&sa, n) == 0;
        close(fd);
        if (!bound && !listen_unusable(arena, &ip))
            fail_msg("%s passes, and cannot be bound", cases[i].text);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_agrees_with_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
