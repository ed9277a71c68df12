/* SPDX-License-Identifier: Apache-2.0
 * Services and members as metrics. */
#include "l4/metrics.h"

#include "base/arena.h"
#include "base/metric.h"
#include "base/strmap.h"
#include "base/vec.h"

#include <inttypes.h>
#include <string.h>

#define NAME(name) METRIC_PREFIX "l4_" name

static void labels(struct buf *out, const char *name, const char *service, const char *key,
                   const char *value)
{
    buf_puts(out, name);
    metric_label(out, "{", "service", service);
    metric_label(out, ",", key, value);
    buf_puts(out, "}");
}

static void number(struct buf *out, uint64_t n)
{
    buf_printf(out, " %" PRIu64 "\n", n);
}

static void write_results(struct buf *out, const struct registry *registry)
{
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    metric_head(out, "l4_connections_total", "counter",
                "Connections, and flows of datagrams, by what became of them.");
    for (uint32_t i = 0; i < n; i++)
        for (int r = 0; r < SERVICE_RESULTS; r++) {
            labels(out, NAME("connections_total"), services[i]->name, "result",
                   service_result_text((enum service_result)r));
            number(out, atomic_load_explicit(&services[i]->results[r], memory_order_relaxed));
        }
}

static void write_bytes(struct buf *out, const struct registry *registry)
{
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    metric_head(out, "l4_bytes_total", "counter", "Bytes from clients (in) and to them (out).");
    for (uint32_t i = 0; i < n; i++) {
        labels(out, NAME("bytes_total"), services[i]->name, "direction", "in");
        number(out, atomic_load_explicit(&services[i]->bytes_in, memory_order_relaxed));
        labels(out, NAME("bytes_total"), services[i]->name, "direction", "out");
        number(out, atomic_load_explicit(&services[i]->bytes_out, memory_order_relaxed));
    }
    metric_head(out, "l4_in_kernel", "gauge", "Connections that the kernel relays (sockhash).");
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(out, NAME("in_kernel"));
        metric_label(out, "{", "service", services[i]->name);
        buf_puts(out, "}");
        number(out, atomic_load_explicit(&services[i]->in_kernel, memory_order_relaxed));
    }
    metric_head(out, "l4_datagrams_dropped_total", "counter", "Datagrams that were not sent on.");
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(out, NAME("datagrams_dropped_total"));
        metric_label(out, "{", "service", services[i]->name);
        buf_puts(out, "}");
        number(out, atomic_load_explicit(&services[i]->dropped, memory_order_relaxed));
    }
}

/** What the registry has under one set and key. There are several when a key has another address
 *  and flows of the one before are left: what can be is added up, the rest is of the last. */
struct sum {
    uint64_t n, us;
};

struct series {
    const struct member *member;
    uint64_t active, refused, timeouts;
    struct sum connect, rtt;
};

struct all_series {
    struct arena *arena;
    struct strmap keys; /* of "SET NUL KEY" */
    VEC(struct series) v;
    int64_t now_ms;
};

static struct series *series_of(struct all_series *all, const struct member *m)
{
    size_t n_set = strlen(m->set) + 1, n_key = strlen(m->key);
    uint8_t *name = arena_alloc(all->arena, n_set + n_key);
    memcpy(name, m->set, n_set);
    memcpy(name + n_set, m->key, n_key);
    struct slice key = {name, (uint32_t)(n_set + n_key)};
    uint32_t i = strmap_add(&all->keys, key, (uint32_t)all->v.n);
    if (i == all->v.n)
        *vec_push(&all->v) = (struct series){.member = m};
    return &all->v.v[i];
}

static void sum_up(struct sum *sum, const struct quantiles *q)
{
    sum->n += atomic_load_explicit(&q->n, memory_order_relaxed);
    sum->us += atomic_load_explicit(&q->sum_us, memory_order_relaxed);
}

static void gather(struct all_series *all, const struct registry *registry)
{
    uint32_t n;
    struct member *const *members = registry_members(registry, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct member *m = members[i];
        struct series *s = series_of(all, m);
        s->active += atomic_load_explicit(&m->active, memory_order_relaxed);
        s->refused += atomic_load_explicit(&m->refused, memory_order_relaxed);
        s->timeouts += atomic_load_explicit(&m->timeouts, memory_order_relaxed);
        sum_up(&s->connect, &m->connect_us);
        sum_up(&s->rtt, &m->rtt_us);
        if (m->n_plans > 0)
            s->member = m;
    }
}

typedef void series_sample(struct buf *out, const struct series *s, int64_t now_ms);

static void each_series(struct buf *out, const struct all_series *all, series_sample *sample)
{
    for (size_t i = 0; i < all->v.n; i++)
        sample(out, &all->v.v[i], all->now_ms);
}

static void active_sample(struct buf *out, const struct series *s, int64_t now_ms)
{
    (void)now_ms;
    labels(out, NAME("active"), s->member->set, "member", s->member->key);
    number(out, s->active);
}

