/* SPDX-License-Identifier: Apache-2.0
 * The reconciler over long random lives: states, orders, reloads, restarts of either side, records
 * lost, others' changes, plans that fail, time. After each plan the rules are looked at from
 * outside, by what it did to the tier; now and then all is known and at rest, and the tier has to
 * be exactly what the table says, for a restart too. */
#include "tier/reconcile.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tier/fake_tier.h"

enum { LIVES = 300, STEPS = 400 }; /* of each kind of tier; 360,000 steps in all */

/* What the test itself knows of a member of the tier, by address. */
struct witness {
    int64_t quiet_ms; /* monotonic: it has had no clients since */
    int64_t idle_ms;  /* and no sessions since */
    bool disturbed;   /* by somebody else, a failure, or as it was made: unlike what was told */
};

struct life {
    struct keeper k;
    struct rng rng;
    struct witness witness[256]; /* by the last byte of the address */
    struct tier_member all[SMALL_MEMBERS];
    bool records_lost;
    unsigned seed;
    unsigned step;
};

static struct life l;

/* What it was like, for who has to find out. */
static void dump(void)
{
    for (size_t i = 0; i < l.k.table.rows.n; i++) {
        const struct tier_row *r = &l.k.table.rows.v[i];
        print_message(
            "  %s :%u member %d, wanted %s %u, target %s %u, settled %s %u, %s %s %u%s%s%s%s\n",
            r->name, r->addr.b[3], (int)r->member, serves_text(r->wanted.serves), r->wanted.weight,
            serves_text(r->target.serves), r->target.weight, serves_text(r->settled.serves),
            r->settled.weight, r->present ? "seen" : "absent", serves_text(r->seen.serving.serves),
            r->seen.serving.weight, r->created ? ", created" : "", r->foreign ? ", foreign" : "",
            r->kept ? ", kept" : "", r->drifted ? ", drifted" : "");
    }
    for (uint32_t i = 0; i < l.k.fake.n; i++)
        print_message("  in it: %s :%u %s %u%s\n", l.k.fake.v[i].name, l.k.fake.v[i].addr.b[3],
                      serves_text(l.k.fake.v[i].serving.serves), l.k.fake.v[i].serving.weight,
                      l.k.fake.v[i].by_us ? ", by us" : "");
    print_message("  refused \"%s\", note \"%s\"\n", l.k.plan.refused, l.k.plan.note);
}

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            dump();                                                                            \
            fail_msg("kind %d, life %u, step %u: %s; plan: %s", l.k.fake.kind, l.seed, l.step, \
                     #condition, l.k.steps);                                                   \
        }                                                                                      \
    } while (0)

static uint32_t below(uint32_t n)
{
    return rng_below(&l.rng, n);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static struct witness *witness_of(const struct fake_member *m)
{
    return &l.witness[m->addr.b[3]];
}

/* Others' members have addresses from here on, which are never configured. */
enum { STRANGERS = 200, MOVED = 100 };

static bool is_stranger(const struct fake_member *m)
{
    return m->addr.b[3] >= STRANGERS;
}

static const struct tier_row *row_of(const struct fake_member *m)
{
    for (size_t i = 0; i < l.k.table.rows.n; i++)
        if (ip_equal(&l.k.table.rows.v[i].addr, &m->addr))
            return &l.k.table.rows.v[i];
    return NULL;
}

static bool same_shown(struct serving a, struct serving b)
{
    struct serving x = fake_shown(l.k.fake.kind, a), y = fake_shown(l.k.fake.kind, b);
    return x.serves == y.serves && x.weight == y.weight;
}

static bool has_clients(struct serving s)
{
    return s.serves == SERVES_READY && s.weight > 0;
}

/* ---- what happens ---- */

static void change_state(void)
{
    struct member_state *s = &l.k.tier.states[below(SMALL_SLOTS)];
    switch (below(8)) {
    case 0:
    case 1:
        s->health = HEALTH_UP;
        break;
    case 2:
        s->health = HEALTH_DOWN;
        break;
    case 3:
        s->stale = one_in(2);
        s->frozen = one_in(3);
        break;
    case 4:
        s->health = HEALTH_UNKNOWN;
        s->remembered = one_in(2);
        s->assumed_up = one_in(2);
        break;
    case 5:
        s->weight = below(3);
        s->weight_ordered = one_in(3);
        s->share = (uint16_t)(1 + below(256));
        break;
    default:
        s->override = (uint8_t)below(4);
        s->by_wide_order = one_in(2);
        s->override_since_ms = l.k.now_ms;
        s->dns_wait_s = below(20);
    }
}

static void reload(void)
{
    uint32_t n = 1 + below(SMALL_MEMBERS);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t other = i + below(SMALL_MEMBERS - i);
        struct tier_member swap = l.all[i];
        l.all[i] = l.all[other];
        l.all[other] = swap;
        if (one_in(6))
            l.all[i].addr.b[3] = (uint8_t)(1 + l.all[i].slot + (one_in(2) ? MOVED : 0));
    }
    memcpy(l.k.tier.members, l.all, sizeof l.all);
    l.k.tier.spec.n_members = n;
    l.k.tier.spec.serve_all = one_in(2);
    l.k.tier.spec.n_fronts = below(SMALL_FRONTS);
    l.k.tier.config.reset_on_down = l.k.fake.kind == FAKE_IPVS && one_in(2);
}

