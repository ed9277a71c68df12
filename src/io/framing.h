/* SPDX-License-Identifier: Apache-2.0
 * DNS messages in a stream of bytes, each after its length in two bytes (RFC 1035 4.2.2).
 *
 * Knows no sockets: bytes in, bytes out, so that it can be fuzzed. A stream transport (TCP; TLS
 * the same) gives it what has arrived and sends what it made. */
#pragma once

#include "base/slice.h"

#include <stddef.h>

#define FRAME_MAX (2 + 65535) /* the longest message with its length */

/** Answers one message into `response` (65535 bytes). Returns the length, 0: cannot be answered. */
typedef uint32_t framing_answer_fn(void *ctx, struct slice query, uint8_t *response);

struct framing_result {
    size_t consumed;   /* bytes of input that were whole messages */
    size_t produced;   /* bytes of framed responses */
    uint32_t messages; /* answered */
    bool bad;          /* a message without an answer: the peer does not speak DNS, or is lost */
    bool full;         /* stopped for want of room, with a whole message left */
};

/** Answers the whole messages at the start of in[0..n), in order, while `out` has room for the
 *  longest response. */
struct framing_result framing_answer(const uint8_t *in, size_t n, uint8_t *out, size_t out_size,
                                     framing_answer_fn *answer, void *ctx);