static void failure_sample(struct buf *out, const struct series *s, int64_t now_ms)
{
    (void)now_ms;
    labels(out, NAME("connect_failures_total"), s->member->set, "member", s->member->key);
    out->n--; /* another label */
    buf_puts(out, ",what=\"refused\"}");
    number(out, s->refused);
    labels(out, NAME("connect_failures_total"), s->member->set, "member", s->member->key);
    out->n--;
    buf_puts(out, ",what=\"timeout\"}");
    number(out, s->timeouts);
}

static void ejected_sample(struct buf *out, const struct series *s, int64_t now_ms)
{
    const struct member *m = s->member;
    labels(out, NAME("ejected"), m->set, "member", m->key);
    number(out, atomic_load_explicit(&m->ejected_until_ms, memory_order_relaxed) > now_ms);
}

/* Of none there is no quantile: NaN, as the format's own libraries have it. */
static void quantile_samples(struct buf *out, const char *name, const struct member *m,
                             const struct quantiles *q)
{
    static const struct {
        const char *text;
        double share;
    } shares[] = {{"0.5", 0.5}, {"0.9", 0.9}, {"0.99", 0.99}};
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        uint32_t us = quantiles_at(q, shares[i].share);
        labels(out, name, m->set, "member", m->key);
        out->n--;
        buf_printf(out, ",quantile=\"%s\"}", shares[i].text);
        if (us > 0)
            metric_value(out, us / 1e6);
        else
            buf_puts(out, " NaN\n");
    }
}

static void sum_samples(struct buf *out, const char *name_sum, const char *name_count,
                        const struct member *m, const struct sum *sum)
{
    labels(out, name_sum, m->set, "member", m->key);
    metric_value(out, (double)sum->us / 1e6);
    labels(out, name_count, m->set, "member", m->key);
    number(out, sum->n);
}

static void connect_samples(struct buf *out, const struct series *s, int64_t now_ms)
{
    (void)now_ms;
    quantile_samples(out, NAME("connect_seconds"), s->member, &s->member->connect_us);
    sum_samples(out, NAME("connect_seconds_sum"), NAME("connect_seconds_count"), s->member,
                &s->connect);
}

static void rtt_samples(struct buf *out, const struct series *s, int64_t now_ms)
{
    (void)now_ms;
    quantile_samples(out, NAME("rtt_seconds"), s->member, &s->member->rtt_us);
    sum_samples(out, NAME("rtt_seconds_sum"), NAME("rtt_seconds_count"), s->member, &s->rtt);
}

static void write_members(struct buf *out, const struct metrics_facts *f)
{
    struct all_series all = {.arena = arena_new(), .now_ms = f->now_ms};
    gather(&all, f->registry);
    metric_head(out, "l4_active", "gauge", "Open flows of a member.");
    each_series(out, &all, active_sample);
    metric_head(out, "l4_connect_failures_total", "counter",
                "Connects to a member that were refused, or took too long.");
    each_series(out, &all, failure_sample);
    metric_head(out, "l4_ejected", "gauge",
                "1 while a member is left out for connects that failed.");
    each_series(out, &all, ejected_sample);
    metric_head(out, "l4_connect_seconds", "summary", "How long connects to a member take.");
    each_series(out, &all, connect_samples);
    metric_head(out, "l4_rtt_seconds", "summary", "Round-trip time to a member, by TCP_INFO.");
    each_series(out, &all, rtt_samples);
    vec_free(&all.v);
    strmap_free(&all.keys);
    arena_free(all.arena);
}

static void write_states(struct buf *out, const struct plan *plan)
{
    static const char *const texts[] = {
        [MEMBER_UP] = "up", [MEMBER_DOWN] = "down", [MEMBER_DRAIN] = "drain"};
    metric_head(out, "l4_members", "gauge", "Members of a set by their state.");
    for (uint32_t i = 0; plan && i < plan->config->n_sets; i++) {
        uint64_t n[ARRAY_LEN(texts)] = {0};
        for (uint32_t m = 0; m < plan->sets[i].n_members; m++)
            n[plan->sets[i].members[m].state]++;
        for (size_t s = 0; s < ARRAY_LEN(texts); s++) {
            labels(out, NAME("members"), plan->sets[i].config->name, "state", texts[s]);
            number(out, n[s]);
        }
    }
}

void metrics_write(struct buf *out, const struct metrics_facts *f)
{
    metric_head(out, "l4_build_info", "gauge", "1, with the version.");
    metric_labelled(out, "l4_build_info", "version", f->version, 1);
    metric_gauge(out, "l4_start_time_seconds", "When it was started, since the epoch.",
                 (double)(f->started_wall_ms / 1000));
    metric_counter(out, "l4_reloads_total", "Reloads that went well.", f->n_reloads);
    metric_counter(out, "l4_reload_failures_total", "Reloads that were refused.",
                   f->n_reloads_failed);
    metric_counter(out, "l4_log_dropped_total", "Lines about connections that found no room.",
                   f->n_log_dropped);
    metric_counter(out, "l4_plans_total", "Plans that workers were given.",
                   f->plan ? f->plan->version : 0);
    write_results(out, f->registry);
    write_bytes(out, f->registry);
    write_states(out, f->plan);
    write_members(out, f);
}
