/* SPDX-License-Identifier: Apache-2.0
 * Trials over a TCP connection. */
#include "health/stream.h"

#include "health/http_reply.h"
#include "health/refusal.h"
#include "health/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_READ_MAX = 16 << 10 };
static_assert(STREAM_READ_MAX <= TRIAL_READ_MAX, "the buffer is shared");

struct write {
    uv_write_t req;
    char bytes[];
};

static void on_written(uv_write_t *req, int status)
{
    struct stream_trial *s = req->data;
    free(req);
    /* A reset met while writing often has the reply in front of it: reading tells. */
    if (status && status != UV_EPIPE && status != UV_ECONNRESET && status != UV_ECANCELED)
        trial_finish_uv(&s->base, status, s->base.phase);
}

static void send_raw(struct stream_trial *s, const void *p, size_t n)
{
    struct write *w = xmalloc(sizeof *w + n);
    memcpy(w->bytes, p, n);
    w->req.data = s;
    uv_buf_t out = uv_buf_init(w->bytes, (unsigned)n);
    int rc = uv_write(&w->req, (uv_stream_t *)&s->tcp, &out, 1, on_written);
    if (rc) {
        free(w);
        trial_finish_uv(&s->base, rc, s->base.phase);
    }
}

/* Moves what TLS has to say to the connection. */
static void flush_tls(struct stream_trial *s)
{
    char out[4096];
    size_t n;
    while (!s->base.finished && (n = tls_output(s->tls, out, sizeof out)) > 0)
        send_raw(s, out, n);
}

void stream_send(struct stream_trial *s, const void *p, size_t n)
{
    if (!s->tls) {
        send_raw(s, p, n);
        return;
    }
    tls_write(s->tls, p, n);
    flush_tls(s);
}

static void fail_tls(struct stream_trial *s)
{
    trial_finish(&s->base, tls_failed_of_us(s->tls) ? TRIAL_UNTRIED : TRIAL_DOWN, "%s",
                 tls_reason(s->tls));
}

/* Runs TLS as far as the bytes that have come allow. */
static void pump_tls(struct stream_trial *s)
{
    char plain[4096];
    if (!s->opened) {
        int rc = tls_handshake(s->tls);
        flush_tls(s);
        if (rc == TLS_FAILED)
            fail_tls(s);
        if (rc != TLS_OK || s->base.finished)
            return;
        s->opened = true;
        s->user->opened(s);
    }
    while (!s->base.finished) {
        size_t n = 0;
        int rc = tls_read(s->tls, plain, sizeof plain, &n);
        if (rc == TLS_OK)
            s->user->data(s, plain, n);
        else if (rc == TLS_CLOSED)
            s->user->ended(s);
        else if (rc == TLS_FAILED)
            fail_tls(s);
        if (rc != TLS_OK)
            break;
    }
    if (!s->base.finished)
        flush_tls(s);
}

/* A peer that sends faster than we read would keep libuv reading, 32 times a turn: after a full
 * buffer it gets none, and goes on in the next turn, when others have had theirs. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct stream_trial *s = handle->data;
    *buf = uv_buf_init(s->base.host->read_buffer, s->had_turn ? 0 : STREAM_READ_MAX);
    s->had_turn = false;
}

/* In pieces, so that a peer whose every byte is costly is found out before long. What a good one
 * can need is bounded: header, body, certificates, and the records around them. */
static void feed_tls(struct stream_trial *s, const char *p, size_t n)
{
    enum { PIECE = 2048, TLS_MORE_MAX = 256 << 10 };
    uint64_t most = (uint64_t)HTTP_HEADER_MAX + s->base.check->def.http.max_body + TLS_MORE_MAX;
    for (; n > 0 && !s->base.finished; n -= n < PIECE ? n : PIECE, p += PIECE) {
        size_t piece = n < PIECE ? n : PIECE;
        s->n_tls += piece;
        if (s->n_tls > most) {
            trial_finish(&s->base, TRIAL_DOWN, "too much TLS: more than %llu bytes for one reply",
                         (unsigned long long)most);
            return;
        }
        tls_input(s->tls, p, piece);
        pump_tls(s);
    }
}

