/* SPDX-License-Identifier: Apache-2.0
 * `rtt`: what workers measured of clients, together, page by page. */
#include "base/clock.h"
#include "base/vec.h"
#include "l4/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RTT_DEFAULT 1000

typedef VEC(struct rtt_source) rtt_list;

static int compare_networks(const void *a, const void *b)
{
    const struct rtt_source *x = a, *y = b;
    if (x->network.addr.family != y->network.addr.family)
        return x->network.addr.family < y->network.addr.family ? -1 : 1;
    return memcmp(x->network.addr.b, y->network.addr.b, sizeof x->network.addr.b);
}

static void read_all(const struct forwarder *f, rtt_list *all)
{
    struct rtt_source some[64];
    for (uint32_t w = 0; w < f->n_workers; w++) {
        uint32_t at = 0, n;
        do {
            n = rtt_sources_read(f->hands[w].rtt, some, ARRAY_LEN(some), &at);
            for (uint32_t i = 0; i < n; i++)
                *vec_push(all) = some[i];
        } while (at != 0);
    }
}

/** What several workers know of one network, together. */
static void merge(struct rtt_source *to, const struct rtt_source *from)
{
    uint64_t n = (uint64_t)to->n + from->n;
    if (n > 0)
        to->rtt_us =
            (uint32_t)(((uint64_t)to->rtt_us * to->n + (uint64_t)from->rtt_us * from->n) / n);
    to->min_us = from->min_us < to->min_us ? from->min_us : to->min_us;
    to->n = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    to->seen_ms = from->seen_ms > to->seen_ms ? from->seen_ms : to->seen_ms;
}

static void sort_and_merge(rtt_list *all)
{
    size_t kept = 0;
    if (all->n > 1)
        qsort(all->v, all->n, sizeof *all->v, compare_networks);
    for (size_t i = 0; i < all->n; i++) {
        if (kept > 0 && compare_networks(&all->v[kept - 1], &all->v[i]) == 0)
            merge(&all->v[kept - 1], &all->v[i]);
        else
            all->v[kept++] = all->v[i];
    }
    all->n = kept;
}

static json_t *rtt_document(const struct rtt_source *s, int64_t now_ms)
{
    char text[IP_PREFIX_TEXT_MAX];
    json_t *d = json_object();
    json_set_text(d, "network", ip_prefix_text(text, &s->network));
    json_set_real(d, "rtt_ms", s->rtt_us / 1000.0, 3);
    json_set_real(d, "min_ms", s->min_us / 1000.0, 3);
    json_set_int(d, "samples", s->n);
    json_set_int(d, "age_s", (now_ms - s->seen_ms) / 1000);
    return d;
}

static void answer_rtt(struct control_call *call, const rtt_list *all, uint32_t limit,
                       const struct ip_prefix *after)
{
    json_t *result = json_object(), *list = json_set_array(result, "networks");
    const struct rtt_source from = {.network = *after};
    int64_t now_ms = clock_mono_ms();
    char network[IP_PREFIX_TEXT_MAX] = "", next[IP_PREFIX_TEXT_MAX + 32];
    uint32_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (after->addr.family != IP_NONE && compare_networks(&all->v[i], &from) <= 0)
            continue;
        if (n == limit) {
            snprintf(next, sizeof next, "%zu:%s", i, network);
            json_set_text(result, "next", next);
            break;
        }
        ip_prefix_text(network, &all->v[i].network);
        json_array_append_new(list, rtt_document(&all->v[i], now_ms));
        n++;
    }
    json_set_int(result, "total", (int64_t)all->n);
    control_call_answer(call, result);
}

void command_rtt(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX], after[COMMAND_TEXT_MAX] = "";
    uint64_t limit = RTT_DEFAULT;
    struct ip_prefix from = {0};
    int code = command_page_read(object, &limit, after, error);
    const char *network = strchr(after, ':'); /* behind its number, which is of no account */
    if (code == 0 && *after && (!network || ip_prefix_parse(&from, network + 1) != 0)) {
        snprintf(error, sizeof error, "after: expected the \"next\" of the page before");
        code = E_SYNTAX;
    }
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    rtt_list all = {0};
    read_all(f, &all);
    sort_and_merge(&all);
    answer_rtt(call, &all, (uint32_t)limit, &from);
    vec_free(&all);
}
