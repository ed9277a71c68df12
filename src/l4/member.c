/* SPDX-License-Identifier: Apache-2.0
 * The registry: members in an array, found by a table of places that is made anew when it is half
 * full and when members have gone. So are services. */
#include "l4/member.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "l4/limits.h"
#include "l4/lines.h"

#include <string.h>

struct registry {
    VEC(struct member *) members;
    VEC(struct service_run *) services;
    uint32_t *places; /* index of a member, plus one; 0: free */
    uint32_t mask;
    struct strmap service_places; /* by name: index of a service */
};

struct registry *registry_new(void)
{
    struct registry *r = xcalloc(1, sizeof *r);
    r->mask = 63;
    r->places = xcalloc((size_t)r->mask + 1, sizeof *r->places);
    return r;
}

static void member_free(struct member *member)
{
    free((char *)(uintptr_t)member->set);
    free((char *)(uintptr_t)member->key);
    free(member);
}

static void service_free(struct service_run *run)
{
    limits_free(run->limits);
    free((char *)(uintptr_t)run->name);
    free(run);
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    for (size_t i = 0; i < registry->members.n; i++)
        member_free(registry->members.v[i]);
    for (size_t i = 0; i < registry->services.n; i++)
        service_free(registry->services.v[i]);
    vec_free(&registry->members);
    vec_free(&registry->services);
    free(registry->places);
    strmap_free(&registry->service_places);
    free(registry);
}

/* ---- members ---- */

static uint64_t hash_of(const char *set, const char *key, const struct ip *addr, uint16_t port)
{
    uint64_t h = hash_bytes(hash_seed() ^ port, (const uint8_t *)set, (uint32_t)strlen(set));
    h = hash_bytes(h, (const uint8_t *)key, (uint32_t)strlen(key));
    return hash_bytes(h, addr->b, sizeof addr->b);
}

static bool is_it(const struct member *member, const char *set, const char *key,
                  const struct ip *addr, uint16_t port)
{
    return member->port == port && ip_equal(&member->addr, addr) && strcmp(member->key, key) == 0 &&
           strcmp(member->set, set) == 0;
}

static void place(struct registry *r, uint32_t index)
{
    const struct member *m = r->members.v[index];
    uint32_t i = (uint32_t)hash_of(m->set, m->key, &m->addr, m->port) & r->mask;
    while (r->places[i] != 0)
        i = (i + 1) & r->mask;
    r->places[i] = index + 1;
}

static void place_all(struct registry *r)
{
    while (r->members.n * 2 > r->mask)
        r->mask = r->mask * 2 + 1;
    free(r->places);
    r->places = xcalloc((size_t)r->mask + 1, sizeof *r->places);
    for (uint32_t i = 0; i < r->members.n; i++)
        place(r, i);
}

static struct member *find(const struct registry *r, const char *set, const char *key,
                           const struct ip *addr, uint16_t port)
{
    uint32_t i = (uint32_t)hash_of(set, key, addr, port) & r->mask;
    for (; r->places[i] != 0; i = (i + 1) & r->mask) {
        struct member *m = r->members.v[r->places[i] - 1];
        if (is_it(m, set, key, addr, port))
            return m;
    }
    return NULL;
}

static struct member *add(struct registry *r, const char *set, const char *key,
                          const struct ip *addr, uint16_t port)
{
    struct member *m = lines_new(sizeof *m);
    m->set = xstrdup(set);
    m->key = xstrdup(key);
    m->addr = *addr;
    m->port = port;
    atomic_init(&m->close_at_ms, MEMBER_NEVER);
    atomic_init(&m->told_ms, -MEMBER_TELL_MS);
    *vec_push(&r->members) = m;
    if (r->members.n * 2 > r->mask)
        place_all(r);
    else
        place(r, (uint32_t)r->members.n - 1);
    return m;
}

struct member *registry_member(struct registry *registry, const char *set, const char *key,
                               const struct ip *addr, uint16_t port)
{
    struct member *m = find(registry, set, key, addr, port);
    if (!m)
        m = add(registry, set, key, addr, port);
    m->n_plans++;
    return m;
}

