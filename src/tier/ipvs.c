/* SPDX-License-Identifier: Apache-2.0
 * IPVS: one virtual service of the kernel a tier, over generic netlink.
 *
 * The kernel tells nobody of changes, so the service (one message, no destinations) is looked at
 * each two seconds: it is gone as a whole when somebody flushes the table or loads the module anew.
 */
#include "tier/ipvs_internal.h"

#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 5000 /* the kernel answers at once, but for a lock that somebody holds */
#define PULSE_MS 2000

/* ---- common ---- */

int ipvs_dest_order(const void *a, const void *b)
{
    const struct ipvs_dest *x = a, *y = b;
    if (x->addr.family != y->addr.family)
        return x->addr.family < y->addr.family ? -1 : 1;
    int order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    return order ? order : (int)x->port - (int)y->port;
}

const struct ipvs_dest *ipvs_find(const struct ipvs_dest *v, size_t n, const struct ip *addr,
                                  uint16_t port)
{
    const struct ipvs_dest key = {.addr = *addr, .port = port};
    return n ? bsearch(&key, v, n, sizeof key, ipvs_dest_order) : NULL;
}

void ipvs_send(struct driver *d, struct nl_msg *msg,
               void (*message)(void *ctx, const struct nlmsghdr *message),
               void (*done)(void *ctx, int error, const char *text))
{
    const struct netlink_events events = {d, message, done};
    netlink_send(d->netlink, nlmsg_hdr(msg), REQUEST_MS, &events);
    nlmsg_free(msg);
}

static void forget(struct driver *d)
{
    d->family = 0;
    d->pulses = false;
    if (d->netlink)
        netlink_close(d->netlink);
    d->netlink = NULL;
}

void ipvs_fail(struct driver *d, const struct ipvs_error *error)
{
    forget(d);
    d->host.failed(d->host.ctx, error->reason, error->text);
}

struct serving ipvs_shown(struct serving target)
{
    if (target.serves != SERVES_READY)
        target.weight = 0;
    target.serves = SERVES_READY;
    return target;
}

/* ---- the pulse ---- */

static void on_pulse(void *ctx, const struct nlmsghdr *message)
{
    struct driver *d = ctx;
    d->pulse_exists = ipvs_read_service(&d->pulse, message);
}

static void after_pulse(void *ctx, int error, const char *said)
{
    struct driver *d = ctx;
    (void)said;
    d->pulses = false;
    bool is_gone = error == -ESRCH || error == -ENOENT;
    if (error && !is_gone)
        return; /* the next look tells */
    if (d->exists != (!is_gone && d->pulse_exists) ||
        (d->exists && ipvs_service_differs(&d->seen, &d->pulse)))
        d->host.nudge(d->host.ctx);
}

static void ipvs_pulse(struct driver *d)
{
    if (d->pulses || !d->looked || !d->netlink || !d->family)
        return;
    d->pulses = true;
    d->pulse_exists = false;
    ipvs_send(d, ipvs_ask(d->family, IPVS_CMD_GET_SERVICE, false, &d->wanted, NULL), on_pulse,
              after_pulse);
}

/* ---- life ---- */

static struct driver *ipvs_open(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->wanted = ipvs_service_of(host->spec->config);
    for (uint32_t i = 0; i < host->spec->n_members; i++)
        *vec_push(&d->members) = ipvs_dest_of(&host->spec->members[i]);
    qsort(d->members.v, d->members.n, sizeof *d->members.v, ipvs_dest_order);
    return d;
}

static void ipvs_close(struct driver *d)
{
    if (d->netlink)
        netlink_close(d->netlink);
    vec_free(&d->members);
    vec_free(&d->dests);
    free(d);
}

const struct driver_type ipvs_driver = {
    .type = TIER_IPVS,
    .shown = ipvs_shown,
    .pulse_ms = PULSE_MS,
    .open = ipvs_open,
    .observe = ipvs_observe,
    .apply = ipvs_apply,
    .pulse = ipvs_pulse,
    .close = ipvs_close,
};
