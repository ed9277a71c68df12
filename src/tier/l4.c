/* SPDX-License-Identifier: Apache-2.0
 * A service of loadstar-l4: told its members as a whole over the control socket, by which it says
 * what it has, which members fail its clients, and how their sessions go.
 *
 * One connection stays. The forwarder tells of failures and sessions on one that it was told a set
 * by: on a new connection it is told again, whatever it has. When the connection ends it goes on
 * with the last set, and is looked for as a tier that cannot be read is. */
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/strmap.h"
#include "tier/forwarder_link.h"
#include "tier/forwarder_words.h"
#include "tier/json.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_BASE                                                                                 \
    (4u << 20)                /* bytes of a line, for what it has of members that are not ours .. \
                               */
#define LINE_PER_MEMBER 1024u /* .. and for each that is */
#define FAILURE_APART_MS 200  /* between words of one member that are handed on */
#define RTT_WINDOW_MS 5000    /* in it so many lines of round-trip times are heeded: */
#define RTT_LINES 16

struct driver {
    const struct driver_host *host;
    struct forwarder_link *link; /* NULL: there is none */
    bool told;                   /* a set, over this link */
    enum { AT_REST, OBSERVES, APPLIES } does;
    struct forwarder_reading now; /* the latest */
    uint64_t version;             /* that was told or seen last */
    struct strmap keys;           /* of the spec -> member */
    int64_t *failed_ms;           /* of each member, monotonic: when a word of it was handed on */
    int64_t rtt_window_ms;        /* monotonic: when the window began */
    uint32_t n_rtt_lines;         /* in it */
    char rtt_error[FORWARDER_ERROR_MAX]; /* of the latest of them; "": none */
    uint64_t n_ignored; /* events that are none, or of members that we do not know */
};

static const struct tier *config_of(const struct driver *d)
{
    return d->host->spec->config;
}

static uint32_t member_of(const struct driver *d, const char *key)
{
    uint32_t member = key ? strmap_get(&d->keys, slice_str(key)) : STRMAP_NONE;
    return member == STRMAP_NONE ? MODEL_NONE : member;
}

/* ---- ends of what was begun ---- */

static void drop_link(struct driver *d)
{
    if (d->link)
        forwarder_link_close(d->link);
    d->link = NULL;
}

static void fail(struct driver *d, enum tier_error reason, const char *text)
{
    d->does = AT_REST;
    d->host->failed(d->host->ctx, reason, text);
}

/** What it says makes no sense: another program, or none that can be talked to. */
static void give_up(struct driver *d, const char *what)
{
    char text[FORWARDER_ERROR_MAX + 128];
    drop_link(d);
    snprintf(text, sizeof text, "%.100s: %s", config_of(d)->socket, what);
    if (d->does != AT_REST)
        fail(d, TIER_ERROR_PROTOCOL, text);
    else
        d->host->nudge(d->host->ctx);
}

static void on_ended(void *ctx, enum tier_error reason, const char *text)
{
    struct driver *d = ctx;
    d->link = NULL;
    if (d->does != AT_REST)
        fail(d, reason, text);
    else
        d->host->nudge(d->host->ctx);
}

/* ---- answers ---- */

static const char *name_of(const struct driver *d, const struct forwarder_member *m)
{
    uint32_t member = member_of(d, m->key);
    return member == MODEL_NONE ? m->key : d->host->spec->members[member].name;
}

static void tell_note(const struct driver *d, char *note, size_t n)
{
    if (d->rtt_error[0])
        snprintf(note, n, "loadstar-l4: %.*s", (int)(n - sizeof "loadstar-l4: "), d->rtt_error);
    else if (d->n_ignored + d->now.n_others > 0)
        snprintf(note, n, "loadstar-l4 spoke of what it was not told: %llu events, %u members",
                 (unsigned long long)d->n_ignored, d->now.n_others);
}

