/* SPDX-License-Identifier: Apache-2.0
 * One database as a trie of interned facts. */
#pragma once

#include "geo/facts.h"

/** Reads a database whole. Returns the trie (owned by the caller), whose values index `interner`;
 * or NULL with the reason in diags. */
struct trie *database_read(const char *path, uint32_t from, struct interner *interner,
                           struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** The same from memory. */
struct trie *database_read_memory(struct slice file, const char *name, uint32_t from,
                                  struct interner *interner,
                                  struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
