/* SPDX-License-Identifier: Apache-2.0
 * Whose refusal "connection refused" is. */
#include "health/refusal.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static void keep_messages(int fd, enum ip_family family, int on)
{
    if (family == IP_V4)
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

void refusal_watch(int fd, enum ip_family family)
{
    keep_messages(fd, family, 1);
}

void refusal_unwatch(int fd, enum ip_family family)
{
    keep_messages(fd, family, 0);
}

bool refusal_at_once(int fd)
{
    struct pollfd p = {.fd = fd};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

static bool is_message(const struct cmsghdr *c)
{
    struct sock_extended_err e;
    if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
        !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
        return false;
    memcpy(&e, CMSG_DATA(c), sizeof e);
    return e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
}

static bool has_message(int fd)
{
    char packet[128];
    _Alignas(struct cmsghdr) char control[512];
    struct iovec iov = {packet, sizeof packet};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if (is_message(c))
            return true;
    return false;
}

/* What is sent to an address of our own has that address as its source, too, or loopback's. */
static bool is_ours(int fd, const struct ip *to)
{
    static const struct ip loopback6 = {.b = {[15] = 1}, .family = IP_V6};
    struct sockaddr_storage name = {0};
    socklen_t n = sizeof name;
    uint16_t port;
    if ((to->family == IP_V4 && to->b[0] == 127) || ip_equal(to, &loopback6))
        return true;
    if (getsockname(fd, (struct sockaddr *)&name, &n) != 0)
        return false;
    struct ip from = ip_from_sockaddr((struct sockaddr *)&name, &port);
    return ip_equal(&from, to);
}

const char *refusal_by_other(int fd, const struct ip *to, bool at_once)
{
    if (has_message(fd))
        return "by ICMP";
    if (at_once && !is_ours(fd, to))
        return "by this host";
    return NULL;
}