static void tell_observed(struct driver *d, bool exists)
{
    struct observation seen = {.exists = exists, .is_ours = true, .n = d->now.n};
    seen.v = xcalloc(seen.n + 1, sizeof *seen.v);
    for (uint32_t i = 0; i < seen.n; i++) {
        seen.v[i] = d->now.v[i].seen;
        seen.v[i].name = name_of(d, &d->now.v[i]);
        seen.v[i].differs = !d->told;
    }
    tell_note(d, seen.note, sizeof seen.note);
    d->does = AT_REST;
    d->host->observed(d->host->ctx, &seen);
    free(seen.v);
}

static void take_observed(struct driver *d, const struct forwarder_line *line)
{
    struct forwarder_reading next;
    char error[FORWARDER_ERROR_MAX];
    if (forwarder_reading_take(&next, line->result, config_of(d)->l4.service, error) != 0) {
        give_up(d, error);
        return;
    }
    forwarder_reading_free(&d->now);
    d->now = next;
    if (next.version > d->version)
        d->version = next.version;
    tell_observed(d, true);
}

static void take_applied(struct driver *d, const struct forwarder_line *line)
{
    if (!forwarder_took(line->result, config_of(d)->l4.service, d->version)) {
        give_up(d, "the answer is of another set");
        return;
    }
    d->told = true;
    d->does = AT_REST;
    d->host->applied(d->host->ctx);
}

static void take_refusal(struct driver *d, const struct forwarder_line *line)
{
    char why[192], text[FORWARDER_ERROR_MAX];
    if (d->does == OBSERVES && line->unknown) {
        forwarder_reading_free(&d->now);
        tell_observed(d, false);
        return;
    }
    escape_text(why, sizeof why, slice_str(line->error));
    snprintf(text, sizeof text, "loadstar-l4 refuses: %s", why);
    fail(d, line->held ? TIER_ERROR_FOREIGN : TIER_ERROR_REJECTED, text);
}

static void take_answer(struct driver *d, const struct forwarder_line *line)
{
    if (d->does == AT_REST) {
        give_up(d, "an answer to nothing");
        return;
    }
    forwarder_link_answered(d->link);
    if (line->word == FORWARDER_REFUSAL)
        take_refusal(d, line);
    else if (d->does == OBSERVES)
        take_observed(d, line);
    else
        take_applied(d, line);
}

/* ---- events ---- */

/** Of other services some versions of the forwarder tell as well. */
static bool is_of_ours(const struct driver *d, const struct forwarder_line *line)
{
    return strcmp(line->service, config_of(d)->l4.service) == 0;
}

static void take_failed(struct driver *d, const struct forwarder_line *line)
{
    uint32_t member = member_of(d, line->key);
    int64_t now_ms = clock_mono_ms();
    if (!is_of_ours(d, line))
        return;
    if (member == MODEL_NONE) {
        d->n_ignored++;
        return;
    }
    if (d->failed_ms[member] && now_ms - d->failed_ms[member] < FAILURE_APART_MS)
        return;
    d->failed_ms[member] = now_ms;
    d->host->met_failure(d->host->ctx, member);
}

/** Whether the last session of a member that drains has ended: that is worth a look. */
static bool ends_drain(const struct driver *d, uint32_t member, int64_t active)
{
    const struct tier_table *table = d->host->table(d->host->ctx);
    const struct tier_row *row = member < table->rows.n ? &table->rows.v[member] : NULL;
    return row && row->member == member && row->drain.phase == DRAIN_WAIT && row->present &&
           row->seen.active > 0 && active == 0;
}

/** Of those that have left the specification, and are there until they have drained, it tells as
 *  well. */
static void take_sessions(struct driver *d, const struct forwarder_line *line)
{
    bool ends = false;
    for (size_t i = 0; is_of_ours(d, line) && i < json_array_size(line->members); i++) {
        int64_t active;
        const char *key = forwarder_sessions_entry(json_array_get(line->members, i), &active);
        uint32_t member = member_of(d, key);
        d->n_ignored += !key;
        ends |= member != MODEL_NONE && ends_drain(d, member, active);
    }
    if (ends)
        d->host->nudge(d->host->ctx);
}

