/* SPDX-License-Identifier: Apache-2.0
 * TUNs, and rtnetlink(7) for what is on them. */
#include "anycast/guard_tun.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE "/dev/net/tun"
#define NETLINK_TIMEOUT_S 2

static int failed(struct tuns *tuns, const char *fmt, ...) ATTR_PRINTF(2, 3);

static int failed(struct tuns *tuns, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(tuns->error, sizeof tuns->error, fmt, args);
    va_end(args);
    return E_SYSTEM;
}

/* ---- rtnetlink ---- */

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    };
    uint8_t attributes[128];
};

static struct request link_request(const struct tun *tun)
{
    return (struct request){.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                     .nlmsg_type = RTM_NEWLINK},
                            .link = {.ifi_family = AF_UNSPEC, .ifi_index = tun->index}};
}

/** Adds an attribute; whoever nests others within it makes it longer. */
static struct rtattr *put(struct request *r, unsigned short type, const void *p, size_t n)
{
    struct rtattr *a = (void *)((uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    if (n > 0)
        memcpy(RTA_DATA(a), p, n);
    r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + (uint32_t)RTA_SPACE(n);
    return a;
}

static void end_nest(struct request *r, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((uint8_t *)r + r->head.nlmsg_len - (uint8_t *)nest);
}

/** The answer to the request; what comes late of others is passed over. */
static int acknowledged(struct tuns *tuns)
{
    for (;;) {
        union {
            struct nlmsghdr head;
            uint8_t bytes[4096];
        } reply;
        ssize_t n = recv(tuns->netlink, &reply, sizeof reply, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return E_SYSTEM;
        if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ||
            reply.head.nlmsg_type != NLMSG_ERROR || reply.head.nlmsg_seq != tuns->sequence)
            continue;
        const struct nlmsgerr *error = NLMSG_DATA(&reply.head);
        errno = -error->error;
        return error->error == 0 ? 0 : E_SYSTEM;
    }
}

static int ask(struct tuns *tuns, struct request *r)
{
    r->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    r->head.nlmsg_seq = ++tuns->sequence;
    if (send(tuns->netlink, r, r->head.nlmsg_len, 0) < 0)
        return E_SYSTEM;
    return acknowledged(tuns);
}

/* ---- links ---- */

/** Nobody reads what is routed into it: of such frames one is kept at most. Nor does it need
 *  addresses of its own. */
static int set_link_up(struct tuns *tuns, const struct tun *tun)
{
    const uint32_t queue = 1;
    const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
    struct request r = link_request(tun);
    r.link.ifi_flags = r.link.ifi_change = IFF_UP;
    put(&r, IFLA_TXQLEN, &queue, sizeof queue);
    struct request with_mode = r;
    struct rtattr *families = put(&with_mode, IFLA_AF_SPEC, NULL, 0);
    struct rtattr *v6 = put(&with_mode, AF_INET6, NULL, 0);
    put(&with_mode, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    end_nest(&with_mode, v6);
    end_nest(&with_mode, families);
    return ask(tuns, &with_mode) == 0 ? 0 : ask(tuns, &r); /* a host without IPv6 */
}

static void set_link_down(struct tuns *tuns, const struct tun *tun)
{
    struct request r = link_request(tun);
    r.link.ifi_change = IFF_UP;
    (void)!ask(tuns, &r);
}

/** The kernel tells of a carrier that goes only up to a second after the last such news, unless
 *  somebody asks for the link's state (since 6.8) or changes something else of it (then IFF_RUNNING
 *  may still be late, and IFF_LOWER_UP is not). */
static void tell_at_once(struct tuns *tuns, const struct tun *tun)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
    struct ifreq ask_link = {.ifr_data = (void *)&value};
    memcpy(ask_link.ifr_name, tun->ifname, sizeof tun->ifname);
    (void)!ioctl(tuns->inet, SIOCETHTOOL, &ask_link);
    const char *alias = tun->carrier ? "loadstar: announced" : "loadstar: not announced";
    struct request r = link_request(tun);
    put(&r, IFLA_IFALIAS, alias, strlen(alias) + 1);
    (void)!ask(tuns, &r);
}

static int set_carrier(struct tun *tun, bool up)
{
    int value = up;
    if (ioctl(tun->fd, TUNSETCARRIER, &value) != 0)
        return E_SYSTEM;
    tun->carrier = up;
    return 0;
}

/* ---- addresses ---- */

/** Without a route of its own, and never chosen as the source of what others send. `how`: flags of
 *  an addition; 0: it goes. */
static int change_address(struct tuns *tuns, const struct tun *tun, const struct ip *ip,
                          uint16_t how)
{
    const uint32_t flags = IFA_F_NODAD | IFA_F_NOPREFIXROUTE;
    const struct ifa_cacheinfo deprecated = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};
    unsigned bits = ip_bits(ip);
    struct request r = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                                 .nlmsg_type = how ? RTM_NEWADDR : RTM_DELADDR,
                                 .nlmsg_flags = how},
                        .address = {.ifa_family = ip->family == IP_V6 ? AF_INET6 : AF_INET,
                                    .ifa_prefixlen = (uint8_t)bits,
                                    .ifa_index = (uint32_t)tun->index}};
    put(&r, IFA_LOCAL, ip->b, bits / 8);
    put(&r, IFA_ADDRESS, ip->b, bits / 8);
    put(&r, IFA_FLAGS, &flags, sizeof flags);
    if (how && ip->family == IP_V6)
        put(&r, IFA_CACHEINFO, &deprecated, sizeof deprecated);
    return ask(tuns, &r);
}

