/* SPDX-License-Identifier: Apache-2.0
 * States -> what members are wanted to be; staged drains. */
#include "tier/desired.h"

uint16_t serving_weight(const struct tier_spec *spec, uint32_t weight, uint16_t share)
{
    if (weight == 0)
        return 0;
    uint64_t full = (uint64_t)spec->weight_max * TIER_SHARE_FULL;
    uint64_t scaled = ((uint64_t)weight * share * TIER_WEIGHT_FULL + full / 2) / full;
    if (scaled == 0)
        return 1;
    return (uint16_t)(scaled < TIER_WEIGHT_MAX ? scaled : TIER_WEIGHT_MAX);
}

static struct serving ready(const struct tier_spec *spec, const struct member_state *state)
{
    return (struct serving){SERVES_READY, serving_weight(spec, state->weight, state->share)};
}

/* By health alone. A weight by order holds over what is not known: 0 is no new clients, whatever
 * would be found; another is the weight that it has as far as it serves. */
static struct serving by_health(const struct tier_spec *spec, const struct member_state *state)
{
    bool known = state->health != HEALTH_UNKNOWN || state->remembered;
    bool up = state->health == HEALTH_UP || (state->health == HEALTH_UNKNOWN && state->assumed_up);
    if (known && !state->stale && !state->frozen)
        return up ? ready(spec, state) : (struct serving){.serves = SERVES_DOWN};
    if (!state->weight_ordered)
        return (struct serving){.serves = SERVES_UNKNOWN};
    struct serving ordered = ready(spec, state);
    if (ordered.weight > 0)
        ordered.serves = SERVES_UNKNOWN;
    return ordered;
}

struct serving serving_of(const struct tier_spec *spec, const struct member_state *state)
{
    switch ((enum override)state->override) {
    case OVERRIDE_UP:
        return ready(spec, state);
    case OVERRIDE_DOWN:
        return (struct serving){.serves = SERVES_MAINT};
    case OVERRIDE_DRAIN:
        return (struct serving){.serves = SERVES_DRAIN};
    case OVERRIDE_AUTO:
        break;
    }
    return by_health(spec, state);
}

/* ---- staged drains ---- */

/* When the last answer with an endpoint that was drained is over. */
static int64_t answers_end_ms(const struct member_state *state)
{
    return state->override_since_ms + (int64_t)state->dns_wait_s * 1000;
}

/* What the fronts of a tier say. */
struct front_sum {
    bool all_away;    /* all are ordered away, one of them drained at least: so are the members */
    int64_t until_ms; /* when the last answer with one that is drained is over; 0: none is */
};

static struct front_sum sum_fronts(const struct tier_spec *spec, const struct member_state *states)
{
    struct front_sum sum = {0};
    uint32_t n_away = 0, n_drained = 0;
    for (uint32_t i = 0; i < spec->n_fronts; i++) {
        const struct member_state *front = &states[spec->fronts[i]];
        bool drained = front->override == OVERRIDE_DRAIN;
        n_drained += drained;
        n_away += drained || front->override == OVERRIDE_DOWN;
        if (drained && answers_end_ms(front) > sum.until_ms)
            sum.until_ms = answers_end_ms(front);
    }
    sum.all_away = n_away == spec->n_fronts && n_drained > 0;
    return sum;
}

/* Since when a member is to be drained, wall clock; 0: it is not, or at once by an order on itself.
 * An order that is on more than its pool waits for answers with the member, and for those with
 * fronts that are drained too. */
static int64_t staged_until_ms(const struct member_state *state, const struct front_sum *fronts)
{
    bool by_own = state->override == OVERRIDE_DRAIN && state->by_wide_order;
    int64_t own_ms = by_own ? answers_end_ms(state) : 0;
    if (state->override == OVERRIDE_DOWN || (state->override == OVERRIDE_DRAIN && !by_own))
        return 0;
    if (by_own)
        return own_ms > fronts->until_ms ? own_ms : fronts->until_ms;
    return fronts->all_away ? fronts->until_ms : 0;
}

/* ---- the whole ---- */

/* Adds a member to what serves at least, and at most, as far as is known. */
static void add_level(struct site_weight *least, struct site_weight *most,
                      const struct serving *serving, const struct member_state *state)
{
    bool unknown = serving->serves == SERVES_UNKNOWN;
    bool up = serving->serves == SERVES_READY;
    if (serving->serves == SERVES_DRAIN)
        return;
    least->total += state->weight;
    most->total += state->weight;
    least->up += up ? state->weight : 0;
    most->up += up || unknown ? state->weight : 0;
}

static enum tier_level level_of(const struct site_weight *least, const struct site_weight *most,
                                double min_up)
{
    if (site_is_up(least, min_up))
        return TIER_LEVEL_UP;
    return site_is_up(most, min_up) ? TIER_LEVEL_UNKNOWN : TIER_LEVEL_DOWN;
}

/* ---- all together ---- */

/* What one member is wanted to be at now_ms. */
static struct serving one(const struct tier_spec *spec, const struct member_state *state,
                          int64_t until_ms, int64_t now_ms)
{
    if (until_ms == 0)
        return serving_of(spec, state);
    if (until_ms <= now_ms)
        return (struct serving){.serves = SERVES_DRAIN};
    return state->override == OVERRIDE_DRAIN ? by_health(spec, state) : serving_of(spec, state);
}

/* Whether it may be serving in the tier, as nothing says otherwise. */
static bool may_serve(const struct serving *serving, const struct member_state *state)
{
    if (serving->serves == SERVES_UNKNOWN)
        return state->health != HEALTH_DOWN;
    return serving->serves == SERVES_READY && serving->weight > 0;
}

/* `serve_all`: of those that are down by health, none being up. */
static void serve_all(struct desired *summary, struct serving *out, const struct tier_spec *spec,
                      const struct member_state *states)
{
    for (uint32_t i = 0; i < spec->n_members; i++)
        if (out[i].serves == SERVES_DOWN) {
            out[i] = ready(spec, &states[spec->members[i].slot]);
            summary->all_down |= out[i].weight > 0;
        }
}

void desired_compute(struct desired *summary, struct serving *out, int64_t *staged_ms,
                     const struct tier_spec *spec, const struct member_state *states,
                     int64_t now_ms)
{
    const struct front_sum fronts = sum_fronts(spec, states);
    struct site_weight least = {0}, most = {0};
    bool any = false;
    *summary = (struct desired){.next_ms = INT64_MAX};
    for (uint32_t i = 0; i < spec->n_members; i++) {
        const struct member_state *state = &states[spec->members[i].slot];
        int64_t until_ms = staged_until_ms(state, &fronts);
        out[i] = one(spec, state, until_ms, now_ms);
        staged_ms[i] = until_ms > now_ms ? until_ms : 0;
        if (staged_ms[i] && until_ms < summary->next_ms)
            summary->next_ms = until_ms;
        if (staged_ms[i] > summary->dns_until_ms)
            summary->dns_until_ms = staged_ms[i];
        any |= may_serve(&out[i], state);
        add_level(&least, &most, &out[i], state);
    }
    summary->level = (uint8_t)level_of(&least, &most, spec->min_up);
    if (!any && spec->serve_all)
        serve_all(summary, out, spec, states);
    for (uint32_t i = 0; i < spec->n_members; i++) {
        summary->n_unknown += out[i].serves == SERVES_UNKNOWN;
        summary->n_ready += out[i].serves == SERVES_READY && out[i].weight > 0;
    }
}
