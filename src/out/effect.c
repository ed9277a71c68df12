/* SPDX-License-Identifier: Apache-2.0
 * What a change did to the answers: compares, class by class, the verdicts before and after, and
 * says each distinct difference once. */
#include "out/effect.h"

#include "base/vec.h"
#include "compile/verdict.h"
#include "out/effect_note.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDPOINTS_NAMED 3

struct effects {
    struct arena *arena;
    struct pool_note **of_pool; /* NULL: not noted */
};

static const struct pool_view *view_now(const struct generation *generation, uint32_t pool)
{
    return atomic_load_explicit(&generation->snapshot->pools[pool].view, memory_order_relaxed);
}

/** The view that these states make. The caller frees its arena. */
static const struct pool_view *view_of_states(const struct generation *generation,
                                              const struct endpoint_state *states, uint32_t pool)
{
    const struct steerings *s = &generation->steerings;
    return verdict_compile(generation->model, &s->v[s->of_pool[pool]], pool, states);
}

static void note_pool(struct effects *effects, const struct generation *generation,
                      const struct endpoint_state *states, uint32_t pool)
{
    const struct pool_view *view =
        states ? view_of_states(generation, states, pool) : view_now(generation, pool);
    if (view) {
        effects->of_pool[pool] = arena_calloc(effects->arena, 1, sizeof(struct pool_note));
        *effects->of_pool[pool] = effect_note_view(effects->arena, view);
    }
    if (states)
        arena_free(view->arena);
}

static struct effects *note(const struct generation *generation,
                            const struct endpoint_state *states, const uint32_t *endpoints,
                            uint32_t n)
{
    struct effects *effects = xcalloc(1, sizeof *effects);
    effects->arena = arena_new();
    effects->of_pool =
        arena_calloc(effects->arena, generation->model->n_pools, sizeof *effects->of_pool);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t pool = generation->model->endpoints[endpoints[i]].pool;
        if (!effects->of_pool[pool] && !generation->model->pools[pool].of_anycast)
            note_pool(effects, generation, states, pool);
    }
    return effects;
}

struct effects *effects_note(const struct generation *generation, const uint32_t *endpoints,
                             uint32_t n)
{
    return note(generation, NULL, endpoints, n);
}

struct effects *effects_note_states(const struct generation *generation,
                                    const struct endpoint_state *states, const uint32_t *endpoints,
                                    uint32_t n)
{
    return note(generation, states, endpoints, n);
}

void effects_free(struct effects *effects)
{
    if (!effects)
        return;
    arena_free(effects->arena);
    free(effects);
}

/* Comparing */

/* Classes by the thousand share a few verdicts: each pair of them is compared once. */
struct note_pair {
    const struct verdict_note *before, *after;
};

struct words {
    struct arena *arena;
    const struct model *model;
    const struct endpoint_state *states;
    const struct pool *pool;
    VEC(const char *) phrases; /* distinct */
    VEC(struct note_pair) seen;
};

static bool answers_endpoint(const struct answer_note *note, uint32_t endpoint)
{
    const struct answered key = {.endpoint = endpoint};
    return bsearch(&key, note->v, note->n, sizeof key, effect_compare_answered) != NULL;
}

static void mark_sites(uint8_t *marks, uint8_t mark, const struct words *w,
                       const struct answer_note *note)
{
    for (uint32_t i = 0; i < note->n; i++)
        marks[w->model->endpoints[note->v[i].endpoint].site] |= mark;
}

/** The names, joined by ", ", of the sites that `a` answers and `b` (NULL: none) does not. */
static const char *sites_beyond(struct words *w, const struct answer_note *a,
                                const struct answer_note *b)
{
    uint8_t *marks = arena_calloc(w->arena, w->model->n_sites, 1);
    const char *text = "";
    mark_sites(marks, 1, w, a);
    if (b)
        mark_sites(marks, 2, w, b);
    for (uint32_t site = 0; site < w->model->n_sites; site++)
        if (marks[site] == 1)
            text = arena_printf(w->arena, "%s%s%s", text, *text ? ", " : "",
                                w->model->sites[site].name);
    return text;
}

