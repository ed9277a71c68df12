/* SPDX-License-Identifier: Apache-2.0
 * Sets of tiers that come into force. */
#include "tier/thread_internal.h"

#include "base/log.h"
#include "tier/drivers.h"

#include <string.h>
#include <unistd.h>

/* ---- which tiers an endpoint matters to ---- */

static void add_reach(struct reach *reach, uint32_t *fill, uint32_t slot, uint32_t tier)
{
    /* Members and fronts of one tier may be the same endpoint. */
    uint32_t at = reach->first[slot] + fill[slot];
    if (fill[slot] == 0 || reach->tiers[at - 1] != tier) {
        reach->tiers[at] = tier;
        fill[slot]++;
    }
}

static void reach_free(struct reach *reach)
{
    free(reach->first);
    free(reach->tiers);
    *reach = (struct reach){0};
}

static struct reach reach_of(const struct tier_set *set)
{
    struct reach reach = {.first = xcalloc((size_t)set->n_endpoints + 1, sizeof *reach.first)};
    uint32_t *fill = xcalloc(set->n_endpoints, sizeof *fill);
    for (uint32_t t = 0; t < set->n_tiers; t++) {
        for (uint32_t i = 0; i < set->tiers[t].n_members; i++)
            reach.first[set->tiers[t].members[i].slot + 1]++;
        for (uint32_t i = 0; i < set->tiers[t].n_fronts; i++)
            reach.first[set->tiers[t].fronts[i] + 1]++;
    }
    for (uint32_t i = 0; i < set->n_endpoints; i++)
        reach.first[i + 1] += reach.first[i];
    reach.tiers = xcalloc(reach.first[set->n_endpoints], sizeof *reach.tiers);
    for (size_t i = 0; i < reach.first[set->n_endpoints]; i++)
        reach.tiers[i] = MODEL_NONE;
    for (uint32_t t = 0; t < set->n_tiers; t++) {
        for (uint32_t i = 0; i < set->tiers[t].n_members; i++)
            add_reach(&reach, fill, set->tiers[t].members[i].slot, t);
        for (uint32_t i = 0; i < set->tiers[t].n_fronts; i++)
            add_reach(&reach, fill, set->tiers[t].fronts[i], t);
    }
    free(fill);
    return reach;
}

/* ---- engines ---- */

static struct seat *find_seat(struct tiers_thread *t, const struct tier_spec *spec)
{
    for (size_t i = 0; i < t->seats.n; i++) {
        struct seat *seat = t->seats.v[i];
        if (!seat->has_ended && engine_same_place(engine_spec(seat->engine), spec))
            return seat;
    }
    return NULL;
}

static void leave(struct seat *seat)
{
    if (engine_is_leaving(seat->engine))
        return;
    log_notice("tier %s is not configured any more, and is left", engine_spec(seat->engine)->name);
    engine_leave(seat->engine, LEAVING_REMOVED);
}

/** What is left under a name that begins anew in another place does not mix with that in the
 *  records. */
static void disown(struct tiers_thread *t, const char *name)
{
    for (size_t i = 0; i < t->seats.n; i++) {
        struct engine *engine = t->seats.v[i]->engine;
        if (engine_is_leaving(engine) && strcmp(engine_spec(engine)->name, name) == 0)
            engine_disown(engine);
    }
}

static struct seat *begin(struct tiers_thread *t, const struct tier_spec *spec, uint32_t tier)
{
    disown(t, spec->name);
    struct seat *seat = xcalloc(1, sizeof *seat);
    *seat = (struct seat){.thread = t, .tier = tier};
    const struct engine_host host = thread_engine_host(seat);
    seat->engine = engine_open(&host, driver_of(spec->config->type), t->states, spec);
    *vec_push(&t->seats) = seat;
    return seat;
}

/** What the tiers of the set go on with, and who has none of them any more. */
static void seat_tiers(struct tiers_thread *t, const struct tier_set *set)
{
    struct seat **chosen = xcalloc(set ? set->n_tiers : 0, sizeof(struct seat *));
    for (size_t i = 0; i < t->seats.n; i++)
        t->seats.v[i]->tier = MODEL_NONE;
    for (uint32_t i = 0; set && i < set->n_tiers; i++) {
        chosen[i] = find_seat(t, &set->tiers[i]);
        if (chosen[i])
            chosen[i]->tier = i;
    }
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->tier == MODEL_NONE)
            leave(t->seats.v[i]);
    for (uint32_t i = 0; set && i < set->n_tiers; i++) {
        if (!chosen[i]) {
            chosen[i] = begin(t, &set->tiers[i], i);
            continue;
        }
        if (engine_is_leaving(chosen[i]->engine))
            engine_leave(chosen[i]->engine, LEAVING_NOT);
        engine_respecify(chosen[i]->engine, t->states, &set->tiers[i]);
    }
    free(t->by_tier);
    t->by_tier = chosen;
}

