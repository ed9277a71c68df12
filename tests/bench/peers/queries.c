/* SPDX-License-Identifier: Apache-2.0
 * Names from a pattern, and the packets that ask for them. */
#include "queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPT_BYTES 11
#define ECS_V4_BYTES 11
#define ECS_V6_BYTES 15

static uint64_t rng_next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t put_question(const struct queries *q, uint8_t *p, uint32_t i)
{
    static const uint8_t tail[] = {0, 0, 1, 0, 1}; /* the root, A, IN */
    char text[256];
    uint8_t *at = p;
/* The pattern is the operator's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(text, sizeof text, q->pattern, i);
#pragma GCC diagnostic pop
    if (n < 1 || n > QUERY_STRIDE - 12 - OPT_BYTES - ECS_V6_BYTES - 6) {
        fprintf(stderr, "dnsload: too long a name: %s\n", text);
        exit(2);
    }
    for (char *rest = text, *label; (label = strsep(&rest, "."));) {
        size_t len = strlen(label);
        *at++ = (uint8_t)len;
        memcpy(at, label, len);
        at += len;
    }
    memcpy(at, tail, sizeof tail);
    return (uint32_t)(at + sizeof tail - p);
}

/* A client subnet: v4 of unicast space without 0/8, 10/8, 127/8; v6 of 2000::/4. */
static uint32_t put_ecs(uint8_t *p, enum queries_ecs ecs, uint64_t *rng)
{
    static const uint8_t v4[] = {0, 8, 0, 7, 0, 1, 24, 0}, v6[] = {0, 8, 0, 11, 0, 2, 56, 0};
    uint64_t r = rng_next(rng);
    if (ecs == ECS_V6) {
        memcpy(p, v6, sizeof v6);
        memcpy(p + 8, &r, 7);
        p[8] = (uint8_t)(0x20 | (p[8] & 0x0f));
        return ECS_V6_BYTES;
    }
    memcpy(p, v4, sizeof v4);
    memcpy(p + 8, &r, 3);
    p[8] = (uint8_t)(1 + p[8] % 223);
    if (p[8] == 10 || p[8] == 127)
        p[8]++;
    return ECS_V4_BYTES;
}

static uint32_t put_opt(uint8_t *p, enum queries_ecs ecs, uint64_t *rng)
{
    static const uint8_t opt[OPT_BYTES] = {0, 0, 41, 1232 >> 8, 1232 & 255};
    memcpy(p, opt, sizeof opt);
    uint32_t n = ecs == ECS_NONE ? 0 : put_ecs(p + OPT_BYTES, ecs, rng);
    p[10] = (uint8_t)n;
    return OPT_BYTES + n;
}

uint32_t queries_one(const struct queries *q, uint8_t *p, uint32_t i, uint16_t id)
{
    const uint8_t header[12] = {(uint8_t)(id >> 8), (uint8_t)id, 0, 0, 0, 1};
    memcpy(p, header, sizeof header);
    return 12 + put_question(q, p + 12, i);
}

void queries_build(struct queries *q)
{
    uint64_t rng = q->seed;
    q->bytes = aligned_alloc(4096, ((size_t)q->n * QUERY_STRIDE + 4095) & ~(size_t)4095);
    q->len = malloc(q->n);
    if (!q->bytes || !q->len)
        abort();
    for (uint32_t i = 0; i < q->n; i++) {
        uint8_t *p = q->bytes + (size_t)i * QUERY_STRIDE;
        enum queries_ecs ecs = q->ecs;
        if (ecs == ECS_MIX)
            ecs = (rng_next(&rng) & 3) ? ECS_V4 : ECS_V6;
        uint32_t name = (uint32_t)(((rng_next(&rng) >> 32) * q->n_names) >> 32);
        uint32_t n = queries_one(q, p, name, (uint16_t)i);
        if (q->edns || ecs != ECS_NONE) {
            p[11] = 1;
            n += put_opt(p + n, ecs, &rng);
        }
        q->len[i] = (uint8_t)n;
    }
}
