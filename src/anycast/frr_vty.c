/* SPDX-License-Identifier: Apache-2.0
 * Lines to a vty, and its replies. */
#include "anycast/frr_vty.h"

#include "anycast/frr_frames.h"
#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <sys/un.h>

enum { READ_MAX = 16 << 10, FIRST_TEXT_MAX = 512 };

/* Its handles outlive the vty by a turn of the loop. */
struct connection {
    uv_pipe_t pipe;
    uv_timer_t timer; /* of what is asked */
    uv_connect_t connect;
    uv_write_t write;
    struct frr_vty *vty; /* NULL: it is being closed */
    unsigned n_handles;
    bool connected;
    char *request; /* being written */
    char buffer[READ_MAX];
};

struct frr_vty {
    struct drive *drive;
    struct frr_asker asker;
    char *path;
    struct connection *connection; /* NULL: there is none */
    int failure;                   /* of connect() at once: a negative errno */
    uint32_t timeout_ms;
    struct buf request;
    uint32_t n_left;     /* replies that are awaited */
    uint32_t n_answered; /* lines, `enable` among them */
    struct frr_frames frames;
    bool greets;  /* `enable` is the first of what is asked */
    bool garbled; /* it is no vty */
    struct buf output;
    size_t reply_at;   /* where in `output` the current reply begins */
    VEC(char *) lines; /* that were sent, for messages */
    struct frr_reply reply;
};

/* --- the end --- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    if (--c->n_handles > 0)
        return;
    free(c->request);
    free(c);
}

static void disconnect(struct frr_vty *vty)
{
    struct connection *c = vty->connection;
    vty->connection = NULL;
    if (!c)
        return;
    c->vty = NULL;
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void forget_lines(struct frr_vty *vty)
{
    for (size_t i = 0; i < vty->lines.n; i++)
        free(vty->lines.v[i]);
    vec_free(&vty->lines);
}

static void answer(struct frr_vty *vty)
{
    vty->n_left = 0;
    if (vty->connection)
        uv_timer_stop(&vty->connection->timer);
    vty->reply.output = slice_of(vty->output.n ? vty->output.p : "", vty->output.n);
    vty->asker.answered(vty->asker.ctx, &vty->reply);
}

static void fail(struct frr_vty *vty, enum speaker_error error, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/* What may still come would be taken for the answer to something else. */
static void fail(struct frr_vty *vty, enum speaker_error error, const char *fmt, ...)
{
    va_list args;
    bool was_asked = vty->n_left > 0;
    disconnect(vty);
    if (!was_asked) {
        vty->asker.lost(vty->asker.ctx);
        return;
    }
    vty->reply.error = error;
    va_start(args, fmt);
    vsnprintf(vty->reply.text, sizeof vty->reply.text, fmt, args);
    va_end(args);
    answer(vty);
}

static void fail_connect(struct frr_vty *vty, int error)
{
    char path[128];
    escape_text(path, sizeof path, slice_str(vty->path));
    if (error == EACCES || error == EPERM)
        fail(vty, SPEAKER_ERROR_DENIED,
             "cannot connect to %s: %s; loadstard's user has to be in the group frrvty "
             "(SupplementaryGroups=frrvty in a drop-in of its unit)",
             path, strerror(error));
    else
        fail(vty, SPEAKER_ERROR_UNREACHABLE, "cannot connect to %s: %s; does bgpd run?", path,
             strerror(error));
}

/* --- replies --- */

/* To `enable` it says nothing: another server's greeting is none of its replies. */
static void on_text(void *ctx, const char *p, size_t n)
{
    struct frr_vty *vty = ctx;
    if (vty->greets && vty->n_answered == 0)
        vty->garbled = true;
    buf_add(&vty->output, p, n);
}

static void refuse(struct frr_vty *vty, uint8_t status)
{
    char what[96], why[128];
    const char *text = vty->output.n > vty->reply_at ? vty->output.p + vty->reply_at : "";
    const char *line = vty->n_answered < vty->lines.n ? vty->lines.v[vty->n_answered] : "";
    while (*text == '%' || *text == ' ' || *text == '\n' || *text == '\r')
        text++;
    size_t n = strcspn(text, "\r\n");
    escape_text(what, sizeof what, slice_str(line));
    escape_text(why, sizeof why, slice_of(text, n < FIRST_TEXT_MAX ? n : FIRST_TEXT_MAX));
    vty->reply.error = SPEAKER_ERROR_REJECTED;
    snprintf(vty->reply.text, sizeof vty->reply.text, "bgpd refuses \"%s\": %s (%u)", what,
             *why ? why : "it does not say why", status);
}

static bool on_status(void *ctx, uint8_t status)
{
    struct frr_vty *vty = ctx;
    if (status != 0 && !vty->reply.error)
        refuse(vty, status);
    vty->reply_at = vty->output.n;
    vty->n_answered++;
    return --vty->n_left > 0;
}

