/* SPDX-License-Identifier: Apache-2.0
 * Datagrams that claim to come from where a listener of ours is: answers to them would come back as
 * questions, for ever. */
#include "l4/udp.h"

#include <errno.h>
#include <unistd.h>

/** IPv4: what can be bound and connected to itself. Where any address can be bound
 *  (ip_nonlocal_bind), only one of this host's can be sent from. */
static bool is_bound_here(int fd, struct sockaddr_in name)
{
    struct sockaddr_in any_port = name;
    any_port.sin_port = 0;
    if (bind(fd, (const struct sockaddr *)&any_port, sizeof any_port) != 0)
        return errno != EADDRNOTAVAIL;
    return connect(fd, (const struct sockaddr *)&name, sizeof name) == 0;
}

/** IPv6: an address of this host is reached from itself (RFC 6724 5, rule 1). */
static bool is_reached_from_itself(int fd, const struct sockaddr_in6 *name)
{
    struct sockaddr_in6 from;
    socklen_t n = sizeof from;
    return connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 ||
           getsockname(fd, (struct sockaddr *)&from, &n) != 0 ||
           memcmp(&from.sin6_addr, &name->sin6_addr, sizeof from.sin6_addr) == 0;
}

/** Whether the client's address is one of this host's, as it is now: they come and go (VRRP). True
 *  also where that cannot be found out: there would be no socket for a flow either. */
static bool is_of_host(const struct udp_key *key, bool v6)
{
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is;
    if (fd < 0)
        return true;
    if (v6) {
        struct sockaddr_in6 name = {
            .sin6_family = AF_INET6, .sin6_port = key->port_be, .sin6_scope_id = key->scope};
        memcpy(&name.sin6_addr, key->client, sizeof name.sin6_addr);
        is = is_reached_from_itself(fd, &name);
    } else {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = key->port_be};
        memcpy(&name.sin_addr, key->client, sizeof name.sin_addr);
        is = is_bound_here(fd, name);
    }
    close(fd);
    return is;
}

/** Clients that have the port of a listener on all addresses (NTP) are looked at once a flow. */
bool udp_is_answerable(const struct udp *udp, const struct udp_listener *listener,
                       const struct udp_key *key)
{
    bool has_port_of_all = false;
    if (key->port_be == 0)
        return false;
    for (uint32_t i = 0; i < udp->n_listeners; i++) {
        const struct udp_listener *l = udp->listeners[i];
        if (l->fd < 0 || l->v6 != listener->v6 || htons(l->port) != key->port_be)
            continue;
        if (!l->wildcard && memcmp(l->addr->b, key->client, sizeof key->client) == 0)
            return false;
        has_port_of_all |= l->wildcard;
    }
    return !has_port_of_all || !is_of_host(key, listener->v6);
}
