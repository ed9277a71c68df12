/* SPDX-License-Identifier: Apache-2.0
 * Hierarchical timer wheel. */
#include "base/wheel.h"

#include <stddef.h>

enum { SLOTS = 1 << WHEEL_BITS, TOP = WHEEL_LEVELS - 1 };
_Static_assert(SLOTS == 64, "one word of `occupied` covers one level");

static void list_init(struct wheel_entry *head)
{
    head->prev = head->next = head;
}

static bool list_empty(const struct wheel_entry *head)
{
    return head->next == head;
}

static void list_append(struct wheel_entry *head, struct wheel_entry *entry)
{
    entry->prev = head->prev;
    entry->next = head;
    head->prev->next = entry;
    head->prev = entry;
}

static void list_take(struct wheel_entry *to, struct wheel_entry *from)
{
    if (list_empty(from)) {
        list_init(to);
        return;
    }
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static int64_t level_span(unsigned level)
{
    return INT64_C(1) << (level * WHEEL_BITS);
}

static unsigned slot_index(int64_t ms, unsigned level)
{
    return (unsigned)(ms >> (level * WHEEL_BITS)) & (SLOTS - 1);
}

void wheel_init(struct wheel *wheel, int64_t now_ms)
{
    wheel->now_ms = now_ms;
    list_init(&wheel->due);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned i = 0; i < SLOTS; i++)
            list_init(&wheel->slots[level][i]);
    }
}

void wheel_stop(struct wheel_entry *entry)
{
    if (!entry->next)
        return;
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    entry->prev = entry->next = NULL;
}

/* Where an entry for `at_ms`, later than now, waits. The top level is a circle: an entry further
 * away than its SLOTS - 1 slots waits in the last of them and is placed anew from there. */
static void place(struct wheel *wheel, struct wheel_entry *entry)
{
    int64_t furthest = wheel->now_ms + (SLOTS - 1) * level_span(TOP);
    int64_t at_ms = entry->at_ms < furthest ? entry->at_ms : furthest;
    uint64_t differs = (uint64_t)(at_ms ^ wheel->now_ms);
    unsigned level = (63 - (unsigned)__builtin_clzll(differs)) / WHEEL_BITS;
    if (level > TOP)
        level = TOP;
    unsigned i = slot_index(at_ms, level);
    wheel->occupied[level] |= UINT64_C(1) << i;
    list_append(&wheel->slots[level][i], entry);
}

void wheel_start(struct wheel *wheel, struct wheel_entry *entry, int64_t at_ms)
{
    wheel_stop(entry);
    entry->at_ms = at_ms;
    if (at_ms <= wheel->now_ms)
        list_append(&wheel->due, entry);
    else
        place(wheel, entry);
}

/* The first slot of a level, after the current one, that holds an entry; its start in *at_ms.
 * Bits of slots that wheel_stop() emptied are cleared on the way. */
static struct wheel_entry *first_slot(struct wheel *wheel, unsigned level, int64_t *at_ms)
{
    unsigned here = slot_index(wheel->now_ms, level);
    for (unsigned ahead = 1; ahead < SLOTS; ahead++) {
        uint64_t bits = wheel->occupied[level];
        unsigned from = (here + ahead) & (SLOTS - 1);
        uint64_t turned = from ? bits >> from | bits << (SLOTS - from) : bits;
        if (!turned)
            return NULL;
        ahead += (unsigned)__builtin_ctzll(turned);
        if (ahead >= SLOTS)
            return NULL;
        unsigned i = (here + ahead) & (SLOTS - 1);
        if (!list_empty(&wheel->slots[level][i])) {
            *at_ms = ((wheel->now_ms >> (level * WHEEL_BITS)) + ahead) << (level * WHEEL_BITS);
            return &wheel->slots[level][i];
        }
        wheel->occupied[level] &= ~(UINT64_C(1) << i);
    }
    return NULL;
}

static struct wheel_entry *next_slot(struct wheel *wheel, int64_t *at_ms)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        struct wheel_entry *slot = first_slot(wheel, level, at_ms);
        if (slot)
            return slot;
    }
    return NULL;
}

int64_t wheel_next_ms(struct wheel *wheel)
{
    int64_t at_ms;
    if (!list_empty(&wheel->due))
        return 0;
    return next_slot(wheel, &at_ms) ? at_ms - wheel->now_ms : -1;
}

/* Fires a list that `fire` may change at will: the entries hang on a head of ours, so that stopping
 * one unlinks it, and what is started goes to the wheel. */
static void fire_all(struct wheel_entry *from, wheel_fire_fn *fire, void *ctx)
{
    struct wheel_entry firing;
    list_take(&firing, from);
    while (!list_empty(&firing)) {
        struct wheel_entry *entry = firing.next;
        wheel_stop(entry);
        fire(ctx, entry);
    }
}

/* Deals a slot whose start is now out to the levels below; what is due at its very start goes to
 * `due`. */
static void deal(struct wheel *wheel, struct wheel_entry *slot, struct wheel_entry *due)
{
    struct wheel_entry waiting;
    list_take(&waiting, slot);
    while (!list_empty(&waiting)) {
        struct wheel_entry *entry = waiting.next;
        wheel_stop(entry);
        if (entry->at_ms <= wheel->now_ms)
            list_append(due, entry);
        else
            place(wheel, entry);
    }
}

void wheel_advance(struct wheel *wheel, int64_t now_ms, wheel_fire_fn *fire, void *ctx)
{
    fire_all(&wheel->due, fire, ctx);
    while (wheel->now_ms < now_ms) {
        int64_t at_ms;
        struct wheel_entry *slot = next_slot(wheel, &at_ms);
        if (!slot || at_ms > now_ms) {
            wheel->now_ms = now_ms;
            return;
        }
        struct wheel_entry due;
        list_init(&due);
        wheel->now_ms = at_ms;
        deal(wheel, slot, &due);
        fire_all(&due, fire, ctx);
    }
}
