/* SPDX-License-Identifier: Apache-2.0
 * The HTTP listener: libmicrohttpd on the uv loop, connections and their deadlines.
 *
 * The library's own time-out is for silence only: a client that sends a byte now and then would
 * keep a connection for ever. So every connection has a deadline, which moves on only when a
 * request is complete or its response begins, and a reaper that enforces it. */
#include "ctl/http.h"

#include "base/clock.h"
#include "base/log.h"
#include "ctl/dashboard.h"
#include "ctl/http_route.h"
#include "ctl/json.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define PER_ADDRESS_MAX 64
#define REQUEST_MS 15000  /* for a request to arrive whole, and between two of them */
#define RESPONSE_MS 60000 /* for a response to be taken */
#define REAP_MS 1000
#define RETIRE_MS 2000 /* for the responses of a listener that is moved */

struct connection {
    struct connection *prev, *next;
    int fd;
    int64_t deadline_ms;
};

struct http {
    struct ctl *ctl;
    struct MHD_Daemon *daemon;
    struct token token;
    struct ip addr;
    uint16_t port;
    uv_poll_t poll;   /* the daemon's epoll descriptor */
    uv_timer_t timer; /* when the daemon wants to run without an event */
    uv_timer_t reaper;
    unsigned n_handles;
    bool retired; /* another listener has its place: new requests are turned away */
    bool closing;
    struct connection *connections;
    struct request *waiting; /* suspended connections */
    void (*done)(void *arg);
    void *arg;
};

/** A request while it lasts; its connection may go before its answer comes, and the other way. */
struct request {
    struct request *prev, *next; /* in http.waiting */
    struct http *http;
    struct MHD_Connection *connection; /* NULL: gone */
    struct connection *record;
    struct http_response response;
    bool routed, responded, suspended, too_long;
    bool cut; /* the listener closes: `response` says so, the real one will be dropped */
    char who[IP_TEXT_MAX + 8];
    size_t body_len;
    char body[HTTP_BODY_MAX];
};

/* The daemon and the loop */

static void on_timer(uv_timer_t *timer);

static void schedule(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (http->closing)
        return;
    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
        uv_timer_start(&http->timer, on_timer, ms, 0);
    else
        uv_timer_stop(&http->timer);
}

static void run_daemon(struct http *http)
{
    if (http->closing)
        return;
    MHD_run(http->daemon);
    schedule(http);
}

static void on_timer(uv_timer_t *timer)
{
    run_daemon(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run_daemon(poll->data);
}

/* Connections */

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    struct connection *c = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        c = xcalloc(1, sizeof *c);
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        c->deadline_ms = clock_mono_ms() + REQUEST_MS;
        c->next = http->connections;
        if (c->next)
            c->next->prev = c;
        http->connections = c;
        *context = c;
        return;
    }
    *(c->prev ? &c->prev->next : &http->connections) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    free(c);
    *context = NULL;
}

static void on_reap(uv_timer_t *timer)
{
    struct http *http = timer->data;
    int64_t now_ms = clock_mono_ms();
    for (struct connection *c = http->connections; c; c = c->next)
        if (now_ms > c->deadline_ms)
            shutdown(c->fd, SHUT_RDWR); /* the daemon sees the end, and cleans up */
}

/* Responses */

static void add_headers(struct MHD_Response *to, const struct http_response *response)
{
    MHD_add_response_header(to, "Content-Type", response->type);
    MHD_add_response_header(to, "Cache-Control", "no-store");
    MHD_add_response_header(to, "X-Content-Type-Options", "nosniff");
    if (response->page) {
        MHD_add_response_header(to, "Content-Security-Policy", dashboard_policy());
        MHD_add_response_header(to, "Referrer-Policy", "no-referrer");
    }
    if (response->allow)
        MHD_add_response_header(to, "Allow", response->allow);
    if (response->challenge)
        MHD_add_response_header(to, "WWW-Authenticate", "Bearer realm=\"loadstar\"");
}

