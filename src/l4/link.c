/* SPDX-License-Identifier: Apache-2.0
 * Packets between processes. */
#include "l4/link.h"

#include "base/arena.h"
#include "base/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct link {
    uv_poll_t poll; /* first */
    int fd;
    struct link_events events;
};

/* Of a packet: the file's descriptor, then the others'. */
union room {
    struct cmsghdr align;
    char bytes[CMSG_SPACE((1 + LINK_FDS_MAX) * sizeof(int))];
};

/* ---- packets ---- */

/** A file in memory with the object in it, at its begin; -1 (errno). */
static int file_of(const json_t *object)
{
    int fd = memfd_create("loadstar-l4", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (json_dumpfd(object, fd, JSON_COMPACT) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int link_send(int fd, const json_t *object, const int *fds, uint32_t n)
{
    union room room;
    char nothing = 0;
    int all[1 + LINK_FDS_MAX] = {file_of(object)};
    if (all[0] < 0)
        return E_SYSTEM;
    if (n > 0)
        memcpy(all + 1, fds, n * sizeof all[0]);
    size_t bytes = (1 + n) * sizeof all[0];
    struct iovec part = {&nothing, sizeof nothing};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(bytes)};
    memset(&room, 0, sizeof room);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(header), all, bytes);
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    int error = errno;
    close(all[0]);
    errno = error;
    return sent == sizeof nothing ? 0 : E_SYSTEM;
}

/** The descriptors of a message, at most 1 + LINK_FDS_MAX of them. */
static uint32_t descriptors_of(struct msghdr *message, int *fds)
{
    uint32_t n = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = h->cmsg_len - CMSG_LEN(0);
        memcpy(fds + n, CMSG_DATA(h), bytes);
        n += (uint32_t)(bytes / sizeof fds[0]);
    }
    return n;
}

static int read_packet(struct link_packet *packet, const int *fds, uint32_t n)
{
    packet->object = json_loadfd(fds[0], 0, NULL);
    close(fds[0]);
    packet->n = n - 1;
    memcpy(packet->fds, fds + 1, packet->n * sizeof fds[0]);
    if (json_is_object(packet->object))
        return 0;
    for (uint32_t i = 0; i < packet->n; i++)
        close(packet->fds[i]);
    json_decref(packet->object);
    return E_SYNTAX;
}

int link_receive(int fd, struct link_packet *packet)
{
    union room room;
    char nothing;
    int fds[1 + LINK_FDS_MAX];
    struct iovec part = {&nothing, sizeof nothing};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got == 0)
        return E_NOTFOUND;
    if (got < 0)
        return errno == ECONNRESET ? E_NOTFOUND : E_SYSTEM;
    uint32_t n = descriptors_of(&message, fds);
    return n > 0 ? read_packet(packet, fds, n) : E_SYNTAX;
}

/* ---- on a loop ---- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct link *link = (struct link *)poll;
    struct link_packet packet;
    (void)status, (void)events;
    int code = link_receive(link->fd, &packet);
    if (code == 0) {
        for (uint32_t i = 1; i < packet.n; i++)
            close(packet.fds[i]);
        link->events.got(link->events.arg, packet.object, packet.n ? packet.fds[0] : -1);
        json_decref(packet.object);
    } else if (code != E_SYSTEM || (errno != EAGAIN && errno != EINTR)) {
        uv_poll_stop(poll);
        link->events.ended(link->events.arg);
    }
}

struct link *link_open(uv_loop_t *loop, int fd, const struct link_events *events)
{
    struct link *link = xcalloc(1, sizeof *link);
    link->fd = fd;
    link->events = *events;
    int rc = uv_poll_init(loop, &link->poll, fd); /* makes it non-blocking */
    if (rc == 0) {
        uv_poll_start(&link->poll, UV_READABLE, on_readable);
        return link;
    }
    close(fd);
    free(link);
    errno = -rc;
    return NULL;
}

int link_fd(const struct link *link)
{
    return link->fd;
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = (struct link *)handle;
    close(link->fd);
    free(link);
}

void link_close(struct link *link)
{
    uv_close((uv_handle_t *)&link->poll, on_closed);
}