void registry_drop_member(struct registry *registry, struct member *member)
{
    (void)registry;
    member->n_plans--;
}

struct member *const *registry_members(const struct registry *registry, uint32_t *n)
{
    *n = (uint32_t)registry->members.n;
    return registry->members.v;
}

/* ---- services ---- */

struct service_run *registry_service(struct registry *registry, const char *name)
{
    uint32_t i = strmap_get(&registry->service_places, slice_str(name));
    struct service_run *run = i == STRMAP_NONE ? NULL : registry->services.v[i];
    if (!run) {
        run = lines_new(sizeof *run);
        run->name = xstrdup(name);
        strmap_add(&registry->service_places, slice_str(run->name), (uint32_t)registry->services.n);
        *vec_push(&registry->services) = run;
    }
    run->n_plans++;
    return run;
}

void registry_drop_service(struct registry *registry, struct service_run *service)
{
    (void)registry;
    service->n_plans--;
}

struct service_run *const *registry_services(const struct registry *registry, uint32_t *n)
{
    *n = (uint32_t)registry->services.n;
    return registry->services.v;
}

/* ---- what nobody uses ---- */

/* A worker's last access to a record is that its count falls (release). */
static bool is_used(uint32_t n_plans, const _Atomic uint32_t *active)
{
    return n_plans > 0 || atomic_load_explicit(active, memory_order_acquire) > 0;
}

static void place_services(struct registry *r)
{
    strmap_free(&r->service_places);
    for (size_t i = 0; i < r->services.n; i++)
        strmap_add(&r->service_places, slice_str(r->services.v[i]->name), (uint32_t)i);
}

static void collect_services(struct registry *r)
{
    size_t kept = 0, n = r->services.n;
    for (size_t i = 0; i < n; i++) {
        struct service_run *run = r->services.v[i];
        if (is_used(run->n_plans, &run->active))
            r->services.v[kept++] = run;
        else
            service_free(run);
    }
    r->services.n = kept;
    if (kept < n)
        place_services(r);
}

void registry_collect(struct registry *registry)
{
    size_t kept = 0, n = registry->members.n;
    for (size_t i = 0; i < n; i++) {
        struct member *m = registry->members.v[i];
        if (is_used(m->n_plans, &m->active))
            registry->members.v[kept++] = m;
        else
            member_free(m);
    }
    registry->members.n = kept;
    if (kept < n)
        place_all(registry);
    collect_services(registry);
}

/* ---- how connects go ---- */

/* Of several workers that see the last failure at once, the one whose time is stored takes the
 * member out: the others' expectation of `until` no longer holds. */
bool member_failed(struct member *member, int64_t now_ms, bool timed_out)
{
    atomic_fetch_add_explicit(timed_out ? &member->timeouts : &member->refused, 1,
                              memory_order_relaxed);
    int64_t until = atomic_load_explicit(&member->ejected_until_ms, memory_order_relaxed);
    if (until > now_ms)
        return false;
    if (atomic_fetch_add_explicit(&member->failures, 1, memory_order_relaxed) + 1 < MEMBER_FAILURES)
        return false;
    atomic_store_explicit(&member->failures, 0, memory_order_relaxed);
    return atomic_compare_exchange_strong_explicit(&member->ejected_until_ms, &until,
                                                   now_ms + MEMBER_EJECT_MS, memory_order_relaxed,
                                                   memory_order_relaxed);
}

bool member_tells_failure(struct member *member, int64_t now_ms)
{
    int64_t told_ms = atomic_load_explicit(&member->told_ms, memory_order_relaxed);
    return now_ms - told_ms >= MEMBER_TELL_MS &&
           atomic_compare_exchange_strong_explicit(&member->told_ms, &told_ms, now_ms,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* The store is left out where it changes nothing: the line is shared by all workers. What is out
 * stays out: the connect may have been begun before it failed others. */
void member_connected(struct member *member, uint32_t connect_us)
{
    if (atomic_load_explicit(&member->failures, memory_order_relaxed) != 0)
        atomic_store_explicit(&member->failures, 0, memory_order_relaxed);
    quantiles_add(&member->connect_us, connect_us);
}
