/* SPDX-License-Identifier: Apache-2.0
 * Words of rows. */
#include "tier/row.h"

const char *serves_text(enum serves serves)
{
    static const char *const words[] = {"unknown", "ready", "down", "drain", "maint", "gone"};
    return words[serves];
}

const char *drain_phase_text(enum drain_phase phase)
{
    static const char *const words[] = {"", "dns", "quiesce", "wait", "done"};
    return words[phase];
}