static int add_address(struct tuns *tuns, struct tun *tun, const struct ip *ip)
{
    char text[IP_TEXT_MAX];
    if (change_address(tuns, tun, ip, NLM_F_CREATE | NLM_F_EXCL) != 0)
        return failed(tuns, "cannot add %s to %s: %s%s", ip_text(text, ip), tun->ifname,
                      strerror(errno),
                      ip->family == IP_V6 && (errno == EACCES || errno == EOPNOTSUPP)
                          ? " (is IPv6 switched off? net.ipv6.conf.*.disable_ipv6)"
                          : "");
    *vec_push(&tun->addresses) = *ip;
    return 0;
}

/** Tells of them once more. zebra passes over an address that it hears of before it has taken in
 * its interface (FRR 8.4: one in five of those that were made at the same time), and never looks.
 */
static void tell_addresses(struct tuns *tuns, const struct tun *tun)
{
    for (size_t i = 0; i < tun->addresses.n; i++)
        (void)!change_address(tuns, tun, &tun->addresses.v[i], NLM_F_CREATE | NLM_F_REPLACE);
}

static bool has(const struct ip *v, size_t n, const struct ip *ip)
{
    for (size_t i = 0; i < n; i++)
        if (ip_equal(&v[i], ip))
            return true;
    return false;
}

/** New ones first: an address that goes is no reason for another not to come. */
static int follow_addresses(struct tuns *tuns, struct tun *tun, const struct ip *v, uint32_t n)
{
    int code = 0;
    for (uint32_t i = 0; i < n && code == 0; i++)
        if (!has(tun->addresses.v, tun->addresses.n, &v[i]))
            code = add_address(tuns, tun, &v[i]);
    for (size_t i = tun->addresses.n; code == 0 && i-- > 0;)
        if (!has(v, n, &tun->addresses.v[i])) {
            (void)!change_address(tuns, tun, &tun->addresses.v[i], 0);
            tun->addresses.v[i] = tun->addresses.v[--tun->addresses.n];
        }
    return code;
}

/* ---- the interface ---- */

static int refuse_device(struct tuns *tuns)
{
    static const char hidden[] = " (a unit of systemd needs contrib/systemd/anycast.conf, a "
                                 "container the device)";
    return failed(tuns, "cannot open " DEVICE ": %s%s", strerror(errno),
                  errno == ENODEV   ? " (modprobe tun)"
                  : errno == EACCES ? " (chmod 666 " DEVICE ", as udev does: it takes a capability "
                                      "to use it)"
                  : errno == ENOENT || errno == EPERM ? hidden
                                                      : "");
}

