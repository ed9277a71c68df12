/* SPDX-License-Identifier: Apache-2.0
 * Words for tiers. */
#include "model/tier.h"

#include "model/model.h"

#define WORD(constant, word, doc) word,

const char *tier_type_word(enum tier_type type)
{
    static const char *const words[] = {TIER_TYPES(WORD)};
    return words[type];
}

uint32_t tier_list_find(const uint32_t *v, uint32_t n, uint32_t x)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && v[lo] == x ? lo : MODEL_NONE;
}
