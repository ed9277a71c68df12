/* SPDX-License-Identifier: Apache-2.0
 * Connections of the HTTP listener.
 *
 * A connection reads (until a request is whole), waits for the response, writes it, and reads again
 * or lingers. It is one request ahead at most: what a client sends meanwhile waits in the kernel.
 * Whoever waits for a response keeps the memory alive: `waiting` and the handle are its owners. */
#include "ctl/http_conn.h"

#include "base/clock.h"
#include "ctl/http_fields.h"
#include "ctl/http_input.h"

#include <stdio.h>
#include <stdlib.h>

enum conn_state { CONN_READING, CONN_WAITING, CONN_WRITING, CONN_LINGERING };

struct http_conn {
    uv_tcp_t handle; /* first: a connection is its handle */
    struct http_conn *prev, *next;
    struct http_conns *conns;
    enum conn_state state;
    int64_t since_ms; /* in this state; while reading: since the end of the request before */
    struct ip peer, local;
    char from[IP_TEXT_MAX];
    bool waiting, handle_closed, closing;
    bool reserved; /* has no place of its own: for /healthz */
    bool eof, keep, is_head, continued;
    struct http_input in;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct http_response response; /* being written */
    char fields[HTTP_FIELDS_LENGTH];
};

static void advance(struct http_conn *c);

static void enter(struct http_conn *c, enum conn_state state)
{
    c->state = state;
    c->since_ms = clock_mono_ms();
}

/* Ends */

static void conn_release(struct http_conn *c)
{
    struct http_conns *all = c->conns;
    if (!c->handle_closed || c->waiting)
        return;
    *(c->prev ? &c->prev->next : &all->first) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    http_response_free(&c->response);
    http_input_free(&c->in);
    free(c);
    all->n--;
    if (all->n == 0 && all->closing)
        all->done(all->arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_conn *c = (struct http_conn *)handle;
    c->handle_closed = true;
    conn_release(c);
}

static void conn_close(struct http_conn *c)
{
    if (!c->closing)
        uv_close((uv_handle_t *)&c->handle, on_closed);
    c->closing = true;
}

/* Responses */

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown, (void)status;
}

static void on_linger_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct http_conn *c = (struct http_conn *)handle;
    (void)hint;
    *buf = uv_buf_init(c->in.bytes, sizeof c->in.bytes);
}

static void on_linger_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n < 0)
        conn_close((struct http_conn *)stream);
}

/** Takes and drops what still comes: closing at once would reset the connection, and the response
 *  with it (RFC 9112 9.6). */
static void linger(struct http_conn *c)
{
    enter(c, CONN_LINGERING);
    if (c->eof || c->conns->closing ||
        uv_shutdown(&c->shutdown, (uv_stream_t *)&c->handle, on_shut) != 0)
        conn_close(c);
    else
        uv_read_start((uv_stream_t *)&c->handle, on_linger_alloc, on_linger_read);
}

static void on_written(uv_write_t *write, int status)
{
    struct http_conn *c = write->data;
    http_response_free(&c->response);
    if (c->closing)
        return;
    if (status < 0) {
        conn_close(c);
    } else if (!c->keep || c->conns->closing) {
        linger(c);
    } else {
        enter(c, CONN_READING);
        http_input_drop(&c->in);
        c->continued = false;
        advance(c);
    }
}

/** Takes over the response. */
static void conn_respond(struct http_conn *c, struct http_response response)
{
    uv_buf_t bufs[2];
    unsigned n = 1;
    c->response = response;
    c->keep = c->keep && !c->conns->closing && !c->conns->site->retired;
    http_fields_write(c->fields, &c->response, c->keep);
    enter(c, CONN_WRITING);
    bufs[0] = uv_buf_init(c->fields, (unsigned)strlen(c->fields));
    if (!c->is_head && response.status != 304 && http_response_length(&response)) {
        bufs[1] = uv_buf_init((char *)(uintptr_t)http_response_bytes(&response),
                              (unsigned)http_response_length(&response));
        n = 2;
    }
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->handle, bufs, n, on_written) != 0)
        conn_close(c);
}

