/* SPDX-License-Identifier: Apache-2.0
 * What follows from the views of prefix sets and of speakers. */
#include "out/anycast_facts.h"

#include "base/units.h"

#include <stdlib.h>

void anycast_facts_free(struct anycast_facts *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        anycast_view_release(a->views[i]);
    for (uint32_t i = 0; i < a->n_speakers; i++)
        speaker_view_release(a->speakers[i]);
    free(a->views);
    free(a->speakers);
    *a = (struct anycast_facts){0};
}

const struct anycast_view *anycast_facts_find(const struct anycast_facts *a, const char *name)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (strcmp(a->views[i]->spec->name, name) == 0)
            return a->views[i];
    return NULL;
}

const struct anycast_view *anycast_facts_find_at(const struct anycast_facts *a, uint32_t set,
                                                 const char *name)
{
    if (set < a->n && strcmp(a->views[set]->spec->name, name) == 0)
        return a->views[set];
    return anycast_facts_find(a, name);
}

const struct anycast_view *anycast_facts_find_prefix(const struct anycast_facts *a,
                                                     const struct ip_prefix *prefix)
{
    const struct anycast_view *found = NULL;
    uint8_t len = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct prefix_set *set = a->views[i]->spec->config;
        for (uint32_t k = 0; k < set->n_prefixes; k++) {
            const struct ip_prefix *p = &set->prefixes[k];
            if (p->len > prefix->len || (found && p->len <= len) || !ip_in_prefix(&prefix->addr, p))
                continue;
            found = a->views[i];
            len = p->len;
        }
    }
    return found;
}

const char *anycast_view_speaker(const struct anycast_view *view)
{
    return view->set->speakers[view->spec->speaker].name;
}

const struct speaker_view *anycast_facts_speaker(const struct anycast_facts *a,
                                                 const struct anycast_view *view)
{
    for (uint32_t i = 0; i < a->n_speakers; i++)
        if (strcmp(a->speakers[i]->config->name, anycast_view_speaker(view)) == 0)
            return a->speakers[i];
    return NULL;
}

uint64_t anycast_facts_version(const struct facts *f, const char *name)
{
    const struct anycast_facts *a = &f->anycast;
    const struct anycast_view *of = name[0] ? anycast_facts_find(a, name) : NULL;
    uint64_t version = 0;
    for (uint32_t i = 0; i < a->n; i++)
        if ((!name[0] || a->views[i] == of) && a->views[i]->version > version)
            version = a->views[i]->version;
    for (uint32_t i = 0; i < a->n_speakers; i++)
        if ((!name[0] || (of && anycast_facts_speaker(a, of) == a->speakers[i])) &&
            a->speakers[i]->version > version)
            version = a->speakers[i]->version;
    return version + f->generation->number; /* sets that are gone have no views */
}

struct announce_decision anycast_view_decision(const struct facts *f,
                                               const struct anycast_view *view)
{
    if (!f->orders)
        return (struct announce_decision){ANNOUNCE_AUTO, false, NULL};
    return orders_decide_set(f->orders, view->spec->name, view->spec->site);
}

int64_t anycast_view_until_ms(const struct anycast_view *view, enum announcer_timer timer)
{
    for (uint32_t i = 0; i < view->n_timers; i++)
        if (view->timers[i].timer == timer)
            return view->timers[i].until_ms;
    return 0;
}

const struct anycast_input *anycast_view_self(const struct anycast_view *view)
{
    for (uint32_t i = 0; i < view->n_inputs; i++)
        if (strcmp(view->inputs[i].name, "self") == 0)
            return &view->inputs[i];
    return NULL;
}

const struct anycast_input *anycast_view_failing(const struct anycast_view *view, bool full)
{
    const struct anycast_input *unknown = NULL;
    for (uint32_t i = 0; i < view->n_inputs; i++) {
        const struct anycast_input *in = &view->inputs[i];
        if (in->is_full != full || (in->known && in->ok))
            continue;
        if (in->known)
            return in;
        unknown = unknown ? unknown : in;
    }
    return unknown;
}

/* ---- why ---- */

struct words {
    struct arena *arena;
    const struct facts *f;
    const struct anycast_view *view;
};

