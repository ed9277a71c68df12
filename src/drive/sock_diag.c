/* SPDX-License-Identifier: Apache-2.0
 * Connections by destination. */
#include "drive/sock_diag.h"

#include "base/vec.h"
#include "drive/netlink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS 5000
#define TRIES 3 /* of a dump that was interrupted, or whose answers were lost */

/* TIME_WAIT and the like have no process any more, and LAST_ACK, CLOSING nothing left to carry. */
#define STATES \
    (1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2)

struct sorted_dest {
    struct sock_dest dest;
    uint32_t first; /* the lowest index of those that are equal */
    uint32_t index;
};

/* A connection that is of our user: ours, unless it is a proxy's of the same user. */
struct candidate {
    uint64_t inode;
    uint32_t index;
};

struct sock_diag {
    struct netlink *netlink;
    struct sorted_dest *dests;
    uint32_t *counts;
    uint32_t n;
    uint8_t families[2], n_families, protocols[2], n_protocols;
    uint8_t pass; /* protocols x families */
    uint8_t n_tries;
    struct buf filter;
    VEC(struct candidate) candidates;
    size_t n_candidates_before; /* this pass */
    uint32_t *counts_before;    /* likewise: a pass that fails is begun again */
    uid_t uid;
    sock_diag_fn *done;
    void *ctx;
};

/* --- the filter --- */

#define CONDITIONS_MAX 64
#define ADDRESSES_MAX 16 /* above, what a condition costs for each socket is more than it saves */

static void add_condition(struct buf *out, const struct sock_dest *dest, bool is_last)
{
    uint32_t n_addr = dest->addr.family == IP_V4 ? 4 : dest->addr.family == IP_V6 ? 16 : 0;
    uint32_t size =
        (uint32_t)(sizeof(struct inet_diag_bc_op) + sizeof(struct inet_diag_hostcond)) + n_addr;
    /* Not this one: on behind the jump, or away, which is four bytes beyond the end. */
    struct inet_diag_bc_op op = {INET_DIAG_BC_D_COND, (uint8_t)size, (uint16_t)(size + 4)};
    struct inet_diag_hostcond condition = {.family = n_addr == 4 ? AF_INET
                                                     : n_addr    ? AF_INET6
                                                                 : AF_UNSPEC,
                                           .prefix_len = (uint8_t)(8 * n_addr),
                                           .port = dest->port};
    buf_add(out, &op, sizeof op);
    buf_add(out, &condition, sizeof condition);
    buf_add(out, dest->addr.b, n_addr);
    if (!is_last) {
        op = (struct inet_diag_bc_op){.code = INET_DIAG_BC_JMP, .yes = sizeof op};
        buf_add(out, &op, sizeof op); /* to the end, which is known later */
    }
}

/* Lets the jumps behind conditions lead to the end. */
static void set_jumps(struct buf *out, size_t from)
{
    for (size_t at = from; at < out->n;) {
        struct inet_diag_bc_op op;
        memcpy(&op, out->p + at, sizeof op);
        if (op.code == INET_DIAG_BC_JMP) {
            op.no = (uint16_t)(out->n - at);
            memcpy(out->p + at, &op, sizeof op);
        }
        at += op.yes;
    }
}

void sock_diag_filter(struct buf *out, const struct sock_dest *of, uint32_t n)
{
    struct sock_dest few[CONDITIONS_MAX];
    uint32_t n_few = 0;
    size_t from = out->n;
    for (uint32_t i = 0; i < n; i++) {
        struct sock_dest dest = of[i];
        uint32_t k = 0;
        if (n > ADDRESSES_MAX)
            dest.addr = (struct ip){0};
        while (k < n_few && !(few[k].port == dest.port && ip_equal(&few[k].addr, &dest.addr)))
            k++;
        if (k < n_few)
            continue;
        if (n_few == CONDITIONS_MAX)
            return;
        few[n_few++] = dest;
    }
    for (uint32_t i = 0; i < n_few; i++)
        add_condition(out, &few[i], i == n_few - 1);
    set_jumps(out, from);
}

