/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: why a prefix set is announced, or not. */
#pragma once

#include "control/table.h"
#include "ctl/request.h"
#include "out/facts.h"

/** Whether what is to be explained is a prefix set and no domain name: anycast:NAME, or a prefix or
 *  an address. An IPv4 address that no set has is a name all the same. */
bool explain_is_of_set(const struct facts *facts, const char *name) ATTR_NONNULL;

/** The document {asked set{..} speaker{..} orders[{id target state forced by reason since until
 *  left_s decides why}]}: `set` and `speaker` as `anycast` has them, all orders that are about the
 *  set, the newest first. NULL with *code and the reason in `error`. */
json_t *explain_set_document(const struct facts *facts, const char *name, int *code,
                             char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Renders such a document for people. */
void explain_set_text(struct buf *out, const json_t *document, struct screen screen) ATTR_NONNULL;
