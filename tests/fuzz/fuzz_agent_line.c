/* SPDX-License-Identifier: Apache-2.0
 * What a client of the agent sends, and a reason that comes from anywhere: whatever they are, a
 * line is answered by one line of words that HAProxy knows. */
#include "fuzz.h"
#include "tier/agent_line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice tier, member;
    char out[AGENT_LINE_MAX];
    struct slice line = slice_of(data, n);
    if (agent_request_read(line, &tier, &member)) {
        CHECK(tier.n > 0 && member.n > 0 && tier.n + 1 + member.n <= line.n);
        CHECK(!memchr(tier.p, '/', tier.n) && member.p == tier.p + tier.n + 1);
    }
    char *reason = calloc(1, n + 1);
    CHECK(reason);
    if (n > 0)
        memcpy(reason, data, n);
    size_t length = agent_answer(out, (struct serving){.serves = SERVES_DOWN}, reason);
    CHECK(length > 0 && length < sizeof out && out[length] == '\0');
    CHECK(strncmp(out, "ready down #", 12) == 0 && out[length - 1] == '\n');
    for (size_t i = 0; i + 1 < length; i++)
        CHECK(out[i] >= 0x20 && out[i] < 0x7f && out[i] != ',');
    free(reason);
    return 0;
}
