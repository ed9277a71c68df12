/* SPDX-License-Identifier: Apache-2.0
 * Telling the service manager how we are: the datagrams of sd_notify(3), without its library. */
#pragma once

#include "base/attr.h"

/** Sends KEY=VALUE lines to $NOTIFY_SOCKET; does nothing when there is none. */
void notify_manager(const char *fmt, ...) ATTR_PRINTF(1, 2);
