/* SPDX-License-Identifier: Apache-2.0
 * From the sets as they are to a plan. */
#include "l4/plan_build.h"

#include "l4/limits.h"

#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 65536 /* addresses of clients that a service counts */

/** The table of a set, which goes from plan to plan for as long as what it is made of does. The
 *  main thread's; workers see `balance`, which their plan holds. */
struct table {
    uint32_t n_holds;    /* plans */
    struct arena *arena; /* itself, too */
    enum l4_balance kind;
    uint32_t n;
    const struct balance_input *inputs;
    const struct balance *balance;
};

/** A plan with what it keeps alive. */
struct built {
    struct plan plan; /* first */
    struct setup *setup;
    struct listeners *listeners;
    struct table **tables; /* of its sets */
    struct bound *bound;
};

/* ---- tables ---- */

static struct table *table_new(enum l4_balance kind, const struct balance_input *inputs, uint32_t n)
{
    struct arena *arena = arena_new();
    struct table *table = arena_calloc(arena, 1, sizeof *table);
    struct balance_input *own = arena_calloc(arena, n + 1, sizeof *own);
    memcpy(own, inputs, n * sizeof *own);
    *table = (struct table){.n_holds = 1,
                            .arena = arena,
                            .kind = kind,
                            .n = n,
                            .inputs = own,
                            .balance = balance_new(arena, kind, own, n)};
    return table;
}

static struct table *table_hold(struct table *table)
{
    table->n_holds++;
    return table;
}

static void table_release(struct table *table)
{
    if (--table->n_holds == 0)
        arena_free(table->arena);
}

/** Members are the same ones while a plan has them, which the table's does. */
static bool table_fits(const struct table *table, enum l4_balance kind,
                       const struct balance_input *inputs, uint32_t n)
{
    bool fits = table->kind == kind && table->n == n;
    for (uint32_t i = 0; fits && i < n; i++)
        fits = table->inputs[i].member == inputs[i].member &&
               table->inputs[i].weight == inputs[i].weight;
    return fits;
}

/** Of the plan before, by cursors: where the set's table was. */
static struct table **tables_by_cursor(const struct plan *before)
{
    struct table **v = xcalloc(before ? before->n_cursors : 1, sizeof(struct table *));
    for (uint32_t i = 0; before && i < before->config->n_sets; i++)
        v[before->sets[i].cursor] = ((const struct built *)before)->tables[i];
    return v;
}

/* ---- members ---- */

static void leave_by(struct member *member, int64_t at_ms)
{
    int64_t never = MEMBER_NEVER; /* one that is being left already keeps its time */
    atomic_compare_exchange_strong(&member->close_at_ms, &never, at_ms);
}

static void reset_now(struct member *member, int64_t now_ms)
{
    atomic_store(&member->reset_at_ms, now_ms);
    atomic_store(&member->close_at_ms, now_ms);
}

/** Until when flows of a member in this state may go on. One that is down keeps its time, if it was
 *  drained. */
static int64_t set_end(struct member *member, enum member_state state,
                       const struct l4_service *service, int64_t now_ms)
{
    if (state == MEMBER_DRAIN && service)
        leave_by(member, now_ms + service->drain_timeout_ms);
    else if (state == MEMBER_DOWN && service && service->reset_on_down)
        reset_now(member, now_ms);
    else if (state == MEMBER_UP)
        atomic_store(&member->close_at_ms, MEMBER_NEVER);
    return atomic_load(&member->close_at_ms);
}

/** `last`: the set's table in the plan before; NULL: it has none. */
static void build_set(struct plan *plan, const struct plan_parts *parts, uint32_t nth,
                      const struct l4_service *service, struct table *last)
{
    struct table **table = &((struct built *)plan)->tables[nth];
    const struct work_set *from = parts->sets->v[nth];
    uint32_t n = from->now.n;
    struct plan_member *members = arena_calloc(plan->arena, n + 1, sizeof *members);
    struct balance_input *inputs = xcalloc(n + 1, sizeof *inputs);
    for (uint32_t i = 0; i < n; i++) {
        const struct set_member *m = &from->now.v[i];
        struct set_member_now now = work_set_member(from, i, parts->now_ms);
        members[i] = (struct plan_member){registry_member(parts->registry, from->name, m->key,
                                                          &m->addr, m->port),
                                          now.weight, now.state, MEMBER_NEVER};
        inputs[i] =
            (struct balance_input){members[i].member, now.state == MEMBER_UP ? now.weight : 0};
        members[i].close_at_ms = set_end(members[i].member, now.state, service, parts->now_ms);
    }
    enum l4_balance kind = service ? service->balance : L4_ROUND_ROBIN;
    bool fits = last && table_fits(last, kind, inputs, n);
    *table = fits ? table_hold(last) : table_new(kind, inputs, n);
    free(inputs);
    plan->sets[nth] = (struct plan_set){.config = &plan->config->sets[nth],
                                        .service = service,
                                        .members = members,
                                        .n_members = n,
                                        .balance = (*table)->balance,
                                        .cursor = from->cursor};
}

