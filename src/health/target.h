/* SPDX-License-Identifier: Apache-2.0
 * Which endpoints an order is about: POOL/SITE/LABEL, POOL/SITE (all labels) or SITE (all pools);
 * `*` stands for any characters. Pure.
 *
 * LABEL is the endpoint's name, its address in any spelling, or its CNAME target in any case, with
 * or without the final dot. An endpoint that has a name goes by its address all the same. */
#pragma once

#include "model/model.h"

#define TARGET_MAX 1024 /* bytes */

enum pattern_kind { PATTERN_ANY, PATTERN_EXACT, PATTERN_GLOB };

struct pattern {
    const char *text;
    enum pattern_kind kind;
};

struct target {
    char *text; /* as given; the patterns point into `parts`, or are static */
    char *parts;
    struct pattern pool, site, label;
    char *folded;       /* the label as a CNAME target: lower case, no final dot */
    struct ip addr;     /* the label, where it is an address; else family IP_NONE */
    bool meets_address; /* PATTERN_GLOB: some address may match */
};

/** Whether `pattern` matches all of `text`. Takes time in the product of their lengths at most. A
 *  `*` in `text` is matched by `*` only: a pattern that matches another one as text covers it. */
bool glob_match(const char *pattern, const char *text) ATTR_NONNULL ATTR_PURE;
/** Whether some text is matched by both. */
bool glob_overlap(const char *a, const char *b) ATTR_NONNULL;
bool pattern_matches(const struct pattern *pattern, const char *text) ATTR_NONNULL ATTR_PURE;

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
uint32_t target_count(const struct target *target, const struct model *m) ATTR_NONNULL;
