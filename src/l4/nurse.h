/* SPDX-License-Identifier: Apache-2.0
 * Who the parent of a process that takes over is. Of a service it has to be the service manager,
 * which hears of the end of its own children only, and restarts one that crashes. The old process
 * starts it, is told how it ends while it is not ready, and has to let go of it then:
 *
 *     old - new                     as it was started
 *     old - nurse - new             nurse_part(): the nurse ends as the new one does
 *     old, manager - new            nurse_dismiss(): orphans are the manager's */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/** First of all, in a process with one thread: in one that was started to take over it returns in
 *  a child of it, that ends with it. */
void nurse_part(void);
/** In the new one: whether there is a nurse, whose end is not ours from now on. */
bool nurse_leave(void) ATTR_MUST_USE;
/** In the old one: the nurse's child is an orphan when this returns. The nurse is left to be waited
 *  for. */
void nurse_dismiss(pid_t nurse);
