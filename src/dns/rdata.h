/* SPDX-License-Identifier: Apache-2.0
 * Rdata of every type that has a name: one table of fields (rdata_table.c) says what it is made of,
 * and one set of field kinds (rdata_kind.h) reads each from text, checks it, and prints it.
 *
 * All rdata passes rdata_check() when it is loaded, whatever text it came from. What has passed
 * holds complete names without pointers at the places that the table says, numbers within their
 * ranges, and nothing behind its last field: lint, rendering and answers rely on it. Types without
 * a name are opaque (RFC 3597 3). Cold: at load, and where rdata is shown. */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"
#include "dns/scan.h"

#define RDATA_MAX 65535u
#define RDATA_SLACK \
    1280u /* room behind the end that a name may be written to before it is measured */
#define RDATA_SHORT 768u
#define RDATA_FIELDS_MAX 9

/** One type: its mnemonic and its fields, in the order of both text and wire. */
struct rdata_form {
    char name[12];     /* "": not known by name */
    uint8_t name_at;   /* offset of the first name that stands at a fixed place */
    uint8_t n_names;   /* names from there on, one behind the other */
    bool compressible; /* the names: RFC 1035 types alone, RFC 3597 4 */
    bool ignores_case; /* of names when rdata is compared: RFC 4034 6.2, 6840 5.1 */
    bool is_short;     /* at most RDATA_SHORT bytes */
    uint8_t fields[RDATA_FIELDS_MAX + 1]; /* enum rdata_kind_id; ends at 0 */
};

/** The form of a type, or NULL: not known by name. */
const struct rdata_form *rdata_form(uint16_t type);

/** The type of a mnemonic in any case, or -1. `TYPEN` is for rr_type_from_text(). */
int rdata_type_of_name(const char *name, size_t n) ATTR_NONNULL;

/** Whether its text begins with a character-string, which may be in quotes. */
bool rdata_begins_with_string(uint16_t type);

/** What is wrong, and what was expected. */
struct rdata_error {
    const uint8_t *at; /* in the text or in the rdata */
    char text[240];
};

/** Whether rdata is valid for its type: 0, or E_SYNTAX with *error filled. Any rdata of a type
 *  without a name is valid; no rdata of types that exist in messages only is. */
int rdata_check(uint16_t type, struct slice rdata,
                struct rdata_error *error) ATTR_NONNULL ATTR_MUST_USE;

/** Reads the data of one record, to the end of the entry, from `scan`: its text by RFC 1035 5.1 and
 *  the type's own RFC, or the form of RFC 3597 5. Names that do not end in a dot are below `origin`
 *  (empty: they are refused). `out` has room for `room` and RDATA_SLACK bytes more. Returns the
 *  length, or E_SYNTAX with *error filled; what is returned has passed rdata_check(). */
int rdata_read(uint8_t *out, size_t room, struct scan *scan, uint16_t type, struct slice origin,
               struct rdata_error *error) ATTR_NONNULL ATTR_MUST_USE;

/** Adds the text of rdata, which rdata_read() reads as the same rdata whatever the origin. What is
 *  not valid, and what has no text of its own, is written by RFC 3597 5. */
void rdata_print(struct buf *out, uint16_t type, struct slice rdata) ATTR_NONNULL;

/** The order of valid rdata of a type, by length and then by bytes: <0, 0, >0. Records are the same
 *  (0) when their names differ in case alone, in the types whose names RFC 4034 6.2 folds. */
int rdata_compare(uint16_t type, struct slice a, struct slice b);

/** Seconds as a number or with units (1h30m), at most 2^32-1. */
bool rdata_seconds(struct slice text, uint32_t *out) ATTR_NONNULL;
