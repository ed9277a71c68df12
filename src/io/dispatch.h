/* SPDX-License-Identifier: Apache-2.0
 * Which worker's socket a UDP packet goes to.
 *
 * Of the sockets that share an address (SO_REUSEPORT) the kernel picks one by a hash of the
 * packet's addresses and ports, unless a program picks. Ours picks the worker that is bound to the
 * core which has taken the packet in from the network: packet, socket and thread then stay in one
 * cache, and no core wakes another up. Cores without a worker are left to the hash.
 *
 * That pays only where the interfaces spread packets over all cores. If one core takes everything
 * in, as with a network card of one queue, its worker would get everything: hence `auto`. */
#pragma once

#include "model/model.h"

/** Whether the packets of all hardware interfaces that are up are taken in on at least n cores
 * each: by receive queues, or by receive packet steering (rps_cpus). False without such an
 * interface: on loopback and virtual links it is the sender's core that takes packets in. */
bool dispatch_interfaces_spread(const char *sys_net, unsigned n) ATTR_NONNULL ATTR_MUST_USE;
#define DISPATCH_SYS_NET "/sys/class/net"

/** What `wanted` comes to, never DISPATCH_AUTO. `spread`: whether the interfaces do; `cpu`: the
 * core of each worker, or -1. */
enum dispatch dispatch_decide(enum dispatch wanted, bool spread, const int *cpu,
                              unsigned n_workers) ATTR_NONNULL ATTR_MUST_USE;

/** Applies a decision to the sockets that share the address of `fd`, of which socket i in the order
 *  of binding is that of the worker on cpu[i]. Returns 0, or E_SYSTEM (errno). */
int dispatch_apply(int fd, enum dispatch dispatch, const int *cpu,
                   unsigned n_workers) ATTR_NONNULL ATTR_MUST_USE;
