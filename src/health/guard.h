/* SPDX-License-Identifier: Apache-2.0
 * Panic guard: tells the fall of the world from a fault of the checker (contrib/adr/0028). Pure
 * counting; doubt.c asks, holds, freezes and thaws.
 *
 * It counts probes that were up: published as up, assumed to be, or fallen less than a window ago
 * (`up`). Of these, by its latest result, one is
 *   silent   it failed, and the target said nothing;
 *   reached  the target said something, good or bad, since a mark;
 *   open     neither: it has not had its turn since the mark.
 * An untried result is none, and whose latest try was untried is not asked for more.
 *
 * The condition: at least `probes` at at least `sites` are silent, and at least `share` of those
 * that are silent or reached.
 *
 * When a probe is about to fall silent, the mark is its own latest start. Where the condition
 * cannot hold whatever the open ones say, it falls; where it holds whatever they say, that is
 * panic; else a sample of the open ones is asked (an inquiry), and the condition over who has
 * spoken by its end decides.
 *
 * Panic ends when the condition, with the beginning of the panic as the mark, has not held for a
 * whole window (so that those that recover one after the other are not taken for down in between),
 * or at once when nothing is silent. */
#pragma once

#include "health/state.h"
#include "health/tally.h"

struct guard_limits {
    bool off;
    double share;
    uint32_t probes, sites;
    uint32_t window_ms;
};

enum guard_said { GUARD_NOTHING, GUARD_SILENT, GUARD_REACHED };

enum guard_verdict {
    GUARD_FALL,  /* the target's fault: publish */
    GUARD_ASK,   /* not to be told yet: hold, and ask others */
    GUARD_PANIC, /* ours */
};

/** What the guard knows of a probe. */
struct guard_probe {
    int64_t fell_ms;  /* when its fall was published; 0: it was not, or was longer ago */
    uint64_t asked;   /* mark of its latest start */
    uint8_t said;     /* enum guard_said: by its latest result */
    bool untried;     /* its latest try was */
    bool is_up;       /* as published or assumed */
    bool counted;     /* is_up, or fell within the window */
    bool pending;     /* is of the sample, and has not spoken yet */
    bool fell_silent; /* and has been since */
};

/** A fall that was published within the window, as long as it stands. */
struct guard_fall {
    uint32_t probe;
    int64_t at_ms;
};

struct guard_inquiry {
    bool open;
    uint32_t n_pending;
    uint64_t mark;
    int64_t until_ms; /* who has not spoken by then will not */
};

struct guard {
    struct guard_limits limits;
    const uint32_t *site_of; /* per probe */
    struct guard_probe *probes;
    struct tally reached;              /* counted ones by their latest word, if reached */
    uint32_t *silent_at, *up_at;       /* per site: counted ones that are silent; all of them */
    uint32_t n_up, n_silent, n_closed; /* counted ones; of them untried, and not silent */
    uint32_t n_sites_up, n_sites_silent;
    struct guard_fall *falls; /* ring, oldest first */
    uint32_t n_probes, n_sites, fall_first, n_falls;
    uint32_t *sample; /* whom the inquiry asks; some may be in flight already */
    uint32_t n_sample;
    uint32_t *sampled_at; /* per site, while a sample is drawn */
    uint32_t drawn;       /* where the latest sample ended */
    struct guard_inquiry inquiry;
    bool panic;
    uint64_t panic_mark;
    int64_t calm_since_ms; /* while in panic: since when the condition does not hold; else 0 */
};

/** Starts counting for `n_probes`, none of which is up or has said anything. Memory comes from
 *  `arena`; `site_of` is borrowed. */
void guard_init(struct guard *guard, struct arena *arena, const struct guard_limits *limits,
                const uint32_t *site_of, uint32_t n_probes, uint32_t n_sites) ATTR_NONNULL;

/** What is known of a probe from before. What it was reached by then is so no more. */
void guard_restore(struct guard *guard, uint32_t probe, bool is_up, bool silent,
                   bool untried) ATTR_NONNULL;

/** A probe starts. */
void guard_asked(struct guard *guard, uint32_t probe) ATTR_NONNULL;
/** Its result came. */
void guard_heard(struct guard *guard, uint32_t probe, enum guard_said said) ATTR_NONNULL;
/** It could not be tried. */
void guard_untried(struct guard *guard, uint32_t probe) ATTR_NONNULL;
/** Whether it is up now, as published or assumed. */
void guard_told(struct guard *guard, uint32_t probe, bool is_up) ATTR_NONNULL;
/** Its fall is published at `at_ms` (monotonic). Where falls of before are told out of order, some
 *  may count up to twice as long. */
void guard_fell(struct guard *guard, uint32_t probe, int64_t at_ms) ATTR_NONNULL;

/** What to do with a probe that is about to fall silent. */
enum guard_verdict guard_judge(struct guard *guard, uint32_t probe, int64_t now_ms) ATTR_NONNULL;

/** Opens an inquiry for it: guard->sample are open ones, spread over sites, that the caller is to
 *  ask. */
void guard_inquire(struct guard *guard, uint32_t probe) ATTR_NONNULL;
/** What the open inquiry has found by now: GUARD_ASK while it is not known. Closes it otherwise. */
enum guard_verdict guard_decide(struct guard *guard, int64_t now_ms) ATTR_NONNULL;

/** Enters panic. */
void guard_enter(struct guard *guard) ATTR_NONNULL;
/** The next probe whose fall within the window was not its target's word, to be taken back;
 *  MODEL_NONE when there are no more. */
uint32_t guard_take_fall(struct guard *guard) ATTR_NONNULL;
/** While in panic: whether it may end. */
bool guard_calm(struct guard *guard, int64_t now_ms) ATTR_NONNULL;
void guard_leave(struct guard *guard) ATTR_NONNULL;
