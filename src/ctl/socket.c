/* SPDX-License-Identifier: Apache-2.0
 * The control socket: clients, lines, replies.
 *
 * A client is reading (bytes gather in `lines`), or has a request under way (reading is stopped, so
 * that its next requests wait in the kernel), or is closing. Requests that wait for something keep
 * the client's memory alive: `waiting` and the handle are its two owners. */
#include "ctl/socket.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/json.h"
#include "control/lines.h"
#include "control/listen.h"

#include <stdio.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define IDLE_MS 60000 /* a client that says nothing, or takes nothing, for so long is dropped */
#define CLOSE_MS 1000

struct client {
    uv_pipe_t handle; /* first: a client is its handle */
    struct client *prev, *next;
    struct control_socket *socket;
    uv_write_t write;
    bool writing; /* `page`, or `reply` */
    struct page *page;
    char *reply;
    int64_t active_ms;
    bool waiting; /* for the outcome of a request */
    bool eof, closing, handle_closed;
    char who[32];
    struct lines lines;
};

struct control_socket {
    struct run_service service;
    uv_loop_t *loop;
    int64_t idle_ms;
    uv_pipe_t listener;
    uv_timer_t timer; /* idle clients; when closing: the end of patience */
    struct client *clients;
    unsigned n_clients, n_handles;
    bool closing;
    void (*done)(void *arg);
    void *arg;
    struct listen_socket place;
    char *path;
};

static void client_advance(struct client *client);

static void free_reply(struct client *client)
{
    page_release(client->page);
    free(client->reply);
    client->page = NULL;
    client->reply = NULL;
    client->writing = false;
}

/* Closing */

static void socket_finish(struct control_socket *s)
{
    if (s->n_handles || s->n_clients)
        return;
    if (s->done)
        s->done(s->arg);
    free(s->path);
    free(s);
}

static void client_release(struct client *client)
{
    struct control_socket *s = client->socket;
    if (!client->handle_closed || client->waiting)
        return;
    *(client->prev ? &client->prev->next : &s->clients) = client->next;
    if (client->next)
        client->next->prev = client->prev;
    free_reply(client);
    free(client);
    s->n_clients--;
    if (s->closing)
        socket_finish(s);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = (struct client *)handle;
    client->handle_closed = true;
    client_release(client);
}

static void client_close(struct client *client)
{
    if (!client->closing)
        uv_close((uv_handle_t *)&client->handle, on_client_closed);
    client->closing = true;
}

/* Replies */

static void on_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    free_reply(client);
    if (client->closing)
        return;
    if (status < 0)
        client_close(client);
    else
        client_advance(client);
}

/** The document of a page as it is, in an envelope; or an object. */
static unsigned wrap(struct client *client, const struct run_reply *reply, uv_buf_t bufs[3])
{
    static const char before[] = "{\"ok\":true,\"result\":", after[] = "}\n";
    size_t n;
    if (reply->code == 0 && reply->page) {
        client->page = page_hold(reply->page);
        bufs[0] = uv_buf_init((char *)(uintptr_t)before, sizeof before - 1);
        bufs[1] = uv_buf_init(client->page->bytes, (unsigned)client->page->n - 1);
        bufs[2] = uv_buf_init((char *)(uintptr_t)after, sizeof after - 1);
        return 3;
    }
    json_t *object = run_reply_json(reply);
    char *text = json_print(object, JSON_COMPACT, &n);
    json_decref(object);
    client->reply = xrealloc(text, n + 1);
    client->reply[n] = '\n';
    bufs[0] = uv_buf_init(client->reply, (unsigned)n + 1);
    return 1;
}

static void client_send(struct client *client, const struct run_reply *reply)
{
    uv_buf_t bufs[3];
    unsigned n = wrap(client, reply, bufs);
    client->active_ms = clock_mono_ms();
    client->write.data = client;
    client->writing = true;
    if (uv_write(&client->write, (uv_stream_t *)&client->handle, bufs, n, on_written) != 0) {
        free_reply(client);
        client_close(client);
    }
}

static void on_reply(void *arg, const struct run_reply *reply)
{
    struct client *client = arg;
    client->waiting = false;
    if (client->closing)
        client_release(client);
    else
        client_send(client, reply);
}

static void client_fail(struct client *client, int code, const char *error)
{
    client_send(client, &(struct run_reply){.code = code, .error = error});
}

/* Requests */

