/* SPDX-License-Identifier: Apache-2.0
 * Interfaces by ioctl (netdevice(7), linux/ethtool.h, linux/if_vlan.h), changes by rtnetlink(7). */
#include "io/netif.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/vec.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int control_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static struct ifreq request_for(const char *name)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    return r;
}

static int ethtool(int fd, const char *name, void *command)
{
    struct ifreq r = request_for(name);
    r.ifr_data = command;
    return ioctl(fd, SIOCETHTOOL, &r);
}

/** Virtual devices that cannot tell have one. */
static uint32_t count_queues(int fd, const char *name)
{
    struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
    if (ethtool(fd, name, &c) != 0 || c.combined_count + c.rx_count == 0)
        return 1;
    return c.combined_count + c.rx_count;
}

static bool strips_vlan(int fd, const char *name)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
    return ethtool(fd, name, &v) == 0 && v.data & ETH_FLAG_RXVLAN;
}

/** Notes the VLAN if interface `vlan` stands on `name`. */
static void note_vlan(struct netif *n, int fd, const char *name, const char *vlan)
{
    struct vlan_ioctl_args args = {.cmd = GET_VLAN_REALDEV_NAME_CMD};
    snprintf(args.device1, sizeof args.device1, "%s", vlan);
    if (ioctl(fd, SIOCGIFVLAN, &args) != 0 || strcmp(args.u.device2, name) != 0)
        return;
    args.cmd = GET_VLAN_VID_CMD;
    if (ioctl(fd, SIOCGIFVLAN, &args) != 0 || args.u.VID <= 0 || args.u.VID >= 4096)
        return;
    n->vlan[args.u.VID / 8] |= (uint8_t)(1 << args.u.VID % 8);
    n->has_vlans = true;
}

static void read_vlans(struct netif *n, int fd, const char *name)
{
    struct if_nameindex *all = if_nameindex();
    for (struct if_nameindex *i = all; i && i->if_name; i++)
        note_vlan(n, fd, name, i->if_name);
    if (all)
        if_freenameindex(all);
}

int netif_read(struct netif *n, const char *name)
{
    *n = (struct netif){0};
    int fd = control_socket();
    struct ifreq index = request_for(name), mac = index, mtu = index;
    int code = fd < 0 || ioctl(fd, SIOCGIFINDEX, &index) != 0 ||
                       ioctl(fd, SIOCGIFHWADDR, &mac) != 0 || ioctl(fd, SIOCGIFMTU, &mtu) != 0
                   ? E_SYSTEM
                   : 0;
    if (code == 0) {
        n->index = (unsigned)index.ifr_ifindex;
        n->mtu = (uint32_t)mtu.ifr_mtu;
        memcpy(n->mac, mac.ifr_hwaddr.sa_data, sizeof n->mac);
        n->queues = count_queues(fd, name);
        n->vlan_stripped = strips_vlan(fd, name);
        read_vlans(n, fd, name);
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return code;
}

int netif_strip_vlan(const char *name, bool strip)
{
    int fd = control_socket();
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
    int code = fd < 0 || ethtool(fd, name, &v) != 0 ? E_SYSTEM : 0;
    if (code == 0) {
        v.cmd = ETHTOOL_SFLAGS;
        v.data = strip ? v.data | ETH_FLAG_RXVLAN : v.data & ~(uint32_t)ETH_FLAG_RXVLAN;
        code = ethtool(fd, name, &v) != 0 ? E_SYSTEM : 0;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return code;
}

static bool is_reachable(const struct ip *addr)
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (addr->family == IP_V4)
        return addr->b[0] != 127;
    return addr->family == IP_V6 && memcmp(addr->b, loopback, 16) != 0 &&
           !(addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80);
}

size_t netif_addresses(struct ip **out)
{
    VEC(struct ip) found = {0};
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        all = NULL;
    for (struct ifaddrs *a = all; a; a = a->ifa_next) {
        if (!a->ifa_addr || !(a->ifa_flags & IFF_UP))
            continue;
        struct ip addr = ip_from_sockaddr(a->ifa_addr, &(uint16_t){0});
        if (is_reachable(&addr))
            *vec_push(&found) = addr;
    }
    freeifaddrs(all);
    *out = found.v;
    return found.n;
}

int netif_watch(void)
{
    const struct sockaddr_nl groups = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&groups, sizeof groups) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

void netif_watched(int fd)
{
    char news[4096];
    /* What they say does not matter, nor that some were lost: all is read again. */
    while (recv(fd, news, sizeof news, MSG_TRUNC) > 0 || errno == ENOBUFS || errno == EINTR)
        ;
}
