/* SPDX-License-Identifier: Apache-2.0
 * Replies to HTTP probes. The first byte says what is wanted, the second where the rest is split.
 * Beyond memory safety: the verdict and its reason do not depend on how the bytes arrive, a verdict
 * has a reason, and the end of the connection always brings one. */
#include "health/http_reply.h"

#include <stdlib.h>

static const struct number_range status[] = {{200, 299}, {404, 404}};
static const char *const bodies[] = {NULL, "ready", "ababac", "\n"};
static const uint32_t *fallbacks[ARRAY_LEN(bodies)];

static void run(struct http_reply *reply, const struct http_wanted *wanted, const char *p, size_t n,
                size_t step)
{
    http_reply_init(reply, wanted);
    for (size_t at = 0; at < n; at += step)
        http_reply_feed(reply, p + at, n - at < step ? n - at : step);
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (!arena) {
        arena = arena_new();
        for (size_t i = 1; i < ARRAY_LEN(bodies); i++)
            fallbacks[i] = http_body_fallback(arena, bodies[i]);
    }
    if (size < 2)
        return 0;
    unsigned body = data[0] & 3;
    const struct http_wanted wanted = {
        .status = status,
        .n_status = 2,
        .body = bodies[body],
        .fallback = fallbacks[body],
        .max_body = data[0] & 4 ? 16 : 65536,
        .head = data[0] & 8,
    };
    struct http_reply whole, pieces;
    const char *p = (const char *)data + 2;
    size -= 2;
    run(&whole, &wanted, p, size, size + 1);
    run(&pieces, &wanted, p, size, 1 + data[1] % 8u);
    require(whole.verdict == pieces.verdict);
    require(strcmp(whole.reason, pieces.reason) == 0);
    require((whole.verdict != HTTP_OPEN) == (whole.reason[0] != '\0'));
    require(whole.n_body <= wanted.max_body);
    require(http_reply_end(&whole) != HTTP_OPEN);
    require(whole.reason[0] != '\0');
    return 0;
}