static int refuse_name(struct tuns *tuns, const char *ifname)
{
    if (errno == EBUSY || errno == EINVAL || errno == EEXIST)
        return failed(tuns,
                      "there is an interface %s already, which is somebody else's: remove it "
                      "(ip link delete %s), or rename the prefix set",
                      ifname, ifname);
    return failed(tuns, "cannot make the interface %s: %s%s", ifname, strerror(errno),
                  errno == EPERM ? " (it takes CAP_NET_ADMIN)" : "");
}

/** With IFF_TUN_EXCL nothing that is there already is ever taken over. */
static int open_device(struct tuns *tuns, struct tun *tun)
{
    struct ifreq ask_for = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL)};
    memcpy(ask_for.ifr_name, tun->ifname, sizeof tun->ifname);
    tun->fd = open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tun->fd < 0)
        return refuse_device(tuns);
    if (ioctl(tun->fd, TUNSETIFF, &ask_for) != 0)
        return refuse_name(tuns, tun->ifname);
    tun->index = (int)if_nametoindex(tun->ifname);
    if (tun->index == 0 || set_carrier(tun, false) != 0)
        return failed(tuns, "cannot set up %s: %s", tun->ifname, strerror(errno));
    return 0;
}

static void close_tun(struct tun *tun)
{
    if (tun->fd >= 0)
        close(tun->fd);
    vec_free(&tun->addresses);
}

void tuns_open(struct tuns *tuns)
{
    const struct timeval limit = {.tv_sec = NETLINK_TIMEOUT_S};
    *tuns = (struct tuns){
        .netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
        .inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
    };
    if (tuns->netlink >= 0)
        setsockopt(tuns->netlink, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

struct tun *tuns_find(struct tuns *tuns, const char *ifname)
{
    for (size_t i = 0; i < tuns->v.n; i++)
        if (strcmp(tuns->v.v[i].ifname, ifname) == 0)
            return &tuns->v.v[i];
    return NULL;
}

int tuns_set(struct tuns *tuns, const char *ifname, const struct ip *addresses, uint32_t n)
{
    struct tun *there = tuns_find(tuns, ifname);
    if (there)
        return follow_addresses(tuns, there, addresses, n);
    struct tun tun = {.fd = -1};
    snprintf(tun.ifname, sizeof tun.ifname, "%s", ifname);
    int code = open_device(tuns, &tun);
    if (code == 0)
        code = follow_addresses(tuns, &tun, addresses, n);
    if (code == 0 && set_link_up(tuns, &tun) != 0)
        code = failed(tuns, "cannot set %s up: %s", ifname, strerror(errno));
    if (code != 0)
        close_tun(&tun);
    else
        *vec_push(&tuns->v) = tun;
    return code;
}

int tuns_drop(struct tuns *tuns, const char *ifname)
{
    struct tun *tun = tuns_find(tuns, ifname);
    if (!tun)
        return 0;
    close_tun(tun);
    *tun = tuns->v.v[--tuns->v.n];
    return 0;
}

int tuns_carrier(struct tuns *tuns, const char *ifname, bool up)
{
    struct tun *tun = tuns_find(tuns, ifname);
    if (!tun)
        return failed(tuns, "there is no interface %s", ifname);
    if (set_carrier(tun, up) != 0)
        return failed(tuns, "cannot set the carrier of %s: %s", ifname, strerror(errno));
    tell_at_once(tuns, tun);
    if (up)
        tell_addresses(tuns, tun);
    return 0;
}

void tuns_down(struct tuns *tuns, bool links)
{
    for (size_t i = 0; i < tuns->v.n; i++) {
        (void)!set_carrier(&tuns->v.v[i], false);
        if (links)
            set_link_down(tuns, &tuns->v.v[i]);
        else
            tell_at_once(tuns, &tuns->v.v[i]);
    }
}

void tuns_close(struct tuns *tuns)
{
    for (size_t i = 0; i < tuns->v.n; i++)
        close_tun(&tuns->v.v[i]);
    vec_free(&tuns->v);
    if (tuns->netlink >= 0)
        close(tuns->netlink);
    if (tuns->inet >= 0)
        close(tuns->inet);
}
