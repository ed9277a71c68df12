/* SPDX-License-Identifier: Apache-2.0
 * What the control protocol itself says in a line, around the command and its arguments, which it
 * does not know: `v`, `id` and `progress` of a request, and the lines that answer it. Untrusted
 * bytes: fuzzed. */
#pragma once

#include "control/reply.h"

#include <loadstar/control.h>

#include <stdbool.h>

#define PROTOCOL_ERROR_MAX 256
#define PROTOCOL_WEIGHT_MAX (1u << 20) /* about 32 MiB; a set of 65,536 members is 852,000 */

/** One request. What it holds is freed by protocol_free(). */
struct protocol_request {
    json_t *object; /* without the protocol's own members; NULL: it was refused */
    char *id;       /* as JSON in one line, to be echoed; NULL: none */
    bool wants_progress;
};

/** Reads a line. Returns 0; or E_SYNTAX, E_INVALID or E_RANGE with what is wrong, and what was
 *  expected, in `error`: then `id` is still set where there is one that will do. */
int protocol_read(struct protocol_request *request, const char *line, size_t n,
                  char error[PROTOCOL_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;
void protocol_free(struct protocol_request *request) ATTR_NONNULL;

/** The line that answers, with its line feed; of a reply with a page: what stands before the page's
 *  bytes, which protocol_end() follows. `id` may be NULL. malloc()ed, *n bytes. */
char *protocol_reply(const char *id, const struct control_reply *reply, size_t *n)
    __attribute__((nonnull(2, 3))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** What follows the document of a page. */
const char *protocol_end(void) ATTR_RETURNS_NONNULL;

/** A line of progress: {"id": ..., "progress": ...}. `id` may be NULL. malloc()ed, *n bytes. */
char *protocol_progress(const char *id, const json_t *progress, size_t *n)
    __attribute__((nonnull(2, 3))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** A line that nobody asked for. malloc()ed, *n bytes. */
char *protocol_event(const json_t *event,
                     size_t *n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
