/* SPDX-License-Identifier: Apache-2.0
 * Tables for terminals: columns as wide as their widest cell, two blanks between them. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

#define TABLE_COLUMNS_MAX 12

enum table_style { STYLE_NONE, STYLE_GOOD, STYLE_BAD, STYLE_CARE, STYLE_FAINT, STYLE_TITLE };

struct table;

/** What is written to: no terminal where all is zero. */
struct screen {
    bool color;
    unsigned width; /* columns; 0: no bound */
};

/** A table with one column for each of the blank-separated titles; a title that ends in '>' makes
 *  its column flush right. */
struct table *table_new(const char *titles) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Adds the next cell; rows fill up from the left. What must not reach a terminal is escaped
 *  (base/escape.h). */
void table_cell(struct table *table, enum table_style style, const char *fmt, ...) ATTR_NONNULL
    ATTR_PRINTF(3, 4);

/** Renders, `indent` blanks before each line, and frees the table. Without rows: nothing. Where it
 *  is wider than the screen, its widest columns are cut, each cell with an ellipsis: none to less
 *  than TABLE_COLUMN_MIN columns, and the first not at all, as it has what one types. */
void table_finish(struct table *table, struct buf *out, unsigned indent,
                  struct screen screen) ATTR_NONNULL;
#define TABLE_COLUMN_MIN 12

/** Adds text in a style, cleaned as cells are. */
void table_styled(struct buf *out, enum table_style style, struct screen screen,
                  const char *text) ATTR_NONNULL;
