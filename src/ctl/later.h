/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: pages that grow with the number of endpoints. With 100,000 of them the metrics
 * are 87 MB, and writing the list of endpoints takes 0.7 s, for which no probe result would be
 * taken in. So a thread that gives way writes them, out of a copy of the facts; the control thread
 * is held for 4 to 12 ms by that. One at a time; the others wait. */
#pragma once

#include "ctl/http_route.h"

/** Writes a page. On another thread: nothing but the facts may be looked at, and of these not the
 *  snapshot, nor the texts of probes, rules, AF_XDP's interfaces, health and the last reload.
 * `pool`: the name that was asked for, or "". */
typedef struct http_response later_page_fn(const struct facts *facts, const char *pool);

/** Writes a page of the facts of the moment when it is its turn, and calls `respond` on the loop.
 */
void later_respond(struct ctl *ctl, later_page_fn *page, const char *pool, http_respond_fn *respond,
                   void *arg) ATTR_NONNULL;
