/* SPDX-License-Identifier: Apache-2.0
 * The moment between two processes: workers look at no listener any more, and say which flows of
 * datagrams they have. What comes meanwhile waits in the sockets. */
#pragma once

#include "l4/forwarder.h"

/** Begins it; heir_go() when all workers have. false: the last one, which was taken back, is not
 *  over yet. */
bool passing_begin(struct forwarder *f) ATTR_NONNULL ATTR_MUST_USE;
/** Takes it back: workers go on as before. */
void passing_take_back(struct forwarder *f) ATTR_NONNULL;
/** What worker number `nth` has said. */
const struct udp_handed *passing_flows(const struct passing *passing, uint32_t nth,
                                       uint32_t *n) ATTR_NONNULL;
/** NULL is allowed. No worker is left. */
void passing_free(struct passing *passing);
