/* SPDX-License-Identifier: Apache-2.0
 * Loading the XDP program, attaching it to an interface, and filling its maps (libbpf).
 *
 * The program hangs on a file descriptor (BPF_LINK_CREATE, Linux 5.9): when the process ends,
 * however it ends, the kernel detaches it. A map's file descriptor can be used after privileges
 * are dropped (Linux 5.19). */
#pragma once

#include "base/attr.h"
#include "io/xdp_filter.h"

#include <stdbool.h>

struct bpf_object;

struct xdp_program {
    struct bpf_object *object;
    int link_fd, sockets_fd, listen_fd, settings_fd;
    bool generic; /* in the stack, behind the driver */
};

/** Loads and attaches to the interface, which must not have another program: in the driver, or if
 *  that is impossible and `native_only` is not set, or `generic_only` is, in the stack. Nothing is
 *  taken from the wire until xdp_program_set_socket(). Returns 0, or E_SYSTEM (errno). */
int xdp_program_attach(struct xdp_program *program, unsigned ifindex, bool native_only,
                       bool generic_only) ATTR_NONNULL ATTR_MUST_USE;

/** Detaches, and frees. */
void xdp_program_detach(struct xdp_program *program) ATTR_NONNULL;

/* All return 0, or E_SYSTEM (errno). */

/** Hands queries that arrive on `queue` to an AF_XDP socket bound to it. */
int xdp_program_set_socket(struct xdp_program *program, __u32 queue, int fd) ATTR_NONNULL;
int xdp_program_set(struct xdp_program *program, const struct xdp_settings *settings) ATTR_NONNULL;
int xdp_program_listen(struct xdp_program *program, const struct xdp_listen *listen) ATTR_NONNULL;
int xdp_program_unlisten(struct xdp_program *program, const struct xdp_listen *listen) ATTR_NONNULL;
