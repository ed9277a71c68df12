/* SPDX-License-Identifier: Apache-2.0
 * Views of tiers made by hand, over the pool of facts.h: "edge" has the endpoints of ams (e0, e1)
 * as its members and e2 of iad as its front; "spare" has e3 of sin. */
#pragma once

#include "out/tier_facts.h"
#include "tests/unit/out/facts.h"

enum { TIERS_MADE = 2, ROWS_MADE = 2 };

struct made_tiers {
    struct scene *scene;
    struct tier config[TIERS_MADE];
    struct tier_spec spec[TIERS_MADE];
    struct tier_member members[4]; /* by slot */
    uint32_t endpoints[4], front;
    struct tier_set set;
    struct tier_view view[TIERS_MADE], *views[TIERS_MADE];
    struct tier_row rows[TIERS_MADE][ROWS_MADE];
    const char *diff[2];
};

static inline void made_row(struct made_tiers *t, unsigned tier, unsigned at, uint32_t endpoint)
{
    struct tier_row *row = &t->rows[tier][at];
    struct tier_member *m = &t->members[endpoint];
    m->slot = endpoint;
    m->key = endpoint_key(t->scene->world->arena, &t->scene->world->model, endpoint);
    row->addr = m->addr = (struct ip){{10, 0, 0, (uint8_t)endpoint}, IP_V4};
    row->port = m->port = 80;
    row->member = at;
    snprintf(row->name, sizeof row->name, "m%u", endpoint);
    row->wanted = row->target = row->applied = (struct serving){SERVES_READY, 100};
    row->present = row->created = true;
    row->seen = (struct observed){.serving = row->wanted, .active = 3, .inactive = -1};
}

/** All is well: each member is ready, with 3 sessions. */
static inline struct made_tiers *tiers_made(struct scene *s)
{
    struct made_tiers *t = arena_calloc(s->world->arena, 1, sizeof *t);
    static const char *const names[] = {"edge", "spare"};
    t->scene = s;
    for (uint32_t i = 0; i < 4; i++)
        t->endpoints[i] = i;
    made_row(t, 0, 0, 0);
    made_row(t, 0, 1, 1);
    made_row(t, 1, 0, 3);
    t->front = 2;
    t->set = (struct tier_set){.n_holds = 1000,
                               .tiers = t->spec,
                               .n_tiers = TIERS_MADE,
                               .endpoints = t->endpoints,
                               .n_endpoints = 4};
    for (uint32_t i = 0; i < TIERS_MADE; i++) {
        t->config[i] = (struct tier){
            .name = names[i], .type = i ? TIER_NGINX : TIER_HAPROXY, .drain_timeout_ms = 60000};
        t->spec[i] = (struct tier_spec){.config = &t->config[i],
                                        .name = names[i],
                                        .pool = "www",
                                        .site = i ? "" : "ams",
                                        .weight_max = 3,
                                        .members = &t->members[i ? 3 : 0],
                                        .n_members = i ? 1 : 2,
                                        .fronts = i ? NULL : &t->front,
                                        .n_fronts = i ? 0 : 1};
        t->view[i] = (struct tier_view){.n_holds = 1000,
                                        .version = 5 + i,
                                        .set = &t->set,
                                        .spec = &t->spec[i],
                                        .rows = t->rows[i],
                                        .n_rows = i ? 1 : 2,
                                        .last_change_ms = 1080000,
                                        .last_sync_ms = 1085000};
        t->views[i] = &t->view[i];
    }
    s->facts.tiers = (struct tier_facts){t->views, TIERS_MADE, &t->set};
    return t;
}

/** What an order to drain an endpoint makes of it, and a tier of its member. */
static inline void made_drain(struct made_tiers *t, uint32_t endpoint, uint32_t order)
{
    struct endpoint_state *s = &t->scene->world->states[endpoint];
    s->override = OVERRIDE_DRAIN;
    s->override_since_ms = 1080000;
    s->override_until_s = INT64_MAX;
    s->state_order = order;
}

static inline void made_waits(struct tier_row *row, enum drain_phase phase, int64_t active,
                              int64_t until_ms)
{
    row->wanted = row->target = row->applied = row->seen.serving =
        (struct serving){SERVES_DRAIN, 0};
    row->drain.phase = (uint8_t)phase;
    row->drain.since_ms = 1080000;
    row->drain.until_ms = until_ms;
    row->seen.active = active;
}
