/* SPDX-License-Identifier: Apache-2.0
 * Netlink requests on a loop. */
#include "drive/netlink.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel makes parts of dumps as long as the longest buffer that was read with, and not longer
 * than 32 KiB (netlink_recvmsg(), netlink_dump()). */
#define RECEIVE_MAX (64u << 10)
#define READS_PER_TURN 16 /* then others on the loop have their turn */

struct request {
    struct request *next;
    struct netlink_events events;
    uint32_t timeout_ms;
    int64_t deadline_ms; /* monotonic; once it was sent */
    uint32_t sequence;
    bool is_dump, was_interrupted;
    int error; /* it could not be sent */
    uint32_t n_bytes;
    _Alignas(struct nlmsghdr) char bytes[];
};

struct queue {
    struct request *first, **end;
    uint32_t n;
};

/* A socket and its handle: they are renewed together. */
struct port {
    uv_poll_t poll;
    struct netlink *netlink;
    int fd;
};

struct netlink {
    uv_loop_t *loop;
    uv_timer_t turn;   /* sends what waits, and looks at time limits */
    struct port *port; /* NULL: to be opened when something is sent */
    struct queue waiting, sent;
    uint32_t sequence;
    int protocol;
    bool closed;
    _Alignas(struct nlmsghdr) char buffer[RECEIVE_MAX];
};

/* ---- queues ---- */

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.end = &queue->first};
}

static void queue_put(struct queue *queue, struct request *request)
{
    request->next = NULL;
    *queue->end = request;
    queue->end = &request->next;
    queue->n++;
}

static struct request *queue_take(struct queue *queue)
{
    struct request *request = queue->first;
    if (!request)
        return NULL;
    queue->first = request->next;
    if (!queue->first)
        queue->end = &queue->first;
    queue->n--;
    return request;
}

static void queue_free(struct queue *queue)
{
    for (struct request *r; (r = queue_take(queue));)
        free(r);
}

/* ---- the socket ---- */

static void on_readable(uv_poll_t *handle, int status, int events);

static int open_socket(int protocol)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    if (bind(fd, (const struct sockaddr *)&own, sizeof own) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    /* Comforts: a kernel without them answers as well. */
    const int on = 1;
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return fd;
}

static void on_port_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Returns 0 or a negative errno. */
static int port_open(struct netlink *n)
{
    int fd = open_socket(n->protocol);
    if (fd < 0)
        return fd;
    struct port *port = xcalloc(1, sizeof *port);
    port->netlink = n;
    port->fd = fd;
    port->poll.data = port;
    int error = uv_poll_init(n->loop, &port->poll, fd);
    if (error) {
        close(fd);
        free(port);
        return error;
    }
    uv_poll_start(&port->poll, UV_READABLE, on_readable);
    n->port = port;
    return 0;
}

static void port_close(struct netlink *n)
{
    struct port *port = n->port;
    if (!port)
        return;
    n->port = NULL;
    uv_poll_stop(&port->poll);
    uv_close((uv_handle_t *)&port->poll, on_port_closed);
    close(port->fd);
}

/* ---- ends of requests ---- */

static void on_turn(uv_timer_t *timer);

/* When on_turn() is to run: now, where something can be sent or has failed; else at the next time
 * limit. */
static void schedule(struct netlink *n)
{
    if (n->closed)
        return;
    const struct request *next = n->waiting.first;
    bool is_free = n->sent.n == 0 || (n->sent.n < NETLINK_WINDOW && !n->sent.first->is_dump &&
                                      next && !next->is_dump);
    if (next && is_free) {
        uv_timer_start(&n->turn, on_turn, 0, 0);
        return;
    }
    int64_t due = INT64_MAX;
    for (const struct request *r = n->sent.first; r; r = r->next)
        if (r->deadline_ms < due)
            due = r->deadline_ms;
    if (due == INT64_MAX) {
        uv_timer_stop(&n->turn);
        return;
    }
    uv_update_time(n->loop);
    int64_t left = due - clock_mono_ms();
    uv_timer_start(&n->turn, on_turn, left > 0 ? (uint64_t)left : 0, 0);
}

/* Ends the oldest request that was sent. Whether it is closed by now is the caller's to look at. */
static void finish(struct netlink *n, int error, const char *text)
{
    struct request *request = queue_take(&n->sent);
    struct netlink_events events = request->events;
    if (!error && request->was_interrupted)
        error = -EINTR;
    free(request);
    events.done(events.ctx, error, text);
}

/* Nothing that was sent can be relied on any more. */
static void fail_sent(struct netlink *n, int error)
{
    port_close(n);
    for (uint32_t left = n->sent.n; left && !n->closed; left--)
        finish(n, error, "");
}

/* ---- sending ---- */

