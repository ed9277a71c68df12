/* SPDX-License-Identifier: Apache-2.0
 * Random zones, every name and type around them, against an oracle that follows RFC 1034 4.3.2
 * step by step over the list of records, with no index, node or block. */
#include "tests/unit/answer/served.h"
#include "tests/unit/rdata_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ZONES_TESTED 400
#define QUERIES 120
#define CHAIN_MAX 16
#define RRS_MAX 400

struct rrs {
    char *v[RRS_MAX];
    size_t n;
};

struct said {
    unsigned rcode;
    bool authoritative;
    struct rrs section[3]; /* answer, authority, additional */
};

enum { ANSWER, AUTHORITY, ADDITIONAL };

struct oracle {
    struct served *s;
    const struct zone *zone; /* that answers */
    struct said said;
    uint16_t qtype;
    uint8_t seen[CHAIN_MAX + 1][NAME_WIRE_MAX];
    const struct record *dnames[CHAIN_MAX];
    unsigned n_seen, n_dnames;
};

/* --- RRs as text, through ldns on both sides --- */

static void add_text(struct rrs *rrs, ldns_rr *rr)
{
    assert_true(rrs->n < RRS_MAX);
    rrs->v[rrs->n++] = ldns_rr2str(rr);
    ldns_rr_free(rr);
}

static void add(struct oracle *o, unsigned section, struct slice owner, uint16_t type,
                uint32_t ttl_s, struct slice rdata)
{
    char name[NAME_TEXT_MAX], mnemonic[RR_TYPE_TEXT_MAX];
    struct arena *arena = arena_new();
    char *text = arena_printf(arena, "%s %u IN %s %s", name_to_text(name, owner), ttl_s,
                              rr_type_text(mnemonic, type), rdata_text(arena, type, rdata));
    ldns_rr *rr;
    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL), LDNS_STATUS_OK);
    add_text(&o->said.section[section], rr);
    arena_free(arena);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *section_text(struct rrs *rrs)
{
    struct buf out = {0};
    qsort(rrs->v, rrs->n, sizeof *rrs->v, by_text);
    buf_puts(&out, "");
    for (size_t i = 0; i < rrs->n; i++) {
        buf_puts(&out, rrs->v[i]);
        free(rrs->v[i]);
    }
    rrs->n = 0;
    return out.p;
}

static char *said_text(struct said *said)
{
    char *section[3];
    struct buf out = {0};
    buf_printf(&out, "%s%s\n", rcode_text(said->rcode), said->authoritative ? " aa" : "");
    for (unsigned i = 0; i < 3; i++) {
        section[i] = section_text(&said->section[i]);
        buf_printf(&out, "--\n%s", section[i]);
        free(section[i]);
    }
    return out.p;
}

/* --- the oracle --- */

static struct slice owner_of(const struct record *r)
{
    return slice_of(r->owner, r->owner_len);
}

/* The longest zone that contains a name. */
static const struct zone *zone_of(const struct served *s, struct slice name)
{
    const struct zone *best = NULL;
    for (uint32_t i = 0; i < s->w->model.n_zones; i++) {
        const struct zone *z = &s->zones[i];
        if (name_is_within(name, z->origin) && (!best || z->origin.n > best->origin.n))
            best = z;
    }
    return best;
}

/* Whether a record of the zone is served: not inside a subzone, but for DS at its apex. */
static bool counts(const struct oracle *o, const struct record *r)
{
    const struct zone *z = zone_of(o->s, owner_of(r));
    if (z == o->zone)
        return r->type != TYPE_DS || !slice_equal(owner_of(r), z->origin);
    return r->type == TYPE_DS && slice_equal(owner_of(r), z->origin) &&
           slice_equal(name_parent(owner_of(r)).n >= o->zone->origin.n
                           ? zone_of(o->s, name_parent(owner_of(r)))->origin
                           : (struct slice){NULL, 0},
                       o->zone->origin);
}

static bool exists(const struct oracle *o, struct slice name)
{
    for (size_t i = 0; i < o->zone->n_records; i++) {
        const struct record *r = &o->zone->records[i];
        if (counts(o, r) && name_is_within(owner_of(r), name))
            return true;
    }
    for (uint32_t i = 0; i < o->s->w->model.n_zones; i++) {
        if (name_is_within(o->s->zones[i].origin, name))
            return true;
    }
    return false;
}

static bool is_duplicate(const struct oracle *o, const struct record *r)
{
    for (const struct record *x = o->zone->records; x < r; x++) {
        if (x->type == r->type && slice_equal(owner_of(x), owner_of(r)) &&
            slice_equal(slice_of(x->rdata, x->rdlen), slice_of(r->rdata, r->rdlen)))
            return true;
    }
    return false;
}

