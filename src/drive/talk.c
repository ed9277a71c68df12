/* SPDX-License-Identifier: Apache-2.0
 * A request and the lines of its reply. */
#include "drive/talk.h"

#include "base/arena.h"
#include "base/escape.h"
#include "drive/internal.h"
#include "drive/line_split.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { READ_MAX = 16 << 10 };

struct talk {
    struct drive_work work; /* first */
    struct drive *drive;
    struct talk_spec spec; /* `path` and `request` are our own */
    struct talk_events events;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    unsigned n_handles;
    uint64_t over_at; /* of the loop's clock, ms */
    size_t unsent;    /* when progress was last looked for */
    size_t n_bytes;
    struct line_split split;
    bool connected, ended;
    int failure; /* of connect() at once: a negative errno */
    char buffer[READ_MAX];
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct talk *talk = handle->data;
    if (--talk->n_handles > 0)
        return;
    free((char *)(uintptr_t)talk->spec.path);
    free((uint8_t *)(uintptr_t)talk->spec.request.p);
    free(talk->split.text);
    free(talk);
}

static void close_all(struct talk *talk)
{
    talk->ended = true;
    drive_remove(talk->drive, &talk->work);
    uv_close(&talk->socket.handle, on_closed);
    uv_close((uv_handle_t *)&talk->timer, on_closed);
}

static void finish(struct talk *talk, enum talk_end how, int error)
{
    if (talk->ended)
        return;
    size_t left = talk->split.n;
    close_all(talk);
    talk->events.end(talk->events.ctx, how, error, left);
}

void talk_cancel(struct talk *talk)
{
    if (!talk->ended)
        close_all(talk);
}

static void stop(struct drive_work *work)
{
    finish((struct talk *)work, TALK_BROKEN, ECANCELED);
}

/* ---- times ---- */

static void on_time(uv_timer_t *timer);

static void wait_on(struct talk *talk)
{
    uint64_t now = uv_now(&talk->drive->loop), idle = talk->spec.idle_ms;
    uint64_t left = talk->over_at > now ? talk->over_at - now : 0;
    talk->unsent = uv_stream_get_write_queue_size(&talk->socket.stream);
    uv_timer_start(&talk->timer, on_time, idle && idle < left ? idle : left, 0);
}

/* A long request that is being read is progress, which only the queue shows. */
static void on_time(uv_timer_t *timer)
{
    struct talk *talk = timer->data;
    if (talk->failure)
        finish(talk, TALK_NO_SOCKET, -talk->failure);
    else if (uv_now(timer->loop) >= talk->over_at)
        finish(talk, TALK_TOO_SLOW, ETIMEDOUT);
    else if (talk->connected && uv_stream_get_write_queue_size(&talk->socket.stream) < talk->unsent)
        wait_on(talk);
    else
        finish(talk, TALK_TOO_SLOW, ETIME);
}

/* ---- the reply ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct talk *talk = handle->data;
    (void)suggested;
    *buf = uv_buf_init(talk->buffer, READ_MAX);
}

static bool on_line(void *ctx, char *line, size_t n)
{
    struct talk *talk = ctx;
    return talk->events.line(talk->events.ctx, line, n) && !talk->ended;
}

static void take(struct talk *talk, const char *p, size_t n)
{
    talk->n_bytes += n;
    if (talk->n_bytes > talk->spec.max_bytes) {
        finish(talk, TALK_TOO_MUCH, EFBIG);
        return;
    }
    wait_on(talk);
    switch (line_split_feed(&talk->split, p, n, on_line, talk)) {
    case LINE_SPLIT_MORE:
        break;
    case LINE_SPLIT_ENOUGH:
        finish(talk, TALK_DONE, 0);
        break;
    case LINE_SPLIT_LONG:
        finish(talk, TALK_TOO_MUCH, EMSGSIZE);
        break;
    case LINE_SPLIT_NUL:
        finish(talk, TALK_TOO_MUCH, EILSEQ);
        break;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct talk *talk = stream->data;
    if (n > 0)
        take(talk, buf->base, (size_t)n);
    else if (n == UV_EOF)
        finish(talk, TALK_CLOSED, 0);
    else if (n < 0)
        finish(talk, TALK_BROKEN, (int)-n);
}

/* ---- the request ---- */

/* One who does not read it to its end may still have said why: the reading tells. */
static void on_written(uv_write_t *write, int rc)
{
    struct talk *talk = write->data;
    if (!talk->ended && rc == 0)
        wait_on(talk);
}

static void on_connected(uv_connect_t *connect, int rc)
{
    struct talk *talk = connect->data;
    if (talk->ended)
        return;
    if (rc != 0) {
        finish(talk, TALK_NO_SOCKET, -rc);
        return;
    }
    uv_buf_t request = uv_buf_init((char *)(uintptr_t)talk->spec.request.p, talk->spec.request.n);
    talk->connected = true;
    talk->write.data = talk;
    rc = uv_read_start(&talk->socket.stream, on_alloc, on_read);
    if (rc == 0 && request.len > 0)
        rc = uv_write(&talk->write, &talk->socket.stream, &request, 1, on_written);
    if (rc != 0)
        finish(talk, TALK_BROKEN, -rc);
    else
        wait_on(talk);
}

