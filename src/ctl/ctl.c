/* SPDX-License-Identifier: Apache-2.0
 * The operator's side of the daemon: opens, moves and closes its listeners. */
#include "ctl/ctl.h"

#include "base/arena.h"
#include "control/token.h"
#include "ctl/http.h"
#include "ctl/run.h"
#include "ctl/socket.h"

#include <stdlib.h>

struct ctl {
    uv_loop_t *loop;
    struct run *run;
    struct run_service service;
    struct control_server *socket; /* NULL: none is configured */
    struct http *http;             /* NULL: none is configured */
    unsigned n_open;               /* parts that are open or closing */
    bool stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* Ends */

static void on_part_closed(void *arg)
{
    struct ctl *ctl = arg;
    if (--ctl->n_open || !ctl->stopping)
        return;
    if (ctl->done)
        ctl->done(ctl->done_ctx);
    run_free(ctl->run);
    free(ctl);
}

static void close_socket(struct ctl *ctl, struct control_server *socket)
{
    if (socket)
        control_server_close(socket, on_part_closed, ctl);
}

/** When the request for the very reload that moves it has had its answer. */
static void close_http(struct ctl *ctl, struct http *http)
{
    if (http)
        http_close(http, on_part_closed, ctl);
}

/* Opening */

static int open_socket(struct ctl *ctl, struct control_server **out, const struct model *model,
                       struct diags *diags)
{
    const struct control_handler handler = socket_handler(&ctl->service);
    int code = model->control ? control_server_open(out, &handler, ctl->loop, model->control,
                                                    model->server.user, diags)
                              : 0;
    ctl->n_open += *out != NULL;
    return code;
}

static int open_http(struct ctl *ctl, struct http **out, const struct model *model,
                     struct diags *diags)
{
    int code = http_open(out, &ctl->service, run_pages(ctl->run), ctl->loop, model, diags);
    ctl->n_open += *out != NULL;
    return code;
}

static void watch_token(struct ctl *ctl)
{
    const struct token none = {0};
    run_watch_token(ctl->run, ctl->http ? http_token(ctl->http) : &none);
}

int ctl_check(const struct model *model, struct diags *diags)
{
    struct token token;
    const char *path = model->http.enabled ? model->http.token_file : NULL;
    return path ? token_read(&token, path, model->http.token_at, diags) : 0;
}

int ctl_start(struct ctl **out, uv_loop_t *loop, const struct model *model,
              const struct ctl_host *host, struct diags *diags)
{
    struct ctl *ctl = xcalloc(1, sizeof *ctl);
    ctl->loop = loop;
    ctl->run = run_new(loop, host);
    ctl->service = run_service(ctl->run);
    ctl->n_open = 1;
    int code = open_socket(ctl, &ctl->socket, model, diags);
    if (code == 0)
        code = open_http(ctl, &ctl->http, model, diags);
    watch_token(ctl);
    if (code == 0) {
        *out = ctl;
        return 0;
    }
    ctl_stop(ctl, NULL, NULL);
    return code;
}

/* Following a reload: all that can fail comes before what cannot be undone. */

static bool socket_moves(const struct ctl *ctl, const struct model *model)
{
    const char *path = ctl->socket ? control_server_path(ctl->socket) : NULL;
    return !path != !model->control || (path && strcmp(path, model->control) != 0);
}

int ctl_reload(struct ctl *ctl, const struct model *model, struct diags *diags)
{
    struct control_server *socket = NULL;
    struct http *http = NULL;
    bool moves_socket = socket_moves(ctl, model);
    bool moves_http = ctl->http ? http_moves(ctl->http, model) : model->http.enabled;
    int code = moves_socket ? open_socket(ctl, &socket, model, diags) : 0;
    if (code == 0 && moves_http)
        code = open_http(ctl, &http, model, diags);
    else if (code == 0 && ctl->http)
        code = http_follow(ctl->http, model, diags);
    if (code != 0) {
        close_socket(ctl, socket);
        return code;
    }
    if (moves_socket) {
        close_socket(ctl, ctl->socket);
        ctl->socket = socket;
    }
    if (moves_http) {
        close_http(ctl, ctl->http);
        ctl->http = http;
    }
    watch_token(ctl);
    return 0;
}

void ctl_stop(struct ctl *ctl, void (*done)(void *ctx), void *ctx)
{
    ctl->stopping = true;
    ctl->done = done;
    ctl->done_ctx = ctx;
    close_socket(ctl, ctl->socket);
    close_http(ctl, ctl->http);
    run_stop(ctl->run, on_part_closed, ctl);
}

void ctl_tiers_changed(struct ctl *ctl)
{
    run_tiers_changed(ctl->run);
}

void ctl_anycast_changed(struct ctl *ctl)
{
    run_anycast_changed(ctl->run);
}
