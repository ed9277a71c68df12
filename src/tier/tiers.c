/* SPDX-License-Identifier: Apache-2.0
 * All tiers: the control thread's side.
 *
 * What has changed is put on a list of slots of the set in force, packed in slices of SLICE_US and
 * sent, so that an order over all endpoints delays nobody here. A consumer that looks late sees the
 * latest state, so nothing else is kept. */
#include "tier/tiers_internal.h"

#include "base/clock.h"
#include "base/turns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_US = 2000, PAUSE_MS = 2, CHANGED_MS = 50, LOOK_MS = 5000, SLICE_MAX = 2048 };

/* ---- states ---- */

static struct states_batch *new_batch(const struct tiers *t)
{
    const uint32_t room = t->waiting.n < SLICE_MAX ? t->waiting.n : SLICE_MAX;
    struct states_batch *b = xcalloc(1, sizeof *b);
    *b = (struct states_batch){.set = tier_set_hold(t->set),
                               .arrived_us = t->waits_since_us,
                               .slots = xcalloc(room, sizeof *b->slots),
                               .states = xcalloc(room, sizeof *b->states)};
    return b;
}

static void pack(struct tiers *t, struct packing *packing, struct states_batch *b, int64_t now_ms)
{
    const uint32_t slot = worklist_take(&t->waiting), endpoint = t->set->endpoints[slot];
    const struct endpoint_state *state = &packing->states[endpoint];
    int64_t since_ms = state->override == OVERRIDE_AUTO ? now_ms : state->override_since_ms;
    uint32_t wait_s =
        dns_memory_wait_s(&t->dns, t->model, t->model->endpoints[endpoint].pool, since_ms, now_ms);
    b->slots[b->n] = slot;
    b->states[b->n++] = member_state_of(packing, endpoint, wait_s);
}

static bool is_full(const struct states_batch *batch, int64_t until_us)
{
    return batch->n == SLICE_MAX || (batch->n % 16 == 0 && clock_mono_us() >= until_us);
}

static void send_slice(struct tiers *t)
{
    if (t->waiting.n == 0)
        return;
    int64_t began_us = clock_mono_us(), now_ms = clock_wall_ms();
    struct states_batch *batch = new_batch(t);
    struct packing packing = packing_begin(t->checker);
    do {
        pack(t, &packing, batch, now_ms);
    } while (t->waiting.n > 0 && !is_full(batch, began_us + SLICE_US));
    tiers_thread_put(t->thread, batch);
    if (t->waiting.n > 0)
        uv_timer_start(&t->slice, tiers_on_slice, PAUSE_MS, 0);
    turns_part("states packed for tiers", began_us);
}

void tiers_on_slice(uv_timer_t *timer)
{
    send_slice(timer->data);
}

static void add(struct tiers *t, uint32_t slot)
{
    if (t->waiting.n == 0)
        t->waits_since_us = clock_mono_us();
    worklist_add(&t->waiting, slot);
}

/** Both lists ascend: where many have changed it is quicker to walk along both. */
static void add_many(struct tiers *t, const uint32_t *endpoints, uint32_t n)
{
    const struct tier_set *set = t->set;
    for (uint32_t i = 0, slot = 0; i < n && slot < set->n_endpoints;) {
        if (endpoints[i] == set->endpoints[slot])
            add(t, slot);
        bool next = endpoints[i] <= set->endpoints[slot];
        i += next;
        slot += !next;
    }
}

static void add_few(struct tiers *t, const uint32_t *endpoints, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = tier_set_slot(t->set, endpoints[i]);
        if (slot != MODEL_NONE)
            add(t, slot);
    }
}

/** While the checker is ahead of the set in force, changes wait for its successor. */
static void on_wake(void *ctx, struct subscription *subscription)
{
    struct tiers *t = ctx;
    if (t->stopping || checker_model(t->checker) != t->model)
        return;
    const struct changes changes = subscription_take(subscription);
    if (!t->set)
        return;
    bool waits = t->waiting.n > 0;
    if (changes.n > t->set->n_endpoints / 16)
        add_many(t, changes.endpoints, changes.n);
    else
        add_few(t, changes.endpoints, changes.n);
    if (!waits) /* else it has its turn in a moment */
        send_slice(t);
}

/* ---- what comes back ---- */

static void on_changed(uv_timer_t *timer)
{
    struct tiers *t = timer->data;
    t->told_ms = clock_mono_ms();
    t->host.changed(t->host.ctx);
}

