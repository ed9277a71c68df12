/* SPDX-License-Identifier: Apache-2.0
 * Gathering the facts. */
#include "ctl/gather.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/vec.h"
#include "out/anycast_facts.h"
#include "out/events.h"
#include "out/tier_facts.h"

#include <stdlib.h>

#define SAMPLES 61 /* one a second: rates over up to 60 s */

struct sample {
    uint64_t queries, drops;
};

struct gather {
    struct ctl_host host;
    uv_timer_t sampler;
    struct sample samples[SAMPLES];
    uint64_t n_samples;
    struct limited_watch limited;
    struct io_shares shares;
    struct tier_facts tiers;
    struct anycast_facts anycast;
    void (*done)(void *arg);
    void *arg;
};

static void on_sample(uv_timer_t *timer)
{
    struct gather *g = timer->data;
    struct io_stats io = {0};
    g->host.io_stats(g->host.ctx, &io);
    g->samples[g->n_samples++ % SAMPLES] = (struct sample){
        io.answer.queries[0] + io.answer.queries[1], io.udp_kernel_drops + io.xdp_kernel_drops};
    const struct limiter *limiter = g->host.limiter(g->host.ctx);
    if (limiter)
        limited_look(&g->limited, limiter, &io.answer, clock_wall_ms());
}

struct gather *gather_new(uv_loop_t *loop, const struct ctl_host *host)
{
    struct gather *g = xcalloc(1, sizeof *g);
    g->host = *host;
    uv_timer_init(loop, &g->sampler);
    g->sampler.data = g;
    uv_timer_start(&g->sampler, on_sample, 0, 1000);
    return g;
}

const struct ctl_host *gather_host(const struct gather *g)
{
    return &g->host;
}

static void on_closed(uv_handle_t *handle)
{
    struct gather *g = handle->data;
    g->done(g->arg);
}

void gather_stop(struct gather *g, void (*done)(void *arg), void *arg)
{
    g->done = done;
    g->arg = arg;
    uv_close((uv_handle_t *)&g->sampler, on_closed);
}

void gather_free(struct gather *g)
{
    io_shares_free(&g->shares);
    tier_facts_free(&g->tiers);
    anycast_facts_free(&g->anycast);
    free(g);
}

/** The sample `age` seconds before the newest, or the oldest there is. */
static const struct sample *sample_before(const struct gather *g, unsigned age)
{
    uint64_t newest = g->n_samples - 1;
    uint64_t at = newest >= age ? newest - age : 0;
    return &g->samples[at % SAMPLES];
}

static void set_rates(const struct gather *g, struct facts *f)
{
    static const unsigned windows[RATE_WINDOWS] = {1, 10, 60};
    for (int i = 0; i < RATE_WINDOWS; i++)
        f->rates[i] = -1;
    if (g->n_samples < 2)
        return;
    const struct sample *newest = sample_before(g, 0);
    for (int i = 0; i < RATE_WINDOWS; i++)
        if (g->n_samples > windows[i])
            f->rates[i] =
                (double)(newest->queries - sample_before(g, windows[i])->queries) / windows[i];
    f->drops_60s = newest->drops - sample_before(g, 60)->drops;
}

static void look_at_tiers(struct gather *g, struct facts *f)
{
    struct tiers *tiers = g->host.tiers ? g->host.tiers(g->host.ctx) : NULL;
    struct tier_set *set = tiers ? tiers_set(tiers) : NULL;
    tier_facts_free(&g->tiers);
    if (set) {
        g->tiers.set = tier_set_hold(set);
        g->tiers.views = tiers_views(tiers, &g->tiers.n);
    }
    f->tiers = g->tiers;
    f->tiers_now = tiers;
}

static void look_at_anycast(struct gather *g, struct facts *f)
{
    const struct ctl_host *host = &g->host;
    anycast_facts_free(&g->anycast);
    if (host->anycast_views)
        g->anycast.views = host->anycast_views(host->ctx, &g->anycast.n);
    if (host->anycast_speakers)
        g->anycast.speakers = host->anycast_speakers(host->ctx, &g->anycast.n_speakers);
    f->anycast = g->anycast;
}

void gather_facts(struct gather *g, enum gather_depth depth, struct facts *f)
{
    const struct ctl_host *host = &g->host;
    struct checker *checker = host->checker(host->ctx);
    *f = (struct facts){
        .generation = host->generation(host->ctx),
        .states = checker_states(checker),
        .levels = host->levels(host->ctx),
        .health = checker_summary(checker),
        .now_ms = clock_wall_ms(),
        .started_ms = host->started_wall_ms,
        .ready = host->serving(host->ctx),
        .events_problem = host->events_problem(host->ctx),
        .n_events = events_added(),
        .reload = {.errors = "", .gone = ""},
    };
    f->zones_read = f->generation->snapshot->n_read;
    f->zones_kept = f->generation->snapshot->n_kept;
    f->limiter = host->limiter(host->ctx);
    f->n_limited = limited_list(&g->limited, f->now_ms, f->limited);
    if (depth == GATHER_SUMMARY)
        return;
    f->orders = checker_orders(checker);
    look_at_tiers(g, f);
    look_at_anycast(g, f);
    if (depth == GATHER_ORDERS)
        return;
    turns_look(&f->turns, clock_mono_ms());
    host->io_stats(host->ctx, &f->io);
    io_shares_free(&g->shares);
    host->io_shares(host->ctx, &g->shares);
    f->shares = g->shares;
    while (f->n_xdp < XDP_INTERFACES_MAX && host->xdp(host->ctx, f->n_xdp, &f->xdp[f->n_xdp]))
        f->n_xdp++;
    host->reloads(host->ctx, &f->reload);
    set_rates(g, f);
}

static const char *copy(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

void gather_give(struct gather *g, struct facts *f, struct arena *arena)
{
    struct orders *orders = xcalloc(1, sizeof *orders);
    orders_copy(orders, f->orders);
    f->orders = orders;
    for (uint32_t i = 0; i < f->n_xdp; i++)
        f->xdp[i].name = copy(arena, f->xdp[i].name);
    f->levels = level_table_copy(f->levels);
    f->reload.errors = copy(arena, f->reload.errors);
    f->reload.gone = copy(arena, f->reload.gone);
    f->events_problem = copy(arena, f->events_problem);
    f->health.problem = copy(arena, f->health.problem);
    f->health.untried = copy(arena, f->health.untried);
    memset(&g->shares, 0, sizeof g->shares);
    memset(&g->tiers, 0, sizeof g->tiers);
    memset(&g->anycast, 0, sizeof g->anycast);
    f->tiers_now = NULL;
}

void gather_release(struct facts *f)
{
    level_table_free((struct level_table *)(uintptr_t)f->levels);
    struct orders *orders = (struct orders *)(uintptr_t)f->orders;
    orders_free(orders);
    free(orders);
    io_shares_free(&f->shares);
    tier_facts_free(&f->tiers);
    anycast_facts_free(&f->anycast);
}

uint64_t gather_state_tag(const struct facts *f)
{
    uint64_t hash = hash_mix(f->generation->number ^ HASH_K0, (uint64_t)f->started_ms ^ HASH_K1);
    for (uint32_t i = 0; i < f->orders->n; i++)
        hash = hash_mix(hash ^ HASH_K0, f->orders->v[i]->serial ^ HASH_K1);
    return hash;
}
