/* SPDX-License-Identifier: Apache-2.0
 * Which tables of clients are refused for want of memory, and in which words. */
#include "model/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MB(n) ((uint64_t)(n) << 20)

static const struct span at = {"pools.yaml", 7, 3};

static void check(struct budget budget, uint64_t bytes, bool allowed, const char *expected)
{
    struct diags diags;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    assert_int_equal(budget_allows_tables(&budget, at, bytes, 9, &diags), allowed);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    diags_free(&diags);
}

static void test_room(void **state)
{
    (void)state;
    struct budget budget = {.room = {.bytes = MB(1000), .limit = "memory.max of /x"}};
    check(budget, MB(1000) / 100 * 70, true, "");
    check(budget, MB(1000) / 100 * 70 + 1, false,
          "pools.yaml:7:3: 9 different sets of sites, this pool's the first, have a table of "
          "clients each: about 701 MB of memory, more than 70% of the 1000 MB that are available "
          "(memory.max of /x): not loaded; give pools the same sites, which then share one table, "
          "or steer by a map, or try it all the same: loadstarctl reload --force\n");
    budget.room.bytes = UINT64_MAX; /* nothing is known to limit it */
    check(budget, MB(1000000), true, "");
    budget.room.bytes = MB(1); /* so little is never refused */
    check(budget, BUDGET_FREE, true, "");
}

static void test_tried_all_the_same(void **state)
{
    (void)state;
    static const char warning[] =
        "pools.yaml:7:3: warning: 9 different sets of sites, this pool's the first, have a table "
        "of clients each: about 800 MB of memory, more than 70% of the 1000 MB that are available "
        "(memory.max of /x): this process may be ended by the system\n";
    struct budget budget = {.room = {.bytes = MB(1000), .limit = "memory.max of /x"}};
    budget.insist = true;
    check(budget, MB(800), true, warning);
    budget.insist = false;
    budget.lenient = true;
    check(budget, MB(800), true, warning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_tried_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
