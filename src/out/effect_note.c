/* SPDX-License-Identifier: Apache-2.0
 * Noting views. */
#include "out/effect_note.h"

#include <stdlib.h>

int effect_compare_answered(const void *a, const void *b)
{
    uint32_t x = ((const struct answered *)a)->endpoint, y = ((const struct answered *)b)->endpoint;
    return (x > y) - (x < y);
}

static struct answer_note note_family(struct arena *arena, const struct verdict *v, int family)
{
    const struct pickset *set = &v->set[family];
    struct answered *answered = arena_calloc(arena, set->n, sizeof *answered);
    for (uint32_t i = 0; i < set->n; i++)
        answered[i] = (struct answered){set->endpoint[i], set->weight ? set->weight[i] : 1};
    qsort(answered, set->n, sizeof *answered, effect_compare_answered);
    return (struct answer_note){v->mode[family], v->fallback, answered, set->n};
}

static const struct verdict_note *note_verdict(struct arena *arena, const struct verdict *v)
{
    struct verdict_note *note = arena_calloc(arena, 1, sizeof *note);
    for (int family = 0; family < 2; family++)
        note->family[family] = note_family(arena, v, family);
    return note;
}

/** The share of draws that end at each class: what an alias table was built from. */
static const double *note_shares(struct arena *arena, const struct alias_slot *alias, uint32_t n)
{
    double *shares = arena_calloc(arena, n, sizeof *shares);
    for (uint32_t i = 0; i < n; i++) {
        double keep = alias[i].keep == UINT32_MAX ? 1.0 : alias[i].keep / 4294967296.0;
        shares[i] += keep / n;
        if (alias[i].other < n)
            shares[alias[i].other] += (1.0 - keep) / n;
    }
    return shares;
}

struct pool_note effect_note_view(struct arena *arena, const struct pool_view *view)
{
    struct pool_note note = {.n_classes = view->n_classes};
    const struct verdict_note **verdicts = arena_calloc(arena, view->n_verdicts, sizeof *verdicts);
    for (uint32_t i = 0; i < view->n_verdicts; i++)
        verdicts[i] = note_verdict(arena, &view->verdicts[i]);
    uint32_t n = view->n_classes + view->n_sites;
    note.classes = arena_calloc(arena, n, sizeof(struct verdict_note *));
    for (uint32_t c = 0; c < n; c++)
        note.classes[c] = verdicts[view->class_verdict[c]];
    if (view->split)
        note.shares = note_shares(arena, view->split, view->n_classes);
    return note;
}