static void restart_tier(void)
{
    struct fake_tier *fake = &l.k.fake;
    if (fake->kind == FAKE_FILE)
        return;
    for (uint32_t i = fake->n; i-- > 0;)
        if (fake->kind == FAKE_IPVS || fake->v[i].by_us)
            fake_remove(fake, &fake->v[i]);
    fake->exists = fake->kind == FAKE_PROXY;
}

static void disturb(void)
{
    struct fake_tier *fake = &l.k.fake;
    if (!fake->exists || fake->n == 0)
        return;
    struct fake_member *m = &fake->v[below(fake->n)];
    if (is_stranger(m))
        return;
    witness_of(m)->disturbed = true;
    if (one_in(3))
        fake_remove(fake, m);
    else
        m->serving = (struct serving){SERVES_READY, (uint16_t)below(257)};
}

static void add_stranger(void)
{
    struct fake_tier *fake = &l.k.fake;
    struct ip addr = small_addr(STRANGERS + below(4));
    if (!fake->exists || fake->kind == FAKE_FILE || fake_find(fake, addr, 80))
        return;
    bool namesake = !l.k.tier.config.adopt && one_in(2); /* else it is meant by its name */
    fake_add(fake, addr, namesake ? l.all[below(SMALL_MEMBERS)].name : "other",
             (struct serving){SERVES_READY, 7}, false);
    for (uint32_t i = 0; i + 1 < fake->n; i++) /* names are unique in a proxy */
        if (strcmp(fake->v[i].name, fake->v[fake->n - 1].name) == 0)
            snprintf(fake->v[fake->n - 1].name, 64, "s%u", addr.b[3]);
}

static void move_sessions(void)
{
    struct fake_tier *fake = &l.k.fake;
    for (uint32_t i = 0; i < fake->n; i++) {
        struct fake_member *m = &fake->v[i];
        if (has_clients(m->serving) && one_in(2))
            m->active = below(3);
        else if (m->active > 0 && one_in(6))
            m->active--;
    }
}

static void pass_time(void)
{
    keeper_wait(&l.k, below(one_in(10) ? 40000 : 2500));
}

/* ---- what is looked at after each plan ---- */

static void note_witnesses(void)
{
    for (uint32_t i = 0; i < l.k.fake.n; i++) {
        const struct fake_member *m = &l.k.fake.v[i];
        if (has_clients(m->serving))
            witness_of(m)->quiet_ms = l.k.mono_ms;
        if (has_clients(m->serving) || m->active != 0)
            witness_of(m)->idle_ms = l.k.mono_ms;
    }
}

/* Strangers are as they were; so is everything where nothing may be written. */
static void check_ownership(struct fake_tier *before)
{
    bool adopts = l.k.tier.config.adopt;
    for (uint32_t i = 0; i < before->n; i++) {
        const struct fake_member *m = &before->v[i];
        const struct fake_member *now = fake_find(&l.k.fake, m->addr, m->port);
        bool same = now && now->serving.serves == m->serving.serves &&
                    now->serving.weight == m->serving.weight && strcmp(now->name, m->name) == 0;
        if (is_stranger(m) || (l.k.fake.kind == FAKE_PROXY && !m->by_us && !adopts))
            CHECK(same);
    }
    if (l.k.plan.held || l.k.plan.refused[0])
        CHECK(l.k.plan.steps.n == 0);
}