static void on_ended(struct stream_trial *s)
{
    if (s->tls && !s->opened)
        trial_finish(&s->base, TRIAL_DOWN, "connection closed during the TLS handshake");
    else
        s->user->ended(s);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct stream_trial *s = stream->data;
    if (s->base.finished || n == 0 || n == UV_ENOBUFS) /* the latter of on_alloc() */
        return;
    s->had_turn = n == STREAM_READ_MAX;
    if (n == UV_EOF) {
        on_ended(s);
    } else if (n < 0) {
        trial_finish_uv(&s->base, (int)n, s->base.phase);
    } else if (!s->tls) {
        s->user->data(s, buf->base, (size_t)n);
    } else {
        feed_tls(s, buf->base, (size_t)n);
    }
}

static uv_os_fd_t fd_of(const struct stream_trial *s)
{
    uv_os_fd_t fd = -1;
    (void)uv_fileno((const uv_handle_t *)&s->tcp, &fd);
    return fd;
}

static void fail_to_connect(struct stream_trial *s, int error)
{
    const char *by =
        error == UV_ECONNREFUSED ? refusal_by_other(fd_of(s), &s->addr, s->failed_at_once) : NULL;
    if (by)
        trial_finish(&s->base, TRIAL_SILENT, "connect refused %s", by);
    else
        trial_finish_uv(&s->base, error, "connecting");
}

static void on_connect(uv_connect_t *connect, int status)
{
    struct stream_trial *s = connect->data;
    if (s->base.finished)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    if (status) {
        fail_to_connect(s, status);
        return;
    }
    refusal_unwatch(fd_of(s), (enum ip_family)s->addr.family);
    if (s->tls) {
        s->base.phase = "in the TLS handshake";
        pump_tls(s);
        return;
    }
    s->opened = true;
    s->user->opened(s);
}

static void start_connect(struct stream_trial *s)
{
    struct sockaddr_storage to;
    s->base.phase = "connecting";
    int rc =
        uv_tcp_init_ex(s->base.host->loop, &s->tcp, s->addr.family == IP_V4 ? AF_INET : AF_INET6);
    if (rc == 0) {
        s->has_tcp = true;
        s->tcp.data = s;
        trial_opened(&s->base);
        ip_to_sockaddr(&to, &s->addr, s->port);
        refusal_watch(fd_of(s), (enum ip_family)s->addr.family);
        s->connect.data = s;
        rc = uv_tcp_connect(&s->connect, &s->tcp, (const struct sockaddr *)&to, on_connect);
        s->failed_at_once = rc == 0 && refusal_at_once(fd_of(s));
    }
    /* A refusal comes in on_connect(), even if it is known at once. */
    if (rc)
        trial_finish_unsent(&s->base, rc, s->base.phase);
}

void stream_start(struct stream_trial *s, const struct stream_user *user,
                  const struct trial_target *target)
{
    s->user = user;
    s->addr = target->addr;
    s->port = target->port;
    if (s->base.check->def.type != CHECK_HTTPS) {
        start_connect(s);
        return;
    }
    if (!s->base.check->tls) {
        trial_finish(&s->base, TRIAL_UNTRIED, "TLS was not set up for this check");
        return;
    }
    s->tls = tls_open(s->base.check->tls, &s->base.check->def, target);
    if (tls_reason(s->tls))
        fail_tls(s);
    else
        start_connect(s);
}

void stream_close(struct trial *trial)
{
    struct stream_trial *s = (struct stream_trial *)trial;
    if (!s->has_tcp)
        return;
    /* Without a socket yet there is nothing to reset: then it is a plain close. */
    if (uv_tcp_close_reset(&s->tcp, trial_handle_closed))
        uv_close((uv_handle_t *)&s->tcp, trial_handle_closed);
}

void stream_release(struct trial *trial)
{
    tls_close(((struct stream_trial *)trial)->tls);
}
