/* SPDX-License-Identifier: Apache-2.0
 * ExaBGP 4: told by commands, each acknowledged, and read back from its table.
 *
 * What it was told is kept in mind, and only what differs is told: what stays is not touched.
 * By its process, whatever loadstard has announced goes with it (exabgp_relay.h); over FIFOs it
 * stays, but for what the guard does. */
#include "anycast/exabgp_driver.h"

#include "anycast/exabgp_relay.h"
#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>

void exabgp_done(struct speaker_driver *d, const struct exabgp_item *item)
{
    size_t i = exabgp_find_told(d, &item->prefix);
    if (item->kind == EXABGP_ANNOUNCE)
        exabgp_remember(d, &item->prefix, item->command);
    else if (item->kind == EXABGP_WITHDRAW && i < d->told.n)
        exabgp_forget(d, i);
}

/* ---- the link ---- */

/* What a relay says that is none of ours may have no end. */
static void on_held(void *ctx, const struct ip_prefix *prefix)
{
    struct speaker_driver *d = ctx;
    if (d->told.n < RELAY_ROUTES_MAX)
        exabgp_remember(d, prefix, NULL);
}

static void on_up(void *ctx, bool up, bool renewed)
{
    struct speaker_driver *d = ctx;
    char text[EXABGP_TEXT_MAX];
    exabgp_queue_renew(d);
    d->has_looked = false;
    if (!up) {
        exabgp_forget_all(d);
        exabgp_queue_clear(d);
        enum speaker_error error = d->wanted ? d->ops->check(d->link, text) : SPEAKER_ERROR_NONE;
        if (d->wanted)
            exabgp_broken(d, error ? error : SPEAKER_ERROR_UNREACHABLE,
                          error ? text : "ExaBGP has gone while it was told");
    } else {
        d->restarted |= renewed && d->had_link;
        d->had_link = true;
    }
    if (!d->wanted)
        d->host.nudge(d->host.ctx);
}

/* ---- ends ---- */

void exabgp_broken(struct speaker_driver *d, enum speaker_error error, const char *text)
{
    d->wanted = NULL;
    d->host.failed(d->host.ctx, error, text);
}

static void begin(struct speaker_driver *d, const struct announcements *wanted, bool is_look)
{
    d->wanted = wanted;
    d->is_look = is_look;
    exabgp_queue_clear(d);
    if (!d->synced)
        exabgp_enqueue(d, EXABGP_SYNC, NULL, slice_str(""));
}

static bool is_there(struct speaker_driver *d)
{
    char text[EXABGP_TEXT_MAX];
    enum speaker_error error = d->ops->check(d->link, text);
    if (error)
        exabgp_broken(d, error, text);
    return !error;
}

/* ---- looking ---- */

/* Nothing is there until it is shown. */
static void clear_seen(struct speaker_driver *d)
{
    d->seen.routes.n = 0;
    for (uint32_t i = 0; i < d->wanted->n; i++) {
        const struct prefix_set *config = d->wanted->v[i].spec->config;
        for (uint32_t k = 0; k < config->n_prefixes; k++)
            *vec_push(&d->seen.routes) = (struct seen_route){
                .prefix = config->prefixes[k], .set = i, .nth = k, .real = REAL_ABSENT};
    }
    for (size_t i = 0; i < d->told.n; i++)
        d->told.v[i].is_there = false;
}

static struct seen_route *seen_of(struct speaker_driver *d, uint32_t set, uint32_t nth)
{
    size_t at = nth;
    for (uint32_t i = 0; i < set; i++)
        at += d->wanted->v[i].spec->config->n_prefixes;
    return &d->seen.routes.v[at];
}

/* Each neighbor has routes of its own, and may say anything as often as it likes: none is kept. */
static void take_route(struct speaker_driver *d, const char *line)
{
    struct exabgp_route route;
    uint32_t set, nth;
    if (!exabgp_route_read(&route, line))
        return;
    if (announcements_find(d->wanted, &route.prefix, &set, &nth)) {
        struct seen_route *seen = seen_of(d, set, nth);
        seen->real = REAL_PRESENT;
        seen->differs |= exabgp_route_differs(&route, &d->wanted->v[set], d->host.config);
        return;
    }
    size_t i = exabgp_find_told(d, &route.prefix);
    if (i < d->told.n)
        d->told.v[i].is_there = true;
}

