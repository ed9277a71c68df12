/* SPDX-License-Identifier: Apache-2.0
 * Files that keepalived tracks. */
#include "tier/keepalived_file.h"

#include "base/digits.h"

#define VALUE_MAX 254 /* of a weight of keepalived's, either way */

static bool read_value(struct slice line, int32_t *value)
{
    uint64_t size;
    bool is_negative = line.n > 0 && line.p[0] == '-';
    if (is_negative)
        line = slice_of(line.p + 1, line.n - 1);
    if (!decimal_parse(line, VALUE_MAX, &size))
        return false;
    *value = is_negative ? -(int32_t)size : (int32_t)size;
    return true;
}

static bool is_blank(struct slice text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        if (!text.p[i] || !strchr(" \t\r\n", text.p[i]))
            return false;
    }
    return true;
}

void track_file_read(struct track_file *file, struct slice text, const char *node)
{
    memset(file, 0, sizeof *file);
    file->empty = is_blank(text);
    const uint8_t *end = file->empty ? NULL : memchr(text.p, '\n', text.n);
    if (!end)
        return;
    struct slice value = slice_of(text.p, (size_t)(end - text.p) + 1);
    struct slice mark = slice_of(end + 1, text.n - value.n);
    /* What comes behind the mark is an edit: it becomes part of the line. */
    if (mark.n > 0 && mark.p[mark.n - 1] == '\n')
        mark.n--;
    file->owner = mark_read(mark, value, node, file->node);
    value.n--;
    if (file->owner == MARK_OURS && !read_value(value, &file->value))
        file->owner = MARK_EDITED;
}

void track_file_write(struct buf *out, int32_t value, const char *node, const char *tier)
{
    size_t from = out->n;
    buf_printf(out, "%d\n", value);
    struct buf rest = {0};
    buf_add(&rest, out->p + from, out->n - from);
    mark_add(out, node, tier, slice_of(rest.p, rest.n));
    buf_free(&rest);
}
