/* SPDX-License-Identifier: Apache-2.0
 * Limits and privileges. */
#include "main/process.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is kept for others than TCP connections, so that a flood of these stops no order, no reload
 * and no save: files, the loop and its threads, control clients (64), what executes; HTTP's. */
#define OTHER_FILES 164
#define HTTP_FILES 256
#define CONNECTIONS_MIN 16 /* that TCP has in any case */

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

/** As many as can be under way: half of all files at most (health/schedule.c). */
static rlim_t files_of_probes(const struct model *m, rlim_t limit)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        n += endpoint_checks(m, &m->endpoints[i])->n;
    return n < limit / 2 ? (rlim_t)n : limit / 2;
}

uint32_t process_max_connections(const struct model *m, struct diags *diags)
{
    const struct server_config *server = &m->server;
    struct rlimit limit;
    rlim_t wanted = server->tcp.max_connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return server->tcp.max_connections;
    rlim_t others = OTHER_FILES + (m->http.enabled ? HTTP_FILES : 0) +
                    files_of_probes(m, limit.rlim_cur) +
                    2 * (rlim_t)server->n_listen * server->workers;
    rlim_t need = wanted + others;
    if (limit.rlim_cur >= need)
        return server->tcp.max_connections;
    struct rlimit more = {need, limit.rlim_max > need ? limit.rlim_max : need};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* root may, and still is, when it starts */
        return server->tcp.max_connections;
    rlim_t left = limit.rlim_cur > others ? limit.rlim_cur - others : 0;
    if (left < CONNECTIONS_MIN)
        left = CONNECTIONS_MIN;
    if (left >= wanted)
        return server->tcp.max_connections;
    struct span at = server->tcp.max_connections_at;
    diag_warning(diags, at.file && *at.file ? at : (struct span){0},
                 "tcp.max_connections: %u connections need %llu open files, and this process may "
                 "have %llu: there will be %llu connections; raise the limit (LimitNOFILE= of "
                 "systemd, ulimit -n)",
                 server->tcp.max_connections, (unsigned long long)need,
                 (unsigned long long)limit.rlim_cur, (unsigned long long)left);
    return (uint32_t)left;
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
