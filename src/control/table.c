/* SPDX-License-Identifier: Apache-2.0
 * Tables for terminals. */
#include "control/table.h"

#include "base/escape.h"
#include "base/vec.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

struct cell {
    char *text;
    enum table_style style;
};

struct table {
    struct {
        char *title;
        bool right;
        size_t width;
    } columns[TABLE_COLUMNS_MAX];
    unsigned n_columns;
    VEC(struct cell) cells;
};

/** The length of escaped text that fits into `max` columns; *width is how many it takes. */
static size_t text_fit(const char *text, size_t max, size_t *width)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    *width = 0;
    while (p < end) {
        uint32_t code = 0;
        unsigned n = utf8_read(p, end, &code), columns = n ? utf8_width(code) : 1;
        if (*width + columns > max)
            break;
        *width += columns;
        p += n ? n : 1;
    }
    return (size_t)(p - (const uint8_t *)text);
}

/** Columns that escaped text takes. */
static size_t text_width(const char *text)
{
    size_t width;
    (void)text_fit(text, SIZE_MAX, &width);
    return width;
}

/** Cuts a text in place where it is wider than its column. */
static void cut(char **text, size_t max)
{
    size_t width;
    if (text_width(*text) <= max)
        return;
    size_t n = text_fit(*text, max - 1, &width);
    *text = xrealloc(*text, n + sizeof ELLIPSIS);
    strcpy(*text + n, ELLIPSIS);
}

static char *escaped(const char *text)
{
    struct buf buf = {0};
    escape_add(&buf, slice_str(text));
    return buf.p;
}

struct table *table_new(const char *titles)
{
    struct table *table = xcalloc(1, sizeof *table);
    char *copy = xstrdup(titles), *save = NULL;
    for (char *t = strtok_r(copy, " ", &save); t; t = strtok_r(NULL, " ", &save)) {
        size_t n = strlen(t);
        bool right = t[n - 1] == '>';
        t[n - right] = '\0';
        table->columns[table->n_columns].title = xstrdup(t);
        table->columns[table->n_columns].right = right;
        table->columns[table->n_columns++].width = n - right;
    }
    free(copy);
    return table;
}

void table_cell(struct table *table, enum table_style style, const char *fmt, ...)
{
    struct buf raw = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&raw, fmt, args);
    va_end(args);
    char *text = escaped(raw.p);
    buf_free(&raw);
    size_t column = table->cells.n % table->n_columns, width = text_width(text);
    if (width > table->columns[column].width)
        table->columns[column].width = width;
    *vec_push(&table->cells) = (struct cell){text, style};
}

static const char *style_code(enum table_style style)
{
    static const char *const codes[] = {"",         "\033[32m", "\033[31m",
                                        "\033[33m", "\033[2m",  "\033[1m"};
    return codes[style];
}

static void add_styled(struct buf *out, enum table_style style, struct screen screen,
                       const char *text)
{
    if (!screen.color || style == STYLE_NONE || !*text)
        buf_puts(out, text);
    else
        buf_printf(out, "%s%s\033[0m", style_code(style), text);
}

void table_styled(struct buf *out, enum table_style style, struct screen screen, const char *text)
{
    char *copy = escaped(text);
    add_styled(out, style, screen, copy);
    free(copy);
}

static void put_cell(const struct table *table, struct buf *out, unsigned column,
                     enum table_style style, struct screen screen, const char *text)
{
    bool last = column + 1 == table->n_columns;
    size_t width = text_width(text), all = table->columns[column].width;
    size_t pad = width < all ? all - width : 0; /* a title may be wider than a narrow column */
    if (table->columns[column].right)
        buf_printf(out, "%*s", (int)pad, "");
    add_styled(out, style, screen, text);
    if (!table->columns[column].right && !last)
        buf_printf(out, "%*s", (int)pad, "");
    buf_puts(out, last ? "\n" : "  ");
}

/** The widest column but the first that may be narrower; 0: none. */
static unsigned widest(const struct table *table)
{
    unsigned found = 0;
    for (unsigned c = 1; c < table->n_columns; c++)
        if (table->columns[c].width > TABLE_COLUMN_MIN &&
            (!found || table->columns[c].width >= table->columns[found].width))
            found = c;
    return found;
}

static void narrow(struct table *table, size_t max)
{
    size_t all = 2 * (table->n_columns - 1);
    unsigned c;
    for (c = 0; c < table->n_columns; c++)
        all += table->columns[c].width;
    for (; all > max && (c = widest(table)) != 0; all--)
        table->columns[c].width--;
    for (size_t i = 0; i < table->cells.n; i++)
        cut(&table->cells.v[i].text, table->columns[i % table->n_columns].width);
}

void table_finish(struct table *table, struct buf *out, unsigned indent, struct screen screen)
{
    if (screen.width > indent)
        narrow(table, screen.width - indent);
    for (unsigned c = 0; table->cells.n && c < table->n_columns; c++) {
        if (c == 0)
            buf_printf(out, "%*s", (int)indent, "");
        put_cell(table, out, c, STYLE_TITLE, screen, table->columns[c].title);
    }
    for (size_t i = 0; i < table->cells.n; i++) {
        unsigned column = (unsigned)(i % table->n_columns);
        if (column == 0)
            buf_printf(out, "%*s", (int)indent, "");
        put_cell(table, out, column, table->cells.v[i].style, screen, table->cells.v[i].text);
        free(table->cells.v[i].text);
    }
    for (unsigned c = 0; c < table->n_columns; c++)
        free(table->columns[c].title);
    vec_free(&table->cells);
    free(table);
}
