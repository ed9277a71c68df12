/* SPDX-License-Identifier: Apache-2.0
 * Limits and privileges of the process. */
#include "base/process.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LARGE_BLOCK (256 << 10)

void process_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("cannot raise the limit of open files: %s", strerror(errno));
}

/** Lets go of all that is root's but the permitted capabilities. */
static int change_user(const char *user, const struct passwd *pw)
{
    rights_empty_bounding_set();
    /* Groups first: without root they can no longer be changed. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || initgroups(user, pw->pw_gid) != 0 ||
        setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
        return E_SYSTEM;
    return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0 ? E_SYSTEM : 0;
}

int process_become(const char *user, rights_set keep, struct diags *diags)
{
    const struct span nowhere = {0};
    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (!pw) {
        diag_error(diags, nowhere, "server.user: there is no user %s%s%s", user, errno ? ": " : "",
                   errno ? strerror(errno) : "");
        return E_NOTFOUND;
    }
    if (pw->pw_uid == 0)
        return 0;
    if (geteuid() != pw->pw_uid && change_user(user, pw) != 0) {
        diag_error(diags, nowhere, "server.user: cannot become %s: %s (only root can)", user,
                   strerror(errno));
        return E_SYSTEM;
    }
    return process_confine(keep, diags);
}

int process_confine(rights_set keep, struct diags *diags)
{
    if (rights_confine(keep) == 0)
        return 0;
    diag_error(diags, (struct span){0}, "cannot give up capabilities: %s", strerror(errno));
    return E_SYSTEM;
}

void process_set_up_heap(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}
