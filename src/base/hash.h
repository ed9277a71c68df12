/* SPDX-License-Identifier: Apache-2.0
 * 64-bit multiply-mix hash of short keys (the folded 64x64->128 product that wyhash introduced).
 * Not cryptographic: tables that face the network use a seed drawn at start (hash_seed()). */
#pragma once

#include "base/attr.h"

#include <stdint.h>
#include <string.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 r = (unsigned __int128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static inline uint64_t hash_load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint64_t hash_load32(const uint8_t *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

#define HASH_K0 UINT64_C(0xa0761d6478bd642f)
#define HASH_K1 UINT64_C(0xe7037ed1a0b428db)

/** Hashes `n` bytes. Reads nothing outside [p, p + n). From 16 bytes on, the last step takes the
 * last 16 whatever was read before: no tail to tell apart, which is what short names spend their
 * time on. */
static inline uint64_t hash_bytes(uint64_t seed, const uint8_t *p, uint32_t n)
{
    uint64_t h = seed ^ HASH_K0, a, b;
    if (n >= 16) {
        const uint8_t *last = p + n - 16;
        for (; p < last; p += 16)
            h = hash_mix(hash_load64(p) ^ HASH_K1, hash_load64(p + 8) ^ h);
        a = hash_load64(last);
        b = hash_load64(last + 8);
    } else if (n >= 8) {
        a = hash_load64(p);
        b = hash_load64(p + n - 8);
    } else if (n >= 4) {
        a = hash_load32(p);
        b = hash_load32(p + n - 4);
    } else if (n > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[n >> 1] << 8 | p[n - 1];
        b = 0;
    } else {
        a = b = 0;
    }
    return hash_mix(HASH_K1 ^ n, hash_mix(a ^ HASH_K1, b ^ h));
}

/** A seed from the kernel's entropy, the same for the life of the process. */
uint64_t hash_seed(void);
