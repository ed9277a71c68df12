/* SPDX-License-Identifier: Apache-2.0
 * The way over `loadstarctl exabgp`, which connects to a socket of ours. One at a time: the first
 * stays, as two would undo what the other does. */
#include "anycast/exabgp_link.h"

#include "anycast/exabgp_relay.h"
#include "base/digits.h"
#include "base/escape.h"
#include "drive/line_split.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    WINDOW = 64,
    UNSENT_MAX = 1 << 20,
    READ_MAX = 16 << 10,
    SHY_BEATS = 10,
    SAID_MAX = 5 /* "said " */
};

/* Whoever has connected; lives until libuv has closed it. */
struct peer {
    uv_pipe_t pipe;
    struct exabgp_link *link; /* NULL: it is over */
    bool greeted, ready;
    unsigned n_beats; /* since it has connected, until it is ready */
    char pid[16];
    struct line_split split;
    char text[EXABGP_LINE_MAX + SAID_MAX + 2], buffer[READ_MAX];
};

struct listener {
    uv_pipe_t pipe;
    struct exabgp_link *link; /* NULL: it is over */
};

struct exabgp_link {
    struct exabgp_link_host host;
    struct listener *listener; /* NULL: it could not be opened: */
    int error;                 /* errno */
    struct peer *peer;         /* NULL: nobody has connected */
    uv_timer_t *beat;
    char pid[16]; /* of the last one that was ready */
};

/* ---- the peer ---- */

static void on_peer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop(struct exabgp_link *link)
{
    struct peer *peer = link->peer;
    if (!peer)
        return;
    link->peer = NULL;
    peer->link = NULL;
    uv_close((uv_handle_t *)&peer->pipe, on_peer_closed);
    if (peer->ready)
        link->host.up(link->host.ctx, false, false);
}

