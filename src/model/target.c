/* SPDX-License-Identifier: Apache-2.0
 * Which endpoints, or prefix sets, an order is about. */
#include "model/target.h"

#include "dns/name.h"

#include <ctype.h>
#include <stdlib.h>

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

static struct pattern pattern_of(const char *text)
{
    const char *star = strchr(text, '*');
    enum pattern_kind kind = !star                          ? PATTERN_EXACT
                             : text[strspn(text, "*")] == 0 ? PATTERN_ANY
                                                            : PATTERN_GLOB;
    return (struct pattern){text, kind};
}

bool pattern_matches(const struct pattern *pattern, const char *text)
{
    if (pattern->kind == PATTERN_EXACT)
        return strcmp(pattern->text, text) == 0;
    return pattern->kind == PATTERN_ANY || glob_match(pattern->text, text);
}

/* Lower case, no final dot: as labels of CNAME endpoints are kept. */
static char *fold(const char *text)
{
    char *folded = xstrdup(text);
    size_t n = strlen(folded);
    for (size_t i = 0; i < n; i++)
        folded[i] = (char)tolower((unsigned char)folded[i]);
    if (n > 1 && folded[n - 1] == '.')
        folded[n - 1] = '\0';
    return folded;
}

static void prepare_label(struct target *t)
{
    t->folded = fold(t->label.text);
    t->meets_address = t->folded[strspn(t->folded, "0123456789abcdef:.*")] == '\0';
    if (t->label.kind != PATTERN_EXACT || ip_parse(&t->addr, t->label.text) != 0)
        t->addr = (struct ip){.family = IP_NONE};
}

/* anycast:NAME. A name of that kind before a `/` is a pool's. */
static bool take_set(struct target *t)
{
    size_t n = strlen(TARGET_SETS);
    if (strncmp(t->parts, TARGET_SETS, n) != 0 || strchr(t->parts, '/'))
        return false;
    const struct pattern none = {"", PATTERN_EXACT}; /* no name is empty */
    t->pool = t->site = t->label = none;
    t->set = pattern_of(t->parts + n);
    return true;
}

static void take_parts(struct target *t)
{
    char *second = strchr(t->parts, '/'), *third = second ? strchr(second + 1, '/') : NULL;
    if (second)
        *second++ = '\0';
    if (third)
        *third++ = '\0';
    t->pool = pattern_of(second ? t->parts : "*");
    t->site = pattern_of(second ? second : t->parts);
    t->label = pattern_of(third ? third : "*");
}

int target_parse(struct target *t, const char *text)
{
    *t = (struct target){.text = xstrdup(text), .parts = xstrdup(text)};
    bool is_of_sets = take_set(t);
    if (!is_of_sets)
        take_parts(t);
    prepare_label(t);
    bool full = is_of_sets ? *t->set.text : *t->pool.text && *t->site.text && *t->label.text;
    if (full && strlen(text) <= TARGET_MAX)
        return 0;
    target_free(t);
    return E_SYNTAX;
}

void target_copy(struct target *to, const struct target *from)
{
    (void)!target_parse(to, from->text); /* it was taken apart before */
}

void target_free(struct target *t)
{
    free(t->text);
    free(t->parts);
    free(t->folded);
    *t = (struct target){0};
}

static bool same_pattern(const struct pattern *a, const struct pattern *b)
{
    return a->kind == b->kind && (a->kind == PATTERN_ANY || strcmp(a->text, b->text) == 0);
}

/* Two spellings of one address, or of one CNAME target; operators' names differ by their case. */
static bool same_label(const struct target *a, const struct target *b)
{
    if (same_pattern(&a->label, &b->label))
        return true;
    if (a->label.kind != PATTERN_EXACT || b->label.kind != PATTERN_EXACT)
        return false;
    return a->addr.family != IP_NONE && ip_equal(&a->addr, &b->addr);
}

bool target_same(const struct target *a, const struct target *b)
{
    if (a->set.text || b->set.text)
        return a->set.text && b->set.text && same_pattern(&a->set, &b->set);
    return same_pattern(&a->pool, &b->pool) && same_pattern(&a->site, &b->site) && same_label(a, b);
}

