/* SPDX-License-Identifier: Apache-2.0
 * Connections of the control server: lines in, calls to the handler, replies out.
 *
 * A peer is being named (who it is, is looked up), or reading (bytes gather in `lines`), or has a
 * call under way (reading is stopped, so that its next requests wait in the kernel), or is closing.
 * Whoever calls back later keeps the peer's memory alive: `naming`, `waiting` and the handle are
 * its owners. */
#include "control/peer.h"

#include "base/clock.h"
#include "base/diag.h"
#include "control/peer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void peer_advance(struct peer *peer);

static void free_reply(struct peer *peer)
{
    page_release(peer->page);
    free(peer->reply);
    peer->page = NULL;
    peer->reply = NULL;
    peer->writing = false;
}

/* Closing */

static void free_stream(struct control_stream *stream)
{
    if (stream)
        outbox_clear(&stream->events);
    free(stream);
}

void peer_release(struct peer *peer)
{
    struct peers *peers = peer->peers;
    if (!peer->handle_closed || peer->waiting || peer->naming)
        return;
    *(peer->prev ? &peer->prev->next : &peers->first) = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    free_reply(peer);
    outbox_clear(&peer->progress);
    free_stream(peer->stream);
    lines_free(&peer->lines);
    free(peer);
    peers->n--;
    if (peers->closing)
        peers->released(peers->arg);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = (struct peer *)handle;
    peer->handle_closed = true;
    peer_release(peer);
}

void peer_close(struct peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    uv_close((uv_handle_t *)&peer->handle, on_peer_closed);
    if (peer->stream)
        peer->stream->ended(peer->stream->arg);
}

void peer_failed(void *arg)
{
    peer_close(arg);
}

/* Replies */

static void on_written(uv_write_t *write, int status)
{
    struct peer *peer = write->data;
    free_reply(peer);
    if (peer->closing)
        return;
    if (status < 0)
        peer_close(peer);
    else
        peer_advance(peer);
}

void peer_send(struct peer *peer, const char *id, const struct control_reply *reply)
{
    uv_buf_t bufs[3];
    unsigned n_bufs = 1;
    size_t n;
    peer->reply = protocol_reply(id, reply, &n);
    bufs[0] = uv_buf_init(peer->reply, (unsigned)n);
    if (reply->code == 0 && reply->page) { /* without its line feed */
        peer->page = page_hold(reply->page);
        bufs[1] = uv_buf_init(peer->page->bytes, (unsigned)peer->page->n - 1);
        bufs[2] = uv_buf_init((char *)(uintptr_t)protocol_end(), (unsigned)strlen(protocol_end()));
        n_bufs = 3;
    }
    peer->active_ms = clock_mono_ms();
    peer->write.data = peer;
    peer->writing = true;
    if (uv_write(&peer->write, (uv_stream_t *)&peer->handle, bufs, n_bufs, on_written) != 0) {
        free_reply(peer);
        peer_close(peer);
    }
}

/** Refuses what is no request of any handler. */
static void peer_refuse(struct peer *peer, const char *id, int code, const char *error)
{
    peer_send(peer, id, &(struct control_reply){.code = code, .error = error});
}

/* Requests */

static void peer_request(struct peer *peer, const char *line, size_t n)
{
    struct control_call *call = &peer->call;
    char error[PROTOCOL_ERROR_MAX];
    int code = protocol_read(&call->request, line, n, error);
    call->peer = peer;
    lines_trim(&peer->lines);
    if (code != 0) {
        peer_refuse(peer, call->request.id, code, error);
        protocol_free(&call->request);
        return;
    }
    const struct control_handler *handler = &peer->peers->handler;
    json_t *object = call->request.object;
    peer->waiting = true;
    call->request.object = NULL; /* nothing of it is kept while the answer is waited for */
    handler->request(handler->ctx, call, object);
    json_decref(object);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct peer *peer = (struct peer *)handle;
    uint32_t n;
    (void)hint;
    char *room = lines_room(&peer->lines, &n);
    *buf = uv_buf_init(room, n);
}

#define PROGRESS_B LOADSTAR_CONTROL_LINE_MAX /* of a longer request within the idle time */

static void take_bytes(struct peer *peer, uint32_t n)
{
    peer->active_ms = clock_mono_ms();
    peer->fresh_b += n;
    if (!lines_are_partial(&peer->lines) || peer->fresh_b >= PROGRESS_B) {
        peer->since_ms = peer->active_ms;
        peer->fresh_b = 0;
    }
    peer->lines.n += n;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *peer = (struct peer *)stream;
    (void)buf;
    if (n > 0)
        take_bytes(peer, (uint32_t)n);
    else if (n == UV_EOF)
        peer->eof = true;
    else if (n < 0) {
        peer_close(peer);
        return;
    }
    uv_read_stop(stream);
    peer_advance(peer);
}

