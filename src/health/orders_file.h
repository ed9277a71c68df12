/* SPDX-License-Identifier: Apache-2.0
 * The file of orders, as JSON with a checksum over everything (store.h says what becomes of one
 * that cannot be understood). Format 4 has orders on prefix sets; without any, what is written is
 * of format 3, for versions that know none. It has orders with what ended of late, the node's name
 * and count, and the names of sites; formats 1 and 2 had a list of rules, of which a later one was
 * the newer, and are read. */
#pragma once

#include "base/buf.h"
#include "health/orders.h"

#include <jansson.h>

/** Reads PATH into a list without orders. Those of formats 1 and 2 get the list's `node`, even if
 *  that is not known yet. Returns 0 (also when there is no
 * such file); E_SYSTEM when it cannot be read, E_INVALID when it is of a later format, E_SYNTAX
 * when it is damaged; then `problem` says what is wrong, beginning with the path, and the list has
 * no orders. */
int orders_load(struct orders *orders, const char *path,
                struct buf *problem) ATTR_NONNULL ATTR_MUST_USE;
/** Writes all but the volatile ones, durably, on any thread. Returns 0 or E_SYSTEM (errno). */
int orders_save(const struct orders *orders, const char *path) ATTR_NONNULL ATTR_MUST_USE;

/* For the module's own files. */
/** Reads what an object says of an order, but for its place in time. Returns what is wrong with it,
 *  or NULL. */
const char *order_read_words(struct order *order, const json_t *object) ATTR_NONNULL;
