/* SPDX-License-Identifier: Apache-2.0
 * Orders: of members of lists, which are kept in memory, and of endpoints of our own pools, which
 * are the checker's. Those of members that loadstard tells are given there. */
#include "base/clock.h"
#include "base/log.h"
#include "l4/commands.h"
#include "model/target.h"

#include <stdio.h>
#include <string.h>

/** What was asked for. */
struct wanted {
    char target[COMMAND_TEXT_MAX], state[COMMAND_TEXT_MAX], reason[COMMAND_TEXT_MAX];
    bool of_state;
    enum override override; /* of_state */
    int64_t weight;         /* else */
    int64_t for_ms;
    bool is_volatile;
};

static const char *word_of(char out[32], const struct wanted *w)
{
    if (w->of_state)
        return override_text(w->override);
    if (w->weight == COMMAND_WEIGHT_AUTO)
        return "auto";
    snprintf(out, 32, "%lld", (long long)w->weight);
    return out;
}

static void answer(struct control_call *call, const struct wanted *w, uint32_t n, bool kept)
{
    char word[32];
    json_t *result = json_object();
    log_notice("%s %s %s, by %s%s%s", w->of_state ? "set" : "weight", w->target, word_of(word, w),
               control_call_actor(call)->text, *w->reason ? ": " : "", w->reason);
    json_set_text(result, "program", PROGRAM);
    json_set_text(result, "target", w->target);
    json_set_text(result, w->of_state ? "state" : "weight", word_of(word, w));
    json_set_int(result, "members", n);
    json_set_bool(result, "volatile", !kept);
    if (w->for_ms)
        json_set_int(result, "for_s", w->for_ms / 1000);
    control_call_answer(call, result);
}

/* ---- members of lists ---- */

/** SERVICE/KEY, or KEY alone; * as of other targets. */
static bool matches(const struct work_set *set, const struct set_member *m, const char *target)
{
    char name[L4_NAME_MAX + MEMBER_KEY_MAX];
    snprintf(name, sizeof name, "%s/%s", set->name, m->key);
    return glob_match(target, name) || strcmp(target, m->key) == 0;
}

/** What takes an order back makes none. */
static bool takes_back(const struct wanted *w)
{
    return w->of_state ? w->override == OVERRIDE_AUTO : w->weight == COMMAND_WEIGHT_AUTO;
}

static void order_one(struct work_set *set, const char *key, const struct wanted *w)
{
    static const enum member_state states[] = {
        [OVERRIDE_UP] = MEMBER_UP, [OVERRIDE_DOWN] = MEMBER_DOWN, [OVERRIDE_DRAIN] = MEMBER_DRAIN};
    struct list_order *order =
        takes_back(w) ? work_set_find_order(set, key) : work_set_order(set, key);
    int64_t until_ms = w->for_ms ? clock_mono_ms() + w->for_ms : INT64_MAX;
    if (order && w->of_state) {
        order->has_state = !takes_back(w);
        order->state = order->has_state ? states[w->override] : MEMBER_UP;
        order->state_until_ms = until_ms;
    } else if (order) {
        order->has_weight = !takes_back(w);
        order->weight = order->has_weight ? (uint32_t)w->weight : 0;
        order->weight_until_ms = until_ms;
    }
}

/** Counts the members of a set that are meant, SERVICE for all that it has, and orders them where
 *  `order`. */
static uint32_t each_of_set(struct work_set *set, const struct wanted *w, bool order)
{
    bool all = glob_match(w->target, set->name);
    uint32_t n = 0;
    for (uint32_t m = 0; m < set->now.n; m++)
        if (all || matches(set, &set->now.v[m], w->target)) {
            n++;
            if (order)
                order_one(set, set->now.v[m].key, w);
        }
    return n;
}

/** The same of all sets that are listed, or told. */
static uint32_t each_match(struct forwarder *f, const struct wanted *w, bool listed, bool order)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->sets.n; i++) {
        struct work_set *set = f->sets.v[i];
        if (listed ? set->origin == SET_LISTED
                   : set->origin == SET_TOLD || set->origin == SET_SAVED)
            n += each_of_set(set, w, order);
    }
    return n;
}

static uint32_t order_listed(struct forwarder *f, const struct wanted *w)
{
    uint32_t n = each_match(f, w, true, true);
    if (n > 0)
        forwarder_replan(f);
    return n;
}

/* ---- endpoints of our own pools ---- */

struct order_wait {
    struct forwarder *forwarder;
    struct control_call *call;
    struct wanted wanted;
};

/** How many endpoints were meant, also when the order only took others away. */
static uint32_t count_endpoints(const struct model *m, const char *text,
                                const struct order_result *result)
{
    struct target target;
    const struct order *order = *text == '@' ? orders_find_id(&result->before, text) : result->laid;
    if (order || target_parse(&target, text) != 0)
        return order ? target_count(&order->target, m) : 0;
    uint32_t n = target_count(&target, m);
    target_free(&target);
    return n;
}

