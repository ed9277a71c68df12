/* SPDX-License-Identifier: Apache-2.0
 * The HTTP listener. */
#include "ctl/http.h"

#include "base/arena.h"
#include "base/log.h"
#include "ctl/http_path.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOSE_MS 1000 /* for what is being answered, when we stop */

static const struct http_times times_default = {
    .request = 15000,
    .crowded = 3000,
    .response = 60000,
    .grace = 2000,
    .linger = 2000,
    .tick = 1000,
};

struct http {
    struct http_site site;
    struct http_conns conns;
    struct pages *pages;
    struct arena *arena; /* of site.hosts */
    uint16_t port;
    uv_tcp_t listener;
    uv_timer_t reaper; /* when closing: the end of patience */
    unsigned n_open;   /* handles, and the connections together as one */
    void (*done)(void *arg);
    void *arg;
};

static void on_connection(uv_stream_t *listener, int status)
{
    struct http *http = listener->data;
    if (status == 0)
        http_conns_accept(&http->conns, listener);
}

static void on_reap(uv_timer_t *timer)
{
    struct http *http = timer->data;
    http_conns_reap(&http->conns);
}

static void on_spent(void *arg)
{
    struct http *http = arg;
    http_conns_reclaim(&http->conns, pages_budget(http->pages));
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
        bind(fd, (const struct sockaddr *)&sa, len) == 0)
        return fd;
    diag_error(diags, at, "'http': cannot listen on %s: %s", ip_port_text(text, addr, port),
               strerror(errno));
    if (fd >= 0)
        close(fd);
    return E_SYSTEM;
}

static int read_token(struct token *token, const struct model *model, struct diags *diags)
{
    const char *path = model->http.token_file;
    *token = (struct token){0};
    return path ? token_read(token, path, model->http.token_at, diags) : 0;
}

/** Copies what a model that may be gone earlier says. */
static void take_hosts(struct http *http, const struct model *model)
{
    arena_free(http->arena);
    http->arena = arena_new();
    const struct str_list *from = &model->http.hosts;
    const char **v = arena_calloc(http->arena, from->n + 1, sizeof *v);
    for (uint32_t i = 0; i < from->n; i++)
        v[i] = arena_strdup(http->arena, from->v[i]);
    http->site.hosts = (struct str_list){v, from->n};
}

static void init_handles(struct http *http, uv_loop_t *loop)
{
    http->n_open = 3;
    http->listener.data = http->reaper.data = http;
    uv_tcp_init(loop, &http->listener);
    uv_timer_init(loop, &http->reaper);
    http_set_times(http, &times_default);
}

static uint16_t port_of(const uv_tcp_t *listener)
{
    struct sockaddr_storage sa = {0};
    int len = sizeof sa;
    uint16_t port = 0;
    if (uv_tcp_getsockname(listener, (struct sockaddr *)&sa, &len) == 0)
        (void)ip_from_sockaddr((const struct sockaddr *)&sa, &port);
    return port;
}

int http_open(struct http **out, const struct run_service *service, struct pages *pages,
              uv_loop_t *loop, const struct model *model, struct diags *diags)
{
    struct token token;
    if (!model->http.enabled)
        return 0;
    int code = read_token(&token, model, diags);
    int fd = code == 0
                 ? listen_on(&model->http.addr, model->http.port, model->http.listen_at, diags)
                 : code;
    if (fd < 0)
        return fd;
    struct http *http = xcalloc(1, sizeof *http);
    http->site =
        (struct http_site){.service = *service, .token = token, .listens = model->http.addr};
    http->conns = (struct http_conns){
        .loop = loop, .site = &http->site, .longs = {.max = http_path_body_max}};
    http->pages = pages;
    http->port = model->http.port;
    take_hosts(http, model);
    init_handles(http, loop);
    int rc = uv_tcp_open(&http->listener, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&http->listener, 128, on_connection);
    if (rc != 0) {
        char text[IP_PORT_TEXT_MAX];
        diag_error(diags, model->http.listen_at, "'http': cannot listen on %s: %s",
                   ip_port_text(text, &model->http.addr, model->http.port), uv_strerror(rc));
        http_close(http, NULL, NULL);
        return E_SYSTEM;
    }
    pages_on_spent(pages, on_spent, http);
    *out = http;
    return 0;
}

uint16_t http_port(const struct http *http)
{
    return port_of(&http->listener);
}

const struct token *http_token(const struct http *http)
{
    return &http->site.token;
}

void http_set_times(struct http *http, const struct http_times *times)
{
    http->conns.times = *times;
    uv_timer_start(&http->reaper, on_reap, (uint64_t)times->tick, (uint64_t)times->tick);
}

/* Following a reload */

bool http_moves(const struct http *http, const struct model *model)
{
    return !model->http.enabled || http->port != model->http.port ||
           !ip_equal(&http->site.listens, &model->http.addr);
}

int http_follow(struct http *http, const struct model *model, struct diags *diags)
{
    struct token token;
    int code = read_token(&token, model, diags);
    if (code != 0)
        return code;
    http->site.token = token;
    take_hosts(http, model);
    return 0;
}

/* Closing */

static void on_part_closed(void *arg)
{
    struct http *http = arg;
    if (--http->n_open)
        return;
    if (http->done)
        http->done(http->arg);
    arena_free(http->arena);
    free(http);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct http *http = timer->data;
    http_conns_end(&http->conns);
    uv_close((uv_handle_t *)timer, on_handle_closed);
}

static void on_conns_closed(void *arg)
{
    struct http *http = arg;
    if (!uv_is_closing((uv_handle_t *)&http->reaper))
        uv_close((uv_handle_t *)&http->reaper, on_handle_closed);
    on_part_closed(http);
}

void http_close(struct http *http, void (*done)(void *arg), void *arg)
{
    http->done = done;
    http->arg = arg;
    http->site.retired = true;
    pages_on_spent(http->pages, NULL, http);
    uv_close((uv_handle_t *)&http->listener, on_handle_closed);
    uv_timer_start(&http->reaper, on_patience_over, CLOSE_MS, 0);
    http_conns_close(&http->conns, on_conns_closed, http);
}
