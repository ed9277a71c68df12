/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): a keyed hash of short
 * messages that nobody without the key can tell from chance. Of our own, as OpenSSL's takes ten
 * times as long for setting up than for hashing. */
#pragma once

#include "base/hash.h"

/** A key, ready for use. */
struct siphash_key {
    uint64_t k0, k1;
};

static inline uint64_t siphash_le64(const uint8_t *p)
{
    uint64_t x = hash_load64(p);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static inline struct siphash_key siphash_key(const uint8_t key[16])
{
    return (struct siphash_key){siphash_le64(key), siphash_le64(key + 8)};
}

static inline uint64_t siphash_turn(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void siphash_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = siphash_turn(v[1], 13) ^ v[0], v[0] = siphash_turn(v[0], 32);
    v[2] += v[3], v[3] = siphash_turn(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = siphash_turn(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = siphash_turn(v[1], 17) ^ v[2], v[2] = siphash_turn(v[2], 32);
}

/** Hashes n bytes. Reads nothing outside [p, p + n). */
static inline uint64_t siphash(struct siphash_key key, const uint8_t *p, uint32_t n)
{
    uint64_t v[4] = {key.k0 ^ UINT64_C(0x736f6d6570736575), key.k1 ^ UINT64_C(0x646f72616e646f6d),
                     key.k0 ^ UINT64_C(0x6c7967656e657261), key.k1 ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t m = siphash_le64(p);
        v[3] ^= m;
        siphash_round(v);
        siphash_round(v);
        v[0] ^= m;
    }
    for (uint32_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << 8 * i;
    v[3] ^= last;
    siphash_round(v);
    siphash_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
