/* SPDX-License-Identifier: Apache-2.0
 * Answers of dynamic names: the client's class, its verdict, a pick, RRs.
 *
 * The client is the network of EDNS client subnet if the query has one, else the resolver. The
 * scope of the answer is the longest of the look-ups' depths (RFC 7871 7.2.1): a fallback pool is
 * looked up too, in its own table. */
#include "answer/reply.h"

#include "base/count.h"

#define FALLBACKS_MAX (ANSWER_POOLS_MAX - 1) /* cycles are refused at load; more mean SERVFAIL */

enum family { FAMILY_V4, FAMILY_V6 };

/* What is found out about one dynamic answer. */
struct steered {
    const struct ip *client; /* whose class it is, and whose prefix `sticky` hashes */
    const struct pool_slot *slot;
    const struct verdict *verdict;
    int64_t expires_s;
    uint32_t flip_s; /* TTL_NEVER: nothing can change it */
    uint32_t scope;  /* longest depth so far */
    bool by_ecs;     /* the client is that of the ECS option */
    enum verdict_mode mode;
};

static inline uint32_t longest(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* An address in ECS that nothing places gives way to the resolver's, for the network that the query
 * named (RFC 7871 11.3). */
static ATTR_COLD struct lpm_leaf look_up_resolver(const struct reply *r, struct steered *s,
                                                  const struct lpm *clients)
{
    s->client = &r->packet->source;
    s->by_ecs = false;
    s->scope = longest(s->scope, r->query->ecs_source);
    return lpm_lookup(clients, s->client);
}

static inline struct lpm_leaf look_up(const struct reply *r, const struct steered *s)
{
    const struct placed *placed = r->placed;
    if (LIKELY(placed->table == s->slot->clients && placed->client == s->client))
        return placed->leaf;
    return lpm_lookup(s->slot->clients, s->client);
}

static inline uint32_t class_of(const struct reply *r, struct steered *s,
                                const struct pool_view *view, uint32_t site, uint32_t *depth)
{
    *depth = 0;
    if (UNLIKELY(site != 0))
        return view->n_classes + site - 1;
    if (UNLIKELY(!s->slot->clients))
        return view->split ? alias_draw(view->split, view->n_classes, &r->ctx->rng) : 0;
    struct lpm_leaf leaf = look_up(r, s);
    if (s->by_ecs) {
        if (UNLIKELY(leaf.value & CLIENT_UNPLACED))
            leaf = look_up_resolver(r, s, s->slot->clients);
        else
            s->scope = longest(s->scope, leaf.depth);
    }
    *depth = leaf.depth;
    return CLIENT_CLASS(leaf.value);
}

static ATTR_COLD void trace_pool(struct answer_trace *trace, uint32_t pool, uint32_t class_,
                                 uint32_t depth)
{
    if (trace->n_pools == ARRAY_LEN(trace->pool))
        return;
    trace->pool[trace->n_pools] = pool;
    trace->scope[trace->n_pools] = (uint8_t)depth;
    trace->class_[trace->n_pools++] = class_;
}

/* Whose class counts, as long as the pool's table can place him. */
static inline void set_client(const struct reply *r, struct steered *s)
{
    s->client = r->by_ecs ? &r->query->ecs_addr : &r->packet->source;
    s->by_ecs = r->by_ecs;
}

/* Looks the client up in one pool, or takes its `site` (as in struct dynamic); the result may be
 * VERDICT_FALLBACK. */
static inline ATTR_ALWAYS_INLINE void steer_to(const struct reply *r, struct steered *s,
                                               uint32_t pool, uint32_t site, enum family family)
{
    uint32_t depth;
    s->slot = &r->snapshot->pools[pool];
    const struct pool_view *view = atomic_load_explicit(&s->slot->view, memory_order_acquire);
    uint32_t class_ = class_of(r, s, view, site, &depth);
    const struct verdict *v = &view->verdicts[view->class_verdict[class_]];
    if (UNLIKELY(r->trace))
        trace_pool(r->trace, pool, class_, depth);
    s->verdict = v;
    s->mode = v->mode[family];
}

/* The last pool answers by its own settings, but for what is set at the name. What was passed over
 * counts for a TTL that follows from checks: it could come back. Each pool's table may place the
 * client's network where that of the one before could not. */
static ATTR_COLD void follow_fallbacks(const struct reply *r, struct steered *s, enum family family,
                                       struct dynamic *settings)
{
    for (unsigned i = 0; i < FALLBACKS_MAX && s->mode == VERDICT_FALLBACK; i++) {
        set_client(r, s);
        steer_to(r, s, s->verdict->fallback, 0, family);
        s->flip_s = s->verdict->flip_s < s->flip_s ? s->verdict->flip_s : s->flip_s;
        if (s->verdict->expires_s < s->expires_s)
            s->expires_s = s->verdict->expires_s;
    }
    if (s->mode == VERDICT_FALLBACK)
        s->mode = VERDICT_SERVFAIL;
    if (!settings->own_ttl) {
        settings->ttl_min_s = s->slot->ttl_min_s;
        settings->ttl_max_s = s->slot->ttl_max_s;
    }
    if (!settings->own_answers)
        settings->answers = s->slot->answers;
}

static inline uint32_t ttl_of(const struct steered *s, const struct dynamic *dynamic, int64_t now_s)
{
    uint32_t ttl = s->flip_s;
    if (ttl < dynamic->ttl_min_s)
        ttl = dynamic->ttl_min_s;
    if (ttl > dynamic->ttl_max_s)
        ttl = dynamic->ttl_max_s;
    if (UNLIKELY(s->expires_s != INT64_MAX)) {
        int64_t left = s->expires_s - now_s;
        if (left < (int64_t)ttl)
            ttl = left > 0 ? (uint32_t)left : 0;
    }
    return ttl;
}

/* --- RRs --- */

/* Appends everything of an RR but its rdata, `len` bytes, whose place is returned. */
static inline uint8_t *put_rr(struct reply *r, uint16_t type, uint32_t ttl_s, uint32_t len)
{
    uint8_t *rr = reply_take(r, 2 + RR_FIXED_LEN + len);
    if (UNLIKELY(!rr))
        return NULL;
    store_u32(rr, (uint32_t)reply_owner(r) << 16 | type);
    store_u16(rr + 4, CLASS_IN);
    store_u32(rr + 6, ttl_s);
    store_u16(rr + 10, (uint16_t)len);
    r->n_answer++;
    return rr + 2 + RR_FIXED_LEN;
}

static inline void put_candidate(struct reply *r, const struct pickset *set, uint32_t i,
                                 enum family family, uint32_t ttl_s)
{
    if (UNLIKELY(set->name)) {
        uint8_t *rdata = put_rr(r, TYPE_CNAME, ttl_s, set->name[i].n);
        if (rdata)
            reply_copy(rdata, set->name[i].p, set->name[i].n);
    } else if (family == FAMILY_V4) {
        uint8_t *rdata = put_rr(r, TYPE_A, ttl_s, 4);
        if (rdata)
            memcpy(rdata, set->rdata + 4 * (size_t)i, 4);
    } else {
        uint8_t *rdata = put_rr(r, TYPE_AAAA, ttl_s, 16);
        if (rdata)
            memcpy(rdata, set->rdata + 16 * (size_t)i, 16);
    }
}

static ATTR_COLD void trace_pick(struct answer_trace *trace, const struct pickset *set, uint32_t i)
{
    if (trace->n_picked < ARRAY_LEN(trace->picked))
        trace->picked[trace->n_picked++] = set->endpoint[i];
}

/* Several of a family: a function of its own for its 16 kB of stack. */
static __attribute__((noinline)) void put_several(struct reply *r, const struct steered *s,
                                                  enum family family, uint32_t want, uint32_t ttl_s)
{
    uint32_t picked[PICKSET_MAX];
    const struct pickset *set = &s->verdict->set[family];
    uint32_t n = pickset_pick(set, s->slot->pick, want, &r->ctx->rng, s->client,
                              s->slot->sticky_seed, picked);
    for (uint32_t i = 0; i < n; i++)
        put_candidate(r, set, picked[i], family, ttl_s);
    for (uint32_t i = 0; UNLIKELY(r->trace) && i < n; i++)
        trace_pick(r->trace, set, picked[i]);
}

static inline void put_one(struct reply *r, const struct steered *s, enum family family,
                           uint32_t ttl_s)
{
    const struct pickset *set = &s->verdict->set[family];
    uint32_t picked = 0;
    if (set->n > 1)
        (void)pickset_pick(set, s->slot->pick, 1, &r->ctx->rng, s->client, s->slot->sticky_seed,
                           &picked);
    put_candidate(r, set, picked, family, ttl_s);
    if (UNLIKELY(r->trace))
        trace_pick(r->trace, set, picked);
}

/* A chain of aliases may have come through another dynamic name: that one is forgotten. */
static ATTR_COLD void trace_start(struct answer_trace *trace, const struct dynamic *dynamic,
                                  bool has_type)
{
    *trace = (struct answer_trace){
        .dynamic = true, .settings = *dynamic, .has_type = has_type, .flip_s = TTL_NEVER};
}

static ATTR_COLD void trace_verdict(struct answer_trace *trace, const struct steered *s,
                                    const struct dynamic *settings, uint32_t ttl_s)
{
    trace->settings = *settings;
    trace->mode = s->mode;
    trace->client = *s->client;
    trace->client_from_ecs = s->by_ecs;
    trace->ttl_s = ttl_s;
    trace->flip_s = s->flip_s;
    trace->expires_s = s->expires_s;
}

enum pool_outcome pool_answer(struct reply *r, const struct dynamic *dynamic,
                              uint32_t *nodata_ttl_s)
{
    uint16_t qtype = r->query->qtype;
    struct dynamic fallback;
    enum family family = qtype == TYPE_AAAA && !dynamic->is_cname ? FAMILY_V6 : FAMILY_V4;
    bool has_type = dynamic->families >> family & 1;
    if (UNLIKELY(r->trace))
        trace_start(r->trace, dynamic, has_type);
    if (UNLIKELY(!has_type))
        return POOL_NODATA;
    struct steered s = {.scope = 0};
    set_client(r, &s);
    steer_to(r, &s, dynamic->pool, dynamic->site, family);
    s.flip_s = s.verdict->flip_s;
    s.expires_s = s.verdict->expires_s;
    if (UNLIKELY(s.mode == VERDICT_FALLBACK)) {
        fallback = *dynamic;
        follow_fallbacks(r, &s, family, &fallback);
        dynamic = &fallback;
    }
    uint32_t ttl_s = ttl_of(&s, dynamic, r->ctx->now_s);
    if (UNLIKELY(r->trace))
        trace_verdict(r->trace, &s, dynamic, ttl_s);
    if (UNLIKELY(s.mode != VERDICT_ANSWER)) {
        *nodata_ttl_s = ttl_s;
        return s.mode == VERDICT_NODATA ? POOL_NODATA : POOL_FAILED;
    }
    /* A sticky pick depends on the client's prefix, whatever the table says. */
    if (s.by_ecs && s.slot->pick == SLOT_PICK_STICKY)
        s.scope = longest(s.scope, s.client->family == IP_V4 ? STICKY_BITS_V4 : STICKY_BITS_V6);
    /* One scope holds for all of the answer section. RFC 7871 7.2.1: of a chain whose parts differ
     * in it only the first goes in, and the resolver asks for the rest. */
    if (UNLIKELY(r->n_answer > 0 && s.scope > 0))
        return POOL_LEFT_OUT;
    r->scope = (uint8_t)s.scope;
    count_add(&r->ctx->stats.dynamic, 1);
    if (LIKELY(dynamic->answers == 1 || s.slot->is_cname))
        put_one(r, &s, family, ttl_s);
    else
        put_several(r, &s, family, dynamic->answers, ttl_s);
    bool done = !s.slot->is_cname || qtype == TYPE_CNAME || qtype == TYPE_ANY || s.scope > 0;
    return done ? POOL_ANSWERED : POOL_ALIAS;
}
