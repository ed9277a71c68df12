/* SPDX-License-Identifier: Apache-2.0
 * What BIRD has of ours, and what an operator should know of it. */
#include "anycast/bird_driver.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { LEFT_MAX = 64 };

static const struct ip_prefix *prefix_of(const struct speaker_driver *d)
{
    return &d->wanted->v[d->look.set].spec->config->prefixes[d->look.nth];
}

static void add_route(struct speaker_driver *d, const struct ip_prefix *prefix,
                      const struct seen_route *rest)
{
    struct seen_route *route = vec_push(&d->seen.routes);
    *route = *rest;
    route->prefix = *prefix;
}

static void take_row(struct speaker_driver *d, const char *text)
{
    struct bird_protocol row;
    char name[BIRD_NAME_MAX];
    struct bird_look *look = &d->look;
    if (!bird_protocol_read(&row, text))
        return;
    if (strcmp(row.type, "BGP") == 0) {
        look->has_bgp = true;
        if (strcmp(row.state, "up") == 0) /* whatever the time before "Established" looks like */
            look->established = true;
        else
            snprintf(look->idle, sizeof look->idle, "%s is %s", row.name,
                     *row.info ? row.info : row.state);
        return;
    }
    if (strncmp(row.name, BIRD_PREFIX, strlen(BIRD_PREFIX)) != 0)
        return;
    for (uint32_t i = 0; i < d->wanted->n; i++)
        for (unsigned family = IP_V4; family <= IP_V6; family += 2)
            if (strcmp(row.name, bird_protocol_name(name, d->wanted->v[i].spec->name,
                                                    (uint8_t)family)) == 0) {
                look->there.v[i] |= family == IP_V4 ? 1 : 2;
                return;
            }
    if (look->left.n < LEFT_MAX && !strchr(row.name, '\''))
        *(char **)vec_push(&look->left) = xstrdup(row.name);
}

static void take_status(struct speaker_driver *d, const char *text)
{
    text += strspn(text, " ");
    if (strncmp(text, "BIRD ", 5) == 0)
        escape_text(d->seen.version, sizeof d->seen.version, slice_str(text));
}

/* BIRD makes its socket when it starts. What it says of that time goes with the clock, and by a few
 * milliseconds from one answer to the next. */
static void notice_restart(struct speaker_driver *d)
{
    struct stat st;
    if (stat(d->host.config->socket, &st) != 0)
        return;
    struct bird_socket now = {st.st_dev, st.st_ino, st.st_mtim};
    const struct bird_socket *before = &d->socket;
    d->seen.restarted =
        before->inode &&
        (now.inode != before->inode || now.device != before->device ||
         now.made.tv_sec != before->made.tv_sec || now.made.tv_nsec != before->made.tv_nsec);
    d->taken = d->taken && !d->seen.restarted;
    d->socket = now;
}

static void on_line(void *ctx, const struct bird_line *line)
{
    struct speaker_driver *d = ctx;
    struct ip_prefix prefix;
    if (line->code >= BIRD_ERRORS && line->code != BIRD_NOT_FOUND && d->look.step != LOOK_LEFT) {
        escape_text(d->look.error, sizeof d->look.error, slice_str(line->text));
        return;
    }
    switch (d->look.step) {
    case LOOK_STATUS:
        take_status(d, line->text);
        break;
    case LOOK_PROTOCOLS:
        if (line->code == BIRD_PROTOCOL_ROW)
            take_row(d, line->text);
        break;
    case LOOK_ROUTES:
        bird_route_feed(&d->look.route, line, prefix_of(d));
        break;
    case LOOK_LEFT:
        if (line->code == BIRD_ROUTE && bird_prefix_read(&prefix, line->text))
            add_route(
                d, &prefix,
                &(struct seen_route){.set = MODEL_NONE, .real = REAL_PRESENT, .differs = true});
        break;
    case LOOK_OVER:
        break;
    }
}

static bool differs(const struct speaker_driver *d)
{
    const struct speaker *config = d->host.config;
    const struct announcement *a = &d->wanted->v[d->look.set];
    uint8_t family = prefix_of(d)->addr.family;
    return route_read_differs(&d->look.route.read, &a->attributes,
                              route_next_hop(a->spec->config, config, family), config->as,
                              config->as ? a->attributes.prepend : 0);
}

/* The answer to what was asked is complete. */
static void end_step(struct speaker_driver *d)
{
    struct bird_look *look = &d->look;
    if (look->step < LOOK_ROUTES) {
        look->step++;
        return;
    }
    if (look->step == LOOK_LEFT) {
        look->at++;
        return;
    }
    add_route(d, prefix_of(d),
              &(struct seen_route){.set = look->set,
                                   .nth = look->nth,
                                   .real = look->route.present ? REAL_PRESENT : REAL_ABSENT,
                                   .differs = look->route.present && differs(d)});
    look->nth++;
}