/** Where the next request begins is unknown: answers, then closes. */
static void refuse_the_rest(struct peer *peer)
{
    bool is_long = lines_are_too_long(&peer->lines);
    char error[PROTOCOL_ERROR_MAX];
    snprintf(error, sizeof error, "the request is longer than %u bytes", lines_max(&peer->lines));
    peer->eof = true;
    peer->lines.at = peer->lines.n;
    lines_trim(&peer->lines);
    uv_read_stop((uv_stream_t *)&peer->handle);
    peer_send(peer, NULL,
              &(struct control_reply){
                  .code = E_RANGE,
                  .busy = !is_long,
                  .error =
                      is_long ? error : "too many long requests are under way, try again later",
              });
}

static void read_on(struct peer *peer)
{
    if (!peer->reading) { /* what is here came while another request was under way */
        peer->since_ms = clock_mono_ms();
        peer->fresh_b = 0;
    }
    peer->reading = true;
    uv_read_start((uv_stream_t *)&peer->handle, on_alloc, on_read);
}

/** Goes on with a client that has nothing under way: next line, more bytes, or the end. */
static void peer_advance(struct peer *peer)
{
    if (peer->closing || peer->naming || peer->waiting || peer->writing)
        return;
    uint32_t n;
    const char *line = peer->peers->closing ? NULL : lines_take(&peer->lines, peer->eof, &n);
    if (line) {
        peer->reading = false;
        peer_request(peer, line, n);
    } else if (peer->eof || peer->peers->closing) {
        peer_close(peer);
    } else if (!lines_room(&peer->lines, &n)) {
        refuse_the_rest(peer);
    } else {
        read_on(peer);
    }
}

/* Connections */

static void on_named(void *arg, const char *name)
{
    struct peer *peer = arg;
    peer->naming = false;
    peer->actor = actor_user(peer->client.uid, name);
    if (peer->closing)
        peer_release(peer);
    else
        peer_advance(peer);
}

/** Asks the kernel who it is that connected, and others what that user is called. */
static void name_peer(struct peer *peer)
{
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t len = sizeof cred;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&peer->handle, &fd) == 0)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
    peer->client = (struct control_client){peer, cred.uid, cred.pid};
    peer->naming = true;
    names_find(peer->peers->names, cred.uid, on_named, peer);
}

static struct peer *add_peer(struct peers *peers)
{
    struct peer *peer = xcalloc(1, sizeof *peer);
    peer->peers = peers;
    peer->next = peers->first;
    if (peers->first)
        peers->first->prev = peer;
    peers->first = peer;
    peers->n++;
    uv_pipe_init(peers->loop, &peer->handle, 0);
    outbox_init(&peer->progress, (uv_stream_t *)&peer->handle, 1, peer_failed, peer);
    peer->lines.max = peers->handler.line_max;
    peer->lines.budget = &peers->requests;
    peer->active_ms = clock_mono_ms();
    return peer;
}

void peers_accept(struct peers *peers, uv_stream_t *listener)
{
    struct peer *peer = add_peer(peers);
    if (uv_accept(listener, (uv_stream_t *)&peer->handle) != 0) {
        peer_close(peer);
    } else if (peers->n > PEERS_MAX + peers->n_staying) {
        peer->eof = true;
        peer_send(peer, NULL,
                  &(struct control_reply){
                      .code = E_RANGE,
                      .busy = true,
                      .error = "too many control connections, try again later",
                  });
    } else {
        name_peer(peer);
    }
}

/** One that listens to a stream need not say anything, only take what it is sent. A request that
 *  has begun has to become whole, or to get on: bytes that trickle are no sign of life. */
static bool is_idle(const struct peer *p, int64_t now_ms, int64_t idle_ms)
{
    if (p->waiting)
        return false;
    if (p->reading && lines_are_partial(&p->lines) && now_ms - p->since_ms > idle_ms)
        return true;
    if (p->stream && !p->writing)
        return outbox_is_stuck(&p->stream->events, now_ms, idle_ms);
    return now_ms - p->active_ms > idle_ms;
}

void peers_end_idle(struct peers *peers, int64_t idle_ms)
{
    int64_t now_ms = clock_mono_ms();
    for (struct peer *p = peers->first, *next; p; p = next) {
        next = p->next;
        if (is_idle(p, now_ms, idle_ms))
            peer_close(p);
    }
}

void peers_close(struct peers *peers)
{
    peers->closing = true;
    for (struct peer *p = peers->first, *next; p; p = next) {
        next = p->next;
        peer_advance(p);
    }
}

void peers_end(struct peers *peers)
{
    for (struct peer *p = peers->first, *next; p; p = next) {
        next = p->next;
        peer_close(p);
    }
}
