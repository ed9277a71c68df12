/* SPDX-License-Identifier: Apache-2.0
 * The batch: a software pipeline in four stages, so that the cache misses of up to 32 queries
 * overlap instead of following each other.
 *
 *   read     parse, lower-case, hash; the index bucket is on its way
 *   probe    compare tags; the node is on its way
 *   place    compare names; of a dynamic name, find the client's class, a short loop which the
 *            processor runs for several queries at once, as they do not depend on each other
 *   respond  assemble
 *
 * With a million names in random order this costs a sixth of answering one query after another. */
#include "answer/answer.h"

#include "answer/edns.h"
#include "answer/limit.h"
#include "answer/reply.h"
#include "base/count.h"

struct task {
    uint64_t hash;
    const struct bucket *bucket;  /* NULL: no look-up */
    const struct node *candidate; /* has the right tag; NULL: none in the bucket */
    const struct node *node;      /* of the name; NULL: none */
    struct placed placed;
    bool answerable;
    struct query query;
};

static inline ATTR_ALWAYS_INLINE void read_query(struct task *t, const struct snapshot *s,
                                                 const struct answer_packet *packet)
{
    t->bucket = NULL;
    t->hash = 0;
    t->answerable = query_parse(&t->query, packet->query, packet->query_len);
    if (UNLIKELY(!t->answerable || t->query.rcode != RCODE_NOERROR))
        return;
    t->hash = index_hash(&s->index, query_name(&t->query));
    t->bucket = index_bucket(&s->index, t->hash);
    __builtin_prefetch(t->bucket);
}

static inline void probe(struct task *t, const struct snapshot *s)
{
    if (UNLIKELY(!t->bucket))
        return;
    t->candidate = index_candidate(&s->index, t->bucket, t->hash);
    if (t->candidate) {
        __builtin_prefetch(t->candidate);
        __builtin_prefetch((const uint8_t *)t->candidate + 64);
    }
}

static inline const struct node *confirm(const struct task *t, const struct snapshot *s)
{
    struct slice name = query_name(&t->query);
    if (LIKELY(t->candidate && index_is(t->candidate, name)))
        return t->candidate;
    /* A free slot ends the search; a full bucket or a wrong candidate does not. */
    if (!t->candidate && !t->bucket->offset[BUCKET_SLOTS - 1])
        return NULL;
    return index_find_hashed(&s->index, t->hash, name);
}

/* Whose class counts. */
static inline bool is_by_ecs(const struct query *q, const struct snapshot *s)
{
    return s->ecs && q->ecs_source != 0;
}

static inline ATTR_ALWAYS_INLINE void place(struct task *t, const struct snapshot *s,
                                            const struct answer_packet *packet)
{
    t->placed.table = NULL;
    if (UNLIKELY(!t->bucket))
        return;
    t->node = confirm(t, s);
    if (!t->node || !(t->node->flags & NODE_DYNAMIC))
        return;
    const struct pool_slot *slot = &s->pools[node_dynamic(t->node)->pool];
    if (UNLIKELY(!slot->clients))
        return;
    const struct ip *client = is_by_ecs(&t->query, s) ? &t->query.ecs_addr : &packet->source;
    t->placed = (struct placed){slot->clients, client, lpm_lookup(slot->clients, client)};
}

static void answer_question(struct reply *r, const struct task *t)
{
    uint16_t qclass = t->query.qclass, qtype = t->query.qtype;
    if (LIKELY(qclass == CLASS_IN && qtype != TYPE_AXFR && qtype != TYPE_IXFR)) {
        resolve(r, t->node);
        return;
    }
    if (qclass == CLASS_CH) {
        chaos_answer(r);
        return;
    }
    r->rcode = RCODE_REFUSED; /* RFC 5936 2.2.1 for transfers */
    r->ede = EDE_PROHIBITED;
    r->authoritative = false;
}

/* --- the message --- */

static inline uint32_t size_limit(const struct answer_packet *packet, const struct query *q)
{
    if (UNLIKELY(packet->tcp))
        return packet->response_max;
    uint32_t limit = q->udp_size < ANSWER_UDP_MAX ? q->udp_size : ANSWER_UDP_MAX;
    return limit < packet->response_max ? limit : packet->response_max;
}

