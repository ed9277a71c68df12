/* SPDX-License-Identifier: Apache-2.0
 * Inside src/tier: what the documents that tiers get as JSON share. */
#pragma once

#include "base/buf.h"
#include "tier/row.h"

#include <jansson.h>

/** A JSON string; of bytes that are no UTF-8 it is the escaped text. */
json_t *tier_json_text(const char *text) ATTR_NONNULL ATTR_MUST_USE;

/** Adds the document as one line, and frees it. */
void tier_json_print(struct buf *out, json_t *document) ATTR_NONNULL;

/** The text of a member; "" when there is none. */
const char *tier_json_get(const json_t *object, const char *key) __attribute__((nonnull(2)));

/** Reads an address and a port into a member of which nothing else is known. */
bool tier_json_address(struct observed *out, const char *address, const json_t *port)
    __attribute__((nonnull(1, 2)));

/** The version after `last`: the time, as long as that rises; so it does across restarts, even when
 *  the last one is not known any more. */
uint64_t tier_next_version(uint64_t last, int64_t wall_ms);
