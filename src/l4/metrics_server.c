/* SPDX-License-Identifier: Apache-2.0
 * Requests for metrics. */
#include "l4/metrics_server.h"

#include "base/arena.h"
#include "base/clock.h"
#include "control/http_head.h"
#include "control/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 32
#define HEAD_MS 2000  /* for a request to come .. */
#define ALL_MS 10000  /* .. and its response to be taken */
#define FRESH_MS 1000 /* what was written is good for so long */
#define TICK_MS 500
#define BACKLOG 16

struct connection {
    uv_tcp_t handle; /* first */
    struct metrics_server *server;
    struct connection *next;
    int64_t since_ms;
    uv_write_t write;
    struct buf head; /* of the response */
    struct page *page;
    struct http_scan scan;
    uint32_t n;
    bool answered, closing;
    char bytes[HTTP_HEAD_MAX];
};

struct metrics_server {
    uv_tcp_t listener; /* first */
    uv_timer_t timer;
    uv_loop_t *loop;
    metrics_write_fn *text;
    void *ctx;
    struct ip addr;
    uint16_t port;
    struct page_budget budget; /* each page is shared: nothing is refused by it */
    struct page *page;         /* as it was written last */
    int64_t page_at_ms;
    struct connection *first; /* the newest */
    unsigned n, n_parts;      /* connections; handles of our own that are open */
};

static void finish(struct metrics_server *server)
{
    if (server->n > 0 || server->n_parts > 0)
        return;
    page_release(server->page);
    free(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = (struct connection *)handle;
    struct metrics_server *server = c->server;
    struct connection **at = &server->first;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    server->n--;
    page_release(c->page);
    buf_free(&c->head);
    free(c);
    finish(server);
}

static void end(struct connection *c)
{
    if (!c->closing)
        uv_close((uv_handle_t *)&c->handle, on_closed);
    c->closing = true;
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    end(write->data);
}

/** Takes over the hold of a page. */
static void respond(struct connection *c, const char *status, const char *more, struct page *page,
                    bool with_body)
{
    buf_printf(&c->head,
               "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
               "Content-Length: %zu\r\n%sConnection: close\r\n\r\n",
               status, page->n, more);
    c->page = page;
    c->answered = true;
    uv_read_stop((uv_stream_t *)&c->handle);
    const uv_buf_t out[] = {uv_buf_init(c->head.p, (unsigned)c->head.n),
                            uv_buf_init(page->bytes, (unsigned)page->n)};
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->handle, out, with_body && page->n ? 2 : 1,
                 on_written) != 0)
        end(c);
}

static struct page *page_of(struct metrics_server *server, struct buf *text)
{
    return page_new(&server->budget, 0, text->p, text->n);
}

static void refuse(struct connection *c, const char *status, const char *more, const char *why)
{
    struct buf text = {0};
    buf_printf(&text, "%s\n", why);
    respond(c, status, more, page_of(c->server, &text), true);
}

/** Clients that ask within a second are given the same. */
static struct page *page_now(struct metrics_server *server)
{
    int64_t now_ms = clock_mono_ms();
    if (!server->page || now_ms - server->page_at_ms >= FRESH_MS) {
        struct buf text = {0};
        server->text(server->ctx, &text);
        page_release(server->page);
        server->page = page_of(server, &text);
        server->page_at_ms = now_ms;
    }
    return page_hold(server->page);
}

static void serve(struct connection *c, const struct http_head *head)
{
    bool is_head = strcmp(head->method, "HEAD") == 0;
    if (strcmp(head->path, "/metrics") != 0)
        refuse(c, "404 Not Found", "", "there is /metrics");
    else if (!is_head && strcmp(head->method, "GET") != 0)
        refuse(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "/metrics takes GET");
    else
        respond(c, "200 OK", "", page_now(c->server), !is_head);
}

