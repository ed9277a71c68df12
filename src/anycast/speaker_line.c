/* SPDX-License-Identifier: Apache-2.0
 * The life of the line to a speaker, and what it is told and asked. */
#include "anycast/line_internal.h"

#include "base/clock.h"

#include <string.h>

/* ---- life ---- */

static void host_nudge(void *ctx)
{
    struct speaker_line *l = ctx;
    int64_t now_ms = clock_mono_ms();
    if (!l->nudged_ms)
        l->nudged_ms = now_ms;
    /* It may be back before it is its turn to be tried again; but one that says so whenever it
     * fails is not asked all the time. */
    int64_t soon_ms = now_ms + LINE_NUDGE_MS;
    if (soon_ms < l->failed_ms + LINE_SOON_MS)
        soon_ms = l->failed_ms + LINE_SOON_MS;
    if (l->not_before_ms > soon_ms)
        l->not_before_ms = soon_ms;
    if (l->phase == LINE_IDLE)
        line_arm(l);
}

void line_open_driver(struct speaker_line *l)
{
    if (l->driver)
        l->ops->close(l->driver);
    l->driver_host = (struct speaker_host){
        .drive = l->host.drive,
        .config = l->config,
        .node = l->host.node,
        .state_dir = l->set->state_dir,
        .ctx = l,
        .observed = line_observed,
        .applied = line_applied,
        .failed = line_failed,
        .nudge = host_nudge,
    };
    l->driver = l->ops->open(&l->driver_host);
}

struct speaker_line *speaker_line_open(const struct speaker_line_host *host,
                                       const struct speaker_type_ops *ops,
                                       const struct speaker *config, struct anycast_set *set)
{
    struct speaker_line *l = xcalloc(1, sizeof *l);
    *l = (struct speaker_line){
        .host = *host,
        .ops = ops,
        .config = config,
        .set = anycast_set_hold(set),
        .told_ms = INT64_MIN,
        .backoff = {LINE_RETRY_FIRST_MS, LINE_RETRY_LAST_MS, 0, (uintptr_t)l},
    };
    uv_timer_init(drive_loop(host->drive), &l->timer);
    l->timer.data = l;
    line_open_driver(l);
    line_arm(l);
    return l;
}

static void on_closed(uv_handle_t *handle)
{
    struct speaker_line *l = handle->data;
    wish_free(&l->wanted);
    wish_free(&l->given);
    wish_free(&l->looked);
    wish_free(&l->told);
    wish_free(&l->willed);
    vec_free(&l->seen.routes);
    anycast_set_release(l->set);
    anycast_set_release(l->next_set);
    free(l);
}

void speaker_line_close(struct speaker_line *l)
{
    l->ops->close(l->driver);
    l->driver = NULL;
    l->closed = true;
    uv_close((uv_handle_t *)&l->timer, on_closed);
}

void line_take_next(struct speaker_line *l)
{
    if (!l->next_config)
        return;
    struct anycast_set *before = l->set;
    l->config = l->driver_host.config = l->next_config;
    l->set = l->next_set;
    l->driver_host.state_dir = l->set->state_dir;
    l->next_config = NULL;
    l->next_set = NULL;
    if (l->ops->respecified)
        l->ops->respecified(l->driver, l->config);
    else
        line_open_driver(l);
    anycast_set_release(before);
}

void speaker_line_respecify(struct speaker_line *l, const struct speaker *config,
                            struct anycast_set *set)
{
    struct anycast_set *before = l->next_set;
    l->next_config = config;
    l->next_set = anycast_set_hold(set);
    anycast_set_release(before);
    speaker_line_look(l);
}

/* ---- what it is told ---- */

void speaker_line_want(struct speaker_line *l, const struct announcements *wanted,
                       struct anycast_set *set)
{
    struct wish before = l->wanted;
    l->wanted = (struct wish){0};
    wish_put(&l->wanted, wanted, set);
    bool news = !l->has_want || !wish_same_routes(&before, &l->wanted);
    /* Names and interfaces may have changed though routes are the same. */
    if (l->has_want && before.set != set && !l->nudged_ms)
        l->nudged_ms = clock_mono_ms();
    wish_free(&before);
    l->has_want = true;
    line_resolve(l);
    if (news && l->not_before_ms)
        l->not_before_ms = l->failed_ms + LINE_SOON_MS;
    if (l->phase == LINE_IDLE)
        line_arm(l);
}

void speaker_line_look(struct speaker_line *l)
{
    l->look_asked = true;
    if (l->phase == LINE_IDLE)
        line_arm(l);
}

/* ---- what it is asked ---- */

enum announcer_real speaker_line_real(const struct speaker_line *l, const struct anycast_spec *spec,
                                      bool *differs)
{
    const struct prefix_set *config = spec->config;
    bool present = false, unknown = !l->is_current;
    *differs = false;
    for (uint32_t i = 0; i < config->n_prefixes && l->is_current; i++) {
        struct line_had had = line_had_of(l, &config->prefixes[i]);
        present |= had.real == REAL_PRESENT;
        unknown |= had.real == REAL_UNKNOWN;
        *differs |= had.real == REAL_PRESENT && had.differs;
    }
    return present ? REAL_PRESENT : unknown ? REAL_UNKNOWN : REAL_ABSENT;
}

const struct speaker_seen *speaker_line_seen(const struct speaker_line *l)
{
    return &l->seen;
}

bool speaker_line_settled(const struct speaker_line *l)
{
    return (l->phase == LINE_IDLE || l->phase == LINE_LOOKS) && l->has_want && l->is_current &&
           !l->is_unread && line_judge(l) == LINE_RIGHT;
}

const struct speaker_status *speaker_line_status(const struct speaker_line *l)
{
    return &l->status;
}

/** Adds what of another wish is announced and of no set of this one. */
static void add_others(struct wish *to, const struct wish *from)
{
    for (size_t i = 0; i < from->list.n; i++) {
        const struct announcement *each = &from->list.v[i];
        const struct announcements now = wish_lend(to);
        uint32_t set, nth;
        bool known = true;
        for (uint32_t j = 0; j < each->spec->config->n_prefixes; j++) {
            bool found = announcements_find(&now, &each->spec->config->prefixes[j], &set, &nth);
            known &= found;
            if (found && each->announced)
                to->list.v[set].announced = true;
        }
        if (!known && each->announced)
            *vec_push(&to->list) = *each;
    }
}

bool speaker_line_will(struct speaker_line *l, struct last_will *will)
{
    const struct announcements wanted = wish_lend(&l->wanted);
    bool any = false;
    *will = (struct last_will){0};
    if (!l->ops->will || !l->has_want)
        return false;
    wish_put(&l->willed, &wanted, l->wanted.set);
    add_others(&l->willed, &l->told);
    if (l->phase == LINE_APPLIES)
        add_others(&l->willed, &l->given);
    for (size_t i = 0; i < l->seen.routes.n; i++) {
        const struct seen_route *route = &l->seen.routes.v[i];
        if (route->real == REAL_PRESENT && route->set < l->wanted.list.n)
            l->willed.list.v[route->set].announced = true;
    }
    for (size_t i = 0; i < l->willed.list.n; i++)
        any |= l->willed.list.v[i].announced;
    if (!any)
        return false;
    const struct announcements now = wish_lend(&l->willed);
    l->ops->will(l->driver, &now, will);
    return will->socket || will->argv;
}
