/* SPDX-License-Identifier: Apache-2.0
 * How much more memory this process can have before the system refuses it, or ends it. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

#define MEMORY_LIMIT_TEXT_MAX 256

struct memory_room {
    uint64_t bytes;                    /* UINT64_MAX: nothing is known that limits it */
    char limit[MEMORY_LIMIT_TEXT_MAX]; /* what does: "memory.max of /system.slice/x.service" */
};

/** The least of what the machine has available (MemAvailable), what is left to the control group
 * and those above it (version 1 and 2; pages of files count as available, as the kernel takes them
 *  back first), and what RLIMIT_AS and RLIMIT_DATA leave. What cannot be read limits nothing. */
void memory_look(struct memory_room *out) ATTR_NONNULL;

/** The same with the files of another root than "" and limits given, for tests; UINT64_MAX: none.
 */
void memory_look_at(struct memory_room *out, const char *root, uint64_t address_limit,
                    uint64_t data_limit) ATTR_NONNULL;
