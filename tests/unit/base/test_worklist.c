/* SPDX-License-Identifier: Apache-2.0
 * Work lists against a slow model: an array in order. */
#include "base/worklist.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 13 };

struct slow {
    uint32_t v[SIZE];
    uint32_t n;
};

static void slow_add(struct slow *s, uint32_t number)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->v[i] == number)
            return;
    s->v[s->n++] = number;
}

static uint32_t slow_take(struct slow *s)
{
    if (s->n == 0)
        return WORKLIST_NONE;
    uint32_t first = s->v[0];
    memmove(s->v, s->v + 1, --s->n * sizeof *s->v);
    return first;
}

static void random_work(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    for (int all = 0; all < 2; all++) {
        struct worklist list;
        struct slow slow = {0};
        worklist_init(&list, SIZE, all);
        for (uint32_t i = 0; all && i < SIZE; i++)
            slow_add(&slow, i);
        for (int step = 0; step < 20000; step++) {
            uint32_t number = rng_below(&rng, SIZE);
            if (rng_below(&rng, 100) < (step / 500 % 2 ? 70u : 40u)) {
                worklist_add(&list, number);
                slow_add(&slow, number);
            } else {
                assert_int_equal(worklist_take(&list), slow_take(&slow));
            }
            assert_int_equal(list.n, slow.n);
        }
        worklist_free(&list);
    }
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct worklist list;
    worklist_init(&list, 0, true);
    assert_int_equal(worklist_take(&list), WORKLIST_NONE);
    worklist_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
