/* SPDX-License-Identifier: Apache-2.0
 * What HAProxy says on its command line (runtime API; management.txt 9.3), of untrusted bytes, a
 * line at a time. Pure.
 *
 * Commands go out behind `prompt`, one a line, in one connection. In that mode the answer to each
 * begins at a line with the prompt "> ", which nothing else begins with: an answer is told from
 * the next one by it, not by empty lines, which some commands do not end with. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "tier/haproxy_columns.h"

#define HAPROXY_LINE_MAX 16384 /* tune.bufsize, which bounds what it writes as one */
#define HAPROXY_NAME_MAX 255   /* of a server; HAProxy itself knows no bound */
#define HAPROXY_SERVERS_MAX 65536
#define HAPROXY_ERROR_MAX 192

/** Whether it can be the name of a backend or a server there: letters, digits, "-_.:". Nothing else
 *  may be written into a command. */
bool haproxy_is_name(const char *text) ATTR_NONNULL ATTR_PURE;

struct haproxy_info {
    uint64_t pid; /* 0: not said */
    uint64_t uptime_s;
    char version[32]; /* "" */
    unsigned major, minor;
};

/** Takes one line of `show info`. Returns 0, or E_SYNTAX for one of ours that cannot be read. */
int haproxy_info_line(struct haproxy_info *info, const char *line) ATTR_NONNULL ATTR_MUST_USE;

/* srv_admin_state, management.txt "show servers state" */
#define HAPROXY_ADMIN_MAINT (0x01u | 0x02u | 0x04u | 0x20u | 0x40u)
#define HAPROXY_ADMIN_DRAIN (0x08u | 0x10u)
#define HAPROXY_OP_STOPPED 0

struct haproxy_server {
    uint32_t name;  /* offset into haproxy_reading.names */
    struct ip addr; /* IP_NONE: it has none (a Unix socket, a name that does not resolve) */
    uint16_t port;
    uint8_t op_state, admin_state;
    uint16_t weight, initial_weight; /* now, and by its configuration */
    bool has_tls;
    bool is_told;  /* since it was read, so that it may be something else now */
    bool has_stat; /* `show stat` has a row for it: */
    int64_t active;
    uint64_t n_total, bytes_in, bytes_out;
};

/** The answers to `prompt`, `show info`, `show servers state BACKEND`, and perhaps `show stat
 *  BACKEND 4 -1`, as they come. */
struct haproxy_reading {
    const char *backend;
    bool with_stat;
    struct haproxy_info info;
    VEC(struct haproxy_server) servers;
    struct buf names;    /* each with its NUL */
    struct strmap index; /* from names, once the servers are all there */
    unsigned answer;     /* which is being read; 0: that to `prompt` */
    unsigned line;       /* of it */
    bool is_listed;      /* the list of servers is whole */
    bool is_done;        /* all of it was there */
    bool no_backend;     /* HAProxy has none of that name */
    struct haproxy_columns columns;
    char error[HAPROXY_ERROR_MAX]; /* what is wrong with it; escaped */
};

void haproxy_reading_init(struct haproxy_reading *reading, const char *backend,
                          bool with_stat) ATTR_NONNULL;
void haproxy_reading_free(struct haproxy_reading *reading) ATTR_NONNULL;

/** Takes a line, which it may write into. Returns 0, or E_SYNTAX with reading->error, after which
 *  nothing more may be given. */
int haproxy_reading_line(struct haproxy_reading *reading, char *line) ATTR_NONNULL ATTR_MUST_USE;

static inline const char *haproxy_server_name(const struct haproxy_reading *reading,
                                              const struct haproxy_server *server)
{
    return reading->names.p + server->name;
}
/** The server of that name, or NULL; when is_done. */
struct haproxy_server *haproxy_reading_find(const struct haproxy_reading *reading,
                                            const char *name) ATTR_NONNULL;
