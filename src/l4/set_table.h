/* SPDX-License-Identifier: Apache-2.0
 * The sets of members as the main thread has them now, whoever they come from: a list of the
 * configuration, our own checker, loadstard, or what was saved of loadstard's. Kept by name over
 * reloads. */
#pragma once

#include "base/strmap.h"
#include "base/vec.h"
#include "health/state.h"
#include "l4/sets.h"
#include "model/model.h"

enum set_origin { SET_UNKNOWN, SET_LISTED, SET_CHECKED, SET_TOLD, SET_SAVED };
const char *set_origin_text(enum set_origin origin); /* "unknown" "list" "checks" "loadstard".. */

/** What was ordered of a member of a list: in memory only, as there is no checker to keep it. */
struct list_order {
    char key[MEMBER_KEY_MAX];
    bool has_state, has_weight;
    enum member_state state;
    uint32_t weight;
    int64_t state_until_ms, weight_until_ms; /* monotonic; INT64_MAX: until changed */
};

struct list_orders {
    VEC(struct list_order *) v; /* each owned */
    struct strmap places;       /* by key: index of v */
};

struct work_set {
    char name[L4_NAME_MAX];
    enum set_origin origin;
    struct member_set now;
    struct member_set
        saved;        /* SET_UNKNOWN: what is to be in force when nobody tells; or version 0 */
    int64_t since_ms; /* wall clock, of the last change */
    char rival[96];   /* who was refused last, as another one tells it; "" */
    int64_t rival_ms; /* monotonic, when */
    uint32_t cursor;  /* balance_cursor of the workers */
    bool all_down;    /* SET_CHECKED: those that are down by health serve, as nobody else does */
    struct list_orders orders;
};

/** v[i] is config->sets[i] of the configuration that it follows. */
struct set_table {
    struct work_set **v;
    uint32_t n, n_cursors;
    struct strmap places; /* by name: index of v */
};

/** Goes by this configuration from now on: sets of that name are kept, where they still come from
 *  the same; lists are as it has them. */
void set_table_follow(struct set_table *table, const struct l4_config *config) ATTR_NONNULL;
void set_table_free(struct set_table *table) ATTR_NONNULL;

/** Its index, or MODEL_NONE. */
uint32_t set_table_find(const struct set_table *table, const char *name) ATTR_NONNULL;

enum set_verdict { SET_TAKEN, SET_SAME, SET_OLD };
/** A whole set from loadstard (SET_TOLD), or of the file (SET_SAVED, where nothing else is known).
 *  One that has no later version than the one in force, or than the one that was saved while none
 *  is, is refused, unless it is the same. Takes over what `set` has. */
enum set_verdict set_table_tell(struct set_table *table, uint32_t i, struct member_set *set,
                                enum set_origin origin) ATTR_NONNULL;

/** The version that the next one told has to be later than. */
uint64_t work_set_version(const struct work_set *set) ATTR_NONNULL ATTR_PURE;

/** Puts in force what was saved of a set of which nothing is known. Returns whether there was
 *  anything. */
bool work_set_adopt(struct work_set *set) ATTR_NONNULL;

/** A whole set as another process has it, which goes before whatever is known here; orders that
 *  were given here end, as it has them. Takes over what `set` has. */
void set_table_obey(struct set_table *table, uint32_t i, struct member_set *set) ATTR_NONNULL;

/** Takes the members of a pool from the checker's states; returns whether anything is new. When
 * none of them serves, and the pool's on_all_down is serve_all, those that are down by health do,
 * at their weights: as in a tier (tier/desired.h). */
bool set_table_check(struct set_table *table, uint32_t i, const struct l4_set *config,
                     const struct model *model, const struct endpoint_state *states) ATTR_NONNULL;

/* list_orders.c: orders of members of lists, each found by its key at once. */

/** A member as it is to be, with what was ordered of it. */
struct set_member_now {
    enum member_state state;
    uint32_t weight;
    bool is_ordered;
};
struct set_member_now work_set_member(const struct work_set *set, uint32_t member,
                                      int64_t now_ms) ATTR_NONNULL;

/** The order of a member of a list, to be changed; made where there is none. */
struct list_order *work_set_order(struct work_set *set, const char *key) ATTR_NONNULL;
/** NULL: there is none. */
struct list_order *work_set_find_order(const struct work_set *set, const char *key) ATTR_NONNULL;
void work_set_forget_orders(struct work_set *set) ATTR_NONNULL;

/** When the next order ends; INT64_MAX: none does. Forgets those that have. */
int64_t set_table_expire(struct set_table *table, int64_t now_ms) ATTR_NONNULL;
