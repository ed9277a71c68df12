/* SPDX-License-Identifier: Apache-2.0
 * Inside src/out: what a view answers, kept for a comparison after it is gone. */
#pragma once

#include "base/arena.h"
#include "snapshot/view.h"

struct answered {
    uint32_t endpoint, weight;
};

/* One family of a verdict, as far as words need it. */
struct answer_note {
    uint8_t mode;
    uint32_t fallback;
    const struct answered *v; /* what is answered, by ascending endpoint */
    uint32_t n;
};

struct verdict_note {
    struct answer_note family[2]; /* as in struct verdict */
};

struct pool_note {
    uint32_t n_classes;
    const struct verdict_note **classes; /* per class, then per site as in struct pool_view */
    const double *shares;                /* STEER_SPLIT: of the answers, per class; else NULL */
    const char *text;                    /* what effects_text() said; NULL: not asked yet */
};

/** Everything lives in `arena`. */
struct pool_note effect_note_view(struct arena *arena, const struct pool_view *view) ATTR_NONNULL;

/** By endpoint, for bsearch() in answer_note.v. */
int effect_compare_answered(const void *a, const void *b) ATTR_NONNULL;
