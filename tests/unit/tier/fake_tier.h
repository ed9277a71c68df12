/* SPDX-License-Identifier: Apache-2.0
 * A tier in memory, of one of three kinds, and one who keeps it by reconcile() as an engine does:
 * observe, plan, record, apply. */
#pragma once

#include "tests/unit/tier/small_tier.h"
#include "tier/reconcile.h"

#include <stdlib.h>

enum fake_kind {
    FAKE_IPVS,  /* weights only; members are removed once drained */
    FAKE_PROXY, /* all states; the object is given, members have names */
    FAKE_FILE   /* written as a whole; "down" instead of weight 0 */
};

enum { FAKE_MAX = 32 };

struct fake_member {
    struct ip addr;
    uint16_t port;
    char name[64];
    struct serving serving;
    bool by_us; /* the truth; reconcile() knows what is recorded */
    bool differs;
    int64_t active;
};

struct fake_record {
    struct ip addr;
    uint16_t port;
};

struct fake_tier {
    enum fake_kind kind;
    bool exists, marked, foreign;
    struct fake_member v[FAKE_MAX];
    uint32_t n;
    bool object_recorded;
    struct fake_record records[FAKE_MAX];
    uint32_t n_records;
    unsigned n_written;
};

static inline struct serving shown_by_ipvs(struct serving target)
{
    return (struct serving){SERVES_READY, target.serves == SERVES_READY ? target.weight : 0};
}

static inline struct serving shown_by_proxy(struct serving target)
{
    return target.serves == SERVES_DOWN ? (struct serving){.serves = SERVES_READY} : target;
}

static inline struct serving shown_by_file(struct serving target)
{
    bool serves = target.serves == SERVES_READY && target.weight > 0;
    return serves ? target : (struct serving){.serves = SERVES_DOWN};
}

static inline struct serving fake_shown(enum fake_kind kind, struct serving target)
{
    return kind == FAKE_IPVS    ? shown_by_ipvs(target)
           : kind == FAKE_PROXY ? shown_by_proxy(target)
                                : shown_by_file(target);
}

static inline struct fake_member *fake_find(struct fake_tier *fake, struct ip addr, uint16_t port)
{
    for (uint32_t i = 0; i < fake->n; i++)
        if (ip_equal(&fake->v[i].addr, &addr) && fake->v[i].port == port)
            return &fake->v[i];
    return NULL;
}

static inline struct fake_member *fake_find_name(struct fake_tier *fake, const char *name)
{
    for (uint32_t i = 0; i < fake->n; i++)
        if (strcmp(fake->v[i].name, name) == 0)
            return &fake->v[i];
    return NULL;
}

static inline struct fake_member *fake_add(struct fake_tier *fake, struct ip addr, const char *name,
                                           struct serving serving, bool by_us)
{
    struct fake_member *m = &fake->v[fake->n++];
    *m = (struct fake_member){.addr = addr, .port = 80, .serving = serving, .by_us = by_us};
    snprintf(m->name, sizeof m->name, "%s", name);
    return m;
}

static inline void fake_remove(struct fake_tier *fake, struct fake_member *member)
{
    *member = fake->v[--fake->n];
}

static inline bool fake_recorded(const struct fake_tier *fake, const struct ip *addr, uint16_t port)
{
    for (uint32_t i = 0; i < fake->n_records; i++)
        if (ip_equal(&fake->records[i].addr, addr) && fake->records[i].port == port)
            return true;
    return false;
}

/* Whoever keeps it. */
struct keeper {
    struct small_tier tier;
    struct fake_tier fake;
    struct tier_table table;
    struct tier_plan plan;
    struct observed seen[FAKE_MAX];
    struct observation observation;
    struct serving wanted[SMALL_MEMBERS];
    int64_t staged_ms[SMALL_MEMBERS];
    struct desired desired;
    int64_t now_ms, mono_ms, held_since_ms;
    enum leaving leaving;
    char steps[2048]; /* of the latest plan, as text, between "; " */
};

static inline void keeper_init(struct keeper *k, enum fake_kind kind, uint32_t n_members)
{
    memset(k, 0, sizeof *k);
    small_tier_init(&k->tier, n_members, 0);
    k->fake.kind = kind;
    k->fake.exists = kind == FAKE_PROXY;
    k->now_ms = 1000000000000;
    k->mono_ms = k->held_since_ms = 5000;
}

static inline void keeper_free(struct keeper *k)
{
    tier_table_free(&k->table);
    tier_plan_free(&k->plan);
}

/** The daemon begins anew, with its records, and no memory. */
static inline void keeper_restart(struct keeper *k)
{
    tier_table_free(&k->table);
    memset(&k->table, 0, sizeof k->table);
    k->held_since_ms = k->mono_ms;
}

static inline void keeper_wait(struct keeper *k, int64_t ms)
{
    k->now_ms += ms;
    k->mono_ms += ms;
}

static inline void keeper_observe(struct keeper *k)
{
    struct fake_tier *fake = &k->fake;
    k->observation = (struct observation){.exists = fake->exists,
                                          .is_ours = fake->marked,
                                          .is_foreign = fake->foreign,
                                          .v = k->seen,
                                          .n = fake->exists ? fake->n : 0};
    for (uint32_t i = 0; i < k->observation.n; i++) {
        const struct fake_member *m = &fake->v[i];
        bool ours = fake_recorded(fake, &m->addr, m->port) || fake->marked;
        k->seen[i] = (struct observed){.addr = m->addr,
                                       .port = m->port,
                                       .name = fake->kind == FAKE_PROXY ? m->name : NULL,
                                       .serving = fake_shown(fake->kind, m->serving),
                                       .is_ours = ours,
                                       .differs = m->differs,
                                       .active = m->active,
                                       .inactive = -1};
    }
}

