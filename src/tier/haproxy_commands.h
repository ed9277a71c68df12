/* SPDX-License-Identifier: Apache-2.0
 * What is told to HAProxy, and what it says to that. Pure.
 *
 *   wanted        state    weight
 *   READY w       ready    w
 *   READY 0       ready    0
 *   DOWN          ready    0
 *   DRAIN, GONE   drain    as it is
 *   MAINT         maint    as it is
 *
 * A server gets its weight before it is made ready, and its address before it gets clients. */
#pragma once

#include "tier/haproxy_reply.h"
#include "tier/row.h"

/** Weights are HAProxy's own (0..256), or per cent of those in its configuration, as in answers to
 *  agent checks: where both are in use they have to mean the same. */
enum haproxy_scale { HAPROXY_ABSOLUTE, HAPROXY_PERCENT };

/** How a target looks when it is read back. */
struct serving haproxy_shown(struct serving target);

/** What a server is by what was read of it; `target` is what it was told to be (or UNKNOWN), as two
 *  percentages may be the same weight. */
struct serving haproxy_serving(const struct haproxy_server *server, enum haproxy_scale scale,
                               struct serving target) ATTR_NONNULL;

enum haproxy_command_kind {
    HAPROXY_SET, /* weight or state: says nothing */
    HAPROXY_MOVE,
    HAPROXY_ADD,
    HAPROXY_DELETE
};

struct haproxy_command {
    uint32_t at, n; /* of haproxy_commands.text, without the newline */
    uint8_t kind;
};

struct haproxy_commands {
    const char *backend;
    enum haproxy_scale scale;
    struct buf text;
    VEC(struct haproxy_command) v;
};

void haproxy_commands_free(struct haproxy_commands *commands) ATTR_NONNULL;

/* Names are of haproxy_is_name(). */

/** `server`: what was read of it; NULL: nothing that still holds, it is told everything. Its
 * address is set when it is not addr:port. */
void haproxy_tell(struct haproxy_commands *commands, const char *name,
                  const struct haproxy_server *server, const struct ip *addr, uint16_t port,
                  struct serving target) __attribute__((nonnull(1, 2, 4)));
/** A server with the weight that percentages are of, but of weight 0 when it is made ready. */
void haproxy_tell_add(struct haproxy_commands *commands, const char *name, const struct ip *addr,
                      uint16_t port) ATTR_NONNULL;
/** `shuts`: sessions that it still has are ended. */
void haproxy_tell_remove(struct haproxy_commands *commands, const char *name,
                         bool shuts) ATTR_NONNULL;
/** One of others' commands once more. */
void haproxy_tell_again(struct haproxy_commands *commands, const struct haproxy_commands *others,
                        const struct haproxy_command *command) ATTR_NONNULL;

#define HAPROXY_BATCH_MAX 512 /* commands in one connection, so that none lasts long */

/** The request for commands [from, from + n), behind `prompt`, with one more that is always
 *  answered, so that the end of the last answer is seen, and `quit`. */
void haproxy_request(struct buf *out, const struct haproxy_commands *commands, size_t from,
                     size_t n) ATTR_NONNULL;

enum haproxy_verdict {
    HAPROXY_TAKEN,
    HAPROXY_BUSY,     /* a server that is to go still has connections: not yet */
    HAPROXY_VANISHED, /* no such server: HAProxy was reloaded, or somebody removed it */
    HAPROXY_DENIED,
    HAPROXY_REJECTED
};

/** The answers to such a request, as they come. */
struct haproxy_answers {
    const struct haproxy_commands *commands;
    size_t from, n;
    /** A command is HAPROXY_BUSY. NULL: of no interest. */
    void (*busy)(void *ctx, size_t command);
    void *ctx;
    size_t answer;                /* which is being read; 0: that to `prompt` */
    char said[HAPROXY_ERROR_MAX]; /* its first line that is not empty, escaped; "" */
    bool is_done, is_garbage;
    uint32_t n_of[HAPROXY_REJECTED + 1];
    size_t first_bad;              /* command, of the first that was denied or rejected */
    char error[HAPROXY_ERROR_MAX]; /* what was said to it; "": to none */
};

/** Takes a line; returns false once it has all, or when it is none of HAProxy's. */
bool haproxy_answers_line(struct haproxy_answers *answers, const char *line) ATTR_NONNULL;
