/* SPDX-License-Identifier: Apache-2.0
 * `flows`: what workers have open, page by page.
 *
 * Worker after worker is asked, each on its own thread, for a piece at a time, which is bounded
 * whatever is open; and of those who ask one is served after the other, so that a worker has one
 * piece in a turn, however many they are. */
#include "base/digits.h"
#include "l4/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_DEFAULT 1000
#define PIECE 64 /* flows that are copied in a turn of the worker */

/** A flow with its texts: those of the record go with its member. */
struct shown {
    struct flow_record record;
    char service[L4_NAME_MAX], key[MEMBER_KEY_MAX];
};

struct flows_job {
    struct forwarder *forwarder;
    struct flows_job *next; /* waits for this one's end */
    struct control_call *call;
    json_t *list;
    uint32_t limit, n; /* flows */
    uint32_t worker;
    uint64_t at; /* its place, of worker_flows() */
    uint32_t n_piece;
    struct shown piece[PIECE];
};

static void ask_worker(struct flows_job *job);

/* ---- the page ---- */

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
    if (r->relay)
        json_set_text(d, "relay", r->relay);
    json_set_int(d, "age_ms", r->duration_ms);
    json_set_int(d, "bytes_in", (int64_t)r->bytes_in);
    json_set_int(d, "bytes_out", (int64_t)r->bytes_out);
    return d;
}

static void answer(struct flows_job *job)
{
    char next[32];
    json_t *result = json_object();
    json_object_set_new(result, "flows", job->list);
    json_set_int(result, "total", forwarder_n_flows(job->forwarder));
    snprintf(next, sizeof next, "%u:%" PRIu64, job->worker, job->at);
    if (job->worker < job->forwarder->n_workers)
        json_set_text(result, "next", next);
    control_call_answer(job->call, result);
}

/** The next one has its turn. */
static void finish(struct flows_job *job)
{
    struct forwarder *f = job->forwarder;
    answer(job);
    f->flows_jobs = job->next;
    free(job);
    if (f->flows_jobs)
        ask_worker(f->flows_jobs);
}

/* ---- its pieces ---- */

static bool is_done(const struct flows_job *job)
{
    return job->n == job->limit || job->worker == job->forwarder->n_workers ||
           job->forwarder->ending || control_call_is_gone(job->call);
}

static void on_looked(void *arg)
{
    struct flows_job *job = arg;
    for (uint32_t i = 0; i < job->n_piece; i++)
        json_array_append_new(job->list, flow_document(&job->piece[i]));
    job->n += job->n_piece;
    if (job->at == WORKER_FLOWS_END)
        job->worker++, job->at = 0;
    if (is_done(job))
        finish(job);
    else
        ask_worker(job);
}

/** On the worker's thread. */
static void look(struct worker *worker, void *arg)
{
    struct flows_job *job = arg;
    struct flow_record records[PIECE];
    uint32_t left = job->limit - job->n;
    job->n_piece = worker_flows(worker, records, left < PIECE ? left : PIECE, &job->at);
    for (uint32_t i = 0; i < job->n_piece; i++) {
        const struct flow_record *r = &records[i];
        struct shown *s = &job->piece[i];
        s->record = *r;
        snprintf(s->service, sizeof s->service, "%s", r->service ? r->service : "");
        snprintf(s->key, sizeof s->key, "%s", r->key ? r->key : "");
    }
    mailbox_post(job->forwarder->mailbox, on_looked, job);
}

static void ask_worker(struct flows_job *job)
{
    if (is_done(job)) {
        finish(job);
        return;
    }
    worker_post(job->forwarder->hands[job->worker].worker, look, job);
}

/* ---- the question ---- */

/** "WORKER:PLACE", as `next` has it. */
static bool read_place(const struct forwarder *f, const char *after, uint32_t *worker, uint64_t *at)
{
    uint64_t nth = 0;
    const char *place = strchr(after, ':');
    *worker = 0;
    *at = 0;
    if (!*after)
        return true;
    if (!place ||
        !decimal_parse(slice_of(after, (size_t)(place - after)), f->n_workers - 1, &nth) ||
        !decimal_parse(slice_str(place + 1), INT64_MAX, at))
        return false;
    *worker = (uint32_t)nth;
    return true;
}

static void begin(struct forwarder *f, struct control_call *call, uint32_t limit, uint32_t worker,
                  uint64_t at)
{
    struct flows_job *job = xcalloc(1, sizeof *job), **last = &f->flows_jobs;
    job->forwarder = f;
    job->call = call;
    job->list = json_array();
    job->limit = limit;
    job->worker = worker;
    job->at = at;
    while (*last)
        last = &(*last)->next;
    *last = job;
    if (f->flows_jobs == job)
        ask_worker(job);
}

void command_flows(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX], after[COMMAND_TEXT_MAX] = "";
    uint64_t limit = FLOWS_DEFAULT, at;
    uint32_t worker;
    int code = command_page_read(object, &limit, after, error);
    if (code == 0 && !read_place(f, after, &worker, &at)) {
        snprintf(error, sizeof error, "after: expected the \"next\" of the page before");
        code = E_SYNTAX;
    }
    if (code == 0 && f->ending) {
        snprintf(error, sizeof error, "loadstar-l4 is stopping");
        code = E_INVALID;
    }
    if (code != 0)
        control_call_fail(call, code, error);
    else
        begin(f, call, (uint32_t)limit, worker, at);
}
