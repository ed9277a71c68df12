/* SPDX-License-Identifier: Apache-2.0
 * DNS messages in a stream of bytes, each after its length in two bytes (RFC 1035 4.2.2).
 *
 * Knows no sockets: bytes in, bytes out, so that it can be fuzzed. A stream transport (TCP; TLS
 * the same) splits what has arrived, and appends responses to what it sends. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

#include <stddef.h>

#define FRAMED_MAX (2 + 65535) /* the longest message with its length */

/** Finds the whole messages at the start of in[0..n), `max` at most, in order. Returns how many; a
 *  message may be empty. */
unsigned framing_split(const uint8_t *in, size_t n, struct slice *messages,
                       unsigned max) ATTR_NONNULL ATTR_HOT;

/** How many of the bytes `in` the first `n` of these messages are. */
static inline size_t framing_consumed(const uint8_t *in, const struct slice *messages, unsigned n)
{
    return n == 0 ? 0 : (size_t)(messages[n - 1].p + messages[n - 1].n - in);
}

/** Puts a message (1 to 65535 bytes) with its length to `to`, which has room for 2 + n bytes and
 *  does not overlap it. Returns the place behind. */
uint8_t *framing_put(uint8_t *to, const uint8_t *message, uint32_t n) ATTR_NONNULL ATTR_HOT;