static void on_response(void *arg, struct http_response response)
{
    struct http_conn *c = arg;
    c->waiting = false;
    if (c->closing) {
        http_response_free(&response);
        conn_release(c);
    } else {
        conn_respond(c, response);
    }
}

/** Refuses what is no request; where the next one would begin is unknown, so it is the last. */
static void conn_refuse(struct http_conn *c, int status, const char *error)
{
    c->keep = false;
    conn_respond(c, http_error(status, error));
}

/* Requests */

static void take_request(struct http_conn *c)
{
    struct http_head *head = &c->in.head;
    size_t body_len;
    const char *body = http_input_body(&c->in, &body_len);
    const struct http_request request = {
        .head = head,
        .body = body,
        .body_len = body_len,
        .body_too_long = http_input_too_long(&c->in),
        .local = &c->local,
        .reserved = c->reserved,
        .from = c->from,
    };
    c->keep = !head->close && head->minor > 0 && !request.body_too_long && !c->reserved;
    c->is_head = strcmp(head->method, "HEAD") == 0;
    c->waiting = true;
    enter(c, CONN_WAITING);
    http_route(c->conns->site, &request, on_response, c);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct http_conn *c = (struct http_conn *)handle;
    (void)hint;
    size_t n;
    char *space = http_input_space(&c->in, &n);
    *buf = uv_buf_init(space, (unsigned)n);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = (struct http_conn *)stream;
    (void)buf;
    if (n == UV_EOF)
        c->eof = true;
    else if (n < 0) {
        conn_close(c);
        return;
    }
    http_input_add(&c->in, n > 0 ? (size_t)n : 0);
    uv_read_stop(stream);
    advance(c);
}

/** Says that the body may come (RFC 9110 10.1.1). */
static void say_continue(struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, sizeof text - 1);
    if (c->in.head.expects_continue && c->in.head.minor > 0 && !c->continued)
        (void)uv_try_write((uv_stream_t *)&c->handle, &buf, 1);
    c->continued = true;
}

/** Goes on with a connection that reads: a request, more bytes, or the end. */
static void advance(struct http_conn *c)
{
    const char *error;
    int status;
    switch (http_input_look(&c->in, &status, &error)) {
    case HTTP_INPUT_WRONG:
        conn_refuse(c, status, error);
        return;
    case HTTP_INPUT_WHOLE:
        take_request(c);
        return;
    case HTTP_INPUT_BODY:
        say_continue(c);
        break;
    case HTTP_INPUT_HEAD:
        break;
    }
    if (c->eof || c->conns->closing)
        conn_close(c);
    else
        uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
}

/* Who may come, and who has to go */

/** Who is missed least, of those of `client` (NULL: of all): one that has been answered already, or
 *  has asked nothing for longest; then the response that has been taken for longest. NULL: nobody.
 */
static struct http_conn *least_missed(const struct http_conns *all, const struct ip *client)
{
    struct http_conn *idle = NULL, *slow = NULL;
    int64_t now_ms = clock_mono_ms();
    for (struct http_conn *c = all->first; c; c = c->next) {
        if (c->closing || (client && !http_is_same_client(&c->peer, client)))
            continue;
        if (c->state == CONN_LINGERING)
            return c;
        if (c->state == CONN_READING && (!idle || c->since_ms <= idle->since_ms))
            idle = c;
        if (c->state == CONN_WRITING && now_ms - c->since_ms >= all->times.grace &&
            (!slow || c->since_ms <= slow->since_ms))
            slow = c;
    }
    return idle ? idle : slow;
}

static unsigned count_of(const struct http_conns *all, const struct ip *client)
{
    unsigned n = 0;
    for (const struct http_conn *c = all->first; c; c = c->next)
        n += !c->closing && (!client || http_is_same_client(&c->peer, client));
    return n;
}

/** Makes room for a newcomer, which is counted already: nobody can keep others out by connections
 *  that ask nothing, or take no answer. */
