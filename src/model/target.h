/* SPDX-License-Identifier: Apache-2.0
 * Which endpoints an order is about: POOL/SITE/LABEL, POOL/SITE (all labels) or SITE (all pools);
 * or which prefix sets: anycast:NAME. `*` stands for any characters. Pure.
 *
 * A target for whole sites (SITE, or `*` for pool and label) is about the prefix sets of these
 * sites as well.
 *
 * LABEL is the endpoint's name, its address in any spelling, or its CNAME target in any case, with
 * or without the final dot. An endpoint that has a name goes by its address all the same. */
#pragma once

#include "model/model.h"

#define TARGET_MAX 1024 /* bytes */
#define TARGET_SETS "anycast:"

enum pattern_kind { PATTERN_ANY, PATTERN_EXACT, PATTERN_GLOB };

struct pattern {
    const char *text;
    enum pattern_kind kind;
};

struct target {
    char *text; /* as given; the patterns point into `parts`, or are static */
    char *parts;
    struct pattern pool, site, label; /* of a target for prefix sets: match nothing */
    struct pattern set;               /* else text NULL */
    char *folded;                     /* the label as a CNAME target: lower case, no final dot */
    struct ip addr;                   /* the label, where it is an address; else family IP_NONE */
    bool meets_address;               /* PATTERN_GLOB: some address may match */
};

/** Whether `pattern` matches all of `text`. Takes time in the product of their lengths at most. A
 *  `*` in `text` is matched by `*` only: a pattern that matches another one as text covers it. */
bool glob_match(const char *pattern, const char *text) ATTR_NONNULL ATTR_PURE;
/** Whether some text is matched by both. */
bool glob_overlap(const char *a, const char *b) ATTR_NONNULL;
bool pattern_matches(const struct pattern *pattern, const char *text) ATTR_NONNULL ATTR_PURE;

static inline bool target_is_of_sets(const struct target *target)
{
    return target->set.text != NULL;
}

/** Takes a target apart. Returns 0, or E_SYNTAX when it has an empty part or is too long. */
int target_parse(struct target *target, const char *text) ATTR_NONNULL ATTR_MUST_USE;
void target_copy(struct target *to, const struct target *from) ATTR_NONNULL;
void target_free(struct target *target) ATTR_NONNULL;

/** Whether both are the same one, however written: `ams` and `*` `/ams`. */
bool target_same(const struct target *a, const struct target *b) ATTR_NONNULL ATTR_PURE;
/** Whether `a` matches whatever `b` matches, in every configuration. May say no when it does. */
bool target_covers(const struct target *a, const struct target *b) ATTR_NONNULL ATTR_PURE;
/** Whether some configuration has an endpoint that both match. May say yes when none has. */
bool target_may_meet(const struct target *a, const struct target *b) ATTR_NONNULL;

bool target_matches_label(const struct target *target, const struct endpoint *e) ATTR_NONNULL;
bool target_matches(const struct target *target, const struct model *m,
                    uint32_t endpoint) ATTR_NONNULL;

/** Calls `visit` for the endpoints that the target matches, ascending, until it returns false. */
typedef bool target_visit_fn(void *ctx, uint32_t endpoint);
void target_visit(const struct target *target, const struct model *m, target_visit_fn *visit,
                  void *ctx) __attribute__((nonnull(1, 2, 3)));
/** Endpoints; of a target for prefix sets: sets. */
uint32_t target_count(const struct target *target, const struct model *m) ATTR_NONNULL;

/** Whether it may be about prefix sets: by their names, or as a whole site. */
static inline bool target_may_match_sets(const struct target *target)
{
    return target->set.text ||
           (target->pool.kind == PATTERN_ANY && target->label.kind == PATTERN_ANY);
}
/** Whether it is about the prefix set `name`, whose site is `site` (NULL or "": none): by its name,
 *  or as a whole site. */
bool target_matches_set(const struct target *target, const char *name, const char *site)
    __attribute__((nonnull(1, 2)));
/** Calls `visit` for the model's prefix sets that it is about, until it returns false. */
void target_visit_sets(const struct target *target, const struct model *m, target_visit_fn *visit,
                       void *ctx) __attribute__((nonnull(1, 2, 3)));
