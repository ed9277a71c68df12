/* SPDX-License-Identifier: Apache-2.0
 * One keeper of a fake tier, and short words for what tests say of it. Behind cmocka.h. */
#pragma once

#include "tests/unit/tier/fake_tier.h"

static const struct serving ready = {SERVES_READY, 100}, zero = {SERVES_READY, 0};

static struct keeper k;

static inline int teardown(void **state)
{
    (void)state;
    keeper_free(&k);
    return 0;
}

static inline void drain(uint32_t slot)
{
    k.tier.states[slot].override = OVERRIDE_DRAIN;
}

static inline void undo(uint32_t slot)
{
    k.tier.states[slot].override = OVERRIDE_AUTO;
}

static inline const struct tier_row *row_of(unsigned last)
{
    struct ip addr = small_addr(last);
    for (size_t i = 0; i < k.table.rows.n; i++)
        if (ip_equal(&k.table.rows.v[i].addr, &addr))
            return &k.table.rows.v[i];
    return NULL;
}

static inline struct serving in_tier(unsigned last)
{
    struct fake_member *m = fake_find(&k.fake, small_addr(last), 80);
    return m ? m->serving : (struct serving){.serves = SERVES_GONE};
}

#define assert_in_tier(last, serves_, weight_)                               \
    do {                                                                     \
        struct serving got_ = in_tier(last);                                 \
        assert_string_equal(serves_text(got_.serves), serves_text(serves_)); \
        assert_int_equal(got_.weight, weight_);                              \
    } while (0)
