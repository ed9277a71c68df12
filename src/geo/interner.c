/* SPDX-License-Identifier: Apache-2.0
 * Hash tables of the geo loader: equal facts to one index, and results by 64-bit key. */
#include "base/arena.h"
#include "base/hash.h"
#include "geo/facts.h"

#include <stdlib.h>

#define SLOTS_MIN 1024u

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t mix(uint64_t h, uint64_t a, uint64_t b)
{
    return hash_mix(h ^ a ^ HASH_K0, b ^ HASH_K1);
}

static uint64_t load_text(const char *p, size_t n)
{
    uint64_t x = 0;
    memcpy(&x, p, n);
    return x;
}

static uint64_t facts_hash(const struct facts *f)
{
    const struct place *p = &f->place;
    uint64_t h = mix(f->from, load_text(p->country, 3) << 32 | load_text(p->continent, 3), p->asn);
    h = mix(h, load_text(p->subdivision, 8), (uint64_t)p->site << 2 | p->located << 1 | p->coarse);
    h = mix(h, (uint64_t)float_bits(p->latitude) << 32 | float_bits(p->longitude), 0);
    return p->tag ? hash_bytes(h, (const uint8_t *)p->tag, (uint32_t)strlen(p->tag)) : h;
}

static bool same_tag(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool facts_equal(const struct facts *a, const struct facts *b)
{
    const struct place *p = &a->place, *q = &b->place;
    return a->from == b->from && memcmp(p->continent, q->continent, 3) == 0 &&
           memcmp(p->country, q->country, 3) == 0 &&
           memcmp(p->subdivision, q->subdivision, sizeof p->subdivision) == 0 && p->asn == q->asn &&
           p->located == q->located && p->coarse == q->coarse &&
           float_bits(p->latitude) == float_bits(q->latitude) &&
           float_bits(p->longitude) == float_bits(q->longitude) && p->site == q->site &&
           same_tag(p->tag, q->tag);
}

static void interner_rehash(struct interner *in, uint32_t n_slots)
{
    free(in->slots);
    in->slots = xcalloc(n_slots, sizeof *in->slots);
    in->mask = n_slots - 1;
    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t at = (uint32_t)facts_hash(&in->v[i]) & in->mask;
        while (in->slots[at])
            at = (at + 1) & in->mask;
        in->slots[at] = i + 1;
    }
}

void interner_init(struct interner *in)
{
    *in = (struct interner){0};
    interner_rehash(in, SLOTS_MIN);
    (void)interner_add(in, &facts_none);
}

void interner_free(struct interner *in)
{
    free(in->v);
    free(in->slots);
    *in = (struct interner){0};
}

uint32_t interner_add(struct interner *in, const struct facts *facts)
{
    uint32_t at = (uint32_t)facts_hash(facts) & in->mask;
    for (; in->slots[at]; at = (at + 1) & in->mask)
        if (facts_equal(&in->v[in->slots[at] - 1], facts))
            return in->slots[at] - 1;
    if (in->n > TRIE_VALUE_MAX) {
        in->full = true;
        return 0;
    }
    if (in->n == in->cap) {
        in->cap = in->cap ? in->cap * 2 : 256;
        in->v = xrealloc(in->v, in->cap * sizeof *in->v);
    }
    in->v[in->n++] = *facts;
    in->slots[at] = in->n;
    uint32_t index = in->n - 1;
    if (in->n * 2 > in->mask)
        interner_rehash(in, (in->mask + 1) * 2);
    return index;
}

static uint32_t memo_find(const struct memo *memo, uint64_t key)
{
    uint32_t at = (uint32_t)hash_mix(key ^ HASH_K0, HASH_K1) & memo->mask;
    while (memo->slots[at].used && memo->slots[at].key != key)
        at = (at + 1) & memo->mask;
    return at;
}

static void memo_grow(struct memo *memo)
{
    struct memo old = *memo;
    uint32_t n_slots = old.slots ? (old.mask + 1) * 2 : SLOTS_MIN;
    memo->slots = xcalloc(n_slots, sizeof *memo->slots);
    memo->mask = n_slots - 1;
    for (uint32_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].used)
            memo->slots[memo_find(memo, old.slots[i].key)] = old.slots[i];
    free(old.slots);
}

void memo_free(struct memo *memo)
{
    free(memo->slots);
    *memo = (struct memo){0};
}

struct memo_slot *memo_at(struct memo *memo, uint64_t key)
{
    if (memo->n * 2 >= memo->mask)
        memo_grow(memo);
    struct memo_slot *slot = &memo->slots[memo_find(memo, key)];
    if (!slot->used) {
        slot->key = key;
        memo->n++;
    }
    return slot;
}
