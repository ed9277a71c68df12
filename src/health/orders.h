/* SPDX-License-Identifier: Apache-2.0
 * The operator's orders, in layers: which endpoints are forced into a state, or to a weight, and
 * which prefix sets are announced, whatever their conditions say. Pure.
 *
 * Of the live orders of a kind that match an endpoint, the newest decides; those beneath it wait.
 *  - One with the same target and kind replaces the earlier one, except that one with an end lies
 *    above one without, and a volatile one above one that is on disk: these stay beneath.
 *  - `auto` removes the orders whose target is the same, or that match only endpoints within it;
 *    where another order still decides an endpoint then, an order `auto` is laid over it.
 *  - All this holds for prefix sets as for endpoints. An order on a whole site is also about the
 *    prefix sets of the site; where one on a set itself decides, it waits, whichever is newer.
 *
 * Orders are made to be shared between nodes. Each is known by (node, number), and "newer" is the
 * total order of (time, node, number), with the time max(wall clock, largest seen + 1) of whoever
 * gave it. What an order ended by is kept for a while, as a fact of its own, so that two lists
 * merge into the same one whichever way, and how often, they meet (orders_merge()).
 *
 * An order never changes once it is made: what changes is a copy with another `serial`. Lists share
 * their orders, so that a copy of a list costs pointers, and threads may read one that is held. */
#pragma once

#include "health/state.h"
#include "model/target.h"

enum order_kind { ORDER_STATE, ORDER_WEIGHT, ORDER_ANNOUNCE };
enum order_end { ORDER_LIVE, ORDER_REMOVED, ORDER_REPLACED, ORDER_EXPIRED };

#define ORDER_AUTO_WEIGHT (-1)
#define ORDER_TIME_MAX_MS                                                   \
    INT64_C(253402300799999) /* 9999-12-31: differences and sums of two fit \
                              */
#define ORDER_FOREVER INT64_MAX
#define ORDERS_MAX 4096 /* live ones */
#define ENDED_MAX 1024  /* kept of those that ended; then the ones that ended first go */
#define ENDED_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)
#define ANCHORS_MAX 16
#define NODE_NAME_MAX 64 /* with NUL */

/** An endpoint that an order was about, by what outlives its names. */
struct anchor {
    char *pool, *site;
    char *address; /* or CNAME target, as text */
};

struct order {
    _Atomic unsigned n_holds;
    uint32_t serial; /* of this content, in this process; never 0 */

    char node[NODE_NAME_MAX];
    uint64_t number;
    int64_t time_ms; /* its place in the total order */

    struct target target;
    enum order_kind kind;
    enum override override;       /* ORDER_STATE */
    int64_t weight;               /* ORDER_WEIGHT: 0..WEIGHT_MAX, or ORDER_AUTO_WEIGHT */
    enum announce_order announce; /* ORDER_ANNOUNCE, of a target for prefix sets */
    bool forced;                  /* ANNOUNCE_YES though nothing answers there */
    int64_t set_ms;               /* wall clock, 0..ORDER_TIME_MAX_MS */
    int64_t until_ms;             /* likewise, or ORDER_FOREVER */
    char *author, *reason;        /* "" if not known, not given */
    char *shown;                  /* the reason as it is shown: see reason_clean() */
    bool is_volatile;             /* in memory only */

    int64_t moved_ms; /* when `target` last followed a name, as time_ms; 0: never */
    struct anchor *anchors;
    uint32_t n_anchors; /* some that it matched, at most ANCHORS_MAX */
    bool is_lost;       /* it matched nothing when last looked at */

    enum order_end end;
    int64_t ended_ms; /* wall clock, unless ORDER_LIVE */
};

/** Owns its holds; freed by orders_free(). */
struct orders {
    struct order **v; /* live, the newest last */
    uint32_t n, cap;
    uint32_t n_volatile;  /* of them */
    struct order **ended; /* in the same order */
    uint32_t n_ended, ended_cap;
    int64_t seen_ms;          /* the largest time of any order */
    uint64_t last_number;     /* that this node gave */
    char node[NODE_NAME_MAX]; /* this one */
    char **sites;             /* names of the model's, at the last orders_follow() */
    uint32_t n_sites;
};

/** What an operator says. Strings are borrowed. */
struct order_words {
    enum order_kind kind;
    enum override override;
    int64_t weight;
    enum announce_order announce;
    bool forced;
    int64_t for_ms; /* 0: until changed */
    const char *reason, *author;
    bool is_volatile;
};

#define ORDER_ID_MAX (NODE_NAME_MAX + 24)

/** "@17", or "@NODE-17" of another node: what commands take for a target. */
const char *order_id_text(char out[ORDER_ID_MAX], const struct orders *orders,
                          const struct order *order) ATTR_NONNULL;
