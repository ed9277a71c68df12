/* SPDX-License-Identifier: Apache-2.0
 * Commands that change state.
 *
 * The states before the order are copied (of the pools that it is about, and of those that these
 * fall back to), the order is given, and a thread that gives way works the reply out from the copy
 * and from the two lists of orders. So neither thousands of pools nor a slow disk hold the loop. */
#include "ctl/action.h"

#include "base/clock.h"
#include "base/give_way.h"
#include "base/vec.h"
#include "ctl/action_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct action {
    struct ctl_request request;
    action_done_fn *done;
    void *arg;
    uv_loop_t *loop;
    uv_work_t work;
    struct generation *generation; /* held */
    const struct model *model;
    bool comparable; /* the generation's model is the checker's */
    struct order_result order;
    VEC(uint32_t) pools; /* matched, ascending */
    VEC(struct packed_states) packed;
    struct arena *arena; /* of `sets` */
    const struct action_set *sets;
    uint32_t n_sets;
    int64_t now_ms;
    json_t *reply;
};

static void action_free(struct action *a)
{
    for (size_t i = 0; i < a->packed.n; i++)
        packed_states_free(&a->packed.v[i]);
    vec_free(&a->packed);
    vec_free(&a->pools);
    order_result_free(&a->order);
    generation_free(a->generation);
    arena_free(a->arena);
    free(a);
}

static void fail(struct action *a, int code, const char *error)
{
    a->done(a->arg, code, NULL, error);
    action_free(a);
}

/* ---- why not ---- */

static void put_error(char error[CTL_TEXT_MAX], const struct action *a,
                      const struct order_result *order)
{
    const char *target = a->request.target;
    if (order->code == E_SYSTEM)
        snprintf(error, CTL_TEXT_MAX,
                 "nothing was changed: it could not be saved in the state directory: %s; with "
                 "--volatile it is kept in memory only",
                 strerror(order->error));
    else if (order->code == E_INVALID && *target != '@')
        snprintf(error, CTL_TEXT_MAX, "%.100s cannot be ordered that", target);
    else if (order->code == E_INVALID)
        snprintf(error, CTL_TEXT_MAX,
                 "%.100s is the id of an order: it takes \"auto\" alone, which removes it", target);
    else if (order->code == E_RANGE)
        snprintf(error, CTL_TEXT_MAX,
                 "there are %u orders already, which is as many as there may be", order->before.n);
    else if (*target == '@')
        snprintf(error, CTL_TEXT_MAX, "there is no order %.100s: see loadstarctl orders", target);
    else
        action_explain_target(error, a->model, target);
}

/* ---- what is copied ---- */

struct marking {
    const struct model *m;
    bool *pools;
};

static bool mark_pool(void *ctx, uint32_t endpoint)
{
    struct marking *marking = ctx;
    marking->pools[marking->m->endpoints[endpoint].pool] = true;
    return true;
}

/* What the order is about; of one that is taken away by its id, what its target is. */
static bool find_target(const struct action *a, const struct order_result *order,
                        struct target *target)
{
    const char *text = a->request.target;
    const struct order *o = *text == '@' ? orders_find_id(&order->before, text) : NULL;
    return target_parse(target, o ? o->target.text : text) == 0;
}

static void find_pools(struct action *a, const struct order_result *order, bool *pools)
{
    struct marking marking = {a->model, pools};
    struct target target;
    if (!find_target(a, order, &target))
        return;
    target_visit(&target, a->model, mark_pool, &marking);
    target_free(&target);
    for (uint32_t p = 0; p < a->model->n_pools; p++)
        if (pools[p])
            *vec_push(&a->pools) = p;
}

static void add_fallbacks(const struct model *m, bool *pools)
{
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t at = p; pools[at] && m->pools[at].on_all_down == ALL_DOWN_FALLBACK &&
                              !pools[m->pools[at].fallback];
             at = m->pools[at].fallback)
            pools[m->pools[at].fallback] = true;
}

static void pack(struct action *a, const struct endpoint_state *states, const bool *pools)
{
    for (uint32_t p = 0; p < a->model->n_pools; p++)
        for (uint32_t i = 0; pools[p] && i < a->model->pools[p].n_sites; i++) {
            const struct pool_site *site = &a->model->pools[p].sites[i];
            *vec_push(&a->packed) = states_pack(states, site->first_endpoint, site->n_endpoints);
        }
}