/* What was removed had no sessions for a second, or its time was over, or it was to be reset. */
static void check_removals(struct fake_tier *before)
{
    for (uint32_t i = 0; i < before->n; i++) {
        const struct fake_member *m = &before->v[i];
        if (fake_find(&l.k.fake, m->addr, m->port) || fake_find_name(&l.k.fake, m->name))
            continue; /* is there, or has moved */
        const struct tier_row *row = row_of(m);
        const struct witness *w = witness_of(m);
        bool reset = row && row->wanted.serves == SERVES_MAINT;
        CHECK(!has_clients(m->serving) || reset);
        CHECK(reset || l.k.mono_ms - w->quiet_ms >= l.k.tier.config.drain_timeout_ms ||
              l.k.mono_ms - w->idle_ms >= 1000);
        CHECK(row && row->wanted.serves != SERVES_READY && row->wanted.serves != SERVES_DOWN &&
              row->wanted.serves != SERVES_UNKNOWN);
    }
}

static bool serves_at_all(const struct fake_tier *fake)
{
    for (uint32_t i = 0; i < fake->n; i++)
        if (!is_stranger(&fake->v[i]) && has_clients(fake->v[i].serving))
            return true;
    return false;
}

/* Somebody could serve, as far as is known. */
static bool might_serve(void)
{
    for (uint32_t i = 0; i < l.k.tier.spec.n_members; i++) {
        const struct tier_row *row = &l.k.table.rows.v[i];
        if (!row->foreign && (has_clients(row->wanted) || row->wanted.serves == SERVES_UNKNOWN))
            return true;
    }
    return false;
}

/* The last one that has clients loses them by an order, or as nobody else could serve. */
static void check_never_emptied(struct fake_tier *before)
{
    if (!serves_at_all(before) || serves_at_all(&l.k.fake) || !might_serve())
        return;
    for (uint32_t i = 0; i < before->n; i++) {
        const struct tier_row *row = row_of(&before->v[i]);
        if (!row || !has_clients(before->v[i].serving) || is_stranger(&before->v[i]))
            continue;
        bool ordered = row->wanted.serves == SERVES_DRAIN || row->wanted.serves == SERVES_MAINT ||
                       (row->wanted.serves == SERVES_READY && row->wanted.weight == 0);
        CHECK(ordered || witness_of(&before->v[i])->disturbed);
    }
}

/* Of which nothing is known stays, unless somebody else has had his hands on it. */
static void check_unknown(struct fake_tier *before)
{
    for (uint32_t i = 0; i < before->n; i++) {
        const struct fake_member *m = &before->v[i];
        const struct tier_row *row = row_of(m);
        const struct fake_member *now = fake_find(&l.k.fake, m->addr, m->port);
        bool known = !row || row->wanted.serves != SERVES_UNKNOWN || row->wanted.weight > 0;
        if (!known && !witness_of(m)->disturbed)
            CHECK(now && same_shown(now->serving, m->serving));
        if (known && row && now && same_shown(now->serving, row->target))
            witness_of(m)->disturbed = false;
    }
}

static void disturb_all(void)
{
    for (uint32_t i = 0; i < ARRAY_LEN(l.witness); i++)
        l.witness[i].disturbed = true;
}

static void cycle(void)
{
    struct fake_tier before = l.k.fake;
    keeper_plan(&l.k, true);
    bool fails = l.k.plan.steps.n > 0 && one_in(8);
    for (size_t i = 0; i < l.k.plan.steps.n; i++)
        if (l.k.plan.steps.v[i].op == PLAN_ADD)
            l.witness[l.k.table.rows.v[l.k.plan.steps.v[i].row].addr.b[3]].disturbed = true;
    if (fails && one_in(4)) { /* nothing of it arrives, and nobody says so */
        disturb_all();
        return;
    }
    keeper_apply(&l.k, fails ? below((uint32_t)l.k.plan.steps.n) : SIZE_MAX);
    if (fails)
        disturb_all();
    check_ownership(&before);
    check_removals(&before);
    if (!fails)
        check_never_emptied(&before);
    check_unknown(&before);
}

/* ---- at rest ---- */

static struct serving expected_of(const struct tier_row *row, bool *absent)
{
    bool removes = l.k.fake.kind == FAKE_IPVS;
    *absent = removes && (row->wanted.serves == SERVES_DRAIN ||
                          (row->wanted.serves == SERVES_MAINT && l.k.tier.config.reset_on_down));
    return fake_shown(l.k.fake.kind, row->wanted);
}

static void check_at_rest(void)
{
    bool serves = false;
    uint32_t n_members = l.k.tier.spec.n_members;
    for (uint32_t i = 0; i < n_members; i++) {
        const struct tier_row *row = &l.k.table.rows.v[i];
        struct fake_member *m = fake_find(&l.k.fake, row->addr, row->port);
        bool absent;
        struct serving expected = expected_of(row, &absent);
        CHECK(!!m == !absent);
        if (m) {
            CHECK(same_shown(m->serving, expected));
        }
        serves |= has_clients(row->wanted);
    }
    for (uint32_t i = 0; i < l.k.fake.n; i++) { /* nothing is left of what was ours */
        const struct fake_member *m = &l.k.fake.v[i];
        const struct tier_row *row = row_of(m);
        if (!is_stranger(m) && m->by_us && (!row || row->member == MODEL_NONE))
            CHECK(row && row->kept && !serves);
    }
}

