/* SPDX-License-Identifier: Apache-2.0
 * Waits that double. */
#include "drive/backoff.h"

#include "base/rng.h"

uint32_t backoff_failed(struct backoff *backoff)
{
    uint64_t wait = backoff->first_ms ? backoff->first_ms : 1;
    for (uint32_t i = 0; i < backoff->n_failed && wait < backoff->last_ms; i++)
        wait *= 2;
    if (wait > backoff->last_ms)
        wait = backoff->last_ms;
    if (backoff->n_failed < UINT32_MAX)
        backoff->n_failed++;
    struct rng rng = {backoff->draw};
    uint64_t less = rng_below(&rng, (uint32_t)(wait / 4) + 1);
    backoff->draw = rng.state ^ rng_next(&rng);
    return (uint32_t)(wait - less);
}
