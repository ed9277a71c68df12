/* SPDX-License-Identifier: Apache-2.0
 * The whole decision behind one answer, step by step, from the code that answers
 * (answer_explain()) and the functions that compiled what it read. */
#pragma once

#include "base/buf.h"
#include "control/table.h"
#include "ctl/explain_ask.h"
#include "out/facts.h"

#include <jansson.h>

/** The document; NULL with what is wrong in `error`.
 *
 *   name type client     client: the client subnet or the address that decided
 *   source               "ecs", "client" (given in the question), "resolver"; source_reason when a
 *                        client subnet was sent and did not decide
 *   location{...}        of it: as `geo` tells, null where nothing is known
 *   rcode zone wildcard delegation reason     what the answer is and why, in words
 *   pool class rule pick the pool that answered, and what its steering made of the client
 *   sites[{site rank up reason distance_km}]  best first; rank null: not for this client
 *   site                 that serves
 *   endpoints[{site address name state weight reason candidate picked share}]  of all sites
 *   fallback_from[{pool class rule sites}]    the pools that were all down before
 *   answers[]            rdata of the answer section; records[], authority[] have the whole RRs
 *   ttl ttl_reason ecs_scope response_bytes   ecs_scope: what a client subnet would be told
 *
 * Static names have null for pool, class and site, and no sites and endpoints. */
json_t *explain_document(const struct facts *facts, const struct explain_question *question,
                         char error[EXPLAIN_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Renders such a document, or one of a prefix set (explain_set.h), for people. */
void explain_text(struct buf *out, const json_t *document, struct screen screen) ATTR_NONNULL;
