/* SPDX-License-Identifier: Apache-2.0
 * The server of the control protocol: its listener, its place in the file system, its end. */
#include "control/server.h"

#include "base/log.h"
#include "control/listen.h"
#include "control/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_MS 60000 /* a client that says nothing, or takes nothing, for so long is dropped */
#define CLOSE_MS 1000

struct control_server {
    struct peers peers;
    int64_t idle_ms;
    uv_pipe_t listener;
    uv_timer_t timer; /* idle clients; when closing: the end of patience */
    unsigned n_parts; /* that are to be closed: two handles, the names */
    void (*done)(void *arg);
    void *arg;
    struct listen_socket place;
    char *path;
};

static void finish(void *arg)
{
    struct control_server *s = arg;
    if (s->n_parts || s->peers.n)
        return;
    if (s->done)
        s->done(s->arg);
    free(s->path);
    free(s);
}

static void on_part_closed(void *arg)
{
    struct control_server *s = arg;
    s->n_parts--;
    finish(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct control_server *s = listener->data;
    if (status == 0)
        peers_accept(&s->peers, listener);
}

static void on_timer(uv_timer_t *timer)
{
    struct control_server *s = timer->data;
    peers_end_idle(&s->peers, s->idle_ms);
}

static int serve(struct control_server **out, const struct control_handler *handler,
                 uv_loop_t *loop, const char *path, struct listen_socket place, struct diags *diags)
{
    struct control_server *s = xcalloc(1, sizeof *s);
    s->place = place;
    s->path = xstrdup(path);
    s->n_parts = 3;
    s->peers = (struct peers){.loop = loop,
                              .handler = *handler,
                              .names = names_new(loop, NULL),
                              .requests.max_b = PEERS_REQUESTS_B,
                              .released = finish,
                              .arg = s};
    uv_pipe_init(loop, &s->listener, 0);
    uv_timer_init(loop, &s->timer);
    s->listener.data = s->timer.data = s;
    int rc = uv_pipe_open(&s->listener, place.fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->listener, 64, on_connection);
    control_server_set_idle(s, IDLE_MS);
    if (rc == 0) {
        *out = s;
        return 0;
    }
    diag_error(diags, (struct span){0}, "control socket %s: %s", path, uv_strerror(rc));
    control_server_close(s, NULL, NULL);
    return E_SYSTEM;
}

int control_server_open(struct control_server **out, const struct control_handler *handler,
                        uv_loop_t *loop, const char *path, const char *user, struct diags *diags)
{
    struct listen_socket place;
    int code = listen_unix(&place, path, user, diags);
    return code == 0 ? serve(out, handler, loop, path, place, diags) : code;
}

int control_server_adopt(struct control_server **out, const struct control_handler *handler,
                         uv_loop_t *loop, const char *path, int fd, struct diags *diags)
{
    struct listen_socket place;
    if (listen_unix_adopt(&place, path, fd) == 0)
        return serve(out, handler, loop, path, place, diags);
    diag_error(diags, (struct span){0}, "control socket %s: cannot be taken over: %s", path,
               strerror(errno));
    close(fd);
    return E_SYSTEM;
}

int control_server_fd(const struct control_server *s)
{
    return s->place.fd;
}

void control_server_expect(struct control_server *s, unsigned n)
{
    s->peers.n_staying = n;
}

void control_server_set_idle(struct control_server *s, int64_t idle_ms)
{
    s->idle_ms = idle_ms;
    uv_timer_start(&s->timer, on_timer, (uint64_t)idle_ms / 4, (uint64_t)idle_ms / 4);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct control_server *s = timer->data;
    peers_end(&s->peers);
    uv_close((uv_handle_t *)timer, on_handle_closed);
}

static void close_all(struct control_server *s)
{
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    peers_close(&s->peers);
    names_close(s->peers.names, on_part_closed, s);
    uv_timer_start(&s->timer, on_patience_over, s->peers.first ? CLOSE_MS : 0, 0);
}

void control_server_close(struct control_server *s, void (*done)(void *arg), void *arg)
{
    s->done = done;
    s->arg = arg;
    if (!listen_unix_remove(&s->place))
        log_warning("control socket %s: cannot be removed", s->path);
    close_all(s);
}

void control_server_leave(struct control_server *s)
{
    listen_unix_leave(&s->place);
    close_all(s);
}

const char *control_server_path(const struct control_server *s)
{
    return s->path;
}
