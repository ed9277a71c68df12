/* SPDX-License-Identifier: Apache-2.0
 * Work in pieces: the same as at once. */
#include "base/give_way.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 9
#define BLOCK ((7u << 20) + 1234) /* several pieces, and no whole number of pages */

static void check(const uint8_t *p, uint8_t value)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (p[i] != value)
            fail_msg("byte %zu is %u, not %u", i, p[i], value);
}

/* Blocks beside each other in malloc's heap, whose pages they share at the ends. */
static void freeing_touches_no_neighbour(void **state)
{
    (void)state;
    uint8_t *blocks[BLOCKS];
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    for (uint8_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], i + 1, BLOCK);
    }
    for (unsigned i = 0; i < BLOCKS; i += 2)
        give_way_free(blocks[i], BLOCK);
    for (uint8_t i = 1; i < BLOCKS; i += 2)
        check(blocks[i], i + 1);
    for (unsigned i = 0; i < BLOCKS; i += 2) { /* their room is used again */
        blocks[i] = malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], 0xff, BLOCK);
    }
    for (uint8_t i = 1; i < BLOCKS; i += 2)
        check(blocks[i], i + 1);
    for (unsigned i = 0; i < BLOCKS; i++)
        give_way_free(blocks[i], BLOCK);
    give_way_free(NULL, 0);
    give_way_free(malloc(1), 1);
}

static void copies(void **state)
{
    (void)state;
    uint8_t *from = malloc(BLOCK), *to = malloc(BLOCK + 1);
    assert_true(from && to);
    for (size_t i = 0; i < BLOCK; i++)
        from[i] = (uint8_t)(i * 7 + (i >> 8));
    to[BLOCK] = 0x5a;
    give_way_copy(to, from, BLOCK);
    assert_memory_equal(to, from, BLOCK);
    assert_int_equal(to[BLOCK], 0x5a);
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freeing_touches_no_neighbour),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
