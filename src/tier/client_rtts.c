/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of a tier's clients. */
#include "tier/client_rtts.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

int client_rtt_order(const void *a, const void *b)
{
    const struct client_rtt *x = a, *y = b;
    if (x->network.addr.family != y->network.addr.family)
        return x->network.addr.family < y->network.addr.family ? -1 : 1;
    return memcmp(x->network.addr.b, y->network.addr.b, sizeof x->network.addr.b);
}

/** Of one network the newest is first. */
static int by_network(const void *a, const void *b)
{
    const struct client_rtt *x = a, *y = b;
    int order = client_rtt_order(x, y);
    if (order != 0 || x->seen_ms == y->seen_ms)
        return order;
    return x->seen_ms > y->seen_ms ? -1 : 1;
}

static int by_age(const void *a, const void *b)
{
    const struct client_rtt *x = a, *y = b;
    if (x->seen_ms != y->seen_ms)
        return x->seen_ms > y->seen_ms ? -1 : 1;
    return client_rtt_order(x, y);
}

bool client_rtt_is_fresh(const struct client_rtt *rtt, int64_t now_ms)
{
    return now_ms - rtt->seen_ms < CLIENT_RTTS_FORGET_MS;
}

/** Each network once. */
static uint32_t put_in_order(struct client_rtt *v, uint32_t n)
{
    uint32_t kept = 0;
    if (n > 1)
        qsort(v, n, sizeof *v, by_network);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || client_rtt_order(&v[kept - 1], &v[i]) != 0)
            v[kept++] = v[i];
    return kept;
}

static void add(struct client_rtts *to, const struct client_rtt *rtt, int64_t now_ms)
{
    struct client_rtt *last = &to->v[to->n];
    *last = *rtt;
    if (last->seen_ms > now_ms) /* as when the clock was set back */
        last->seen_ms = now_ms;
    to->n += client_rtt_is_fresh(last, now_ms);
}

static void leave_newest(struct client_rtts *rtts)
{
    if (rtts->n <= CLIENT_RTTS_MAX)
        return;
    qsort(rtts->v, rtts->n, sizeof *rtts->v, by_age);
    rtts->n = CLIENT_RTTS_MAX;
    qsort(rtts->v, rtts->n, sizeof *rtts->v, client_rtt_order);
}

struct client_rtts *client_rtts_with(const struct client_rtts *before, struct client_rtt *news,
                                     uint32_t n, int64_t now_ms)
{
    uint32_t n_before = before ? before->n : 0, i = 0, j = 0;
    n = put_in_order(news, n);
    struct client_rtts *all = xmalloc(sizeof *all + ((size_t)n_before + n + 1) * sizeof *all->v);
    atomic_init(&all->n_holds, 1);
    all->n = 0;
    while (i < n_before || j < n) {
        int order = i == n_before ? 1 : j == n ? -1 : client_rtt_order(&before->v[i], &news[j]);
        add(all, order < 0 ? &before->v[i] : &news[j], now_ms);
        i += order <= 0;
        j += order >= 0;
    }
    leave_newest(all);
    return xrealloc(all, sizeof *all + ((size_t)all->n + 1) * sizeof *all->v);
}

struct client_rtts *client_rtts_hold(struct client_rtts *rtts)
{
    if (rtts)
        atomic_fetch_add_explicit(&rtts->n_holds, 1, memory_order_relaxed);
    return rtts;
}

void client_rtts_release(struct client_rtts *rtts)
{
    if (rtts && atomic_fetch_sub_explicit(&rtts->n_holds, 1, memory_order_acq_rel) == 1)
        free(rtts);
}