/* --- what is asked for --- */

static int compare_dests(const void *a, const void *b)
{
    const struct sorted_dest *x = a, *y = b;
    int order = memcmp(&x->dest.addr, &y->dest.addr, sizeof x->dest.addr);
    if (order == 0)
        order = (x->dest.port > y->dest.port) - (x->dest.port < y->dest.port);
    return order;
}

static int compare_places(const void *a, const void *b)
{
    const struct sorted_dest *x = a, *y = b;
    int order = compare_dests(a, b);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void take_dests(struct sock_diag *d, const struct sock_dest *of, uint32_t n)
{
    bool has[2] = {false, false};
    d->n = n;
    d->dests = xcalloc(n + 1, sizeof *d->dests);
    d->counts = xcalloc(n + 1, sizeof *d->counts);
    d->counts_before = xcalloc(n + 1, sizeof *d->counts);
    for (uint32_t i = 0; i < n; i++) {
        d->dests[i] = (struct sorted_dest){of[i], i, i};
        has[of[i].addr.family == IP_V6] = true;
    }
    qsort(d->dests, n, sizeof *d->dests, compare_places);
    for (uint32_t i = 1; i < n; i++) {
        if (compare_dests(&d->dests[i - 1], &d->dests[i]) == 0)
            d->dests[i].first = d->dests[i - 1].first;
    }
    d->n_families = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (has[i])
            d->families[d->n_families++] = i == 0 ? AF_INET : AF_INET6;
    }
}

static void forget(struct sock_diag *d)
{
    free(d->dests);
    free(d->counts);
    free(d->counts_before);
    d->dests = NULL;
    d->counts = d->counts_before = NULL;
    d->n = 0;
    buf_free(&d->filter);
    vec_free(&d->candidates);
}

/* --- sockets of ours --- */

static int compare_inodes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct inodes {
    VEC(uint64_t) v;
};

/* Of all files that we have open. By /proc, as descriptors have no other bound than a limit that
 * may be a million; none where that cannot be read. */
static void list_inodes(struct inodes *out)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct stat st;
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && !*end && fstat((int)fd, &st) == 0 && S_ISSOCK(st.st_mode))
            *vec_push(&out->v) = st.st_ino;
    }
    closedir(dir);
    if (out->v.n)
        qsort(out->v.v, out->v.n, sizeof *out->v.v, compare_inodes);
}

static void count_candidates(struct sock_diag *d)
{
    struct inodes inodes = {0};
    if (d->candidates.n == 0)
        return;
    list_inodes(&inodes);
    for (size_t i = 0; i < d->candidates.n; i++) {
        const struct candidate *c = &d->candidates.v[i];
        if (inodes.v.n == 0 ||
            !bsearch(&c->inode, inodes.v.v, inodes.v.n, sizeof *inodes.v.v, compare_inodes))
            d->counts[c->index]++;
    }
    vec_free(&inodes.v);
}

/* --- dumps --- */

static void on_socket(void *ctx, const struct nlmsghdr *message)
{
    struct sock_diag *d = ctx;
    const struct inet_diag_msg *socket = NLMSG_DATA(message);
    struct sorted_dest key = {0};
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof *socket) || socket->idiag_inode == 0)
        return;
    bool is_v6 = socket->idiag_family == AF_INET6;
    key.dest.addr.family = is_v6 ? IP_V6 : IP_V4;
    memcpy(key.dest.addr.b, socket->id.idiag_dst, is_v6 ? 16 : 4);
    key.dest.port = ntohs(socket->id.idiag_dport);
    const struct sorted_dest *found =
        bsearch(&key, d->dests, d->n, sizeof *d->dests, compare_dests);
    if (!found)
        return;
    if (socket->idiag_uid == d->uid)
        *vec_push(&d->candidates) = (struct candidate){socket->idiag_inode, found->first};
    else
        d->counts[found->first]++;
}