static void make_room(struct http_conn *c)
{
    struct http_conns *all = c->conns;
    const struct ip *within = count_of(all, &c->peer) > HTTP_PER_CLIENT_MAX ? &c->peer : NULL;
    if (!within && count_of(all, NULL) <= HTTP_CONNECTIONS_MAX)
        return;
    c->closing = true; /* not itself */
    struct http_conn *victim = least_missed(all, within);
    c->closing = false;
    if (victim)
        conn_close(victim);
    else if (count_of(all, within) <=
             (within ? HTTP_PER_CLIENT_MAX : HTTP_CONNECTIONS_MAX) + HTTP_RESERVE)
        c->reserved = true;
    else
        conn_close(c);
}

static struct ip address_of(int (*get)(const uv_tcp_t *, struct sockaddr *, int *),
                            const struct http_conn *c)
{
    struct sockaddr_storage sa = {0};
    int len = sizeof sa;
    uint16_t port;
    if (get(&c->handle, (struct sockaddr *)&sa, &len) != 0)
        return (struct ip){0};
    return ip_from_sockaddr((const struct sockaddr *)&sa, &port);
}

void http_conns_accept(struct http_conns *all, uv_stream_t *listener)
{
    struct http_conn *c = xcalloc(1, sizeof *c);
    c->conns = all;
    c->in.longs = &all->longs;
    c->next = all->first;
    if (c->next)
        c->next->prev = c;
    all->first = c;
    all->n++;
    enter(c, CONN_READING);
    uv_tcp_init(all->loop, &c->handle);
    if (uv_accept(listener, (uv_stream_t *)&c->handle) != 0) {
        conn_close(c);
        return;
    }
    c->peer = address_of(uv_tcp_getpeername, c);
    c->local = address_of(uv_tcp_getsockname, c);
    (void)ip_text(c->from, &c->peer);
    make_room(c);
    if (!c->closing)
        advance(c);
}

/* Deadlines */

/** How long it may stay in its state; INT64_MAX: for ever. */
static int64_t patience_with(const struct http_conn *c)
{
    const struct http_times *times = &c->conns->times;
    switch (c->state) {
    case CONN_READING:
        return count_of(c->conns, &c->peer) > HTTP_PER_CLIENT_MAX / 2 || c->reserved
                   ? times->crowded
                   : times->request;
    case CONN_WRITING:
        return times->response;
    case CONN_LINGERING:
        return times->linger;
    case CONN_WAITING:
        break;
    }
    return INT64_MAX;
}

void http_conns_reap(struct http_conns *all)
{
    int64_t now_ms = clock_mono_ms();
    for (struct http_conn *c = all->first, *next; c; c = next) {
        next = c->next;
        if (!c->closing && now_ms - c->since_ms > patience_with(c))
            conn_close(c);
    }
}

void http_conns_reclaim(struct http_conns *all, const struct page_budget *budget)
{
    int64_t now_ms = clock_mono_ms();
    while (budget->kept_b > budget->max_b / 2) {
        struct http_conn *oldest = NULL;
        for (struct http_conn *c = all->first; c; c = c->next)
            if (!c->closing && c->state == CONN_WRITING && c->response.page &&
                now_ms - c->since_ms >= all->times.grace &&
                (!oldest || c->since_ms < oldest->since_ms))
                oldest = c;
        if (!oldest)
            return;
        conn_close(oldest); /* nothing more is written from the page */
        page_release(oldest->response.page);
        oldest->response.page = NULL;
    }
}

void http_conns_close(struct http_conns *all, void (*done)(void *arg), void *arg)
{
    all->closing = true;
    all->done = done;
    all->arg = arg;
    if (all->n == 0) {
        done(arg);
        return;
    }
    for (struct http_conn *c = all->first; c; c = c->next)
        if (c->state == CONN_READING || c->state == CONN_LINGERING)
            conn_close(c);
}

void http_conns_end(struct http_conns *all)
{
    for (struct http_conn *c = all->first; c; c = c->next)
        conn_close(c);
}
