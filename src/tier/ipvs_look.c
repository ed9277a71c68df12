/* SPDX-License-Identifier: Apache-2.0
 * What is there: the number of the family, the service, a dump of its destinations. */
#include "tier/ipvs_internal.h"
#include "tier/ipvs_sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ATTEMPTS 5 /* when what is looked at changes meanwhile */

static void look(struct driver *d);

/* It ends with an error, or begins anew where that can help. */
static void end_look(struct driver *d, int error, const char *said)
{
    if ((error == -EINTR || error == -ENOBUFS) && ++d->attempts < ATTEMPTS) {
        look(d);
        return;
    }
    struct ipvs_error explained;
    ipvs_explain(&explained, error, said, "cannot be read");
    ipvs_fail(d, &explained);
}

/* Flows of UDP are never active to the kernel, as nothing but time ends them: what has not expired
 * still goes to the destination. */
static int64_t sessions_of(const struct driver *d, const struct ipvs_dest *dest)
{
    bool is_udp = d->wanted.protocol == IPPROTO_UDP;
    return is_udp ? (int64_t)dest->active + dest->inactive : dest->active;
}

static struct observed observed_of(const struct driver *d, const struct ipvs_dest *dest)
{
    const struct ipvs_dest *wanted = ipvs_find(d->members.v, d->members.n, &dest->addr, dest->port);
    uint32_t weight = dest->weight < UINT16_MAX ? dest->weight : UINT16_MAX;
    return (struct observed){
        .addr = dest->addr,
        .port = dest->port,
        .serving = {SERVES_READY, (uint16_t)weight},
        .differs = wanted && ipvs_dest_differs(wanted, dest),
        .active = sessions_of(d, dest),
        .inactive = dest->inactive,
        .n_total = dest->counters.connections,
        .bytes_in = dest->counters.bytes_in,
        .bytes_out = dest->counters.bytes_out,
        .packets_in = dest->counters.packets_in,
        .packets_out = dest->counters.packets_out,
    };
}

/* One that is told a type of tunnel that it does not know takes another one. */
static void refuse_unknown_tunnels(const struct driver *d, struct observation *seen)
{
    for (size_t i = 0; i < d->dests.n; i++)
        if (d->dests.v[i].knows_tunnels)
            return;
    for (size_t i = 0; d->dests.n && i < d->members.n; i++)
        if (d->members.v[i].tunnel != IP_VS_CONN_F_TUNNEL_TYPE_IPIP)
            snprintf(seen->refused, sizeof seen->refused,
                     "the kernel has tunnels by ipip only (Linux 5.2 has gue, 5.3 gre)");
}

static void show_look(struct driver *d)
{
    struct observation seen = {
        .exists = d->exists,
        .differs = d->exists && ipvs_service_differs(&d->wanted, &d->seen),
        .v = xcalloc(d->dests.n, sizeof *seen.v),
        .n = (uint32_t)d->dests.n,
    };
    for (size_t i = 0; i < d->dests.n; i++)
        seen.v[i] = observed_of(d, &d->dests.v[i]);
    ipvs_warn(seen.note, d->host.spec->config, IPVS_SYSCTLS);
    refuse_unknown_tunnels(d, &seen);
    d->host.observed(d->host.ctx, &seen);
    free(seen.v);
}

/* A dump of what is changed meanwhile can have one of them twice. */
static void sort_dests(struct driver *d)
{
    if (d->dests.n == 0)
        return;
    qsort(d->dests.v, d->dests.n, sizeof *d->dests.v, ipvs_dest_order);
    size_t kept = 1;
    for (size_t i = 1; i < d->dests.n; i++)
        if (ipvs_dest_order(&d->dests.v[kept - 1], &d->dests.v[i]) != 0)
            d->dests.v[kept++] = d->dests.v[i];
    d->dests.n = kept;
}

static void after_look(struct driver *d)
{
    if (d->is_odd) {
        end_look(d, -EPROTO, "");
        return;
    }
    sort_dests(d);
    d->looked = true;
    d->exists = d->next_exists;
    d->seen = d->next;
    show_look(d);
}

static void on_dest(void *ctx, const struct nlmsghdr *message)
{
    struct driver *d = ctx;
    struct ipvs_dest dest;
    if (ipvs_read_dest(&dest, message, d->wanted.family))
        *vec_push(&d->dests) = dest;
    else
        d->is_odd = true;
}

static void after_dests(void *ctx, int error, const char *said)
{
    struct driver *d = ctx;
    if (error)
        end_look(d, error, said);
    else
        after_look(d);
}

static void on_service(void *ctx, const struct nlmsghdr *message)
{
    struct driver *d = ctx;
    d->next_exists = ipvs_read_service(&d->next, message);
    d->is_odd |= !d->next_exists;
}

static void after_service(void *ctx, int error, const char *said)
{
    struct driver *d = ctx;
    if (error == -ESRCH) { /* there is no such service */
        d->next_exists = false;
        after_look(d);
    } else if (error == -ENOENT && ++d->attempts < ATTEMPTS) { /* no family of that number */
        d->family = 0;
        look(d);
    } else if (error) {
        end_look(d, error, said);
    } else {
        ipvs_send(d, ipvs_ask(d->family, IPVS_CMD_GET_DEST, true, &d->wanted, NULL), on_dest,
                  after_dests);
    }
}

static void look_at_service(struct driver *d)
{
    ipvs_send(d, ipvs_ask(d->family, IPVS_CMD_GET_SERVICE, false, &d->wanted, NULL), on_service,
              after_service);
}

static void on_family(void *ctx, const struct nlmsghdr *message)
{
    struct driver *d = ctx;
    d->family = ipvs_read_family(message);
}

static void after_family(void *ctx, int error, const char *said)
{
    struct driver *d = ctx;
    if (error && error != -ENOENT) {
        end_look(d, error, said);
    } else if (error || !d->family) {
        struct ipvs_error absent;
        ipvs_explain_absent(&absent);
        ipvs_fail(d, &absent);
    } else {
        look_at_service(d);
    }
}

static void look(struct driver *d)
{
    d->is_odd = d->next_exists = false;
    d->dests.n = 0;
    if (!d->netlink)
        d->netlink = netlink_open(d->host.drive, NETLINK_GENERIC);
    if (d->family)
        look_at_service(d);
    else
        ipvs_send(d, ipvs_ask_family(), on_family, after_family);
}

void ipvs_observe(struct driver *d)
{
    d->attempts = 0;
    look(d);
}
