/* SPDX-License-Identifier: Apache-2.0
 * What comes back to the question that asks this server itself: any bytes. A good one has the id
 * and the question, and says that it is an authoritative answer. */
#include "anycast/self_reply.h"
#include "base/cursor.h"
#include "dns/types.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t name[] = "\7example\3com";
    uint8_t query[SELF_QUERY_MAX];
    char reason[SELF_REASON_MAX] = "";
    const uint32_t n = self_query_write(query, (struct slice){name, sizeof name}, TYPE_SOA, 0x1234);
    enum self_verdict verdict =
        self_reply_judge((struct slice){data, (uint32_t)size}, (struct slice){query, n}, reason);
    CHECK((verdict == SELF_BAD) == (reason[0] != '\0'));
    if (verdict == SELF_FOREIGN)
        return 0;
    CHECK(size >= n && load_u16(data) == 0x1234 && load_u16(data + 4) == 1);
    CHECK(memcmp(data + DNS_HEADER_LEN, query + DNS_HEADER_LEN, n - DNS_HEADER_LEN) == 0);
    if (verdict == SELF_GOOD)
        CHECK((load_u16(data + 2) & (FLAG_QR | FLAG_AA | 15)) == (FLAG_QR | FLAG_AA));
    return 0;
}
