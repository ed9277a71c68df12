/* SPDX-License-Identifier: Apache-2.0
 * What loadstard and `loadstarctl exabgp` say to each other over a Unix stream socket, in lines,
 * and what the latter has to keep in mind.
 *
 *   relay: hello 1 PID     has PREFIX (that it holds announced)..     ready     said LINE
 * (ExaBGP's) loadstard: keep (each RELAY_BEAT_MS)     stay MS (before it closes: keep all for so
 * long) announce route .. | withdraw route .. | show .. | version: to ExaBGP
 *
 * At end of file, or without a line for RELAY_PATIENCE_MS, the relay withdraws all that it holds:
 * an announcement does not outlive loadstard, dead or stopped. What was asked by one that is gone
 * is not answered to the next. Pure. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "base/slice.h"
#include "base/vec.h"

#define RELAY_BEAT_MS 200
#define RELAY_PATIENCE_MS 2000
#define RELAY_STAY_MS 30000 /* a restart takes no longer; and the most that is granted */
#define RELAY_HELLO "hello 1 "
#define RELAY_ROUTES_MAX 4096

struct relay {
    VEC(struct ip_prefix) held;
    uint32_t n_owed;    /* answers that are to come to whoever is connected */
    uint32_t n_foreign; /* answers before those, to those who were */
    int64_t stay_ms;    /* of the last connection; 0: none was asked for */
};

enum relay_order { RELAY_NOTHING, RELAY_PASS, RELAY_BAD };
/** A line of loadstard's. RELAY_PASS: it goes to ExaBGP as it is. RELAY_BAD: it says nothing that
 *  is said here. */
enum relay_order relay_told(struct relay *relay, const char *line) ATTR_NONNULL;
/** A line of ExaBGP's: whether whoever is connected gets it. */
bool relay_answered(struct relay *relay, const char *line) ATTR_NONNULL;
/** The connection is over: what was asked is answered to nobody. */
void relay_left(struct relay *relay) ATTR_NONNULL;
/** Answers of long ago do not come any more. */
void relay_forget(struct relay *relay) ATTR_NONNULL;
/** What a new connection begins with. */
void relay_greet(const struct relay *relay, struct buf *out, int pid) ATTR_NONNULL;
/** Commands that withdraw all; then nothing is held. */
void relay_withdraw(struct relay *relay, struct buf *out) ATTR_NONNULL;
void relay_free(struct relay *relay) ATTR_NONNULL;
