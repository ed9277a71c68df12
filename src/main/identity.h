/* SPDX-License-Identifier: Apache-2.0
 * Looking at files as `server.user` will, before this process is that user. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"

#include <sys/types.h>

struct identity {
    bool assumed; /* effective ids are the other user's; the real ones are still root's */
    gid_t gid;    /* what was before */
    gid_t *groups;
    int n_groups;
};

/** Takes the effective ids and the groups of `user` over, when this process is root and `user` is
 *  another one that exists. On the only thread. Returns 0, or E_SYSTEM with the reason in `diags`
 *  at `at`. */
int identity_assume(struct identity *identity, const char *user, struct span at,
                    struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Becomes root again. Ends the process when that fails: it would not know what it may. */
void identity_restore(struct identity *identity) ATTR_NONNULL;

/** The ids of a user. Returns 0, E_NOTFOUND, or E_SYSTEM (errno). On any thread. */
int identity_find(uid_t *uid, gid_t *gid, const char *user) ATTR_NONNULL ATTR_MUST_USE;
