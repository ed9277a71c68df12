/* SPDX-License-Identifier: Apache-2.0
 * Orders against a slow model that knows endpoints and prefix sets by number and tries every order
 * on each of them: 100,000 steps of giving, taking back, expiry, clocks that jump, reloads that
 * rename, remove and bring back, and restarts from the file. */
#include "small_model.h"

#include "base/rng.h"
#include "health/orders_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 100000, RULES_MAX = 400, UNITS = SMALL_ENDPOINTS + SMALL_SETS };

/* ---- the slow model ---- */

struct rule {
    char pool[SMALL_NAME], site[SMALL_NAME], label[2 * SMALL_NAME];
    char set[SMALL_NAME]; /* "": it is about endpoints */
    enum order_kind kind;
    bool temporary, is_volatile, forced;
    int64_t value; /* enum override, weight, or enum announce_order; auto: -1 */
    int64_t until_ms;
    bool about[SMALL_ENDPOINTS]; /* by number: what it matched when it last matched anything */
};

struct slow {
    struct small names;
    char addresses[SMALL_ENDPOINTS][SMALL_NAME];
    struct rule v[RULES_MAX];
    int n;
};

/* Textbook recursion. */
static bool like(const char *p, const char *t)
{
    if (!*p)
        return !*t;
    if (*p == '*')
        return like(p + 1, t) || (*t && like(p, t + 1));
    return *p == *t && like(p + 1, t + 1);
}

/* A set: by its name, or with all of its site. */
static bool slow_matches_set(const struct slow *s, const struct rule *r, uint32_t set)
{
    uint32_t site = small_set_site(set);
    if (s->names.absent_set[set])
        return false;
    if (*r->set)
        return like(r->set, small_sets[set]);
    return r->kind == ORDER_STATE && site != MODEL_NONE && strcmp(r->pool, "*") == 0 &&
           strcmp(r->label, "*") == 0 && like(r->site, s->names.sites[site]);
}

/* A unit: an endpoint, or SMALL_ENDPOINTS + the set. */
static bool slow_matches(const struct slow *s, const struct rule *r, uint32_t e)
{
    static const char *const pools[SMALL_POOLS] = {"p0", "p1", "p2"};
    if (e >= SMALL_ENDPOINTS)
        return slow_matches_set(s, r, e - SMALL_ENDPOINTS);
    return !*r->set && !s->names.absent[e] &&
           like(r->pool, pools[e / (SMALL_SITES * SMALL_IN_SITE)]) &&
           like(r->site, s->names.sites[e / SMALL_IN_SITE % SMALL_SITES]) &&
           ((*s->names.names[e] && like(r->label, s->names.names[e])) ||
            like(r->label, s->addresses[e]));
}

static int slow_decider(const struct slow *s, enum order_kind kind, uint32_t e)
{
    for (int i = s->n; i-- > 0;)
        if (s->v[i].kind == kind && slow_matches(s, &s->v[i], e))
            return i;
    return -1;
}

/* -1: nothing is ordered. */
static int64_t slow_value(const struct slow *s, enum order_kind kind, uint32_t e)
{
    int i = slow_decider(s, kind, e);
    return i < 0 ? -1 : s->v[i].value;
}

/* Its own order, if there is one that is not `auto`; else what its site's says. */
static enum announce_order slow_announce(const struct slow *s, uint32_t set, bool *forced)
{
    int own = slow_decider(s, ORDER_ANNOUNCE, SMALL_ENDPOINTS + set);
    *forced = own >= 0 && s->v[own].value >= 0 && s->v[own].forced;
    if (own >= 0 && s->v[own].value >= 0)
        return (enum announce_order)s->v[own].value;
    int64_t of_site = slow_value(s, ORDER_STATE, SMALL_ENDPOINTS + set);
    return of_site == OVERRIDE_DRAIN  ? ANNOUNCE_DRAIN
           : of_site == OVERRIDE_DOWN ? ANNOUNCE_WITHDRAW
                                      : ANNOUNCE_AUTO;
}

