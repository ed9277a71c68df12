/* SPDX-License-Identifier: Apache-2.0
 * What the tiers of one nginx share. Its test reads the files of all of them, so one at a time
 * writes and tests: who fails is to blame. Its reload is for all, so those whose files passed are
 * told together, once in the interval. An nginx is known by the command that reloads it. On the
 * drive's thread. */
#pragma once

#include "drive/command.h"

/* A test of some thousand certificates takes seconds, one that hangs holds up its own nginx only.
 */
#define NGINX_COMMAND_MS 15000

/** What nginx says of itself, of a reload or a test: an [emerg] tells why, after [warn] and
 * [notice] that do not. */
unsigned nginx_line_rank(const char *line) ATTR_NONNULL ATTR_PURE;

struct nginx_gates;
struct nginx_gates *nginx_gates_new(struct drive *drive) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** When no tier uses one any more. */
void nginx_gates_free(struct nginx_gates *gates);

/** Embedded in a tier; zeroed before nginx_gate_join(). Both functions run on the loop, not before
 *  what asked for them has returned. */
struct nginx_guest {
    struct nginx_gate *gate;
    struct nginx_guest *next;
    uint8_t place; /* where it stands: nginx_gate.c */
    void *ctx;
    void (*turn)(void *ctx); /* it may write and test, until nginx_gate_pass() */
    void (*reloaded)(void *ctx, const struct command_result *result);
    const char *const *argv; /* the reload */
    uint32_t interval_ms;
    struct nginx_guest *next_here; /* of all of the gate */
    bool is_new;       /* its file has never passed: others may miss it; kept by the guest */
    int64_t tested_ms; /* monotonic: when it was tested last; 0: never. Likewise */
};

/** `argv` as long as it is joined. */
void nginx_gate_join(struct nginx_guest *guest, struct nginx_gates *gates, const char *const *argv,
                     uint32_t interval_ms) ATTR_NONNULL;
/** Whatever it waits for does not come any more. */
void nginx_gate_leave(struct nginx_guest *guest) ATTR_NONNULL;

void nginx_gate_enter(struct nginx_guest *guest) ATTR_NONNULL;
void nginx_gate_pass(struct nginx_guest *guest) ATTR_NONNULL;
/** Asks for a reload that begins after now. Not during its turn. */
void nginx_gate_reload(struct nginx_guest *guest) ATTR_NONNULL;
/** Whether another one that is new was not tested since then: an nginx that uses the upstreams of
 * both refuses each without the other. */
bool nginx_gate_lacks(const struct nginx_guest *guest, int64_t since_ms) ATTR_NONNULL ATTR_PURE;
/** When the next reload may be (monotonic). */
int64_t nginx_gate_ready_ms(const struct nginx_guest *guest) ATTR_NONNULL ATTR_PURE;
