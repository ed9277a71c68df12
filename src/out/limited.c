/* SPDX-License-Identifier: Apache-2.0
 * Watching the limiter. */
#include "out/limited.h"

#include "base/log.h"

#include <inttypes.h>

static uint64_t sum(const uint64_t *v)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(((struct answer_stats *)0)->limited); i++)
        n += v[i];
    return n;
}

/* The rate is that of the last seconds: half of it is of the last. */
static void look_at(struct limited_watch *w, unsigned i, uint64_t network, uint64_t n,
                    int64_t now_ms)
{
    int64_t passed_ms = w->at_ms && now_ms > w->at_ms ? now_ms - w->at_ms : 1000;
    uint64_t before = w->seen[i].network == network && w->seen[i].n <= n ? w->seen[i].n : 0;
    double rate = (double)(n - before) * 1000 / (double)passed_ms;
    if (w->seen[i].network != network)
        w->seen[i].per_second = rate;
    w->seen[i].network = network;
    w->seen[i].n = n;
    w->seen[i].per_second = (w->seen[i].per_second + rate) / 2;
    if (n > before)
        w->seen[i].last_ms = now_ms;
}

static void write_line(struct limited_watch *w, const struct answer_stats *stats, uint64_t total,
                       int64_t now_ms)
{
    char text[IP_PREFIX_TEXT_MAX];
    struct limited_network v[LIMITER_ACTING];
    uint32_t n = limited_list(w, now_ms, v);
    bool would = sum(stats->limited) == 0;
    uint64_t more = total - w->logged;
    if (n == 0)
        log_warning("rate limit: %" PRIu64 " answers %s", more,
                    would ? "would have been kept back" : "kept back");
    else
        log_warning("rate limit: %" PRIu64 " answers %s, most of them to %s, which is over its "
                    "allowance: queries in its name may be spoofed",
                    more, would ? "would have been kept back" : "kept back",
                    ip_prefix_text(text, &v[0].network));
    w->logged = total;
    w->logged_ms = now_ms;
}

void limited_look(struct limited_watch *w, const struct limiter *l,
                  const struct answer_stats *stats, int64_t now_ms)
{
    uint64_t total = sum(stats->limited) + sum(stats->would_limit);
    for (unsigned i = 0; i < LIMITER_ACTING; i++) {
        const struct limiter_acting *a = &l->acting[i];
        uint64_t network = atomic_load_explicit(&a->network, memory_order_relaxed);
        if (network)
            look_at(w, i, network, atomic_load_explicit(&a->n, memory_order_relaxed), now_ms);
    }
    w->at_ms = now_ms;
    bool due = !w->logged_ms || now_ms - w->logged_ms >= LIMITED_LOG_MS || now_ms < w->logged_ms;
    if (total > w->logged && due)
        write_line(w, stats, total, now_ms);
}

uint32_t limited_list(const struct limited_watch *w, int64_t now_ms,
                      struct limited_network out[LIMITER_ACTING])
{
    uint32_t n = 0;
    for (unsigned i = 0; i < LIMITER_ACTING; i++) {
        if (!w->seen[i].last_ms || now_ms - w->seen[i].last_ms > LIMITED_SHOWN_MS)
            continue;
        struct limited_network one = {limiter_prefix(w->seen[i].network), w->seen[i].per_second};
        uint32_t at = n++;
        for (; at > 0 && out[at - 1].per_second < one.per_second; at--)
            out[at] = out[at - 1];
        out[at] = one;
    }
    return n;
}
