/* SPDX-License-Identifier: Apache-2.0
 * How many TCP connections the limit of open files allows. */
#include "main/connections.h"

#include <sys/resource.h>

/* What is kept for others than TCP connections, so that a flood of these stops no order, no reload
 * and no save: files, the loop and its threads, control clients (64), what executes; HTTP's. */
#define OTHER_FILES 164
#define HTTP_FILES 256
#define TIER_FILES 4       /* of each: its directory or socket, a listener, a command's pipe */
#define ANYCAST_FILES 8    /* the loop of its thread, the guard */
#define SPEAKER_FILES 6    /* of each: its socket or FIFOs, its file, a command's pipes */
#define PREFIX_SET_FILES 4 /* of each: the query to itself, a hook's pipes */
#define CONNECTIONS_MIN 16 /* that TCP has in any case */

/** As many as can be under way: half of all files at most (health/schedule.c). */
static rlim_t files_of_probes(const struct model *m, rlim_t limit)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        n += endpoint_checks(m, &m->endpoints[i])->n;
    return n < limit / 2 ? (rlim_t)n : limit / 2;
}

static rlim_t files_of_anycast(const struct model *m)
{
    return m->n_prefix_sets ? ANYCAST_FILES + SPEAKER_FILES * (rlim_t)m->n_speakers +
                                  PREFIX_SET_FILES * (rlim_t)m->n_prefix_sets
                            : 0;
}

uint32_t connections_max(const struct model *m, struct diags *diags)
{
    const struct server_config *server = &m->server;
    struct rlimit limit;
    rlim_t wanted = server->tcp.max_connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return server->tcp.max_connections;
    rlim_t others = (rlim_t)OTHER_FILES + (m->http.enabled ? HTTP_FILES : 0) +
                    files_of_probes(m, limit.rlim_cur) + TIER_FILES * (rlim_t)m->n_tiers +
                    files_of_anycast(m) + 2 * (rlim_t)server->n_listen * server->workers;
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
