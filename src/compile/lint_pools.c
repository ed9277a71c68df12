/* SPDX-License-Identifier: Apache-2.0
 * Lint of pools: what is allowed, and hardly meant. */
#include "base/units.h"
#include "compile/lint.h"
#include "snapshot/node.h"

static void check_families(const struct model *m, const struct pool *pool, struct diags *diags)
{
    if (pool->is_cname || !pool->has_v4 || !pool->has_v6)
        return;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        bool v4 = false, v6 = false;
        for (uint32_t k = 0; k < s->n_endpoints; k++) {
            const struct endpoint *e = &m->endpoints[s->first_endpoint + k];
            v4 |= e->addr.family == IP_V4;
            v6 |= e->addr.family == IP_V6;
        }
        if (v4 && v6)
            continue;
        diag_warning(diags, m->endpoints[s->first_endpoint].span,
                     "pool %s has no %s address in site %s, but elsewhere: such clients of it are "
                     "sent to their next site",
                     pool->name, v4 ? "IPv6" : "IPv4", m->sites[s->site].name);
    }
}

/* How long a dead endpoint may go unnoticed: each of its checks needs `fall` results. */
static int64_t list_notice_ms(const struct model *m, const struct u32_list *checks)
{
    int64_t longest = 0;
    for (uint32_t i = 0; i < checks->n; i++) {
        const struct check *check = &m->checks[checks->v[i]];
        int64_t ms = (int64_t)check->interval_ms * check->fall;
        if (check->type != CHECK_POOL && ms > longest)
            longest = ms;
    }
    return longest;
}

/* Of the endpoints that have checks. */
static int64_t notice_ms(const struct model *m, const struct pool *pool)
{
    int64_t longest = list_notice_ms(m, &pool->checks);
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        for (uint32_t k = 0; k < s->n_endpoints; k++) {
            const struct endpoint *e = &m->endpoints[s->first_endpoint + k];
            int64_t ms = e->own_checks ? list_notice_ms(m, &e->checks) : 0;
            longest = ms > longest ? ms : longest;
        }
    }
    return longest;
}

/* Minutes are a choice; hours beside checks of seconds are a slip. */
#define TTL_PATIENCE 20
#define TTL_LEAST_MS (10 * 60 * 1000)

static void check_ttl(const struct model *m, const struct pool *pool, struct diags *diags)
{
    char ttl[UNITS_TEXT_MAX], notice[UNITS_TEXT_MAX];
    int64_t ms = (int64_t)pool->ttl.max_s * 1000, needed = notice_ms(m, pool);
    if (pool->ttl.min_s != pool->ttl.max_s || needed == 0 || ms < TTL_LEAST_MS ||
        ms < TTL_PATIENCE * needed)
        return;
    diag_warning(
        diags, pool->span,
        "answers of pool '%s' may name a dead endpoint for %s (its 'ttl'), though its checks "
        "notice within %s: expected a shorter 'ttl', or {min, max}",
        pool->name, units_duration_text(ttl, ms), units_duration_text(notice, needed));
}

/* Of a record beside its owner, which is compressed to a pointer. */
enum { A_BYTES = 16, AAAA_BYTES = 28 };

static uint32_t most_of_family(const struct model *m, const struct pool *pool,
                               enum ip_family family)
{
    uint32_t most = 0, all = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        uint32_t n = 0;
        for (uint32_t k = 0; k < s->n_endpoints; k++)
            n += m->endpoints[s->first_endpoint + k].addr.family == family;
        all += n;
        most = n > most ? n : most;
    }
    return pool->steer == STEER_ALL ? all : most;
}

static void check_size(const struct model *m, const struct pool *pool, struct diags *diags)
{
    static const struct {
        enum ip_family family;
        unsigned bytes;
        const char *type;
    } kinds[] = {{IP_V4, A_BYTES, "A"}, {IP_V6, AAAA_BYTES, "AAAA"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint32_t n = most_of_family(m, pool, kinds[i].family);
        uint32_t fit = MESSAGE_SET_MAX / kinds[i].bytes;
        n = n < pool->answers ? n : pool->answers;
        if (n <= fit)
            continue;
        diag_error(diags, pool->span,
                   "pool '%s' may answer %u %s records, but a DNS message holds %u: expected "
                   "'answers' of at most that, or fewer endpoints",
                   pool->name, n, kinds[i].type, fit);
        return;
    }
}

/* --- what nothing uses --- */

struct used {
    bool *checks, *maps;
};

static void mark_used(const struct model *m, const struct used *used)
{
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *pool = &m->pools[i];
        for (uint32_t k = 0; k < pool->checks.n; k++)
            used->checks[pool->checks.v[k]] = true;
        if (pool->steer == STEER_MAP && pool->map != MODEL_NONE)
            used->maps[pool->map] = true;
    }
}

static void mark_own_checks(const struct model *m, const struct used *used)
{
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        for (uint32_t k = 0; m->endpoints[i].own_checks && k < m->endpoints[i].checks.n; k++)
            used->checks[m->endpoints[i].checks.v[k]] = true;
}

/* Pools without a name are often being prepared, and sites come from an inventory: not said. */
static void check_unused(const struct model *m, struct diags *diags)
{
    struct arena *arena = arena_new();
    struct used used = {arena_calloc(arena, m->n_checks, 1), arena_calloc(arena, m->n_maps, 1)};
    mark_used(m, &used);
    mark_own_checks(m, &used);
    for (uint32_t i = 0; i < m->n_checks; i++)
        if (!used.checks[i])
            diag_warning(diags, m->checks[i].span,
                         "check '%s' is not used: no pool has it in its 'checks'",
                         m->checks[i].name);
    for (uint32_t i = 0; i < m->n_maps; i++)
        if (!used.maps[i])
            diag_warning(diags, m->maps[i].span, "map '%s' is not used: no pool steers by it",
                         m->maps[i].name);
    arena_free(arena);
}

void lint_pools(const struct model *model, struct diags *diags)
{
    uint32_t n = model_steering_pools(model);
    for (uint32_t i = 0; i < n; i++) {
        check_families(model, &model->pools[i], diags);
        check_ttl(model, &model->pools[i], diags);
        check_size(model, &model->pools[i], diags);
    }
    check_unused(model, diags);
}
