/* SPDX-License-Identifier: Apache-2.0
 * Commands to ExaBGP, and their answers in the same order. Before the first, and after an answer
 * that did not come, it is asked for its version: what comes before that answer was for somebody
 * else. */
#include "anycast/exabgp_driver.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>

enum { COMMAND_MS = 50 }; /* what one command adds to the time for all of them */

static const char *const questions[] = {[EXABGP_SYNC] = "version",
                                        [EXABGP_TABLE] = "show adj-rib out extensive",
                                        [EXABGP_SESSIONS] = "show neighbor summary"};

void exabgp_enqueue(struct speaker_driver *d, enum exabgp_kind kind, const struct ip_prefix *prefix,
                    struct slice command)
{
    struct exabgp_item *item = vec_push(&d->queue);
    item->kind = kind;
    if (prefix)
        item->prefix = *prefix;
    if (kind <= EXABGP_SESSIONS)
        command = slice_str(questions[kind]);
    item->command = xmalloc(command.n + 1u);
    memcpy(item->command, command.p, command.n);
    item->command[command.n] = '\0';
}

void exabgp_queue_clear(struct speaker_driver *d)
{
    for (size_t i = 0; i < d->queue.n; i++)
        free(d->queue.v[i].command);
    d->queue.n = 0;
    d->n_sent = d->n_answered = 0;
    d->refused[0] = '\0';
    uv_timer_stop(d->timer);
}

void exabgp_queue_renew(struct speaker_driver *d)
{
    d->synced = false;
    d->versions = 0;
}

static void stop(struct speaker_driver *d, enum speaker_error error, const char *text)
{
    d->synced = d->synced && d->n_sent == d->n_answered;
    exabgp_queue_clear(d);
    exabgp_broken(d, error, text);
}

/* ---- sending ---- */

static bool is_waiting(const struct speaker_driver *d)
{
    return d->n_sent > d->n_answered && d->queue.v[d->n_sent - 1].kind == EXABGP_SYNC;
}

static void finish(struct speaker_driver *d)
{
    char text[sizeof d->refused];
    memcpy(text, d->refused, sizeof text);
    exabgp_queue_clear(d);
    if (*text)
        exabgp_broken(d, SPEAKER_ERROR_REJECTED, text);
    else
        exabgp_ended(d);
}

static void pump(struct speaker_driver *d)
{
    char text[EXABGP_TEXT_MAX];
    while (d->n_sent < d->queue.n && d->n_sent - d->n_answered < d->ops->window && !is_waiting(d)) {
        const struct exabgp_item *item = &d->queue.v[d->n_sent];
        if (!d->ops->send(d->link, slice_str(item->command))) {
            if (!d->wanted)
                return; /* it has gone, and that was told */
            enum speaker_error error = d->ops->check(d->link, text);
            stop(d, error ? error : SPEAKER_ERROR_TIMEOUT,
                 error ? text : "ExaBGP does not read its commands: it hangs, or is busy");
            return;
        }
        if (item->kind == EXABGP_SYNC) {
            d->versions++;
            d->version_seen = d->version_heard = false;
        }
        d->n_sent++;
    }
    if (d->n_answered == d->queue.n)
        finish(d);
}

static void on_time(uv_timer_t *timer)
{
    struct speaker_driver *d = timer->data;
    char text[EXABGP_TEXT_MAX];
    bool is_sync = is_waiting(d);
    if (is_sync && d->version_seen)
        snprintf(text, sizeof text,
                 "ExaBGP does not acknowledge commands: it has to be started with "
                 "exabgp.api.ack=true");
    else
        snprintf(text, sizeof text,
                 "ExaBGP has not answered `%.60s` for %g s: it hangs, or is busy",
                 d->queue.v[d->n_answered].command, (double)uv_timer_get_repeat(timer) / 1000);
    /* Some of what it was asked before was answered, and no more comes: somebody else has read it.
     */
    if (is_sync && d->version_heard && !d->version_seen)
        d->versions = 0;
    stop(d, SPEAKER_ERROR_TIMEOUT, text);
}

void exabgp_queue_start(struct speaker_driver *d)
{
    uint64_t ms = d->host.config->timeout_ms + (uint64_t)d->queue.n * COMMAND_MS;
    uv_update_time(d->timer->loop);
    uv_timer_start(d->timer, on_time, ms, ms);
    pump(d);
}

/* ---- answers ---- */

static void refuse(struct speaker_driver *d, const struct exabgp_item *item)
{
    if (!*d->refused)
        snprintf(d->refused, sizeof d->refused, "ExaBGP refuses `%.200s`", item->command);
}

static void answer(struct speaker_driver *d, struct exabgp_item *item, enum exabgp_word word)
{
    if (word == EXABGP_DONE)
        exabgp_done(d, item);
    else
        refuse(d, item);
    d->n_answered++;
    pump(d);
}

static void answer_sync(struct speaker_driver *d, enum exabgp_word word, const char *line)
{
    if (word == EXABGP_VERSION) {
        d->versions -= d->versions > 0;
        d->version_seen = d->versions == 0;
        d->version_heard = true;
        escape_text(d->version, sizeof d->version, slice_str(line));
    } else if (word == EXABGP_DONE && d->version_seen) {
        d->synced = true;
        d->n_answered++;
        pump(d);
    }
}

void exabgp_queue_line(void *ctx, const char *line)
{
    struct speaker_driver *d = ctx;
    enum exabgp_word word = exabgp_word(line);
    if (word == EXABGP_EVENT) {
        d->host.nudge(d->host.ctx);
        return;
    }
    if (d->n_answered >= d->n_sent) {
        d->versions -= word == EXABGP_VERSION && d->versions > 0;
        return;
    }
    struct exabgp_item *item = &d->queue.v[d->n_answered];
    if (item->kind == EXABGP_SYNC)
        answer_sync(d, word, line);
    else if (word == EXABGP_DONE || word == EXABGP_ERROR)
        answer(d, item, word);
    else if (item->kind <= EXABGP_SESSIONS)
        exabgp_shown(d, item->kind, line);
}

/* ---- */

void exabgp_queue_init(struct speaker_driver *d)
{
    d->timer = xcalloc(1, sizeof *d->timer);
    uv_timer_init(drive_loop(d->host.drive), d->timer);
    d->timer->data = d;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void exabgp_queue_free(struct speaker_driver *d)
{
    exabgp_queue_clear(d);
    vec_free(&d->queue);
    uv_close((uv_handle_t *)d->timer, on_timer_closed);
}