static uint32_t ttl_of(const struct oracle *o, struct slice at, uint16_t type)
{
    uint32_t ttl = UINT32_MAX;
    for (size_t i = 0; i < o->zone->n_records; i++) {
        const struct record *r = &o->zone->records[i];
        if (r->type == type && slice_equal(owner_of(r), at) && r->ttl_s < ttl &&
            !is_duplicate(o, r))
            ttl = r->ttl_s;
    }
    return ttl;
}

/* Appends the records of `at` as those of `owner`; returns how many. */
static unsigned put_set(struct oracle *o, unsigned section, struct slice at, uint16_t type,
                        struct slice owner)
{
    unsigned n = 0;
    for (size_t i = 0; i < o->zone->n_records; i++) {
        const struct record *r = &o->zone->records[i];
        if (r->type != type || !slice_equal(owner_of(r), at) || !counts(o, r) || is_duplicate(o, r))
            continue;
        add(o, section, owner, type, ttl_of(o, at, type), slice_of(r->rdata, r->rdlen));
        n++;
    }
    return n;
}

static const struct record *first(const struct oracle *o, struct slice at, uint16_t type)
{
    for (size_t i = 0; i < o->zone->n_records; i++) {
        const struct record *r = &o->zone->records[i];
        if (r->type == type && slice_equal(owner_of(r), at) && counts(o, r))
            return r;
    }
    return NULL;
}

static void negative(struct oracle *o)
{
    const struct record *soa = first(o, o->zone->origin, TYPE_SOA);
    uint32_t minimum = load_u32(soa->rdata + soa->rdlen - 4);
    add(o, AUTHORITY, o->zone->origin, TYPE_SOA, minimum < soa->ttl_s ? minimum : soa->ttl_s,
        slice_of(soa->rdata, soa->rdlen));
}

static void referral(struct oracle *o, struct slice cut)
{
    put_set(o, AUTHORITY, cut, TYPE_NS, cut);
    for (size_t i = 0; i < o->zone->n_records; i++) {
        const struct record *r = &o->zone->records[i];
        if (r->type != TYPE_NS || !slice_equal(owner_of(r), cut) || is_duplicate(o, r))
            continue;
        struct slice target = slice_of(r->rdata, r->rdlen);
        put_set(o, ADDITIONAL, target, TYPE_A, target);
        put_set(o, ADDITIONAL, target, TYPE_AAAA, target);
    }
    o->said.authoritative = o->said.section[ANSWER].n > 0;
}

static void step(struct oracle *o, struct slice qname);

/* Whether a cut or a DNAME of the zone stands at a name of it, or above. */
static bool is_hidden(const struct zone *zone, struct slice name)
{
    for (size_t i = 0; i < zone->n_records; i++) {
        const struct record *r = &zone->records[i];
        bool cut = r->type == TYPE_NS && r->owner_len > zone->origin.n;
        if ((cut || r->type == TYPE_DNAME) && name_is_within(name, owner_of(r)))
            return true;
    }
    return false;
}

/* The zone that has the authority over a type at a name: DS at a zone's apex is the parent's, if
 * that is served (RFC 4035 3.1.4.1). */
static const struct zone *authority(const struct served *s, struct slice name, uint16_t type)
{
    const struct zone *zone = zone_of(s, name);
    if (!zone || type != TYPE_DS || name.n == 1 || !slice_equal(zone->origin, name))
        return zone;
    const struct zone *parent = zone_of(s, name_parent(name));
    return parent && !is_hidden(parent, name_parent(name)) ? parent : zone;
}

/* Goes on at the target of an alias, unless it is in another zone or was there before. */
static void restart(struct oracle *o, struct slice from, struct slice target)
{
    if (o->n_seen == CHAIN_MAX || authority(o->s, target, o->qtype) != o->zone)
        return;
    memcpy(o->seen[o->n_seen++], from.p, from.n);
    for (unsigned i = 0; i < o->n_seen; i++) {
        if (slice_equal(slice_of(o->seen[i], (size_t)name_check(slice_of(o->seen[i], 255))),
                        target))
            return;
    }
    step(o, target);
}

