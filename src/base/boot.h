/* SPDX-License-Identifier: Apache-2.0
 * Which boot of the machine this is. What other processes were told before it they may not know any
 * more. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

#define BOOT_ID_MAX 40 /* a UUID's text, and its NUL */

/** A text that no other boot has: random/boot_id (proc_sys_kernel(5)), or where that is hidden
 *  (ProcSubset=pid) the environment's LOADSTAR_BOOT_ID, which a unit of systemd sets to %b. False:
 *  there is neither, and it is "". */
bool boot_id(char out[BOOT_ID_MAX]) ATTR_NONNULL ATTR_MUST_USE;
