/* SPDX-License-Identifier: Apache-2.0
 * A thousand lives of the checker, over real sockets. */
#include "world.h"

#include <stdio.h>

#define TWO                                                   \
    SITES "checks: {c: {type: tcp, interval: %s, fall: 2}}\n" \
          "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]%s}}}\n"

/* Start, reload, stop with probes at every stage of their life; nothing may be left. */
static void test_a_thousand_lives(void **state)
{
    (void)state;
    struct world w;
    struct backend b;
    struct silent silent;
    char iad[64];
    world_open(&w);
    backend_open(&b, BACKEND_CLOSE, "");
    silent_open(&silent);
    snprintf(iad, sizeof iad, ", iad: [{address: 127.0.0.1, port: %u}]", silent.port);
    for (int i = 0; i < 1000; i++) {
        world_configure(&w, NULL, TWO, "200ms", b.port, iad);
        world_start(&w);
        if (i % 3)
            world_run(&w, i % 4, NULL, NULL);
        world_reload(&w, NULL, TWO, "200ms", i % 2 ? b.port : 1, i % 5 ? iad : "");
        if (i % 4)
            world_run(&w, i % 3, NULL, NULL);
        world_stop(&w);
        w.events.n = 0;
    }
    backend_close(&b);
    silent_close(&silent);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