/* ---- listeners ---- */

static bool is_used(const struct tiers_thread *t, const char *name)
{
    char of[80];
    for (size_t i = 0; i < t->seats.n; i++) {
        const struct tier *tier = engine_spec(t->seats.v[i]->engine)->config;
        if (tier->type == TIER_HAPROXY && tier->haproxy.agent.addr.family &&
            strcmp(agent_listener_name(of, tier), name) == 0)
            return true;
    }
    return false;
}

void thread_close_retired(struct tiers_thread *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->retired.n; i++) {
        if (is_used(t, t->retired.v[i].name) && !t->stopping)
            t->retired.v[n++] = t->retired.v[i];
        else
            close(t->retired.v[i].fd);
    }
    t->retired.n = n;
}

/* ---- the switch ---- */

static void put_in_force(struct tiers_thread *t)
{
    struct set_states *before = t->states;
    struct feedback **feedbacks = t->feedbacks;
    t->states = t->next;
    t->next = NULL;
    t->has_next = false;
    const struct tier_set *set = t->states ? t->states->set : NULL;
    reach_free(&t->reach);
    if (set)
        t->reach = reach_of(set);
    seat_tiers(t, set);
    thread_follow(t, before ? before->set : NULL, feedbacks);
    thread_free_feedbacks(before ? before->set : NULL, feedbacks);
    set_states_release(before);
    thread_close_retired(t);
}

#define ORPHANS_TOLD 8

/** What was made in tiers that have left the configuration while nobody was there to drain them. */
static void tell_orphans(const struct tiers_thread *t, const struct tier_set *set)
{
    const char *orphans[ORPHANS_TOLD];
    const uint32_t n = set ? set->n_tiers : 0;
    const char **names = xcalloc(n, sizeof *names);
    for (uint32_t i = 0; i < n; i++)
        names[i] = set->tiers[i].name;
    uint32_t n_orphans =
        records_orphans(keeper_records(t->keeper), names, n, orphans, ORPHANS_TOLD);
    for (uint32_t i = 0; i < n_orphans; i++)
        log_warning("tier %s is not configured any more, and what Loadstar made there may still be "
                    "there: remove it by hand, or configure the tier again and take it out while "
                    "loadstard runs",
                    orphans[i]);
    free(names);
}

static void on_records_read(void *ctx)
{
    struct tiers_thread *t = ctx;
    t->reads = false;
    if (!t->has_told_orphans && t->next)
        tell_orphans(t, t->next->set);
    t->has_told_orphans = true;
    thread_try_next(t);
}

void thread_try_next(struct tiers_thread *t)
{
    if (t->has_next && !t->reads && !t->stopping && (!t->next || t->next->n_missing == 0))
        put_in_force(t);
}

void thread_take_set(struct tiers_thread *t, struct tier_set *set)
{
    set_states_release(t->next);
    t->next = set ? set_states_new(set) : NULL;
    t->has_next = true;
    if (set) {
        t->reads = true;
        keeper_move(t->keeper, set->state_dir, on_records_read, t);
    } else {
        thread_try_next(t);
    }
}

/* ---- states ---- */

static void mark(struct tiers_thread *t, uint32_t slot)
{
    for (uint32_t i = t->reach.first[slot]; i < t->reach.first[slot + 1]; i++)
        if (t->reach.tiers[i] != MODEL_NONE)
            t->by_tier[t->reach.tiers[i]]->is_dirty = true;
}

void thread_take_batch(struct tiers_thread *t, const struct states_batch *batch)
{
    struct set_states *to = t->next && t->next->set == batch->set       ? t->next
                            : t->states && t->states->set == batch->set ? t->states
                                                                        : NULL;
    if (!to)
        return;
    for (uint32_t i = 0; i < batch->n; i++) {
        set_states_put(to, batch->slots[i], &batch->states[i]);
        if (to == t->states)
            mark(t, batch->slots[i]);
    }
    for (size_t i = 0; i < t->seats.n; i++) {
        if (t->seats.v[i]->is_dirty)
            engine_changed(t->seats.v[i]->engine, batch->arrived_us);
        t->seats.v[i]->is_dirty = false;
    }
    thread_try_next(t);
}
