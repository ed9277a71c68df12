/* SPDX-License-Identifier: Apache-2.0
 * bgpd of FRR: prefixes are networks of its running configuration, each with a route-map of ours
 * (frr_words.h). Nothing is written to its startup configuration. What it has is what its running
 * configuration says, and what its table makes of it: a network whose route is not in the kernel is
 * announced to nobody when `bgp network import-check` is on. */
#include "anycast/frr_driver.h"

#include <stdio.h>

void frr_ask(struct speaker_driver *d, const struct frr_lines *lines,
             void (*then)(struct speaker_driver *d, const struct frr_reply *reply))
{
    d->then = then;
    frr_link_ask(d->link, lines);
}

static void on_answered(void *ctx, const struct frr_reply *reply)
{
    struct speaker_driver *d = ctx;
    d->then(d, reply);
}

static void on_lost(void *ctx)
{
    struct speaker_driver *d = ctx;
    d->lost = true;
    d->host.nudge(d->host.ctx);
}

void frr_fail(struct speaker_driver *d, enum speaker_error error, const char *fmt, ...)
{
    char text[FRR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    d->host.failed(d->host.ctx, error, text);
}

/* --- its configuration --- */

static void ask_config(struct speaker_driver *d,
                       void (*then)(struct speaker_driver *d, const struct frr_reply *reply))
{
    struct frr_lines lines = {0};
    frr_lines_add(&lines, "show running-config");
    frr_ask(d, &lines, then);
    frr_lines_free(&lines);
}

static bool judge_config(struct speaker_driver *d, const struct frr_config *config)
{
    uint32_t as = d->host.config->as;
    if (!config->has_router)
        frr_fail(d, SPEAKER_ERROR_REJECTED,
                 "bgpd has no `router bgp`: configure one, with its neighbours");
    else if (as != 0 && config->as != as)
        frr_fail(d, SPEAKER_ERROR_REJECTED, "bgpd has `router bgp %s`, and the speaker's as is %u",
                 config->as_text, as);
    else
        return true;
    return false;
}

/* What was read last is kept where this cannot be: the will knows by it what is not ours. */
static bool take_config(struct speaker_driver *d, const struct frr_reply *reply)
{
    struct frr_config config;
    if (reply->error) {
        frr_fail(d, reply->error, "%s", reply->text);
        return false;
    }
    if (frr_config_read(&config, reply->output) != 0) {
        frr_config_free(&config);
        frr_fail(d, SPEAKER_ERROR_REJECTED, "what bgpd shows is no configuration of FRR");
        return false;
    }
    if (!judge_config(d, &config)) {
        frr_config_free(&config);
        return false;
    }
    frr_config_free(&d->has);
    d->has = config;
    return true;
}

static void on_observed_config(struct speaker_driver *d, const struct frr_reply *reply)
{
    d->seen.routes.n = 0;
    *d->seen.note = *d->seen.version = '\0';
    d->n_looks = 0;
    if (take_config(d, reply))
        frr_look(d);
}

static void frr_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    ask_config(d, on_observed_config);
}

/* --- telling it --- */

static void end_apply(struct speaker_driver *d)
{
    char text[IP_PREFIX_TEXT_MAX];
    d->had_ours = false;
    for (uint32_t i = 0; i < d->wanted->n; i++)
        d->had_ours |= d->wanted->v[i].announced;
    if (d->plan.theirs.addr.family == IP_NONE)
        d->host.applied(d->host.ctx);
    else
        frr_fail(
            d, SPEAKER_ERROR_FOREIGN,
            "%s has a network statement in bgpd that is not Loadstar's: remove it (no network %s)",
            ip_prefix_text(text, &d->plan.theirs), ip_prefix_text(text, &d->plan.theirs));
}

static void on_told(struct speaker_driver *d, const struct frr_reply *reply)
{
    if (reply->error)
        frr_fail(d, reply->error, "%s", reply->text);
    else
        end_apply(d);
}

static void on_applied_config(struct speaker_driver *d, const struct frr_reply *reply)
{
    if (!take_config(d, reply))
        return;
    d->salt += d->tampered;
    d->tampered = false;
    d->plan.speaker = d->host.config;
    d->plan.salt = d->salt;
    frr_plan_make(&d->plan, &d->has, d->wanted);
    if (d->plan.lines.v.n > 0)
        frr_ask(d, &d->plan.lines, on_told);
    else
        end_apply(d);
    frr_lines_free(&d->plan.lines);
}

static void frr_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    ask_config(d, on_applied_config);
}

/* --- life --- */

static void open_link(struct speaker_driver *d)
{
    const struct frr_asker asker = {d, on_answered, on_lost};
    d->link = frr_link_open(d->host.drive, d->host.config, &asker);
}

static struct speaker_driver *frr_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->timer = xcalloc(1, sizeof *d->timer);
    uv_timer_init(drive_loop(host->drive), d->timer);
    d->timer->data = d;
    open_link(d);
    return d;
}

/* What bgpd is asked over is opened anew: that costs nothing. */
static void frr_respecified(struct speaker_driver *d, const struct speaker *config)
{
    frr_link_close(d->link);
    d->host.config = config;
    open_link(d);
}

static void forget_will(struct speaker_driver *d)
{
    frr_lines_free(&d->last);
    d->will_text.n = 0;
    free(d->will_argv);
    d->will_argv = NULL;
}

static void frr_will(struct speaker_driver *d, const struct announcements *now,
                     struct last_will *will)
{
    forget_will(d);
    frr_will_lines(&d->last, &d->has, now);
    if (d->last.v.n == 0)
        return;
    if (frr_link_is_vtysh(d->link)) {
        d->will_argv = frr_vtysh_argv(d->host.config->command, &d->last);
        will->argv = d->will_argv;
        return;
    }
    for (size_t i = 0; i < d->last.v.n; i++)
        buf_printf(&d->will_text, "%s\n", d->last.v.v[i]);
    will->socket = d->host.config->socket;
    will->text = slice_of(d->will_text.p, d->will_text.n);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void frr_close(struct speaker_driver *d)
{
    frr_link_close(d->link);
    uv_timer_stop(d->timer);
    uv_close((uv_handle_t *)d->timer, free_handle);
    frr_config_free(&d->has);
    forget_will(d);
    buf_free(&d->will_text);
    vec_free(&d->seen.routes);
    free(d);
}

const struct speaker_type_ops frr_speaker = {
    .type = SPEAKER_FRR,
    .open = frr_open,
    .observe = frr_observe,
    .apply = frr_apply,
    .respecified = frr_respecified,
    .will = frr_will,
    .close = frr_close,
};
