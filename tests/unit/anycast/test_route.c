/* SPDX-License-Identifier: Apache-2.0
 * Attributes of routes by state, and what drivers share. */
#include "anycast/speaker.h"

#include "anycast/view.h"
#include "drive/command.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct community of_set[] = {{65001, 20}, {65001, 3}, {100, 65535}, {65001, 3}};
static const struct community of_degraded[] = {{65001, 4}, {65001, 20}};
static const struct community with_shutdown[] = {{65535, 0}, {65535, 1}};
static const struct large_community large[] = {{{4200000000, 1, 2}}, {{65001, 0, 0}}};

#define SET .communities = of_set, .n_communities = 4
#define LARGE .large_communities = large, .n_large_communities = 2
#define WORSE     \
    .degraded = { \
        .prepend = 2, .has_med = true, .med = 200, .communities = of_degraded, .n_communities = 2}

static const struct {
    struct prefix_set config;
    enum announcer_state state;
    bool degraded;
    const char *text;
} states[] = {
    {{0}, ANNOUNCER_ANNOUNCED, false, ""},
    {{SET}, ANNOUNCER_ANNOUNCED, false, "100:65535 65001:3 65001:20"},
    {{SET, WORSE}, ANNOUNCER_ANNOUNCED, false, "100:65535 65001:3 65001:20"},
    {{SET, WORSE}, ANNOUNCER_ANNOUNCED, true, "100:65535 65001:3 65001:20"},
    {{SET, WORSE}, ANNOUNCER_HOLDING, true, "100:65535 65001:3 65001:20"},
    {{SET, WORSE}, ANNOUNCER_DOWN, false, "100:65535 65001:3 65001:20"},
    {{SET, WORSE},
     ANNOUNCER_DEGRADED,
     false,
     "100:65535 65001:3 65001:4 65001:20 prepend 2 med 200"},
    {{SET, WORSE},
     ANNOUNCER_DEGRADED,
     true,
     "100:65535 65001:3 65001:4 65001:20 prepend 2 med 200"},
    {{SET, WORSE}, ANNOUNCER_DRAINING, false, "100:65535 65001:3 65001:20 65535:0"},
    {{SET, WORSE},
     ANNOUNCER_DRAINING,
     true,
     "100:65535 65001:3 65001:4 65001:20 65535:0 prepend 2 med 200"},
    {{0}, ANNOUNCER_DRAINING, false, "65535:0"},
    {{.communities = with_shutdown, .n_communities = 2},
     ANNOUNCER_DRAINING,
     false,
     "65535:0 65535:1"},
    {{SET, LARGE},
     ANNOUNCER_ANNOUNCED,
     false,
     "100:65535 65001:3 65001:20 4200000000:1:2 65001:0:0"},
    {{SET, LARGE},
     ANNOUNCER_DRAINING,
     false,
     "100:65535 65001:3 65001:20 65535:0 4200000000:1:2 65001:0:0"},
    {{.degraded = {.prepend = 16}}, ANNOUNCER_DEGRADED, false, " prepend 16"},
    {{.degraded = {.prepend = 17}}, ANNOUNCER_DEGRADED, false, " prepend 16"},
    {{.degraded = {.has_med = true, .med = 0}}, ANNOUNCER_DEGRADED, false, " med 0"},
    {{.degraded = {.has_med = true, .med = UINT32_MAX}},
     ANNOUNCER_DEGRADED,
     false,
     " med 4294967295"},
    {{.degraded = {.med = 7}}, ANNOUNCER_DEGRADED, false, ""},
};

static const char *text_of(const struct route_attributes *a)
{
    static char text[4096];
    char one[LARGE_COMMUNITY_TEXT_MAX];
    size_t n = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < a->n_communities; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "",
                              community_text(one, a->communities[i]));
    for (uint32_t i = 0; i < a->n_large; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s",
                              large_community_text(one, &a->large[i]));
    if (a->prepend)
        n += (size_t)snprintf(text + n, sizeof text - n, " prepend %u", a->prepend);
    if (a->has_med)
        snprintf(text + n, sizeof text - n, " med %u", a->med);
    return text;
}

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct route_attributes out;
        memset(&out, 0xee, sizeof out);
        route_attributes_of(&out, &states[i].config, states[i].state, states[i].degraded);
        if (strcmp(text_of(&out), states[i].text) != 0)
            fail_msg("row %zu: '%s', not '%s'", i, text_of(&out), states[i].text);
        assert_int_equal(out.has_med ? 0 : out.med, 0);
    }
}

