/* SPDX-License-Identifier: Apache-2.0
 * What this host can do of what a configuration asks: address families, addresses, interfaces.
 *
 * What cannot be at all is an error; an address that may come later (of keepalived, of anycast, of
 * a tunnel, IPv6 that is still tentative) is a warning, and is bound all the same. */
#pragma once

#include "model/model.h"

/** Whether sockets of the address's family can be had. Only IPv6 can be missing. */
bool host_has_family(const struct ip *addr) ATTR_NONNULL;

/** Whether packets to the address come to this host now: some interface has it, or a local route
 *  leads to it. True for wildcards, and when it cannot be told. */
bool host_has_address(const struct ip *addr) ATTR_NONNULL;

/** Judges the listen addresses and the interfaces: errors and warnings with their positions, the
 *  same at a start, a reload and --check. Returns 0 or E_INVALID. */
int host_check(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
