/* SPDX-License-Identifier: Apache-2.0
 * Checks of type pool: worked out from the states of another pool's endpoints, once before each
 * time that changes are told, however many of them there are. Pools that watch pools make no circle
 * (configuration), so that this ends. */
#include "health/internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

void endpoints_touched(struct checker *c, uint32_t endpoint)
{
    uint32_t pool = c->model->endpoints[endpoint].pool;
    if (c->plan->watchers[pool] != MODEL_NONE)
        worklist_add(&c->plan->touched, pool);
}

static uint32_t pool_flip_s(const struct checker *c, const struct pool *pool)
{
    uint32_t soonest = FLIP_NEVER;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        for (uint32_t j = 0; j < pool->sites[i].n_endpoints; j++) {
            uint32_t flip_s = c->states[pool->sites[i].first_endpoint + j].flip_s;
            soonest = flip_s < soonest ? flip_s : soonest;
        }
    return soonest;
}

bool derived_work_out(struct checker *c, struct probe *p, const struct pool *pool)
{
    char reason[REASON_MAX];
    enum health health = pool_is_up(c->model, pool, c->states) ? HEALTH_UP : HEALTH_DOWN;
    uint32_t flip_s = p->derived_flip_s;
    p->derived_flip_s = pool_flip_s(c, pool);
    p->last_ms = clock_wall_ms();
    if (p->fsm.health == health)
        return p->derived_flip_s != flip_s;
    snprintf(reason, sizeof reason,
             health == HEALTH_UP ? "pool %s is up" : "no site of pool %s is up", pool->name);
    free(p->reason);
    p->reason = xstrdup(reason);
    p->fsm.health = p->told = (uint8_t)health;
    p->since_ms = p->last_ms;
    return true;
}

static void update_watchers(struct checker *c, uint32_t pool)
{
    for (uint32_t i = c->plan->watchers[pool]; i != MODEL_NONE;
         i = c->plan->probes[i].next_derived) {
        struct probe *p = &c->plan->probes[i];
        if (derived_work_out(c, p, &c->model->pools[pool]))
            endpoints_follow(c, p);
    }
}

void derived_update(struct checker *c)
{
    for (uint32_t pool; (pool = worklist_take(&c->plan->touched)) != WORKLIST_NONE;)
        update_watchers(c, pool);
}

bool derived_update_all(struct checker *c)
{
    bool any = false;
    for (uint32_t pool = 0; pool < c->model->n_pools; pool++)
        for (uint32_t i = c->plan->watchers[pool]; i != MODEL_NONE;
             i = c->plan->probes[i].next_derived) {
            struct probe *p = &c->plan->probes[i];
            if (!derived_work_out(c, p, &c->model->pools[pool]))
                continue;
            any = true;
            for (uint32_t j = 0; j < p->n_users; j++)
                endpoints_init_one(c, p->users[j]);
        }
    return any;
}