/** The live order of an id, or NULL. */
struct order *orders_find_id(const struct orders *orders, const char *id) ATTR_NONNULL;
/** The live order of a serial, as endpoint states name those that decide, or NULL. */
const struct order *orders_find_serial(const struct orders *orders, uint32_t serial) ATTR_NONNULL;
/** "drain", "weight 7", "weight auto"; "announce", "announce, forced". */
const char *order_value_text(char out[32], const struct order *order) ATTR_NONNULL;
bool order_is_auto(const struct order *order) ATTR_NONNULL ATTR_PURE;
/** Whether words take orders away. */
bool order_words_are_auto(const struct order_words *words) ATTR_NONNULL ATTR_PURE;
/** Whether an operator should be asked about it: it has no end, is no `auto`, and is older than
 *  `reminder_s`; 0: never. */
bool order_is_old(const struct order *order, int64_t now_ms,
                  uint32_t reminder_s) ATTR_NONNULL ATTR_PURE;
/** Whether a is newer (> 0) or older (< 0) than b; 0: the same one. */
int order_compare(const struct order *a, const struct order *b) ATTR_NONNULL ATTR_PURE;

struct order *order_hold(struct order *order) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void order_release(struct order *order) ATTR_NONNULL;
/** A zeroed order with a serial, held once, for readers of files. */
struct order *order_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Takes copies; NULL is "". */
void order_set_words(struct order *order, const char *author, const char *reason)
    __attribute__((nonnull(1)));
/** A copy to change, held once, with a serial of its own. */
struct order *order_clone(const struct order *from) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Adds an order, live or ended, which the list then owns. False, and it is released, when there is
 *  one of that node and number. */
bool orders_add(struct orders *orders, struct order *order) ATTR_NONNULL;
void orders_copy(struct orders *to, const struct orders *from) ATTR_NONNULL;
void orders_free(struct orders *orders) ATTR_NONNULL;

/** Gives an order of target `text` at `now_ms`, wall clock. Returns 0 with *laid the order that is
 *  in force now, NULL when `auto` needed none; E_SYNTAX; E_INVALID when the words do not fit the
 *  target; E_NOTFOUND when the target matches nothing and nothing was removed; E_RANGE when there
 * are ORDERS_MAX. After a failure the list is of no use: give orders to a copy. */
int orders_give(struct orders *orders, const struct model *m, const char *text,
                const struct order_words *words, int64_t now_ms,
                const struct order **laid) ATTR_NONNULL ATTR_MUST_USE;
/** Takes one order away. */
void orders_remove(struct orders *orders, const struct order *order, int64_t now_ms) ATTR_NONNULL;
/** Ends the orders whose time is over, and forgets what ended long ago; returns how many ended. */
uint32_t orders_expire(struct orders *orders, int64_t now_ms) ATTR_NONNULL;
/** When the next order expires; ORDER_FOREVER: none does. */
int64_t orders_next_expiry_ms(const struct orders *orders) ATTR_NONNULL ATTR_PURE;

/** What is ordered of a prefix set. */
struct announce_decision {
    enum announce_order order;
    bool forced;
    const struct order *by; /* that decides, `auto` as well; NULL: none is about it */
};
/** The newest order on the set itself decides, unless it is `auto`; else the newest on its whole
 *  site (NULL or "": it has none): `drain` drains, `down` withdraws. */
struct announce_decision orders_decide_set(const struct orders *orders, const char *set,
                                           const char *site) __attribute__((nonnull(1, 2)));

/** Takes over what another node's list has and this one has not. Commutative, associative and
 *  idempotent but for `node`, `last_number`, `sites`, and what exceeds the bounds. */
void orders_merge(struct orders *orders, const struct orders *other) ATTR_NONNULL;

/* For the module's own files. */
/** What is kept of an order that ends. */
struct order *order_clone_ended(const struct order *from, enum order_end end,
                                int64_t ended_ms) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Whether the newer `a` takes the place of `b`, rather than lying above it. */
bool order_replaces(const struct order *a, const struct order *b) ATTR_NONNULL;
/** Ends a live order; of a volatile one nothing is kept, as no other list has it. */
void orders_end(struct orders *orders, uint32_t at, enum order_end end,
                int64_t ended_ms) ATTR_NONNULL;
/** Removes the `auto` orders that have nothing left to except from. */
void orders_tidy(struct orders *orders, int64_t now_ms) ATTR_NONNULL;
bool order_equal(const struct order *a, const struct order *b) ATTR_NONNULL ATTR_PURE;

/** Whether both order the same in the same layers, whoever said so and when. */
bool orders_equal(const struct orders *a, const struct orders *b) ATTR_NONNULL ATTR_PURE;