static void note_before(struct action *a, const struct order_result *order,
                        const struct endpoint_state *states)
{
    bool *pools = xcalloc(a->model->n_pools + 1u, sizeof *pools);
    find_pools(a, order, pools);
    add_fallbacks(a->model, pools);
    pack(a, states, pools);
    free(pools);
}

static void note_sets(struct action *a, const struct order_result *order, const struct facts *f)
{
    struct target target;
    if (a->request.command == CTL_WEIGHT || !find_target(a, order, &target))
        return;
    a->sets = action_note_sets(a->arena, f, &target, &a->n_sets);
    target_free(&target);
}

/* ---- the thread ---- */

static void work_out(void *arg)
{
    struct action *a = arg;
    size_t n = a->model->n_endpoints + (size_t)1;
    struct endpoint_state *before = xcalloc(n, sizeof *before);
    for (size_t i = 0; i < a->packed.n; i++)
        states_unpack(before, &a->packed.v[i]);
    const struct action_facts facts = {
        .request = &a->request,
        .generation = a->comparable ? a->generation : NULL,
        .model = a->model,
        .order = &a->order,
        .before = before,
        .pools = a->pools.v,
        .n_pools = (uint32_t)a->pools.n,
        .sets = a->sets,
        .n_sets = a->n_sets,
        .now_ms = a->now_ms,
    };
    a->reply = action_reply(&facts);
    give_way_free(before, n * sizeof *before);
}

static void in_thread(uv_work_t *work)
{
    give_way_run(work_out, work->data);
}

static void after_thread(uv_work_t *work, int status)
{
    struct action *a = work->data;
    (void)status; /* never cancelled */
    a->done(a->arg, 0, a->reply, NULL);
    action_free(a);
}

/* ---- the loop ---- */

static void keep_order(struct action *a, const struct order_result *order)
{
    orders_copy(&a->order.before, &order->before);
    orders_copy(&a->order.after, &order->after);
    a->order.laid = order->laid; /* held by the copy */
}

static void reply(struct action *a)
{
    a->work.data = a;
    if (uv_queue_work(a->loop, &a->work, in_thread, after_thread) != 0) {
        work_out(a);
        after_thread(&a->work, 0);
    }
}

static void on_ordered(void *arg, const struct order_result *order)
{
    struct action *a = arg;
    char error[CTL_TEXT_MAX];
    if (order->code) {
        put_error(error, a, order);
        fail(a, order->code, error);
        return;
    }
    keep_order(a, order);
    reply(a);
}

static struct order_words words_of(const struct ctl_request *request)
{
    bool weighs = request->command == CTL_WEIGHT;
    return (struct order_words){
        .kind = weighs             ? ORDER_WEIGHT
                : request->of_sets ? ORDER_ANNOUNCE
                                   : ORDER_STATE,
        .override = weighs || request->of_sets ? OVERRIDE_AUTO : request->state,
        .weight = weighs ? request->weight : 0,
        .announce = request->of_sets ? request->announce : ANNOUNCE_AUTO,
        .forced = request->of_sets && request->force,
        .for_ms = request->for_ms,
        .reason = request->reason,
        .author = request->actor.text,
        .is_volatile = request->is_volatile,
    };
}

void action_run(uv_loop_t *loop, struct checker *checker, const struct facts *facts,
                const struct ctl_request *request, action_done_fn *done, void *arg)
{
    struct action *a = xcalloc(1, sizeof *a);
    struct order_words words = words_of(request);
    struct order_result tried;
    char error[CTL_TEXT_MAX];
    *a = (struct action){.request = *request,
                         .done = done,
                         .arg = arg,
                         .loop = loop,
                         .model = facts->generation->model,
                         .arena = arena_new(),
                         .now_ms = clock_wall_ms()};
    a->generation = generation_hold((struct generation *)(uintptr_t)facts->generation);
    a->comparable = checker_model(checker) == a->model;
    checker_try_order(checker, request->target, &words, &tried);
    int code = tried.code;
    if (code)
        put_error(error, a, &tried);
    else if (a->comparable)
        note_before(a, &tried, facts->states);
    if (!code)
        note_sets(a, &tried, facts);
    if (!code && request->dry_run)
        keep_order(a, &tried);
    order_result_free(&tried);
    if (code)
        fail(a, code, error);
    else if (request->dry_run)
        reply(a);
    else
        checker_order(checker, request->target, &words, on_ordered, a);
}
