/* SPDX-License-Identifier: Apache-2.0
 * Waiting for drains: a list of who waits, and one timer. */
#include "ctl/drain_watch.h"

#include "base/clock.h"
#include "control/json.h"
#include "ctl/drain.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 1000

struct watch {
    struct watch *next;
    char *target;
    int64_t wait_ms, began_ms; /* monotonic */
    struct drain_asker asker;
    uint64_t generation; /* of `drained`; 0: not looked yet */
    bool *drained;       /* as struct drain has it: at the last look */
};

struct drain_watches {
    struct gather *gather;
    uv_timer_t timer;
    struct watch *first;
    bool stopping;
    void (*done)(void *arg);
    void *done_arg;
};

/* ---- ends ---- */

static void end(struct drain_watches *all, struct watch *w, json_t *document, const char *outcome,
                const char *why)
{
    struct watch **at = &all->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (!all->first && !all->stopping)
        uv_timer_stop(&all->timer);
    json_set_text(document, "outcome", outcome);
    if (why[0])
        json_set_text(document, "why", why);
    w->asker.done(w->asker.arg, document);
    free(w->drained);
    free(w->target);
    free(w);
}

/* ---- looks ---- */

/** Why a prefix set is not drained any more. */
static void put_undone_set(char why[CTL_TEXT_MAX], const struct facts *f, uint32_t set)
{
    const struct model *m = f->generation->model;
    const struct prefix_set *config = &m->prefix_sets[set];
    struct announce_decision d =
        orders_decide_set(f->orders, config->name, model_site_name(m, config->site));
    char id[ORDER_ID_MAX] = "";
    if (d.by)
        order_id_text(id, f->orders, d.by);
    snprintf(why, CTL_TEXT_MAX, "anycast:%s is not drained any more (%s)%s%s%s%.100s", config->name,
             announce_order_word(d.order), d.by ? ": by order " : ": its order is gone", id,
             d.by ? " of " : "", d.by ? d.by->author : "");
}

/** Why it is not drained any more. */
static void put_undone(char why[CTL_TEXT_MAX], const struct facts *f, struct arena *arena,
                       uint32_t endpoint)
{
    const struct endpoint_state *s = &f->states[endpoint];
    const struct order *order = orders_find_serial(f->orders, s->state_order);
    char id[ORDER_ID_MAX] = "";
    if (order)
        order_id_text(id, f->orders, order);
    const char *key = endpoint_key(arena, f->generation->model, endpoint),
               *by = order ? arena_printf(arena, "by order %s of %s", id, order->author)
                           : "its order is gone";
    snprintf(why, CTL_TEXT_MAX, "%.120s is not drained any more (%.5s): %.100s", key,
             endpoint_state_text(s), by);
}

/** Whether something that was drained at the last look is not any more; tells why. Takes note. */
static bool is_undone(struct watch *w, const struct facts *f, struct arena *arena,
                      const struct drain *d, char why[CTL_TEXT_MAX])
{
    const struct model *m = f->generation->model;
    uint32_t n = m->n_endpoints + m->n_prefix_sets, lost = MODEL_NONE;
    if (w->generation == f->generation->number)
        for (uint32_t i = 0; i < n && lost == MODEL_NONE; i++)
            if (w->drained[i] && !d->drained[i])
                lost = i;
    if (lost != MODEL_NONE && lost >= m->n_endpoints)
        put_undone_set(why, f, lost - m->n_endpoints);
    else if (lost != MODEL_NONE)
        put_undone(why, f, arena, lost);
    else if (d->stage == DRAIN_STAGE_NONE)
        snprintf(why, CTL_TEXT_MAX, "nothing of %.200s is drained", w->target);
    w->drained = xrealloc(w->drained, n + 1u);
    if (n)
        memcpy(w->drained, d->drained, n);
    w->generation = f->generation->number;
    return lost != MODEL_NONE || d->stage == DRAIN_STAGE_NONE;
}

