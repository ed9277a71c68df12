/* SPDX-License-Identifier: Apache-2.0
 * Local balancers at the start, and what is told of them. */
#include "main/daemon.h"

#include "base/clock.h"
#include "out/tier_news.h"

/* ---- events ---- */

static void add_event(void *ctx, const struct event *event)
{
    struct event dated = *event;
    (void)ctx;
    dated.at_ms = clock_wall_ms();
    events_add(&dated);
}

static void on_tier_timer(uv_timer_t *timer);

static void look_for_news(struct daemon *d)
{
    uint32_t n;
    int64_t now_ms = clock_mono_ms();
    struct tier_view **views = tiers_views(d->tiers, &n);
    int64_t next_ms = tier_news_look(d->tier_news, views, n, now_ms, add_event, d);
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(views[i]);
    free(views);
    if (next_ms == INT64_MAX)
        uv_timer_stop(&d->tier_timer);
    else
        uv_timer_start(&d->tier_timer, on_tier_timer, (uint64_t)(next_ms - now_ms), 0);
}

static void on_tier_timer(uv_timer_t *timer)
{
    look_for_news(timer->data);
}

static void on_changed(void *ctx)
{
    struct daemon *d = ctx;
    if (d->ctl)
        ctl_tiers_changed(d->ctl);
    if (d->tier_news)
        look_for_news(d);
}

void daemon_leave_tiers(struct daemon *d)
{
    uv_timer_stop(&d->tier_timer);
    tier_news_free(d->tier_news);
    d->tier_news = NULL;
}

/* ---- the start ---- */

int daemon_start_tiers(struct daemon *d, struct diags *diags)
{
    const struct tiers_host host = {.ctx = d, .changed = on_changed};
    d->tier_rights = rights_held();
    int code = rights_check_tiers(NULL, d->generation->model, d->tier_rights, diags);
    return code == 0 ? tiers_start(&d->tiers, &d->loop, &host, diags) : code;
}

int daemon_prepare_tiers(struct daemon *d, struct diags *diags)
{
    d->first_tiers = tier_set_new(d->generation->model);
    return tiers_prepare(d->tiers, d->first_tiers, diags);
}

void daemon_follow_tiers(struct daemon *d)
{
    d->tier_news = tier_news_new();
    tiers_follow(d->tiers, d->checker);
    tiers_switch(d->tiers, d->first_tiers, d->generation->model);
    tier_set_release(d->first_tiers);
    d->first_tiers = NULL;
}

static void on_given_up(void *ctx)
{
    (void)ctx;
}

void daemon_give_up_tiers(struct daemon *d)
{
    tier_set_release(d->first_tiers);
    d->first_tiers = NULL;
    daemon_leave_tiers(d);
    if (d->tiers)
        tiers_stop(d->tiers, on_given_up, NULL);
    d->tiers = NULL;
}