static void take_neighbor(struct speaker_driver *d, const char *line)
{
    struct ip peer;
    char state[32], text[IP_TEXT_MAX], shown[64];
    if (!exabgp_neighbor_read(line, &peer, state))
        return;
    escape_text(shown, sizeof shown, slice_str(state));
    if (strcmp(state, "established") == 0)
        d->established = true;
    else
        snprintf(d->idle, sizeof d->idle, ": %s is %s", ip_text(text, &peer), shown);
}

void exabgp_shown(struct speaker_driver *d, enum exabgp_kind kind, const char *line)
{
    if (kind == EXABGP_TABLE && exabgp_word(line) == EXABGP_ROUTE)
        take_route(d, line);
    else if (kind == EXABGP_SESSIONS)
        take_neighbor(d, line);
}

/* What was seen is what it was told. */
static void learn(struct speaker_driver *d, const struct seen_route *seen)
{
    const struct announcement *a = &d->wanted->v[seen->set];
    struct buf command = {0};
    size_t i = exabgp_find_told(d, &seen->prefix);
    if (seen->real == REAL_ABSENT) {
        if (i < d->told.n)
            exabgp_forget(d, i);
        return;
    }
    exabgp_announce(&command, &seen->prefix, a, d->host.config);
    exabgp_remember(d, &seen->prefix, seen->differs ? NULL : command.p);
    buf_free(&command);
}

/* What it has of ours that is of no set any more. */
static void add_left(struct speaker_driver *d)
{
    uint32_t set, nth;
    for (size_t i = d->told.n; i-- > 0;) {
        struct seen_route left = {
            .prefix = d->told.v[i].prefix, .set = MODEL_NONE, .real = REAL_PRESENT};
        if (announcements_find(d->wanted, &left.prefix, &set, &nth))
            continue;
        if (d->told.v[i].is_there)
            *vec_push(&d->seen.routes) = left;
        else
            exabgp_forget(d, i);
    }
}

static void end_look(struct speaker_driver *d)
{
    for (size_t i = 0; i < d->seen.routes.n; i++)
        learn(d, &d->seen.routes.v[i]);
    add_left(d);
    memcpy(d->seen.version, d->version, sizeof d->seen.version);
    snprintf(d->seen.note, sizeof d->seen.note, "%s%s",
             d->established ? "" : "no BGP session is established", d->established ? "" : d->idle);
    d->seen.restarted = d->restarted;
    d->restarted = false;
    d->has_looked = true;
    d->wanted = NULL;
    d->host.observed(d->host.ctx, &d->seen);
}

void exabgp_ended(struct speaker_driver *d)
{
    if (d->is_look) {
        end_look(d);
    } else {
        d->wanted = NULL;
        d->host.applied(d->host.ctx);
    }
}

static void exabgp_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    if (!is_there(d))
        return;
    begin(d, wanted, true);
    clear_seen(d);
    d->established = false;
    d->idle[0] = '\0';
    exabgp_enqueue(d, EXABGP_TABLE, NULL, slice_str(""));
    exabgp_enqueue(d, EXABGP_SESSIONS, NULL, slice_str(""));
    exabgp_queue_start(d);
}

/* ---- telling ---- */

static void enqueue_withdrawal(struct speaker_driver *d, const struct ip_prefix *prefix)
{
    struct buf command = {0};
    exabgp_withdraw(&command, prefix);
    exabgp_enqueue(d, EXABGP_WITHDRAW, prefix, slice_of(command.p, command.n));
    buf_free(&command);
}

