/* SPDX-License-Identifier: Apache-2.0
 * Files as another user sees them, for root before it becomes that user: what will be readable for
 * `server.user` is asked of the kernel, with all its rules (groups, ACLs, directories, mounts),
 * rather than worked out from modes. */
#pragma once

#include "base/diag.h"

#include <pwd.h>
#include <stdbool.h>
#include <sys/types.h>

/** What to give back. Zero-initialised, it gives nothing back. */
struct identity {
    gid_t *groups; /* supplementary, of before */
    int n_groups;
    uid_t uid;
    gid_t gid;
    bool assumed;
};

/** Looks a user up on any thread, as getpwnam() may not: 0 with *pw filled, whose texts live in
 *  *buffer, the caller's to free in any case; E_NOTFOUND: there is none; E_SYSTEM: errno says why.
 */
int identity_find(struct passwd *pw, char **buffer, const char *user) ATTR_NONNULL ATTR_MUST_USE;

/** From now on the calling thread, and no other, opens and finds files as `user` would, until
 *  identity_restore(). Nothing changes, and 0 is returned, for NULL, for the user that we are, and
 *  when we are not root: then the kernel judges us as it is. E_NOTFOUND: no such user; E_SYSTEM:
 *  errno says why. Does not nest. */
int identity_assume(struct identity *identity, const char *user)
    __attribute__((nonnull(1))) ATTR_MUST_USE;
void identity_restore(struct identity *identity) ATTR_NONNULL;

enum identity_purpose { IDENTITY_START, IDENTITY_RELOAD, IDENTITY_CHECK };

/** Whether a program can run as `user`, which stands at `at`; NULL: as whoever starts it. Who
 * cannot become that user is refused at a start, and told at a check that files are not looked at
 * as it. Returns 0; E_NOTFOUND, E_SYSTEM or E_INVALID after an error. */
int identity_judge(const char *user, struct span at, enum identity_purpose purpose,
                   struct diags *diags) __attribute__((nonnull(4))) ATTR_MUST_USE;
