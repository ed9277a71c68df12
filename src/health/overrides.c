/* SPDX-License-Identifier: Apache-2.0
 * The operator's rules. */
#include "health/overrides.h"

#include <stdlib.h>
#include <string.h>

bool glob_match(const char *pattern, const char *text)
{
    /* Only the last star seen ever needs another try: an earlier one taking more cannot help. */
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* row[j]: whether a, from here on, overlaps b from j on. Filled from the ends towards the fronts.
 */
bool glob_overlap(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    bool *row = xcalloc(nb + 1, sizeof *row), diagonal;
    for (size_t i = na + 1; i-- > 0;) {
        diagonal = false;
        for (size_t j = nb + 1; j-- > 0;) {
            bool below = i < na && row[j], right = j < nb && row[j + 1], here;
            if (i == na && j == nb)
                here = true;
            else if (i < na && a[i] == '*')
                here = below || right;
            else if (j < nb && b[j] == '*')
                here = right || below;
            else
                here = i < na && j < nb && a[i] == b[j] && diagonal;
            diagonal = row[j];
            row[j] = here;
        }
    }
    bool overlap = row[0];
    free(row);
    return overlap;
}

int target_parse(struct target *target, const char *text)
{
    *target = (struct target){.text = xstrdup(text), .parts = xstrdup(text)};
    char *second = strchr(target->parts, '/'), *third = second ? strchr(second + 1, '/') : NULL;
    if (second)
        *second++ = '\0';
    if (third)
        *third++ = '\0';
    target->pool = second ? target->parts : "*";
    target->site = second ? second : target->parts;
    target->label = third ? third : "*";
    if (*target->pool && *target->site && *target->label && strlen(text) <= TARGET_MAX)
        return 0;
    target_free(target);
    return E_SYNTAX;
}

void target_free(struct target *target)
{
    free(target->text);
    free(target->parts);
    *target = (struct target){0};
}

bool target_matches(const struct target *target, const char *pool, const char *site,
                    const char *label)
{
    return glob_match(target->site, site) && glob_match(target->pool, pool) &&
           glob_match(target->label, label);
}

static bool target_covers(const struct target *a, const struct target *b)
{
    return target_matches(a, b->pool, b->site, b->label);
}

static bool target_overlaps(const struct target *a, const struct target *b)
{
    return glob_overlap(a->pool, b->pool) && glob_overlap(a->site, b->site) &&
           glob_overlap(a->label, b->label);
}

bool rule_is_auto(const struct rule *rule)
{
    return rule->kind == RULE_STATE ? rule->override == OVERRIDE_AUTO
                                    : rule->weight == RULE_AUTO_WEIGHT;
}

static void rule_free(struct rule *rule)
{
    target_free(&rule->target);
    free(rule->reason);
}

static void remove_rule(struct rules *rules, uint32_t i)
{
    rule_free(&rules->v[i]);
    rules->n--;
    memmove(&rules->v[i], &rules->v[i + 1], (rules->n - i) * sizeof *rules->v);
}

void rules_append(struct rules *rules, struct rule rule)
{
    if (rules->n == rules->cap) {
        rules->cap = rules->cap ? 2 * rules->cap : 8;
        rules->v = xrealloc(rules->v, rules->cap * sizeof *rules->v);
    }
    rules->v[rules->n++] = rule;
}

static bool is_needed(const struct rules *rules, uint32_t exception)
{
    const struct rule *e = &rules->v[exception];
    for (uint32_t i = 0; i < exception; i++) {
        const struct rule *r = &rules->v[i];
        if (r->kind == e->kind && !rule_is_auto(r) && target_overlaps(&r->target, &e->target))
            return true;
    }
    return false;
}

/* Removes the exceptions that have nothing left to except from. */
static void remove_needless(struct rules *rules)
{
    for (uint32_t i = 0; i < rules->n;) {
        if (rule_is_auto(&rules->v[i]) && !is_needed(rules, i))
            remove_rule(rules, i);
        else
            i++;
    }
}

uint32_t rules_set(struct rules *rules, struct rule rule)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rules->n;) {
        const struct rule *r = &rules->v[i];
        if (r->kind == rule.kind && target_covers(&rule.target, &r->target)) {
            remove_rule(rules, i);
            n++;
        } else {
            i++;
        }
    }
    rules_append(rules, rule);
    remove_needless(rules);
    return n;
}

const struct rule *rules_find(const struct rules *rules, enum rule_kind kind, const char *pool,
                              const char *site, const char *label)
{
    for (uint32_t i = rules->n; i-- > 0;) {
        const struct rule *r = &rules->v[i];
        if (r->kind == kind && target_matches(&r->target, pool, site, label))
            return rule_is_auto(r) ? NULL : r;
    }
    return NULL;
}

uint32_t rules_expire(struct rules *rules, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rules->n;) {
        if (rules->v[i].until_ms <= now_ms) {
            remove_rule(rules, i);
            n++;
        } else {
            i++;
        }
    }
    remove_needless(rules);
    return n;
}

int64_t rules_next_expiry_ms(const struct rules *rules)
{
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < rules->n; i++)
        if (rules->v[i].until_ms < next_ms)
            next_ms = rules->v[i].until_ms;
    return next_ms;
}

void rules_copy(struct rules *to, const struct rules *from)
{
    *to = (struct rules){0};
    for (uint32_t i = 0; i < from->n; i++) {
        struct rule rule = from->v[i];
        /* The text was taken apart before. */
        (void)!target_parse(&rule.target, from->v[i].target.text);
        rule.reason = xstrdup(rule.reason);
        rules_append(to, rule);
    }
}

static bool rule_equal(const struct rule *a, const struct rule *b)
{
    bool same = a->kind == RULE_STATE ? a->override == b->override : a->weight == b->weight;
    return same && a->kind == b->kind && a->until_ms == b->until_ms &&
           strcmp(a->target.text, b->target.text) == 0 && strcmp(a->reason, b->reason) == 0;
}

bool rules_equal(const struct rules *a, const struct rules *b)
{
    bool equal = a->n == b->n;
    for (uint32_t i = 0; equal && i < a->n; i++)
        equal = rule_equal(&a->v[i], &b->v[i]);
    return equal;
}

void rules_free(struct rules *rules)
{
    for (uint32_t i = 0; i < rules->n; i++)
        rule_free(&rules->v[i]);
    free(rules->v);
    *rules = (struct rules){0};
}
