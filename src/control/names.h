/* SPDX-License-Identifier: Apache-2.0
 * Names of users, for a loop that must not wait for them: a directory service that hangs holds one
 * thread, which nothing waits for, and no loop.
 *
 * Names are kept for NAMES_KEPT_MS; an older one serves while it is looked up anew. One look-up
 * runs at a time, on a thread of its own: one that hangs would keep a thread of libuv's pool from
 * its work, and the program from ending. */
#pragma once

#include "base/attr.h"

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#define NAMES_WAIT_MS 500 /* after so long it goes without a name */
#define NAMES_KEPT_MS 300000
#define NAMES_KEPT_MAX 64 /* users; the one that was asked for longest ago gives way */

struct names;

/** Finds the name of a user: fills `name`, of `size` bytes, with the name or "". May block. */
typedef void names_lookup_fn(uid_t uid, char *name, size_t size);

/** `lookup`: NULL for getpwuid_r(). */
struct names *names_new(uv_loop_t *loop, names_lookup_fn *lookup)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** `name` holds during the call; NULL: none is known. */
typedef void names_found_fn(void *arg, const char *name);

/** Calls `found` once: before returning where the name is known, else on the loop, NAMES_WAIT_MS
 *  later at most. */
void names_find(struct names *names, uid_t uid, names_found_fn *found, void *arg)
    __attribute__((nonnull(1, 3)));

/** Tells all who wait that none is known, and frees it when its handles are closed; `done` runs on
 *  the loop. A look-up that hangs is left behind. */
void names_close(struct names *names, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1, 2)));
