/* SPDX-License-Identifier: Apache-2.0
 * Sets that come into force. A set is known by its name and its speaker's: what stays is not
 * touched, what is gone drains, and what has prefixes of one that is gone goes on for it. */
#include "anycast/anycast_thread_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define HELD_WAIT_MS 5000 /* for the addresses of one that goes on for another */

static struct set_seat *find_seat(struct anycast_thread *t, const struct anycast_spec *spec,
                                  const struct line_seat *line)
{
    for (size_t i = 0; i < t->seats.n; i++) {
        struct set_seat *seat = t->seats.v[i];
        if (!seat->has_ended && seat->nth == MODEL_NONE && seat->line == line &&
            set_engine_spec(seat->engine)->config->n_prefixes > 0 && /* else it has given up all */
            strcmp(set_engine_spec(seat->engine)->name, spec->name) == 0)
            return seat;
    }
    return NULL;
}

/* ---- one for another ---- */

static void leave(struct set_seat *seat)
{
    if (set_engine_is_leaving(seat->engine))
        return;
    log_notice("anycast %s is not configured any more, and is drained",
               set_engine_spec(seat->engine)->name);
    set_engine_leave(seat->engine);
}

/** It leaves, and has prefixes that the other one is to have. */
static bool is_ancestor(const struct set_seat *seat, const struct set_seat *of)
{
    return seat != of && seat->nth == MODEL_NONE && !seat->has_ended && !seat->waits &&
           seat->line == of->line && set_engine_shares(seat->engine, set_engine_spec(of->engine));
}

static struct set_seat *find_ancestor(const struct anycast_thread *t, const struct set_seat *of)
{
    for (size_t i = 0; i < t->seats.n; i++)
        if (is_ancestor(t->seats.v[i], of))
            return t->seats.v[i];
    return NULL;
}

static bool has_heirs(const struct anycast_thread *t, const struct set_seat *seat)
{
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->waits && is_ancestor(seat, t->seats.v[i]))
            return true;
    return false;
}

/** Those that nobody waits for any more drain. */
static void leave_gone(struct anycast_thread *t)
{
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->nth == MODEL_NONE && !has_heirs(t, t->seats.v[i]))
            leave(t->seats.v[i]);
}

/** What it has now others that leave have no more. */
static void take_from_others(struct anycast_thread *t, struct set_seat *to)
{
    for (size_t i = 0; i < t->seats.n; i++)
        if (is_ancestor(t->seats.v[i], to))
            set_engine_give_up(t->seats.v[i]->engine, set_engine_spec(to->engine));
}

/** It leaves before it had anything: what it waited for stays with its ancestors, for whoever
 *  comes. */
static void disinherit(struct set_seat *heir)
{
    heir->waits = false;
    set_engine_give_up(heir->engine, set_engine_spec(heir->engine));
}

static void inherit(struct anycast_thread *t, struct set_seat *heir)
{
    struct set_seat *ancestor = find_ancestor(t, heir);
    heir->waits = false;
    anycast_thread_dirty(heir->line);
    if (!ancestor)
        return;
    log_notice("anycast %s goes on for %s", set_engine_spec(heir->engine)->name,
               set_engine_spec(ancestor->engine)->name);
    set_engine_inherit(heir->engine, ancestor->engine);
    take_from_others(t, heir);
}

void anycast_thread_hand_over(struct anycast_thread *t)
{
    const int64_t now_ms = clock_mono_ms();
    bool some = false;
    for (size_t i = 0; i < t->seats.n; i++) {
        struct set_seat *heir = t->seats.v[i];
        if (!heir->waits || (!set_engine_is_held(heir->engine) && now_ms < heir->heir_ms &&
                             !t->stopping && find_ancestor(t, heir)))
            continue;
        inherit(t, heir);
        some = true;
    }
    if (some)
        leave_gone(t);
}

/* ---- seats ---- */

