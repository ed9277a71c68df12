/* SPDX-License-Identifier: Apache-2.0
 * Framing: whole messages only, in order, never past the buffers. */
#include "base/arena.h"
#include "base/cursor.h"
#include "base/rng.h"
#include "io/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define OUT_SIZE (2 * FRAME_MAX)

static uint8_t out[OUT_SIZE];

/** Answers with the message itself, doubled if there is room; an empty one has no answer. */
static uint32_t echo(void *ctx, struct slice query, uint8_t *response)
{
    unsigned *calls = ctx;
    ++*calls;
    uint32_t n = query.n;
    if (n)
        memcpy(response, query.p, n);
    if (n && 2 * n <= 65535) {
        memcpy(response + n, query.p, n);
        n *= 2;
    }
    return n;
}

static size_t put(uint8_t *at, uint8_t fill, size_t n)
{
    store_u16(at, (uint16_t)n);
    memset(at + 2, fill, n);
    return 2 + n;
}

static void waits_for_the_whole_message(void **state)
{
    (void)state;
    uint8_t in[64];
    unsigned calls = 0;
    size_t n = put(in, 7, 12);
    for (size_t part = 0; part < n; part++) {
        struct framing_result r = framing_answer(in, part, out, sizeof out, echo, &calls);
        assert_int_equal(r.consumed, 0);
        assert_int_equal(r.produced, 0);
        assert_false(r.full || r.bad);
    }
    assert_int_equal(calls, 0);
    struct framing_result r = framing_answer(in, n, out, sizeof out, echo, &calls);
    assert_int_equal(r.consumed, n);
    assert_int_equal(r.produced, 2 + 24);
    assert_int_equal(load_u16(out), 24);
    assert_int_equal(r.messages, 1);
}

static void answers_many_in_order_and_leaves_the_rest(void **state)
{
    (void)state;
    uint8_t in[4096];
    size_t n = 0;
    unsigned calls = 0;
    for (uint8_t i = 1; i <= 20; i++)
        n += put(in + n, i, i);
    size_t whole = n;
    n += put(in + n, 99, 50) - 1; /* its last byte is still on the way */
    struct framing_result r = framing_answer(in, n, out, sizeof out, echo, &calls);
    assert_int_equal(r.consumed, whole);
    assert_int_equal(r.messages, 20);
    assert_false(r.full);
    const uint8_t *at = out;
    for (uint8_t i = 1; i <= 20; i++) {
        assert_int_equal(load_u16(at), 2 * i);
        assert_int_equal(at[2], i);
        at += 2 + 2 * i;
    }
    assert_ptr_equal(at, out + r.produced);
}

static void an_unanswerable_message_ends_it(void **state)
{
    (void)state;
    uint8_t in[64];
    unsigned calls = 0;
    size_t n = put(in, 1, 4);
    n += put(in + n, 0, 0);
    size_t upto = n;
    n += put(in + n, 2, 4);
    struct framing_result r = framing_answer(in, n, out, sizeof out, echo, &calls);
    assert_true(r.bad);
    assert_int_equal(r.consumed, upto);
    assert_int_equal(r.messages, 1);
    assert_int_equal(r.produced, 2 + 8);
}

static void stops_when_a_longest_answer_might_not_fit(void **state)
{
    (void)state;
    size_t n = 0;
    unsigned calls = 0;
    uint8_t *in = xmalloc(3 * FRAME_MAX);
    for (uint8_t i = 1; i <= 3; i++)
        n += put(in + n, i, 65535);
    struct framing_result r = framing_answer(in, n, out, sizeof out, echo, &calls);
    assert_int_equal(r.messages, 2);
    assert_true(r.full);
    assert_int_equal(r.produced, 2 * FRAME_MAX);
    assert_int_equal(r.consumed, 2 * FRAME_MAX);
    free(in);
}

/** However the bytes are cut into pieces, the answers are the same. */
static void cuts_do_not_matter(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint8_t in[N], reference[OUT_SIZE];
    struct rng rng = {.state = 42};
    size_t n = 0;
    while (n + 302 < N)
        n += put(in + n, (uint8_t)rng_next(&rng), 1 + rng_below(&rng, 300));
    unsigned calls = 0, calls_cut = 0;
    struct framing_result whole = framing_answer(in, n, reference, sizeof reference, echo, &calls);
    assert_int_equal(whole.consumed, n);
    for (unsigned round = 0; round < 50; round++) {
        size_t from = 0, have = 0, produced = 0;
        calls_cut = 0;
        while (from < n) {
            have += 1 + rng_below(&rng, 700);
            if (from + have > n)
                have = n - from;
            struct framing_result r = framing_answer(in + from, have, out + produced,
                                                     sizeof out - produced, echo, &calls_cut);
            produced += r.produced;
            from += r.consumed;
            have -= r.consumed;
        }
        assert_int_equal(calls_cut, calls);
        assert_int_equal(produced, whole.produced);
        assert_memory_equal(out, reference, produced);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_whole_message),
        cmocka_unit_test(answers_many_in_order_and_leaves_the_rest),
        cmocka_unit_test(an_unanswerable_message_ends_it),
        cmocka_unit_test(stops_when_a_longest_answer_might_not_fit),
        cmocka_unit_test(cuts_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
