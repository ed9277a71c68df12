/* SPDX-License-Identifier: Apache-2.0
 * Tables of HAProxy: a header that names its columns, and rows. Columns are found by name, as each
 * version adds some, and not always at the end. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"

#include <stdint.h>

#define HAPROXY_COLUMNS_MAX 256 /* of a table; 2.6 has 124 in `show stat` */
#define HAPROXY_WANTED_MAX 16

struct haproxy_columns {
    char separator; /* ',' : fields may be quoted (RFC 4180); ' ' : they are not */
    uint16_t n;     /* columns of the header */
    uint8_t n_wanted, n_needed;
    int8_t wanted_at[HAPROXY_COLUMNS_MAX]; /* of each column: which of the wanted it is; -1: none */
    const char *value[HAPROXY_WANTED_MAX]; /* of a row, NULL: it has no such column */
};

/** Reads a header, without its "# ", for the columns `wanted`, of which the first n_needed have to
 *  be there. Returns the name of one that is missing, "" when the header is no such thing; NULL: it
 *  is good. */
const char *haproxy_columns_read(struct haproxy_columns *columns, char separator, char *header,
                                 const char *const *wanted, unsigned n_wanted,
                                 unsigned n_needed) ATTR_NONNULL ATTR_MUST_USE;

/** Splits a row in place into columns->value, each borrowed from it. Returns 0, or E_SYNTAX: one of
 *  the needed fields is missing, there are more than the header has, or a quote does not end. */
int haproxy_columns_row(struct haproxy_columns *columns, char *row) ATTR_NONNULL ATTR_MUST_USE;