static void finish(struct sock_diag *d, int error)
{
    struct sock_diag gone = *d;
    if (!error) {
        count_candidates(&gone);
        for (uint32_t i = 0; i < gone.n; i++)
            gone.counts[gone.dests[i].index] = gone.counts[gone.dests[i].first];
    }
    d->dests = NULL;
    d->counts = d->counts_before = NULL;
    d->n = 0;
    memset(&d->filter, 0, sizeof d->filter);
    memset(&d->candidates, 0, sizeof d->candidates);
    sock_diag_fn *done = d->done;
    d->done = NULL;
    done(gone.ctx, error, error ? NULL : gone.counts); /* may close d */
    forget(&gone);
}

static void dump_next(struct sock_diag *d);

static void on_dumped(void *ctx, int error, const char *text)
{
    struct sock_diag *d = ctx;
    (void)text;
    bool is_udp = d->protocols[d->pass / d->n_families] == IPPROTO_UDP;
    if (is_udp && error == -ENOENT)
        error = 0; /* no udp_diag, in a kernel where no one has asked for it */
    if ((error == -EINTR || error == -ENOBUFS) && ++d->n_tries < TRIES) {
        memcpy(d->counts, d->counts_before, d->n * sizeof *d->counts);
        d->candidates.n = d->n_candidates_before;
        dump_next(d);
        return;
    }
    d->n_tries = 0;
    if (error || ++d->pass == d->n_families * d->n_protocols)
        finish(d, error);
    else
        dump_next(d);
}

static void dump_next(struct sock_diag *d)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
        struct nlattr attribute;
    } fixed = {.header = {.nlmsg_type = SOCK_DIAG_BY_FAMILY,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
               .request = {.sdiag_family = d->families[d->pass % d->n_families],
                           .sdiag_protocol = d->protocols[d->pass / d->n_families],
                           .idiag_states = STATES},
               .attribute = {.nla_type = INET_DIAG_REQ_BYTECODE,
                             .nla_len = (uint16_t)(NLA_HDRLEN + d->filter.n)}};
    struct buf message = {0};
    struct netlink_events events = {.ctx = d, .message = on_socket, .done = on_dumped};
    size_t size = sizeof fixed + d->filter.n;
    if (d->filter.n == 0)
        size = offsetof(__typeof__(fixed), attribute);
    fixed.header.nlmsg_len = (uint32_t)size;
    buf_add(&message, &fixed, d->filter.n ? sizeof fixed : size);
    buf_add(&message, d->filter.p ? d->filter.p : "", d->filter.n);
    memcpy(d->counts_before, d->counts, d->n * sizeof *d->counts);
    d->n_candidates_before = d->candidates.n;
    netlink_send(d->netlink, (const struct nlmsghdr *)(const void *)message.p, TIMEOUT_MS, &events);
    buf_free(&message);
}

/* --- */

struct sock_diag *sock_diag_open(struct drive *drive)
{
    struct netlink *netlink = netlink_open(drive, NETLINK_SOCK_DIAG);
    if (!netlink)
        return NULL;
    struct sock_diag *d = xcalloc(1, sizeof *d);
    d->netlink = netlink;
    return d;
}

void sock_diag_count(struct sock_diag *d, const struct sock_dest *of, uint32_t n, bool udp,
                     sock_diag_fn *done, void *ctx)
{
    d->done = done;
    d->ctx = ctx;
    d->uid = geteuid();
    d->pass = d->n_tries = 0;
    d->protocols[0] = IPPROTO_TCP;
    d->protocols[1] = IPPROTO_UDP;
    d->n_protocols = udp ? 2 : 1;
    take_dests(d, of, n);
    if (d->n_families == 0) { /* there is an answer all the same, and from the loop */
        d->families[0] = AF_INET;
        d->n_families = 1;
    }
    sock_diag_filter(&d->filter, of, n);
    dump_next(d);
}

void sock_diag_close(struct sock_diag *d)
{
    netlink_close(d->netlink);
    forget(d);
    free(d);
}