/** However many there are, GRACEFUL_SHUTDOWN is among them, and they ascend. */
static void test_bounds(void **state)
{
    struct community many[2 * SPEAKER_COMMUNITIES_MAX];
    struct route_attributes out;
    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct community){(uint16_t)(i * 37 % 101), (uint16_t)(1000 - i)};
    for (uint32_t n = 0; n <= ARRAY_LEN(many); n++) {
        const struct prefix_set config = {.communities = many,
                                          .n_communities = n / 2,
                                          .degraded = {.communities = many + n / 2,
                                                       .n_communities = n - n / 2}};
        route_attributes_of(&out, &config, ANNOUNCER_DRAINING, true);
        uint32_t expected = n + 1 < SPEAKER_COMMUNITIES_MAX ? n + 1 : SPEAKER_COMMUNITIES_MAX;
        assert_int_equal(out.n_communities, expected);
        assert_int_equal(out.communities[expected - 1].high, GRACEFUL_SHUTDOWN_HIGH);
        assert_int_equal(out.communities[expected - 1].low, GRACEFUL_SHUTDOWN_LOW);
        for (uint32_t i = 1; i < expected; i++)
            assert_true(community_less(out.communities[i - 1], out.communities[i]));
    }
}

static void test_equal(void **state)
{
    static const struct large_community turned[] = {{{65001, 0, 0}}, {{4200000000, 1, 2}}},
                                        other[] = {{{65001, 0, 0}}, {{4200000000, 1, 3}}};
    struct route_attributes a, b;
    (void)state;
    route_attributes_of(&a, &states[9].config, ANNOUNCER_DRAINING, true);
    a.large = large;
    a.n_large = 2;
    b = a;
    assert_true(route_attributes_equal(&a, &b));
    b.large = turned;
    assert_true(route_attributes_equal(&a, &b));
    b.large = other;
    assert_false(route_attributes_equal(&a, &b));
    assert_false(route_attributes_equal(&b, &a));
    b = a, b.n_large = 1;
    assert_false(route_attributes_equal(&a, &b));
    assert_false(route_attributes_equal(&b, &a));
    b = a, b.prepend++;
    assert_false(route_attributes_equal(&a, &b));
    b = a, b.med++;
    assert_false(route_attributes_equal(&a, &b));
    b = a, b.has_med = false;
    assert_false(route_attributes_equal(&a, &b));
    a.has_med = false, b.med = 77;
    assert_true(route_attributes_equal(&a, &b));
    b = a, b.n_communities--;
    assert_false(route_attributes_equal(&a, &b));
    assert_false(route_attributes_equal(&b, &a));
    b = a, b.communities[1].low++;
    assert_false(route_attributes_equal(&a, &b));
    b = a, b.communities[1].high++;
    assert_false(route_attributes_equal(&a, &b));
}

static void test_texts(void **state)
{
    char out[LARGE_COMMUNITY_TEXT_MAX], small[COMMUNITY_TEXT_MAX];
    const struct large_community most = {{UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    (void)state;
    assert_string_equal(large_community_text(out, &most), "4294967295:4294967295:4294967295");
    assert_string_equal(community_text(small, (struct community){65535, 65535}), "65535:65535");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_NONE), "none");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_UNREACHABLE), "unreachable");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_DENIED), "denied");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_REJECTED), "rejected");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_DISK), "disk");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_FOREIGN), "foreign");
    assert_string_equal(speaker_error_text(SPEAKER_ERROR_TIMEOUT), "timeout");
}