static bool look(struct slow *s, struct rule *r)
{
    bool now[SMALL_ENDPOINTS], any = false, any_set = false;
    for (uint32_t e = 0; e < SMALL_ENDPOINTS; e++)
        any |= now[e] = slow_matches(s, r, e);
    for (uint32_t e = SMALL_ENDPOINTS; e < UNITS; e++)
        any_set |= slow_matches(s, r, e);
    if (any)
        memcpy(r->about, now, sizeof now);
    return any || any_set;
}

static void drop(struct slow *s, int i)
{
    s->n--;
    memmove(&s->v[i], &s->v[i + 1], (size_t)(s->n - i) * sizeof s->v[0]);
}

static bool same_target(const struct rule *a, const struct rule *b)
{
    return strcmp(a->pool, b->pool) == 0 && strcmp(a->site, b->site) == 0 &&
           strcmp(a->label, b->label) == 0 && strcmp(a->set, b->set) == 0;
}

static bool is_taken_away(const struct slow *s, const struct rule *by, const struct rule *r)
{
    bool any = false;
    if (same_target(by, r) || (*r->set && like(by->set, r->set)) ||
        (!*r->set && like(by->pool, r->pool) && like(by->site, r->site) &&
         like(by->label, r->label)))
        return true;
    for (uint32_t e = 0; e < UNITS; e++) {
        if (!slow_matches(s, r, e))
            continue;
        any = true;
        if (!slow_matches(s, by, e))
            return false;
    }
    return any;
}

/* Those `auto` that nothing older has a pool and a site, or a set's name, in common with. */
static void slow_tidy(struct slow *s)
{
    for (int i = 0; i < s->n;) {
        bool needed = s->v[i].value >= 0;
        for (int k = 0; k < i; k++)
            needed |= s->v[k].kind == s->v[i].kind && s->v[k].value >= 0 &&
                      glob_overlap(s->v[k].pool, s->v[i].pool) &&
                      glob_overlap(s->v[k].site, s->v[i].site) &&
                      glob_overlap(s->v[k].set, s->v[i].set);
        if (needed)
            i++;
        else
            drop(s, i);
    }
}

/* Returns whether the order is taken. */
static bool slow_give(struct slow *s, struct rule r)
{
    bool any = look(s, &r), decided = false, removed = false;
    if (r.value >= 0) {
        for (int i = s->n; any && i-- > 0;) {
            const struct rule *o = &s->v[i];
            if (o->kind == r.kind && same_target(o, &r) && !(r.temporary && !o->temporary) &&
                !(r.is_volatile && !o->is_volatile))
                drop(s, i);
        }
    } else {
        for (int i = s->n; i-- > 0;)
            if (s->v[i].kind == r.kind && (s->v[i].is_volatile || !r.is_volatile) &&
                is_taken_away(s, &r, &s->v[i])) {
                drop(s, i);
                removed = true;
            }
        for (uint32_t e = 0; e < UNITS; e++)
            decided |= slow_matches(s, &r, e) && slow_value(s, r.kind, e) >= 0;
        any |= removed;
    }
    if (any && (r.value >= 0 || decided))
        s->v[s->n++] = r;
    if (any && r.value < 0)
        slow_tidy(s);
    return any;
}

static void slow_expire(struct slow *s, int64_t now_ms)
{
    int n = s->n;
    for (int i = n; i-- > 0;)
        if (s->v[i].temporary && s->v[i].until_ms <= now_ms)
            drop(s, i);
    if (s->n < n)
        slow_tidy(s);
}

static bool is_gone(const struct slow *s, const char *site)
{
    bool there = strchr(site, '*') != NULL;
    for (int i = 0; i < SMALL_SITES; i++)
        there |= strcmp(site, s->names.sites[i]) == 0;
    return !there;
}

/* After names have changed: a rule for one label goes where its endpoints are, one for a site whose
 * name is gone goes to the site that was renamed, if all that is left of it is there. */
