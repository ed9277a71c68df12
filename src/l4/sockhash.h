/* SPDX-License-Identifier: Apache-2.0
 * The kernel relays (contrib/adr/0056): maps of pairs of sockets, and a program that is asked about
 * each segment which comes on one of them.
 *
 *     ways     cookie of a socket -> struct sockhash_way: what became of what came on it
 *     orders   cookie -> nothing: what comes is to be handed on; without: user space reads it
 *     targets  cookie -> the other socket of the pair
 *     sources  cookie -> the socket itself, of which the program is asked
 *
 * A segment is handed on as long as no more than SOCKHASH_WINDOW bytes would then be on their way
 * to the other peer, as this one's TCP has it. That fits into the send buffer of the other socket,
 * whoever reads or does not: so nothing piles up in the kernel, and no way waits for the other one.
 * The first that does not fit, and all behind it, are user space's.
 *
 * A socket never leaves `sources` but by its end: the kernel has no way to do that without a loss.
 *
 * The maps are made by who has the rights (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON), and used by
 * anybody who has the descriptors. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define SOCKHASH_WINDOW 65536 /* bytes: the longest segment, or some answers under way */
#define SOCKHASH_SEND_BUFFER \
    262144 /* of a socket: the window as the kernel charges for it, twice */
#define SOCKHASH_WHY_MAX 160
#define SOCKHASH_PAIRS_MAX 1000000
#define SOCKHASH_KIND 1 /* of maps and program: another one where they mean something else */

enum sockhash_map { SOCKHASH_WAYS, SOCKHASH_ORDERS, SOCKHASH_TARGETS, SOCKHASH_SOURCES };
#define SOCKHASH_MAPS 4

struct sockhash {
    int maps[SOCKHASH_MAPS];
};

struct sockhash_way {
    uint64_t redirected; /* bytes that were handed on */
    uint64_t passed;     /* bytes behind these, for user space */
    uint64_t begin;      /* the program's */
};

/** Makes maps for so many pairs, and the program. Returns 0; or E_SYSTEM, and why in words. */
int sockhash_open(struct sockhash *sockhash, uint32_t pairs,
                  char why[SOCKHASH_WHY_MAX]) ATTR_NONNULL ATTR_MUST_USE;
void sockhash_close(struct sockhash *sockhash) ATTR_NONNULL;
/** "ways", ..: for another process that is to have them. */
const char *sockhash_map_name(enum sockhash_map map);

/* The rest is for any thread that has the sockets. */

/** What a socket is known by. */
uint64_t sockhash_key(int fd);
/** Sees to it that the send buffer suffices. Returns false where it cannot. */
bool sockhash_prepare(int fd);
/** From now on the kernel relays between the two, which must have nothing to be read or sent; what
 *  comes meanwhile is handed on too. Returns 0, or E_SYSTEM (errno): what comes is user space's. */
int sockhash_join(const struct sockhash *sockhash, const int fds[2],
                  const uint64_t keys[2]) ATTR_NONNULL ATTR_MUST_USE;
/** Nothing is handed on any more of what comes on this socket. */
void sockhash_stop(const struct sockhash *sockhash, int fd, uint64_t key) ATTR_NONNULL;
struct sockhash_way sockhash_way_of(const struct sockhash *sockhash, uint64_t key) ATTR_NONNULL;
/** Bytes that the socket was ever given to send, by whoever; from a beginning of its own. Those
 * that are acknowledged while it is asked may be missing. */
uint64_t sockhash_written(int fd);
/** Before the socket is closed. */
void sockhash_forget(const struct sockhash *sockhash, uint64_t key) ATTR_NONNULL;
