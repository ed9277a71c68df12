/* SPDX-License-Identifier: Apache-2.0
 * Anycast: its start, and what becomes of prefix sets as events. */
#include "main/daemon.h"

#include "base/clock.h"
#include "out/anycast_facts.h"

#include <stdio.h>
#include <string.h>

/* ---- why ---- */

static void say_input(struct event *event, const struct anycast_input *input)
{
    snprintf(event->reason, sizeof event->reason, "%s: %s", input->name, input->reason);
}

/** "order @3 of ann: drain, router swap". */
static void say_order(const struct daemon *d, struct event *event, const struct anycast_view *view)
{
    char id[ORDER_ID_MAX];
    const struct orders *orders = checker_orders(d->checker);
    const struct order *by = orders_decide_set(orders, view->spec->name, view->spec->site).by;
    if (!by) { /* it has ended since */
        say_input(event, &view->inputs[view->n_inputs - 1]);
        return;
    }
    snprintf(event->reason, sizeof event->reason, "order %s%s%s: %s%s%.100s",
             order_id_text(id, orders, by), *by->author ? " of " : "", by->author,
             announce_order_word(view->order), by->shown && *by->shown ? ", " : "",
             by->shown ? by->shown : "");
}

static const char *else_reason(const struct daemon *d, const struct anycast_view *after)
{
    if (d->draining && (after->state == ANNOUNCER_DOWN || after->state == ANNOUNCER_DRAINING))
        return "loadstard stops";
    switch (after->state) {
    case ANNOUNCER_DOWN:
        return after->problem[0] ? after->problem : "what has to hold is not known";
    case ANNOUNCER_HOLDING:
        return after->problem[0] ? after->problem : "all holds, for the hold time to be waited for";
    default:
        return "all holds";
    }
}

/** An order, where it decides, is told before what else does not hold. */
static void say_why(const struct daemon *d, struct event *event, const struct anycast_view *after)
{
    const bool ordered = after->order != ANNOUNCE_AUTO && after->n_inputs > 0;
    const bool decides = after->order == ANNOUNCE_YES ? after->state >= ANNOUNCER_ANNOUNCED
                                                      : after->state != ANNOUNCER_HOLDING;
    const struct anycast_input *of = NULL;
    if (ordered && decides && !d->draining) {
        say_order(d, event, after);
        return;
    }
    if (after->state == ANNOUNCER_DEGRADED)
        of = anycast_view_failing(after, true);
    else if (after->state == ANNOUNCER_DOWN && !d->draining)
        of = anycast_view_failing(after, false);
    if (of && of->known)
        say_input(event, of);
    else
        snprintf(event->reason, sizeof event->reason, "%s", else_reason(d, after));
}

static enum event_severity severity_of(const struct daemon *d, const struct anycast_view *after)
{
    const bool meant =
        d->draining || after->order == ANNOUNCE_WITHDRAW || after->order == ANNOUNCE_DRAIN;
    if (after->state == ANNOUNCER_DOWN)
        return meant ? EVENT_NOTICE : EVENT_ERROR;
    return after->state == ANNOUNCER_DEGRADED ? EVENT_WARNING : EVENT_NOTICE;
}

/* ---- events ---- */

static struct event event_of(const struct anycast_view *view, const char *from, const char *to)
{
    struct event event = {.at_ms = clock_wall_ms()};
    snprintf(event.target, sizeof event.target, "anycast %s", view->spec->name);
    snprintf(event.from, sizeof event.from, "%s", from);
    snprintf(event.to, sizeof event.to, "%s", to);
    return event;
}

static void tell_state(const struct daemon *d, const struct anycast_view *before,
                       const struct anycast_view *after)
{
    struct event event =
        event_of(after, announcer_state_text(before->state), announcer_state_text(after->state));
    event.severity = (uint8_t)severity_of(d, after);
    say_why(d, &event, after);
    events_add(&event);
}

/** What the speaker has against what it is to have. */
static void tell_real(const struct anycast_view *before, const struct anycast_view *after)
{
    const bool wanted = after->state >= ANNOUNCER_ANNOUNCED;
    const char *speaker = after->set->speakers[after->spec->speaker].name;
    struct event event =
        event_of(after, announcer_real_text(before->real), announcer_real_text(after->real));
    event.severity = wanted && after->real == REAL_ABSENT ? EVENT_WARNING : EVENT_NOTICE;
    snprintf(event.reason, sizeof event.reason, "%s %s",
             after->real == REAL_PRESENT  ? "its prefixes are with speaker"
             : after->real == REAL_ABSENT ? "its prefixes are not with speaker"
                                          : "it is not known what it has of them: speaker",
             speaker);
    events_add(&event);
}

