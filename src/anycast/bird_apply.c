/* SPDX-License-Identifier: Apache-2.0
 * Makes BIRD have what is wanted:
 *
 *   read FILE -> disable what goes -> write FILE -> configure -> enable what is down -> FILE.good
 *                (without a TUN)                    '-refused--> put FILE.good back -> configure
 *
 * Disabling takes BIRD a fraction of a millisecond, and needs no disk. A FILE that BIRD has taken
 * is neither written nor configured again. */
#include "anycast/bird_driver.h"

#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct bird_change {
    struct buf next;
    enum { CHANGE_DISABLE, CHANGE_CONFIGURE, CHANGE_ROWS, CHANGE_ENABLE, CHANGE_BACK } step;
    bool asked;
    VEC(char *) names; /* of protocols that are to be disabled, or enabled */
    size_t at;         /* of those */
    uint32_t n_there;  /* protocols of ours that BIRD has */
    int code;          /* of the answer to `configure` */
    char said[256];    /* its error */
    enum speaker_error error;
    char text[512]; /* what is told though something else is done first */
};

static void free_names(struct bird_change *c)
{
    for (size_t i = 0; i < c->names.n; i++)
        free(c->names.v[i]);
    vec_free(&c->names);
    c->at = 0;
}

void bird_change_end(struct speaker_driver *d)
{
    if (!d->change)
        return;
    free_names(d->change);
    buf_free(&d->change->next);
    free(d->change);
    d->change = NULL;
}

static void fail(struct speaker_driver *d, enum speaker_error error, const char *text)
{
    char copy[sizeof d->change->text];
    snprintf(copy, sizeof copy, "%s", text);
    bird_change_end(d);
    bird_fail(d, error, copy);
}

static void fail_file(struct speaker_driver *d, const char *what, const char *suffix, int error)
{
    bird_change_end(d);
    bird_fail_file(d, what, suffix, error);
}

static void on_good_kept(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    if (error) {
        fail_file(d, "write", BIRD_GOOD, error);
        return;
    }
    bird_keep(&d->good, bird_text(&d->current));
    bird_change_end(d);
    d->wanted = NULL;
    d->host.applied(d->host.ctx);
}

static void succeed(struct speaker_driver *d)
{
    if (slice_equal(bird_text(&d->good), bird_text(&d->current)))
        on_good_kept(d, 0);
    else
        followed_write(d->file, BIRD_GOOD, bird_text(&d->current), on_good_kept, d);
}

/* ---- talking ---- */

static bool is_to_be_up(const struct speaker_driver *d, const char *protocol)
{
    return bird_file_has(bird_text(&d->current), protocol);
}

static void take_row(struct speaker_driver *d, const char *text)
{
    struct bird_protocol row;
    struct bird_change *c = d->change;
    if (!bird_protocol_read(&row, text) || !is_to_be_up(d, row.name))
        return;
    c->n_there++;
    if (strcmp(row.state, "down") == 0)
        *(char **)vec_push(&c->names) = xstrdup(row.name);
}

static void on_line(void *ctx, const struct bird_line *line)
{
    struct speaker_driver *d = ctx;
    struct bird_change *c = d->change;
    if (c->step == CHANGE_CONFIGURE && line->last) {
        c->code = line->code;
        escape_text(c->said, sizeof c->said, slice_str(line->text));
    } else if (c->step == CHANGE_ROWS && line->code == BIRD_PROTOCOL_ROW) {
        take_row(d, line->text);
    }
}

static bool is_accepted(int code)
{
    return code == BIRD_RECONFIGURED || code == BIRD_RECONFIGURING || code == BIRD_QUEUED ||
           code == BIRD_CONFIRMED;
}

/* To what is asked next; false: nothing. */
static bool step_on(struct bird_change *c)
{
    switch (c->step) {
    case CHANGE_DISABLE:
    case CHANGE_ENABLE:
        return ++c->at < c->names.n;
    case CHANGE_CONFIGURE:
        c->step = CHANGE_ROWS;
        return is_accepted(c->code);
    case CHANGE_ROWS:
        c->step = CHANGE_ENABLE;
        return c->names.n > 0;
    case CHANGE_BACK:
        return false;
    }
    return false;
}

static bool ask(void *ctx, struct buf *command)
{
    struct bird_change *c = ((struct speaker_driver *)ctx)->change;
    if (c->asked && !step_on(c))
        return false;
    c->asked = true;
    switch (c->step) {
    case CHANGE_DISABLE:
    case CHANGE_ENABLE:
        buf_printf(command, "%s \"%s\"", c->step == CHANGE_ENABLE ? "enable" : "disable",
                   c->names.v[c->at]);
        break;
    case CHANGE_CONFIGURE:
    case CHANGE_BACK:
        buf_puts(command, "configure");
        break;
    case CHANGE_ROWS:
        buf_puts(command, "show protocols \"" BIRD_PREFIX "*\"");
        break;
    }
    return true;
}