/* What is said more: the write, and its bytes behind it. */
static void on_said(uv_write_t *write, int rc)
{
    on_written(write, rc);
    free(write);
}

void talk_say(struct talk *talk, struct slice text)
{
    if (talk->ended)
        return;
    uv_write_t *write = xmalloc(sizeof *write + text.n);
    char *bytes = (char *)(write + 1);
    memcpy(bytes, text.p, text.n);
    uv_buf_t buf = uv_buf_init(bytes, text.n);
    write->data = talk;
    int rc = uv_write(write, &talk->socket.stream, &buf, 1, on_said);
    if (rc != 0)
        free(write);
}

static int connect_address(struct talk *talk)
{
    struct sockaddr_storage to;
    (void)!ip_to_sockaddr(&to, &talk->spec.addr, talk->spec.port);
    return uv_tcp_connect(&talk->connect, &talk->socket.tcp, (struct sockaddr *)&to, on_connected);
}

/* libuv would cut a long path, and talk to another. */
static int connect_path(struct talk *talk)
{
    if (strlen(talk->spec.path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return UV_ENAMETOOLONG;
    uv_pipe_connect(&talk->connect, &talk->socket.pipe, talk->spec.path, on_connected);
    return 0;
}

static void copy_spec(struct talk *talk, const struct talk_spec *spec)
{
    talk->spec = *spec;
    talk->spec.path = spec->path ? xstrdup(spec->path) : NULL;
    uint8_t *request = xmalloc(spec->request.n + 1u);
    if (spec->request.n > 0)
        memcpy(request, spec->request.p, spec->request.n);
    talk->spec.request.p = request;
    talk->split.max = spec->max_line;
    talk->split.text = xmalloc(spec->max_line + 2);
}

struct talk *talk_start(struct drive *drive, const struct talk_spec *spec,
                        const struct talk_events *events)
{
    struct talk *talk = xcalloc(1, sizeof *talk);
    talk->drive = drive;
    talk->events = *events;
    copy_spec(talk, spec);
    talk->work.stop = stop;
    drive_add(drive, &talk->work);
    uv_timer_init(&drive->loop, &talk->timer);
    if (talk->spec.path)
        uv_pipe_init(&drive->loop, &talk->socket.pipe, 0);
    else
        uv_tcp_init(&drive->loop, &talk->socket.tcp);
    talk->n_handles = 2;
    talk->socket.handle.data = talk->timer.data = talk->connect.data = talk;
    uv_update_time(&drive->loop); /* what ran before may have taken its time */
    talk->over_at = uv_now(&drive->loop) + spec->total_ms;
    talk->failure = talk->spec.path ? connect_path(talk) : connect_address(talk);
    if (talk->failure)
        uv_timer_start(&talk->timer, on_time, 0, 0);
    else
        wait_on(talk);
    return talk;
}

/* ---- words ---- */

static const char *who(char out[128], const struct talk_spec *spec)
{
    if (spec->path)
        escape_text(out, 128, slice_str(spec->path));
    else
        ip_port_text(out, &spec->addr, spec->port);
    return out;
}

static const char *too_much(const struct talk_spec *spec, int error, char out[64])
{
    if (error == EFBIG)
        snprintf(out, 64, "sent more than %zu bytes", spec->max_bytes);
    else if (error == EMSGSIZE)
        snprintf(out, 64, "sent a line of more than %zu bytes", spec->max_line);
    else
        snprintf(out, 64, "sent a NUL in its text");
    return out;
}

const char *talk_text(char out[TALK_TEXT_MAX], const struct talk_spec *spec, enum talk_end how,
                      int error)
{
    char name[128], text[64];
    who(name, spec);
    switch (how) {
    case TALK_DONE:
        snprintf(out, TALK_TEXT_MAX, "%s: answered", name);
        break;
    case TALK_CLOSED:
        snprintf(out, TALK_TEXT_MAX, "%s: closed the connection", name);
        break;
    case TALK_NO_SOCKET:
        snprintf(out, TALK_TEXT_MAX, "cannot connect to %s: %s", name, strerror(error));
        break;
    case TALK_BROKEN:
        snprintf(out, TALK_TEXT_MAX, "%s: the connection broke: %s", name, strerror(error));
        break;
    case TALK_TOO_SLOW:
        snprintf(out, TALK_TEXT_MAX, "%s: %s %g s", name,
                 error == ETIMEDOUT ? "took longer than" : "nothing came for",
                 (error == ETIMEDOUT ? spec->total_ms : spec->idle_ms) / 1000.0);
        break;
    case TALK_TOO_MUCH:
        snprintf(out, TALK_TEXT_MAX, "%s: %s", name, too_much(spec, error, text));
        break;
    }
    return out;
}
