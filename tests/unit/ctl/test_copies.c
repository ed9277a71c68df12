/* SPDX-License-Identifier: Apache-2.0
 * Copies made in slices: of everything, whatever changes in between, and of one generation. */
#include "tests/unit/health/world.h"

#include "ctl/copies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    struct world w;
    struct generation generations[2], *current;
};

static const struct generation *host_generation(void *ctx)
{
    return ((struct scene *)ctx)->current;
}

static struct checker *host_checker(void *ctx)
{
    return ((struct scene *)ctx)->w.checker;
}

/** n endpoints, each checked at a port where nobody listens. */
static const char *pools(int n)
{
    static char text[100000];
    size_t at = (size_t)snprintf(text, sizeof text, "%s",
                                 SITES "checks: {c: {type: tcp, port: 1, interval: 1h}}\n"
                                       "pools: {www: {checks: [c], sites: {ams: [");
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s127.1.%d.%d", i ? ", " : "", i / 250,
                               i % 250 + 1);
    snprintf(text + at, sizeof text - at, "]}}}\n");
    return text;
}

static struct generation *make_current(struct scene *s, struct generation *g)
{
    *g = (struct generation){.model = s->w.model};
    atomic_init(&g->n_holds, 1000); /* the model is the world's: it is never freed here */
    s->current = g;
    return g;
}

static unsigned n_held(const struct generation *g)
{
    return g->n_holds - 1000;
}

static void check(const struct copies *c, const struct checker *checker)
{
    uint32_t n = c->generation->model->n_endpoints;
    struct endpoint_state *states = calloc(n, sizeof *states);
    struct probe_info *probes = calloc(c->max_probes, sizeof *probes);
    copies_unpack(c, states);
    for (uint32_t e = 0; e < n; e++) {
        assert_int_equal(states[e].override, checker_states(checker)[e].override);
        assert_string_equal(states[e].reason, checker_states(checker)[e].reason);
    }
    assert_int_equal(c->n_probes, n);
    assert_int_equal(checker_probes(checker, probes, c->max_probes), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_memory_equal(&c->probes[i].addr, &probes[i].addr, sizeof probes[i].addr);
        assert_string_equal(c->probes[i].reason, probes[i].reason);
    }
    free(states);
    free(probes);
}

static void test_slices(void **state)
{
    (void)state;
    struct scene s = {0};
    const struct ctl_host host = {
        .ctx = &s, .generation = host_generation, .checker = host_checker};
    struct copies c = {0};
    world_open(&s.w);
    world_configure(&s.w, NULL, "%s", pools(1500));
    world_start(&s.w);
    struct generation *first = make_current(&s, &s.generations[0]);
    assert_int_equal(world_set(&s.w, "ams", OVERRIDE_DRAIN, 0, ""), 0);
    int n_slices = 1;
    while (!copies_step(&c, &host, 0))
        n_slices++;
    assert_int_equal(n_slices, 6); /* three for the states, three for the probes */
    assert_int_equal(n_held(first), 1);
    check(&c, s.w.checker);
    copies_free(&c);
    assert_int_equal(n_held(first), 0);

    /* Another generation comes into force in the middle. */
    for (int i = 0; i < 4; i++)
        assert_false(copies_step(&c, &host, 0));
    world_reload(&s.w, NULL, "%s", pools(700));
    make_current(&s, &s.generations[1]);
    while (!copies_step(&c, &host, 0))
        ;
    assert_ptr_equal(c.generation, &s.generations[1]);
    assert_int_equal(n_held(first), 0);
    check(&c, s.w.checker);
    copies_free(&c);
    copies_free(&c); /* of nothing */
    world_stop(&s.w);
    world_close(&s.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