/* To the next prefix of a set, and behind the last of them to what is left. */
static void skip_ended(struct speaker_driver *d)
{
    struct bird_look *look = &d->look;
    while (look->set < d->wanted->n &&
           look->nth == d->wanted->v[look->set].spec->config->n_prefixes) {
        look->set++;
        look->nth = 0;
    }
    if (look->step == LOOK_ROUTES && look->set == d->wanted->n)
        look->step = LOOK_LEFT;
    if (look->step == LOOK_LEFT && look->at == look->left.n)
        look->step = LOOK_OVER;
}

static bool ask(void *ctx, struct buf *command)
{
    struct speaker_driver *d = ctx;
    char name[BIRD_NAME_MAX], text[IP_PREFIX_TEXT_MAX];
    if (d->look.asked)
        end_step(d);
    d->look.asked = true;
    skip_ended(d);
    switch (d->look.step) {
    case LOOK_STATUS:
        buf_puts(command, "show status");
        break;
    case LOOK_PROTOCOLS:
        buf_puts(command, "show protocols");
        break;
    case LOOK_ROUTES:
        memset(&d->look.route, 0, sizeof d->look.route);
        bird_protocol_name(name, d->wanted->v[d->look.set].spec->name, prefix_of(d)->addr.family);
        buf_printf(command, "show route %s where proto = \"%s\" all",
                   ip_prefix_text(text, prefix_of(d)), name);
        break;
    case LOOK_LEFT:
        buf_printf(command, "show route protocol '%s'", d->look.left.v[d->look.at]);
        break;
    case LOOK_OVER:
        return false;
    }
    return true;
}

static bool is_included(const struct speaker_driver *d)
{
    for (uint32_t i = 0; i < d->wanted->n; i++) {
        const struct announcement *a = &d->wanted->v[i];
        unsigned needs =
            (bird_set_has(a->spec, IP_V4) ? 1 : 0) | (bird_set_has(a->spec, IP_V6) ? 2 : 0);
        char name[BIRD_NAME_MAX];
        bird_protocol_name(name, a->spec->name, needs & 1 ? IP_V4 : IP_V6);
        if (bird_file_has(bird_text(&d->current), name) && (needs & ~d->look.there.v[i]))
            return false;
    }
    return true;
}

static void write_note(struct speaker_driver *d)
{
    char note[sizeof d->seen.note * 2] = "";
    if (!is_included(d))
        snprintf(note, sizeof note,
                 "BIRD does not have what is in %s: its configuration needs `include \"%s\";`",
                 d->host.config->file, d->host.config->file);
    else if (!d->look.has_bgp)
        snprintf(note, sizeof note, "BIRD has no BGP session in its configuration");
    else if (!d->look.established)
        snprintf(note, sizeof note, "no BGP session is established: %s", d->look.idle);
    else if (d->edited)
        snprintf(note, sizeof note, "%s was changed by somebody else; it is put right",
                 d->host.config->file);
    escape_text(d->seen.note, sizeof d->seen.note, slice_str(note));
}

/* Whether a route is other than it is to be, which a carrier is no reason for. */
static bool is_wrong(const struct speaker_driver *d)
{
    for (size_t i = 0; i < d->seen.routes.n; i++) {
        const struct seen_route *route = &d->seen.routes.v[i];
        const struct announcement *a = route->set < d->wanted->n ? &d->wanted->v[route->set] : NULL;
        if (route->differs || (a && a->announced && route->real == REAL_ABSENT &&
                               a->spec->config->hold != ANYCAST_HOLD_TUN))
            return true;
    }
    return false;
}

/* Whether BIRD has what is in the file, though it was not told by us, or no more, though it was. */
static bool is_taken(const struct speaker_driver *d)
{
    if (is_wrong(d))
        return false;
    return d->taken || (!d->put_back && d->look.left.n == 0 && d->good.n > 0 &&
                        slice_equal(bird_text(&d->current), bird_text(&d->good)) && is_included(d));
}

static void on_end(void *ctx, enum speaker_error error, const char *text)
{
    struct speaker_driver *d = ctx;
    char words[160];
    d->talk = NULL;
    if (!error && *d->look.error) {
        error = SPEAKER_ERROR_REJECTED;
        snprintf(words, sizeof words, "BIRD does not tell what it has: %s", d->look.error);
        text = words;
    }
    if (error) {
        bird_fail(d, error, text);
        return;
    }
    write_note(d);
    d->taken = is_taken(d);
    d->wanted = NULL;
    d->host.observed(d->host.ctx, &d->seen);
}

void bird_look_end(struct speaker_driver *d)
{
    for (size_t i = 0; i < d->look.left.n; i++)
        free(d->look.left.v[i]);
    vec_free(&d->look.left);
    vec_free(&d->look.there);
    vec_free(&d->seen.routes);
    memset(&d->look, 0, sizeof d->look);
    memset(&d->seen, 0, sizeof d->seen);
}

void bird_look(struct speaker_driver *d)
{
    struct bird_talk_events events = {.ctx = d, .ask = ask, .line = on_line, .end = on_end};
    bird_look_end(d);
    notice_restart(d);
    for (uint32_t i = 0; i < d->wanted->n; i++)
        (void)vec_push(&d->look.there);
    d->talk = bird_talk_start(d->host.drive, d->host.config, &events);
}
