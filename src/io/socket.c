/* SPDX-License-Identifier: Apache-2.0
 * Socket options of the query side, each with its reason. */
#include "io/socket.h"

#include "base/diag.h"
#include "base/log.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The default of 208 kB holds about 277 small datagrams: less than one scheduling delay's worth at
 * 300,000 queries a second. 4 MB hold about 5,000. */
#define UDP_RECEIVE_BUFFER (4 << 20)
/* How long a thread blocks before it looks up: bounds a grace period while queries are rare. */
#define UDP_RECEIVE_TIMEOUT_MS 250
/* A send that blocks longer than this is given up and counted: a stuck device must not stop us. */
#define UDP_SEND_TIMEOUT_MS 250
#define TCP_BACKLOG 1024
/* What the kernel keeps for one connection, which it otherwise lets grow to 4 MB of answers that
 * nobody takes and 6 MB of queries that are not read meanwhile (tcp_wmem, tcp_rmem). It doubles
 * both for its own overhead: measured, 240 and 110 kB. At 200 ms to the client that is still 1.2 MB
 * of answers a second, and 12,000 pipelined queries. */
#define TCP_SEND_BUFFER (128 << 10)
#define TCP_RECEIVE_BUFFER (128 << 10)

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static int set_timeout(int fd, int option, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, option, &tv, sizeof tv);
}

bool socket_is_wildcard(const struct ip *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->b, zero, ip_bits(addr) / 8) == 0;
}

/** Closes `fd` and keeps errno. */
static int fail(int fd)
{
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return E_SYSTEM;
}

static int bind_to(int fd, const struct ip *addr, uint16_t port)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, addr, port);
    /* Two sockets for :: and 0.0.0.0, never one for both: no mapped addresses on the query path. */
    if (addr->family == IP_V6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)
        return -1;
    /* The address may come later; taken by sockets of both families. */
    if (!socket_is_wildcard(addr) && set_int(fd, IPPROTO_IP, IP_FREEBIND, 1) != 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&sa, n);
}

static int open_socket(const struct ip *addr, int type)
{
    return socket(addr->family == IP_V4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
}

/** Asks for the receive buffer, past the system's limit if we may; says once when it is less. */
static void set_receive_buffer(int fd)
{
    static atomic_bool said;
    int got = 0;
    socklen_t n = sizeof got;
    if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_RECEIVE_BUFFER) != 0)
        set_int(fd, SOL_SOCKET, SO_RCVBUF, UDP_RECEIVE_BUFFER);
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n) != 0)
        return;
    got /= 2; /* the kernel doubles it for its own overhead */
    if (got < UDP_RECEIVE_BUFFER && !atomic_exchange(&said, true))
        log_notice(
            "the kernel grants a UDP receive buffer of %d kB instead of %d kB: bursts may be "
            "dropped; set sysctl net.core.rmem_max=%d",
            got / 1024, UDP_RECEIVE_BUFFER / 1024, UDP_RECEIVE_BUFFER);
}

/** Options that differ between the families. IP_PMTUDISC_OMIT: responses are at most 1232 bytes, so
 *  a path MTU that an attacker forged must not make us send fragments. */
static int set_family_options(int fd, const struct ip *addr)
{
    bool wildcard = socket_is_wildcard(addr);
    if (addr->family == IP_V4) {
        if (set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT) != 0)
            return -1;
        return wildcard ? set_int(fd, IPPROTO_IP, IP_PKTINFO, 1) : 0;
    }
    if (set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT) != 0)
        return -1;
    return wildcard ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : 0;
}

int socket_open_udp(int *fd, const struct ip *addr, uint16_t port)
{
    *fd = open_socket(addr, SOCK_DGRAM);
    if (*fd < 0 || set_int(*fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0 ||
        set_family_options(*fd, addr) != 0 ||
        set_timeout(*fd, SO_RCVTIMEO, UDP_RECEIVE_TIMEOUT_MS) != 0 ||
        set_timeout(*fd, SO_SNDTIMEO, UDP_SEND_TIMEOUT_MS) != 0 || bind_to(*fd, addr, port) != 0)
        return fail(*fd);
    set_receive_buffer(*fd);
    return 0;
}

int socket_open_tcp(int *fd, const struct ip *addr, uint16_t port)
{
    *fd = open_socket(addr, SOCK_STREAM | SOCK_NONBLOCK);
    /* Inherited by the connections. TCP_NODELAY: each write is a whole batch of answers. */
    if (*fd < 0 || set_int(*fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
        set_int(*fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0 ||
        set_int(*fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0 ||
        set_int(*fd, SOL_SOCKET, SO_SNDBUF, TCP_SEND_BUFFER) != 0 ||
        set_int(*fd, SOL_SOCKET, SO_RCVBUF, TCP_RECEIVE_BUFFER) != 0 ||
        bind_to(*fd, addr, port) != 0 || listen(*fd, TCP_BACKLOG) != 0)
        return fail(*fd);
    return 0;
}

int socket_probe(const struct ip *addr, uint16_t port)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        int fd = open_socket(addr, types[i]);
        if (fd < 0)
            return E_SYSTEM;
        /* Connections in TIME_WAIT do not count. On UDP, SO_REUSEADDR would hide an owner. */
        if ((types[i] == SOCK_STREAM && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) ||
            bind_to(fd, addr, port) != 0)
            return fail(fd);
        close(fd);
    }
    return 0;
}

const char *socket_error_text(char *out, size_t n, int error, uint16_t port)
{
    if (error == EADDRINUSE)
        snprintf(out, n,
                 "address already in use, by another program or a loadstard that still runs");
    else if (error == EACCES && port < 1024)
        snprintf(out, n, "permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE");
    else
        snprintf(out, n, "cannot be bound: %s", strerror(error));
    return out;
}

uint32_t socket_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) != 0)
        return 0;
    return info[SK_MEMINFO_DROPS];
}