static void slow_follow(struct slow *s, int renamed)
{
    for (int i = 0; i < s->n; i++) {
        struct rule *r = &s->v[i];
        int to = -1;
        if (*r->set)
            continue;
        bool exact = !strchr(r->label, '*'), stays = false, there = true;
        for (int e = 0; e < SMALL_ENDPOINTS; e++) {
            if (!r->about[e] || s->names.absent[e])
                continue;
            there &= e / SMALL_IN_SITE % SMALL_SITES == renamed;
            stays |= slow_matches(s, r, (uint32_t)e);
            to = to < 0 ? e : to;
        }
        if (exact && !stays && to >= 0) {
            char address[SMALL_NAME];
            const char *name = s->names.names[to];
            small_address(address, (uint32_t)to);
            if (!strchr(r->site, '*'))
                snprintf(r->site, SMALL_NAME, "%s",
                         s->names.sites[to / SMALL_IN_SITE % SMALL_SITES]);
            if (!(*name && strcmp(r->label, name) == 0) && strcmp(r->label, address) != 0)
                snprintf(r->label, sizeof r->label, "%s", *name ? name : address);
        } else if (!exact && to >= 0 && there && is_gone(s, r->site)) {
            snprintf(r->site, SMALL_NAME, "%s", s->names.sites[renamed]);
        }
        look(s, r);
    }
}

/* ---- both ---- */

struct both {
    struct slow slow;
    struct orders orders;
    struct arena *arena;
    struct model *m;
    uint32_t numbers[SMALL_ENDPOINTS];
    struct rng rng;
    int64_t now_ms;
    unsigned next_name;
    unsigned n_given, n_refused, n_followed;
    unsigned n_ordered_sets[ANNOUNCE_DRAIN + 1];
};

static char path[64];

static void build(struct both *b)
{
    if (b->arena)
        arena_free(b->arena);
    b->arena = arena_new();
    b->m = small_model(&b->slow.names, b->arena, b->numbers);
}

static void compare_sets(struct both *b, int step)
{
    for (uint32_t i = 0; i < SMALL_SETS; i++) {
        bool forced;
        uint32_t site = small_set_site(i);
        if (b->slow.names.absent_set[i])
            continue;
        enum announce_order expected = slow_announce(&b->slow, i, &forced);
        struct announce_decision d = orders_decide_set(
            &b->orders, small_sets[i], site == MODEL_NONE ? NULL : b->slow.names.sites[site]);
        if (d.order != expected || d.forced != forced || (d.order != ANNOUNCE_AUTO && !d.by))
            fail_msg("step %d: set %s: %s%s, expected %s%s", step, small_sets[i],
                     announce_order_word(d.order), d.forced ? ", forced" : "",
                     announce_order_word(expected), forced ? ", forced" : "");
        b->n_ordered_sets[d.order]++;
    }
}

/* All pools now and then, one each time. */
static void compare(struct both *b, int step)
{
    uint32_t one = step % 16 ? rng_below(&b->rng, SMALL_POOLS) : SMALL_POOLS;
    struct decider *d = decider_new(&b->orders, b->m);
    struct decision out[SMALL_IN_SITE];
    for (uint32_t p = 0; p < SMALL_POOLS; p++)
        for (uint32_t i = 0; i < SMALL_SITES && (p == one || one == SMALL_POOLS); i++) {
            const struct pool_site *site = &b->m->pools[p].sites[i];
            decider_run(d, p, i, out);
            for (uint32_t k = 0; k < site->n_endpoints; k++) {
                uint32_t e = b->numbers[site->first_endpoint + k];
                struct endpoint_state s = {0};
                decision_apply(&s, &b->orders, &out[k]);
                int64_t state = s.override == OVERRIDE_AUTO ? -1 : s.override;
                if (state != slow_value(&b->slow, ORDER_STATE, e) ||
                    s.weight_override != slow_value(&b->slow, ORDER_WEIGHT, e))
                    fail_msg("step %d: endpoint %u: state %d, expected %d; weight %d, expected %d",
                             step, e, (int)state, (int)slow_value(&b->slow, ORDER_STATE, e),
                             (int)s.weight_override, (int)slow_value(&b->slow, ORDER_WEIGHT, e));
            }
        }
    decider_free(d);
    compare_sets(b, step);
}

