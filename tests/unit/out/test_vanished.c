/* SPDX-License-Identifier: Apache-2.0
 * Zones that reloads take away and bring back: what is remembered, and what is told. */
#include "dns/name.h"
#include "out/events.h"
#include "out/vanished.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define ZONES 60

struct world {
    struct zone zones[ZONES];
    uint8_t wire[ZONES][32];
    struct model model;
};

/* Zones z[first].test .. z[first + n - 1].test */
static struct world *world_of(unsigned first, unsigned n)
{
    struct world *w = xcalloc(1, sizeof *w);
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        uint8_t wire[NAME_WIRE_MAX];
        snprintf(name, sizeof name, "z%u.test", first + i);
        int len = name_from_text(wire, name, strlen(name), slice_of("", 1));
        assert_in_range(len, 1, sizeof w->wire[i]);
        memcpy(w->wire[i], wire, (size_t)len);
        w->zones[i].origin = slice_of(w->wire[i], (size_t)len);
    }
    w->model = (struct model){.zones = w->zones, .n_zones = n};
    return w;
}

/* Goes from one to the other; the events of it as one text. */
static const char *change(struct vanished *v, const struct world *from, const struct world *to)
{
    static char text[8192];
    static struct event events[200];
    uint64_t last = events_last_id();
    text[0] = '\0';
    vanished_note(v, &from->model, &to->model);
    uint32_t n = events_since(last, events, ARRAY_LEN(events));
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s: %s -> %s\n",
                 events[i].target, events[i].from, events[i].to);
    return text;
}

static void test_gone_and_back(void **state)
{
    struct vanished v = {0};
    struct world *all = world_of(0, 4), *two = world_of(0, 2), *one = world_of(1, 1);
    (void)state;
    assert_string_equal(vanished_text(&v), "");
    assert_string_equal(change(&v, all, all), "");
    assert_string_equal(change(&v, all, two),
                        "zone z2.test.: served -> gone\nzone z3.test.: served -> gone\n");
    assert_string_equal(vanished_text(&v), "z2.test.\nz3.test.");
    assert_int_equal(v.n, 2);
    assert_string_equal(change(&v, two, two), ""); /* remembered, not told again */
    assert_int_equal(v.n, 2);
    assert_string_equal(change(&v, two, one), "zone z0.test.: served -> gone\n");
    assert_int_equal(v.n, 3);
    assert_string_equal(change(&v, one, two), "zone z0.test.: gone -> served\n");
    assert_string_equal(vanished_text(&v), "z2.test.\nz3.test.");
    assert_string_equal(change(&v, two, all),
                        "zone z2.test.: gone -> served\nzone z3.test.: gone -> served\n");
    assert_string_equal(vanished_text(&v), "");
    vanished_free(&v);
    free(all);
    free(two);
    free(one);
}

/* One goes while another comes back. */
static void test_exchange(void **state)
{
    struct vanished v = {0};
    struct world *a = world_of(0, 1), *b = world_of(1, 1);
    (void)state;
    (void)change(&v, a, b);
    assert_string_equal(change(&v, b, a),
                        "zone z0.test.: gone -> served\nzone z1.test.: served -> gone\n");
    assert_string_equal(vanished_text(&v), "z1.test.");
    vanished_free(&v);
    free(a);
    free(b);
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void test_many(void **state)
{
    struct vanished v = {0};
    struct world *all = world_of(0, ZONES), *none = world_of(0, 0);
    (void)state;
    const char *told = change(&v, all, none);
    assert_int_equal(lines_of(told), 51);
    assert_non_null(strstr(told, "10 more zones: served -> gone\n"));
    assert_int_equal(v.n, ZONES);
    assert_int_equal(lines_of(vanished_text(&v)) + 1, VANISHED_NAMED);
    told = change(&v, none, all);
    assert_non_null(strstr(told, "10 more zones: gone -> served\n"));
    assert_int_equal(v.n, 0);
    vanished_free(&v);
    free(all);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone_and_back),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
