/* SPDX-License-Identifier: Apache-2.0
 * Text from outside, made fit for a terminal, a log line or a page.
 *
 * Files, back ends, peers and operators send bytes that would drive a terminal (C0 and C1 controls,
 * raw or as UTF-8), forge a line (newline, U+2028), turn its order round (bidirectional marks) or
 * hide in it (zero width, blanks that are no blank). All of them become visible, C-style: `\n`,
 * `\x1b`, `\u202e`, `\U000e0001`; a byte that is not part of UTF-8 becomes `\x9b`. A backslash
 * stays one, so escaping twice changes nothing; the result is for eyes, not for reading back. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

#define ESCAPE_MAX 10 /* bytes that one character may become: `\U0010ffff` */

/** Reads the character at `p` < `end` (RFC 3629 4). Returns its length in bytes, 1 to 4, and sets
 *  *code; 0 when the bytes are no UTF-8. */
unsigned utf8_read(const uint8_t *p, const uint8_t *end, uint32_t *code) ATTR_NONNULL ATTR_MUST_USE;

/** Columns that the character takes on a terminal: 0 (it combines with the one before), 1, or 2. */
unsigned utf8_width(uint32_t code);

/** Whether the character must not be shown as it is. */
bool escape_is_needed(uint32_t code);

/** The text escaped, cut after the last whole character or escape that fits into `size` > 0 bytes
 *  with the NUL. Returns the length of what was written. */
size_t escape_text(char *out, size_t size, struct slice text) ATTR_NONNULL;

/** Adds the text escaped. */
void escape_add(struct buf *out, struct slice text) ATTR_NONNULL;

/** The text itself when there is nothing to escape, else an escaped copy in `arena`. */
const char *escape_in(struct arena *arena, const char *text) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Adds a JSON text (valid, as a serialiser made it) with what must not be shown as it is in JSON's
 *  own escapes (`\u202e`, surrogates above U+FFFF): the same document, in fewer characters. Line
 *  breaks and tabs between its tokens stay. */
void escape_json(struct buf *out, struct slice json) ATTR_NONNULL;