static void synthesize(struct oracle *o, const struct record *dname, struct slice qname)
{
    bool there = false;
    for (unsigned i = 0; i < o->n_dnames; i++)
        there |= o->dnames[i] == dname;
    if (!there) {
        o->dnames[o->n_dnames++] = dname;
        put_set(o, ANSWER, owner_of(dname), TYPE_DNAME, owner_of(dname));
    }
    uint8_t name[2 * NAME_WIRE_MAX];
    uint32_t prefix = qname.n - dname->owner_len;
    memcpy(name, qname.p, prefix);
    memcpy(name + prefix, dname->rdata, dname->rdlen);
    struct slice target = slice_of(name, prefix + dname->rdlen);
    assert_true(target.n <= NAME_WIRE_MAX);
    add(o, ANSWER, qname, TYPE_CNAME, dname->ttl_s, target);
    if (o->qtype != TYPE_CNAME && o->qtype != TYPE_ANY)
        restart(o, qname, target);
}

/* Step 3a and 3c: data at `at` answer for qname. */
static void match(struct oracle *o, struct slice at, struct slice qname)
{
    const struct record *cname = first(o, at, TYPE_CNAME);
    if (cname && o->qtype != TYPE_CNAME) {
        put_set(o, ANSWER, at, TYPE_CNAME, qname);
        if (o->qtype != TYPE_ANY)
            restart(o, qname, slice_of(cname->rdata, cname->rdlen));
        return;
    }
    bool any_data = false;
    for (size_t i = 0; i < o->zone->n_records; i++)
        any_data |=
            counts(o, &o->zone->records[i]) && slice_equal(owner_of(&o->zone->records[i]), at);
    if (o->qtype == TYPE_ANY && any_data)
        add(o, ANSWER, qname, TYPE_HINFO, 3600, slice_of("\7RFC8482\0", 9));
    else if (put_set(o, ANSWER, at, o->qtype, qname) == 0)
        negative(o);
}

static void step(struct oracle *o, struct slice qname)
{
    /* Step 3b and RFC 6672 3.2: from the apex down, the first cut or DNAME decides. */
    struct slice chain[NAME_LABELS_MAX + 1];
    unsigned n = 0;
    for (struct slice at = qname; at.n >= o->zone->origin.n; at = name_parent(at)) {
        chain[n++] = at;
        if (at.n == 1)
            break;
    }
    while (n-- > 0) {
        struct slice at = chain[n];
        const struct record *dname = first(o, at, TYPE_DNAME);
        bool apex = slice_equal(at, o->zone->origin);
        if (!apex && first(o, at, TYPE_NS)) {
            if (n == 0 && o->qtype == TYPE_DS)
                match(o, at, qname);
            else
                referral(o, at);
            return;
        }
        if (dname && n > 0) {
            synthesize(o, dname, qname);
            return;
        }
    }
    if (exists(o, qname)) {
        match(o, qname, qname);
        return;
    }
    struct slice encloser = qname;
    while (!exists(o, encloser))
        encloser = name_parent(encloser);
    uint8_t wildcard[NAME_WIRE_MAX] = {1, '*'};
    memcpy(wildcard + 2, encloser.p, encloser.n);
    struct slice star = slice_of(wildcard, encloser.n + 2);
    if (exists(o, star)) {
        match(o, star, qname);
        return;
    }
    o->said.rcode = RCODE_NXDOMAIN;
    negative(o);
}

static char *expected(struct served *s, struct slice qname, uint16_t qtype)
{
    struct oracle *o = xcalloc(1, sizeof *o);
    o->s = s;
    o->qtype = qtype;
    o->zone = authority(s, qname, qtype);
    if (o->zone) {
        o->said.authoritative = true;
        step(o, qname);
    } else {
        o->said.rcode = RCODE_REFUSED;
    }
    char *text = said_text(&o->said);
    free(o);
    return text;
}

static char *actual(struct served *s)
{
    struct said said = {0};
    ldns_pkt *pkt;
    assert_int_equal(ldns_wire2pkt(&pkt, s->response, s->packet.response_len), LDNS_STATUS_OK);
    const ldns_rr_list *lists[] = {ldns_pkt_answer(pkt), ldns_pkt_authority(pkt),
                                   ldns_pkt_additional(pkt)};
    said.rcode = ldns_pkt_get_rcode(pkt);
    said.authoritative = ldns_pkt_aa(pkt);
    for (unsigned i = 0; i < 3; i++) {
        for (size_t k = 0; k < ldns_rr_list_rr_count(lists[i]); k++)
            add_text(&said.section[i], ldns_rr_clone(ldns_rr_list_rr(lists[i], k)));
    }
    ldns_pkt_free(pkt);
    return said_text(&said);
}

/* --- random zones --- */

static const char *const labels[] = {"a", "b", "c", "*", "ns"};

static char *random_name(struct rng *rng, char out[64], const char *origin)
{
    out[0] = '\0';
    for (uint32_t n = rng_below(rng, 4); n > 0; n--) {
        strcat(out, labels[rng_below(rng, ARRAY_LEN(labels))]);
        strcat(out, ".");
    }
    return strcat(out, origin);
}

