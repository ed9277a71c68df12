/* SPDX-License-Identifier: Apache-2.0
 * Files as another user sees them. */
#include "base/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRY_MAX (1u << 20) /* bytes of one line of passwd, whatever keeps it */

int identity_find(struct passwd *pw, char **buffer, const char *user)
{
    struct passwd *found = NULL;
    int error = ERANGE;
    *buffer = NULL;
    for (size_t size = 4096; error == ERANGE && size <= ENTRY_MAX; size *= 4) {
        *buffer = xrealloc(*buffer, size);
        error = getpwnam_r(user, pw, *buffer, size, &found);
    }
    /* getpwnam(3): these may all mean that there is none. */
    bool none = error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    errno = error;
    return found ? 0 : none ? E_NOTFOUND : E_SYSTEM;
}

/* The C library would change the groups of all threads. */
static int set_groups_of_thread(int n, const gid_t *groups)
{
    return syscall(SYS_setgroups, (size_t)n, groups) == 0 ? 0 : E_SYSTEM;
}

static int take_groups(struct identity *identity, const struct passwd *pw)
{
    int n = 0;
    identity->n_groups = getgroups(0, NULL);
    if (identity->n_groups < 0)
        return E_SYSTEM;
    identity->groups = xcalloc((size_t)identity->n_groups + 1, sizeof(gid_t));
    if (getgroups(identity->n_groups, identity->groups) < 0)
        return E_SYSTEM;
    getgrouplist(pw->pw_name, pw->pw_gid, NULL, &n);
    gid_t *groups = xcalloc((size_t)n + 1, sizeof(gid_t));
    getgrouplist(pw->pw_name, pw->pw_gid, groups, &n);
    int code = set_groups_of_thread(n, groups);
    free(groups);
    return code;
}

int identity_assume(struct identity *identity, const char *user)
{
    *identity = (struct identity){0};
    if (!user || geteuid() != 0)
        return 0;
    struct passwd pw;
    char *buffer;
    int code = identity_find(&pw, &buffer, user);
    if (code == 0 && pw.pw_uid != 0 && take_groups(identity, &pw) != 0) {
        free(identity->groups);
        code = E_SYSTEM;
    }
    int saved = errno;
    free(buffer);
    errno = saved;
    if (code != 0 || pw.pw_uid == 0)
        return code;
    /* Without a return code. The kernel takes CAP_DAC_OVERRIDE and its kind away with root's. */
    identity->gid = (gid_t)setfsgid(pw.pw_gid);
    identity->uid = (uid_t)setfsuid(pw.pw_uid);
    identity->assumed = true;
    return 0;
}

void identity_restore(struct identity *identity)
{
    if (identity->assumed) {
        setfsuid(identity->uid);
        setfsgid(identity->gid);
        (void)set_groups_of_thread(identity->n_groups, identity->groups);
    }
    free(identity->groups);
    *identity = (struct identity){0};
}

int identity_judge(const char *user, struct span at, enum identity_purpose purpose,
                   struct diags *diags)
{
    struct passwd pw;
    char *buffer;
    if (!user)
        return 0;
    int code = identity_find(&pw, &buffer, user);
    int error = errno;
    free(buffer); /* of the texts in pw none is looked at */
    if (code == E_NOTFOUND)
        diag_error(diags, at, "there is no user '%s' on this machine, expected one to run as",
                   user);
    else if (code != 0)
        diag_error(diags, at, "the user '%s' cannot be looked up: %s", user, strerror(error));
    if (code != 0 || getuid() == 0 || getuid() == pw.pw_uid)
        return code;
    if (purpose == IDENTITY_START) {
        diag_error(diags, at, "only root can become '%s': start as root, or without 'user'", user);
        return E_INVALID;
    }
    if (purpose == IDENTITY_CHECK)
        diag_warning(diags, at,
                     "files are not looked at as '%s' will see them: only root can do that", user);
    return 0;
}
