/* SPDX-License-Identifier: Apache-2.0
 * Settings of the host that decide whether what is told to IPVS does what it is meant to. */
#pragma once

#include "tier/spec.h"

/** Sets `out` to a warning about a service with persistence (which sends clients back to where they
 *  were whatever its weight is, unless expire_quiescent_template is set), or "". `directory`:
 *  IPVS_SYSCTLS, or another one for tests. */
void ipvs_warn(char out[256], const struct tier *config, const char *directory) ATTR_NONNULL;
#define IPVS_SYSCTLS "/proc/sys/net/ipv4/vs"
