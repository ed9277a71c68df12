/* SPDX-License-Identifier: Apache-2.0
 * A guard before libmaxminddb: walks the control bytes of a record, or of the metadata, before the
 * library may. The library passes over nested containers by recursion without a bound, and reads a
 * byte or two past a section that is cut off; what the guard lets through has neither.
 *
 * It accepts less than the library does: nothing that it accepts makes the library fail. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

/* MaxMind's records have a depth of 4 and some 300 items at most, pointers followed. */
#define MMDB_DEPTH_MAX 32
#define MMDB_ITEMS_MAX 4096

/** Walks the map at `offset`, everything below it, and what its pointers lead to. Takes the number
 *  of items met from *items_left, which bounds a whole file. Returns NULL, or what is wrong. */
const char *mmdb_guard(struct slice section, uint32_t offset,
                       uint64_t *items_left) ATTR_NONNULL ATTR_MUST_USE;
