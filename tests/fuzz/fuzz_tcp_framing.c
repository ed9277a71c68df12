/* SPDX-License-Identifier: Apache-2.0
 * TCP framing: the input is cut into pieces at places that it chooses itself, as a network would;
 * what comes out must be what comes out of the whole at once. */
#include "base/cursor.h"
#include "fuzz.h"
#include "io/framing.h"

#include <stdlib.h>

/** Turns a message round; those of odd checksum have no answer. */
static uint32_t turn_round(void *ctx, struct slice query, uint8_t *response)
{
    uint8_t sum = 0;
    unsigned *calls = ctx;
    ++*calls;
    for (uint32_t i = 0; i < query.n; i++) {
        response[query.n - 1 - i] = query.p[i];
        sum = (uint8_t)(sum + query.p[i]);
    }
    return sum == 1 ? 0 : query.n;
}

static uint8_t whole[4 * FRAME_MAX], pieces[4 * FRAME_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > FRAME_MAX)
        return 0;
    size_t step = 1 + data[0];
    unsigned calls = 0, calls_cut = 0;
    data++;
    n--;
    struct framing_result all = framing_answer(data, n, whole, sizeof whole, turn_round, &calls);
    CHECK(all.consumed <= n && !all.full && all.messages + all.bad == calls);
    CHECK(all.bad || n - all.consumed < 2 || n - all.consumed < 2u + load_u16(data + all.consumed));

    size_t from = 0, upto = 0, produced = 0;
    struct framing_result r = {0};
    while (upto < n && !r.bad) {
        upto = upto + step < n ? upto + step : n;
        r = framing_answer(data + from, upto - from, pieces + produced, sizeof pieces - produced,
                           turn_round, &calls_cut);
        from += r.consumed;
        produced += r.produced;
    }
    CHECK(from == all.consumed && produced == all.produced && calls == calls_cut);
    CHECK(memcmp(whole, pieces, produced) == 0);
    return 0;
}
