/* SPDX-License-Identifier: Apache-2.0
 * Addresses by rtnetlink. */
#include "anycast/host_address.h"

#include "base/vec.h"
#include "drive/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 2000
#define RETRY_MS 5000

struct held_address {
    struct host_addresses *all;
    char interface[IF_NAMESIZE];
    struct ip address;
    uint32_t n_users; /* 0: it is removed, or to be */
    bool there, busy; /* busy: a request is under way */
    bool adds;        /* which one */
    bool keep;
    char why[160];
};

struct host_addresses {
    struct host_addresses_host host;
    struct netlink *netlink;
    VEC(struct held_address *) v;
    uv_timer_t retry;
};

static void begin(struct held_address *a);

static void forget(struct held_address *a)
{
    struct host_addresses *all = a->all;
    size_t n = 0;
    for (size_t i = 0; i < all->v.n; i++)
        if (all->v.v[i] != a)
            all->v.v[n++] = all->v.v[i];
    all->v.n = n;
    free(a);
}

static void tell(struct host_addresses *all)
{
    all->host.changed(all->host.ctx);
}

static void on_retry(uv_timer_t *timer)
{
    struct host_addresses *all = timer->data;
    for (size_t i = 0; i < all->v.n; i++)
        if (!all->v.v[i]->busy && !all->v.v[i]->there)
            begin(all->v.v[i]);
}

static void failed(struct held_address *a, int error, const char *text)
{
    const char *const how =
        error == -EPERM || error == -EACCES ? "; loadstard needs CAP_NET_ADMIN for that" : "";
    snprintf(a->why, sizeof a->why, "cannot add it to %s: %s%s", a->interface,
             *text ? text : strerror(-error), how);
    uv_timer_start(&a->all->retry, on_retry, RETRY_MS, 0);
}

/** Nobody has it any more. */
static void leave(struct held_address *a)
{
    if (a->there && !a->keep)
        begin(a);
    if (!a->busy)
        forget(a);
}

static void on_message(void *ctx, const struct nlmsghdr *message)
{
    (void)ctx, (void)message;
}

static void on_done(void *ctx, int error, const char *text)
{
    struct held_address *a = ctx;
    struct host_addresses *all = a->all;
    a->busy = false;
    if (a->adds && (error == 0 || error == -EEXIST)) {
        a->there = true;
        a->why[0] = '\0';
    } else if (a->adds) {
        failed(a, error, text);
    } else { /* also when it was gone already, or its interface */
        a->there = false;
    }
    if (a->n_users == 0)
        leave(a); /* also what was dropped while it was added */
    else if (!a->there && !a->adds)
        begin(a); /* it has been taken again meanwhile */
    tell(all);
}

/** Adds or removes it, as its users want. */
static void begin(struct held_address *a)
{
    static const struct netlink_events none = {.message = on_message, .done = on_done};
    struct netlink_events events = none;
    const struct ifaddrmsg body = {
        .ifa_family = a->address.family == IP_V4 ? AF_INET : AF_INET6,
        .ifa_prefixlen = (uint8_t)ip_bits(&a->address),
        .ifa_scope = RT_SCOPE_UNIVERSE,
        .ifa_index = if_nametoindex(a->interface),
        .ifa_flags = IFA_F_NODAD,
    };
    a->adds = a->n_users > 0;
    if (body.ifa_index == 0) {
        if (a->adds)
            failed(a, -ENODEV, "there is no such interface");
        a->there = false;
        return;
    }
    const int length = a->address.family == IP_V4 ? 4 : 16;
    struct nl_msg *message =
        nlmsg_alloc_simple(a->adds ? RTM_NEWADDR : RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK);
    if (!message || nlmsg_append(message, (void *)(uintptr_t)&body, sizeof body, NLMSG_ALIGNTO) ||
        nla_put(message, IFA_LOCAL, length, a->address.b) ||
        nla_put(message, IFA_ADDRESS, length, a->address.b))
        abort(); /* it fits; memory is out */
    if (a->adds)
        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    events.ctx = a;
    a->busy = true;
    netlink_send(a->all->netlink, nlmsg_hdr(message), TIMEOUT_MS, &events);
    nlmsg_free(message);
}

/* ---- who has them ---- */

static struct held_address *find(const struct host_addresses *all, const char *interface,
                                 const struct ip *address)
{
    for (size_t i = 0; i < all->v.n; i++)
        if (strcmp(all->v.v[i]->interface, interface) == 0 &&
            ip_equal(&all->v.v[i]->address, address))
            return all->v.v[i];
    return NULL;
}

void host_address_take(struct host_addresses *all, const char *interface, const struct ip *address)
{
    struct held_address *a = find(all, interface, address);
    if (!a) {
        a = xcalloc(1, sizeof *a);
        *a = (struct held_address){.all = all, .address = *address};
        snprintf(a->interface, sizeof a->interface, "%s", interface);
        *vec_push(&all->v) = a;
    }
    if (a->n_users++ == 0 && !a->busy && !a->there)
        begin(a);
}

void host_address_drop(struct host_addresses *all, const char *interface, const struct ip *address,
                       bool keep)
{
    struct held_address *a = find(all, interface, address);
    if (!a || a->n_users == 0 || --a->n_users > 0)
        return;
    a->keep = keep;
    if (!a->busy)
        leave(a);
}

bool host_address_there(const struct host_addresses *all, const char *interface,
                        const struct ip *address, const char **why)
{
    const struct held_address *a = find(all, interface, address);
    *why = a ? a->why : "";
    return a && a->there;
}

uint32_t host_addresses_busy(const struct host_addresses *all)
{
    uint32_t n = 0;
    for (size_t i = 0; i < all->v.n; i++)
        n += all->v.v[i]->busy;
    return n;
}

struct host_addresses *host_addresses_new(const struct host_addresses_host *host)
{
    struct host_addresses *all = xcalloc(1, sizeof *all);
    all->host = *host;
    all->netlink = netlink_open(host->drive, NETLINK_ROUTE);
    uv_timer_init(drive_loop(host->drive), &all->retry);
    all->retry.data = all;
    return all;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void host_addresses_free(struct host_addresses *all)
{
    netlink_close(all->netlink);
    for (size_t i = 0; i < all->v.n; i++)
        free(all->v.v[i]);
    vec_free(&all->v);
    uv_close((uv_handle_t *)&all->retry, on_closed);
}
