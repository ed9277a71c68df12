/* SPDX-License-Identifier: Apache-2.0
 * The documents as text for people. Reads the JSON only, as any other client must. */
#pragma once

#include "base/buf.h"
#include "control/table.h"
#include "ctl/request.h"

/** Renders the result of a command. */
void render_result(struct buf *out, enum ctl_command command, const json_t *result,
                   struct screen screen) ATTR_NONNULL;

/** The part of it that is not a table. */
void render_status(struct buf *out, const json_t *status, struct screen screen) ATTR_NONNULL;

/* Orders */
void render_orders(struct buf *out, const json_t *orders, struct screen screen) ATTR_NONNULL;
/** A table of a list of orders (NULL: none); with all columns for the command of that name. */
void render_order_table(struct buf *out, const json_t *list, bool all, unsigned indent,
                        struct screen screen) __attribute__((nonnull(1)));
/** What `set` or `weight` did. */
void render_action(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;
