/* SPDX-License-Identifier: Apache-2.0
 * TCP framing: the input is cut into pieces, and the messages in it into batches, at places that it
 * chooses itself, as a network would; put together again they must be what the input begins with,
 * and what is left over must be less than one message. */
#include "base/cursor.h"
#include "fuzz.h"
#include "io/framing.h"

#include <stdlib.h>

#define BATCH 32

/** Splits in[0..n), `max` at a time. Appends the messages to `to`; returns the place behind. */
static uint8_t *turn_round(const uint8_t *in, size_t n, unsigned max, uint8_t *to, size_t *consumed)
{
    struct slice found[BATCH];
    const uint8_t *at = in;
    unsigned k;
    while ((k = framing_split(at, n - (size_t)(at - in), found, max)) > 0) {
        CHECK(k <= max);
        for (unsigned i = 0; i < k; i++) {
            CHECK(found[i].p == at + 2 && load_u16(at) == found[i].n);
            if (found[i].n == 0) { /* not to be put: a response is never empty */
                *to++ = 0;
                *to++ = 0;
            } else {
                to = framing_put(to, found[i].p, found[i].n);
            }
            at = found[i].p + found[i].n;
        }
        CHECK(framing_consumed(found[0].p - 2, found, k) == (size_t)(at - (found[0].p - 2)));
    }
    *consumed = (size_t)(at - in);
    return to;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t out[2 * FRAMED_MAX];
    if (n < 2 || n > FRAMED_MAX)
        return 0;
    size_t step = 1 + data[0], from = 0, upto = 0;
    unsigned max = 1 + data[1] % BATCH;
    data += 2;
    n -= 2;
    uint8_t *to = out;
    while (upto < n) {
        size_t consumed;
        upto = upto + step < n ? upto + step : n;
        to = turn_round(data + from, upto - from, max, to, &consumed);
        from += consumed;
        CHECK(from <= upto);
    }
    CHECK((size_t)(to - out) == from && (from == 0 || memcmp(out, data, from) == 0));
    CHECK(n - from < 2 || n - from < 2u + load_u16(data + from));
    return 0;
}
