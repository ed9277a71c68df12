/* SPDX-License-Identifier: Apache-2.0
 * Plans of sets as they are: what members are in which state, and until when those that are to be
 * left may have flows. */
#include "l4/plan_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DRAIN_MS 60000
#define SETS 200

/* ---- how many tables are made ---- */

static unsigned n_made;

const struct balance *__real_balance_new(struct arena *arena, enum l4_balance kind,
                                         const struct balance_input *members, uint32_t n);
const struct balance *__wrap_balance_new(struct arena *arena, enum l4_balance kind,
                                         const struct balance_input *members, uint32_t n);

const struct balance *__wrap_balance_new(struct arena *arena, enum l4_balance kind,
                                         const struct balance_input *members, uint32_t n)
{
    n_made++;
    return __real_balance_new(arena, kind, members, n);
}

/* ---- a forwarder's parts ---- */

struct scene {
    struct l4_set set;
    struct l4_service service;
    struct l4_config config;
    struct model model;
    struct setup setup;
    struct set_table sets;
    struct registry *registry;
    struct listeners *listeners;
    struct diags diags;
    const struct plan *before;
    struct plan *unheld;
    uint64_t version;
};

static void on_unheld(void *ctx, struct plan *plan)
{
    ((struct scene *)ctx)->unheld = plan;
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    s->set = (struct l4_set){.name = "web", .pool = MODEL_NONE, .site = MODEL_NONE};
    s->service = (struct l4_service){
        .name = "web", .drain_timeout_ms = DRAIN_MS, .limits.connections = 10, .set = 0};
    s->config =
        (struct l4_config){.services = &s->service, .n_services = 1, .sets = &s->set, .n_sets = 1};
    s->model.l4 = &s->config;
    s->setup = (struct setup){.n_holds = 1, .model = &s->model};
    s->registry = registry_new();
    diags_init(&s->diags);
    set_table_follow(&s->sets, &s->config);
    assert_int_equal(listeners_open(&s->listeners, &s->config, 2, NULL, &s->diags), 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    assert_int_equal(s->setup.n_holds, 1); /* plans have given theirs back */
    listeners_release(s->listeners);
    set_table_free(&s->sets);
    registry_free(s->registry);
    diags_free(&s->diags);
    free(s);
    return 0;
}

/** Members k0, k1, .. of one set in these states. */
static void tell_one(struct scene *s, uint32_t nth, const enum member_state *states, uint32_t n)
{
    struct member_set set = {.version = ++s->version, .n = n, .v = xcalloc(n + 1, sizeof *set.v)};
    for (uint32_t i = 0; i < n; i++) {
        snprintf(set.v[i].key, sizeof set.v[i].key, "k%u", i);
        set.v[i].addr = (struct ip){.family = IP_V4, .b = {127, 0, 0, 1}};
        set.v[i].port = (uint16_t)(i + 1);
        set.v[i].weight = 3;
        set.v[i].state = states[i];
    }
    set_table_tell(&s->sets, nth, &set, SET_TOLD);
}

static void tell(struct scene *s, const enum member_state *states, uint32_t n)
{
    tell_one(s, 0, states, n);
}

static struct plan *build(struct scene *s, int64_t now_ms)
{
    const struct plan_parts parts = {.setup = &s->setup,
                                     .listeners = s->listeners,
                                     .sets = &s->sets,
                                     .before = s->before,
                                     .registry = s->registry,
                                     .n_workers = 2,
                                     .version = s->version,
                                     .now_ms = now_ms,
                                     .unheld = on_unheld,
                                     .ctx = s};
    return plan_build(&parts);
}

/** All let go of it. */
static void drop(struct scene *s, struct plan *plan)
{
    s->unheld = NULL;
    for (int i = 0; i < 3; i++) { /* two workers, and who made it */
        assert_null(s->unheld);
        plan_release(plan);
    }
    assert_ptr_equal(s->unheld, plan);
    plan_unbuild(plan, s->registry);
}

static int64_t end_of(const struct plan *plan, uint32_t member)
{
    return atomic_load(&plan->sets[0].members[member].member->close_at_ms);
}

static void states_and_ends(void **state)
{
    struct scene *s = *state;
    const enum member_state first[] = {MEMBER_UP, MEMBER_DRAIN, MEMBER_DOWN};
    const enum member_state second[] = {MEMBER_DRAIN, MEMBER_DRAIN, MEMBER_UP};
    const enum member_state third[] = {MEMBER_UP, MEMBER_UP, MEMBER_UP};
    tell(s, first, 3);
    s->setup.n_ports = 101;
    struct plan *a = build(s, 1000);
    assert_int_equal(a->n_ports, 50); /* each of two workers */
    assert_int_equal(a->sets[0].n_members, 3);
    assert_string_equal(a->sets[0].members[1].member->key, "k1");
    assert_int_equal(a->sets[0].members[1].weight, 3);
    assert_int_equal(a->sets[0].members[1].state, MEMBER_DRAIN);
    assert_non_null(a->services[0].run->limits);
    assert_int_equal(end_of(a, 0), MEMBER_NEVER);
    assert_int_equal(end_of(a, 1), 1000 + DRAIN_MS);
    assert_int_equal(end_of(a, 2), MEMBER_NEVER); /* its flows go on */
    tell(s, second, 3);
    struct plan *b = build(s, 2000);
    assert_ptr_equal(a->sets[0].members[0].member, b->sets[0].members[0].member);
    assert_int_equal(end_of(b, 0), 2000 + DRAIN_MS);
    assert_int_equal(end_of(b, 1), 1000 + DRAIN_MS); /* counted from when it was drained */
    drop(s, a);
    tell(s, third, 3);
    struct plan *c = build(s, 3000);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(end_of(c, i), MEMBER_NEVER);
    drop(s, b);
    drop(s, c);
}

static void down_that_resets(void **state)
{
    struct scene *s = *state;
    const enum member_state down[] = {MEMBER_DOWN, MEMBER_UP};
    s->service.reset_on_down = true;
    tell(s, down, 2);
    struct plan *plan = build(s, 1000);
    assert_int_equal(end_of(plan, 0), 1000);
    assert_int_equal(end_of(plan, 1), MEMBER_NEVER);
    drop(s, plan);
}

/* Neither being down takes back the time of one that was drained, nor does being up again what
 * being down has reset. */
static void what_was_set_stays(void **state)
{
    struct scene *s = *state;
    const enum member_state first[] = {MEMBER_DRAIN, MEMBER_UP};
    const enum member_state second[] = {MEMBER_DOWN, MEMBER_DOWN};
    const enum member_state third[] = {MEMBER_UP, MEMBER_UP};
    tell(s, first, 2);
    struct plan *a = build(s, 1000);
    tell(s, second, 2);
    struct plan *b = build(s, 2000);
    assert_int_equal(end_of(b, 0), 1000 + DRAIN_MS);
    assert_int_equal(b->sets[0].members[0].close_at_ms, 1000 + DRAIN_MS);
    assert_int_equal(end_of(b, 1), MEMBER_NEVER);
    s->service.reset_on_down = true;
    struct plan *c = build(s, 3000);
    assert_int_equal(end_of(c, 1), 3000);
    tell(s, third, 2);
    struct plan *d = build(s, 4000);
    assert_int_equal(end_of(d, 1), MEMBER_NEVER);
    assert_int_equal(d->sets[0].members[1].close_at_ms, MEMBER_NEVER);
    assert_int_equal(c->sets[0].members[1].close_at_ms, 3000);
    assert_int_equal(atomic_load(&d->sets[0].members[1].member->reset_at_ms), 3000);
    drop(s, a);
    drop(s, b);
    drop(s, c);
    drop(s, d);
}

static void those_that_are_gone(void **state)
{
    struct scene *s = *state;
    const enum member_state up[] = {MEMBER_UP, MEMBER_UP, MEMBER_UP};
    uint32_t n;
    tell(s, up, 3);
    struct plan *a = build(s, 1000);
    struct member *gone = a->sets[0].members[2].member;
    atomic_fetch_add(&gone->active, 1);
    tell(s, up, 2);
    struct plan *b = build(s, 2000);
    plan_leave_gone(a, b, 2000);
    assert_int_equal(end_of(b, 0), MEMBER_NEVER);
    assert_int_equal(end_of(b, 1), MEMBER_NEVER);
    assert_int_equal(atomic_load(&gone->close_at_ms), 2000 + DRAIN_MS);
    drop(s, a);
    registry_members(s->registry, &n);
    assert_int_equal(n, 3); /* a flow is left */
    atomic_fetch_sub(&gone->active, 1);
    drop(s, b);
    registry_members(s->registry, &n);
    assert_int_equal(n, 0);
}

/* ---- tables ---- */

static const enum member_state up_up[] = {MEMBER_UP, MEMBER_UP};
static const enum member_state up_down[] = {MEMBER_UP, MEMBER_DOWN};

/** The next plan, in place of `before`, which goes. */
static struct plan *next_plan(struct scene *s, struct plan *before)
{
    s->before = before;
    struct plan *plan = build(s, 1000);
    s->before = NULL;
    drop(s, before);
    return plan;
}

static void tables_are_shared_while_members_stay(void **state)
{
    struct scene *s = *state;
    s->service.balance = L4_MAGLEV;
    tell(s, up_up, 2);
    struct plan *a = build(s, 1000);
    const struct balance *table = a->sets[0].balance;
    n_made = 0;
    tell(s, up_up, 2); /* a later version of the same */
    struct plan *b = next_plan(s, a), *c = next_plan(s, b);
    assert_ptr_equal(c->sets[0].balance, table);
    assert_int_equal(n_made, 0);
    struct balance_flow flow = {.hash = UINT64_C(1) << 63};
    struct balance_cursor cursor = {.rng = {1}};
    assert_true(balance_pick(c->sets[0].balance, &cursor, &flow) < 2); /* it is still there */
    drop(s, c);
}

static void what_it_is_made_of_makes_another(void **state)
{
    struct scene *s = *state;
    s->service.balance = L4_MAGLEV;
    tell(s, up_up, 2);
    struct plan *plan = build(s, 1000);
    n_made = 0;
    tell(s, up_down, 2); /* gets nothing new */
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 1);
    tell(s, up_up, 1);
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 2);
    struct set_member *member = &s->sets.v[0]->now.v[0];
    member->weight++;
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 3);
    member->addr.b[3]++; /* of the same key */
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 4);
    s->service.balance = L4_RANDOM2;
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 5);
    plan = next_plan(s, plan);
    assert_int_equal(n_made, 5);
    drop(s, plan);
}

