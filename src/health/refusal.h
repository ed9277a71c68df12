/* SPDX-License-Identifier: Apache-2.0
 * Whose refusal "connection refused" is. The kernel has one number for three things, and only one
 * of them is a word of the target (measured on Linux 6.18, tests/system/test_doubt.py):
 *
 *   a reset by the target         the error comes once connect() has returned
 *   an ICMP message               it lies in the error queue of the socket (Linux 5.8 and later)
 *   a reset by our own firewall   it is there when connect() returns, though the target is no
 *                                 address of ours: no packet has come from outside by then
 *
 * A middlebox that resets in the target's name cannot be told from the target. */
#pragma once

#include "base/ip.h"

/** Makes the kernel keep ICMP messages for a socket that is about to connect. */
void refusal_watch(int fd, enum ip_family family);
/** Ends that: once connected, such a message must not break what retransmission would mend. */
void refusal_unwatch(int fd, enum ip_family family);
/** To be asked right after connect(): whether it has failed already. Consumes no error. */
bool refusal_at_once(int fd);
/** After ECONNREFUSED: NULL when the target `to` refused, else who did, in a word or two. */
const char *refusal_by_other(int fd, const struct ip *to, bool at_once) ATTR_NONNULL;
