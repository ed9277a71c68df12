/* SPDX-License-Identifier: Apache-2.0
 * Whether a pool is healthy. */
#include "ctl/healthy.h"

#include "config/suggest.h"
#include "control/json.h"

#include <stdio.h>

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

struct standing {
    enum answer answer;
    enum level level;
    uint32_t n_up, n,
        n_unknown; /* endpoints that serve, all, those of which nothing sure is known */
};

/* ---- one site of a pool ---- */

/** What is remembered of before a restart holds until there is a result, as it does for answers. */
static bool is_uncertain(const struct endpoint_state *s)
{
    return s->override == OVERRIDE_AUTO && s->checked &&
           ((s->health == HEALTH_UNKNOWN && !s->remembered) || s->stale || s->frozen);
}

/** By the rule of site_is_up() twice: with all that is uncertain down, and with all of it up. */
static struct standing stand(const struct facts *f, const struct pool *pool, uint32_t i,
                             const struct place_level *place)
{
    const struct model *m = f->generation->model;
    const struct pool_site *site = &pool->sites[i];
    struct site_weight least = site_weigh(m, site, f->states), most = least;
    struct standing s = {.level = (enum level)place->level, .n_up = place->n_up, .n = place->n};
    for (uint32_t e = site->first_endpoint; e < site->first_endpoint + site->n_endpoints; e++) {
        const struct endpoint_state *state = &f->states[e];
        uint32_t weight = endpoint_weight(&m->endpoints[e], state);
        if (!is_uncertain(state))
            continue;
        s.n_unknown++;
        if (endpoint_serves(state))
            least.up -= weight;
        else
            most.up += weight;
    }
    if (site_is_up(&least, pool->min_up))
        s.answer = ANSWER_YES;
    else
        s.answer = site_is_up(&most, pool->min_up) ? ANSWER_UNKNOWN : ANSWER_NO;
    return s;
}

/** One site that is up is enough. */
static enum answer either(enum answer a, enum answer b)
{
    if (a == ANSWER_YES || b == ANSWER_YES)
        return ANSWER_YES;
    return a == ANSWER_UNKNOWN || b == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : ANSWER_NO;
}

/** Of the site of that name, or with NULL of all. Returns whether there is one. */
static bool look(struct standing *out, const struct facts *f, uint32_t p, const char *site)
{
    const struct model *m = f->generation->model;
    const struct pool *pool = &m->pools[p];
    bool any = false;
    *out = (struct standing){.answer = ANSWER_NO};
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (site && strcmp(m->sites[pool->sites[i].site].name, site) != 0)
            continue;
        struct standing s =
            stand(f, pool, i, &f->levels->places[f->levels->pools[p].first_place + i]);
        any = true;
        out->answer = either(out->answer, s.answer);
        out->level = site ? s.level : (enum level)f->levels->pools[p].level;
        out->n_up += s.n_up;
        out->n += s.n;
        out->n_unknown += s.n_unknown;
    }
    return any;
}

/* ---- the document ---- */

static const char *why(const struct facts *f, const struct standing *s)
{
    if (!f->ready)
        return "loadstard is starting";
    if (s->answer != ANSWER_UNKNOWN)
        return "";
    if (f->health.stale)
        return "the checker has stalled";
    return f->health.panic ? "nearly all targets fell silent at once" : "not enough is known yet";
}

static json_t *document(const struct facts *f, const char *target, const struct standing *s)
{
    json_t *object = json_object();
    json_set_text(object, "target", target);
    if (s->answer == ANSWER_UNKNOWN || !f->ready)
        json_object_set_new(object, "healthy", json_null());
    else
        json_set_bool(object, "healthy", s->answer == ANSWER_YES);
    json_set_text(object, "state", level_text(s->level));
    json_set_int(object, "up", s->n_up);
    json_set_int(object, "total", s->n);
    json_set_int(object, "unknown", s->n_unknown);
    json_set_text(object, "why", why(f, s));
    return object;
}

static const char *pool_name(const void *words, uint32_t i)
{
    return ((const struct model *)words)->pools[i].name;
}

static void explain(const struct facts *f, const char *pool, const char *site, uint32_t p,
                    char error[CTL_TEXT_MAX])
{
    const struct model *m = f->generation->model;
    if (p != MODEL_NONE) {
        snprintf(error, CTL_TEXT_MAX, "pool %.80s has no site \"%.80s\"", pool, site);
        return;
    }
    const char *meant = suggest_nearest(pool, pool_name, m, model_steering_pools(m));
    snprintf(error, CTL_TEXT_MAX, "there is no pool \"%.80s\"%s%.80s%s", pool,
             meant ? ", did you mean " : "", meant ? meant : "", meant ? "?" : "");
}

json_t *healthy_document(const struct facts *f, const char *target, int *code,
                         char error[CTL_TEXT_MAX])
{
    struct standing s;
    char pool[CTL_NAME_MAX];
    const char *slash = strchr(target, '/'), *site = slash ? slash + 1 : NULL;
    if (strncmp(target, TARGET_SETS, strlen(TARGET_SETS)) == 0)
        return healthy_set_document(f, target, code, error);
    snprintf(pool, sizeof pool, "%.*s", (int)(slash ? slash - target : (long)strlen(target)),
             target);
    *code = E_SYNTAX;
    if (!pool[0] || (site && (!site[0] || strchr(site, '/')))) {
        snprintf(error, CTL_TEXT_MAX, "target: expected POOL, POOL/SITE or anycast:NAME");
        return NULL;
    }
    uint32_t p = model_find_pool(f->generation->model, pool);
    *code = E_NOTFOUND;
    if (p == MODEL_NONE || !look(&s, f, p, site)) {
        explain(f, pool, site ? site : "", p, error);
        return NULL;
    }
    *code = 0;
    return document(f, target, &s);
}
