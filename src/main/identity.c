/* SPDX-License-Identifier: Apache-2.0
 * Effective ids for a while. Threads that are started then have them, too. */
#include "main/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_MAX (1u << 20) /* bytes of one line of passwd, whatever keeps it */

int identity_find(uid_t *uid, gid_t *gid, const char *user)
{
    struct passwd pw, *found = NULL;
    char *buffer = NULL;
    int error = ERANGE;
    for (size_t size = 4096; error == ERANGE && size <= ENTRY_MAX; size *= 4) {
        buffer = xrealloc(buffer, size);
        error = getpwnam_r(user, &pw, buffer, size, &found);
    }
    if (found) {
        *uid = pw.pw_uid;
        *gid = pw.pw_gid;
    }
    free(buffer);
    /* getpwnam(3): these may all mean that there is none. */
    bool none = error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    errno = error;
    return found ? 0 : none ? E_NOTFOUND : E_SYSTEM;
}

int identity_assume(struct identity *identity, const char *user, struct span at,
                    struct diags *diags)
{
    uid_t uid;
    gid_t gid;
    *identity = (struct identity){0};
    if (geteuid() != 0 || identity_find(&uid, &gid, user) != 0 || uid == 0)
        return 0; /* whoever judges the configuration says what is wrong with the user */
    identity->gid = getegid();
    identity->n_groups = getgroups(0, NULL);
    identity->groups = xmalloc(((size_t)identity->n_groups + 1) * sizeof *identity->groups);
    identity->n_groups = getgroups(identity->n_groups, identity->groups);
    identity->assumed = true;
    if (initgroups(user, gid) == 0 && setegid(gid) == 0 && seteuid(uid) == 0)
        return 0;
    diag_error(diags, at, "cannot become '%s': %s", user, strerror(errno));
    identity_restore(identity);
    return E_SYSTEM;
}

void identity_restore(struct identity *identity)
{
    if (identity->assumed && (seteuid(0) != 0 || setegid(identity->gid) != 0 ||
                              setgroups((size_t)identity->n_groups, identity->groups) != 0)) {
        fprintf(stderr, "loadstar: cannot become root again: %s\n", strerror(errno));
        abort();
    }
    free(identity->groups);
    *identity = (struct identity){0};
}
