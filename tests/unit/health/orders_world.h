/* SPDX-License-Identifier: Apache-2.0
 * Orders over a small model: pools p0..p2, sites s0..s2; even endpoints are called wN. Prefix sets
 * a0 and b1 are of site s0, a1 of s1, b0 of s2, c of none. For one program. */
#pragma once

#include "small_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1000000

static struct small names;
static struct arena *arena;
static struct model *m;
static uint32_t numbers[SMALL_ENDPOINTS];
static struct orders orders;

static void build(void)
{
    if (arena)
        arena_free(arena);
    arena = arena_new();
    m = small_model(&names, arena, numbers);
}

static int set_up(void **state)
{
    (void)state;
    small_init(&names);
    build();
    snprintf(orders.node, sizeof orders.node, "n");
    (void)orders_follow(&orders, m, NOW, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    orders_free(&orders);
    arena_free(arena);
    arena = NULL;
    return 0;
}

static int give_words(const char *target, const struct order_words *words)
{
    const struct order *laid;
    struct orders next;
    orders_copy(&next, &orders);
    int code = orders_give(&next, m, target, words, NOW, &laid);
    orders_free(code ? &next : &orders);
    if (code == 0)
        orders = next;
    return code;
}
