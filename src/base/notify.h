/* SPDX-License-Identifier: Apache-2.0
 * Telling the service manager how we are: the datagrams of sd_notify(3), without its library. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment: what
 *  we execute must not speak for us. The socket is kept open, so that nothing is lost when
 *  descriptors run out. Called once, before there are threads. */
void notify_open(void);

/** Sends KEY=VALUE lines; does nothing when there is no manager. */
void notify_manager(const char *fmt, ...) ATTR_PRINTF(1, 2);

/** "NAME=value" of what the manager has told us in the environment, NULL at the end: for a process
 *  that is to take our place. Valid until notify_open(). */
char *const *notify_variables(void) ATTR_RETURNS_NONNULL;

/** Nothing is sent from now on: another process speaks for the service. */
void notify_close(void);

/** How often WATCHDOG=1 is to be sent, in milliseconds: half of what the manager waits. 0: it does
 *  not watch us. */
uint64_t notify_watchdog_ms(void);
