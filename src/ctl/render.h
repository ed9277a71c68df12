/* SPDX-License-Identifier: Apache-2.0
 * The documents as text for people. Reads the JSON only, as any other client must. */
#pragma once

#include "base/buf.h"
#include "control/table.h"
#include "ctl/request.h"

/** Renders the result of a command. */
void render_result(struct buf *out, enum ctl_command command, const json_t *result,
                   struct screen screen) ATTR_NONNULL;

/** Why an endpoint has only a part of its weight: " ramp 5/16, load 9/16" with `before` in front of
 *  each; "" when it has all. */
void render_shares(char out[48], const json_t *endpoint, const char *before) ATTR_NONNULL;

/** The part of it that is not a table. */
void render_status(struct buf *out, const json_t *status, struct screen screen) ATTR_NONNULL;

/* Tiers */
void render_tiers(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;
/* Prefix sets, and their speakers. */
void render_anycast(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;
void render_healthy(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;
/** How far a drain has come, and where it has ended how that did. */
void render_drain(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;
/** Likewise in a few words, for one line of a terminal. */
void render_drain_step(struct buf *out, const json_t *progress) ATTR_NONNULL;

/** What a reload brought. */
void render_reload(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;

/* Orders */
void render_orders(struct buf *out, const json_t *orders, struct screen screen) ATTR_NONNULL;
/** A table of a list of orders (NULL: none); with all columns for the command of that name. */
void render_order_table(struct buf *out, const json_t *list, bool all, unsigned indent,
                        struct screen screen) __attribute__((nonnull(1)));
/** A list of texts, a line each with something before it. */
void render_lines(struct buf *out, const json_t *list, enum table_style style, struct screen screen,
                  const char *before) __attribute__((nonnull(1, 5)));
/** What `set` or `weight` did. */
void render_action(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;

/** What is known of an address. */
void render_geo(struct buf *out, const json_t *result, struct screen screen) ATTR_NONNULL;

/** Documents of loadstar-l4. */
void render_l4(struct buf *out, enum ctl_command command, const json_t *result,
               struct screen screen) ATTR_NONNULL;

/** What IPVS has (ipvs_list.h): its weights where the document's "shows" is "weights", else its
 *  counters. */
void render_ipvs(struct buf *out, const json_t *document) ATTR_NONNULL;
/* As `ipvsadm -Ln --stats` and `ipvsadm -Ln` print it. */
void render_ipvs_stats(struct buf *out, const json_t *document) ATTR_NONNULL;
void render_ipvs_weights(struct buf *out, const json_t *document) ATTR_NONNULL;