/** The first of the endpoints that `a` answers and `b` does not, and how many more there are. */
static const char *endpoints_beyond(struct words *w, const struct answer_note *a,
                                    const struct answer_note *b)
{
    const char *text = "";
    unsigned n = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct endpoint *e = &w->model->endpoints[a->v[i].endpoint];
        if (answers_endpoint(b, a->v[i].endpoint) || ++n > ENDPOINTS_NAMED)
            continue;
        text = arena_printf(w->arena, "%s%s%s/%s", text, *text ? ", " : "",
                            w->model->sites[e->site].name, e->label);
    }
    if (n <= ENDPOINTS_NAMED)
        return text;
    return arena_printf(w->arena, "%s and %u more", text, n - ENDPOINTS_NAMED);
}

/** Whether what is answered is down: the pool's on_all_down is serve_all. */
static bool serves_the_down(const struct words *w, const struct answer_note *note)
{
    for (uint32_t i = 0; i < note->n; i++)
        if (endpoint_serves(&w->states[note->v[i].endpoint]))
            return false;
    return note->n > 0;
}

static const char *phrase_of_mode(struct words *w, const struct answer_note *note)
{
    if (note->mode == VERDICT_NODATA)
        return "nothing is up, answers are empty (NODATA)";
    if (note->mode == VERDICT_SERVFAIL)
        return "nothing is up, answers are SERVFAIL";
    if (note->mode == VERDICT_FALLBACK)
        return arena_printf(w->arena, "nothing is up, answers come from pool %s",
                            w->model->pools[note->fallback].name);
    if (serves_the_down(w, note) && w->pool->steer == STEER_SPLIT)
        return "nothing is up, answers have all of the site that is drawn";
    if (serves_the_down(w, note))
        return arena_printf(w->arena, "nothing is up, all of %s is answered",
                            sites_beyond(w, note, NULL));
    return arena_printf(w->arena, "answers come from %s again", sites_beyond(w, note, NULL));
}

static const char *phrase_of_sets(struct words *w, const struct answer_note *before,
                                  const struct answer_note *after)
{
    const char *gone = sites_beyond(w, before, after), *come = sites_beyond(w, after, before);
    if (*gone && *come)
        return arena_printf(w->arena, "answers move from %s to %s", gone, come);
    if (*gone)
        return arena_printf(w->arena, "%s is answered no more", gone);
    if (*come)
        return arena_printf(w->arena, "%s is answered too", come);
    gone = endpoints_beyond(w, before, after), come = endpoints_beyond(w, after, before);
    const char *but = arena_printf(w->arena, "(%u left)", after->n);
    if (*gone && *come)
        return arena_printf(w->arena, "%s instead of %s", come, gone);
    if (*gone)
        return arena_printf(w->arena, "without %s %s", gone, but);
    return *come ? arena_printf(w->arena, "with %s", come) : NULL;
}

static bool same_answers(const struct answer_note *a, const struct answer_note *b)
{
    return a->mode == b->mode && a->fallback == b->fallback && a->n == b->n &&
           (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0);
}

/** What is different for one class, or NULL. */
static const char *phrase(struct words *w, const struct answer_note *before,
                          const struct answer_note *after)
{
    if (same_answers(before, after))
        return NULL;
    if (before->mode != after->mode ||
        (after->mode == VERDICT_FALLBACK && before->fallback != after->fallback))
        return phrase_of_mode(w, after);
    if (after->mode != VERDICT_ANSWER)
        return NULL;
    const char *text = phrase_of_sets(w, before, after);
    if (text && serves_the_down(w, after))
        return phrase_of_mode(w, after);
    if (!text && before->n == after->n)
        return arena_printf(w->arena, "weights change in %s", sites_beyond(w, after, NULL));
    return text;
}

static void say(struct words *w, const char *text)
{
    for (size_t i = 0; text && i < w->phrases.n; i++)
        if (strcmp(w->phrases.v[i], text) == 0)
            return;
    if (text)
        *vec_push(&w->phrases) = text;
}

/** Both families in one sentence where they agree, or where the pool has but one. */
static void say_families(struct words *w, const char *v4, const char *v6)
{
    bool both = w->pool->has_v4 && w->pool->has_v6;
    if (!both || (v4 && v6 && strcmp(v4, v6) == 0)) {
        say(w, v4 ? v4 : v6);
        return;
    }
    if (v4)
        say(w, arena_printf(w->arena, "%s (A)", v4));
    if (v6)
        say(w, arena_printf(w->arena, "%s (AAAA)", v6));
}