bool target_covers(const struct target *a, const struct target *b)
{
    if (a->set.text || b->set.text)
        return a->set.text && b->set.text && glob_match(a->set.text, b->set.text);
    return glob_match(a->pool.text, b->pool.text) && glob_match(a->site.text, b->site.text) &&
           (same_label(a, b) || glob_match(a->label.text, b->label.text));
}

/* An endpoint has more labels than one, so that two patterns of labels say little. */
bool target_may_meet(const struct target *a, const struct target *b)
{
    if (a->set.text || b->set.text)
        return a->set.text && b->set.text && glob_overlap(a->set.text, b->set.text);
    return glob_overlap(a->pool.text, b->pool.text) && glob_overlap(a->site.text, b->site.text);
}

static bool matches_address(const struct target *t, const struct endpoint *e)
{
    char text[IP_TEXT_MAX];
    if (t->label.kind == PATTERN_EXACT)
        return t->addr.family != IP_NONE && ip_equal(&t->addr, &e->addr);
    return e->name && t->meets_address && glob_match(t->folded, ip_text(text, &e->addr));
}

static bool matches_cname(const struct target *t, const struct endpoint *e)
{
    char text[NAME_TEXT_MAX];
    name_to_text(text, e->cname);
    text[strlen(text) - 1] = '\0';
    return t->label.kind == PATTERN_EXACT ? strcmp(t->folded, text) == 0
                                          : glob_match(t->folded, text);
}

bool target_matches_label(const struct target *t, const struct endpoint *e)
{
    if (t->label.kind == PATTERN_ANY || pattern_matches(&t->label, e->label) ||
        (e->name && e->name != e->label && pattern_matches(&t->label, e->name)))
        return true;
    return e->cname.n ? matches_cname(t, e) : matches_address(t, e);
}

bool target_matches(const struct target *t, const struct model *m, uint32_t endpoint)
{
    const struct endpoint *e = &m->endpoints[endpoint];
    return !m->pools[e->pool].of_anycast && pattern_matches(&t->site, m->sites[e->site].name) &&
           pattern_matches(&t->pool, m->pools[e->pool].name) && target_matches_label(t, e);
}

static bool visit_site(const struct target *t, const struct model *m, const struct pool_site *s,
                       target_visit_fn *visit, void *ctx)
{
    for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++)
        if (target_matches_label(t, &m->endpoints[e]) && !visit(ctx, e))
            return false;
    return true;
}

void target_visit(const struct target *t, const struct model *m, target_visit_fn *visit, void *ctx)
{
    for (uint32_t p = 0; p < m->n_pools; p++) {
        const struct pool *pool = &m->pools[p];
        if (pool->of_anycast || !pattern_matches(&t->pool, pool->name))
            continue;
        for (uint32_t i = 0; i < pool->n_sites; i++)
            if (pattern_matches(&t->site, m->sites[pool->sites[i].site].name) &&
                !visit_site(t, m, &pool->sites[i], visit, ctx))
                return;
    }
}

static bool count_one(void *ctx, uint32_t endpoint)
{
    (void)endpoint;
    ++*(uint32_t *)ctx;
    return true;
}

bool target_matches_set(const struct target *t, const char *name, const char *site)
{
    if (t->set.text)
        return pattern_matches(&t->set, name);
    return site && *site && target_may_match_sets(t) && pattern_matches(&t->site, site);
}

void target_visit_sets(const struct target *t, const struct model *m, target_visit_fn *visit,
                       void *ctx)
{
    for (uint32_t i = 0; i < m->n_prefix_sets; i++) {
        const struct prefix_set *set = &m->prefix_sets[i];
        if (target_matches_set(t, set->name, model_site_name(m, set->site)) && !visit(ctx, i))
            return;
    }
}

uint32_t target_count(const struct target *t, const struct model *m)
{
    uint32_t n = 0;
    if (t->set.text)
        target_visit_sets(t, m, count_one, &n);
    else
        target_visit(t, m, count_one, &n);
    return n;
}
