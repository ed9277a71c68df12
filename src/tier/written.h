/* SPDX-License-Identifier: Apache-2.0
 * Files that tiers follow: whose they are, and why one could not be read or written, in a line that
 * says what to do. */
#pragma once

#include "drive/files.h"
#include "drive/mark.h"
#include "tier/driver.h"

enum tier_error written_reason(int error);

/** Whose a file is that was read, `owner` by its mark and `node` of that: fills `exists`,
 * `is_ours`, `is_foreign`, and what is to be said. `kept`: where what somebody else wrote will lie,
 * as suffixes of the file's name, of a file without a mark and of one that was edited; NULL:
 * nowhere.
 */
void written_judge(struct observation *seen, const struct tier *config, enum mark_owner owner,
                   bool empty, const char *node, const char *const kept[2])
    __attribute__((nonnull(1, 2, 5)));
/** There is a link of its name. */
void written_is_link(struct observation *seen, const struct tier *config) ATTR_NONNULL;

/** Whether somebody else has taken it since it was observed, with a line that says so. */
bool written_is_taken(char out[WRITTEN_TEXT_MAX], const struct tier *config, enum mark_owner owner,
                      bool empty) ATTR_NONNULL;