/* "23s"; NULL: it does not run. */
static const char *left(const struct words *w, enum announcer_timer timer)
{
    char text[UNITS_TEXT_MAX];
    int64_t until_ms = anycast_view_until_ms(w->view, timer);
    int64_t left_ms = until_ms > w->f->now_ms ? until_ms - w->f->now_ms : 0;
    if (until_ms == 0)
        return NULL;
    if (left_ms == 0)
        return "0s";
    return arena_strdup(w->arena, units_age_text(text, (left_ms + 999) / 1000 * 1000));
}

/* "withdraw is ordered (@7 of alice: reason)"; NULL: nothing is. */
static const char *ordered(const struct words *w)
{
    char id[ORDER_ID_MAX];
    struct announce_decision d = anycast_view_decision(w->f, w->view);
    if (d.order == ANNOUNCE_AUTO || !d.by)
        return NULL;
    return arena_printf(w->arena, "%s is ordered%s (%s%s%s%s%s%s)", announce_order_word(d.order),
                        d.forced ? " by force" : "", order_id_text(id, w->f->orders, d.by),
                        d.by->kind == ORDER_STATE ? " for site " : "",
                        d.by->kind == ORDER_STATE ? w->view->spec->site : "",
                        *d.by->author ? " of " : "", d.by->author,
                        *d.by->shown ? arena_printf(w->arena, ": %s", d.by->shown) : "");
}

static const char *input_text(const struct words *w, const struct anycast_input *in)
{
    if (!in)
        return NULL;
    return arena_printf(w->arena, "%s%s%s%s", in->known ? "" : "not known yet: ", in->name,
                        *in->reason ? ": " : "", in->reason);
}

static const char *why_down(const struct words *w)
{
    const char *failing = input_text(w, anycast_view_failing(w->view, false)), *order = ordered(w);
    struct announce_decision d = anycast_view_decision(w->f, w->view);
    if (order && d.order != ANNOUNCE_YES)
        return order;
    return failing ? failing : order ? order : "";
}

static const char *why_holding(const struct words *w)
{
    const char *in = left(w, ANNOUNCER_TIMER_HOLD);
    const char *failing = input_text(w, anycast_view_failing(w->view, false));
    if (failing)
        return failing;
    if (!in)
        return "all holds, to be announced";
    return arena_printf(w->arena, "all holds, announced in %s", in);
}

static const char *why_announced(const struct words *w)
{
    const char *order = ordered(w);
    const char *failing = input_text(w, anycast_view_failing(w->view, false));
    const char *partial = input_text(w, anycast_view_failing(w->view, true));
    const char *in = left(w, ANNOUNCER_TIMER_FALL);
    if (failing && in)
        return arena_printf(w->arena, "withdrawn in %s: %s", in, failing);
    if (order)
        return failing ? arena_printf(w->arena, "%s, although: %s", order, failing) : order;
    if (failing)
        return failing;
    return w->view->state == ANNOUNCER_DEGRADED && partial ? partial : "all holds";
}

static const char *why_draining(const struct words *w)
{
    const char *in = left(w, ANNOUNCER_TIMER_DRAIN);
    const char *order = ordered(w);
    if (!in)
        return order ? order : "loadstard stops";
    return arena_printf(w->arena, "withdrawn in %s: %s", in, order ? order : "loadstard stops");
}

const char *anycast_view_why(struct arena *arena, const struct facts *f,
                             const struct anycast_view *view)
{
    const struct words w = {arena, f, view};
    static const char *(*const tell[])(const struct words *w) = {
        [ANNOUNCER_DOWN] = why_down,           [ANNOUNCER_HOLDING] = why_holding,
        [ANNOUNCER_ANNOUNCED] = why_announced, [ANNOUNCER_DEGRADED] = why_announced,
        [ANNOUNCER_DRAINING] = why_draining,
    };
    const char *why = tell[view->state](&w);
    if (view->frozen)
        why = arena_printf(arena, "frozen, pools and checks are not believed%s%s", *why ? "; " : "",
                           why);
    if (view->problem && *view->problem)
        why = arena_printf(arena, "%s%s%s", view->problem, *why ? "; " : "", why);
    return why;
}