static void talk(struct speaker_driver *d, int step,
                 void (*end)(void *ctx, enum speaker_error error, const char *text))
{
    struct bird_talk_events events = {.ctx = d, .ask = ask, .line = on_line, .end = end};
    d->change->step = step;
    d->change->asked = false;
    d->talk = bird_talk_start(d->host.drive, d->host.config, &events);
}

/* ---- a refusal ---- */

static void on_back(void *ctx, enum speaker_error error, const char *text)
{
    struct speaker_driver *d = ctx;
    (void)error;
    (void)text;
    d->talk = NULL;
    fail(d, d->change->error, d->change->text);
}

static void on_put_back(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    if (error) {
        fail_file(d, "write", "", error);
        return;
    }
    bird_keep(&d->current, bird_text(&d->change->next));
    talk(d, CHANGE_BACK, on_back);
}

/* Without a FILE.good, one that holds nothing that could be refused: BIRD would not start without
 * the file that it includes. */
static void put_back(struct speaker_driver *d)
{
    struct bird_change *c = d->change;
    bool denied = c->code == BIRD_DENIED || c->code == BIRD_RESTRICTED;
    c->error = denied ? SPEAKER_ERROR_DENIED : SPEAKER_ERROR_REJECTED;
    snprintf(c->text, sizeof c->text, "BIRD refuses its configuration with the new %s: %s",
             d->host.config->file, c->said);
    c->next.n = 0;
    if (d->good.n > 0)
        bird_keep(&c->next, bird_text(&d->good));
    else
        bird_file_write(&c->next, NULL, d->host.config, d->host.node);
    if (slice_equal(bird_text(&c->next), bird_text(&d->current)))
        fail(d, c->error, c->text);
    else
        followed_write(d->file, "", bird_text(&c->next), on_put_back, d);
}

/* ---- the change ---- */

static uint32_t count_protocols(const struct speaker_driver *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->wanted->n; i++)
        if (bird_is_written(&d->wanted->v[i]))
            n += bird_set_has(d->wanted->v[i].spec, IP_V4) +
                 bird_set_has(d->wanted->v[i].spec, IP_V6);
    return n;
}

static void on_configured(void *ctx, enum speaker_error error, const char *text)
{
    struct speaker_driver *d = ctx;
    struct bird_change *c = d->change;
    d->talk = NULL;
    if (error) {
        fail(d, error, text);
    } else if (!d->taken && c->code == BIRD_SHUTTING_DOWN) {
        fail(d, SPEAKER_ERROR_UNREACHABLE, "BIRD is shutting down");
    } else if (!d->taken && !is_accepted(c->code)) {
        put_back(d);
    } else if (c->code != BIRD_QUEUED && c->n_there < count_protocols(d)) {
        snprintf(c->text, sizeof c->text,
                 "BIRD does not have what is in %s: its configuration needs `include \"%s\";`",
                 d->host.config->file, d->host.config->file);
        d->taken = false;
        fail(d, SPEAKER_ERROR_REJECTED, c->text);
    } else {
        d->taken = true;
        d->put_back = false;
        succeed(d);
    }
}

static void configure(struct speaker_driver *d)
{
    if (d->change->error)
        fail(d, d->change->error, d->change->text);
    else
        talk(d, d->taken ? CHANGE_ROWS : CHANGE_CONFIGURE, on_configured);
}

static void on_written(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    if (error) {
        fail_file(d, "write", "", error);
        return;
    }
    bird_keep(&d->current, bird_text(&d->change->next));
    d->taken = false;
    configure(d);
}

static void write_next(struct speaker_driver *d)
{
    if (slice_equal(bird_text(&d->current), bird_text(&d->change->next)))
        configure(d);
    else
        followed_write(d->file, "", bird_text(&d->change->next), on_written, d);
}

/* A BIRD that cannot be told must not find it in the file when it is back: that is written all the
 * same. */
static void on_disabled(void *ctx, enum speaker_error error, const char *text)
{
    struct speaker_driver *d = ctx;
    d->talk = NULL;
    d->change->error = error;
    snprintf(d->change->text, sizeof d->change->text, "%s", text);
    free_names(d->change);
    write_next(d);
}

static void list_going(struct speaker_driver *d)
{
    char name[BIRD_NAME_MAX];
    for (uint32_t i = 0; i < d->wanted->n; i++)
        for (unsigned family = IP_V4; family <= IP_V6; family += 2) {
            const struct announcement *a = &d->wanted->v[i];
            bird_protocol_name(name, a->spec->name, (uint8_t)family);
            if (!bird_is_written(a) && bird_file_has(bird_text(&d->current), name))
                *(char **)vec_push(&d->change->names) = xstrdup(name);
        }
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct speaker_driver *d = ctx;
    if (!bird_take_file(d, error, text)) {
        bird_change_end(d);
        return;
    }
    list_going(d);
    if (d->change->names.n > 0)
        talk(d, CHANGE_DISABLE, on_disabled);
    else
        write_next(d);
}

void bird_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    d->change = xcalloc(1, sizeof *d->change);
    bird_file_write(&d->change->next, wanted, d->host.config, d->host.node);
    if (bird_open_file(d))
        followed_read(d->file, "", on_read, d);
    else
        fail_file(d, "open the directory of", "", errno);
}
