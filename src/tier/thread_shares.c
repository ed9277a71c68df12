/* SPDX-License-Identifier: Apache-2.0
 * Sessions into shares of weights. */
#include "tier/thread_internal.h"

#include "base/clock.h"
#include "base/strmap.h"

void thread_free_feedbacks(const struct tier_set *set, struct feedback **feedbacks)
{
    for (uint32_t i = 0; set && feedbacks && i < set->n_followers; i++)
        free(feedbacks[i]);
    free(feedbacks);
}

/* ---- from one set to the next ---- */

/** All that was followed, by key: `flat` has it in the order of the numbers. */
static struct strmap index_of(const struct tier_set *set, struct feedback **feedbacks,
                              struct feedback **flat)
{
    struct strmap map = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->n_followers; i++)
        for (uint32_t k = 0; k < set->followers[i].n; k++) {
            flat[n] = &feedbacks[i][k];
            strmap_add(&map, slice_str(set->followers[i].keys[k]), n++);
        }
    return map;
}

static uint32_t count(const struct tier_set *set)
{
    uint32_t n = 0;
    for (uint32_t i = 0; set && i < set->n_followers; i++)
        n += set->followers[i].n;
    return n;
}

void thread_follow(struct tiers_thread *t, const struct tier_set *before,
                   struct feedback **feedbacks)
{
    const struct tier_set *set = t->states ? t->states->set : NULL;
    struct feedback **flat = xcalloc(count(before), sizeof(struct feedback *));
    struct strmap known = count(before) ? index_of(before, feedbacks, flat) : (struct strmap){0};
    t->feedbacks = xcalloc(set ? set->n_followers : 0, sizeof(struct feedback *));
    for (uint32_t i = 0; set && i < set->n_tiers; i++)
        engine_want_sessions(t->by_tier[i]->engine, false);
    for (uint32_t i = 0; set && i < set->n_followers; i++) {
        const struct tier_follower *f = &set->followers[i];
        t->feedbacks[i] = xcalloc(f->n, sizeof *t->feedbacks[i]);
        for (uint32_t k = 0; k < f->n; k++) {
            uint32_t old = count(before) ? strmap_get(&known, slice_str(f->keys[k])) : STRMAP_NONE;
            if (old != STRMAP_NONE)
                t->feedbacks[i][k] = *flat[old];
            else
                feedback_init(&t->feedbacks[i][k]);
            thread_give_share(t, f->slots[k], t->feedbacks[i][k].share);
        }
        engine_want_sessions(t->by_tier[f->from.tier]->engine, true);
    }
    strmap_free(&known);
    free(flat);
}

/* ---- a look ---- */

/** Members are in the order of their slots. MODEL_NONE: none has it. */
static uint32_t member_of(const struct tier_spec *spec, uint32_t slot)
{
    uint32_t from = 0, to = spec->n_members;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (spec->members[middle].slot < slot)
            from = middle + 1;
        else
            to = middle;
    }
    return from < spec->n_members && spec->members[from].slot == slot ? from : MODEL_NONE;
}

/** -1: they cannot be read. */
static int64_t sessions_of_all(const struct engine *engine)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < engine_spec(engine)->n_members; i++) {
        int64_t n = engine_sessions(engine, i);
        sum += n > 0 ? n : 0;
    }
    return engine_can_be_read(engine) ? sum : -1;
}

static int64_t sessions_of(const struct engine *engine, uint32_t slot)
{
    uint32_t member = member_of(engine_spec(engine), slot);
    return member == MODEL_NONE ? -1 : engine_sessions(engine, member);
}

static void step(struct tiers_thread *t, const struct tier_follower *f, struct feedback *feedbacks,
                 const struct engine *engine)
{
    int64_t all = sessions_of_all(engine);
    for (uint32_t k = 0; k < f->n; k++) {
        int64_t n = f->is_front[k] ? all : sessions_of(engine, f->slots[k]);
        if (feedback_step(&feedbacks[k], &f->from, n, clock_mono_ms()))
            thread_give_share(t, f->slots[k], feedbacks[k].share);
    }
}

void thread_step_shares(struct tiers_thread *t, const struct seat *seat)
{
    const struct tier_set *set = t->states ? t->states->set : NULL;
    if (!set || seat->tier == MODEL_NONE || engine_set(seat->engine) != set)
        return;
    for (uint32_t i = 0; i < set->n_followers; i++)
        if (set->followers[i].from.tier == seat->tier)
            step(t, &set->followers[i], t->feedbacks[i], seat->engine);
}
