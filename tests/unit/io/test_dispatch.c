/* SPDX-License-Identifier: Apache-2.0
 * When packets go to the worker on the core that took them in. That they do is test_workers.c's. */
#include "io/dispatch.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A tree as in /sys/class/net. */
struct tree {
    char root[64];
    struct arena *arena;
};

static void put(const struct tree *t, const char *path, const char *text)
{
    const char *whole = arena_printf(t->arena, "%s/%s", t->root, path);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_dir(const struct tree *t, const char *path)
{
    assert_int_equal(mkdir(arena_printf(t->arena, "%s/%s", t->root, path), 0700), 0);
}

static void add_interface(const struct tree *t, const char *name, bool hardware, const char *flags,
                          unsigned queues, const char *rps)
{
    make_dir(t, name);
    if (hardware)
        make_dir(t, arena_printf(t->arena, "%s/device", name));
    put(t, arena_printf(t->arena, "%s/flags", name), flags);
    make_dir(t, arena_printf(t->arena, "%s/queues", name));
    for (unsigned i = 0; i < queues; i++) {
        make_dir(t, arena_printf(t->arena, "%s/queues/rx-%u", name, i));
        make_dir(t, arena_printf(t->arena, "%s/queues/tx-%u", name, i));
        put(t, arena_printf(t->arena, "%s/queues/rx-%u/rps_cpus", name, i), rps);
    }
}

static int set_up(void **state)
{
    struct tree *t = xcalloc(1, sizeof *t);
    snprintf(t->root, sizeof t->root, "/tmp/loadstar-dispatch-XXXXXX");
    assert_non_null(mkdtemp(t->root));
    t->arena = arena_new();
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct tree *t = *state;
    int code = system(arena_printf(t->arena, "rm -r '%s'", t->root));
    arena_free(t->arena);
    free(t);
    return code;
}

static void queues_spread(void **state)
{
    const struct tree *t = *state;
    add_interface(t, "eth0", true, "0x1003\n", 4, "0\n");
    assert_true(dispatch_interfaces_spread(t->root, 4));
    assert_false(dispatch_interfaces_spread(t->root, 5));
}

static void one_queue_does_not_spread(void **state)
{
    const struct tree *t = *state;
    add_interface(t, "eth0", true, "0x1003\n", 4, "00\n");
    add_interface(t, "eth1", true, "0x1003\n", 1, "00\n");
    assert_false(dispatch_interfaces_spread(t->root, 2));
}

static void packet_steering_spreads_one_queue(void **state)
{
    const struct tree *t = *state;
    add_interface(t, "eth0", true, "0x1003\n", 1, "3,00000001\n");
    assert_true(dispatch_interfaces_spread(t->root, 3));
    assert_false(dispatch_interfaces_spread(t->root, 4));
}

static void virtual_and_down_interfaces_do_not_count(void **state)
{
    const struct tree *t = *state;
    add_interface(t, "lo", false, "0x9\n", 1, "0\n");
    assert_false(dispatch_interfaces_spread(t->root, 1));
    add_interface(t, "eth0", true, "0x1003\n", 2, "0\n");
    add_interface(t, "eth1", true, "0x1002\n", 1, "0\n");
    assert_true(dispatch_interfaces_spread(t->root, 2));
}

static void decisions(void **state)
{
    (void)state;
    static const int bound[2] = {0, 1}, loose[2] = {-1, -1};
    assert_int_equal(dispatch_decide(DISPATCH_AUTO, true, bound, 2), DISPATCH_CPU);
    assert_int_equal(dispatch_decide(DISPATCH_AUTO, false, bound, 2), DISPATCH_HASH);
    assert_int_equal(dispatch_decide(DISPATCH_CPU, false, bound, 2), DISPATCH_CPU);
    assert_int_equal(dispatch_decide(DISPATCH_HASH, true, bound, 2), DISPATCH_HASH);
    assert_int_equal(dispatch_decide(DISPATCH_CPU, true, loose, 2), DISPATCH_HASH);
    assert_int_equal(dispatch_decide(DISPATCH_CPU, true, bound, 1), DISPATCH_HASH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queues_spread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_queue_does_not_spread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packet_steering_spreads_one_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(virtual_and_down_interfaces_do_not_count, set_up,
                                        tear_down),
        cmocka_unit_test(decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