static void refuse_order(struct control_call *call, const struct order_result *result,
                         const char *target)
{
    char error[COMMAND_ERROR_MAX];
    if (result->code == E_SYSTEM)
        snprintf(error, sizeof error,
                 "nothing was changed: it could not be saved in the state directory: %s; with "
                 "--volatile it is kept in memory only",
                 strerror(result->error));
    else if (result->code == E_NOTFOUND)
        snprintf(error, sizeof error,
                 "%.100s matches no member, expected SERVICE or SERVICE/ADDRESS:PORT of a list, or "
                 "SITE, POOL/* or POOL/SITE/LABEL: see loadstarctl members",
                 target);
    else if (result->code == E_SYNTAX)
        snprintf(error, sizeof error,
                 "%.100s is no target, expected SERVICE/ADDRESS:PORT or POOL/SITE/LABEL", target);
    else if (result->code == E_RANGE)
        snprintf(error, sizeof error, "%.100s: there is no room for another order", target);
    else
        snprintf(error, sizeof error,
                 "%.100s cannot be ordered that: an id takes auto, and prefix sets are loadstard's",
                 target);
    control_call_fail(call, result->code, error);
}

/** Lists are ordered last, as an order that cannot be saved is to change nothing. */
static void on_ordered(void *arg, const struct order_result *result)
{
    struct order_wait *wait = arg;
    struct forwarder *f = wait->forwarder;
    const struct wanted *w = &wait->wanted;
    const struct model *m = f->setup->model;
    bool none = result->code == E_NOTFOUND || result->code == E_SYNTAX;
    uint32_t endpoints = result->code == 0 ? count_endpoints(m, w->target, result) : 0;
    uint32_t listed = result->code == 0 || none ? order_listed(f, w) : 0;
    if (result->code == 0 || listed > 0)
        answer(wait->call, w, endpoints + listed,
               listed == 0 && !w->is_volatile && m->server.state_dir);
    else
        refuse_order(wait->call, result, w->target);
    free(wait);
}

static void order_endpoints(struct forwarder *f, struct control_call *call, const struct wanted *w)
{
    struct order_wait *wait = xcalloc(1, sizeof *wait);
    *wait = (struct order_wait){f, call, *w};
    const struct order_words words = {
        .kind = w->of_state ? ORDER_STATE : ORDER_WEIGHT,
        .override = w->override,
        .weight = w->weight == COMMAND_WEIGHT_AUTO ? ORDER_AUTO_WEIGHT : w->weight,
        .for_ms = w->for_ms,
        .reason = wait->wanted.reason,
        .author = control_call_actor(call)->text,
        .is_volatile = w->is_volatile,
    };
    checker_order(f->checker, wait->wanted.target, &words, on_ordered, wait);
}

/* ---- which of them ---- */

static void carry_out(struct forwarder *f, struct control_call *call, const struct wanted *w)
{
    char error[COMMAND_ERROR_MAX];
    if (f->setup->model->n_endpoints > 0) {
        order_endpoints(f, call, w);
    } else if (each_match(f, w, true, false) > 0) {
        answer(call, w, order_listed(f, w), false);
    } else if (each_match(f, w, false, false) > 0) {
        snprintf(error, sizeof error,
                 "members of %.80s are told by loadstard, and would be told otherwise at once: "
                 "order it there (loadstarctl without -s, or with loadstard's socket)",
                 w->target);
        control_call_fail(call, E_INVALID, error);
    } else {
        const struct order_result nothing = {.code = E_NOTFOUND};
        refuse_order(call, &nothing, w->target);
    }
}

static bool read_state(struct wanted *w)
{
    static const enum override states[] = {OVERRIDE_AUTO, OVERRIDE_UP, OVERRIDE_DOWN,
                                           OVERRIDE_DRAIN};
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(w->state, override_text(states[i])) == 0) {
            w->override = states[i];
            return true;
        }
    return false;
}

static void order(struct forwarder *f, struct control_call *call, json_t *object, bool of_state)
{
    char error[COMMAND_ERROR_MAX];
    struct wanted w = {.of_state = of_state, .weight = COMMAND_WEIGHT_AUTO};
    const struct command_arg args[] = {
        {.key = "target", .kind = ARG_TEXT, .to = w.target, .is_required = true},
        {.key = of_state ? "state" : "weight",
         .kind = of_state ? ARG_TEXT : ARG_WEIGHT,
         .to = of_state ? (void *)w.state : (void *)&w.weight,
         .is_required = true},
        {.key = "for", .kind = ARG_DURATION, .to = &w.for_ms},
        {.key = "reason", .kind = ARG_TEXT, .to = w.reason},
        {.key = "volatile", .kind = ARG_FLAG, .to = &w.is_volatile},
        {0},
    };
    int code = command_args_read(object, args, error);
    if (code == 0 && of_state && !read_state(&w)) {
        snprintf(error, sizeof error, "state: expected up, down, drain or auto");
        code = E_SYNTAX;
    }
    if (code == 0)
        carry_out(f, call, &w);
    else
        control_call_fail(call, code, error);
}

void command_set(struct forwarder *f, struct control_call *call, json_t *object)
{
    order(f, call, object, true);
}

void command_weight(struct forwarder *f, struct control_call *call, json_t *object)
{
    order(f, call, object, false);
}