/* Header and question are echoed: ID, opcode and RD; AD, CD and Z are not (RFC 4035 3.1.6). */
static inline ATTR_ALWAYS_INLINE void finish(struct reply *r, struct edns_options *o)
{
    const struct query *q = r->query;
    uint16_t flags = FLAG_QR | (q->flags & (15u << FLAG_OPCODE_SHIFT | FLAG_RD));
    if (r->authoritative)
        flags |= FLAG_AA;
    if (UNLIKELY(r->truncated))
        flags |= reply_cut(r);
    if (UNLIKELY(r->ede))
        *o = edns_add_error(*o, r);
    if (o->len)
        edns_put(r, *o);
    memcpy(r->base, r->packet->query, 2);
    store_u16(r->base + 2, (uint16_t)(flags | (r->rcode & 15)));
    store_u16(r->base + 4, q->question_len != 0);
    store_u16(r->base + 6, r->n_answer);
    store_u16(r->base + 8, r->n_authority);
    store_u16(r->base + 10, r->n_additional);
}

static inline void count(struct answer_stats *stats, const struct reply *r, bool sent)
{
    const struct query *q = r->query;
    unsigned rcode = r->rcode < ARRAY_LEN(stats->rcode) ? r->rcode : ARRAY_LEN(stats->rcode) - 1;
    count_add(&stats->queries[r->packet->tcp], 1);
    count_add(&stats->rcode[rcode], sent);
    count_add(&stats->edns, q->edns);
    count_add(&stats->ecs, q->ecs_len != 0);
}

/* --- what is not answered as it was asked --- */

/* A query with a fault, or none at all: the RCODE was known before. */
static __attribute__((noinline)) ATTR_COLD void respond_fault(struct reply *r,
                                                              struct edns_options *o)
{
    /* RFC 7873 5.4; with cookies off it is a query without a question. */
    static const uint8_t of_cookie[COOKIE_STATES] = {
        [COOKIE_NONE] = RCODE_FORMERR,      [COOKIE_NEW] = RCODE_NOERROR,
        [COOKIE_VALID] = RCODE_NOERROR,     [COOKIE_EXPIRED] = RCODE_BADCOOKIE,
        [COOKIE_INVALID] = RCODE_BADCOOKIE,
    };
    uint8_t tsig[REPLY_TSIG_MAX];
    uint32_t tsig_len = 0;
    enum cookie_state cookie = r->cookie.state;
    r->authoritative = false;
    if (r->rcode == QUERY_COOKIE_ONLY)
        r->rcode = of_cookie[cookie];
    else if (r->rcode == RCODE_NOTIMP)
        r->ede = EDE_NOT_SUPPORTED;
    else if (r->rcode == RCODE_NOTAUTH && !(tsig_len = reply_tsig(tsig, r)))
        r->rcode = RCODE_FORMERR;
    /* RFC 8945 5.3: with TC where the TSIG has no room. */
    if (tsig_len > (size_t)(r->end - r->p)) {
        r->truncated = true;
        tsig_len = 0;
    }
    r->end -= tsig_len;
    finish(r, o);
    if (tsig_len) {
        memcpy(r->p, tsig, tsig_len);
        r->p += tsig_len;
        store_u16(r->base + 10, ++r->n_additional);
    }
}

/* The response becomes an empty one, no longer than the query but for a server cookie. */
static void empty(struct reply *r, struct edns_options *o, enum limit_action action)
{
    const struct query *q = r->query;
    r->end += o->len;
    *o = (struct edns_options){q->edns ? EDNS_OPT_LEN : 0, 0};
    if (q->edns && q->ecs_len && r->snapshot->ecs) {
        o->what = EDNS_WITH_ECS;
        o->len += EDNS_OPTION_LEN + q->ecs_len;
    }
    r->p = r->base + DNS_HEADER_LEN + q->question_len;
    r->n_answer = r->n_authority = r->n_additional = 0;
    r->ede = 0;
    r->scope = 0;
    r->authoritative = false;
    r->truncated = action == LIMIT_TRUNCATE;
    r->rcode = action == LIMIT_TRUNCATE ? RCODE_NOERROR : RCODE_BADCOOKIE;
}

/* Some network is over its allowance, maybe this one. False: the response is not to be sent. */
static __attribute__((noinline)) ATTR_COLD bool limit_pressed(struct reply *r,
                                                              struct edns_options *o)
{
    enum limit_action action =
        limit_judge(r->ctx, &r->snapshot->limits.rate, &r->packet->source, r->cookie.state);
    if (action == LIMIT_PASS)
        return true;
    if (action == LIMIT_DROP)
        return false;
    empty(r, o, action);
    if (action == LIMIT_BADCOOKIE)
        *o = edns_add_cookie(*o, &r->cookie);
    finish(r, o);
    return true;
}

/* Charges an answer to its client's network, unless the client has shown to be there. False: it is
 * not to be sent. */