static void send_one(struct netlink *n, struct request *request)
{
    request->deadline_ms = clock_mono_ms() + request->timeout_ms;
    queue_put(&n->sent, request);
    if (!n->port)
        request->error = port_open(n);
    if (request->error)
        return;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do
        sent = sendto(n->port->fd, request->bytes, request->n_bytes, MSG_NOSIGNAL,
                      (const struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    if (sent != (ssize_t)request->n_bytes)
        request->error = sent < 0 ? -errno : -EMSGSIZE;
}

/* Those that could not be sent have no answer that could end them. */
static void finish_unsent(struct netlink *n)
{
    while (!n->closed && n->sent.first && n->sent.first->error)
        finish(n, n->sent.first->error, "");
}

static void send_waiting(struct netlink *n)
{
    while (n->waiting.first && n->sent.n < NETLINK_WINDOW) {
        bool is_alone = n->waiting.first->is_dump || (n->sent.first && n->sent.first->is_dump);
        if (is_alone && n->sent.n)
            return;
        send_one(n, queue_take(&n->waiting));
    }
}

static bool is_overdue(const struct netlink *n)
{
    int64_t now = clock_mono_ms();
    for (const struct request *r = n->sent.first; r; r = r->next)
        if (r->deadline_ms <= now)
            return true;
    return false;
}

static void on_turn(uv_timer_t *timer)
{
    struct netlink *n = timer->data;
    if (is_overdue(n))
        fail_sent(n, -ETIMEDOUT);
    if (!n->closed)
        send_waiting(n);
    finish_unsent(n);
    schedule(n);
}

void netlink_send(struct netlink *n, const struct nlmsghdr *message, uint32_t timeout_ms,
                  const struct netlink_events *events)
{
    struct request *request = xcalloc(1, sizeof *request + message->nlmsg_len);
    memcpy(request->bytes, message, message->nlmsg_len);
    request->n_bytes = message->nlmsg_len;
    request->events = *events;
    request->timeout_ms = timeout_ms;
    request->is_dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    request->sequence = ++n->sequence;
    struct nlmsghdr *header = (struct nlmsghdr *)request->bytes;
    header->nlmsg_seq = request->sequence;
    header->nlmsg_pid = 0;
    header->nlmsg_flags |= NLM_F_REQUEST;
    if (!request->is_dump)
        header->nlmsg_flags |= NLM_F_ACK;
    queue_put(&n->waiting, request);
    schedule(n);
}

/* ---- receiving ---- */

/* Answers come in order, so one to a later request says that those before it had none. */
static void take(struct netlink *n, const struct nlmsghdr *message)
{
    struct netlink_end end;
    enum netlink_kind kind = netlink_judge(message, &end);
    if (kind == NETLINK_KIND_LOST) {
        fail_sent(n, -ENOBUFS);
        return;
    }
    const struct request *request = n->sent.first;
    while (request && request->sequence != message->nlmsg_seq)
        request = request->next;
    if (!request || kind == NETLINK_KIND_NONE)
        return;
    while (!n->closed && n->sent.first && n->sent.first->sequence != message->nlmsg_seq)
        finish(n, n->sent.first->error ? n->sent.first->error : -EPROTO, "");
    if (n->closed || !n->sent.first)
        return;
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        n->sent.first->was_interrupted = true;
    if (kind == NETLINK_KIND_END)
        finish(n, end.error, end.text);
    else if (n->sent.first->events.message)
        n->sent.first->events.message(n->sent.first->events.ctx, message);
}

static void take_all(struct netlink *n, int n_bytes)
{
    const struct port *port = n->port;
    struct nlmsghdr *message = (struct nlmsghdr *)n->buffer;
    for (; nlmsg_ok(message, n_bytes); message = nlmsg_next(message, &n_bytes)) {
        take(n, message);
        if (n->closed || n->port != port)
            return;
    }
}

/* Reads one datagram; returns whether there may be another one. Only the kernel is listened to:
 * other processes can send to our socket as well. */
static bool receive(struct netlink *n)
{
    struct sockaddr_nl from = {0};
    struct iovec iov = {.iov_base = n->buffer, .iov_len = sizeof n->buffer};
    struct msghdr header = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
    ssize_t got = recvmsg(n->port->fd, &header, MSG_DONTWAIT);
    if (got < 0) {
        if (errno == EINTR)
            return true;
        if (errno != EAGAIN)
            fail_sent(n, -errno);
        return false;
    }
    if (header.msg_namelen != sizeof from || from.nl_family != AF_NETLINK || from.nl_pid != 0)
        return true;
    if (header.msg_flags & MSG_TRUNC) {
        fail_sent(n, -EMSGSIZE);
        return false;
    }
    take_all(n, (int)got);
    return true;
}

static int socket_error(int fd)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error == 0)
        return -EIO;
    return -error;
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)events;
    const struct port *port = handle->data;
    struct netlink *n = port->netlink;
    if (status < 0) /* libuv's word for an error of the socket, which that itself knows */
        fail_sent(n, socket_error(port->fd));
    for (int i = 0; i < READS_PER_TURN && !n->closed && n->port == port; i++)
        if (!receive(n))
            break;
    if (!n->closed)
        finish_unsent(n);
    schedule(n);
}

/* ---- opening and closing ---- */

struct netlink *netlink_open(struct drive *drive, int protocol)
{
    struct netlink *n = xcalloc(1, sizeof *n);
    n->loop = drive_loop(drive);
    n->protocol = protocol;
    queue_init(&n->waiting);
    queue_init(&n->sent);
    uv_timer_init(n->loop, &n->turn);
    n->turn.data = n;
    return n;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void netlink_close(struct netlink *n)
{
    n->closed = true;
    port_close(n);
    queue_free(&n->waiting);
    queue_free(&n->sent);
    uv_close((uv_handle_t *)&n->turn, on_closed);
}
