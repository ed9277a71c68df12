/* SPDX-License-Identifier: Apache-2.0
 * What survives a restart, in the state directory:
 *
 *   overrides.json  the operator's orders (orders_file.h); replaced, and on disk, before a change
 * is acknowledged health.json     the last published health per endpoint; replaced now and then,
 * and at the stop
 *
 * A file is replaced in one step, so that a crash leaves the old or the new one, never half of one.
 * What is found instead of a whole overrides.json:
 *  - It cannot be read (rights, a dying disk, no descriptors): its rules still hold, only we do not
 *    know them. No start; the file stays.
 *  - A later version wrote it: likewise.
 *  - It is damaged, or edited: it is never dropped, but renamed to overrides.json.corrupt and
 *    reported on every path there is, and the server starts without the rules, as not answering at
 *    all would be worse.
 * A bad health.json is reported and ignored: probing finds out anew. Links are never followed. */
#pragma once

#include "base/buf.h"
#include "health/orders.h"

#include <jansson.h>

/** Reads PATH as one JSON object; with no rights of ours but to read it. NULL with *code 0: there
 * is no such file; with E_SYSTEM: it cannot be read; with E_SYNTAX: it is no JSON object. */
json_t *store_read_object(const char *path, struct buf *problem,
                          int *code) ATTR_NONNULL ATTR_MUST_USE;
/** A wall clock time in milliseconds, 0..ORDER_TIME_MAX_MS. */
bool store_get_time(int64_t *ms, const json_t *value) __attribute__((nonnull(1))) ATTR_MUST_USE;

/** Health of one endpoint, as saved. */
struct saved_health {
    const char *key; /* endpoint_key() */
    enum health health;
    int64_t since_ms;
};

/** A whole health file. Lives in `arena`. */
struct saved_file {
    int64_t saved_ms;
    const struct saved_health *v;
    uint32_t n;
};

/** Returns 0 (also when there is no such file), E_SYNTAX or E_SYSTEM with `problem`; then *out is
 *  empty. */
int store_load_health(struct saved_file *out, struct arena *arena, const char *path,
                      struct buf *problem) ATTR_NONNULL ATTR_MUST_USE;
/** Renders a health file of what was known at `now_ms`; on any thread. Writing it is the caller's.
 */
void store_render_health(struct buf *out, const struct saved_health *v, uint32_t n, int64_t now_ms)
    __attribute__((nonnull(1)));

/** Whether health saved at `saved_ms` still says something: not older than ten intervals of the
 *  endpoint's slowest check, or five minutes if that is longer; nor from the future, but for a
 *  minute of clock adjustment. */
bool store_is_fresh(int64_t saved_ms, int64_t now_ms, uint32_t interval_ms);
