/* SPDX-License-Identifier: Apache-2.0
 * Capabilities (capabilities(7)) of the calling thread. Those that it starts have the same; what it
 * executes inherits none once rights_disinherit() has run, unless it is root. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

/** Sets of capabilities. */
typedef uint64_t rights_set;
#define RIGHT(capability) ((rights_set)1 << (capability)) /* CAP_X of <linux/capability.h> */

/** Those in effect; none when that cannot be told. */
rights_set rights_held(void);

/** Clears the inheritable and the ambient set, which a service manager or setpriv(1) may have
 *  filled. Called before there are threads. */
void rights_disinherit(void);

/** Lets programs that are executed from now on have these of what is permitted, until
 *  rights_disinherit(). Root's have all anyway. Returns 0, or E_SYSTEM (errno). */
int rights_lend(rights_set lend) ATTR_MUST_USE;

/** Empties the bounding set. Takes CAP_SETPCAP; without it nothing changes, and rights_confine()
 *  has to do. */
void rights_empty_bounding_set(void);

/** Keeps of what is permitted only `keep`, in effect, and lets no program that is executed gain
 *  anything (no_new_privs). Returns 0, or E_SYSTEM (errno). */
int rights_confine(rights_set keep) ATTR_MUST_USE;

/** Has these no more, in no set. Returns 0, or E_SYSTEM (errno). */
int rights_drop(rights_set drop) ATTR_MUST_USE;
