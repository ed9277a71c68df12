/* SPDX-License-Identifier: Apache-2.0
 * Ethernet frames: a query that is read lies inside the frame, and its answer is a frame that is
 * read again, with the same ends the other way round. */
#include "fuzz.h"
#include "io/ethernet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t room[ETHERNET_HEADERS_MAX + 2048];
    struct ethernet_query f, back;
    if (n > 2048 || !ethernet_parse(&f, data, (uint32_t)n))
        return 0;
    CHECK(f.message_at <= ETHERNET_HEADERS_MAX && (size_t)f.message_at + f.message_len <= n);
    CHECK(f.source.family == IP_V4 || f.source.family == IP_V6);
    uint8_t *message = room + ETHERNET_HEADERS_MAX, *p = message - f.message_at;
    memcpy(message, data + f.message_at, f.message_len);
    uint32_t len = ethernet_reply(&f, data, message, f.message_len);
    CHECK(len == (uint32_t)f.message_at + f.message_len);
    CHECK(ethernet_parse(&back, p, len));
    CHECK(back.message_at == f.message_at && back.message_len == f.message_len);
    CHECK(memcmp(p, data + 6, 6) == 0 && memcmp(p + 6, data, 6) == 0);
    return 0;
}
