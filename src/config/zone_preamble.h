/* SPDX-License-Identifier: Apache-2.0
 * What stands before the data of a record in a zone file: TTL, class and type. */
#pragma once

#include "config/zone_reader.h"

#define TYPE_EXPECTED "a type (A, AAAA, CNAME, POOL, ...)"
#define TYPE_POOL 0x10000     /* not a type on the wire */
#define TTL_LIMIT 2147483647u /* RFC 2181 8 */

struct preamble {
    bool has_ttl, has_class;
    uint32_t ttl_s;
    int type; /* or TYPE_POOL */
};

/** Reads it, from `word` on: TTL and class in any order, and each may be missing. False after
 *  reporting. */
bool reader_preamble(struct zone_reader *r, struct word *word, struct preamble *out) ATTR_NONNULL;