static void put_left(char why[CTL_TEXT_MAX], const struct drain *d)
{
    int n = snprintf(why, CTL_TEXT_MAX, "still there:");
    if (d->dns_left_ms > 0)
        n += snprintf(why + n, CTL_TEXT_MAX - (size_t)n, " answers for %lld s",
                      (long long)(d->dns_left_ms + 999) / 1000);
    for (uint32_t i = 0; i < d->n_tiers && n < CTL_TEXT_MAX - 100; i++) {
        const struct drain_tier *t = &d->tiers[i];
        if (!t->n_left)
            continue;
        n += snprintf(why + n, CTL_TEXT_MAX - (size_t)n, "%s %.40s (%s", n > 12 ? "," : "",
                      t->view->spec->name, tier_state_text(t->view->state));
        if (t->active >= 0)
            n += snprintf(why + n, CTL_TEXT_MAX - (size_t)n, ", %s%lld sessions",
                          t->at_most ? "at most " : "", (long long)t->active);
        n += snprintf(why + n, CTL_TEXT_MAX - (size_t)n, ")");
    }
    for (uint32_t i = 0; i < d->n_sets && n < CTL_TEXT_MAX - 120; i++)
        if (d->sets[i].is_left)
            n += snprintf(
                why + n, CTL_TEXT_MAX - (size_t)n, "%s anycast %.63s (%s, routes %s)",
                n > 12 ? "," : "", d->sets[i].name,
                d->sets[i].view ? announcer_state_text(d->sets[i].view->state) : "not known yet",
                announcer_real_text(d->sets[i].view ? d->sets[i].view->real : REAL_UNKNOWN));
}

/** Goes on with one, which may end. */
static void look(struct drain_watches *all, struct watch *w, const struct facts *f)
{
    struct arena *arena = arena_new();
    char why[CTL_TEXT_MAX] = "";
    struct drain d;
    bool found = drain_look(&d, arena, f, w->target, why) == 0;
    json_t *document = found ? drain_document(&d, w->target) : json_object();
    if (found && w->wait_ms == CTL_WAIT_DEFAULT)
        w->wait_ms = d.wait_ms;
    if (!found || is_undone(w, f, arena, &d, why)) {
        end(all, w, document, "undone", why);
    } else if (d.stage == DRAIN_STAGE_DONE) {
        end(all, w, document, "done", "");
    } else if (clock_mono_ms() - w->began_ms >= w->wait_ms) {
        put_left(why, &d);
        end(all, w, document, "time_over", why);
    } else {
        if (w->asker.progress)
            w->asker.progress(w->asker.arg, document);
        json_decref(document);
    }
    arena_free(arena);
}

void drain_watches_look(struct drain_watches *all)
{
    struct facts f;
    if (!all->first)
        return;
    gather_facts(all->gather, GATHER_ORDERS, &f);
    for (struct watch *w = all->first, *next; w; w = next) {
        next = w->next;
        if (w->asker.is_gone && w->asker.is_gone(w->asker.arg))
            end(all, w, json_object(), "stopped", "nobody waits any more");
        else
            look(all, w, &f);
    }
}

static void on_timer(uv_timer_t *timer)
{
    drain_watches_look(timer->data);
}

void drain_watch(struct drain_watches *all, const char *target, int64_t wait_ms,
                 const struct drain_asker *asker)
{
    struct facts f;
    struct watch *w = xcalloc(1, sizeof *w);
    *w = (struct watch){.next = all->first,
                        .target = xstrdup(target),
                        .wait_ms = wait_ms,
                        .began_ms = clock_mono_ms(),
                        .asker = *asker};
    if (!all->first && !all->stopping)
        uv_timer_start(&all->timer, on_timer, LOOK_MS, LOOK_MS);
    all->first = w;
    if (all->stopping) {
        end(all, w, json_object(), "stopped", "loadstard stops");
        return;
    }
    gather_facts(all->gather, GATHER_ORDERS, &f);
    look(all, w, &f);
}

/* ---- its life ---- */

struct drain_watches *drain_watches_new(uv_loop_t *loop, struct gather *gather)
{
    struct drain_watches *all = xcalloc(1, sizeof *all);
    all->gather = gather;
    uv_timer_init(loop, &all->timer);
    all->timer.data = all;
    return all;
}

static void on_closed(uv_handle_t *handle)
{
    struct drain_watches *all = handle->data;
    all->done(all->done_arg);
}

void drain_watches_stop(struct drain_watches *all, void (*done)(void *arg), void *arg)
{
    all->stopping = true;
    all->done = done;
    all->done_arg = arg;
    while (all->first)
        end(all, all->first, json_object(), "stopped", "loadstard stops");
    uv_close((uv_handle_t *)&all->timer, on_closed);
}

void drain_watches_free(struct drain_watches *all)
{
    free(all);
}