/** Plans; `look`: by what is seen now, else by what was seen before. */
static inline const char *keeper_plan(struct keeper *k, bool look)
{
    struct fake_tier *fake = &k->fake;
    desired_compute(&k->desired, k->wanted, k->staged_ms, &k->tier.spec, k->tier.states, k->now_ms);
    if (look)
        keeper_observe(k);
    struct serving (*const shown[])(struct serving) = {shown_by_ipvs, shown_by_proxy,
                                                       shown_by_file};
    const struct reconcile_input in = {.spec = &k->tier.spec,
                                       .wanted = k->wanted,
                                       .staged_ms = k->staged_ms,
                                       .desired = &k->desired,
                                       .seen = look ? &k->observation : NULL,
                                       .now_ms = k->now_ms,
                                       .mono_ms = k->mono_ms,
                                       .held_since_ms = k->held_since_ms,
                                       .leaving = k->leaving,
                                       .keeps_members = fake->kind != FAKE_IPVS,
                                       .is_given = fake->kind == FAKE_PROXY,
                                       .is_whole = fake->kind == FAKE_FILE,
                                       .shown = shown[fake->kind],
                                       .object_created = fake->object_recorded};
    reconcile(&k->table, &k->plan, &in);
    size_t used = 0;
    k->steps[0] = '\0';
    for (size_t i = 0; i < k->plan.steps.n; i++) {
        char text[256];
        int n = snprintf(k->steps + used, sizeof k->steps - used, "%s%s", used ? "; " : "",
                         plan_step_text(text, &k->table, &k->plan.steps.v[i]));
        used += (size_t)n < sizeof k->steps - used ? (size_t)n : 0;
    }
    return k->steps;
}

/** What is ours, and about to be: written before it is made. */
static inline void keeper_record(struct keeper *k)
{
    struct fake_tier *fake = &k->fake;
    fake->n_records = 0;
    for (size_t i = 0; i < k->table.rows.n; i++) {
        const struct tier_row *row = &k->table.rows.v[i];
        if (!row->created)
            continue;
        fake->records[fake->n_records++] = (struct fake_record){row->addr, row->port};
        if (row->present && !ip_equal(&row->seen.addr, &row->addr)) /* until it has moved */
            fake->records[fake->n_records++] = (struct fake_record){row->seen.addr, row->port};
    }
    for (size_t i = 0; i < k->plan.steps.n; i++) {
        if (k->plan.steps.v[i].op == PLAN_CREATE)
            fake->object_recorded = true;
        if (k->plan.steps.v[i].op == PLAN_DELETE)
            fake->object_recorded = false;
    }
}

/* A document of all rows that are to be there. */
static inline void fake_write(struct fake_tier *fake, const struct tier_table *table)
{
    struct fake_tier before = *fake;
    fake->n = 0;
    fake->exists = fake->marked = true;
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->target.serves == SERVES_GONE)
            continue;
        struct fake_member *old = fake_find(&before, row->addr, row->port);
        struct fake_member *m = fake_add(fake, row->addr, row->name, row->target, true);
        m->active = old ? old->active : 0;
    }
}

static inline void fake_step(struct fake_tier *fake, const struct tier_table *table,
                             const struct plan_step *step)
{
    const struct tier_row *row = step->row == MODEL_NONE ? NULL : &table->rows.v[step->row];
    struct fake_member *m = NULL;
    if (row)
        m = fake->kind == FAKE_PROXY ? fake_find_name(fake, row->name)
                                     : fake_find(fake, row->addr, row->port);
    switch ((enum plan_op)step->op) {
    case PLAN_CREATE:
        fake->exists = true;
        break;
    case PLAN_DELETE:
        fake->exists = fake->marked = false;
        fake->n = 0;
        break;
    case PLAN_REPAIR:
        break;
    case PLAN_ADD:
        if (m)
            abort(); /* the kernel says EEXIST */
        fake_add(fake, row->addr, row->name, step->to, true);
        break;
    case PLAN_SET:
        if (!m)
            abort();
        m->addr = row->addr;
        m->serving = step->to;
        m->differs = false;
        break;
    case PLAN_REMOVE:
        if (!m)
            abort();
        fake_remove(fake, m);
        break;
    }
}

/** Carries the plan out, or only its first `n` steps, after which it fails. */
static inline void keeper_apply(struct keeper *k, size_t n)
{
    bool ok = n >= k->plan.steps.n;
    keeper_record(k);
    bool deletes = false;
    for (size_t i = 0; i < k->plan.steps.n; i++)
        deletes |= k->plan.steps.v[i].op == PLAN_DELETE;
    if (k->fake.kind == FAKE_FILE && k->plan.steps.n && !deletes) {
        if (ok)
            fake_write(&k->fake, &k->table);
    } else {
        for (size_t i = 0; i < k->plan.steps.n && i < n; i++)
            fake_step(&k->fake, &k->table, &k->plan.steps.v[i]);
    }
    k->fake.n_written += k->plan.steps.n > 0;
    if (k->plan.steps.n)
        reconcile_applied(&k->table, &k->plan, ok);
}

/** One cycle: looks, and does what is to be done. Yields that as text. */
static inline const char *keeper_cycle(struct keeper *k)
{
    keeper_plan(k, true);
    keeper_apply(k, SIZE_MAX);
    return k->steps;
}

/** Cycles until nothing is to be done; aborts when that takes too long. */
static inline void keeper_settle(struct keeper *k)
{
    for (unsigned i = 0; i < 10; i++)
        if (!*keeper_cycle(k))
            return;
    abort();
}
