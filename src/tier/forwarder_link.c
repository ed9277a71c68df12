/* SPDX-License-Identifier: Apache-2.0
 * The connection to loadstar-l4. */
#include "tier/forwarder_link.h"

#include "drive/line_split.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 64 << 10, SECOND_MS = 1000 };

struct forwarder_link {
    struct forwarder_link_events events;
    char *path;
    uv_pipe_t pipe;
    uv_timer_t answer, pause; /* the latter: of the second that is counted */
    uv_connect_t connect;
    unsigned n_handles;
    struct buf unsaid; /* until it is connected */
    struct line_split split;
    size_t n_bytes, n_lines; /* in this second */
    bool connected, closed, paused;
    char chunk[CHUNK];
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct forwarder_link *link = handle->data;
    if (--link->n_handles > 0)
        return;
    buf_free(&link->unsaid);
    free(link->split.text);
    free(link->path);
    free(link);
}

void forwarder_link_close(struct forwarder_link *link)
{
    if (link->closed)
        return;
    link->closed = true;
    uv_close((uv_handle_t *)&link->pipe, on_closed);
    uv_close((uv_handle_t *)&link->answer, on_closed);
    uv_close((uv_handle_t *)&link->pause, on_closed);
}

static void end(struct forwarder_link *link, enum tier_error reason, const char *what)
{
    char text[256];
    if (link->closed)
        return;
    snprintf(text, sizeof text, "%.160s: %s", link->path, what);
    forwarder_link_close(link);
    link->events.ended(link->events.ctx, reason, text);
}

static void end_by(struct forwarder_link *link, int error)
{
    char what[128];
    bool denied = error == UV_EACCES || error == UV_EPERM;
    snprintf(what, sizeof what, "%s%s%s",
             link->connected ? "" : "cannot connect: ", strerror(-error),
             denied ? ": let the user of loadstard into its group" : "");
    end(link, denied ? TIER_ERROR_DENIED : TIER_ERROR_UNREACHABLE, what);
}

static void on_no_answer(uv_timer_t *timer)
{
    end(timer->data, TIER_ERROR_TIMEOUT, "no answer in 5 s");
}

/* ---- what comes ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct forwarder_link *link = handle->data;
    (void)suggested;
    *buf = uv_buf_init(link->chunk, CHUNK);
}

static bool on_line(void *ctx, char *text, size_t n)
{
    struct forwarder_link *link = ctx;
    link->n_lines++;
    link->events.line(link->events.ctx, text, n);
    return !link->closed;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_second(uv_timer_t *timer)
{
    struct forwarder_link *link = timer->data;
    link->n_bytes = link->n_lines = 0;
    if (link->paused)
        (void)uv_read_start((uv_stream_t *)&link->pipe, on_alloc, on_read);
    link->paused = false;
}

/** Whoever sends without end gets a share of this thread, which others need. */
static void count(struct forwarder_link *link, size_t n)
{
    link->n_bytes += n;
    if (!uv_is_active((uv_handle_t *)&link->pause))
        uv_timer_start(&link->pause, on_second, SECOND_MS, 0);
    link->paused = link->n_bytes > FORWARDER_READ_MAX || link->n_lines > FORWARDER_LINES_MAX;
    if (link->paused)
        uv_read_stop((uv_stream_t *)&link->pipe);
}

static void take(struct forwarder_link *link, const char *p, size_t n)
{
    switch (line_split_feed(&link->split, p, n, on_line, link)) {
    case LINE_SPLIT_MORE:
        count(link, n);
        break;
    case LINE_SPLIT_ENOUGH:
        break;
    case LINE_SPLIT_LONG:
        end(link, TIER_ERROR_PROTOCOL, "sent a line that is too long");
        break;
    case LINE_SPLIT_NUL:
        end(link, TIER_ERROR_PROTOCOL, "sent a NUL in its text");
        break;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct forwarder_link *link = stream->data;
    if (n > 0)
        take(link, buf->base, (size_t)n);
    else if (n == UV_EOF)
        end(link, TIER_ERROR_UNREACHABLE, "closed the connection");
    else if (n < 0)
        end_by(link, (int)n);
}

/* ---- what is said ---- */

static void on_written(uv_write_t *write, int rc)
{
    (void)rc; /* the reading tells */
    free(write);
}

static void say(struct forwarder_link *link, const char *text, size_t n)
{
    uv_write_t *write = xmalloc(sizeof *write + n);
    char *bytes = (char *)(write + 1);
    memcpy(bytes, text, n);
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)n);
    if (uv_write(write, (uv_stream_t *)&link->pipe, &buf, 1, on_written) != 0)
        free(write);
}

static void on_connected(uv_connect_t *connect, int rc)
{
    struct forwarder_link *link = connect->data;
    if (link->closed)
        return;
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&link->pipe, on_alloc, on_read);
    if (rc != 0) {
        end_by(link, rc);
        return;
    }
    link->connected = true;
    if (link->unsaid.n > 0)
        say(link, link->unsaid.p, link->unsaid.n);
    buf_free(&link->unsaid);
}

void forwarder_link_ask(struct forwarder_link *link, struct buf *text)
{
    uv_update_time(link->answer.loop);
    uv_timer_start(&link->answer, on_no_answer, FORWARDER_ANSWER_MS, 0);
    if (link->connected)
        say(link, text->p, text->n);
    else
        buf_add(&link->unsaid, text->p, text->n);
    buf_free(text);
}

void forwarder_link_answered(struct forwarder_link *link)
{
    uv_timer_stop(&link->answer);
}

struct forwarder_link *forwarder_link_open(struct drive *drive, const char *path, size_t max_line,
                                           const struct forwarder_link_events *events)
{
    uv_loop_t *loop = drive_loop(drive);
    struct forwarder_link *link = xcalloc(1, sizeof *link);
    link->events = *events;
    link->path = xstrdup(path);
    link->split.max = max_line;
    link->split.text = xmalloc(max_line + 2);
    uv_pipe_init(loop, &link->pipe, 0);
    uv_timer_init(loop, &link->answer);
    uv_timer_init(loop, &link->pause);
    link->n_handles = 3;
    link->pipe.data = link->answer.data = link->pause.data = link->connect.data = link;
    uv_pipe_connect(&link->connect, &link->pipe, path, on_connected);
    return link;
}