static void tell_changed(struct tiers *t)
{
    int64_t wait_ms = t->told_ms + CHANGED_MS - clock_mono_ms();
    if (!t->stopping && !uv_is_active((uv_handle_t *)&t->changed))
        uv_timer_start(&t->changed, on_changed, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_views(void *ctx, struct tier_view **views, uint32_t n)
{
    struct tiers *t = ctx;
    for (uint32_t i = 0; i < n; i++) {
        if (views[i]->set != t->set) { /* it is not in force any more, or is left */
            tier_view_release(views[i]);
            continue;
        }
        uint32_t tier = (uint32_t)(views[i]->spec - t->set->tiers);
        tier_view_release(t->views[tier]);
        t->views[tier] = views[i];
    }
    free(views);
    tell_changed(t);
}

static void on_share(void *ctx, const struct tier_set *set, uint32_t slot, uint8_t share)
{
    struct tiers *t = ctx;
    if (set == t->set && !t->stopping && checker_model(t->checker) == t->model)
        checker_give_load(t->checker, set->endpoints[slot], share);
}

static void on_met_failure(void *ctx, const struct tier_set *set, const char *tier, uint32_t slot)
{
    struct tiers *t = ctx;
    char who[80];
    if (set != t->set || t->stopping || checker_model(t->checker) != t->model)
        return;
    snprintf(who, sizeof who, "tier %s", tier);
    checker_hasten(t->checker, set->endpoints[slot], who);
}

/* ---- looks ---- */

static void on_look_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/** Once: at its end, or when its time is over. */
static void end_look(struct tiers_look *look)
{
    void (*done)(void *) = look->done;
    look->done = NULL;
    if (done)
        done(look->arg);
}

static void on_look_timer(uv_timer_t *timer)
{
    end_look(timer->data);
}

static void on_looked(void *ctx, void *ticket)
{
    struct tiers_look *look = ticket;
    (void)ctx;
    end_look(look);
    uv_close((uv_handle_t *)&look->timer, on_look_closed);
}

void tiers_look(struct tiers *t, uint32_t tier, void (*done)(void *arg), void *arg)
{
    struct tiers_look *look = xcalloc(1, sizeof *look);
    *look = (struct tiers_look){.done = done, .arg = arg};
    look->timer.data = look;
    uv_timer_init(t->loop, &look->timer);
    uv_timer_start(&look->timer, on_look_timer, LOOK_MS, 0);
    tiers_thread_look(t->thread, tier, look);
}

void tiers_ipvs(struct tiers *t, void (*done)(void *arg, int code, char *text, size_t n), void *arg)
{
    tiers_thread_ipvs(t->thread, done, arg);
}

/* ---- what others ask ---- */

struct tier_set *tiers_set(const struct tiers *t)
{
    return t->set;
}

struct tier_view **tiers_views(struct tiers *t, uint32_t *n)
{
    *n = t->set ? t->set->n_tiers : 0;
    struct tier_view **views = xcalloc(*n, sizeof(struct tier_view *));
    for (uint32_t i = 0; i < *n; i++)
        views[i] = tier_view_hold(t->views[i]);
    return views;
}

int64_t tiers_dns_left_ms(const struct tiers *t, uint32_t endpoint, int64_t since_ms,
                          int64_t now_ms)
{
    if (!t->model)
        return 0;
    uint32_t wait_s =
        dns_memory_wait_s(&t->dns, t->model, t->model->endpoints[endpoint].pool, since_ms, now_ms);
    int64_t left_ms = since_ms + (int64_t)wait_s * 1000 - now_ms;
    return wait_s > 0 && left_ms > 0 ? left_ms : 0;
}

/* ---- the beginning ---- */

int tiers_start(struct tiers **out, uv_loop_t *loop, const struct tiers_host *host,
                struct diags *diags)
{
    struct tiers *t = xcalloc(1, sizeof *t);
    *t = (struct tiers){.loop = loop, .host = *host};
    t->mailbox = mailbox_open(loop);
    const struct tiers_thread_host thread_host = {.mailbox = t->mailbox,
                                                  .ctx = t,
                                                  .views = on_views,
                                                  .share = on_share,
                                                  .met_failure = on_met_failure,
                                                  .looked = on_looked,
                                                  .stopped = tiers_on_stopped};
    if (tiers_thread_start(&t->thread, &thread_host) != 0) {
        diag_error(diags, (struct span){0}, "no thread for the tiers: %s", strerror(errno));
        mailbox_close(t->mailbox);
        free(t);
        return E_SYSTEM;
    }
    t->descriptors = descriptors_new();
    uv_timer_init(loop, &t->slice);
    uv_timer_init(loop, &t->changed);
    uv_timer_init(loop, &t->patience);
    t->slice.data = t->changed.data = t->patience.data = t;
    *out = t;
    return 0;
}

void tiers_follow(struct tiers *t, struct checker *checker)
{
    const struct subscriber subscriber = {.name = "tiers", .ctx = t, .wake = on_wake};
    t->checker = checker;
    t->subscription = checker_subscribe(checker, &subscriber);
}
