/* SPDX-License-Identifier: Apache-2.0
 * A talk with BIRD. */
#include "anycast/bird_talk.h"

#include "base/escape.h"
#include "drive/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPLY_MAX = 16 << 20, LINE_MAX_BYTES = 4096, TEXT_MAX = 512 };

struct bird_talk {
    struct bird_talk_events events;
    struct talk_spec spec;
    struct talk *talk;
    struct buf command;
    int code;      /* of the line before */
    bool greeted;  /* it has said that it is ready */
    bool odd;      /* a line was none of BIRD's */
    char line[96]; /* that one, for logs */
};

/* True: go on. */
static bool ask_next(struct bird_talk *t)
{
    t->command.n = 0;
    if (!t->events.ask(t->events.ctx, &t->command))
        return false;
    buf_puts(&t->command, "\n");
    talk_say(t->talk, slice_of(t->command.p, t->command.n));
    return true;
}

static bool on_line(void *ctx, char *text, size_t n)
{
    struct bird_talk *t = ctx;
    struct bird_line line;
    if (*text == '+') /* what others do, told to who asked for it */
        return true;
    if (!bird_line_read(&line, text, t->code)) {
        t->odd = true;
        escape_text(t->line, sizeof t->line, slice_of(text, n));
        return false;
    }
    t->code = line.code;
    if (t->greeted)
        t->events.line(t->events.ctx, &line);
    else if (line.last && line.code != BIRD_READY) {
        t->odd = true;
        escape_text(t->line, sizeof t->line, slice_of(text, n));
        return false;
    }
    if (!line.last)
        return true;
    t->greeted = true;
    return ask_next(t);
}

/* ---- the end ---- */

static const char *remedy(enum talk_end how, int error)
{
    if (how == TALK_NO_SOCKET && (error == EACCES || error == EPERM))
        return ": the user of loadstard has to be in the group of BIRD's socket (`bird` on Debian)";
    if (how == TALK_NO_SOCKET && error == ENOENT)
        return ": BIRD is not running, or has its socket elsewhere (bird -s)";
    if (how == TALK_NO_SOCKET && error == ECONNREFUSED)
        return ": BIRD is not running";
    if (how == TALK_TOO_SLOW)
        return ": BIRD hangs, or is busy";
    return "";
}

static enum speaker_error reason(enum talk_end how, int error)
{
    switch (how) {
    case TALK_NO_SOCKET:
        return error == EACCES || error == EPERM ? SPEAKER_ERROR_DENIED : SPEAKER_ERROR_UNREACHABLE;
    case TALK_TOO_SLOW:
        return SPEAKER_ERROR_TIMEOUT;
    case TALK_TOO_MUCH:
        return SPEAKER_ERROR_REJECTED;
    default:
        return SPEAKER_ERROR_UNREACHABLE;
    }
}

static void on_end(void *ctx, enum talk_end how, int error, size_t left)
{
    struct bird_talk *t = ctx;
    enum speaker_error why = SPEAKER_ERROR_NONE;
    char text[TEXT_MAX] = "", words[TALK_TEXT_MAX];
    (void)left;
    if (t->odd) {
        why = SPEAKER_ERROR_REJECTED;
        escape_text(words, sizeof words, slice_str(t->spec.path));
        snprintf(text, sizeof text, "%s does not answer as BIRD 2 does: \"%s\"", words, t->line);
    } else if (how != TALK_DONE) {
        why = reason(how, error);
        snprintf(text, sizeof text, "%s%s", talk_text(words, &t->spec, how, error),
                 remedy(how, error));
    }
    struct bird_talk_events events = t->events;
    buf_free(&t->command);
    free(t);
    events.end(events.ctx, why, text);
}

void bird_talk_cancel(struct bird_talk *t)
{
    talk_cancel(t->talk);
    buf_free(&t->command);
    free(t);
}

struct bird_talk *bird_talk_start(struct drive *drive, const struct speaker *config,
                                  const struct bird_talk_events *events)
{
    struct bird_talk *t = xcalloc(1, sizeof *t);
    struct talk_events of_talk = {.ctx = t, .line = on_line, .end = on_end};
    t->events = *events;
    t->spec = (struct talk_spec){.path = config->socket,
                                 .total_ms = config->timeout_ms,
                                 .max_bytes = REPLY_MAX,
                                 .max_line = LINE_MAX_BYTES};
    t->talk = talk_start(drive, &t->spec, &of_talk);
    return t;
}
