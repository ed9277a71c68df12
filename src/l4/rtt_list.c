/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of clients, of all workers together. */
#include "l4/rtt_list.h"

#include "control/json.h"

#include <stdlib.h>
#include <string.h>

void rtt_list_add(struct rtt_list *list, const struct rtt_sources *sources)
{
    struct rtt_source some[64];
    uint32_t at = 0;
    do {
        uint32_t n = rtt_sources_read(sources, some, ARRAY_LEN(some), &at);
        for (uint32_t i = 0; i < n; i++)
            *vec_push(&list->all) = some[i];
    } while (at != 0);
}

void rtt_list_free(struct rtt_list *list)
{
    vec_free(&list->all);
}

int rtt_list_compare(const void *a, const void *b)
{
    const struct rtt_source *x = a, *y = b;
    if (x->network.addr.family != y->network.addr.family)
        return x->network.addr.family < y->network.addr.family ? -1 : 1;
    return memcmp(x->network.addr.b, y->network.addr.b, sizeof x->network.addr.b);
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

void rtt_list_merge(struct rtt_list *list)
{
    struct rtt_source *v = list->all.v;
    size_t kept = 0;
    if (list->all.n > 1)
        qsort(v, list->all.n, sizeof *v, rtt_list_compare);
    for (size_t i = 0; i < list->all.n; i++) {
        if (kept > 0 && rtt_list_compare(&v[kept - 1], &v[i]) == 0)
            merge(&v[kept - 1], &v[i]);
        else
            v[kept++] = v[i];
    }
    list->all.n = kept;
}

static int by_age(const void *a, const void *b)
{
    const struct rtt_source *x = a, *y = b;
    if (x->seen_ms != y->seen_ms)
        return x->seen_ms > y->seen_ms ? -1 : 1;
    return rtt_list_compare(a, b);
}

void rtt_list_newest(struct rtt_list *list, int64_t since_ms, uint32_t max)
{
    struct rtt_source *v = list->all.v;
    size_t kept = 0;
    for (size_t i = 0; i < list->all.n; i++)
        if (v[i].seen_ms >= since_ms)
            v[kept++] = v[i];
    if (kept > 1)
        qsort(v, kept, sizeof *v, by_age);
    list->all.n = kept < max ? kept : max;
}

json_t *rtt_source_document(const struct rtt_source *s, int64_t now_ms)
{
    char text[IP_PREFIX_TEXT_MAX];
    json_t *d = json_object();
    json_set_text(d, "network", ip_prefix_text(text, &s->network));
    json_set_real(d, "rtt_ms", s->rtt_us / 1000.0, 3);
    json_set_real(d, "min_ms", s->min_us / 1000.0, 3);
    json_set_int(d, "samples", s->n);
    json_set_int(d, "age_s", now_ms > s->seen_ms ? (now_ms - s->seen_ms) / 1000 : 0);
    return d;
}
