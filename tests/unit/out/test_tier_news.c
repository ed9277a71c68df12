/* SPDX-License-Identifier: Apache-2.0
 * States of tiers as events: what is told, once, and what is not. */
#include "out/tier_news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOLD TIER_NEWS_HOLD_MS

struct world {
    struct tier_news *news;
    struct tier_spec specs[3];
    struct tier_view view[3], *views[3];
    struct event events[8];
    unsigned n;
};

static void on_event(void *ctx, const struct event *event)
{
    struct world *w = ctx;
    assert_true(w->n < 8);
    w->events[w->n++] = *event;
}

static int set_up(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct world *w = xcalloc(1, sizeof *w);
    w->news = tier_news_new();
    for (unsigned i = 0; i < 3; i++) {
        w->specs[i].name = names[i];
        w->view[i] = (struct tier_view){.spec = &w->specs[i], .state = TIER_APPLYING};
        w->views[i] = &w->view[i];
    }
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    tier_news_free(w->news);
    free(w);
    return 0;
}

static int64_t look(struct world *w, unsigned n, int64_t now_ms)
{
    return tier_news_look(w->news, w->views, n, now_ms, on_event, w);
}

static void becomes(struct world *w, unsigned i, enum tier_state state, const char *error)
{
    w->view[i].state = state;
    snprintf(w->view[i].error, sizeof w->view[i].error, "%s", error);
}

static void assert_event(const struct world *w, unsigned i, const char *target, const char *from,
                         const char *to, const char *reason)
{
    assert_true(i < w->n);
    assert_string_equal(w->events[i].target, target);
    assert_string_equal(w->events[i].from, from);
    assert_string_equal(w->events[i].to, to);
    assert_string_equal(w->events[i].reason, reason);
    assert_int_equal(w->events[i].severity, strcmp(to, "ok") == 0 ? EVENT_NOTICE : EVENT_ERROR);
}

static void trouble_and_its_end(void **state)
{
    struct world *w = *state;
    assert_int_equal(look(w, 3, 0), INT64_MAX);
    becomes(w, 1, TIER_OK, "");
    assert_int_equal(look(w, 3, 10), INT64_MAX);
    becomes(w, 1, TIER_STALE, "closed the connection");
    assert_int_equal(look(w, 3, 1000), 1000 + HOLD);
    assert_int_equal(look(w, 3, 1000 + HOLD - 1), 1000 + HOLD);
    assert_int_equal(w->n, 0);
    assert_int_equal(look(w, 3, 1000 + HOLD), INT64_MAX);
    assert_int_equal(w->n, 1);
    assert_event(w, 0, "tier b", "ok", "stale", "closed the connection");
    becomes(w, 1, TIER_STALE, "no answer in 5 s"); /* is no other state */
    assert_int_equal(look(w, 3, 9000), INT64_MAX);
    assert_int_equal(w->n, 1);
    becomes(w, 1, TIER_APPLYING, "");
    assert_int_equal(look(w, 3, 10000), 10000 + HOLD);
    look(w, 3, 10000 + HOLD);
    assert_int_equal(w->n, 2);
    assert_event(w, 1, "tier b", "stale", "ok", "in order again");
}

static void what_is_wrong_from_the_start(void **state)
{
    struct world *w = *state;
    look(w, 3, 0);
    becomes(w, 0, TIER_UNREACHABLE, "cannot connect");
    becomes(w, 2, TIER_REFUSED, "not ours");
    look(w, 3, 5);
    look(w, 3, 5 + HOLD);
    assert_int_equal(w->n, 2);
    assert_event(w, 0, "tier a", "unknown", "unreachable", "cannot connect");
    assert_event(w, 1, "tier c", "unknown", "refused", "not ours");
    becomes(w, 0, TIER_STALE, "x");
    look(w, 3, 9000);
    look(w, 3, 9000 + HOLD);
    assert_event(w, 2, "tier a", "unreachable", "stale", "x");
}

static void what_is_over_at_once_is_no_news(void **state)
{
    struct world *w = *state;
    becomes(w, 0, TIER_OK, "");
    look(w, 3, 0);
    for (int64_t now_ms = 1000; now_ms < 60000; now_ms += HOLD) {
        becomes(w, 0, TIER_STALE, "gone");
        look(w, 3, now_ms);
        becomes(w, 0, TIER_OK, "");
        assert_int_equal(look(w, 3, now_ms + HOLD - 1), INT64_MAX);
    }
    assert_int_equal(w->n, 0);
}

static void tiers_are_known_by_their_names(void **state)
{
    struct world *w = *state;
    becomes(w, 0, TIER_UNREACHABLE, "gone");
    look(w, 3, 0);
    look(w, 3, HOLD);
    assert_int_equal(w->n, 1);
    struct tier_view *first = w->views[0];
    w->views[0] = w->views[1], w->views[1] = w->views[2], w->views[2] = first;
    look(w, 3, 10000);
    look(w, 3, 10000 + HOLD);
    assert_int_equal(w->n, 1);
    look(w, 2, 20000); /* it leaves the configuration, and comes back */
    look(w, 3, 30000);
    look(w, 3, 30000 + HOLD);
    assert_int_equal(w->n, 2);
    assert_event(w, 1, "tier a", "unknown", "unreachable", "gone");
    assert_int_equal(look(w, 0, 40000), INT64_MAX);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(trouble_and_its_end),
        TEST(what_is_wrong_from_the_start),
        TEST(what_is_over_at_once_is_no_news),
        TEST(tiers_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
