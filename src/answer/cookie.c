/* SPDX-License-Identifier: Apache-2.0
 * Making and checking server cookies. */
#include "answer/cookie.h"

#include "base/cursor.h"

#define HASH_AT 16 /* bytes before the hash; the client's address takes its place under it */

static uint64_t hash_of(struct siphash_key key, const uint8_t *cookie, const struct ip *client)
{
    uint8_t message[HASH_AT + 16];
    uint32_t n = client->family == IP_V4 ? 4 : 16;
    memcpy(message, cookie, HASH_AT);
    memcpy(message + HASH_AT, client->b, 16);
    return siphash(key, message, HASH_AT + n);
}

/* The hash goes in with its lowest byte first, as SipHash is published. */
static void store_hash(uint8_t *p, uint64_t hash)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(hash >> 8 * i);
}

static void make(struct cookie *out, const struct cookie_policy *policy, const uint8_t *option,
                 const struct ip *client, uint32_t now_s)
{
    memcpy(out->bytes, option, COOKIE_CLIENT_LEN);
    store_u32(out->bytes + 8, (uint32_t)COOKIE_VERSION << 24);
    store_u32(out->bytes + 12, now_s);
    store_hash(out->bytes + HASH_AT, hash_of(policy->key[0], out->bytes, client));
}

/* The number of the key that it was made with; -1: none of them. RFC 9018 4.2: reserved bytes go
 * into the hash as they came. */
static int key_of(const struct cookie_policy *policy, const uint8_t *option,
                  const struct ip *client)
{
    uint64_t hash = siphash_le64(option + HASH_AT);
    for (uint32_t i = 0; i < policy->n; i++) {
        if (hash_of(policy->key[i], option, client) == hash)
            return (int)i;
    }
    return -1;
}

void cookie_judge(struct cookie *out, const struct cookie_policy *policy, const uint8_t *option,
                  uint32_t len, const struct ip *client, int64_t now_s)
{
    int key = -1;
    int32_t age_s = 0;
    out->state = len == COOKIE_CLIENT_LEN ? COOKIE_NEW : COOKIE_INVALID;
    if (len == COOKIE_LEN && option[COOKIE_CLIENT_LEN] == COOKIE_VERSION)
        key = key_of(policy, option, client);
    if (key >= 0) {
        /* Serial numbers (RFC 1982), as the timestamp has 32 bits. */
        age_s = (int32_t)((uint32_t)now_s - load_u32(option + 12));
        bool timely = age_s <= COOKIE_OLD_S && age_s >= -COOKIE_EARLY_S;
        out->state = timely ? COOKIE_VALID : COOKIE_EXPIRED;
    }
    if (out->state == COOKIE_VALID && key == 0 && age_s <= COOKIE_RENEW_S)
        memcpy(out->bytes, option, COOKIE_LEN);
    else
        make(out, policy, option, client, (uint32_t)now_s);
}
