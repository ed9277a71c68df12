/* SPDX-License-Identifier: Apache-2.0
 * `flows` and `rtt`: what workers have open, and what they measured, page by page. */
#include "base/clock.h"
#include "base/vec.h"
#include "l4/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 10000
#define FLOWS_DEFAULT 1000
#define RTT_DEFAULT 1000

/* ---- flows: worker after worker is asked, each on its own thread ---- */

/** A flow with its texts: those of the record go with its member. */
struct shown {
    struct flow_record record;
    char service[L4_NAME_MAX], key[MEMBER_KEY_MAX];
};

struct flows_job {
    struct forwarder *forwarder;
    struct control_call *call;
    uint32_t limit, n; /* flows */
    uint32_t worker, skip;
    bool is_full;
    struct shown *v;
};

static void answer_flows(struct flows_job *job);
static void ask_worker(struct flows_job *job);

static void on_flows(void *arg)
{
    struct flows_job *job = arg;
    if (!job->is_full)
        job->worker++, job->skip = 0;
    if (job->is_full || job->worker == job->forwarder->n_workers)
        answer_flows(job);
    else
        ask_worker(job);
}

/** On the worker's thread. */
static void look(struct worker *worker, void *arg)
{
    struct flows_job *job = arg;
    struct flow_record records[64];
    uint32_t n = ARRAY_LEN(records);
    while (job->n < job->limit && n == ARRAY_LEN(records)) {
        uint32_t left = job->limit - job->n;
        uint32_t max = left < ARRAY_LEN(records) ? left : ARRAY_LEN(records);
        n = worker_flows(worker, records, max, job->skip);
        for (uint32_t i = 0; i < n; i++) {
            struct shown *s = &job->v[job->n++];
            s->record = records[i];
            snprintf(s->service, sizeof s->service, "%s",
                     records[i].service ? records[i].service : "");
            snprintf(s->key, sizeof s->key, "%s", records[i].key ? records[i].key : "");
        }
        job->skip += n;
    }
    job->is_full = job->n == job->limit;
    mailbox_post(job->forwarder->mailbox, on_flows, job);
}

static void ask_worker(struct flows_job *job)
{
    worker_post(job->forwarder->hands[job->worker].worker, look, job);
}

static void set_place(json_t *d, const char *key, const struct ip *ip, uint16_t port)
{
    char text[IP_PORT_TEXT_MAX];
    if (ip->family != IP_NONE)
        json_set_text(d, key, ip_port_text(text, ip, port));
}

static json_t *flow_document(const struct shown *s)
{
    const struct flow_record *r = &s->record;
    json_t *d = json_object();
    json_set_text(d, "service", s->service);
    json_set_text(d, "protocol", r->udp ? "udp" : "tcp");
    set_place(d, "client", &r->client, r->client_port);
    set_place(d, "local", &r->local, r->local_port);
    json_set_text(d, "member", s->key);
    set_place(d, "address", &r->member, r->member_port);
    json_set_time(d, "begun", r->begun_ms);
    json_set_int(d, "age_ms", r->duration_ms);
    json_set_int(d, "bytes_in", (int64_t)r->bytes_in);
    json_set_int(d, "bytes_out", (int64_t)r->bytes_out);
    return d;
}

static void answer_flows(struct flows_job *job)
{
    char next[32];
    json_t *result = json_object(), *list = json_set_array(result, "flows");
    for (uint32_t i = 0; i < job->n; i++)
        json_array_append_new(list, flow_document(&job->v[i]));
    json_set_int(result, "total", forwarder_n_flows(job->forwarder));
    snprintf(next, sizeof next, "%u:%u", job->worker, job->skip);
    if (job->is_full)
        json_set_text(result, "next", next);
    control_call_answer(job->call, result);
    free(job->v);
    free(job);
}

/** "WORKER:SKIP", as `next` has it. */
static bool read_place(struct flows_job *job, const char *after)
{
    int n = 0;
    if (!*after)
        return true;
    return sscanf(after, "%9u:%9u%n", &job->worker, &job->skip, &n) == 2 && !after[n] &&
           job->worker < job->forwarder->n_workers;
}

static int read_page(const json_t *object, uint64_t *limit, char *after,
                     char error[COMMAND_ERROR_MAX])
{
    const struct command_arg args[] = {
        {.key = "limit", .kind = ARG_NUMBER, .to = limit, .max = LIMIT_MAX},
        {.key = "after", .kind = ARG_TEXT, .to = after},
        {0},
    };
    int code = command_args_read(object, args, error);
    if (code == 0 && *limit == 0) {
        snprintf(error, COMMAND_ERROR_MAX, "limit: expected a number from 1 to %d", LIMIT_MAX);
        code = E_RANGE;
    }
    return code;
}

void command_flows(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX], after[COMMAND_TEXT_MAX] = "";
    uint64_t limit = FLOWS_DEFAULT;
    int code = read_page(object, &limit, after, error);
    struct flows_job at = {.forwarder = f, .call = call, .limit = (uint32_t)limit};
    if (code == 0 && !read_place(&at, after)) {
        snprintf(error, sizeof error, "after: expected the \"next\" of the page before");
        code = E_SYNTAX;
    }
    if (code == 0 && f->ending) {
        snprintf(error, sizeof error, "loadstar-l4 is stopping");
        code = E_INVALID;
    }
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    struct flows_job *job = xcalloc(1, sizeof *job);
    *job = at;
    job->v = xcalloc(job->limit, sizeof *job->v);
    ask_worker(job);
}

/* ---- round-trip times of clients ---- */

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
    int code = read_page(object, &limit, after, error);
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