/** Of hooks and of what holds the addresses; what is wrong with a speaker is told of it once. */
static size_t own_problem(const char *problem)
{
    const char *speaker =
        strncmp(problem, "speaker ", 8) == 0 ? problem : strstr(problem, "; speaker ");
    return speaker ? (size_t)(speaker - problem) : strlen(problem);
}

static void tell_problem(const struct anycast_view *before, const struct anycast_view *after)
{
    const size_t n = own_problem(after->problem), n_before = own_problem(before->problem);
    if (n == 0 || (n == n_before && memcmp(before->problem, after->problem, n) == 0))
        return;
    struct event event =
        event_of(after, announcer_state_text(after->state), announcer_state_text(after->state));
    event.severity = EVENT_WARNING;
    snprintf(event.reason, sizeof event.reason, "%.*s", (int)n, after->problem);
    events_add(&event);
}

static void on_moved(void *ctx, const struct anycast_view *before, const struct anycast_view *after)
{
    const struct daemon *d = ctx;
    if (before->state != after->state)
        tell_state(d, before, after);
    if (before->real != after->real &&
        (before->real != REAL_UNKNOWN || after->real != REAL_ABSENT)) /* the first look */
        tell_real(before, after);
    tell_problem(before, after);
}

static const char *speaker_state(const struct speaker_status *status)
{
    if (status->up)
        return "up";
    return status->error == SPEAKER_ERROR_NONE ? "unknown" : "down";
}

static void on_speaker_moved(void *ctx, const struct speaker_view *before,
                             const struct speaker_view *after)
{
    const char *from = speaker_state(&before->status), *to = speaker_state(&after->status);
    (void)ctx;
    if (strcmp(from, to) == 0)
        return;
    struct event event = {.at_ms = clock_wall_ms()};
    event.severity = strcmp(to, "down") == 0 ? EVENT_ERROR : EVENT_NOTICE;
    snprintf(event.target, sizeof event.target, "speaker %s", after->config->name);
    snprintf(event.from, sizeof event.from, "%s", from);
    snprintf(event.to, sizeof event.to, "%s", to);
    snprintf(event.reason, sizeof event.reason, "%s",
             after->status.up ? after->status.version : after->status.text);
    events_add(&event);
}

/* ---- the daemon's side ---- */

static const struct level_table *on_levels(void *ctx)
{
    return levels_now(((struct daemon *)ctx)->levels);
}

static void on_changed(void *ctx)
{
    const struct daemon *d = ctx;
    if (d->ctl)
        ctl_anycast_changed(d->ctl);
}

static bool on_stalled(void *ctx)
{
    return daemon_is_stalled(ctx);
}

static bool on_overflows(void *ctx)
{
    return daemon_overflows(ctx);
}

int daemon_start_anycast(struct daemon *d, struct diags *diags)
{
    const struct anycast_host host = {.ctx = d,
                                      .levels = on_levels,
                                      .changed = on_changed,
                                      .moved = on_moved,
                                      .speaker_moved = on_speaker_moved,
                                      .stalled = on_stalled,
                                      .overflows = on_overflows};
    int guard_fd = daemon_take_guard(d);
    d->first_anycast = anycast_set_new(d->generation->model);
    return anycast_start(&d->anycast, &d->loop, &host, guard_fd, diags);
}

void daemon_follow_anycast(struct daemon *d)
{
    anycast_follow(d->anycast, d->checker);
    anycast_switch(d->anycast, d->first_anycast, d->generation->model);
    anycast_set_release(d->first_anycast);
    d->first_anycast = NULL;
}

static void on_given_up(void *ctx)
{
    (void)ctx;
}

void daemon_give_up_anycast(struct daemon *d)
{
    anycast_set_release(d->first_anycast);
    d->first_anycast = NULL;
    if (d->anycast)
        anycast_stop(d->anycast, on_given_up, NULL);
    d->anycast = NULL;
}
