/* SPDX-License-Identifier: Apache-2.0
 * Limits and privileges. */
#include "main/process.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

/* Beside TCP connections and sockets that listen: files, the control side, some probes. */
#define OTHER_FILES 100

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

void process_check_files(const struct server_config *server, struct diags *diags)
{
    struct rlimit limit;
    rlim_t connections = server->tcp.max_connections;
    rlim_t need = connections + OTHER_FILES + 2 * (rlim_t)server->n_listen * server->workers;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return;
    struct rlimit wanted = {need, limit.rlim_max > need ? limit.rlim_max : need};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) /* root may, and still is, when it starts */
        return;
    struct span at = server->tcp.max_connections_at;
    diag_warning(diags, at.file && *at.file ? at : (struct span){0},
                 "tcp.max_connections: %u connections need %llu open files, and this process may "
                 "have %llu: raise the limit (LimitNOFILE= of systemd, ulimit -n)",
                 server->tcp.max_connections, (unsigned long long)need,
                 (unsigned long long)limit.rlim_cur);
}

int process_become(const char *user, struct diags *diags)
{
    const struct span nowhere = {0};
    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (!pw) {
        diag_error(diags, nowhere, "server.user: there is no user %s%s%s", user, errno ? ": " : "",
                   errno ? strerror(errno) : "");
        return E_NOTFOUND;
    }
    if (geteuid() == pw->pw_uid)
        return 0;
    /* Groups first: without root they can no longer be changed. */
    if (initgroups(user, pw->pw_gid) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
        diag_error(diags, nowhere, "server.user: cannot become %s: %s (only root can)", user,
                   strerror(errno));
        return E_SYSTEM;
    }
    if (pw->pw_uid != 0 && setresuid(0, 0, 0) == 0) {
        diag_error(diags, nowhere, "server.user: root's privileges came back");
        return E_SYSTEM;
    }
    return 0;
}

void process_set_up_heap(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}