static void draw_label(struct both *b, char out[2 * SMALL_NAME], uint32_t e)
{
    static const char *const globs[] = {"*", "*", "w*", "192.0.2.1*", "2001:*", "*2"};
    char address[SMALL_NAME];
    switch (rng_below(&b->rng, 3)) {
    case 0:
        snprintf(out, 2 * SMALL_NAME, "%s", globs[rng_below(&b->rng, ARRAY_LEN(globs))]);
        break;
    case 1:
        snprintf(out, 2 * SMALL_NAME, "%s", small_address(address, e));
        break;
    default:
        snprintf(out, 2 * SMALL_NAME, "%s",
                 *b->slow.names.names[e] ? b->slow.names.names[e] : "w0");
    }
}

static void draw_set(struct both *b, struct rule *r)
{
    static const char *const globs[] = {"*", "a*", "b*", "*0", "a*0"};
    snprintf(r->set, SMALL_NAME, "%s",
             rng_below(&b->rng, 2) ? small_sets[rng_below(&b->rng, SMALL_SETS)]
                                   : globs[rng_below(&b->rng, ARRAY_LEN(globs))]);
}

static void draw_endpoints(struct both *b, struct rule *r)
{
    static const char *const globs[] = {"*", "s*", "*1"};
    struct rng *rng = &b->rng;
    uint32_t e = rng_below(rng, SMALL_ENDPOINTS);
    snprintf(r->pool, SMALL_NAME, "p%u", e / (SMALL_SITES * SMALL_IN_SITE));
    if (rng_below(rng, 3) == 0)
        snprintf(r->pool, SMALL_NAME, "%s", rng_below(rng, 2) ? "*" : "p*");
    snprintf(r->site, SMALL_NAME, "%s", b->slow.names.sites[e / SMALL_IN_SITE % SMALL_SITES]);
    if (rng_below(rng, 4) == 0)
        snprintf(r->site, SMALL_NAME, "%s", globs[rng_below(rng, 3)]);
    draw_label(b, r->label, e);
    if (rng_below(rng, 6) == 0) { /* a whole site */
        snprintf(r->pool, SMALL_NAME, "*");
        snprintf(r->label, SMALL_NAME, "*");
    }
}

static void give(struct both *b)
{
    static const enum order_kind kinds[] = {ORDER_STATE, ORDER_STATE, ORDER_WEIGHT, ORDER_ANNOUNCE};
    struct rng *rng = &b->rng;
    struct rule r = {.kind = kinds[rng_below(rng, 4)], .is_volatile = rng_below(rng, 8) == 0};
    if (r.kind == ORDER_ANNOUNCE)
        draw_set(b, &r);
    else
        draw_endpoints(b, &r);
    r.value = rng_below(rng, 2)        ? -1
              : r.kind == ORDER_WEIGHT ? (int)rng_below(rng, 9)
                                       : 1 + (int)rng_below(rng, 3);
    r.forced = r.kind == ORDER_ANNOUNCE && r.value == ANNOUNCE_YES && rng_below(rng, 2);
    int64_t for_ms = rng_below(rng, 2) ? 1 + rng_below(rng, 50000) : 0;
    r.temporary = for_ms != 0;
    r.until_ms = b->now_ms + for_ms;
    char target[4 * SMALL_NAME];
    snprintf(target, sizeof target, "%s/%s/%s", r.pool, r.site, r.label);
    if (*r.set)
        snprintf(target, sizeof target, "anycast:%s", r.set);
    int value = r.value < 0 ? 0 : (int)r.value;
    const struct order_words words = {.kind = r.kind,
                                      .override = r.kind == ORDER_STATE ? (enum override)value : 0,
                                      .weight = r.kind == ORDER_WEIGHT ? r.value : 0,
                                      .announce =
                                          r.kind == ORDER_ANNOUNCE ? (enum announce_order)value : 0,
                                      .forced = r.forced,
                                      .for_ms = for_ms,
                                      .is_volatile = r.is_volatile};
    struct orders next;
    const struct order *laid;
    orders_copy(&next, &b->orders);
    int code = orders_give(&next, b->m, target, &words, b->now_ms, &laid);
    assert_int_equal(code == 0, slow_give(&b->slow, r));
    assert_true(b->slow.n < RULES_MAX);
    orders_free(code ? &next : &b->orders);
    if (!code)
        b->orders = next;
    code ? b->n_refused++ : b->n_given++;
}