static enum MHD_Result queue_response(struct request *request)
{
    struct http_response *r = &request->response;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(r->body_len, r->body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    r->body = NULL;
    add_headers(response, r);
    request->record->deadline_ms = clock_mono_ms() + RESPONSE_MS;
    enum MHD_Result result = MHD_queue_response(request->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return result;
}

static void unlist(struct request *request)
{
    struct http *http = request->http;
    *(request->prev ? &request->prev->next : &http->waiting) = request->next;
    if (request->next)
        request->next->prev = request->prev;
    request->suspended = false;
}

static void request_free(struct request *request)
{
    free(request->response.body);
    free(request);
}

static void on_response(void *arg, struct http_response response)
{
    struct request *request = arg;
    free(request->response.body);
    request->response = response;
    request->responded = true;
    if (!request->connection) {
        request_free(request);
        return;
    }
    if (!request->suspended)
        return;
    unlist(request);
    MHD_resume_connection(request->connection);
    uv_timer_start(&request->http->timer, on_timer, 0, 0);
}

/* Requests */

struct query {
    json_t *object;
    bool twice;
};

static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                   const char *value)
{
    struct query *query = cls;
    (void)kind;
    if (json_object_get(query->object, key))
        query->twice = true;
    else
        json_set_text(query->object, key, value ? value : "");
    return MHD_YES;
}

static void route(struct request *request, const char *url, const char *method)
{
    request->routed = true;
    if (request->http->retired) {
        on_response(request, http_error(503, "this listener is closing"));
        return;
    }
    struct query query = {json_object(), false};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, on_argument, &query);
    struct http_request asked = {
        .method = method,
        .path = url,
        .authorization = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_AUTHORIZATION),
        .query = query.twice ? NULL : query.object,
        .body = request->body,
        .body_len = request->body_len,
        .body_too_long = request->too_long,
        .who = request->who,
    };
    http_route(request->http->ctl, &request->http->token, &asked, on_response, request);
    json_decref(query.object);
}

static struct request *request_new(struct http *http, struct MHD_Connection *connection)
{
    struct request *request = xcalloc(1, sizeof *request);
    char text[IP_TEXT_MAX];
    request->http = http;
    request->connection = connection;
    request->record =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    const struct sockaddr *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    uint16_t port;
    struct ip ip = ip_from_sockaddr(peer, &port);
    snprintf(request->who, sizeof request->who, "http %s", ip_text(text, &ip));
    return request;
}

static void take_body(struct request *request, const char *data, size_t *n)
{
    if (request->body_len + *n > sizeof request->body)
        request->too_long = true; /* the rest is read and dropped, so that the answer arrives */
    else
        memcpy(request->body + request->body_len, data, *n), request->body_len += *n;
    *n = 0;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **context)
{
    struct http *http = cls;
    struct request *request = *context;
    (void)version;
    if (!request) { /* the header is there, a body may follow */
        *context = request_new(http, connection);
        return MHD_YES;
    }
    if (*n) {
        take_body(request, data, n);
        return MHD_YES;
    }
    if (!request->routed)
        route(request, url, method);
    if (request->responded || request->cut)
        return queue_response(request);
    if (!request->suspended) {
        request->suspended = true;
        request->next = http->waiting;
        if (request->next)
            request->next->prev = request;
        http->waiting = request;
        request->record->deadline_ms = INT64_MAX;
        MHD_suspend_connection(connection);
    }
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *context;
    (void)cls, (void)connection, (void)code;
    if (!request)
        return;
    request->record->deadline_ms = clock_mono_ms() + REQUEST_MS;
    request->connection = NULL;
    *context = NULL;
    if (!request->routed || request->responded)
        request_free(request);
}

/* Listening */

static int listen_on(const struct ip *addr, uint16_t port, struct span at, struct diags *diags)
{
    struct sockaddr_storage sa;
    char text[IP_PORT_TEXT_MAX];
    const int one = 1;
    socklen_t len = ip_to_sockaddr(&sa, addr, port);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, (const struct sockaddr *)&sa, len) == 0 && listen(fd, 128) == 0)
        return fd;
    diag_error(diags, at, "'http': cannot listen on %s: %s", ip_port_text(text, addr, port),
               strerror(errno));
    if (fd >= 0)
        close(fd);
    return E_SYSTEM;
}