static void random_zone(struct served *s, struct rng *rng, const char *origin)
{
    static const char *const types[] = {"A",  "A",     "AAAA", "TXT",   "MX", "CNAME",
                                        "NS", "CNAME", "DS",   "DNAME", "A"};
    struct buf text = {0};
    char owner[64], target[64];
    unsigned dnames = 0;
    buf_printf(&text, "@ 300 SOA ns.%s h.%s 1 2 3 4 %u\n@ 300 NS ns.%s\nns.%s 300 A 192.0.2.1\n",
               origin, origin, rng_below(rng, 600), origin, origin);
    for (uint32_t n = 1 + rng_below(rng, 12); n > 0; n--) {
        const char *type = types[rng_below(rng, ARRAY_LEN(types))];
        if (strcmp(type, "DNAME") == 0 && ++dnames > 2)
            continue;
        random_name(rng, owner, origin);
        random_name(rng, target, rng_below(rng, 5) ? origin : "other.");
        buf_printf(&text, "%s %u %s ", owner, rng_below(rng, 2) ? 60 : 300, type);
        if (strcmp(type, "A") == 0)
            buf_printf(&text, "192.0.2.%u\n", rng_below(rng, 4));
        else if (strcmp(type, "AAAA") == 0)
            buf_printf(&text, "2001:db8::%u\n", rng_below(rng, 4));
        else if (strcmp(type, "TXT") == 0)
            buf_printf(&text, "t%u\n", rng_below(rng, 4));
        else if (strcmp(type, "DS") == 0)
            buf_puts(&text, "1 8 9 00\n");
        else
            buf_printf(&text, "%s%s\n", strcmp(type, "MX") == 0 ? "5 " : "", target);
    }
    served_zone(s, origin, text.p);
    buf_free(&text);
}

static void print_zones(struct served *s)
{
    for (uint32_t z = 0; z < s->w->model.n_zones; z++) {
        for (size_t i = 0; i < s->zones[z].n_records; i++) {
            const struct record *r = &s->zones[z].records[i];
            char owner[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
            print_message("%u: %s %u %s %s\n", z, name_to_text(owner, owner_of(r)), r->ttl_s,
                          rr_type_text(type, r->type),
                          rdata_text(s->w->arena, r->type, (struct slice){r->rdata, r->rdlen}));
        }
    }
}

static void compare(struct served *s, const char *name, uint16_t type)
{
    struct ask ask = {.tcp = true, .no_edns = true};
    uint8_t wire[NAME_WIRE_MAX];
    int n = name_from_text(wire, name, strlen(name), slice_of("", 1));
    assert_true(n > 0);
    served_send(s, served_query(s->query, name, type, &ask), &ask);
    char *want = expected(s, slice_of(wire, (size_t)n), type), *got = actual(s);
    if (strcmp(want, got) != 0) {
        print_zones(s);
        print_message("query: %s type %u\n", name, type);
    }
    assert_string_equal(got, want);
    free(want);
    free(got);
}

/* Compiles random zones; NULL when they are not to be served. */
static struct served *draw(struct rng *rng)
{
    struct served *s = served_new();
    random_zone(s, rng, "z.");
    if (rng_below(rng, 2))
        random_zone(s, rng, "a.z.");
    if (rng_below(rng, 4) == 0)
        random_zone(s, rng, "b.c.z.");
    if (served_compile(s) == 0)
        return s;
    served_free(s);
    return NULL;
}

static void test_against_oracle(void **state)
{
    static const uint16_t types[] = {TYPE_A,  TYPE_AAAA, TYPE_TXT, TYPE_MX,    TYPE_CNAME,
                                     TYPE_NS, TYPE_DS,   TYPE_SOA, TYPE_DNAME, TYPE_ANY};
    struct rng rng = {.state = 1};
    unsigned tested = 0, tried = 0;
    (void)state;
    while (tested < ZONES_TESTED) {
        struct served *s = draw(&rng);
        assert_true(++tried < 100 * ZONES_TESTED);
        if (!s)
            continue;
        assert_null(index_validate(&s->snapshot->index));
        for (unsigned i = 0; i < QUERIES; i++) {
            char name[64];
            uint16_t type = types[rng_below(&rng, ARRAY_LEN(types))];
            compare(s, random_name(&rng, name, rng_below(&rng, 20) ? "z." : "y."), type);
        }
        tested++;
        served_free(s);
    }
    print_message("%u zones of %u that were drawn\n", tested, tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
