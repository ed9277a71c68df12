/* SPDX-License-Identifier: Apache-2.0
 * What is known of prefix sets and speakers, for others on the control thread. */
#include "anycast/anycast_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define CHANGED_MS 50

/* ---- what comes back ---- */

static void on_changed(uv_timer_t *timer)
{
    struct anycast *a = timer->data;
    a->told_ms = clock_mono_ms();
    a->host.changed(a->host.ctx);
}

static void tell_changed(struct anycast *a)
{
    int64_t wait_ms = a->told_ms + CHANGED_MS - clock_mono_ms();
    if (!a->stopping && !uv_is_active((uv_handle_t *)&a->changed))
        uv_timer_start(&a->changed, on_changed, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

void anycast_on_views(void *ctx, struct anycast_view **views, uint32_t n)
{
    struct anycast *a = ctx;
    for (uint32_t i = 0; i < n; i++) {
        if (views[i]->set != a->set) { /* it is not in force any more */
            anycast_view_release(views[i]);
            continue;
        }
        struct anycast_view **place = &a->views[views[i]->spec - a->set->sets];
        struct anycast_view *before = *place;
        *place = views[i];
        a->host.moved(a->host.ctx, before, views[i]);
        anycast_view_release(before);
    }
    free(views);
    tell_changed(a);
}

void anycast_on_speakers(void *ctx, struct speaker_view **views, uint32_t n)
{
    struct anycast *a = ctx;
    for (uint32_t i = 0; i < n; i++) {
        if (views[i]->set != a->set) {
            speaker_view_release(views[i]);
            continue;
        }
        struct speaker_view **place = &a->speakers[views[i]->config - a->set->speakers];
        struct speaker_view *before = *place;
        *place = views[i];
        a->host.speaker_moved(a->host.ctx, before, views[i]);
        speaker_view_release(before);
    }
    free(views);
    tell_changed(a);
}

/* ---- the switch ---- */

static struct anycast_view *first_view(struct anycast_set *set, uint32_t nth)
{
    struct arena *arena = arena_new();
    const struct anycast_spec *spec = &set->sets[nth];
    struct anycast_view *view = arena_calloc(arena, 1, sizeof *view);
    *view = (struct anycast_view){.n_holds = 1,
                                  .arena = arena,
                                  .set = anycast_set_hold(set),
                                  .spec = spec,
                                  .since_ms = clock_wall_ms(),
                                  .problem = ""};
    view->prefixes = arena_calloc(arena, spec->config->n_prefixes, sizeof *view->prefixes);
    for (uint32_t i = 0; i < spec->config->n_prefixes; i++)
        view->prefixes[i].prefix = spec->config->prefixes[i];
    return view;
}

static const char *speaker_name(const struct anycast_set *set, const struct anycast_spec *spec)
{
    return set->speakers[spec->speaker].name;
}

/** Until a set that goes on is seen again, it is as it was seen last. */
static struct anycast_view *take_view(const struct anycast *a, struct anycast_set *set,
                                      uint32_t nth)
{
    const struct anycast_spec *spec = &set->sets[nth];
    for (uint32_t i = 0; a->set && i < a->set->n_sets; i++) {
        struct anycast_view *view = a->views[i];
        if (strcmp(view->spec->name, spec->name) == 0 &&
            strcmp(speaker_name(view->set, view->spec), speaker_name(set, spec)) == 0)
            return anycast_view_hold(view);
    }
    return first_view(set, nth);
}

static struct speaker_view *take_speaker(const struct anycast *a, struct anycast_set *set,
                                         uint32_t nth)
{
    const struct speaker *config = &set->speakers[nth];
    for (uint32_t i = 0; a->set && i < a->set->n_speakers; i++)
        if (strcmp(a->speakers[i]->config->name, config->name) == 0 &&
            a->speakers[i]->config->type == config->type)
            return speaker_view_hold(a->speakers[i]);
    struct arena *arena = arena_new();
    struct speaker_view *view = arena_calloc(arena, 1, sizeof *view);
    *view = (struct speaker_view){
        .n_holds = 1, .arena = arena, .set = anycast_set_hold(set), .config = config};
    return view;
}

void anycast_free_views(struct anycast *a)
{
    for (uint32_t i = 0; a->set && i < a->set->n_sets; i++)
        anycast_view_release(a->views[i]);
    for (uint32_t i = 0; a->set && i < a->set->n_speakers; i++)
        speaker_view_release(a->speakers[i]);
    free(a->views);
    free(a->speakers);
    a->views = NULL;
    a->speakers = NULL;
}

void anycast_follow_views(struct anycast *a, struct anycast_set *set)
{
    const uint32_t n = set ? set->n_sets : 0, n_speakers = set ? set->n_speakers : 0;
    struct anycast_view **views = xcalloc(n, sizeof(struct anycast_view *));
    struct speaker_view **speakers = xcalloc(n_speakers, sizeof(struct speaker_view *));
    for (uint32_t i = 0; i < n; i++)
        views[i] = take_view(a, set, i);
    for (uint32_t i = 0; i < n_speakers; i++)
        speakers[i] = take_speaker(a, set, i);
    anycast_free_views(a);
    a->views = views;
    a->speakers = speakers;
}

/* ---- for others ---- */

struct anycast_view **anycast_views(struct anycast *a, uint32_t *n)
{
    *n = a->set ? a->set->n_sets : 0;
    struct anycast_view **views = xcalloc(*n, sizeof(struct anycast_view *));
    for (uint32_t i = 0; i < *n; i++)
        views[i] = anycast_view_hold(a->views[i]);
    return views;
}

struct speaker_view **anycast_speakers(struct anycast *a, uint32_t *n)
{
    *n = a->set ? a->set->n_speakers : 0;
    struct speaker_view **views = xcalloc(*n, sizeof(struct speaker_view *));
    for (uint32_t i = 0; i < *n; i++)
        views[i] = speaker_view_hold(a->speakers[i]);
    return views;
}
