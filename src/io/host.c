/* SPDX-License-Identifier: Apache-2.0
 * Judging a configuration by what the host has. */
#include "io/host.h"

#include "base/buf.h"
#include "io/socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

bool host_has_family(const struct ip *addr)
{
    int fd = socket(addr->family == IP_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != EAFNOSUPPORT;
}

/** Tries to bind a socket, which the kernel lets only if it has the address: it knows of local
 *  routes, too, and does not count an address that is tentative. 0 or an errno. */
static int try_to_bind(const struct ip *addr)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, addr, 0);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || bind(fd, (const struct sockaddr *)&sa, n) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

/** Whether the kernel lets anyone bind anything (sysctl net.ipv4.ip_nonlocal_bind, and the like of
 *  IPv6). Nobody has the addresses that are tried: reserved (RFC 1112 4), discard-only (RFC 6666).
 */
static bool binds_anything(uint8_t family)
{
    const struct ip nobodys = family == IP_V4 ? (struct ip){.family = IP_V4, .b = {240, 0, 0, 1}}
                                              : (struct ip){.family = IP_V6, .b = {1, [15] = 1}};
    return try_to_bind(&nobodys) == 0;
}

static bool an_interface_has(const struct ip *addr)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return true;
    for (const struct ifaddrs *a = all; a && !found; a = a->ifa_next) {
        const struct ip ip = a->ifa_addr ? ip_from_sockaddr(a->ifa_addr, &(uint16_t){0})
                                         : (struct ip){.family = IP_NONE};
        found = ip_equal(&ip, addr);
    }
    freeifaddrs(all);
    return found;
}

/** Whether it is the broadcast address of a network of ours: one may be bound to it, but sending to
 *  it takes a right that a socket must ask for (ip(7), SO_BROADCAST). */
static bool is_broadcast(const struct ip *addr)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, addr, 9);
    if (addr->family != IP_V4 || socket_is_wildcard(addr) || try_to_bind(addr) != 0 ||
        binds_anything(IP_V4))
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)&sa, n) != 0 && errno == EACCES;
    if (fd >= 0)
        close(fd);
    return refused;
}

bool host_has_address(const struct ip *addr)
{
    if (socket_is_wildcard(addr))
        return true;
    int error = try_to_bind(addr);
    if (error != 0)
        return error != EADDRNOTAVAIL;
    return !binds_anything(addr->family) || an_interface_has(addr);
}

static void check_family(const struct server_config *server, const struct listen_addr *l,
                         struct diags *diags)
{
    bool wildcard = socket_is_wildcard(&l->addr), alone = true;
    char where[IP_PORT_TEXT_MAX];
    ip_port_text(where, &l->addr, l->port);
    for (uint32_t i = 0; i < server->n_listen; i++)
        alone = alone && server->listen[i].addr.family == IP_V6;
    if (!wildcard || alone)
        diag_error(diags, l->span,
                   "%s: the kernel of this machine has no IPv6, expected IPv4 addresses alone",
                   where);
    else if (l->span.file) /* else it is the default */
        diag_warning(diags, l->span, "%s is passed over: the kernel of this machine has no IPv6",
                     where);
}

static void check_address(const struct model *model, const struct listen_addr *l,
                          struct diags *diags)
{
    char where[IP_PORT_TEXT_MAX];
    ip_port_text(where, &l->addr, l->port);
    if (is_broadcast(&l->addr))
        diag_error(diags, l->span,
                   "%s is the broadcast address of a network of this machine, expected an address "
                   "of its own",
                   where);
    else if (!model_brings_address(model, &l->addr) && !host_has_address(&l->addr))
        diag_warning(diags, l->span,
                     "%s: no interface of this machine has this address yet: it is answered on "
                     "once one has",
                     where);
}

static const char *list_interfaces(struct buf *out)
{
    struct if_nameindex *all = if_nameindex();
    for (const struct if_nameindex *i = all; i && i->if_name; i++)
        buf_printf(out, "%s%s", i == all ? "" : ", ", i->if_name);
    if (all)
        if_freenameindex(all);
    return out->p ? out->p : "none";
}

static void check_interface(const struct xdp_interface *interface, struct diags *diags)
{
    struct buf list = {0};
    if (if_nametoindex(interface->name) == 0 && errno == ENODEV)
        diag_error(diags, interface->span,
                   "there is no network interface '%s' on this machine, expected one of: %s",
                   interface->name, list_interfaces(&list));
    buf_free(&list);
}

int host_check(const struct model *model, struct diags *diags)
{
    const struct server_config *server = &model->server;
    unsigned before = diags->n_errors;
    for (uint32_t i = 0; i < server->n_listen; i++) {
        const struct listen_addr *l = &server->listen[i];
        if (!host_has_family(&l->addr))
            check_family(server, l, diags);
        else
            check_address(model, l, diags);
    }
    for (uint32_t i = 0; i < server->xdp.n_interfaces; i++)
        check_interface(&server->xdp.interfaces[i], diags);
    return diags->n_errors == before ? 0 : E_INVALID;
}
