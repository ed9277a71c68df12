/* SPDX-License-Identifier: Apache-2.0
 * Rdata as text, for messages of tests and to be read back. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "dns/rdata.h"

/** What rdata_print() writes, in `arena`. */
static inline const char *rdata_text(struct arena *arena, uint16_t type, struct slice rdata)
{
    struct buf text = {0};
    rdata_print(&text, type, rdata);
    const char *copy = arena_strndup(arena, text.n ? text.p : "", text.n);
    buf_free(&text);
    return copy;
}