static void expire(struct both *b)
{
    b->now_ms += rng_below(&b->rng, 10) ? (int)rng_below(&b->rng, 4000) : -5000;
    slow_expire(&b->slow, b->now_ms);
    if (orders_next_expiry_ms(&b->orders) <= b->now_ms)
        assert_true(orders_expire(&b->orders, b->now_ms) > 0);
}

static void count_follow(void *ctx, enum follow_kind kind, const struct order *before,
                         const struct order *now)
{
    (void)before, (void)now;
    struct both *b = ctx;
    b->n_followed += kind == FOLLOW_MOVED;
}

static void change_endpoint(struct both *b)
{
    struct small *s = &b->slow.names;
    uint32_t e = rng_below(&b->rng, SMALL_ENDPOINTS), other = e ^ 1;
    char name[SMALL_NAME];
    switch (rng_below(&b->rng, 5)) {
    case 0:
        s->absent[e] = !s->absent[e];
        break;
    case 1:
        s->absent[e] = false;
        break;
    case 2: /* neighbours change names */
        memcpy(name, s->names[e], SMALL_NAME);
        memcpy(s->names[e], s->names[other], SMALL_NAME);
        memcpy(s->names[other], name, SMALL_NAME);
        break;
    case 3:
        s->names[e][0] = '\0';
        break;
    default:
        snprintf(s->names[e], SMALL_NAME, "w%u", ++b->next_name);
    }
}

static void change_names(struct both *b, bool restart)
{
    int renamed = -1;
    struct buf problem = {0};
    for (uint32_t n = rng_below(&b->rng, 4); n > 0; n--)
        change_endpoint(b);
    if (rng_below(&b->rng, 3) == 0) {
        bool *absent = &b->slow.names.absent_set[rng_below(&b->rng, SMALL_SETS)];
        *absent = !*absent;
    }
    if (rng_below(&b->rng, 6) == 0) {
        renamed = (int)rng_below(&b->rng, SMALL_SITES);
        snprintf(b->slow.names.sites[renamed], SMALL_NAME, "s%u", ++b->next_name);
    }
    if (restart) {
        assert_int_equal(orders_save(&b->orders, path), 0);
        orders_free(&b->orders);
        snprintf(b->orders.node, sizeof b->orders.node, "n");
        assert_int_equal(orders_load(&b->orders, path, &problem), 0);
        for (int i = b->slow.n; i-- > 0;)
            if (b->slow.v[i].is_volatile)
                drop(&b->slow, i);
    }
    build(b);
    (void)orders_follow(&b->orders, b->m, b->now_ms, count_follow, b);
    slow_follow(&b->slow, renamed);
}

static void step(struct both *b)
{
    uint32_t what = rng_below(&b->rng, 100);
    if (what < 60)
        give(b);
    else if (what < 85)
        expire(b);
    else
        change_names(b, what == 99 && rng_below(&b->rng, 8) == 0);
}

static void test_orders_against_a_slow_model(void **state)
{
    (void)state;
    struct both *b = xcalloc(1, sizeof *b);
    b->rng.state = 20;
    b->now_ms = 1000000;
    snprintf(b->orders.node, sizeof b->orders.node, "n");
    snprintf(path, sizeof path, "%s/test-orders-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    small_init(&b->slow.names);
    for (uint32_t e = 0; e < SMALL_ENDPOINTS; e++)
        small_address(b->slow.addresses[e], e);
    build(b);
    (void)orders_follow(&b->orders, b->m, b->now_ms, NULL, NULL);
    for (int i = 0; i < STEPS; i++) {
        step(b);
        compare(b, i);
    }
    /* It did what it is for. */
    assert_true(b->n_given > STEPS / 4 && b->n_refused > 100 && b->n_followed > 1000);
    for (int i = 0; i <= ANNOUNCE_DRAIN; i++)
        assert_true(b->n_ordered_sets[i] > STEPS / 20);
    orders_free(&b->orders);
    arena_free(b->arena);
    free(b);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_against_a_slow_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
