/* SPDX-License-Identifier: Apache-2.0
 * Copying in slices. */
#include "ctl/copies.h"

#include "base/clock.h"

#include <stdlib.h>

enum { PIECE = 512 }; /* endpoints, or probes, between looks at the clock: 50 us */

static void begin(struct copies *c, const struct generation *g, const struct checker *checker)
{
    copies_free(c);
    c->generation = generation_hold((struct generation *)(uintptr_t)g);
    c->states = xcalloc(g->model->n_endpoints / PIECE + 1u, sizeof *c->states);
    c->max_probes = checker_summary(checker).n_probes;
    c->probes = xcalloc(c->max_probes + 1u, sizeof *c->probes);
    c->texts = arena_new();
}

/** Notes how long answers with the drained ones among n endpoints may live. */
static void note_drained(struct copies *c, const struct ctl_host *host,
                         const struct endpoint_state *states, uint32_t n)
{
    const struct tiers *tiers = host->tiers ? host->tiers(host->ctx) : NULL;
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = c->n_endpoints; tiers && i < c->n_endpoints + n; i++) {
        if (states[i].override != OVERRIDE_DRAIN)
            continue;
        int64_t left_ms = tiers_dns_left_ms(tiers, i, states[i].override_since_ms, now_ms);
        if (left_ms > 0)
            *vec_push(&c->dns_left) = (struct dns_left){i, left_ms};
    }
}

static void copy_states(struct copies *c, const struct ctl_host *host,
                        const struct checker *checker)
{
    uint32_t left = c->generation->model->n_endpoints - c->n_endpoints;
    uint32_t n = left < PIECE ? left : PIECE;
    c->states[c->n_states++] = states_pack(checker_states(checker), c->n_endpoints, n);
    note_drained(c, host, checker_states(checker), n);
    c->n_endpoints += n;
}

static void copy_probes(struct copies *c, const struct checker *checker)
{
    uint32_t left = c->max_probes - c->n_probes;
    struct probe_info *at = &c->probes[c->n_probes];
    uint32_t n = checker_probes_from(checker, c->n_probes, at, left < PIECE ? left : PIECE);
    for (uint32_t i = 0; i < n; i++)
        at[i].reason = at[i].reason ? arena_strdup(c->texts, at[i].reason) : NULL;
    c->n_probes += n;
}

bool copies_step(struct copies *c, const struct ctl_host *host, int64_t until_us)
{
    const struct generation *g = host->generation(host->ctx);
    const struct checker *checker = host->checker(host->ctx);
    if (c->generation != g)
        begin(c, g, checker);
    do {
        if (c->n_endpoints < g->model->n_endpoints)
            copy_states(c, host, checker);
        else if (c->n_probes < c->max_probes)
            copy_probes(c, checker);
        else
            return true;
    } while (clock_mono_us() < until_us);
    return c->n_endpoints == g->model->n_endpoints && c->n_probes == c->max_probes;
}

void copies_none(struct copies *c, const struct ctl_host *host)
{
    const struct generation *g = host->generation(host->ctx);
    copies_free(c);
    c->generation = generation_hold((struct generation *)(uintptr_t)g);
}

void copies_unpack(const struct copies *c, struct endpoint_state *states)
{
    for (uint32_t i = 0; i < c->n_states; i++)
        states_unpack(states, &c->states[i]);
}

void copies_free(struct copies *c)
{
    for (uint32_t i = 0; i < c->n_states; i++)
        packed_states_free(&c->states[i]);
    free(c->states);
    free(c->probes);
    arena_free(c->texts);
    vec_free(&c->dns_left);
    generation_free(c->generation);
    *c = (struct copies){0};
}
