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

#include "answer/reply.h"
#include "base/count.h"

#define OPT_LEN 11
#define OPTION_LEN 4 /* code, length */

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
    r->authoritative = false;
}

/* --- EDNS --- */

/* What goes into the OPT. */
struct options {
    uint32_t len; /* of the whole OPT RR; 0: none */
    bool ecs, nsid, keepalive;
};

static inline struct options choose_options(const struct query *q, const struct snapshot *s,
                                            bool tcp, uint32_t room)
{
    struct options o = {0};
    if (!q->edns)
        return o;
    o.len = OPT_LEN;
    if (UNLIKELY(q->rcode != RCODE_NOERROR))
        return o;
    if (q->ecs_len && s->ecs) {
        o.ecs = true;
        o.len += OPTION_LEN + q->ecs_len;
    }
    if (UNLIKELY(q->keepalive && tcp)) {
        o.keepalive = true;
        o.len += OPTION_LEN + 2;
    }
    if (UNLIKELY(q->nsid && s->identity.n && o.len + OPTION_LEN + s->identity.n <= room)) {
        o.nsid = true;
        o.len += OPTION_LEN + s->identity.n;
    }
    return o;
}

static inline uint8_t *put_option(uint8_t *p, uint16_t code, uint32_t len)
{
    store_u16(p, code);
    store_u16(p + 2, (uint16_t)len);
    return p + OPTION_LEN;
}

/* Room was kept by choose_options(). */
static inline void put_opt(struct reply *r, const struct options *o)
{
    const struct query *q = r->query;
    uint8_t *p = r->p;
    p[0] = 0;
    store_u16(p + 1, TYPE_OPT);
    store_u16(p + 3, ANSWER_UDP_MAX);
    store_u32(p + 5, (uint32_t)r->rcode >> 4 << 24 | (q->dnssec_ok ? 0x8000 : 0));
    store_u16(p + 9, (uint16_t)(o->len - OPT_LEN));
    p += OPT_LEN;
    if (o->ecs) {
        p = put_option(p, EDNS_CLIENT_SUBNET, q->ecs_len);
        reply_copy(p, r->packet->query + q->ecs_at, q->ecs_len);
        p[3] = r->scope;
        p += q->ecs_len;
    }
    if (UNLIKELY(o->nsid)) {
        p = put_option(p, EDNS_NSID, r->snapshot->identity.n);
        memcpy(p, r->snapshot->identity.p, r->snapshot->identity.n);
        p += r->snapshot->identity.n;
    }
    if (UNLIKELY(o->keepalive)) {
        p = put_option(p, EDNS_TCP_KEEPALIVE, 2);
        store_u16(p, r->ctx->keepalive_100ms);
        p += 2;
    }
    r->p = p;
    r->n_additional++;
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
static inline void finish(struct reply *r, const struct options *o)
{
    const struct query *q = r->query;
    uint16_t flags = FLAG_QR | (q->flags & (15u << FLAG_OPCODE_SHIFT | FLAG_RD));
    if (r->authoritative)
        flags |= FLAG_AA;
    if (UNLIKELY(r->truncated)) {
        flags |= FLAG_TC;
        r->p = r->base + DNS_HEADER_LEN + q->question_len;
        r->n_answer = r->n_authority = r->n_additional = 0;
        count_add(&r->ctx->stats.truncated, 1);
    }
    if (o->len)
        put_opt(r, o);
    memcpy(r->base, r->packet->query, 2);
    store_u16(r->base + 2, (uint16_t)(flags | (r->rcode & 15)));
    store_u16(r->base + 4, q->question_len != 0);
    store_u16(r->base + 6, r->n_answer);
    store_u16(r->base + 8, r->n_authority);
    store_u16(r->base + 10, r->n_additional);
}

static inline void count(struct answer_stats *stats, const struct reply *r)
{
    const struct query *q = r->query;
    unsigned rcode = r->rcode < ARRAY_LEN(stats->rcode) ? r->rcode : ARRAY_LEN(stats->rcode) - 1;
    count_add(&stats->queries[r->packet->tcp], 1);
    count_add(&stats->rcode[rcode], 1);
    count_add(&stats->edns, q->edns);
    count_add(&stats->ecs, q->ecs_len != 0);
}

static inline ATTR_ALWAYS_INLINE void respond(struct answer_ctx *ctx, const struct snapshot *s,
                                              struct answer_packet *packet, const struct task *t,
                                              struct answer_trace *trace)
{
    const struct query *q = &t->query;
    packet->response_len = 0;
    if (UNLIKELY(!t->answerable)) {
        count_add(&ctx->stats.dropped, 1);
        return;
    }
    uint32_t limit = size_limit(packet, q), head = DNS_HEADER_LEN + q->question_len;
    struct options options = choose_options(q, s, packet->tcp, limit - head);
    if (UNLIKELY(head + options.len > limit)) {
        count_add(&ctx->stats.dropped, 1);
        return;
    }
    struct reply r = {
        .base = packet->response,
        .p = packet->response + head,
        .end = packet->response + limit - options.len,
        .snapshot = s,
        .ctx = ctx,
        .query = q,
        .packet = packet,
        .trace = trace,
        .name = query_name(q),
        .hash = t->hash,
        .name_at = DNS_HEADER_LEN,
        .rcode = q->rcode,
        .placed = &t->placed,
        .by_ecs = is_by_ecs(q, s),
    };
    if (LIKELY(q->question_len))
        reply_copy(r.base + DNS_HEADER_LEN, packet->query + DNS_HEADER_LEN, q->question_len);
    if (LIKELY(q->rcode == RCODE_NOERROR)) {
        r.authoritative = true;
        answer_question(&r, t);
    }
    finish(&r, &options);
    count(&ctx->stats, &r);
    packet->response_len = (uint32_t)(r.p - r.base);
}

void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    struct task tasks[ANSWER_BATCH];
    for (unsigned i = 0; i < n; i++)
        read_query(&tasks[i], snapshot, &packets[i]);
    for (unsigned i = 0; i < n; i++)
        probe(&tasks[i], snapshot);
    for (unsigned i = 0; i < n; i++)
        place(&tasks[i], snapshot, &packets[i]);
    for (unsigned i = 0; i < n; i++)
        respond(ctx, snapshot, &packets[i], &tasks[i], NULL);
}

void answer_explain(struct answer_ctx *ctx, const struct snapshot *snapshot,
                    struct answer_packet *packet, struct answer_trace *trace)
{
    struct task task;
    *trace = (struct answer_trace){.dynamic = false};
    read_query(&task, snapshot, packet);
    probe(&task, snapshot);
    place(&task, snapshot, packet);
    respond(ctx, snapshot, packet, &task, trace);
}
