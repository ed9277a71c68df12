/* SPDX-License-Identifier: Apache-2.0
 * Lines of a talk: the same ones, and the same end, whatever the pieces; none is longer than is
 * allowed, has a NUL or a line feed, or is given after the end. */
#include "drive/line_split.h"
#include "fuzz.h"

#include <stdint.h>
#include <string.h>

enum { LINE_MAX_B = 24 };

struct seen {
    uint64_t digest;
    unsigned n, enough_at;
    bool skips, ended;
};

static bool on_line(void *ctx, char *line, size_t n)
{
    struct seen *seen = ctx;
    CHECK(!seen->ended);
    CHECK(n <= LINE_MAX_B && strlen(line) == n && !memchr(line, '\n', n));
    for (size_t i = 0; i < n; i++)
        seen->digest = seen->digest * 31 + (uint8_t)line[i];
    seen->digest = seen->digest * 31 + '\n';
    seen->ended = ++seen->n == seen->enough_at;
    return !seen->ended;
}

static enum line_split_end feed(struct seen *seen, const char *p, size_t n, size_t piece,
                                size_t *left)
{
    char text[LINE_MAX_B + 2];
    struct line_split split = {.text = text, .max = LINE_MAX_B, .skips = seen->skips};
    enum line_split_end end = LINE_SPLIT_MORE;
    for (size_t at = 0; at < n && end == LINE_SPLIT_MORE; at += piece)
        end = line_split_feed(&split, p + at, n - at < piece ? n - at : piece, on_line, seen);
    *left = end == LINE_SPLIT_MORE ? split.n : 0;
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct seen whole = {.digest = 1, .enough_at = data[1], .skips = data[0] & 64}, pieces = whole;
    size_t left_whole, left_pieces;
    const char *p = (const char *)data + 2;
    enum line_split_end a = feed(&whole, p, n - 2, n, &left_whole);
    enum line_split_end b = feed(&pieces, p, n - 2, 1 + data[0] % 40u, &left_pieces);
    CHECK(a == b && left_whole == left_pieces);
    CHECK(whole.n == pieces.n && whole.digest == pieces.digest);
    CHECK(a != LINE_SPLIT_ENOUGH || whole.ended);
    CHECK(!whole.skips || a == LINE_SPLIT_MORE || a == LINE_SPLIT_ENOUGH);
    return 0;
}
