/* SPDX-License-Identifier: Apache-2.0
 * `loadstarctl exabgp`: a process of ExaBGP's (anycast/exabgp_relay.h). */
#pragma once

#include "base/attr.h"

/** Relays between the standard streams, which are ExaBGP's, and loadstard, until ExaBGP ends.
 *  `speaker`: its name, or with a slash the path of its socket; `control`: loadstard's control
 *  socket, beside which that is for a name. Returns the exit code. */
int relay_run(const char *speaker, const char *control) ATTR_NONNULL ATTR_MUST_USE;
