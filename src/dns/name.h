/* SPDX-License-Identifier: Apache-2.0
 * Domain names in uncompressed wire format (RFC 1035 3.1): length-prefixed labels, the root last.
 * A name as a `struct slice` is complete and valid: 1..255 bytes, labels of 0..63, no pointers. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

#include <stddef.h>

#define NAME_WIRE_MAX 255   /* bytes of a name, RFC 1035 2.3.4 */
#define NAME_LABELS_MAX 127 /* labels, the root not counted */
#define LABEL_MAX 63
#define NAME_TEXT_MAX 1024 /* the longest presentation form (all escapes), with NUL */
#define NAME_WORD_MAX 1024 /* bytes of a word that is not read further */
#define NAME_WORD_ROOM (NAME_WORD_MAX + NAME_WIRE_MAX)

struct word;

/** Parses presentation format (RFC 1035 5.1, escapes \X and \DDD). A name that does not end in a
 * dot is relative to `origin`; "@" is the origin. Case is kept. Returns the length written to
 * out[], or E_SYNTAX, or E_RANGE when a label or the name is too long. With an empty origin only
 * absolute names are valid. */
int name_from_text(uint8_t out[NAME_WIRE_MAX], const char *text, size_t n,
                   struct slice origin) ATTR_NONNULL ATTR_MUST_USE;

/** As name_from_text(), of a word of a master file, in lower case if `lower` (then `origin` is,
 * too). A quoted "@" is a label. `out` has room for NAME_WORD_ROOM bytes. On failure *why says what
 * is wrong with it ("an empty label"). */
int name_from_word(uint8_t *out, const struct word *word, struct slice origin, bool lower,
                   const char **why) ATTR_NONNULL ATTR_MUST_USE;

/** Presentation format with a final dot; special bytes escaped. Returns out. */
const char *name_to_text(char out[NAME_TEXT_MAX], struct slice name) ATTR_NONNULL;

/** Copies in lower case (ASCII only, RFC 4343). `out` may be the name itself. */
void name_lower(uint8_t *out, struct slice name) ATTR_NONNULL;

/** Length of the valid uncompressed name at the start of `bytes`, or E_SYNTAX. */
int name_check(struct slice bytes) ATTR_MUST_USE;

/** Number of labels, the root not counted. */
unsigned name_labels(struct slice name);

/** The name without its first label; the root has none. */
struct slice name_parent(struct slice name);

/** Whether `name` is `ancestor` or below it; both lower case. */
bool name_is_within(struct slice name, struct slice ancestor);

static inline bool name_is_wildcard(struct slice name)
{
    return name.n > 2 && name.p[0] == 1 && name.p[1] == '*';
}
