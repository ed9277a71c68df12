/* SPDX-License-Identifier: Apache-2.0
 * States packed for other threads. */
#include "base/arena.h"
#include "base/rng.h"
#include "health/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define STATES 1000

static void fill_text(struct rng *rng, char text[REASON_MAX])
{
    uint32_t kind = rng_below(rng, 4);
    uint32_t n = kind == 0 ? 0 : kind == 1 ? REASON_MAX - 1 : rng_below(rng, REASON_MAX);
    for (uint32_t i = 0; i < n; i++)
        text[i] = (char)(1 + rng_below(rng, 255));
    text[n] = '\0';
}

static void packed_states_are_the_same(void **state)
{
    (void)state;
    struct rng rng = {.state = 1};
    struct endpoint_state *from = xcalloc(STATES, sizeof *from), *to = xcalloc(STATES, sizeof *to);
    for (uint32_t i = 0; i < STATES; i++) {
        struct endpoint_state *s = &from[i];
        s->health = (uint8_t)rng_below(&rng, 3);
        s->checked = rng_below(&rng, 2);
        s->override = (uint8_t)rng_below(&rng, 4);
        s->override_until_s = (int64_t)rng_next(&rng);
        s->weight_override = (int64_t)rng_next(&rng);
        s->flip_s = (uint32_t)rng_next(&rng);
        s->since_ms = (int64_t)rng_next(&rng);
        s->latency_us = (uint32_t)rng_next(&rng);
        fill_text(&rng, s->reason);
        fill_text(&rng, s->override_reason);
    }
    static const uint32_t ranges[][2] = {{0, STATES}, {0, 0}, {0, 1}, {999, 1}, {300, 500}};
    for (size_t k = 0; k < ARRAY_LEN(ranges); k++) {
        uint32_t first = ranges[k][0], n = ranges[k][1];
        memset(to, 0, STATES * sizeof *to);
        struct packed_states packed = states_pack(from, first, n);
        states_unpack(to, &packed);
        packed_states_free(&packed);
        for (uint32_t i = 0; i < STATES; i++) {
            bool in = i - first < n;
            static const struct endpoint_state none;
            const struct endpoint_state *s = in ? &from[i] : &none;
            assert_memory_equal(&to[i], s, offsetof(struct endpoint_state, reason));
            assert_string_equal(to[i].reason, s->reason);
            assert_string_equal(to[i].override_reason, s->override_reason);
        }
    }
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_states_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
