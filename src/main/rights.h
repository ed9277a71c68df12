/* SPDX-License-Identifier: Apache-2.0
 * Capabilities (capabilities(7)): what the process keeps for itself, and that nothing which it
 * executes inherits any. */
#pragma once

#include "model/model.h"

/** Sets of capabilities: bit CAP_X is 1 << CAP_X. */
typedef uint64_t rights_set;

/** What a daemon with this configuration goes on to need once its sockets are bound: ports below
 *  1024 of later reloads, and following AF_XDP. */
rights_set rights_needed(const struct server_config *server) ATTR_NONNULL;

/** Clears the inheritable and the ambient set, which a service manager or setpriv(1) may have
 *  filled. Called before there are threads. */
void rights_disinherit(void);

/** Empties the bounding set. Takes CAP_SETPCAP; without it nothing changes, and rights_confine()
 *  has to do. */
void rights_empty_bounding_set(void);

/** Keeps of what is permitted only `keep`, in effect, and lets no program that is executed gain
 *  anything (no_new_privs). For the calling thread and those that it starts. Returns 0, or E_SYSTEM
 *  (errno). */
int rights_confine(rights_set keep) ATTR_MUST_USE;
