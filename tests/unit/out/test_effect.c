/* SPDX-License-Identifier: Apache-2.0
 * Effects: what a change of states does to the answers, in words. */
#include "out/effect.h"
#include "tests/unit/out/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint32_t all[] = {0, 1, 2, 3};

typedef void change_fn(struct scene *s);

static void assert_effect(struct scene *s, change_fn *change, const char *expected)
{
    char text[EFFECT_MAX];
    struct effects *effects = effects_note_states(&s->generation, s->world->states, all, 4);
    change(s);
    effects_text_of_states(text, effects, &s->generation, s->world->states, 0);
    assert_string_equal(text, expected);
    effects_free(effects);
}

static void nothing(struct scene *s)
{
    (void)s;
}
static void one_of_ams_down(struct scene *s)
{
    scene_down(s, 1, "x");
}
static void ams_down(struct scene *s)
{
    scene_down(s, 0, "x");
    scene_down(s, 1, "x");
}
static void iad_down(struct scene *s)
{
    scene_down(s, 2, "x");
}
static void all_down(struct scene *s)
{
    for (uint32_t i = 0; i < 4; i++)
        scene_down(s, i, "x");
}
static void ams_up(struct scene *s)
{
    s->world->states[0].health = s->world->states[1].health = HEALTH_UP;
}
static void e0_heavier(struct scene *s)
{
    s->world->states[0].weight_override = 9;
}
static void ams_drained(struct scene *s)
{
    s->world->states[0].override = s->world->states[1].override = OVERRIDE_DRAIN;
}

static void iad_drained(struct scene *s)
{
    s->world->states[2].override = OVERRIDE_DRAIN;
}

static void test_moves(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    assert_effect(s, nothing, "");
    assert_effect(s, iad_down, ""); /* nobody was sent there */
    assert_effect(s, one_of_ams_down, "www: without ams/e1 (1 left)");
    assert_effect(s, ams_down, "www: answers move from ams to sin");
    assert_effect(s, ams_up, "www: answers move from sin to ams");
    assert_effect(s, e0_heavier, "www: weights change in ams");
    assert_effect(s, ams_drained, "www: answers move from ams to sin");
    scene_free(s);
}

/* Names that ask for a site alone: what the pool's own names do is not said again. */
static void test_one_site_alone(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    s->world->named[0][1] = true;
    assert_effect(s, iad_drained,
                  "www: at names of www/iad: nothing is up, answers are empty (NODATA)");
    assert_effect(s, one_of_ams_down, "www: without ams/e1 (1 left)");
    s->world->named[0][0] = true;
    assert_effect(s, ams_up, "www: with ams/e1");
    scene_free(s);
}

static void test_modes(void **state)
{
    struct scene *s = scene_new();
    struct pool *pool = &s->world->pools[0];
    (void)state;
    pool->on_all_down = ALL_DOWN_NODATA;
    assert_effect(s, all_down, "www: nothing is up, answers are empty (NODATA)");
    assert_effect(s, nothing, "");
    assert_effect(s, ams_up, "www: answers come from ams again");
    pool->on_all_down = ALL_DOWN_SERVFAIL;
    assert_effect(s, all_down, "www: nothing is up, answers are SERVFAIL");
    assert_effect(s, ams_up, "www: answers come from ams again");
    scene_free(s);
}

/* Nobody is answered what is checked for a prefix set. */
static void test_checks_of_prefix_sets(void **state)
{
    (void)state;
    static const uint32_t checked = 4;
    char text[EFFECT_MAX];
    struct scene *s = scene_new();
    scene_checks(s);
    struct effects *effects = effects_note_states(&s->generation, s->world->states, &checked, 1);
    scene_down(s, 4, "x");
    effects_text_of_states(text, effects, &s->generation, s->world->states, 1);
    assert_string_equal(text, "");
    effects_free(effects);
    scene_free(s);
}

static void ams_back(struct scene *s)
{
    s->world->states[0].health = s->world->states[1].health = HEALTH_UP;
    s->world->states[2].health = s->world->states[3].health = HEALTH_DOWN;
}

/* Each answer of a split is of one site: none of them has all that are down. */
static void test_split(void **state)
{
    struct scene *s = scene_new();
    struct pool *pool = &s->world->pools[0];
    struct pool_site *sites = s->world->pool_sites[0];
    static uint32_t of_class[3] = {0, 1, 2};
    struct u32_list classes[3] = {{&of_class[0], 1}, {&of_class[1], 1}, {&of_class[2], 1}};
    (void)state;
    pool->steer = STEER_SPLIT;
    sites[0].split_weight = 75;
    sites[1].split_weight = 25;
    s->steering = (struct steering){.n_classes = 3, .class_sites = classes};
    assert_effect(s, one_of_ams_down, "www: without ams/e1 (1 left)");
    assert_effect(s, iad_down, "www: ams takes 100% (was 75%); iad takes 0% (was 25%)");
    assert_effect(s, all_down,
                  "www: ams takes 75% (was 100%); iad takes 25% (was 0%); nothing is "
                  "up, answers have all of the site that is drawn");
    assert_effect(s, ams_back, "www: ams takes 100% (was 75%); iad takes 0% (was 25%)");
    scene_free(s);
}

static void test_families_apart(void **state)
{
    struct scene *s = scene_new();
    struct pool *pool = world_pool(s->world);
    char text[EFFECT_MAX];
    static const uint32_t both[] = {4, 5, 6};
    (void)state;
    world_site(s->world, 0);
    world_endpoint(s->world, IP_V4, 1);
    world_endpoint(s->world, IP_V6, 1);
    world_site(s->world, 1);
    world_endpoint(s->world, IP_V4, 1);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){s->order, 2};
    struct effects *effects = effects_note_states(&s->generation, s->world->states, both, 3);
    scene_down(s, 4, "x");
    effects_text_of_states(text, effects, &s->generation, s->world->states, 1);
    assert_string_equal(text, "other: answers move from ams to iad (A)");
    effects_free(effects);
    scene_free(s);
}

/* More to say than there is room for ends in dots, not in a torn text. */
static void test_bound(void **state)
{
    struct scene *s = scene_new();
    char text[EFFECT_MAX], label[400];
    (void)state;
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    s->world->endpoints[1].label = label;
    struct effects *effects = effects_note_states(&s->generation, s->world->states, all, 4);
    one_of_ams_down(s);
    effects_text_of_states(text, effects, &s->generation, s->world->states, 0);
    assert_int_equal(strlen(text), EFFECT_MAX - 1);
    assert_string_equal(text + EFFECT_MAX - 4, "...");
    effects_free(effects);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_of_prefix_sets),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_one_site_alone),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_families_apart),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
