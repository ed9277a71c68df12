/* SPDX-License-Identifier: Apache-2.0
 * PROXY headers of any bytes: one that is read is no shorter header's beginning, and what was read
 * is read again from what is written of it. */
#include "fuzz.h"
#include "l4/proxy_header.h"

static void round_trip(const struct proxy_header *header, enum l4_proxy version)
{
    uint8_t out[PROXY_WRITE_MAX];
    struct proxy_header back;
    const char *why;
    uint32_t n = proxy_header_write(out, version, header), taken = 0;
    CHECK(n > 0 && n < sizeof out);
    CHECK(proxy_header_read(&back, slice_of(out, n), &taken, &why) == PROXY_DONE && taken == n);
    CHECK(back.local == header->local);
    CHECK(ip_equal(&back.client, &header->client) && ip_equal(&back.server, &header->server));
    CHECK(back.client_port == header->client_port && back.server_port == header->server_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_header header, of_prefix;
    const char *why = NULL;
    uint32_t taken = 0, ignored;
    enum proxy_read is = proxy_header_read(&header, slice_of(data, n), &taken, &why);
    CHECK((is == PROXY_BAD) == (why != NULL));
    CHECK(is != PROXY_MORE || n < PROXY_HEADER_MAX);
    if (is != PROXY_DONE)
        return 0;
    CHECK(taken > 0 && taken <= n && taken <= PROXY_HEADER_MAX);
    for (uint32_t i = 0; i < taken; i++)
        CHECK(proxy_header_read(&of_prefix, slice_of(data, i), &ignored, &why) == PROXY_MORE);
    round_trip(&header, L4_PROXY_V1);
    round_trip(&header, L4_PROXY_V2);
    return 0;
}
