/* SPDX-License-Identifier: Apache-2.0
 * How long answers may live that clients have by now. */
#include "tier/dns_memory.h"

#include "base/strmap.h"

#include <stdlib.h>

static uint32_t ttl_now(const struct model *m, uint32_t pool)
{
    return m->answer_ttls ? m->answer_ttls[pool] : 0;
}

static void drop_what_is_over(struct dns_memory *memory, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < memory->past.n; i++) {
        if (memory->past.v[i].until_ms > now_ms)
            memory->past.v[n++] = memory->past.v[i];
        else
            free(memory->past.v[i].pool);
    }
    memory->past.n = n;
}

static void remember(struct dns_memory *memory, uint32_t known, const char *pool, uint32_t ttl_s,
                     int64_t now_ms)
{
    int64_t until_ms = now_ms + (int64_t)ttl_s * 1000;
    struct dns_past *past;
    if (known != MODEL_NONE) {
        past = &memory->past.v[known];
    } else {
        past = vec_push(&memory->past);
        past->pool = xstrdup(pool);
    }
    past->ttl_s = ttl_s > past->ttl_s ? ttl_s : past->ttl_s;
    past->until_ms = until_ms > past->until_ms ? until_ms : past->until_ms;
    past->over_ms = now_ms;
}

/** Whether what is answered from now on lives at least as long: then there is nothing to remember.
 */
static bool goes_on(const struct model *before, const struct model *next, uint32_t pool)
{
    return pool < next->n_pools && strcmp(before->pools[pool].name, next->pools[pool].name) == 0 &&
           ttl_now(next, pool) >= ttl_now(before, pool);
}

static void find_pools(struct dns_memory *memory, const struct model *m)
{
    struct strmap names = {0};
    free(memory->of_pool);
    memory->of_pool = xcalloc(m->n_pools, sizeof *memory->of_pool);
    for (size_t i = 0; i < memory->past.n; i++)
        strmap_add(&names, slice_str(memory->past.v[i].pool), (uint32_t)i);
    for (uint32_t i = 0; i < m->n_pools; i++) /* STRMAP_NONE is MODEL_NONE */
        memory->of_pool[i] =
            memory->past.n ? strmap_get(&names, slice_str(m->pools[i].name)) : MODEL_NONE;
    strmap_free(&names);
}

void dns_memory_switch(struct dns_memory *memory, const struct model *before,
                       const struct model *next, int64_t now_ms)
{
    drop_what_is_over(memory, now_ms);
    if (before) {
        find_pools(memory, before);
        for (uint32_t i = 0; i < before->n_pools; i++)
            if (ttl_now(before, i) > 0 && !goes_on(before, next, i))
                remember(memory, memory->of_pool[i], before->pools[i].name, ttl_now(before, i),
                         now_ms);
    }
    find_pools(memory, next);
}

uint32_t dns_memory_wait_s(const struct dns_memory *memory, const struct model *m, uint32_t pool,
                           int64_t since_ms, int64_t now_ms)
{
    uint32_t known = memory->of_pool ? memory->of_pool[pool] : MODEL_NONE;
    int64_t wait_ms = (int64_t)ttl_now(m, pool) * 1000;
    if (known != MODEL_NONE && memory->past.v[known].until_ms > now_ms) {
        const struct dns_past *past = &memory->past.v[known];
        /* What was taken out before that reload may have been answered with its largest TTL until
         * then; what was taken out later, until the reload at most. */
        int64_t past_ms =
            since_ms < past->over_ms ? (int64_t)past->ttl_s * 1000 : past->until_ms - since_ms;
        wait_ms = past_ms > wait_ms ? past_ms : wait_ms;
    }
    return wait_ms > 0 ? (uint32_t)((wait_ms + 999) / 1000) + DNS_MARGIN_S : 0;
}

void dns_memory_free(struct dns_memory *memory)
{
    for (size_t i = 0; i < memory->past.n; i++)
        free(memory->past.v[i].pool);
    vec_free(&memory->past);
    free(memory->of_pool);
    memory->of_pool = NULL;
}