static void client_request(struct client *client, const char *line, size_t n)
{
    struct ctl_request request;
    char error[CTL_TEXT_MAX];
    int code = request_parse(&request, line, n, error);
    if (code != 0) {
        client_fail(client, code, error);
        return;
    }
    const struct run_service *service = &client->socket->service;
    client->waiting = true;
    service->request(service->ctx, &request, client->who, on_reply, client);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct client *client = (struct client *)handle;
    uint32_t n;
    (void)hint;
    char *room = lines_room(&client->lines, &n);
    *buf = uv_buf_init(room, n);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *client = (struct client *)stream;
    (void)buf;
    if (n > 0)
        client->lines.n += (uint32_t)n, client->active_ms = clock_mono_ms();
    else if (n == UV_EOF)
        client->eof = true;
    else if (n < 0) {
        client_close(client);
        return;
    }
    uv_read_stop(stream);
    client_advance(client);
}

/** Goes on with a client that has nothing under way: next line, more bytes, or the end. */
static void client_advance(struct client *client)
{
    if (client->closing || client->waiting || client->writing)
        return;
    uint32_t n;
    const char *line = client->socket->closing ? NULL : lines_take(&client->lines, client->eof, &n);
    if (line) {
        client_request(client, line, n);
    } else if (!client->socket->closing && !client->eof && !lines_room(&client->lines, &n)) {
        client->lines.n = 0;
        client->eof = true; /* where the next request begins is unknown: answer, then close */
        uv_read_stop((uv_stream_t *)&client->handle);
        client_fail(client, E_RANGE, "the request is longer than 65536 bytes");
    } else if (client->eof || client->socket->closing) {
        client_close(client);
    } else {
        uv_read_start((uv_stream_t *)&client->handle, on_alloc, on_read);
    }
}

/* Connections */

static void name_peer(struct client *client)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    uv_os_fd_t fd;
    snprintf(client->who, sizeof client->who, "control socket");
    if (uv_fileno((uv_handle_t *)&client->handle, &fd) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        snprintf(client->who, sizeof client->who, "uid %u", (unsigned)peer.uid);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct control_socket *s = listener->data;
    struct client *client = xcalloc(1, sizeof *client);
    client->socket = s;
    client->next = s->clients;
    if (s->clients)
        s->clients->prev = client;
    s->clients = client;
    s->n_clients++;
    uv_pipe_init(s->loop, &client->handle, 0);
    if (status < 0 || uv_accept(listener, (uv_stream_t *)&client->handle) != 0) {
        client_close(client);
        return;
    }
    client->active_ms = clock_mono_ms();
    name_peer(client);
    if (s->n_clients > CLIENTS_MAX) {
        client->eof = true;
        client_fail(client, E_RANGE, "too many control connections, try again later");
    } else {
        client_advance(client);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct control_socket *s = timer->data;
    int64_t now_ms = clock_mono_ms();
    for (struct client *c = s->clients, *next; c; c = next) {
        next = c->next;
        if (s->closing || (!c->waiting && now_ms - c->active_ms > s->idle_ms))
            client_close(c);
    }
}

int control_socket_open(struct control_socket **out, const struct run_service *service,
                        uv_loop_t *loop, const char *path, const char *user, struct diags *diags)
{
    struct listen_socket place;
    int code = listen_unix(&place, path, user, diags);
    if (code != 0)
        return code;
    struct control_socket *s = xcalloc(1, sizeof *s);
    s->place = place;
    s->service = *service;
    s->loop = loop;
    s->path = xstrdup(path);
    s->n_handles = 2;
    uv_pipe_init(loop, &s->listener, 0);
    uv_timer_init(loop, &s->timer);
    s->listener.data = s->timer.data = s;
    int rc = uv_pipe_open(&s->listener, place.fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->listener, 64, on_connection);
    control_socket_set_idle(s, IDLE_MS);
    if (rc == 0) {
        *out = s;
        return 0;
    }
    diag_error(diags, (struct span){0}, "control socket %s: %s", path, uv_strerror(rc));
    control_socket_close(s, NULL, NULL);
    return E_SYSTEM;
}

void control_socket_set_idle(struct control_socket *s, int64_t idle_ms)
{
    s->idle_ms = idle_ms;
    uv_timer_start(&s->timer, on_timer, (uint64_t)idle_ms / 4, (uint64_t)idle_ms / 4);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct control_socket *s = handle->data;
    s->n_handles--;
    socket_finish(s);
}

static void on_patience_over(uv_timer_t *timer)
{
    on_timer(timer);
    uv_close((uv_handle_t *)timer, on_handle_closed);
}

void control_socket_close(struct control_socket *s, void (*done)(void *arg), void *arg)
{
    s->closing = true;
    s->done = done;
    s->arg = arg;
    if (!listen_unix_remove(&s->place))
        log_warning("control socket %s: cannot be removed", s->path);
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    for (struct client *c = s->clients, *next; c; c = next) {
        next = c->next;
        client_advance(c); /* closes those that have nothing under way */
    }
    uv_timer_start(&s->timer, on_patience_over, s->clients ? CLOSE_MS : 0, 0);
}

const char *control_socket_path(const struct control_socket *s)
{
    return s->path;
}
