/* SPDX-License-Identifier: Apache-2.0
 * The guard: a process beside loadstard (`loadstard --guard`) that alone holds the TUNs whose
 * carrier is the announcement, and CAP_NET_ADMIN. It drops them when loadstard ends, or has not
 * given a sign of life for GUARD_PATIENCE_MS, and then does what speakers need besides (last_will);
 * when it ends itself, the kernel takes the TUNs down. One that does not answer for as long is
 * killed.
 *
 * Here: its protocol, and loadstard's side of it. Messages are lines of words over a socketpair
 * (SOCK_SEQPACKET, one line a packet; guard_words.h):
 *
 *   to the guard                            its answers
 *   -                                       hello PID, at once
 *   tun NAME ADDRESS/LEN..                  ok tun NAME | error tun NAME TEXT
 *   gone NAME                               ok gone NAME
 *   carrier NAME 0|1                        ok carrier NAME 0|1 | error carrier NAME TEXT
 *   will N argv WORD.. [\; WORD..].. | will N vty PATH TEXT | will N none     (words are escaped)
 *   beat                                    ok beat
 *   -                                       late: there was no beat for too long; all carriers are
 *                                           down and the wills carried out. None is raised before:
 *   back                                    -
 *   bye            loadstard has withdrawn all and ends: nothing is to be done
 *
 * A TUN is made with its carrier down; one that is there is given just these addresses. A line of a
 * successor, to which the guard would go over, is not in here yet. */
#pragma once

#include "anycast/speaker.h"

#define GUARD_BEAT_MS 200
#define GUARD_PATIENCE_MS 2000
#define GUARD_WILL_MS 5000        /* that a will may take; all run at once */
#define GUARD_LINE_MAX (64 << 10) /* 200 IPv6 prefixes to withdraw by one vty text are 12 kB */
#define GUARD_TUNS_MAX 256
#define GUARD_ADDRESSES_MAX 256 /* of a TUN */
#define GUARD_WILLS_MAX 32

/** In `loadstard --guard`, when it has the rights that it is to have: runs until loadstard is gone,
 *  or says bye. Returns the exit code. */
int guard_run(int fd);

/** Starts `PROGRAM --guard FD [USER]`: before capabilities are given up. `user` is whose rights
 *  wills are carried out with; NULL: unchanged. Returns the descriptor of the socket,
 * close-on-exec, or -1 (errno). *pid is the guard's. */
int guard_start(const char *program, const char *user, int *pid)
    __attribute__((nonnull(1, 3))) ATTR_MUST_USE;

struct guard;

struct guard_host {
    struct drive *drive;
    void *ctx;
    /** An interface is there or not, its carrier is up or not, or why not (`error` is "" else).
     *  Also unasked: the guard has taken it down. From the loop. */
    void (*tun)(void *ctx, const char *ifname, bool there, bool carrier, const char *error);
    /** There was no beat for too long: tun() has been called for each, and wills were carried out,
     *  so that speakers have lost what they had. NULL: of no interest. */
    void (*late)(void *ctx);
    /** The guard is gone, and so are the TUNs: tun() has been called for each. Nothing but
     *  guard_close() makes sense any more. */
    void (*lost)(void *ctx);
};

/** On the anycast thread. Takes the descriptor. Beats by itself each GUARD_BEAT_MS as long as
 *  `alive` says so. */
struct guard *guard_open(const struct guard_host *host, int fd,
                         bool (*alive)(void *ctx)) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Addresses are of hosts (/32, /128). */
void guard_tun(struct guard *guard, const char *ifname, const struct ip_prefix *addresses,
               uint32_t n) ATTR_NONNULL;
void guard_gone(struct guard *guard, const char *ifname) ATTR_NONNULL;
void guard_carrier(struct guard *guard, const char *ifname, bool up) ATTR_NONNULL;
/** `will` NULL or empty: none. Returns whether the guard can keep it: not when it is longer than
 *  GUARD_LINE_MAX, escaped, or the number is not below GUARD_WILLS_MAX; then there is none. */
bool guard_will(struct guard *guard, uint32_t number, const struct last_will *will)
    __attribute__((nonnull(1)));
/** Frees it, and the guard ends; unless all is `withdrawn`, with what it does for a loadstard that
 * is gone. */
void guard_close(struct guard *guard, bool withdrawn) ATTR_NONNULL;
