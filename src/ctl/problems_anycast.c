/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with prefix sets and speakers, in sentences. */
#include "control/json.h"
#include "ctl/problems.h"
#include "out/anycast_facts.h"

#define SETS_NAMED 20 /* lines of each kind; the rest are counted */

struct lines {
    struct arena *arena;
    const struct facts *f;
};

/* Each returns what is wrong with a set, or NULL. */

static const char *tell_down(const struct lines *l, const struct anycast_view *view)
{
    enum announce_order order = anycast_view_decision(l->f, view).order;
    if (view->state != ANNOUNCER_DOWN || order == ANNOUNCE_WITHDRAW || order == ANNOUNCE_DRAIN)
        return NULL;
    return arena_printf(l->arena, "anycast %s is down, not announced%s: %s", view->spec->name,
                        problem_age(l->arena, l->f, view->since_ms),
                        anycast_view_why(l->arena, l->f, view));
}

static const char *tell_apart(const struct lines *l, const struct anycast_view *view)
{
    const char *speaker = anycast_view_speaker(view);
    if (!anycast_view_is_apart(view))
        return NULL;
    if (view->real == REAL_PRESENT)
        return arena_printf(l->arena,
                            "anycast %s is %s, and speaker %s has its routes all the same",
                            view->spec->name, announcer_state_text(view->state), speaker);
    return arena_printf(l->arena, "anycast %s is %s, and speaker %s does not have all its routes",
                        view->spec->name, announcer_state_text(view->state), speaker);
}

static const char *tell_trouble(const struct lines *l, const struct anycast_view *view)
{
    if (!view->problem || !*view->problem)
        return NULL;
    return arena_printf(l->arena, "anycast %s: %s", view->spec->name, view->problem);
}

static const char *tell_silent(const struct lines *l, const struct anycast_view *view)
{
    const struct anycast_input *in = anycast_view_self(view);
    if (!anycast_view_decision(l->f, view).forced || !anycast_view_announces(view) || !in ||
        !in->known || in->ok)
        return NULL;
    return arena_printf(l->arena, "anycast %s is announced by force, although: %s: %s",
                        view->spec->name, in->name, in->reason);
}

static const char *tell_degraded(const struct lines *l, const struct anycast_view *view)
{
    if (view->state != ANNOUNCER_DEGRADED)
        return NULL;
    return arena_printf(l->arena, "anycast %s is degraded%s: %s", view->spec->name,
                        problem_age(l->arena, l->f, view->since_ms),
                        anycast_view_why(l->arena, l->f, view));
}

static const char *tell_frozen(const struct lines *l, const struct anycast_view *view)
{
    if (!view->frozen)
        return NULL;
    return arena_printf(l->arena,
                        "anycast %s is frozen: its pools and checks failed all at once, which is "
                        "not believed",
                        view->spec->name);
}

static const char *tell_differs(const struct lines *l, const struct anycast_view *view)
{
    char text[IP_PREFIX_TEXT_MAX];
    for (uint32_t i = 0; i < view->spec->config->n_prefixes; i++)
        if (view->prefixes[i].differs)
            return arena_printf(l->arena,
                                "anycast %s: speaker %s has %s with other attributes than told",
                                view->spec->name, anycast_view_speaker(view),
                                ip_prefix_text(text, &view->prefixes[i].prefix));
    return NULL;
}

static const struct {
    const char *severity, *more;
    const char *(*tell)(const struct lines *l, const struct anycast_view *view);
} kinds[] = {
    {"error", "are down", tell_down},
    {"error", "are not what their speakers have", tell_apart},
    {"error", "have problems", tell_trouble},
    {"error", "are announced by force", tell_silent},
    {"warning", "are degraded", tell_degraded},
    {"warning", "are frozen", tell_frozen},
    {"warning", "have other attributes than told", tell_differs},
};

static void tell_speaker(const struct lines *l, const struct speaker_view *view, problem_fn *add,
                         void *ctx)
{
    const struct speaker_status *s = &view->status;
    if (!s->up && s->error != SPEAKER_ERROR_NONE)
        add(ctx, "error", NULL,
            arena_printf(l->arena, "speaker %s does not do what it is told (%s)%s: %s",
                         view->config->name, speaker_error_text(s->error),
                         problem_age(l->arena, l->f, s->error_since_ms), s->text));
    else if (s->note[0])
        add(ctx, "warning", NULL,
            arena_printf(l->arena, "speaker %s: %s", view->config->name, s->note));
}

void problems_of_anycast(const struct facts *f, struct arena *arena, problem_fn *add, void *ctx)
{
    const struct lines l = {arena, f};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < f->anycast.n; i++) {
            const struct anycast_view *view = f->anycast.views[i];
            const char *text = kinds[k].tell(&l, view);
            if (text && n++ < SETS_NAMED)
                add(ctx, kinds[k].severity, view->spec->name, text);
        }
        if (n > SETS_NAMED)
            add(ctx, kinds[k].severity, NULL,
                arena_printf(arena, "%u more prefix sets %s", n - SETS_NAMED, kinds[k].more));
    }
    for (uint32_t i = 0; i < f->anycast.n_speakers; i++)
        tell_speaker(&l, f->anycast.speakers[i], add, ctx);
}
