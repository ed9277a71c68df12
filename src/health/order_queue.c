/* SPDX-License-Identifier: Apache-2.0
 * Orders on their way: one after the other, each made on a copy of the list, saved in the thread
 * pool, and only then put in force: what was acknowledged survives a crash, what failed changed
 * nothing, and a slow disk holds nobody up. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "health/orders_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An order, or, without a target, what changed of itself: orders that expired, or followed. */
struct order_job {
    struct order_job *next;
    struct checker *c;
    char *target, *reason, *author;
    struct order_words words;
    order_done_fn *done;
    void *arg;
    struct order_result result;
    uint32_t version; /* of the list that the result is made from */
    enum { JOB_WAITS, JOB_IS_SAVED, JOB_IS_APPLIED } phase;
    uv_work_t work;
    char *path;
};

void order_result_free(struct order_result *r)
{
    orders_free(&r->before);
    orders_free(&r->after);
    *r = (struct order_result){0};
}

/* ---- making ---- */

static int remove_by_id(struct order_result *r, const char *id, const struct order_words *words)
{
    const struct order *o = orders_find_id(&r->after, id);
    if (!o)
        return E_NOTFOUND;
    if (!order_words_are_auto(words) || words->for_ms || words->is_volatile)
        return E_INVALID;
    orders_remove(&r->after, o, clock_wall_ms());
    return 0;
}

void checker_try_order(const struct checker *c, const char *target, const struct order_words *words,
                       struct order_result *r)
{
    *r = (struct order_result){0};
    orders_copy(&r->before, &c->orders);
    orders_copy(&r->after, &c->orders);
    if (words->kind == ORDER_WEIGHT && words->weight > WEIGHT_MAX)
        r->code = E_RANGE;
    else if (*target == '@')
        r->code = remove_by_id(r, target, words);
    else
        r->code = orders_give(&r->after, c->model, target, words, clock_wall_ms(), &r->laid);
}

/* ---- the queue ---- */

static void start(struct checker *c);

static void finish(struct checker *c)
{
    struct order_job *job = c->jobs;
    c->jobs = job->next;
    if (job->done)
        job->done(job->arg, &job->result);
    order_result_free(&job->result);
    free(job->target);
    free(job->reason);
    free(job->author);
    free(job->path);
    free(job);
    start(c);
}

static void tell(struct checker *c, const struct order_job *job)
{
    char text[REASON_MAX * 2], value[32], id[ORDER_ID_MAX] = "";
    if (job->result.laid) {
        order_id_text(id, &c->orders, job->result.laid);
        order_value_text(value, job->result.laid);
    } else {
        snprintf(value, sizeof value, job->words.kind == ORDER_WEIGHT ? "weight auto" : "auto");
    }
    snprintf(text, sizeof text, "%s%s%s %s%s%s", id, *id ? ": " : "", job->target, value,
             *job->reason ? ": " : "", job->reason);
    reason_clean(text);
    endpoints_event_by(c, MODEL_NONE, "", "order", text, job->author);
}

static void put_in_force(struct checker *c)
{
    struct order_job *job = c->jobs;
    char id[ORDER_ID_MAX], why[ORDER_ID_MAX + 32] = "operator";
    struct orders next;
    orders_copy(&next, &job->result.after);
    if (job->result.laid)
        snprintf(why, sizeof why, "operator, order %s", order_id_text(id, &next, job->result.laid));
    tell(c, job);
    job->phase = JOB_IS_APPLIED;
    order_apply_change(c, &next, why, job->author);
}

void order_queue_applied(struct checker *c)
{
    if (c->jobs && c->jobs->phase == JOB_IS_APPLIED)
        finish(c);
    else
        start(c);
}

static void saved(struct checker *c)
{
    struct order_job *job = c->jobs;
    bool stale = job->version != c->orders_version || !c->rules_path ||
                 strcmp(job->path, c->rules_path) != 0;
    free(job->path);
    job->path = NULL;
    job->phase = JOB_WAITS;
    disk_note(c, job->result.error);
    if (job->result.error && job->target) {
        job->result.code = E_SYSTEM;
        finish(c);
    } else if (stale) {
        order_result_free(&job->result); /* something expired, followed, or moved, meanwhile */
        start(c);
    } else if (job->target) {
        put_in_force(c);
    } else {
        c->orders_unsaved = job->result.error != 0;
        finish(c);
    }
}

static void in_thread(uv_work_t *work)
{
    struct order_job *job = work->data;
    job->result.error = orders_save(&job->result.after, job->path) ? errno : 0;
}

static void after_thread(uv_work_t *work, int status)
{
    struct order_job *job = work->data;
    struct checker *c = job->c;
    (void)status; /* never cancelled */
    saved(c);
    checker_closed(c);
}

static void start(struct checker *c)
{
    struct order_job *job = c->jobs;
    if (!job || job->phase != JOB_WAITS || (c->apply && !c->stopping)) /* not all in force yet */
        return;
    job->version = c->orders_version;
    if (job->target) {
        checker_try_order(c, job->target, &job->words, &job->result);
    } else {
        orders_copy(&job->result.before, &c->orders);
        orders_copy(&job->result.after, &c->orders);
    }
    if (job->result.code) {
        finish(c);
        return;
    }
    if (job->target && (!c->rules_path || job->words.is_volatile)) {
        put_in_force(c);
        return;
    }
    job->phase = JOB_IS_SAVED;
    job->path = xstrdup(c->rules_path);
    job->work.data = job;
    c->n_open++;
    if (c->stopping || uv_queue_work(c->loop, &job->work, in_thread, after_thread) != 0) {
        in_thread(&job->work);
        c->n_open--;
        saved(c);
    }
}

static struct order_job *add(struct checker *c)
{
    struct order_job *job = xcalloc(1, sizeof *job), **at = &c->jobs;
    job->c = c;
    while (*at)
        at = &(*at)->next;
    *at = job;
    return job;
}

void checker_order(struct checker *c, const char *target, const struct order_words *words,
                   order_done_fn *done, void *arg)
{
    struct order_job *job = add(c);
    job->target = xstrdup(target);
    job->words = *words;
    job->words.reason = job->reason = xstrdup(words->reason ? words->reason : "");
    job->words.author = job->author = xstrdup(words->author ? words->author : "");
    job->done = done;
    job->arg = arg;
    if (c->jobs == job)
        start(c);
}

void order_queue_save(struct checker *c)
{
    c->orders_unsaved = true;
    if (c->rules_path && !c->jobs) {
        add(c);
        start(c);
    }
}

void order_queue_stop(struct checker *c)
{
    order_apply_run(c);
    if (c->orders_unsaved)
        order_queue_save(c);
    start(c);
}

/* ---- time ---- */

void order_queue_chores(struct checker *c)
{
    struct orders next;
    int64_t now_ms = clock_wall_ms();
    if (c->orders_unsaved && !c->jobs && disk_may_retry(c))
        order_queue_save(c);
    if (orders_next_expiry_ms(&c->orders) > now_ms)
        return;
    orders_copy(&next, &c->orders);
    orders_expire(&next, now_ms);
    order_apply_change(c, &next, "the override expired", "");
    order_queue_save(c);
}