static void begin(struct anycast_thread *t, struct anycast_set *set, uint32_t nth,
                  struct line_seat *line)
{
    const struct anycast_spec *spec = &set->sets[nth];
    struct set_seat *seat = xcalloc(1, sizeof *seat);
    *seat = (struct set_seat){
        .thread = t, .line = line, .nth = nth, .heir_ms = clock_mono_ms() + HELD_WAIT_MS};
    const struct set_engine_host host = anycast_thread_engine_host(seat);
    seat->engine = set_engine_open(&host, set, spec, line->line);
    *vec_push(&t->seats) = seat;
    seat->waits = find_ancestor(t, seat) != NULL;
    if (seat->waits)
        set_engine_await(seat->engine);
    anycast_thread_dirty(line);
    if (t->serving)
        set_engine_serving(seat->engine);
    if (t->is_stalled)
        set_engine_stalled(seat->engine, true);
}

/** What the sets go on with; who has none of them any more is MODEL_NONE. */
static struct set_seat **choose(struct anycast_thread *t, struct anycast_set *set)
{
    const uint32_t n = set ? set->n_sets : 0;
    struct set_seat **chosen = xcalloc(n, sizeof(struct set_seat *));
    for (size_t i = 0; i < t->seats.n; i++)
        t->seats.v[i]->nth = MODEL_NONE;
    for (uint32_t i = 0; i < n; i++) {
        const struct speaker *speaker = &set->speakers[set->sets[i].speaker];
        chosen[i] = find_seat(t, &set->sets[i], anycast_thread_find_line(t, speaker));
        if (chosen[i])
            chosen[i]->nth = i;
    }
    return chosen;
}

/** Whether it announces what a set is to have that cannot be told of it at once. */
static bool is_needed(struct set_seat *const *chosen, const struct anycast_set *set, uint32_t nth)
{
    struct announcement now;
    set_engine_announcement(chosen[nth]->engine, &now);
    for (uint32_t i = 0; now.announced && !chosen[nth]->waits && i < set->n_sets; i++)
        if (i != nth && (!chosen[i] || chosen[i]->waits) &&
            set_engine_shares(chosen[nth]->engine, &set->sets[i]))
            return true;
    return false;
}

/** A set that stays and loses prefixes to such a set begins anew, as one of the heirs of what it
 *  was: the prefixes stay with that until they are told of the others. */
static void split(struct set_seat **chosen, const struct anycast_set *set)
{
    bool again = true;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < set->n_sets; i++) {
            if (!chosen[i] || !is_needed(chosen, set, i))
                continue;
            chosen[i]->nth = MODEL_NONE;
            chosen[i] = NULL;
            again = true;
        }
    }
}

static void seat_sets(struct anycast_thread *t, struct anycast_set *set)
{
    struct set_seat **chosen = choose(t, set);
    if (set)
        split(chosen, set);
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->nth == MODEL_NONE && t->seats.v[i]->waits)
            disinherit(t->seats.v[i]);
    for (uint32_t i = 0; set && i < set->n_sets; i++)
        if (chosen[i])
            set_engine_respecify(chosen[i]->engine, set, &set->sets[i]);
    for (uint32_t i = 0; set && i < set->n_sets; i++)
        if (!chosen[i])
            begin(t, set, i, anycast_thread_find_line(t, &set->speakers[set->sets[i].speaker]));
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->nth != MODEL_NONE && !t->seats.v[i]->waits)
            take_from_others(t, t->seats.v[i]);
    leave_gone(t);
    free(chosen);
}

void anycast_thread_take_set(struct anycast_thread *t, struct anycast_set *set)
{
    struct anycast_set *before = t->set;
    t->set = set ? anycast_set_hold(set) : NULL;
    anycast_thread_take_speakers(t, set);
    seat_sets(t, set);
    anycast_thread_hand_over(t);
    for (size_t i = 0; t->drains && !t->keeps && i < t->seats.n; i++)
        set_engine_drain(t->seats.v[i]->engine);
    anycast_thread_flush(t);
    anycast_set_release(before);
}

void anycast_thread_close_ended(struct anycast_thread *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->seats.n; i++) {
        struct set_seat *seat = t->seats.v[i];
        if (!seat->has_ended || seat->line->is_dirty) {
            t->seats.v[n++] = seat;
            continue;
        }
        log_notice("anycast %s has ended", set_engine_spec(seat->engine)->name);
        set_engine_close(seat->engine, false);
        free(seat);
    }
    t->seats.n = n;
}
