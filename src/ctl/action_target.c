/* SPDX-License-Identifier: Apache-2.0
 * Why a target matches nothing, and what may have been meant. */
#include "config/suggest.h"
#include "ctl/action_parts.h"

#include <stdio.h>

static const char *pool_name(const void *words, uint32_t i)
{
    return ((const struct model *)words)->pools[i].name;
}

static const char *site_name(const void *words, uint32_t i)
{
    return ((const struct model *)words)->sites[i].name;
}

struct site_words {
    const struct model *m;
    const struct pool *pool;
};

static const char *pool_site_name(const void *words, uint32_t i)
{
    const struct site_words *w = words;
    return w->m->sites[w->pool->sites[i].site].name;
}

static const char *label_name(const void *words, uint32_t i)
{
    return ((const struct endpoint *)words)[i].label;
}

/* One word: a site. */
static const char *explain_site(struct arena *arena, const struct model *m, const struct target *t)
{
    const char *site = t->site.text;
    if (model_find_pool(m, site) != MODEL_NONE)
        return arena_printf(arena, "%s is a pool, not a site: '%s/*' means all of it", site, site);
    return arena_printf(arena, "there is no site '%s'%s", site,
                        suggest(arena, site, site_name, m, m->n_sites));
}

static const struct pool_site *find_site(const struct model *m, const struct pool *pool,
                                         const char *name)
{
    for (uint32_t i = 0; i < pool->n_sites; i++)
        if (strcmp(m->sites[pool->sites[i].site].name, name) == 0)
            return &pool->sites[i];
    return NULL;
}

/* The first part that names nothing. */
static const char *explain_parts(struct arena *arena, const struct model *m, const struct target *t)
{
    uint32_t p = model_find_pool(m, t->pool.text);
    if (p == MODEL_NONE)
        return arena_printf(arena, "there is no pool '%s'%s", t->pool.text,
                            suggest(arena, t->pool.text, pool_name, m, model_steering_pools(m)));
    if (m->pools[p].of_anycast)
        return arena_printf(arena, "%s is what is checked for a prefix set: orders are for '%s'",
                            t->pool.text, t->pool.text);
    const struct site_words words = {m, &m->pools[p]};
    if (t->site.kind != PATTERN_EXACT)
        return arena_printf(arena, "pool %s has no site or endpoint that matches it", t->pool.text);
    const struct pool_site *site = find_site(m, words.pool, t->site.text);
    if (!site)
        return arena_printf(arena, "pool %s has no site '%s'%s", t->pool.text, t->site.text,
                            suggest(arena, t->site.text, pool_site_name, &words,
                                    words.pool->n_sites));
    if (t->label.kind != PATTERN_EXACT)
        return arena_printf(arena, "none of %s/%s matches it", t->pool.text, t->site.text);
    return arena_printf(arena, "%s/%s has no endpoint '%s'%s", t->pool.text, t->site.text,
                        t->label.text,
                        suggest(arena, t->label.text, label_name,
                                &m->endpoints[site->first_endpoint], site->n_endpoints));
}

static const char *set_name(const void *words, uint32_t i)
{
    return ((const struct model *)words)->prefix_sets[i].name;
}

void action_explain_set(char error[CTL_TEXT_MAX], const struct model *m, const char *name)
{
    struct arena *arena = arena_new();
    if (m->n_prefix_sets == 0)
        snprintf(error, CTL_TEXT_MAX, "there is no prefix set '%.60s': none is configured", name);
    else if (strchr(name, '*'))
        snprintf(error, CTL_TEXT_MAX, "no prefix set matches '%.60s'", name);
    else
        snprintf(error, CTL_TEXT_MAX, "there is no prefix set '%.60s'%s", name,
                 suggest(arena, name, set_name, m, m->n_prefix_sets));
    arena_free(arena);
}

void action_explain_target(char error[CTL_TEXT_MAX], const struct model *m, const char *text)
{
    static const char form[] =
        "expected POOL/SITE/ADDRESS, POOL/SITE, SITE or anycast:NAME, * allowed";
    struct arena *arena = arena_new();
    struct target t;
    const char *why = form;
    if (target_parse(&t, text) == 0) {
        if (target_is_of_sets(&t)) {
            action_explain_set(error, m, t.set.text);
            target_free(&t);
            arena_free(arena);
            return;
        }
        if (t.pool.kind == PATTERN_EXACT)
            why = explain_parts(arena, m, &t);
        else if (t.pool.kind == PATTERN_ANY && t.site.kind == PATTERN_EXACT &&
                 model_find_site(m, t.site.text) == MODEL_NONE)
            why = explain_site(arena, m, &t);
        target_free(&t);
    }
    snprintf(error, CTL_TEXT_MAX, "no endpoint matches \"%.60s\": %s", text, why);
    arena_free(arena);
}