/** So many lines, of so many networks each, are what this thread has time for. */
static bool heeds_rtt(struct driver *d)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms - d->rtt_window_ms >= RTT_WINDOW_MS) {
        d->rtt_window_ms = now_ms;
        d->n_rtt_lines = 0;
    }
    return d->n_rtt_lines < RTT_LINES && ++d->n_rtt_lines;
}

/** Clients go to all services: one of the tiers has all of them. One line that makes no sense
 *  costs that line alone, as members are told over this connection. */
static void take_rtt(struct driver *d, const struct forwarder_line *line)
{
    struct client_rtt *news;
    char error[FORWARDER_ERROR_MAX] = "";
    uint32_t n;
    if (!heeds_rtt(d)) {
        d->n_ignored++;
        return;
    }
    news = xcalloc(FORWARDER_RTTS_MAX, sizeof *news);
    if (forwarder_rtts_take(news, &n, line->networks, clock_wall_ms(), error) == 0)
        d->host->measured(d->host->ctx, news, n);
    else if (!d->rtt_error[0])
        log_warning("tier %s: loadstar-l4: %s", d->host->spec->name, error);
    memcpy(d->rtt_error, error, sizeof error);
    free(news);
}

static void on_line(void *ctx, char *text, size_t n)
{
    struct driver *d = ctx;
    struct forwarder_line line;
    forwarder_line_read(&line, text, n);
    switch (line.word) {
    case FORWARDER_NONSENSE:
        give_up(d, "this is not the command line of loadstar-l4");
        break;
    case FORWARDER_RESULT:
    case FORWARDER_REFUSAL:
        take_answer(d, &line);
        break;
    case FORWARDER_FAILED:
        take_failed(d, &line);
        break;
    case FORWARDER_SESSIONS:
        take_sessions(d, &line);
        break;
    case FORWARDER_RTT:
        take_rtt(d, &line);
        break;
    case FORWARDER_OTHER:
        d->n_ignored++;
        break;
    }
    forwarder_line_free(&line);
}

/* ---- questions ---- */

static void ask(struct driver *d, struct buf *text)
{
    const struct forwarder_link_events events = {.ctx = d, .line = on_line, .ended = on_ended};
    if (!d->link) {
        d->told = false;
        d->link =
            forwarder_link_open(d->host->drive, config_of(d)->socket,
                                LINE_BASE + (size_t)LINE_PER_MEMBER * d->host->spec->n_members,
                                &events);
    }
    forwarder_link_ask(d->link, text);
}

static void observe(struct driver *d)
{
    struct buf text = {0};
    d->does = OBSERVES;
    forwarder_ask(&text, config_of(d)->l4.service);
    ask(d, &text);
}

static void apply(struct driver *d, const struct tier_table *table, const struct tier_plan *plan)
{
    struct buf text = {0};
    (void)plan;
    d->does = APPLIES;
    d->version = forwarder_next_version(d->version, clock_wall_ms());
    forwarder_tell(&text, config_of(d)->l4.service, d->host->node, d->version, d->host->spec,
                   table->rows.v, table->rows.n, &d->now);
    ask(d, &text);
}

/* ---- life ---- */

static void index_members(struct driver *d)
{
    const struct tier_spec *spec = d->host->spec;
    strmap_free(&d->keys);
    free(d->failed_ms);
    d->keys = (struct strmap){0};
    d->failed_ms = xcalloc(spec->n_members, sizeof *d->failed_ms);
    for (uint32_t i = 0; i < spec->n_members; i++)
        strmap_add(&d->keys, slice_str(spec->members[i].key), i);
}

static struct driver *open_(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = host;
    index_members(d);
    return d;
}

static void respecified(struct driver *d, const struct tier_spec *spec)
{
    (void)spec;
    index_members(d);
}

static void close_(struct driver *d)
{
    drop_link(d);
    forwarder_reading_free(&d->now);
    strmap_free(&d->keys);
    free(d->failed_ms);
    free(d);
}

const struct driver_type l4_driver = {
    .type = TIER_L4,
    .keeps_members = true,
    .is_whole = true,
    .is_given = true,
    .shown = forwarder_shown,
    .open = open_,
    .observe = observe,
    .apply = apply,
    .respecified = respecified,
    .close = close_,
};