static bool on_line(void *ctx, char *line, size_t n)
{
    struct peer *peer = ctx;
    struct exabgp_link *link = peer->link;
    struct slice rest = slice_of(line, n);
    struct ip_prefix prefix;
    if (!peer->greeted) {
        peer->greeted = slice_take(&rest, RELAY_HELLO);
        snprintf(peer->pid, sizeof peer->pid, "%.*s", (int)(rest.n < 15 ? rest.n : 15),
                 (const char *)rest.p);
        return peer->greeted;
    }
    if (slice_take(&rest, "said ")) {
        if (peer->ready)
            link->host.line(link->host.ctx, (const char *)rest.p);
    } else if (slice_take(&rest, "has ")) {
        if (!peer->ready && ip_prefix_parse(&prefix, (const char *)rest.p) == 0)
            link->host.held(link->host.ctx, &prefix);
    } else if (strcmp(line, "ready") == 0 && !peer->ready) {
        bool renewed = strcmp(link->pid, peer->pid) != 0;
        peer->ready = true;
        memcpy(link->pid, peer->pid, sizeof link->pid);
        link->host.up(link->host.ctx, true, renewed);
    } else {
        return false;
    }
    return peer->link != NULL;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer *peer = handle->data;
    (void)suggested;
    *buf = uv_buf_init(peer->buffer, READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    if (!peer->link || n == 0)
        return;
    if (n < 0 ||
        line_split_feed(&peer->split, buf->base, (size_t)n, on_line, peer) != LINE_SPLIT_MORE) {
        if (peer->link)
            drop(peer->link);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    struct exabgp_link *link = listener->link;
    if (status < 0 || !link)
        return;
    struct peer *peer = xcalloc(1, sizeof *peer);
    uv_pipe_init(stream->loop, &peer->pipe, 0);
    peer->pipe.data = peer;
    peer->split.text = peer->text;
    peer->split.max = EXABGP_LINE_MAX + SAID_MAX;
    if (uv_accept(stream, (uv_stream_t *)&peer->pipe) != 0 || link->peer ||
        uv_read_start((uv_stream_t *)&peer->pipe, on_alloc, on_read) != 0) {
        uv_close((uv_handle_t *)&peer->pipe, on_peer_closed);
        return;
    }
    peer->link = link;
    link->peer = peer;
}

/* ---- sending ---- */

static void on_written(uv_write_t *write, int rc)
{
    (void)rc; /* the reading tells */
    free(write);
}

static bool write_line(struct peer *peer, struct slice line)
{
    uv_stream_t *stream = (uv_stream_t *)&peer->pipe;
    if (uv_stream_get_write_queue_size(stream) > UNSENT_MAX)
        return false;
    uv_write_t *write = xmalloc(sizeof *write + line.n + 1);
    char *bytes = (char *)(write + 1);
    memcpy(bytes, line.p, line.n);
    bytes[line.n] = '\n';
    uv_buf_t buf = uv_buf_init(bytes, line.n + 1);
    if (uv_write(write, stream, &buf, 1, on_written) == 0)
        return true;
    free(write);
    return false;
}

static bool process_send(struct exabgp_link *link, struct slice line)
{
    return link->peer && link->peer->ready && write_line(link->peer, line);
}

static void on_beat(uv_timer_t *timer)
{
    struct exabgp_link *link = timer->data;
    struct peer *peer = link->peer;
    if (!peer)
        return;
    bool is_mute = !peer->ready && ++peer->n_beats > SHY_BEATS; /* it takes the place of another */
    if (is_mute || !write_line(peer, slice_str("keep")))
        drop(link);
}

/* ---- the socket ---- */

/* What a loadstard that has ended left there: a socket that nobody listens on. */
static bool is_left_over(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool left = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return left;
}

/* Returns the descriptor, or -1 with errno. */
static int bind_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int rc = bind(fd, (struct sockaddr *)&at, sizeof at);
    if (rc != 0 && errno == EADDRINUSE) {
        if (is_left_over(&at) && unlink(path) == 0)
            rc = bind(fd, (struct sockaddr *)&at, sizeof at);
        else
            errno = EADDRINUSE;
    }
    /* Nobody can connect before it listens. */
    if (rc == 0 && chmod(path, 0660) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void on_listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void start_listening(struct exabgp_link *link)
{
    int fd = bind_socket(link->host.config->socket);
    link->error = fd < 0 ? errno : 0;
    if (fd < 0)
        return;
    struct listener *listener = xcalloc(1, sizeof *listener);
    uv_pipe_init(drive_loop(link->host.drive), &listener->pipe, 0);
    listener->pipe.data = listener;
    listener->link = link;
    link->listener = listener;
    int rc = uv_pipe_open(&listener->pipe, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_listen((uv_stream_t *)&listener->pipe, 4, on_connection);
    if (rc == 0)
        return;
    link->error = -rc;
    link->listener = NULL;
    uv_close((uv_handle_t *)&listener->pipe, on_listener_closed);
}

/* ---- the link ---- */

static enum speaker_error no_socket(const struct exabgp_link *link, const char *path,
                                    char text[EXABGP_TEXT_MAX])
{
    int error = link->error;
    bool denied = error == EACCES || error == EPERM || error == EROFS;
    snprintf(text, EXABGP_TEXT_MAX, "cannot listen on %s: %s%s", path, strerror(error),
             error == EADDRINUSE ? ": another loadstard, or another file, is there"
             : denied            ? ": its directory must be writable for server.user"
             : error == ENOENT   ? ": its directory has to be made"
                                 : "");
    return denied ? SPEAKER_ERROR_DENIED : SPEAKER_ERROR_UNREACHABLE;
}

static enum speaker_error process_check(struct exabgp_link *link, char text[EXABGP_TEXT_MAX])
{
    char path[128];
    const struct speaker *config = link->host.config;
    if (!link->listener)
        start_listening(link);
    if (link->peer && link->peer->ready)
        return SPEAKER_ERROR_NONE;
    escape_text(path, sizeof path, slice_str(config->socket));
    if (!link->listener)
        return no_socket(link, path, text);
    snprintf(text, EXABGP_TEXT_MAX,
             "nobody has connected to %s: ExaBGP is not running, or has no process that runs "
             "`loadstarctl exabgp %s`, or its user may not connect",
             path, path);
    return SPEAKER_ERROR_UNREACHABLE;
}

static struct exabgp_link *process_open(const struct exabgp_link_host *host)
{
    struct exabgp_link *link = xcalloc(1, sizeof *link);
    link->host = *host;
    link->beat = xcalloc(1, sizeof *link->beat);
    uv_timer_init(drive_loop(host->drive), link->beat);
    link->beat->data = link;
    uv_timer_start(link->beat, on_beat, RELAY_BEAT_MS, RELAY_BEAT_MS);
    start_listening(link);
    return link;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

/* What is announced stays, for as long as a restart takes. */
static void process_close(struct exabgp_link *link)
{
    char stay[32];
    snprintf(stay, sizeof stay, "stay %d\n", RELAY_STAY_MS);
    uv_buf_t buf = uv_buf_init(stay, (unsigned)strlen(stay));
    if (link->peer) {
        (void)uv_try_write((uv_stream_t *)&link->peer->pipe, &buf, 1);
        link->peer->ready = false; /* nobody is told */
        drop(link);
    }
    if (link->listener) {
        link->listener->link = NULL;
        uv_close((uv_handle_t *)&link->listener->pipe, on_listener_closed);
        unlink(link->host.config->socket);
    }
    uv_close((uv_handle_t *)link->beat, on_timer_closed);
    free(link);
}

const struct exabgp_link_ops exabgp_process_link = {
    .open = process_open,
    .check = process_check,
    .send = process_send,
    .window = WINDOW,
    .close = process_close,
};
