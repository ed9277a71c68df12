/* SPDX-License-Identifier: Apache-2.0
 * The checker: schedules probes, keeps states and overrides, tells who changed.
 *
 * Lives on the control thread's uv loop. The same (check, address, port) is probed once, however
 * many endpoints use it. How it moves to another model is in succession.h. Who needs to know what
 * changed subscribes (subscription.h). */
#pragma once

#include "health/orders.h"
#include "health/state.h"
#include "health/subscription.h"

#include <uv.h>

struct checker;
struct credentials;
struct plan;

/** A change for the event log: of checker_model()'s endpoints, even while that is not in force yet.
 */
struct health_event {
    int64_t at_ms; /* wall clock */
    uint32_t endpoint;
    const char *from, *to; /* endpoint_state_text() before and after */
    const char *reason;
    const char *by; /* who caused it (struct actor); "": nobody, it happened */
};

struct checker_callbacks {
    void *ctx;
    /** One line for the event log; also for panic (endpoint == MODEL_NONE). */
    void (*event)(void *ctx, const struct health_event *event);
};

/** Starts probing for `model`, whose `credentials` (credentials_load()) may be freed when this has
 *  returned. state_dir of the model is read for saved health and overrides. An
 *  overrides file that cannot be understood is put aside and reported in `diags` (may be NULL) and
 *  as an event, but the start goes on. Returns 0; or, with no checker, E_SYSTEM or E_INVALID after
 *  an error in `diags`: the overrides are there and cannot be read, or the directory cannot be
 * made.
 */
int checker_start(struct checker **checker, uv_loop_t *loop, const struct model *model,
                  const struct credentials *credentials, const struct checker_callbacks *callbacks,
                  struct diags *diags) ATTR_MUST_USE;

/** What can fail of a move to another model, and changes nothing in force: its state directory is
 *  made, what orders it held are put aside with a warning, and those in force are saved there.
 *  Returns 0, or a negative code after an error. */
int checker_prepare(struct checker *checker, const struct model *next,
                    struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** What is probed and ordered now, held: for succession_new() on any thread, or present_free(). */
struct present;
struct present *
checker_present(struct checker *checker) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void present_free(struct present *present);

/** Saves, stops all probes; `done` runs on the loop when the last handle is closed. */
void checker_stop(struct checker *checker, void (*done)(void *ctx), void *ctx);

/** Tells `subscriber` of each endpoint whose state, weight or flip time changed: of the first
 * change in the next turn of the loop, of more at most each 20 ms; and of everything at first, and
 * after each move to another model. Lasts until subscription_end(), or until the checker has
 * stopped. */
struct subscription *checker_subscribe(struct checker *checker,
                                       const struct subscriber *subscriber) ATTR_NONNULL;

/** The model that the states are of: the last that was given to it. */
const struct model *checker_model(const struct checker *checker) ATTR_NONNULL;

/** n_endpoints states of the current model, indexed by endpoint. Valid until the next reload. */
const struct endpoint_state *checker_states(const struct checker *checker) ATTR_NONNULL;

/** From now on an endpoint has `sixteenths` of its weight, 1..SHARE_FULL, among others: for who
 * knows how much it has to do. Enters the state as a probe's result does, is carried over to other
 *  models, and stays until something else is given. Does not hold while a weight is ordered. */
void checker_give_load(struct checker *checker, uint32_t endpoint, uint8_t sixteenths) ATTR_NONNULL;

/** `who` ("tier edge") met a failure of an endpoint: its probes run now instead of at their time,
 *  and each second while they fail, until they are down: at most once a second besides the
 *  interval. What they find decides, and nothing else. Of an endpoint that the model does not have
 *  nothing is done. An event tells of it, at most once a minute of each probe. */
void checker_hasten(struct checker *checker, uint32_t endpoint, const char *who) ATTR_NONNULL;

/** True once no endpoint of which nothing fresh was saved waits for a first result, or 3 s have
 *  passed since the start. */
bool checker_ready(const struct checker *checker) ATTR_NONNULL;

/** What an order did, or would do. */
struct order_result {
    int code;  /* 0; E_SYNTAX; E_NOTFOUND: nothing matches; E_RANGE: there are ORDERS_MAX, or more
                * weight than WEIGHT_MAX; E_INVALID: an id takes `auto` only; E_SYSTEM: not saved */
    int error; /* errno of E_SYSTEM */
    struct orders before, after; /* as far as code is 0 */
    const struct order *laid;    /* in `after`; NULL: the order only took away */
};
void order_result_free(struct order_result *result) ATTR_NONNULL;

typedef void order_done_fn(void *arg, const struct order_result *result);

/** Gives an order (health/orders.h); `target` may also be an id, "@17", which `auto` takes away.
 *  `done`, with a result that it may read, is called once, before this returns or later on the
 *  loop: when the order is on disk, unless it is volatile or there is no state directory, and when
 *  subscribers were woken for all of its endpoints; or when it failed, and nothing changed. Orders
 *  are carried out one after the other. */
void checker_order(struct checker *checker, const char *target, const struct order_words *words,
                   order_done_fn *done, void *arg) __attribute__((nonnull(1, 2, 3)));

/** What it would do: fills *result, which the caller frees. */
void checker_try_order(const struct checker *checker, const char *target,
                       const struct order_words *words, struct order_result *result) ATTR_NONNULL;

/** The orders in force. Until the next change; orders_copy() may be read on any thread. */
const struct orders *checker_orders(const struct checker *checker) ATTR_NONNULL;

/** Adds, as warnings, what the latest checker_reload(), or the start, did to orders. */
void checker_tell_orders(const struct checker *checker, struct diags *diags) ATTR_NONNULL;

/** For `loadstarctl checks`, metrics and status. */
struct probe_info {
    uint32_t check;
    struct ip addr;
    uint16_t port;
    enum health health;
    int64_t since_ms, last_ms;
    uint32_t latency_us, n_endpoints;
    uint64_t n_ok, n_failed, n_untried;
    const char *reason;
};
uint32_t checker_probes(const struct checker *checker, struct probe_info *out, uint32_t max);
/** Of them, from number `first` on. */
uint32_t checker_probes_from(const struct checker *checker, uint32_t first, struct probe_info *out,
                             uint32_t max) ATTR_NONNULL;

/** How long changes took from the result, or the order, that made them until all subscribers had
 * been woken, and so were in the answers. n[i] counts those of at most checker_delay_ms[i],
 * n[CHECKER_DELAYS] those above all. */
#define CHECKER_DELAYS 9
extern const uint32_t checker_delay_ms[CHECKER_DELAYS];
struct checker_delays {
    uint64_t n[CHECKER_DELAYS + 1], sum_us;
};

struct checker_summary {
    uint32_t n_probes, n_in_flight;
    uint32_t n_up, n_down, n_unknown; /* endpoints, by health; overrides do not count here */
    uint32_t n_overrides;             /* orders */
    uint32_t n_volatile;              /* of them, in memory only */
    int disk_error;        /* errno of the latest write into the state directory; 0: it went well */
    int64_t disk_since_ms; /* wall clock, since when it fails */
    uint64_t n_panics;     /* since the start */
    uint32_t n_frozen;     /* endpoints, by panic */
    struct checker_delays delays;
    const char *problem; /* what was wrong with the overrides file at the start; NULL: nothing */
    uint32_t n_untried;  /* probes whose latest try failed for want of something of ours */
    const char *untried; /* what one of them lacked; NULL: none. Until the loop runs again */
    bool panic, stale;
};
struct checker_summary checker_summary(const struct checker *checker) ATTR_NONNULL;