static void test_commands(void **state)
{
    static const struct {
        struct command_result result;
        enum speaker_error error;
    } rows[] = {
        {{.error = EACCES}, SPEAKER_ERROR_DENIED},
        {{.error = EPERM}, SPEAKER_ERROR_DENIED},
        {{.error = ENOENT}, SPEAKER_ERROR_UNREACHABLE},
        {{.timed_out = true, .status = -1}, SPEAKER_ERROR_TIMEOUT},
        {{.too_much = true, .status = -1}, SPEAKER_ERROR_REJECTED},
        {{.status = 1}, SPEAKER_ERROR_REJECTED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(speaker_command_error(&rows[i].result), rows[i].error);
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    assert_int_equal(ip_prefix_parse(&p, text), 0);
    return p;
}

static void test_find(void **state)
{
    const struct ip_prefix of_a[] = {prefix("192.0.2.1/32"), prefix("2001:db8::/64")};
    const struct ip_prefix of_b[] = {prefix("192.0.2.0/24"), prefix("192.0.2.0/31")};
    const struct prefix_set a = {.prefixes = of_a, .n_prefixes = 2},
                            b = {.prefixes = of_b, .n_prefixes = 2};
    const struct anycast_spec specs[] = {{.config = &a}, {.config = &b}};
    const struct announcement list[] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
    const struct announcements all = {list, 2, 1};
    const struct {
        const char *text;
        uint32_t set, nth;
    } rows[] = {
        {"192.0.2.1/32", 0, 0},
        {"2001:db8::/64", 0, 1},
        {"192.0.2.0/24", 1, 0},
        {"192.0.2.0/31", 1, 1},
        {"192.0.2.0/25", MODEL_NONE, MODEL_NONE},
        {"2001:db8::/63", MODEL_NONE, MODEL_NONE},
        {"192.0.2.2/32", MODEL_NONE, MODEL_NONE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct ip_prefix p = prefix(rows[i].text);
        uint32_t set = 99, nth = 99;
        assert_int_equal(announcements_find(&all, &p, &set, &nth), rows[i].set != MODEL_NONE);
        assert_int_equal(set, rows[i].set);
        assert_int_equal(nth, rows[i].nth);
    }
}

static void test_next_hops(void **state)
{
    struct prefix_set set = {.next_hop_self = true};
    struct speaker speaker = {0};
    (void)state;
    assert_null(route_next_hop(&set, &speaker, IP_V4));
    assert_int_equal(ip_parse(&speaker.next_hop_v6, "2001:db8::1"), 0);
    assert_null(route_next_hop(&set, &speaker, IP_V4));
    assert_ptr_equal(route_next_hop(&set, &speaker, IP_V6), &speaker.next_hop_v6);
    assert_int_equal(ip_parse(&set.next_hop_v6, "2001:db8::2"), 0);
    assert_ptr_equal(route_next_hop(&set, &speaker, IP_V6), &speaker.next_hop_v6);
    set.next_hop_self = false;
    assert_ptr_equal(route_next_hop(&set, &speaker, IP_V6), &set.next_hop_v6);
    assert_null(route_next_hop(&set, &speaker, IP_V4));
    assert_int_equal(ip_parse(&speaker.next_hop_v4, "192.0.2.1"), 0);
    assert_ptr_equal(route_next_hop(&set, &speaker, IP_V4), &speaker.next_hop_v4);
    assert_int_equal(ip_parse(&set.next_hop_v4, "192.0.2.2"), 0);
    assert_ptr_equal(route_next_hop(&set, &speaker, IP_V4), &set.next_hop_v4);
}

/* ---- views ---- */

static unsigned n_released;

void anycast_set_release(struct anycast_set *set)
{
    n_released += set != NULL;
}

static void test_views(void **state)
{
    struct anycast_set set = {0};
    struct arena *arena = arena_new();
    struct anycast_view *view = arena_calloc(arena, 1, sizeof *view);
    struct speaker_view *speaker;
    (void)state;
    *view = (struct anycast_view){.n_holds = 1, .arena = arena, .set = &set};
    assert_ptr_equal(anycast_view_hold(view), view);
    anycast_view_release(view);
    assert_int_equal(n_released, 0);
    anycast_view_release(view);
    assert_int_equal(n_released, 1);
    anycast_view_release(NULL);

    arena = arena_new();
    speaker = arena_calloc(arena, 1, sizeof *speaker);
    *speaker = (struct speaker_view){.n_holds = 1, .arena = arena, .set = &set};
    assert_ptr_equal(speaker_view_hold(speaker), speaker);
    speaker_view_release(speaker);
    assert_int_equal(n_released, 1);
    speaker_view_release(speaker);
    assert_int_equal(n_released, 2);
    speaker_view_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_equal),  cmocka_unit_test(test_texts),
        cmocka_unit_test(test_find),   cmocka_unit_test(test_next_hops),
        cmocka_unit_test(test_views),  cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
