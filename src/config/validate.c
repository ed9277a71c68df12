/* SPDX-License-Identifier: Apache-2.0
 * What only shows when sites, checks, maps and pools are all read: ports that nobody names, pools
 * that wait for one another, fallbacks of another kind. */
#include "config/parts.h"

#include "base/buf.h"

static bool needs_address(const struct check *check)
{
    return check->type == CHECK_TCP || check->type == CHECK_HTTP || check->type == CHECK_HTTPS;
}

static bool lacks_port(const struct check *check, const struct endpoint *e)
{
    return check->type == CHECK_TCP && !check->port && !e->port && !e->probe.port;
}

static void validate_endpoint(struct load *load, const struct endpoint *e)
{
    const struct model *m = load->model;
    const struct pool *pool = &m->pools[e->pool];
    const struct u32_list *checks = endpoint_checks(m, e);
    bool probed = false;
    if (!e->label || (e->cname.n > 0) != pool->is_cname)
        return; /* reported, or the odd one in its pool, which is */
    for (uint32_t i = 0; i < checks->n; i++) {
        const struct check *check = &m->checks[checks->v[i]];
        probed |= check->type != CHECK_POOL;
        if (lacks_port(check, e) && endpoint_probed(e)->family)
            diag_error(load->diags, e->span,
                       "endpoint '%s' of pool '%s' has no port and check '%s' names none, expected "
                       "'port' in one of them",
                       e->label, pool->name, check->name);
        if (needs_address(check) && e->cname.n && !endpoint_probed(e)->family)
            diag_error(load->diags, e->span,
                       "endpoint '%s' of pool '%s' is a name, which check '%s' cannot probe, "
                       "expected 'probe' with an 'address', or a check of type exec or pool",
                       e->label, pool->name, check->name);
    }
    if (!probed && (e->probe.addr.family || e->probe.port))
        diag_warning(load->diags, e->span,
                     "'probe' of endpoint '%s' has no effect: no check of it probes an address",
                     e->label);
}

/* How far the edges of a pool have been followed: its sites, their endpoints, their checks. */
struct cursor {
    uint32_t site, endpoint, check;
    bool pool_list_done; /* which many endpoints have in common */
};

/* Edges of the two graphs that must not have cycles. A pool has one fallback, but may wait for
 * several pools. The next one, or MODEL_NONE past the last. */
typedef uint32_t next_pool_fn(const struct model *m, uint32_t pool, struct cursor *at,
                              struct span *span);

static uint32_t next_fallback(const struct model *m, uint32_t pool, struct cursor *at,
                              struct span *span)
{
    *span = m->pools[pool].fallback_span;
    return at->check++ == 0 ? m->pools[pool].fallback : MODEL_NONE;
}

/* Of one list of checks. */
static uint32_t next_in_list(const struct model *m, const struct u32_list *checks, uint32_t *at)
{
    while (*at < checks->n) {
        const struct check *check = &m->checks[checks->v[(*at)++]];
        if (check->type == CHECK_POOL && check->pool != MODEL_NONE)
            return check->pool;
    }
    return MODEL_NONE;
}

static uint32_t next_checked(const struct model *m, uint32_t pool, struct cursor *at,
                             struct span *span)
{
    const struct pool *p = &m->pools[pool];
    *span = p->span;
    for (; at->site < p->n_sites; at->site++, at->endpoint = 0) {
        const struct pool_site *site = &p->sites[at->site];
        for (; at->endpoint < site->n_endpoints; at->endpoint++, at->check = 0) {
            const struct endpoint *e = &m->endpoints[site->first_endpoint + at->endpoint];
            if (!e->own_checks && at->pool_list_done)
                continue;
            uint32_t to = next_in_list(m, endpoint_checks(m, e), &at->check);
            if (to != MODEL_NONE)
                return to;
            at->pool_list_done |= !e->own_checks;
        }
    }
    return MODEL_NONE;
}

enum mark { UNSEEN, ON_PATH, DONE };

struct step {
    uint32_t pool;
    struct cursor next; /* which edge to follow now */
    uint32_t told;      /* of the last circle reported: where it closes */
};

static void report_cycle(struct load *load, const struct step *path, uint32_t depth, uint32_t back,
                         struct span span, const char *what)
{
    const struct pool *pools = load->model->pools;
    struct buf buf = {0};
    uint32_t i = depth;
    while (path[i].pool != back)
        i--;
    for (; i <= depth; i++)
        buf_printf(&buf, "%s -> ", pools[path[i].pool].name);
    diag_error(load->diags, span, "%s go in a circle: %s%s", what, buf.p, pools[back].name);
    buf_free(&buf);
}

/* Depth-first over one graph, with a stack of its own: configurations nest as deep as they like. */
static void find_cycles(struct load *load, next_pool_fn *next, const char *what)
{
    const struct model *m = load->model;
    uint8_t *marks = arena_calloc(load->scratch, m->n_pools, 1);
    struct step *path = arena_calloc(load->scratch, m->n_pools, sizeof *path);
    for (uint32_t root = 0; root < m->n_pools; root++) {
        if (marks[root] != UNSEEN)
            continue;
        uint32_t depth = 0;
        path[0] = (struct step){.pool = root, .told = MODEL_NONE};
        marks[root] = ON_PATH;
        for (;;) {
            struct step *at = &path[depth];
            struct span span;
            uint32_t to = next(m, at->pool, &at->next, &span);
            if (to == MODEL_NONE) {
                marks[at->pool] = DONE;
                if (depth-- == 0)
                    break;
            } else if (marks[to] == ON_PATH && at->told != to) {
                at->told = to;
                report_cycle(load, path, depth, to, span, what);
            } else if (marks[to] == UNSEEN) {
                marks[to] = ON_PATH;
                path[++depth] = (struct step){.pool = to, .told = MODEL_NONE};
            }
        }
    }
}

/* Which types exist at a name never depends on health (contrib/doc/design.md). */
static void validate_fallback(struct load *load, const struct pool *pool)
{
    if (pool->fallback == MODEL_NONE)
        return;
    const struct pool *to = &load->model->pools[pool->fallback];
    if (to->is_cname != pool->is_cname)
        diag_error(load->diags, pool->fallback_span,
                   "pool '%s' is of %s but falls back to '%s' of %s, expected the same kind",
                   pool->name, pool->is_cname ? "'cname'" : "addresses", to->name,
                   to->is_cname ? "'cname'" : "addresses");
    else if (!to->is_cname && ((pool->has_v4 && !to->has_v4) || (pool->has_v6 && !to->has_v6)))
        diag_warning(load->diags, pool->fallback_span,
                     "pool '%s' has %s addresses but falls back to '%s', which has none",
                     pool->name, pool->has_v4 && !to->has_v4 ? "IPv4" : "IPv6", to->name);
}

void pools_validate(struct load *load)
{
    const struct model *m = load->model;
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        validate_endpoint(load, &m->endpoints[i]);
    for (uint32_t i = 0; i < m->n_pools; i++)
        validate_fallback(load, &m->pools[i]);
    find_cycles(load, next_fallback, "fallbacks of pools");
    find_cycles(load, next_checked, "checks of type pool");
}