/** What changes for names that ask for one site alone, where it was not said already. */
static void say_site(struct words *w, uint32_t pool_site, const struct verdict_note *before,
                     const struct verdict_note *after)
{
    struct words own = {.arena = w->arena, .model = w->model, .states = w->states, .pool = w->pool};
    const char *site = w->model->sites[w->pool->sites[pool_site].site].name;
    say_families(&own, phrase(&own, &before->family[0], &after->family[0]),
                 phrase(&own, &before->family[1], &after->family[1]));
    for (size_t i = 0; i < own.phrases.n; i++) {
        bool said = false;
        for (size_t k = 0; k < w->phrases.n; k++)
            said |= strcmp(w->phrases.v[k], own.phrases.v[i]) == 0;
        if (!said)
            say(w, arena_printf(w->arena, "at names of %s/%s: %s", w->pool->name, site,
                                own.phrases.v[i]));
    }
    vec_free(&own.phrases);
}

static void say_class(struct words *w, const struct verdict_note *before,
                      const struct verdict_note *after)
{
    for (size_t i = 0; i < w->seen.n; i++)
        if (w->seen.v[i].before == before && w->seen.v[i].after == after)
            return;
    *vec_push(&w->seen) = (struct note_pair){before, after};
    say_families(w, phrase(w, &before->family[0], &after->family[0]),
                 phrase(w, &before->family[1], &after->family[1]));
}

static void say_shares(struct words *w, const struct steering *steering,
                       const struct pool_note *before, const struct pool_note *after)
{
    if (!before->shares || !after->shares)
        return;
    for (uint32_t c = 0; c < after->n_classes; c++) {
        double a = before->shares[c] * 100, b = after->shares[c] * 100;
        if ((a - b < 0.05 && b - a < 0.05) || steering->class_sites[c].n == 0)
            continue;
        const char *site = w->model->sites[steering->class_sites[c].v[0]].name;
        say(w, arena_printf(w->arena, "%s takes %.3g%% (was %.3g%%)", site, b, a));
    }
}

static void join(char out[EFFECT_MAX], const char *pool, const struct words *w)
{
    int used = snprintf(out, EFFECT_MAX, "%s: ", pool);
    for (size_t i = 0; i < w->phrases.n && used < EFFECT_MAX; i++)
        used +=
            snprintf(out + used, EFFECT_MAX - (size_t)used, "%s%s", i ? "; " : "", w->phrases.v[i]);
    if (used >= EFFECT_MAX)
        memcpy(out + EFFECT_MAX - 4, "...", 4);
}

static void text_of_view(char out[EFFECT_MAX], const struct effects *effects,
                         const struct generation *generation, const struct endpoint_state *states,
                         uint32_t pool, const struct pool_view *after)
{
    const struct pool_note *before = effects->of_pool[pool];
    out[0] = '\0';
    if (!before || before->n_classes != after->n_classes)
        return;
    struct words w = {.arena = arena_new(),
                      .model = generation->model,
                      .states = states,
                      .pool = &generation->model->pools[pool]};
    struct pool_note now = effect_note_view(w.arena, after);
    const struct steerings *steerings = &generation->steerings;
    say_shares(&w, &steerings->v[steerings->of_pool[pool]], before, &now);
    /* Under a split, a class that is drawn no more changes no answer. */
    for (uint32_t c = 0; c < now.n_classes; c++)
        if (!now.shares || now.shares[c] > 0)
            say_class(&w, before->classes[c], now.classes[c]);
    for (uint32_t i = 0; i < after->n_sites; i++)
        if (w.pool->named[i])
            say_site(&w, i, before->classes[now.n_classes + i], now.classes[now.n_classes + i]);
    if (w.phrases.n)
        join(out, generation->model->pools[pool].name, &w);
    vec_free(&w.phrases);
    vec_free(&w.seen);
    arena_free(w.arena);
}

/* A batch of events asks the same of a pool once for each of its endpoints. */
void effects_text(char out[EFFECT_MAX], struct effects *effects,
                  const struct generation *generation, const struct endpoint_state *states,
                  uint32_t pool)
{
    struct pool_note *before = effects->of_pool[pool];
    const struct pool_view *after = view_now(generation, pool);
    out[0] = '\0';
    if (!before || !after)
        return;
    if (!before->text) {
        text_of_view(out, effects, generation, states, pool, after);
        before->text = arena_strdup(effects->arena, out);
    }
    snprintf(out, EFFECT_MAX, "%s", before->text);
}

void effects_text_of_states(char out[EFFECT_MAX], const struct effects *effects,
                            const struct generation *generation,
                            const struct endpoint_state *states, uint32_t pool)
{
    const struct pool_view *after = view_of_states(generation, states, pool);
    text_of_view(out, effects, generation, states, pool, after);
    arena_free(after->arena);
}
