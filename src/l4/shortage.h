/* SPDX-License-Identifier: Apache-2.0
 * Telling that flows find no local port towards their members: in the log, at most once a minute
 * and service, and in `status` for a minute. */
#pragma once

#include "l4/member.h"

#define SHORTAGE_MS 60000

/** Looks at the counters, which is to be once a second, and logs. */
void shortage_look(const struct registry *registry, int64_t now_ms) ATTR_NONNULL;
/** Whether flows of the service have found none within the last minute. */
bool shortage_is(const struct service_run *run, int64_t now_ms) ATTR_NONNULL;
