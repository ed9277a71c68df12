/* SPDX-License-Identifier: Apache-2.0
 * The two-byte framing of DNS over TCP. */
#include "io/framing.h"

#include "base/cursor.h"

struct framing_result framing_answer(const uint8_t *in, size_t n, uint8_t *out, size_t out_size,
                                     framing_answer_fn *answer, void *ctx)
{
    struct framing_result r = {0};
    while (n - r.consumed >= 2) {
        size_t len = load_u16(in + r.consumed);
        if (n - r.consumed - 2 < len)
            break;
        r.full = out_size - r.produced < FRAME_MAX;
        if (r.full)
            break;
        uint8_t *at = out + r.produced;
        uint32_t response = answer(ctx, slice_of(in + r.consumed + 2, len), at + 2);
        r.consumed += 2 + len;
        r.bad = response == 0;
        if (r.bad)
            break;
        store_u16(at, (uint16_t)response);
        r.produced += 2 + response;
        r.messages++;
    }
    return r;
}
