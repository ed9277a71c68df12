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

#define MAX 32

static struct slice found[MAX];

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
    size_t n = put(in, 7, 12);
    for (size_t part = 0; part < n; part++)
        assert_int_equal(framing_split(in, part, found, MAX), 0);
    assert_int_equal(framing_split(in, n, found, MAX), 1);
    assert_ptr_equal(found[0].p, in + 2);
    assert_int_equal(found[0].n, 12);
    assert_int_equal(framing_consumed(in, found, 1), n);
    assert_int_equal(framing_consumed(in, found, 0), 0);
}

static void finds_many_in_order_and_leaves_the_rest(void **state)
{
    (void)state;
    uint8_t in[4096];
    size_t n = 0;
    for (uint8_t i = 1; i <= 20; i++)
        n += put(in + n, i, i);
    size_t whole = n;
    n += put(in + n, 99, 50) - 1; /* its last byte is still on the way */
    assert_int_equal(framing_split(in, n, found, MAX), 20);
    assert_int_equal(framing_consumed(in, found, 20), whole);
    for (uint8_t i = 1; i <= 20; i++) {
        assert_int_equal(found[i - 1].n, i);
        assert_int_equal(found[i - 1].p[0], i);
    }
}

static void finds_no_more_than_asked_for(void **state)
{
    (void)state;
    uint8_t in[4096];
    size_t n = 0;
    for (uint8_t i = 0; i < MAX + 8; i++)
        n += put(in + n, i, 3);
    assert_int_equal(framing_split(in, n, found, MAX), MAX);
    assert_int_equal(framing_consumed(in, found, MAX), MAX * 5);
    assert_int_equal(framing_split(in + MAX * 5, n - MAX * 5, found, MAX), 8);
    assert_int_equal(found[0].p[0], MAX);
}

/** Empty messages, and the longest. */
static void lengths_at_the_ends(void **state)
{
    (void)state;
    uint8_t *in = xmalloc(2 * FRAMED_MAX + 2);
    size_t n = put(in, 1, 65535);
    n += put(in + n, 0, 0);
    n += put(in + n, 2, 65535);
    assert_int_equal(framing_split(in, n - 1, found, MAX), 2);
    assert_int_equal(framing_split(in, n, found, MAX), 3);
    assert_int_equal(found[0].n, 65535);
    assert_int_equal(found[1].n, 0);
    assert_int_equal(found[2].p[65534], 2);
    assert_int_equal(framing_consumed(in, found, 3), n);
    free(in);
}

/** Every length that a response can have comes out as it went in, and nothing behind it changes. */
static void puts_every_length(void **state)
{
    (void)state;
    uint8_t *message = xmalloc(65535), *out = xmalloc(FRAMED_MAX + 1);
    for (uint32_t i = 0; i < 65535; i++)
        message[i] = (uint8_t)(i * 7 + (i >> 8));
    for (uint32_t n = 1; n <= 65535; n += n < 600 ? 1 : n < 65000 ? 811 : 1) {
        out[2 + n] = 0xa5;
        assert_ptr_equal(framing_put(out, message, n), out + 2 + n);
        assert_int_equal(load_u16(out), n);
        assert_memory_equal(out + 2, message, n);
        assert_int_equal(out[2 + n], 0xa5);
    }
    free(message);
    free(out);
}

/** However the bytes are cut into pieces, the messages are the same. */
static void cuts_do_not_matter(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint8_t in[N], out[N];
    struct rng rng = {.state = 42};
    size_t n = 0;
    while (n + 302 < N)
        n += put(in + n, (uint8_t)rng_next(&rng), 1 + rng_below(&rng, 300));
    for (unsigned round = 0; round < 50; round++) {
        size_t from = 0, have = 0;
        uint8_t *to = out;
        while (from < n) {
            have += 1 + rng_below(&rng, 700);
            if (from + have > n)
                have = n - from;
            unsigned k = framing_split(in + from, have, found, 1 + rng_below(&rng, MAX));
            for (unsigned i = 0; i < k; i++)
                to = framing_put(to, found[i].p, found[i].n);
            size_t consumed = framing_consumed(in + from, found, k);
            from += consumed;
            have -= consumed;
        }
        assert_int_equal(to - out, n);
        assert_memory_equal(out, in, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_whole_message),
        cmocka_unit_test(finds_many_in_order_and_leaves_the_rest),
        cmocka_unit_test(finds_no_more_than_asked_for),
        cmocka_unit_test(lengths_at_the_ends),
        cmocka_unit_test(puts_every_length),
        cmocka_unit_test(cuts_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