/* Before a look, all that is not to be there: it may be of a loadstard that was before. */
static void enqueue_withdrawals(struct speaker_driver *d)
{
    uint32_t set, nth;
    for (uint32_t i = 0; !d->has_looked && i < d->wanted->n; i++) {
        const struct prefix_set *config = d->wanted->v[i].spec->config;
        for (uint32_t k = 0; !d->wanted->v[i].announced && k < config->n_prefixes; k++)
            if (exabgp_find_told(d, &config->prefixes[k]) == d->told.n)
                enqueue_withdrawal(d, &config->prefixes[k]);
    }
    for (size_t i = 0; i < d->told.n; i++) {
        const struct ip_prefix *prefix = &d->told.v[i].prefix;
        if (!announcements_find(d->wanted, prefix, &set, &nth) || !d->wanted->v[set].announced)
            enqueue_withdrawal(d, prefix);
    }
}

/* As many as a relay could withdraw; withdrawals make room for the next time. */
static bool has_room(const struct speaker_driver *d, size_t n_new)
{
    return d->told.n + n_new < RELAY_ROUTES_MAX;
}

static void enqueue_announcements(struct speaker_driver *d, const struct announcement *a,
                                  size_t *n_new)
{
    for (uint32_t k = 0; k < a->spec->config->n_prefixes; k++) {
        const struct ip_prefix *prefix = &a->spec->config->prefixes[k];
        struct buf command = {0};
        size_t i = exabgp_find_told(d, prefix);
        exabgp_announce(&command, prefix, a, d->host.config);
        if (i == d->told.n && !has_room(d, *n_new))
            snprintf(d->refused, sizeof d->refused,
                     "no more than %d prefixes are announced by way of one ExaBGP",
                     RELAY_ROUTES_MAX);
        else if (i == d->told.n || !d->told.v[i].command ||
                 strcmp(d->told.v[i].command, command.p) != 0)
            exabgp_enqueue(d, EXABGP_ANNOUNCE, prefix, slice_of(command.p, command.n));
        *n_new += i == d->told.n;
        buf_free(&command);
    }
}

static void exabgp_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    size_t n_new = 0;
    d->wanted = wanted;
    if (!is_there(d))
        return;
    begin(d, wanted, false);
    enqueue_withdrawals(d);
    for (uint32_t i = 0; i < wanted->n; i++)
        if (wanted->v[i].announced)
            enqueue_announcements(d, &wanted->v[i], &n_new);
    exabgp_queue_start(d);
}

/* ---- the driver ---- */

static struct speaker_driver *exabgp_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    exabgp_queue_init(d);
    struct exabgp_link_host of_link = {.drive = host->drive,
                                       .config = host->config,
                                       .ctx = d,
                                       .line = exabgp_queue_line,
                                       .held = on_held,
                                       .up = on_up};
    d->ops = host->config->exabgp.via == EXABGP_FIFO ? &exabgp_fifo_link : &exabgp_process_link;
    d->link = d->ops->open(&of_link);
    return d;
}

/* The text and the path are words of their own, which the shell does not look into. */
static void exabgp_will(struct speaker_driver *d, const struct announcements *now,
                        struct last_will *will)
{
    if (d->ops != &exabgp_fifo_link)
        return;
    d->will_text.n = 0;
    for (uint32_t i = 0; i < now->n; i++)
        for (uint32_t k = 0; now->v[i].announced && k < now->v[i].spec->config->n_prefixes; k++) {
            exabgp_withdraw(&d->will_text, &now->v[i].spec->config->prefixes[k]);
            buf_puts(&d->will_text, "\n");
        }
    if (d->will_text.n == 0)
        return;
    const char *const words[] = {"sh", "-c",           "printf %s \"$1\" 1<>\"$2\"",
                                 "sh", d->will_text.p, d->host.config->exabgp.to,
                                 NULL};
    memcpy(d->will, words, sizeof words);
    will->argv = d->will;
}

static void exabgp_close(struct speaker_driver *d)
{
    d->ops->close(d->link);
    exabgp_queue_free(d);
    exabgp_forget_all(d);
    vec_free(&d->told);
    vec_free(&d->seen.routes);
    buf_free(&d->will_text);
    free(d);
}

const struct speaker_type_ops exabgp_speaker = {
    .type = SPEAKER_EXABGP,
    .open = exabgp_open,
    .observe = exabgp_observe,
    .apply = exabgp_apply,
    .will = exabgp_will,
    .close = exabgp_close,
};
