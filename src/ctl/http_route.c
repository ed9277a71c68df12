/* SPDX-License-Identifier: Apache-2.0
 * What the HTTP listener serves: a table of paths. Reading needs nothing but access to the
 * listener; changing needs the bearer token. That also answers requests forged across sites: a page
 * elsewhere cannot know the token, and no CORS header ever lets it read what is here. */
#include "ctl/http_route.h"

#include "base/buf.h"
#include "ctl/dashboard.h"
#include "ctl/documents.h"
#include "ctl/json.h"
#include "ctl/later.h"
#include "out/metrics.h"

#include <stdio.h>
#include <stdlib.h>

enum route_kind { ROUTE_PAGE, ROUTE_METRICS, ROUTE_HEALTH, ROUTE_READ, ROUTE_STATE, ROUTE_RELOAD };

static const struct route {
    const char *path;
    enum route_kind kind;
    const char *command; /* ROUTE_READ */
} routes[] = {
    {"/", ROUTE_PAGE, NULL},
    {"/metrics", ROUTE_METRICS, NULL},
    {"/healthz", ROUTE_HEALTH, NULL},
    {"/api/v1/status", ROUTE_READ, "status"},
    {"/api/v1/pools", ROUTE_READ, "pools"},
    {"/api/v1/endpoints", ROUTE_READ, "endpoints"},
    {"/api/v1/sites", ROUTE_READ, "sites"},
    {"/api/v1/checks", ROUTE_READ, "checks"},
    {"/api/v1/explain", ROUTE_READ, "explain"},
    {"/api/v1/geo", ROUTE_READ, "geo"},
    {"/api/v1/events", ROUTE_READ, "events"},
    {"/api/v1/state", ROUTE_STATE, NULL},
    {"/api/v1/reload", ROUTE_RELOAD, NULL},
};

struct exchange {
    http_respond_fn *respond;
    void *arg;
};

/* Responses */

static struct http_response json_response(int status, const json_t *document)
{
    size_t n;
    char *text = json_print(document, JSON_COMPACT, &n);
    text = xrealloc(text, n + 2);
    memcpy(text + n, "\n", 2);
    return (struct http_response){
        .status = status, .type = "application/json", .body = text, .body_len = n + 1};
}

struct http_response http_error(int status, const char *error)
{
    json_t *document = json_object();
    json_set_text(document, "error", error);
    struct http_response response = json_response(status, document);
    json_decref(document);
    return response;
}

static void respond_error(const struct exchange *to, int status, const char *error)
{
    to->respond(to->arg, http_error(status, error));
}

static int status_of(int code)
{
    switch (code) {
    case 0:
        return 200;
    case E_NOTFOUND:
        return 404;
    case E_SYSTEM:
        return 500;
    default:
        return 400;
    }
}

static void respond_reply(const struct exchange *to, int status, const struct ctl_reply *reply)
{
    if (reply->code == 0) {
        to->respond(to->arg, json_response(200, reply->result));
        return;
    }
    json_t *document = json_object();
    json_set_text(document, "error", reply->error);
    if (reply->errors)
        json_object_set(document, "errors", reply->errors);
    to->respond(to->arg, json_response(status, document));
    json_decref(document);
}

static void on_reply(void *arg, const struct ctl_reply *reply)
{
    respond_reply(arg, status_of(reply->code), reply);
}

/* Routes */

static void serve_page(const struct exchange *to)
{
    to->respond(to->arg, (struct http_response){
                             .status = 200,
                             .type = "text/html; charset=utf-8",
                             .body = xstrdup(dashboard_html()),
                             .body_len = strlen(dashboard_html()),
                             .page = true,
                         });
}

static struct http_response metrics_page(const struct facts *facts, const char *pool)
{
    struct buf text = {0};
    (void)pool;
    metrics_text(&text, facts);
    return (struct http_response){
        .status = 200,
        .type = "text/plain; version=0.0.4; charset=utf-8",
        .body = text.p,
        .body_len = text.n,
    };
}

static struct http_response endpoints_page(const struct facts *facts, const char *name)
{
    char error[CTL_TEXT_MAX];
    uint32_t pool = name[0] ? model_find_pool(facts->generation->model, name) : MODEL_NONE;
    if (name[0] && pool == MODEL_NONE) {
        snprintf(error, sizeof error, CTL_NO_POOL, name);
        return http_error(404, error);
    }
    json_t *document = document_endpoints(facts, pool);
    struct http_response response = json_response(200, document);
    json_decref(document);
    return response;
}

static void serve_health(struct ctl *ctl, const struct exchange *to)
{
    bool serving = ctl_serving(ctl);
    json_t *document = json_object();
    json_set_bool(document, "serving", serving);
    if (!serving)
        json_set_text(document, "reason", "starting: not every probe has a first result yet");
    to->respond(to->arg, json_response(serving ? 200 : 503, document));
    json_decref(document);
}

/** Runs the request that `object` describes; takes over the object. */
static void run_object(struct ctl *ctl, const struct exchange *to, json_t *object, const char *who)
{
    struct ctl_request request;
    char error[CTL_TEXT_MAX];
    int code = request_from_json(&request, object, error);
    json_decref(object);
    if (code != 0)
        respond_error(to, 400, error);
    else if (request.command == CTL_ENDPOINTS)
        later_respond(ctl, endpoints_page, request.pool, to->respond, to->arg);
    else
        ctl_run(ctl, &request, who, on_reply, (void *)to);
}