static void take(struct connection *c)
{
    struct http_head head;
    const char *error;
    int n = http_head_find(&c->scan, c->bytes, c->n);
    if (n == 0 && c->n < sizeof c->bytes)
        return; /* more comes */
    if (n == 0)
        refuse(c, "431 Request Header Fields Too Large", "", "the head is too long");
    else if (n < 0 || http_head_read(&head, c->bytes, (size_t)n, &error) != 0)
        refuse(c, "400 Bad Request", "", "this is no request of HTTP/1");
    else
        serve(c, &head);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct connection *c = (struct connection *)handle;
    (void)hint;
    *buf = uv_buf_init(c->bytes + c->n, (unsigned)(sizeof c->bytes - c->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = (struct connection *)stream;
    (void)buf;
    if (n < 0) {
        end(c);
    } else if (n > 0) {
        c->n += (uint32_t)n;
        take(c);
    }
}

/** So that those who say nothing keep nobody out. */
static void end_oldest(struct metrics_server *server)
{
    struct connection *oldest = NULL;
    unsigned n = 0;
    for (struct connection *c = server->first; c; c = c->next)
        if (!c->closing) {
            oldest = c;
            n++;
        }
    if (n > CONNECTIONS_MAX)
        end(oldest);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct metrics_server *server = (struct metrics_server *)listener;
    if (status != 0)
        return;
    struct connection *c = xcalloc(1, sizeof *c);
    c->server = server;
    c->since_ms = clock_mono_ms();
    c->next = server->first;
    server->first = c;
    server->n++;
    uv_tcp_init(server->loop, &c->handle);
    if (uv_accept(listener, (uv_stream_t *)&c->handle) != 0 ||
        uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read) != 0)
        end(c);
    end_oldest(server);
}

static void on_timer(uv_timer_t *timer)
{
    struct metrics_server *server = timer->data;
    int64_t now_ms = clock_mono_ms();
    for (struct connection *c = server->first; c; c = c->next)
        if (now_ms - c->since_ms > (c->answered ? ALL_MS : HEAD_MS))
            end(c);
}

static int listen_on(struct metrics_server *server, int fd)
{
    struct sockaddr_storage sa;
    ip_to_sockaddr(&sa, &server->addr, server->port);
    int rc = fd >= 0 ? uv_tcp_open(&server->listener, fd)
                     : uv_tcp_bind(&server->listener, (const struct sockaddr *)&sa, 0);
    return rc == 0 ? uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection) : rc;
}

/** The addresses of `before` and of this one may overlap on one port. While `before` does not
 *  listen both may be bound; when this one fails it listens again. */
static int listen_in_place(struct metrics_server *server, int fd,
                           const struct metrics_server *before)
{
    int rc = listen_on(server, fd);
    if (rc != UV_EADDRINUSE || !before || before->port != server->port)
        return rc;
    (void)shutdown(metrics_server_fd(before), SHUT_RD);
    rc = listen_on(server, fd);
    if (rc != 0)
        (void)listen(metrics_server_fd(before), BACKLOG);
    return rc;
}

int metrics_server_open(struct metrics_server **out, uv_loop_t *loop,
                        const struct l4_config *config, int fd, const struct metrics_server *before,
                        metrics_write_fn *write, void *ctx, struct diags *diags)
{
    char text[IP_PORT_TEXT_MAX];
    if (config->metrics_addr.family == IP_NONE)
        return 0;
    struct metrics_server *server = xcalloc(1, sizeof *server);
    *server = (struct metrics_server){.loop = loop,
                                      .text = write,
                                      .ctx = ctx,
                                      .addr = config->metrics_addr,
                                      .port = config->metrics_port,
                                      .n_parts = 2};
    uv_tcp_init(loop, &server->listener);
    uv_timer_init(loop, &server->timer);
    server->timer.data = server;
    uv_timer_start(&server->timer, on_timer, TICK_MS, TICK_MS);
    int rc = listen_in_place(server, fd, before);
    if (rc == 0) {
        *out = server;
        return 0;
    }
    diag_error(diags, config->metrics_at, "metrics: cannot listen on %s: %s",
               ip_port_text(text, &server->addr, server->port), uv_strerror(rc));
    metrics_server_close(server);
    return E_SYSTEM;
}

int metrics_server_fd(const struct metrics_server *server)
{
    uv_os_fd_t fd = -1;
    (void)uv_fileno((const uv_handle_t *)&server->listener, &fd);
    return fd;
}

bool metrics_server_fits(const struct metrics_server *server, const struct l4_config *config)
{
    if (!server)
        return config->metrics_addr.family == IP_NONE;
    return ip_equal(&server->addr, &config->metrics_addr) && server->port == config->metrics_port;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct metrics_server *server = (struct metrics_server *)handle;
    server->n_parts--;
    finish(server);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct metrics_server *server = handle->data;
    server->n_parts--;
    finish(server);
}

void metrics_server_close(struct metrics_server *server)
{
    if (!server)
        return;
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
    uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    for (struct connection *c = server->first; c; c = c->next)
        end(c);
}