static void take(struct frr_vty *vty, const char *p, size_t n)
{
    const struct frr_frames_events events = {vty, on_text, on_status};
    uint32_t was_left = vty->n_left;
    if (was_left == 0 || !frr_frames_feed(&vty->frames, p, n, &events) || vty->garbled ||
        (vty->n_left == 0 && vty->connection->request)) {
        vty->n_left = was_left;
        fail(vty, SPEAKER_ERROR_REJECTED,
             "%.128s: is no vty of FRR, or of a version that is not "
             "known: its replies do not end as they should",
             vty->path);
    } else if (vty->output.n > FRR_OUTPUT_MAX) {
        vty->n_left = was_left;
        fail(vty, SPEAKER_ERROR_REJECTED, "bgpd's answer is longer than %u bytes", FRR_OUTPUT_MAX);
    } else if (vty->n_left == 0) {
        answer(vty);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->buffer, READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    if (!c->vty || n == 0)
        return;
    if (n > 0)
        take(c->vty, buf->base, (size_t)n);
    else
        fail(c->vty, SPEAKER_ERROR_UNREACHABLE, "bgpd closed the connection%s%s",
             n == UV_EOF ? "" : ": ", n == UV_EOF ? "" : strerror((int)-n));
}

/* --- asking --- */

static void on_written(uv_write_t *write, int rc)
{
    struct connection *c = write->data;
    (void)rc; /* the reading tells */
    free(c->request);
    c->request = NULL;
}

static void send_request(struct frr_vty *vty)
{
    struct connection *c = vty->connection;
    uv_buf_t bytes = uv_buf_init(vty->request.p, (unsigned)vty->request.n);
    c->request = vty->request.p;
    vty->request = (struct buf){0};
    int rc = uv_write(&c->write, (uv_stream_t *)&c->pipe, &bytes, 1, on_written);
    if (rc != 0)
        fail(vty, SPEAKER_ERROR_UNREACHABLE, "cannot write to bgpd: %s", strerror(-rc));
}

static void on_connected(uv_connect_t *connect, int rc)
{
    struct connection *c = connect->data;
    if (!c->vty)
        return;
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    c->connected = rc == 0;
    if (rc != 0)
        fail_connect(c->vty, -rc);
    else
        send_request(c->vty);
}

static void on_time(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    if (!c->vty)
        return;
    if (c->vty->failure)
        fail_connect(c->vty, -c->vty->failure);
    else
        fail(c->vty, SPEAKER_ERROR_TIMEOUT, "bgpd did not answer within %g s",
             c->vty->timeout_ms / 1000.0);
}

static void connect_(struct frr_vty *vty)
{
    struct connection *c = xcalloc(1, sizeof *c);
    uv_loop_t *loop = drive_loop(vty->drive);
    vty->connection = c;
    vty->frames = (struct frr_frames){0};
    c->vty = vty;
    uv_pipe_init(loop, &c->pipe, 0);
    uv_timer_init(loop, &c->timer);
    c->n_handles = 2;
    c->pipe.data = c->timer.data = c->connect.data = c->write.data = c;
    /* libuv would cut a long path, and talk to another. */
    if (strlen(vty->path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        vty->failure = UV_ENAMETOOLONG;
    else
        uv_pipe_connect(&c->connect, &c->pipe, vty->path, on_connected);
}

static void add_line(struct frr_vty *vty, const char *line)
{
    buf_add(&vty->request, line, strlen(line) + 1);
    *vec_push(&vty->lines) = xstrdup(line);
    vty->n_left++;
}

void frr_vty_ask(struct frr_vty *vty, const struct frr_lines *lines, uint32_t timeout_ms)
{
    vty->reply = (struct frr_reply){0};
    vty->output.n = vty->reply_at = vty->request.n = 0;
    vty->n_answered = 0;
    vty->failure = 0;
    vty->timeout_ms = timeout_ms;
    vty->garbled = false;
    vty->greets = !vty->connection;
    forget_lines(vty);
    if (vty->greets) {
        connect_(vty);
        add_line(vty, "enable");
    }
    for (size_t i = 0; i < lines->v.n; i++)
        add_line(vty, lines->v.v[i]);
    uv_update_time(drive_loop(vty->drive));
    uv_timer_start(&vty->connection->timer, on_time, vty->failure ? 0 : timeout_ms, 0);
    if (vty->connection->connected)
        send_request(vty);
}

struct frr_vty *frr_vty_open(struct drive *drive, const char *path, const struct frr_asker *asker)
{
    struct frr_vty *vty = xcalloc(1, sizeof *vty);
    vty->drive = drive;
    vty->path = xstrdup(path);
    vty->asker = *asker;
    return vty;
}

void frr_vty_close(struct frr_vty *vty)
{
    disconnect(vty);
    forget_lines(vty);
    buf_free(&vty->request);
    buf_free(&vty->output);
    free(vty->path);
    free(vty);
}
