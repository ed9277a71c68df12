/* SPDX-License-Identifier: Apache-2.0
 * Everything that IPVS has: the services, then the destinations of each. */
#include "tier/ipvs_list.h"

#include "drive/netlink.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 5000

struct reading {
    struct netlink *netlink;
    uint16_t family;
    bool is_odd; /* a message makes no sense */
    size_t at;   /* the service whose destinations are read */
    struct ipvs_list list;
    void (*done)(void *ctx, const struct ipvs_list *list, const struct ipvs_error *error);
    void *ctx;
};

void ipvs_list_free(struct ipvs_list *list)
{
    for (size_t i = 0; i < list->services.n; i++)
        vec_free(&list->services.v[i].dests);
    vec_free(&list->services);
}

/* ---- order: as ipvsadm has it ---- */

static int by_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_service(const void *a, const void *b)
{
    const struct ipvs_service *x = &((const struct ipvs_listed *)a)->service;
    const struct ipvs_service *y = &((const struct ipvs_listed *)b)->service;
    int order = by_number(x->fwmark, y->fwmark);
    if (!order)
        order = by_number(x->family, y->family);
    if (!order)
        order = by_number(x->protocol, y->protocol);
    if (!order)
        order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    return order ? order : by_number(x->port, y->port);
}

static int by_dest(const void *a, const void *b)
{
    const struct ipvs_dest *x = a, *y = b;
    int order = by_number(x->addr.family, y->addr.family);
    if (!order)
        order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    return order ? order : by_number(x->port, y->port);
}

static void sort(struct ipvs_list *list)
{
    if (list->services.n > 0)
        qsort(list->services.v, list->services.n, sizeof *list->services.v, by_service);
    for (size_t i = 0; i < list->services.n; i++)
        if (list->services.v[i].dests.n > 0)
            qsort(list->services.v[i].dests.v, list->services.v[i].dests.n,
                  sizeof *list->services.v[i].dests.v, by_dest);
}

/* ---- reading ---- */

static void end(struct reading *r, const struct ipvs_error *error)
{
    if (!error)
        sort(&r->list);
    netlink_close(r->netlink);
    r->done(r->ctx, error ? NULL : &r->list, error);
    ipvs_list_free(&r->list);
    free(r);
}

static void fail(struct reading *r, int error, const char *said)
{
    struct ipvs_error explained;
    ipvs_explain(&explained, error, said, "IPVS cannot be read");
    end(r, &explained);
}

static void ask(struct reading *r, struct nl_msg *msg,
                void (*message)(void *ctx, const struct nlmsghdr *message),
                void (*done)(void *ctx, int error, const char *text))
{
    const struct netlink_events events = {r, message, done};
    netlink_send(r->netlink, nlmsg_hdr(msg), REQUEST_MS, &events);
    nlmsg_free(msg);
}

static void on_dest(void *ctx, const struct nlmsghdr *message)
{
    struct reading *r = ctx;
    struct ipvs_listed *listed = &r->list.services.v[r->at];
    struct ipvs_dest dest;
    if (ipvs_read_dest(&dest, message, listed->service.family))
        *vec_push(&listed->dests) = dest;
    else
        r->is_odd = true;
}

static void next_service(struct reading *r);

static void after_dests(void *ctx, int error, const char *said)
{
    struct reading *r = ctx;
    if (error && error != -EINTR) { /* what has changed meanwhile may be told as it was */
        fail(r, error, said);
        return;
    }
    r->at++;
    next_service(r);
}

static void next_service(struct reading *r)
{
    if (r->is_odd)
        fail(r, -EPROTO, "");
    else if (r->at == r->list.services.n)
        end(r, NULL);
    else
        ask(r,
            ipvs_ask(r->family, IPVS_CMD_GET_DEST, true, &r->list.services.v[r->at].service, NULL),
            on_dest, after_dests);
}

static void on_service(void *ctx, const struct nlmsghdr *message)
{
    struct reading *r = ctx;
    struct ipvs_service service;
    if (ipvs_read_service(&service, message))
        vec_push(&r->list.services)->service = service;
    else
        r->is_odd = true;
}

static void after_services(void *ctx, int error, const char *said)
{
    struct reading *r = ctx;
    if (error && error != -EINTR)
        fail(r, error, said);
    else
        next_service(r);
}

static void on_info(void *ctx, const struct nlmsghdr *message)
{
    struct reading *r = ctx;
    r->is_odd |= !ipvs_read_info(&r->list.info, message);
}

static void after_info(void *ctx, int error, const char *said)
{
    struct reading *r = ctx;
    if (error)
        fail(r, error, said);
    else
        ask(r, ipvs_ask(r->family, IPVS_CMD_GET_SERVICE, true, NULL, NULL), on_service,
            after_services);
}

static void on_family(void *ctx, const struct nlmsghdr *message)
{
    struct reading *r = ctx;
    r->family = ipvs_read_family(message);
}

static void after_family(void *ctx, int error, const char *said)
{
    struct reading *r = ctx;
    if (error && error != -ENOENT) {
        fail(r, error, said);
    } else if (error || !r->family) {
        struct ipvs_error absent;
        ipvs_explain_absent(&absent);
        end(r, &absent);
    } else {
        ask(r, ipvs_ask(r->family, IPVS_CMD_GET_INFO, false, NULL, NULL), on_info, after_info);
    }
}

void ipvs_list_read(struct drive *drive,
                    void (*done)(void *ctx, const struct ipvs_list *list,
                                 const struct ipvs_error *error),
                    void *ctx)
{
    struct reading *r = xcalloc(1, sizeof *r);
    r->netlink = netlink_open(drive, NETLINK_GENERIC);
    r->done = done;
    r->ctx = ctx;
    ask(r, ipvs_ask_family(), on_family, after_family);
}
