/* SPDX-License-Identifier: Apache-2.0
 * The sockets that services listen on: one for each address and worker (SO_REUSEPORT). Opened by
 * the main thread, kept over reloads where the address is the same, closed when the last plan that
 * has them is gone. */
#pragma once

#include "model/l4.h"

struct listeners;

/** Whether it is all addresses of this host: a datagram tells which of them it was sent to. */
bool listeners_is_wildcard(const struct ip *addr) ATTR_NONNULL ATTR_PURE;

/** Opens what the configuration listens on, taking over what `before` (NULL: nothing) has of it. An
 *  address that this host has not got (yet) is listened on all the same, with a warning. Returns 0
 *  with one hold; or E_SYSTEM with the reasons in `diags`, and nothing opened. */
int listeners_open(struct listeners **out, const struct l4_config *config, uint32_t n_workers,
                   struct listeners *before, struct diags *diags)
    __attribute__((nonnull(1, 2, 5))) ATTR_MUST_USE;

/** A socket of another process, which hands it to this one. */
struct handed_socket {
    struct ip addr;
    uint16_t port;
    bool udp;
    int fd;
};
/** Those of another process, as `before` for listeners_open(): who takes one over goes on with what
 *  is queued in it, so there may be more than workers, and none is opened where there are fewer:
 *  workers share those for TCP then, and some have none for UDP, whose clients would come to any of
 *  them in turn. Takes over the descriptors; sockets at one address are one behind the other. */
struct listeners *listeners_handed(const struct handed_socket *v, uint32_t n,
                                   uint32_t n_workers) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Opens those that are wanting at addresses for UDP, for the first `n_workers` to have one each:
 *  from now on the kernel deals datagrams out to them as well. Those that cannot be had, since this
 *  user may not share the address or not bind its port, are told of as warnings in `diags`. */
void listeners_complete(struct listeners *listeners, uint32_t n_workers,
                        struct diags *diags) ATTR_NONNULL;

/** Sockets of an address, a process that is to take over gets: `fn` for each that is open. */
void listeners_each(const struct listeners *listeners,
                    void (*fn)(void *arg, const struct handed_socket *socket), void *arg)
    __attribute__((nonnull(1, 2)));

struct listeners *listeners_hold(struct listeners *listeners) ATTR_NONNULL;
void listeners_release(struct listeners *listeners);

/** plan.n_sockets: the most that an address has. */
uint32_t listeners_width(const struct listeners *listeners) ATTR_NONNULL;
/** plan_service.listeners of service number `service` of that configuration. */
const int *listeners_of(const struct listeners *listeners, uint32_t service) ATTR_NONNULL;

/** Closes those for TCP: another process has them, and is the one to give them up. No worker looks
 *  at them any more. */
void listeners_leave(struct listeners *listeners) ATTR_NONNULL;