static void build_sets(struct plan *plan, const struct plan_parts *parts)
{
    const struct l4_service **owners = setup_owners(plan->config);
    struct table **last = tables_by_cursor(parts->before);
    uint32_t n_last = parts->before ? parts->before->n_cursors : 0;
    for (uint32_t i = 0; i < plan->config->n_sets; i++) {
        uint32_t cursor = parts->sets->v[i]->cursor;
        build_set(plan, parts, i, owners[i], cursor < n_last ? last[cursor] : NULL);
    }
    free(last);
    free(owners);
}

struct service_run *plan_service_run(struct registry *registry, const struct l4_service *service)
{
    struct service_run *run = registry_service(registry, service->name);
    if (!run->limits)
        run->limits = limits_new(SOURCES_MAX);
    return run;
}

struct plan *plan_build(const struct plan_parts *parts)
{
    struct arena *arena = arena_new();
    const struct l4_config *config = parts->setup->model->l4;
    struct built *built = arena_calloc(arena, 1, sizeof *built);
    struct plan *plan = &built->plan;
    built->setup = setup_hold(parts->setup);
    built->listeners = listeners_hold(parts->listeners);
    built->bound = parts->bound ? bound_hold(parts->bound) : NULL;
    *plan = (struct plan){.arena = arena,
                          .n_holds = parts->n_workers + 1,
                          .version = parts->version,
                          .config = config,
                          .n_workers = parts->n_workers,
                          .n_sockets = listeners_width(parts->listeners),
                          .n_cursors = parts->sets->n_cursors,
                          .n_ports = parts->setup->n_ports / parts->n_workers,
                          .seed = parts->seed,
                          .bound = parts->bound,
                          .unheld = parts->unheld,
                          .ctx = parts->ctx};
    plan->services = arena_calloc(arena, config->n_services + 1, sizeof *plan->services);
    plan->sets = arena_calloc(arena, config->n_sets + 1, sizeof *plan->sets);
    built->tables = arena_calloc(arena, config->n_sets + 1, sizeof(struct table *));
    build_sets(plan, parts);
    for (uint32_t i = 0; i < config->n_services; i++) {
        const struct l4_service *s = &config->services[i];
        struct service_run *run = plan_service_run(parts->registry, s);
        limits_set(run->limits, s);
        plan->services[i] = (struct plan_service){s, run, listeners_of(parts->listeners, i)};
    }
    return plan;
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
    return x < y ? -1 : x > y;
}

/** All members of a plan, ascending by address; for free(). */
static struct member **members_of(const struct plan *plan, size_t *n)
{
    *n = 0;
    for (uint32_t i = 0; i < plan->config->n_sets; i++)
        *n += plan->sets[i].n_members;
    struct member **v = xcalloc(*n + 1, sizeof(struct member *));
    size_t k = 0;
    for (uint32_t i = 0; i < plan->config->n_sets; i++)
        for (uint32_t m = 0; m < plan->sets[i].n_members; m++)
            v[k++] = plan->sets[i].members[m].member;
    qsort(v, *n, sizeof(struct member *), compare_members);
    return v;
}

void plan_leave_gone(const struct plan *before, const struct plan *now, int64_t now_ms)
{
    size_t n;
    struct member **kept = members_of(now, &n);
    for (uint32_t i = 0; i < before->config->n_sets; i++) {
        const struct l4_service *service = before->sets[i].service;
        int64_t at_ms = now_ms + (service ? service->drain_timeout_ms : 0);
        for (uint32_t m = 0; m < before->sets[i].n_members; m++) {
            struct member *member = before->sets[i].members[m].member;
            if (!bsearch(&member, kept, n, sizeof(struct member *), compare_members))
                leave_by(member, at_ms);
        }
    }
    free(kept);
}

void plan_unbuild(struct plan *plan, struct registry *registry)
{
    struct built *built = (struct built *)plan;
    for (uint32_t i = 0; i < plan->config->n_sets; i++) {
        table_release(built->tables[i]);
        for (uint32_t m = 0; m < plan->sets[i].n_members; m++)
            registry_drop_member(registry, plan->sets[i].members[m].member);
    }
    for (uint32_t i = 0; i < plan->config->n_services; i++)
        registry_drop_service(registry, plan->services[i].run);
    bound_release(built->bound, registry);
    registry_collect(registry);
    struct setup *setup = built->setup;
    listeners_release(built->listeners);
    arena_free(plan->arena);
    setup_release(setup);
}