static struct MHD_Daemon *start_daemon(struct http *http, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
                            http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                            (unsigned)PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)REQUEST_MS / 1000, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)32768, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

static int read_token(struct token *token, const struct model *model, struct diags *diags)
{
    const char *path = model->http.token_file;
    *token = (struct token){0};
    return path ? token_read(token, path, model->http.token_at, diags) : 0;
}

static void watch(struct http *http, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    http->n_handles = 3;
    http->poll.data = http->timer.data = http->reaper.data = http;
    uv_poll_init(loop, &http->poll, info->epoll_fd);
    uv_poll_start(&http->poll, UV_READABLE, on_poll);
    uv_timer_init(loop, &http->timer);
    uv_timer_init(loop, &http->reaper);
    uv_timer_start(&http->reaper, on_reap, REAP_MS, REAP_MS);
}

int http_open(struct http **out, struct ctl *ctl, uv_loop_t *loop, const struct model *model,
              struct diags *diags)
{
    struct token token;
    *out = NULL;
    if (!model->http.enabled)
        return 0;
    int code = read_token(&token, model, diags);
    int fd = code == 0
                 ? listen_on(&model->http.addr, model->http.port, model->http.listen_at, diags)
                 : code;
    if (fd < 0)
        return fd;
    struct http *http = xcalloc(1, sizeof *http);
    http->ctl = ctl;
    http->token = token;
    http->addr = model->http.addr;
    http->port = model->http.port;
    http->daemon = start_daemon(http, fd);
    if (!http->daemon) {
        diag_error(diags, model->http.listen_at, "'http': the server cannot be started");
        close(fd);
        free(http);
        return E_SYSTEM;
    }
    watch(http, loop);
    *out = http;
    return 0;
}

/* Closing */

static void on_closed(uv_handle_t *handle)
{
    struct http *http = handle->data;
    if (--http->n_handles)
        return;
    /* The descriptor is watched no more: now the daemon may close it. */
    MHD_stop_daemon(http->daemon);
    if (http->done)
        http->done(http->arg);
    free(http);
}

void http_close(struct http *http, void (*done)(void *arg), void *arg)
{
    http->done = done;
    http->arg = arg;
    /* A daemon with suspended connections cannot be stopped: theirs get the answer now. */
    bool run = http->waiting != NULL;
    while (http->waiting) {
        struct request *request = http->waiting;
        unlist(request);
        request->cut = true;
        request->response = http_error(503, "loadstard stops");
        MHD_resume_connection(request->connection);
    }
    if (run)
        MHD_run(http->daemon);
    http->closing = true;
    uv_close((uv_handle_t *)&http->poll, on_closed);
    uv_close((uv_handle_t *)&http->timer, on_closed);
    uv_close((uv_handle_t *)&http->reaper, on_closed);
}

/* Following a reload */

static void on_retired(uv_timer_t *timer)
{
    http_close(timer->data, NULL, NULL);
}

/** Closes it after a while: the request for the very reload that moves it awaits its answer. */
static void http_retire(struct http *http)
{
    int fd = MHD_quiesce_daemon(http->daemon);
    if (fd >= 0)
        close(fd);
    http->retired = true;
    uv_timer_start(&http->reaper, on_retired, RETIRE_MS, 0);
}

int http_reload(struct http **http, struct ctl *ctl, uv_loop_t *loop, const struct model *model,
                struct diags *diags)
{
    struct http *before = *http, *next = NULL;
    if (before && model->http.enabled && before->port == model->http.port &&
        ip_equal(&before->addr, &model->http.addr)) {
        struct token token;
        int code = read_token(&token, model, diags);
        if (code == 0)
            before->token = token;
        return code;
    }
    int code = http_open(&next, ctl, loop, model, diags);
    if (code != 0)
        return code;
    *http = next;
    if (before)
        http_retire(before);
    return 0;
}
