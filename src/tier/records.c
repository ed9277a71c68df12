/* SPDX-License-Identifier: Apache-2.0
 * What was made in tiers, as lines with a sum (base/sealed.h):
 *
 *     SUM<tab>TIER<tab>ADDRESS<tab>PORT      a member
 *     SUM<tab>TIER<tab>-<tab>0               the object */
#include "tier/records.h"

#include "base/sealed.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_ 256 /* of a tier, NUL included; longer ones are not kept */
#define OBJECT "-"

struct made {
    struct ip addr;
    uint16_t port;
};

struct tier_records {
    char *name;
    bool object;
    VEC(struct made) members; /* ascending */
};

struct records {
    VEC(struct tier_records) tiers; /* by name, ascending */
};

struct records *records_new(void)
{
    return xcalloc(1, sizeof(struct records));
}

void records_free(struct records *records)
{
    for (size_t i = 0; records && i < records->tiers.n; i++) {
        free(records->tiers.v[i].name);
        vec_free(&records->tiers.v[i].members);
    }
    if (records)
        vec_free(&records->tiers);
    free(records);
}

/* ---- finding ---- */

static int compare_made(const struct made *a, const struct made *b)
{
    int by_family = (int)a->addr.family - (int)b->addr.family;
    int by_addr = by_family ? by_family : memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
    return by_addr ? by_addr : (int)a->port - (int)b->port;
}

/* Where it is, or belongs. */
static size_t find_tier(const struct records *records, const char *name, bool *found)
{
    size_t low = 0, high = records->tiers.n;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, records->tiers.v[middle].name);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return *found ? high : low;
}

static size_t find_member(const struct tier_records *tier, const struct made *key, bool *found)
{
    size_t low = 0, high = tier->members.n;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = compare_made(key, &tier->members.v[middle]);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return *found ? high : low;
}

bool records_has(const struct records *records, const char *tier, const struct ip *addr,
                 uint16_t port)
{
    bool found;
    size_t at = find_tier(records, tier, &found);
    if (!found || !addr)
        return found && records->tiers.v[at].object;
    const struct made key = {*addr, port};
    find_member(&records->tiers.v[at], &key, &found);
    return found;
}

/* ---- changing ---- */

#define INSERT(vec, at)                                                                          \
    do {                                                                                         \
        (void)vec_push(vec);                                                                     \
        memmove((vec)->v + (at) + 1, (vec)->v + (at), ((vec)->n - 1 - (at)) * sizeof *(vec)->v); \
    } while (0)

#define REMOVE(vec, at)                                                                      \
    do {                                                                                     \
        (vec)->n--;                                                                          \
        memmove((vec)->v + (at), (vec)->v + (at) + 1, ((vec)->n - (at)) * sizeof *(vec)->v); \
    } while (0)

static bool set_member(struct tier_records *tier, const struct made *key, bool created)
{
    bool found;
    size_t at = find_member(tier, key, &found);
    if (found == created)
        return false;
    if (created) {
        INSERT(&tier->members, at);
        tier->members.v[at] = *key;
    } else {
        REMOVE(&tier->members, at);
    }
    return true;
}

bool records_set(struct records *records, const char *name, const struct ip *addr, uint16_t port,
                 bool created)
{
    bool found, changed;
    size_t at = find_tier(records, name, &found);
    if (!found && (!created || strlen(name) >= NAME_MAX_))
        return false;
    if (!found) {
        INSERT(&records->tiers, at);
        records->tiers.v[at] = (struct tier_records){.name = xstrdup(name)};
    }
    struct tier_records *tier = &records->tiers.v[at];
    if (addr) {
        changed = set_member(tier, &(struct made){*addr, port}, created);
    } else {
        changed = tier->object != created;
        tier->object = created;
    }
    if (!tier->object && tier->members.n == 0) {
        free(tier->name);
        vec_free(&tier->members);
        REMOVE(&records->tiers, at);
    }
    return changed;
}

uint32_t records_orphans(const struct records *records, const char *const *names, uint32_t n,
                         const char **out, uint32_t max)
{
    uint32_t n_out = 0;
    for (size_t i = 0; i < records->tiers.n; i++) {
        const char *name = records->tiers.v[i].name;
        bool known = false;
        for (uint32_t k = 0; k < n && !known; k++)
            known = strcmp(names[k], name) == 0;
        if (!known && n_out < max)
            out[n_out++] = name;
    }
    return n_out;
}

/* ---- text ---- */

static void write_line(struct buf *out, struct buf *line, const char *tier, const char *addr,
                       uint16_t port)
{
    char digits[8];
    snprintf(digits, sizeof digits, "%u", port);
    sealed_add(line, tier);
    sealed_add(line, addr);
    sealed_add(line, digits);
    sealed_end(out, line);
}

void records_write(struct buf *out, const struct records *records)
{
    struct buf line = {0};
    char addr[IP_TEXT_MAX];
    for (size_t i = 0; i < records->tiers.n; i++) {
        const struct tier_records *tier = &records->tiers.v[i];
        if (tier->object)
            write_line(out, &line, tier->name, OBJECT, 0);
        for (size_t k = 0; k < tier->members.n; k++)
            write_line(out, &line, tier->name, ip_text(addr, &tier->members.v[k].addr),
                       tier->members.v[k].port);
    }
    buf_free(&line);
}

static bool read_line(struct records *records, struct slice text)
{
    struct sealed line = sealed_open(text);
    char tier[NAME_MAX_], addr_text[IP_TEXT_MAX];
    struct ip addr;
    sealed_text(&line, tier, sizeof tier);
    sealed_text(&line, addr_text, sizeof addr_text);
    uint16_t port = (uint16_t)sealed_number(&line, UINT16_MAX);
    bool is_object = strcmp(addr_text, OBJECT) == 0;
    if (!sealed_done(&line) || !*tier || is_object != (port == 0) ||
        (!is_object && ip_parse(&addr, addr_text) != 0))
        return false;
    (void)records_set(records, tier, is_object ? NULL : &addr, port, true);
    return true;
}

uint32_t records_read(struct records *records, struct slice text)
{
    uint32_t n_damaged = 0;
    if (text.n == 0) /* and no bytes at all, maybe */
        return 0;
    const uint8_t *p = text.p, *end = p + text.n;
    while (p < end) {
        const uint8_t *feed = memchr(p, '\n', (size_t)(end - p));
        n_damaged += !read_line(records, slice_of(p, (size_t)((feed ? feed : end) - p)));
        p = feed ? feed + 1 : end;
    }
    return n_damaged;
}
