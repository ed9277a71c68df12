/* SPDX-License-Identifier: Apache-2.0
 * The prefixes that gobgpd may have of us, as they are kept in the state directory: nothing in its
 * table says whose a route is. Pure; of untrusted bytes. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "base/vec.h"

#define GOBGP_RECORD_MAX 4096 /* prefixes */

typedef VEC(struct ip_prefix) ip_prefixes;

void gobgp_record_write(struct buf *out, const ip_prefixes *prefixes) ATTR_NONNULL;
/** Adds what is not there yet. Returns 0; E_SYNTAX with nothing added. */
int gobgp_record_read(ip_prefixes *prefixes, struct slice text) ATTR_NONNULL ATTR_MUST_USE;

bool ip_prefixes_have(const ip_prefixes *prefixes,
                      const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;
/** Returns whether it was not there. */
bool ip_prefixes_add(ip_prefixes *prefixes, const struct ip_prefix *prefix) ATTR_NONNULL;
