/* SPDX-License-Identifier: Apache-2.0
 * What others see of a prefix set. */
#include "anycast/set_engine_internal.h"

#include "base/buf.h"
#include "base/clock.h"

#include <string.h>

static void add_inputs(struct anycast_view *v, const struct set_engine *e)
{
    const struct self_input self = set_engine_self(e);
    const bool ordered = e->given.order != ANNOUNCE_AUTO;
    v->inputs = arena_calloc(v->arena, e->spec->n_conditions + 2, sizeof *v->inputs);
    v->inputs[v->n_inputs++] =
        (struct anycast_input){.name = "self",
                               .ok = self.ok,
                               .known = self.known,
                               .reason = arena_strdup(v->arena, self.reason)};
    for (uint32_t i = 0; i < e->spec->n_conditions; i++) {
        const struct condition_input *c = e->is_given ? &e->conditions[i] : NULL;
        v->inputs[v->n_inputs++] = (struct anycast_input){
            .name = e->spec->conditions[i].name,
            .ok = c && c->ok,
            .known = c && c->known,
            .is_full = e->spec->conditions[i].is_full,
            .reason = c ? arena_strdup(v->arena, c->reason) : "not worked out yet"};
    }
    if (!ordered)
        return;
    v->inputs[v->n_inputs++] = (struct anycast_input){
        .name = arena_printf(v->arena, "order %s", e->given.order_id),
        .ok = e->given.order == ANNOUNCE_YES,
        .known = true,
        .reason = arena_printf(v->arena, "%s%s", announce_order_word(e->given.order),
                               e->given.forced ? ", also against self" : "")};
}

static void add_timers(struct anycast_view *v, const struct set_engine *e)
{
    const int64_t to_wall_ms = clock_wall_ms() - clock_mono_ms();
    v->since_ms = e->announcer.since_ms + to_wall_ms;
    for (unsigned i = 0; i < ANNOUNCER_TIMERS; i++)
        if (e->announcer.until_ms[i] && e->announcer.until_ms[i] != INT64_MAX)
            v->timers[v->n_timers++] = (struct anycast_timer){
                (enum announcer_timer)i, e->announcer.until_ms[i] + to_wall_ms};
}

/** Of what is looked at, what is not listed is not there. */
static void add_prefix(struct anycast_prefix_view *p, const struct ip_prefix *prefix,
                       const struct speaker_seen *seen, enum announcer_real real)
{
    *p = (struct anycast_prefix_view){.prefix = *prefix,
                                      .real = real == REAL_UNKNOWN ? REAL_UNKNOWN : REAL_ABSENT};
    for (size_t k = 0; seen && k < seen->routes.n; k++) {
        const struct seen_route *route = &seen->routes.v[k];
        if (!ip_prefix_equal(&route->prefix, prefix))
            continue;
        p->real = route->real;
        p->differs = route->differs;
    }
}

/** What is to be announced is present when all of it is; the rest when anything is. */
static void add_prefixes(struct anycast_view *v, const struct set_engine *e)
{
    const struct prefix_set *config = e->spec->config;
    bool differs, lacks = false;
    v->real = speaker_line_real(e->line, e->spec, &differs);
    v->prefixes = arena_calloc(v->arena, config->n_prefixes, sizeof *v->prefixes);
    for (uint32_t i = 0; i < config->n_prefixes; i++) {
        add_prefix(&v->prefixes[i], &config->prefixes[i], speaker_line_seen(e->line), v->real);
        lacks |= v->prefixes[i].real == REAL_ABSENT;
    }
    if (lacks && e->told_announced)
        v->real = REAL_ABSENT;
}

/** "hold: ..; on_announce ..; speaker local: ..". */
static const char *problem_of(struct arena *arena, const struct set_engine *e)
{
    const struct speaker_status *status = speaker_line_status(e->line);
    const struct speaker *speaker = &e->set->speakers[e->spec->speaker];
    const char *why, *text = "";
    (void)hold_ready(e->hold, &why);
    if (*why)
        text = arena_printf(arena, "hold: %s", why);
    if (e->hook_problem[0])
        text = arena_printf(arena, "%s%s%s", text, *text ? "; " : "", e->hook_problem);
    if (!status->up && status->text[0])
        text = arena_printf(arena, "%s%sspeaker %s: %s", text, *text ? "; " : "", speaker->name,
                            status->text);
    return text;
}

void set_engine_publish(struct set_engine *e)
{
    if (e->leaving) /* its set is of no configuration in force */
        return;
    struct arena *arena = arena_new();
    struct anycast_view *v = arena_calloc(arena, 1, sizeof *v);
    *v = (struct anycast_view){.n_holds = 1,
                               .arena = arena,
                               .set = anycast_set_hold(e->set),
                               .spec = e->spec,
                               .state = e->announcer.state,
                               .order = e->given.order,
                               .n_transitions = e->announcer.n_transitions,
                               .frozen = e->given.frozen};
    add_inputs(v, e);
    add_timers(v, e);
    add_prefixes(v, e);
    if (e->told_announced)
        v->attributes = e->told;
    v->problem = problem_of(arena, e);
    e->host.publish(e->host.ctx, e, v);
}
