/* SPDX-License-Identifier: Apache-2.0
 * A small tier as a specification, without files: members 10.0.0.1:80, 10.0.0.2:80, ... named a, b,
 * ..., at slots 0.., and fronts behind them. */
#pragma once

#include "tier/desired.h"

#include <stdio.h>

enum { SMALL_MEMBERS = 8, SMALL_FRONTS = 3, SMALL_SLOTS = SMALL_MEMBERS + SMALL_FRONTS };

struct small_tier {
    struct tier config;
    struct tier_member members[SMALL_MEMBERS];
    char names[SMALL_MEMBERS][8], keys[SMALL_MEMBERS][16];
    uint32_t fronts[SMALL_FRONTS];
    struct tier_spec spec;
    struct member_state states[SMALL_SLOTS];
};

static inline struct ip small_addr(unsigned last)
{
    return (struct ip){.b = {10, 0, 0, (uint8_t)last}, .family = IP_V4};
}

/** All up at weight 1, which is the largest configured one. */
static inline void small_tier_init(struct small_tier *t, uint32_t n_members, uint32_t n_fronts)
{
    memset(t, 0, sizeof *t);
    t->config = (struct tier){.name = "t", .type = TIER_IPVS, .drain_timeout_ms = 10000};
    t->config.service.addr = (struct ip){.b = {192, 0, 2, 80}, .family = IP_V4};
    t->config.service.port = 443;
    for (uint32_t i = 0; i < SMALL_MEMBERS; i++) {
        snprintf(t->names[i], sizeof t->names[i], "%c", (int)('a' + i));
        snprintf(t->keys[i], sizeof t->keys[i], "p/ams/%c", (int)('a' + i));
        t->members[i] = (struct tier_member){.addr = small_addr(i + 1),
                                             .port = 80,
                                             .slot = i,
                                             .key = t->keys[i],
                                             .site = "ams",
                                             .label = t->names[i],
                                             .name = t->names[i]};
    }
    for (uint32_t i = 0; i < SMALL_FRONTS; i++)
        t->fronts[i] = SMALL_MEMBERS + i;
    for (uint32_t i = 0; i < SMALL_SLOTS; i++)
        t->states[i] = (struct member_state){.health = HEALTH_UP, .share = 256, .weight = 1};
    t->spec = (struct tier_spec){.config = &t->config,
                                 .name = "t",
                                 .pool = "p",
                                 .site = "ams",
                                 .weight_max = 1,
                                 .members = t->members,
                                 .n_members = n_members,
                                 .fronts = t->fronts,
                                 .n_fronts = n_fronts};
}
