/* SPDX-License-Identifier: Apache-2.0
 * What is behind forwarders while they are measured: as little work as can be.
 *
 *     l4_serve SOURCE ECHO DATAGRAMS
 *
 * Ports on all addresses: TCP connections that are sent to without end, TCP that gets back what it
 * sends, UDP that does. One thread, level-triggered; it keeps nothing for a connection, whose
 * descriptor and kind are the event's data. Ends with who started it. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define CHUNK 131072 /* bytes a write: what iperf3 takes */
#define BATCH 64
#define DATAGRAM_MAX 2048
#define QUEUE (4 << 20) /* bytes of the socket for datagrams: 10,000 small ones */

enum kind { LISTEN_SOURCE, LISTEN_ECHO, SOURCE, ECHO, DATAGRAMS };

static int epoll_fd;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void watch(int fd, enum kind kind, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl");
}

static int bound(int type, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        die("bind");
    return fd;
}

static void listen_at(const char *port, enum kind kind)
{
    int fd = bound(SOCK_STREAM, port), one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (listen(fd, BACKLOG) != 0)
        die("listen");
    watch(fd, kind, EPOLLIN);
}

static void take(int listener, enum kind kind)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0)
        watch(fd, kind, kind == SOURCE ? EPOLLOUT : EPOLLIN);
    else if (errno == EMFILE || errno == ENFILE)
        die("accept");
}

static void send_more(int fd)
{
    static const uint8_t zero[CHUNK];
    if (send(fd, zero, sizeof zero, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        close(fd);
}

static void send_back(int fd)
{
    uint8_t in[DATAGRAM_MAX];
    ssize_t n = recv(fd, in, sizeof in, 0);
    if (n > 0 ? send(fd, in, (size_t)n, MSG_NOSIGNAL) < 0 : n == 0 || errno != EAGAIN)
        close(fd);
}

static void send_datagrams_back(int fd)
{
    static uint8_t in[BATCH][DATAGRAM_MAX];
    static struct sockaddr_in from[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){in[i], DATAGRAM_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                              .msg_namelen = sizeof from[i],
                                              .msg_iov = &iov[i],
                                              .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, messages, BATCH, 0, NULL);
    for (int i = 0; i < n; i++)
        iov[i].iov_len = messages[i].msg_len;
    if (n > 0)
        sendmmsg(fd, messages, (unsigned)n, 0); /* what finds no room is lost, as on a network */
}

static void ready(enum kind kind, int fd)
{
    switch (kind) {
    case LISTEN_SOURCE:
        take(fd, SOURCE);
        break;
    case LISTEN_ECHO:
        take(fd, ECHO);
        break;
    case SOURCE:
        send_more(fd);
        break;
    case ECHO:
        send_back(fd);
        break;
    case DATAGRAMS:
        send_datagrams_back(fd);
        break;
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[BATCH];
    int queue = QUEUE;
    if (argc != 4) {
        fprintf(stderr, "l4_serve: see the head of its source\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    epoll_fd = epoll_create1(0);
    listen_at(argv[1], LISTEN_SOURCE);
    listen_at(argv[2], LISTEN_ECHO);
    int fd = bound(SOCK_DGRAM, argv[3]);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
    watch(fd, DATAGRAMS, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, BATCH, -1);
        for (int i = 0; i < n; i++)
            ready((enum kind)(events[i].data.u64 >> 32), (int)(uint32_t)events[i].data.u64);
    }
}
