/* SPDX-License-Identifier: Apache-2.0
 * The two-byte framing of DNS over TCP. */
#include "io/framing.h"

#include "base/cursor.h"

#define COPY_SHORT 256 /* above, memcpy()'s call is cheaper than the loop */

unsigned framing_split(const uint8_t *in, size_t n, struct slice *messages, unsigned max)
{
    unsigned found = 0;
    while (found < max && n >= 2) {
        size_t len = load_u16(in);
        if (n - 2 < len)
            break;
        messages[found++] = slice_of(in + 2, len);
        in += 2 + len;
        n -= 2 + len;
    }
    return found;
}

/** As memcpy(), without a call for the sizes that most responses have. */
static inline void copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
    if (n < 16 || n > COPY_SHORT) {
        memcpy(to, from, n);
        return;
    }
    for (uint32_t i = 0; i + 16 < n; i += 16)
        memcpy(to + i, from + i, 16);
    memcpy(to + n - 16, from + n - 16, 16);
}

uint8_t *framing_put(uint8_t *to, const uint8_t *message, uint32_t n)
{
    store_u16(to, (uint16_t)n);
    copy(to + 2, message, n);
    return to + 2 + n;
}
