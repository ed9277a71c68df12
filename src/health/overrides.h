/* SPDX-License-Identifier: Apache-2.0
 * The operator's rules: which endpoints are forced into a state, or to a weight. Pure.
 *
 * A rule has a target pattern; the rules of one kind are kept in the order they were given, and the
 * last one that matches an endpoint wins. So rules speak also for endpoints that later reloads add.
 *  - A new rule removes the earlier ones that it covers: those that match nothing it does not.
 *  - `auto` removes what it covers, and stays, as an exception, only while an earlier rule that it
 *    does not cover matches something that it does too. */
#pragma once

#include "health/state.h"

/** POOL/SITE/LABEL, POOL/SITE (all labels) or SITE (all pools); `*` stands for any characters. */
struct target {
    char *text; /* as given; the parts below point into it or into static text */
    char *parts;
    const char *pool, *site, *label;
};

enum rule_kind { RULE_STATE, RULE_WEIGHT };

#define RULE_AUTO_WEIGHT (-1)
#define RULE_TIME_MAX_MS                                                    \
    INT64_C(253402300799999) /* 9999-12-31: differences and sums of two fit \
                              */

struct rule {
    struct target target;
    enum rule_kind kind;
    enum override override; /* RULE_STATE */
    int64_t weight;         /* RULE_WEIGHT: 0..WEIGHT_MAX, or RULE_AUTO_WEIGHT */
    int64_t set_ms;         /* wall clock, 0..RULE_TIME_MAX_MS */
    int64_t until_ms;       /* likewise; INT64_MAX: until changed */
    char *reason;           /* "" if none was given */
};

/** Owns its rules; freed by rules_free(). {0} is an empty list. */
struct rules {
    struct rule *v;
    uint32_t n, cap;
};

/** Whether `pattern` matches all of `text`. Takes time in the product of their lengths at most.
 *  A `*` in `text` is matched by `*` only: so a pattern that matches another pattern as text covers
 *  it. */
bool glob_match(const char *pattern, const char *text) ATTR_NONNULL ATTR_PURE;
/** Whether some text is matched by both. */
bool glob_overlap(const char *a, const char *b) ATTR_NONNULL;

#define TARGET_MAX 1024 /* bytes */

/** Takes a target apart. Returns 0, or E_SYNTAX when it has an empty part or is too long. */
int target_parse(struct target *target, const char *text) ATTR_NONNULL ATTR_MUST_USE;
void target_free(struct target *target) ATTR_NONNULL;
bool target_matches(const struct target *target, const char *pool, const char *site,
                    const char *label) ATTR_NONNULL ATTR_PURE;

bool rule_is_auto(const struct rule *rule) ATTR_NONNULL ATTR_PURE;

/** Adds a rule of a list that was reduced before: a saved one. The list then owns it. */
void rules_append(struct rules *rules, struct rule rule) ATTR_NONNULL;
/** Adds a rule, which the list then owns. Returns how many earlier ones it removed. */
uint32_t rules_set(struct rules *rules, struct rule rule) ATTR_NONNULL;
/** The rule that decides, or NULL when none matches or an exception does. */
const struct rule *rules_find(const struct rules *rules, enum rule_kind kind, const char *pool,
                              const char *site, const char *label) ATTR_NONNULL;
/** Removes the rules whose time is over; returns how many. */
uint32_t rules_expire(struct rules *rules, int64_t now_ms) ATTR_NONNULL;
/** When the next rule expires; INT64_MAX: none does. */
int64_t rules_next_expiry_ms(const struct rules *rules) ATTR_NONNULL ATTR_PURE;
/** Whether both order the same in the same order, whenever that was set. */
bool rules_equal(const struct rules *a, const struct rules *b) ATTR_NONNULL ATTR_PURE;
void rules_copy(struct rules *to, const struct rules *from) ATTR_NONNULL;
void rules_free(struct rules *rules) ATTR_NONNULL;
