/* SPDX-License-Identifier: Apache-2.0
 * Limits, compiled: whatever takes a division is done here. */
#include "compile/limits.h"

#include "base/rng.h"

#include <pthread.h>

/* A worker whose answers to all networks together are amplified by so many times what one network
 * may have (32 MiB/s by default, over all workers) asks clients for cookies: more is in a flood
 * only. */
#define CEILING_NETWORKS 512

/* Charges are made in grains of 1/256 of the burst, 512 bytes by default: an address costs 4, and
 * one query in 128 touches the table; the error of a level is then some 6 % when it matters. */
#define GRAINS 256

static uint32_t floor_power_of_two(uint32_t n)
{
    return n ? 1u << (31 - __builtin_clz(n)) : 1;
}

/* `include` over `exempt`, the longer over the shorter within each. */
static const struct lpm *compile_exempt(struct arena *arena, const struct server_config *server)
{
    struct trie *trie = trie_new(0);
    for (unsigned pass = 0; pass < 2; pass++) {
        const struct ip_prefix *v = pass ? server->rate_limit.include : server->rate_limit.exempt;
        uint32_t n = pass ? server->rate_limit.n_include : server->rate_limit.n_exempt;
        for (uint32_t i = 0; i < n; i++)
            trie_set(trie, &v[i], pass == 0);
    }
    const struct lpm *lpm = lpm_compile(arena, trie);
    trie_free(trie);
    return lpm;
}

static void compile_rate(struct rate_policy *out, struct arena *arena,
                         const struct server_config *server)
{
    uint32_t rate = server->rate_limit.bytes_per_second, burst = server->rate_limit.burst;
    *out = (struct rate_policy){.on = !server->rate_limit.off};
    if (server->rate_limit.off)
        return;
    uint64_t span_ms = burst * UINT64_C(1000) / rate;
    out->log_only = server->rate_limit.log_only;
    out->slip = server->rate_limit.slip;
    out->bytes_per_s = rate;
    out->burst = burst;
    out->span_ms = span_ms > 1 ? (uint32_t)span_ms : 1;
    out->ticks_per_ms = ((uint64_t)LEVEL_TICKS << 32) / out->span_ms;
    out->levels_per_byte = ((uint64_t)LEVEL_FULL << 20) / burst;
    out->grain = floor_power_of_two(burst / GRAINS);
    out->ceiling_bytes = (uint64_t)CEILING_NETWORKS * burst / server->workers;
    out->exempt = compile_exempt(arena, server);
}

static uint8_t process_secret[COOKIE_SECRET_LEN];

static void draw_process_secret(void)
{
    struct rng rng[2];
    for (unsigned i = 0; i < 2; i++) {
        rng_init(&rng[i]); /* 64 bits of the kernel's entropy */
        memcpy(process_secret + 8 * i, &rng[i].state, 8);
    }
}

static void compile_cookies(struct cookie_policy *out, const struct server_config *server)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *out = (struct cookie_policy){.on = !server->cookies.off, .n = server->cookies.n_secrets};
    for (uint32_t i = 0; i < out->n; i++)
        out->key[i] = siphash_key(server->cookies.secret[i]);
    if (out->n)
        return;
    pthread_once(&once, draw_process_secret);
    out->key[0] = siphash_key(process_secret);
    out->n = 1;
}

void limits_compile(struct limits *out, struct arena *arena, const struct server_config *server)
{
    compile_rate(&out->rate, arena, server);
    compile_cookies(&out->cookies, server);
}
