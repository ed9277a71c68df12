/* SPDX-License-Identifier: Apache-2.0
 * A registry with members m0, m1, .. of one set, for tests of what picks among them. */
#pragma once

#include "l4/balance.h"

#include <stdio.h>
#include <stdlib.h>

struct members {
    struct registry *registry;
    struct arena *arena;
    struct balance_input *v;
    uint32_t n;
};

static inline void members_make(struct members *m, uint32_t n)
{
    m->registry = registry_new();
    m->arena = arena_new();
    m->v = calloc(n, sizeof *m->v);
    m->n = n;
    for (uint32_t i = 0; i < n; i++) {
        char key[MEMBER_KEY_MAX];
        struct ip ip = {.family = IP_V4,
                        .b = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        snprintf(key, sizeof key, "web/ams/m%u", i);
        m->v[i] = (struct balance_input){registry_member(m->registry, "web", key, &ip, 80), 1};
    }
}

static inline const struct balance *members_balance(struct members *m, enum l4_balance kind)
{
    return balance_new(m->arena, kind, m->v, m->n);
}

static inline void members_free(struct members *m)
{
    free(m->v);
    arena_free(m->arena);
    registry_free(m->registry);
}