static void serve_read(struct ctl *ctl, const struct exchange *to, const char *command,
                       const struct http_request *request)
{
    if (!request->query) {
        respond_error(to, 400, "an argument is given twice");
        return;
    }
    json_t *object = json_copy(request->query);
    json_set_text(object, "command", command);
    run_object(ctl, to, object, request->who);
}

/** {"target", "state", "for", "reason"} or {"target", "weight"}. */
static void serve_state(struct ctl *ctl, const struct exchange *to,
                        const struct http_request *request)
{
    json_error_t bad;
    char error[CTL_TEXT_MAX];
    json_t *object = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, &bad);
    if (!json_is_object(object) || json_object_get(object, "command")) {
        json_decref(object);
        snprintf(error, sizeof error, "body: %s; expected {\"target\": ..., \"state\": ...}",
                 object ? "not what is expected" : bad.text);
        respond_error(to, 400, error);
        return;
    }
    json_set_text(object, "command", json_object_get(object, "weight") ? "weight" : "set");
    run_object(ctl, to, object, request->who);
}

/* A reload answers later: its exchange is on the heap. */
static void on_reload_reply(void *arg, const struct ctl_reply *reply)
{
    struct exchange *to = arg;
    respond_reply(to, 422, reply);
    free(to);
}

/** No body, or {"force": BOOL}. */
static void serve_reload(struct ctl *ctl, const struct exchange *to,
                         const struct http_request *request)
{
    struct ctl_request reload = {.command = CTL_RELOAD};
    char error[CTL_TEXT_MAX];
    json_error_t bad;
    if (request->body_len > 0) {
        json_t *object = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, &bad);
        int code = json_is_object(object) && !json_object_get(object, "command") ? 0 : E_SYNTAX;
        if (code == 0) {
            json_set_text(object, "command", "reload");
            code = request_from_json(&reload, object, error);
        } else {
            snprintf(error, sizeof error, "body: expected none, or {\"force\": true}");
        }
        json_decref(object);
        if (code != 0) {
            respond_error(to, 400, error);
            return;
        }
    }
    struct exchange *waiting = xcalloc(1, sizeof *waiting);
    *waiting = *to;
    ctl_run(ctl, &reload, request->who, on_reload_reply, waiting);
}

/** Whether the request may change state; has responded if not. */
static bool is_allowed(const struct exchange *to, const struct token *token,
                       const struct http_request *request)
{
    enum token_verdict verdict = token_judge(token, request->authorization);
    if (verdict == TOKEN_RIGHT)
        return true;
    if (verdict == TOKEN_OFF) {
        respond_error(to, 403, "changes over HTTP are off: no http.token_file is configured");
        return false;
    }
    struct http_response response =
        http_error(401, verdict == TOKEN_WRONG
                            ? "the token is wrong"
                            : "a token is needed: send Authorization: Bearer TOKEN");
    response.challenge = true;
    to->respond(to->arg, response);
    return false;
}

static bool is_method(const struct http_request *request, const char *method)
{
    if (strcmp(method, "GET") == 0 && strcmp(request->method, "HEAD") == 0)
        return true;
    return strcmp(request->method, method) == 0;
}

static void serve(struct ctl *ctl, const struct token *token, const struct route *route,
                  const struct http_request *request, const struct exchange *to)
{
    switch (route->kind) {
    case ROUTE_PAGE:
        serve_page(to);
        break;
    case ROUTE_METRICS:
        later_respond(ctl, metrics_page, "", to->respond, to->arg);
        break;
    case ROUTE_HEALTH:
        serve_health(ctl, to);
        break;
    case ROUTE_READ:
        serve_read(ctl, to, route->command, request);
        break;
    case ROUTE_STATE:
        if (is_allowed(to, token, request))
            serve_state(ctl, to, request);
        break;
    case ROUTE_RELOAD:
        if (is_allowed(to, token, request))
            serve_reload(ctl, to, request);
        break;
    }
}

void http_route(struct ctl *ctl, const struct token *token, const struct http_request *request,
                http_respond_fn *respond, void *arg)
{
    static const char *const methods[] = {
        [ROUTE_STATE] = "PUT",   [ROUTE_RELOAD] = "POST", [ROUTE_PAGE] = "GET",
        [ROUTE_METRICS] = "GET", [ROUTE_HEALTH] = "GET",  [ROUTE_READ] = "GET"};
    struct exchange to = {respond, arg};
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(request->path, routes[i].path) != 0)
            continue;
        const char *method = methods[routes[i].kind];
        if (is_method(request, method) && request->body_too_long) {
            respond_error(&to, 413, "the body is longer than 16384 bytes");
        } else if (is_method(request, method)) {
            serve(ctl, token, &routes[i], request, &to);
        } else {
            struct http_response response = http_error(405, "this method is not allowed here");
            response.allow = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
            respond(arg, response);
        }
        return;
    }
    respond_error(&to, 404, "there is no such page; see /, /metrics, /healthz and /api/v1/status");
}
