/* SPDX-License-Identifier: Apache-2.0
 * Replacement, as the old process sees it: it starts the program on disk, gives it what it has, and
 * leaves forwarding to it once that one could begin.
 *
 *     old                                        new
 *     starts it; "state", "sockets" ..  ->       loads, takes sockets, starts workers and checks
 *     "update" with each change         ->       goes by it
 *                                       <-       "ready": it has control socket, metrics, members
 *     workers take nothing new, and say          what comes now waits in the sockets
 *     which flows of datagrams they have
 *     tells the service manager, "go",  ->       forwards: what waits is in the same sockets, flows
 *     with flows and clients' counts             that it is told of go on with their members
 *     drains
 *     "update": what is open, whose     ->       limits, `status`, sessions that are told
 *     goes by them                      <-       "members" with each change; "end": at once
 *
 * Its parent is the service manager then, see nurse.h.
 * Until "go" nothing has changed: a new process that ends, says "failed", or is not ready in
 * HEIR_PATIENCE_MS is killed, and the old one goes on. */
#pragma once

#include "control/call.h"
#include "l4/forwarder.h"

#define HEIR_PATIENCE_MS 10000
#define HEIR_VARIABLE "LOADSTAR_L4_LINK" /* the environment: number of the link's descriptor */

/** The program's path as it can be started anew when the file there is another one: to be freed. */
char *heir_find_program(const char *argv0) ATTR_NONNULL ATTR_MUST_USE;

/** Starts the replacement, and answers `call` when it has ended in one way or the other. */
void heir_start(struct forwarder *f, struct control_call *call) ATTR_NONNULL;
/** Whether orders, reloads and the like have to wait for its end. */
bool heir_is_coming(const struct forwarder *f) ATTR_NONNULL;
/** Whether it forwarded, and has ended without a word: nobody does. */
bool heir_has_crashed(const struct forwarder *f) ATTR_NONNULL ATTR_PURE;
/** One that is not ready is ended: we are to stop. */
void heir_give_up(struct forwarder *f) ATTR_NONNULL;

/** Workers look at no listener any more: the replacement is to forward. */
void heir_go(struct forwarder *f) ATTR_NONNULL;

/** Tells what has changed. NULL-safe: nothing without an heir. */
void heir_tell(struct forwarder *f) ATTR_NONNULL;
/** The loop is to end. */
void heir_close(struct forwarder *f) ATTR_NONNULL;