static void expect_silence(void)
{
    keeper_plan(&l.k, true);
    CHECK(l.k.plan.steps.n == 0);
}

/* All is known, nobody does anything, and time passes. */
static void come_to_rest(void)
{
    for (uint32_t i = 0; i < SMALL_SLOTS; i++) {
        struct member_state *s = &l.k.tier.states[i];
        s->stale = s->frozen = false;
        if (s->health == HEALTH_UNKNOWN)
            s->health = one_in(2) ? HEALTH_UP : HEALTH_DOWN;
    }
    disturb_all();
    for (unsigned i = 0; i < 60; i++) {
        struct fake_tier before = l.k.fake;
        note_witnesses();
        keeper_plan(&l.k, true);
        keeper_apply(&l.k, SIZE_MAX);
        check_ownership(&before);
        check_removals(&before);
        check_never_emptied(&before);
        keeper_wait(&l.k, 1500);
    }
    expect_silence();
    if (l.k.plan.refused[0] || l.k.plan.note[0] || l.records_lost)
        return; /* what is not ours is in the way, and stays */
    check_at_rest();
    /* A restart changes nothing, whatever is known at first. */
    bool unknown = one_in(2), remembered = one_in(2);
    struct member_state kept[SMALL_SLOTS];
    memcpy(kept, l.k.tier.states, sizeof kept);
    for (uint32_t i = 0; unknown && i < SMALL_SLOTS; i++) {
        struct member_state *s = &l.k.tier.states[i];
        s->assumed_up = s->health == HEALTH_UP;
        s->health = HEALTH_UNKNOWN;
        s->remembered = remembered;
    }
    keeper_restart(&l.k);
    expect_silence();
    if (one_in(2))
        keeper_wait(&l.k, 31000);
    expect_silence();
    memcpy(l.k.tier.states, kept, sizeof kept);
    expect_silence();
}

/* ---- lives ---- */

static void begin(enum fake_kind kind, unsigned seed)
{
    memset(&l, 0, sizeof l);
    l.seed = seed;
    l.rng.state = seed * 1000003u + kind;
    keeper_init(&l.k, kind, SMALL_MEMBERS);
    memcpy(l.all, l.k.tier.members, sizeof l.all);
    l.k.tier.config.adopt = one_in(3);
    l.k.tier.spec.n_fronts = 2;
    if (kind == FAKE_PROXY && one_in(2)) /* servers of its own configuration */
        for (uint32_t i = 0; i < 3; i++)
            fake_add(&l.k.fake, small_addr(1 + i), i ? "static" : "static0",
                     (struct serving){SERVES_READY, 100}, false);
    if (kind == FAKE_PROXY && l.k.fake.n == 3)
        snprintf(l.k.fake.v[2].name, sizeof l.k.fake.v[2].name, "a");
}

static void happen(void)
{
    switch (below(24)) {
    case 0:
        reload();
        break;
    case 1:
        keeper_restart(&l.k);
        break;
    case 2:
        restart_tier();
        break;
    case 3:
        disturb();
        break;
    case 4:
        add_stranger();
        break;
    case 5:
        if (one_in(400)) {
            l.k.fake.n_records = 0;
            l.k.fake.object_recorded = false;
            l.records_lost = true;
            keeper_restart(&l.k);
        }
        break;
    case 6:
        keeper_plan(&l.k, false); /* states follow also while the tier cannot be read */
        disturb_all();
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        change_state();
        break;
    case 11:
    case 12:
    case 13:
        move_sessions();
        break;
    case 14:
    case 15:
    case 16:
        pass_time();
        break;
    default:
        cycle();
    }
    note_witnesses();
}

static void live(enum fake_kind kind)
{
    for (unsigned seed = 1; seed <= LIVES; seed++) {
        begin(kind, seed);
        for (l.step = 0; l.step < STEPS; l.step++) {
            happen();
            if (l.step % 100 == 99)
                come_to_rest();
        }
        keeper_free(&l.k);
    }
}

static void test_ipvs(void **state)
{
    (void)state;
    live(FAKE_IPVS);
}

static void test_proxy(void **state)
{
    (void)state;
    live(FAKE_PROXY);
}

static void test_file(void **state)
{
    (void)state;
    live(FAKE_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipvs),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
