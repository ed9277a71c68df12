/* SPDX-License-Identifier: Apache-2.0
 * Lines of a stream. */
#include "drive/line_split.h"

#include <string.h>

static bool give(struct line_split *split, bool (*line)(void *ctx, char *line, size_t n), void *ctx)
{
    size_t n = split->n;
    if (n > 0 && split->text[n - 1] == '\r')
        n--;
    split->text[n] = '\0';
    split->n = 0;
    return line(ctx, split->text, n);
}

/* One more byte than `max` may be the CR of a line end. */
static bool is_long(const struct line_split *split)
{
    return split->n > split->max && (split->n > split->max + 1 || split->text[split->max] != '\r');
}

static enum line_split_end add(struct line_split *split, const char *p, size_t n)
{
    size_t room = split->max + 1 - split->n;
    if (memchr(p, '\0', n < room ? n : room))
        return LINE_SPLIT_NUL;
    if (n > room)
        return LINE_SPLIT_LONG;
    memcpy(split->text + split->n, p, n);
    split->n += n;
    return is_long(split) ? LINE_SPLIT_LONG : LINE_SPLIT_MORE;
}

/* Of a line that is left out, nothing is kept. */
static enum line_split_end add_or_skip(struct line_split *split, const char *p, size_t n)
{
    enum line_split_end e = split->in_skipped ? LINE_SPLIT_MORE : add(split, p, n);
    if (e == LINE_SPLIT_MORE || !split->skips)
        return e;
    split->in_skipped = true;
    split->n = 0;
    return LINE_SPLIT_MORE;
}

/* A line has ended: false, it was enough. */
static bool end_line(struct line_split *split, bool (*line)(void *ctx, char *line, size_t n),
                     void *ctx)
{
    bool skipped = split->in_skipped;
    split->in_skipped = false;
    return skipped || give(split, line, ctx);
}

enum line_split_end line_split_feed(struct line_split *split, const char *p, size_t n,
                                    bool (*line)(void *ctx, char *line, size_t n), void *ctx)
{
    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        size_t take = end ? (size_t)(end - p) : n;
        enum line_split_end e = add_or_skip(split, p, take);
        if (e != LINE_SPLIT_MORE || !end)
            return e;
        if (!end_line(split, line, ctx))
            return LINE_SPLIT_ENOUGH;
        p = end + 1;
        n -= take + 1;
    }
    return LINE_SPLIT_MORE;
}