static inline bool limit_answer(struct reply *r, struct edns_options *o)
{
    struct limit *l = &r->ctx->limit;
    if (!l->active)
        return true;
    int32_t excess = (int32_t)(r->p - r->base) - (int32_t)r->packet->query_len;
    if (excess <= 0 || UNLIKELY(r->cookie.state == COOKIE_VALID))
        return true;
    limit_charge(l, &r->packet->source, (uint32_t)excess);
    return LIKELY(!l->pressed) || limit_pressed(r, o);
}

static __attribute__((noinline)) void read_cookie(struct reply *r)
{
    const struct cookie_policy *policy = &r->snapshot->limits.cookies;
    const struct answer_packet *packet = r->packet;
    if (!policy->on)
        return;
    cookie_judge(&r->cookie, policy, packet->query + r->query->cookie_at, r->query->cookie_len,
                 &packet->source, r->ctx->now_s);
    count_add(&r->ctx->stats.cookies[r->cookie.state], 1);
}

/* Members are set one by one, as most of dname[] and the cookie need not be. */
static inline void begin(struct reply *r, struct answer_ctx *ctx, const struct snapshot *s,
                         const struct answer_packet *packet, const struct task *t)
{
    const struct query *q = &t->query;
    r->base = packet->response;
    r->p = packet->response + DNS_HEADER_LEN + q->question_len;
    r->snapshot = s;
    r->ctx = ctx;
    r->query = q;
    r->packet = packet;
    r->placed = &t->placed;
    r->apex = NULL;
    r->name = query_name(q);
    r->hash = t->hash;
    r->name_at = DNS_HEADER_LEN;
    r->n_answer = r->n_authority = r->n_additional = r->ede = 0;
    r->truncated = false;
    r->scope = r->n_dnames = 0;
    r->by_ecs = is_by_ecs(q, s);
    r->authoritative = true;
    r->rcode = q->rcode;
    r->cookie.state = COOKIE_NONE;
    if (UNLIKELY(q->cookie_len))
        read_cookie(r);
}

static ATTR_COLD void drop(struct answer_ctx *ctx, struct answer_packet *packet)
{
    packet->response_len = 0;
    count_add(&ctx->stats.dropped, 1);
}

static inline ATTR_ALWAYS_INLINE void respond(struct answer_ctx *ctx, const struct snapshot *s,
                                              struct answer_packet *packet, const struct task *t,
                                              struct answer_trace *trace)
{
    const struct query *q = &t->query;
    if (UNLIKELY(!t->answerable)) {
        drop(ctx, packet);
        return;
    }
    struct reply r;
    begin(&r, ctx, s, packet, t);
    r.trace = trace;
    uint32_t limit = size_limit(packet, q), head = DNS_HEADER_LEN + q->question_len;
    struct edns_options options = edns_choose(&r);
    if (UNLIKELY(head + options.len > limit)) {
        drop(ctx, packet);
        return;
    }
    r.end = r.base + limit - options.len;
    if (LIKELY(q->question_len))
        reply_copy(r.base + DNS_HEADER_LEN, packet->query + DNS_HEADER_LEN, q->question_len);
    if (LIKELY(q->rcode == RCODE_NOERROR)) {
        answer_question(&r, t);
        finish(&r, &options);
    } else {
        respond_fault(&r, &options);
    }
    bool sent = limit_answer(&r, &options);
    count(&ctx->stats, &r, sent);
    packet->response_len = sent ? (uint32_t)(r.p - r.base) : 0;
}

void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    struct task tasks[ANSWER_BATCH];
    limit_begin(ctx, &snapshot->limits.rate);
    for (unsigned i = 0; i < n; i++)
        read_query(&tasks[i], snapshot, &packets[i]);
    for (unsigned i = 0; i < n; i++)
        probe(&tasks[i], snapshot);
    for (unsigned i = 0; i < n; i++)
        place(&tasks[i], snapshot, &packets[i]);
    for (unsigned i = 0; i < n; i++)
        respond(ctx, snapshot, &packets[i], &tasks[i], NULL);
    if (ctx->limit.n_charges)
        limit_finish(ctx, &snapshot->limits.rate);
}

void answer_explain(struct answer_ctx *ctx, const struct snapshot *snapshot,
                    struct answer_packet *packet, struct answer_trace *trace)
{
    struct task task;
    *trace = (struct answer_trace){.dynamic = false};
    ctx->limit.active = false; /* who asks for an explanation is nobody's network */
    read_query(&task, snapshot, packet);
    probe(&task, snapshot);
    place(&task, snapshot, packet);
    respond(ctx, snapshot, packet, &task, trace);
}
