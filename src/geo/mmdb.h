/* SPDX-License-Identifier: Apache-2.0
 * Geo databases in the MaxMind DB format, read by libmaxminddb: a binary search tree over addresses
 * whose leaves point to records in a data section.
 *
 *     file      | search tree | 16 zero bytes | data section | marker | metadata |
 *
 * Nothing in a file is trusted. The library maps a sealed copy in memory, so that a file that is
 * overwritten meanwhile is at worst a broken one, never a SIGBUS; it sees metadata and records only
 * after mmdb_guard() has. The walk of the tree is bounded in depth and number of nodes. */
#pragma once

#include "base/diag.h"
#include "base/ip.h"

#include <maxminddb.h>

struct mmdb {
    MMDB_s db;             /* maps the copy until mmdb_close() */
    struct slice data;     /* the data section; the library's own goes on to the end of the file */
    enum ip_family family; /* IP_V6 trees have IPv4 below ::/96 */
    uint64_t items_left;   /* that the guard may still meet, in all records together */
    char wrong[192];       /* after a function failed: what is broken */
};

#define MMDB_PATH_MAX 3

/** Keys that lead to a scalar, outermost first; an index of an array is written as "0". */
struct mmdb_path {
    const char *key[MMDB_PATH_MAX + 1]; /* NULL past the last */
};

struct mmdb_scalar {
    bool is_text;
    struct slice text;
    double number; /* integers of up to 64 bits, booleans, float and double */
};

typedef void mmdb_scalar_fn(void *ctx, unsigned path, const struct mmdb_scalar *value);
typedef void mmdb_key_fn(void *ctx, struct slice key);
/** `offset` is that of the record in the data section. Returns 0 to go on. */
typedef int mmdb_leaf_fn(void *ctx, const struct ip_prefix *prefix, uint32_t offset);

/** Opens a file. Returns 0, or E_SYSTEM, E_RANGE, E_SYNTAX with the reason in diags; mmdb_close()
 *  is due after success only. */
int mmdb_open(struct mmdb *mmdb, const char *path, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** The same from memory, which is copied; `name` is for messages. */
int mmdb_open_memory(struct mmdb *mmdb, struct slice file, const char *name,
                     struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

void mmdb_close(struct mmdb *mmdb) ATTR_NONNULL;

/** Visits every leaf that has a record, in address order. IPv4 clients are visited as IPv4 prefixes
 *  whatever the tree; the copies of the IPv4 tree that IPv6 trees have at the windows of trie.h are
 *  passed over. Returns 0; what `visit` returned; or E_SYNTAX when the tree is broken. */
int mmdb_walk(struct mmdb *mmdb, mmdb_leaf_fn *visit, void *ctx) ATTR_NONNULL ATTR_MUST_USE;

/** Calls `found` for every scalar of the record at `offset` that one of `n` paths leads to. Returns
 *  0, or E_SYNTAX when the record is broken; then some may have been found. */
int mmdb_read(struct mmdb *mmdb, uint32_t offset, const struct mmdb_path *paths, unsigned n,
              mmdb_scalar_fn *found, void *ctx) ATTR_NONNULL ATTR_MUST_USE;

/** The scalar in libmaxminddb's `data`; false when it is none. */
bool mmdb_to_scalar(struct mmdb_scalar *out, const MMDB_entry_data_s *data) ATTR_NONNULL;

/** Calls `visit` for every key of a record that mmdb_read() has read. */
void mmdb_keys(struct mmdb *mmdb, uint32_t offset, mmdb_key_fn *visit, void *ctx) ATTR_NONNULL;