/* Of many sets, wherever a reload puts them. */
static void one_that_changes_costs_one(void **state)
{
    struct scene *s = *state;
    static char names[SETS][8];
    static struct l4_set sets[SETS];
    for (uint32_t i = 0; i < SETS; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        sets[i] = (struct l4_set){.name = names[i], .pool = MODEL_NONE, .site = MODEL_NONE};
    }
    s->config.sets = sets;
    s->config.n_sets = SETS;
    set_table_follow(&s->sets, &s->config);
    for (uint32_t i = 0; i < SETS; i++)
        tell_one(s, i, up_up, 2);
    n_made = 0;
    struct plan *plan = build(s, 1000);
    assert_int_equal(n_made, SETS);
    tell_one(s, 77, up_down, 2);
    plan = next_plan(s, plan);
    assert_int_equal(n_made, SETS + 1);
    const struct balance *last = plan->sets[SETS - 1].balance;
    struct l4_config other = s->config;
    other.sets = sets + 1;
    other.n_sets = SETS - 1;
    set_table_follow(&s->sets, &other);
    s->model.l4 = &other;
    s->service.set = MODEL_NONE;
    plan = next_plan(s, plan);
    assert_int_equal(n_made, SETS + 1);
    assert_ptr_equal(plan->sets[SETS - 2].balance, last);
    drop(s, plan);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(states_and_ends),
        TEST(down_that_resets),
        TEST(what_was_set_stays),
        TEST(those_that_are_gone),
        TEST(tables_are_shared_while_members_stay),
        TEST(what_it_is_made_of_makes_another),
        TEST(one_that_changes_costs_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
