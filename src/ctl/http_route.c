/* SPDX-License-Identifier: Apache-2.0
 * What the HTTP listener serves (http_path.h). Reading needs nothing but access to the
 * listener; changing needs the bearer token, which also answers requests forged across sites: a
 * page elsewhere cannot know it. Nor can such a page read: no CORS header lets it, and under a name
 * of its own that it makes point here, it is turned away. */
#include "ctl/http_route.h"

#include "control/json.h"
#include "ctl/dashboard.h"
#include "ctl/eds.h"
#include "ctl/http_path.h"

#include <stdio.h>

#define RETRY_AFTER_S 5

/** A request while it is served; on the heap, as it may be answered later. */
struct exchange {
    http_respond_fn *respond;
    void *arg;
    struct http_site *site;
    const struct http_request *request; /* until http_route() returns */
    const char *type;                   /* of a page */
    bool is_reload;
    bool may_change;  /* its token was judged */
    char *none_match; /* If-None-Match, lines joined; NULL: none */
};

static void respond(struct exchange *x, struct http_response response)
{
    x->respond(x->arg, response);
    free(x->none_match);
    free(x);
}

/* Responses */

static struct http_response json_response(int status, const json_t *document)
{
    size_t n;
    char *text = json_print(document, JSON_COMPACT, &n);
    text = xrealloc(text, n + 1);
    text[n++] = '\n';
    return (struct http_response){
        .status = status, .type = "application/json", .body = text, .body_len = n};
}

struct http_response http_error(int status, const char *error)
{
    json_t *document = json_object();
    json_set_text(document, "error", error);
    struct http_response response = json_response(status, document);
    json_decref(document);
    return response;
}

static void respond_error(struct exchange *x, int status, const char *error)
{
    respond(x, http_error(status, error));
}

static int status_of(const struct exchange *x, const struct control_reply *reply)
{
    if (reply->busy)
        return 503;
    if (x->is_reload)
        return 422;
    return reply->code == E_NOTFOUND ? 404 : reply->code == E_SYSTEM ? 500 : 400;
}

static bool is_tag(void *arg, const char *tag, size_t n)
{
    return strlen(arg) == n && memcmp(arg, tag, n) == 0;
}

static struct http_response page_response(const struct exchange *x, struct page *page)
{
    struct http_response response = {.status = 200, .type = x->type};
    const struct http_lines none_match = {{x->none_match}, x->none_match != NULL};
    snprintf(response.tag, sizeof response.tag, "%s", page->tag);
    if (page->tag[0] && http_tags_match(&none_match, true, is_tag, page->tag))
        response.status = 304;
    else
        response.page = page_hold(page);
    return response;
}

static void on_reply(void *arg, const struct control_reply *reply)
{
    struct exchange *x = arg;
    if (reply->code == 0) {
        respond(x, reply->page ? page_response(x, reply->page) : json_response(200, reply->result));
        return;
    }
    json_t *document = json_object();
    json_set_text(document, "error", reply->error);
    if (reply->errors)
        json_object_set(document, "errors", reply->errors);
    struct http_response response = json_response(status_of(x, reply), document);
    response.retry_after_s = reply->busy ? RETRY_AFTER_S : 0;
    json_decref(document);
    respond(x, response);
}

/* Routes */

static void serve_page(struct exchange *x)
{
    respond(x, (struct http_response){
                   .status = 200,
                   .type = "text/html; charset=utf-8",
                   .body = xstrdup(dashboard_html()),
                   .body_len = strlen(dashboard_html()),
                   .is_html = true,
               });
}

static void serve_health(struct exchange *x)
{
    bool serving = x->site->service.serving(x->site->service.ctx);
    json_t *document = json_object();
    json_set_bool(document, "serving", serving);
    if (!serving)
        json_set_text(document, "reason", "starting: not every probe has a first result yet");
    struct http_response response = json_response(serving ? 200 : 503, document);
    json_decref(document);
    respond(x, response);
}

static void ask(struct exchange *x, const struct ctl_request *request)
{
    const struct run_service *service = &x->site->service;
    service->request(service->ctx, request, &(struct run_asker){.arg = x, .reply = on_reply});
}

/** Scrapers add arguments of their own: all but one are let pass. */
static void serve_metrics(struct exchange *x)
{
    const char *query = x->request->head->query;
    bool members = query && strcmp(query, "members=1") == 0;
    x->type = "text/plain; version=0.0.4; charset=utf-8";
    x->site->service.request(x->site->service.ctx, NULL,
                             &(struct run_asker){.arg = x, .reply = on_reply, .members = members});
}

/** Runs the request that `object` describes; takes over the object. */
static void run_object(struct exchange *x, json_t *object)
{
    struct ctl_request request;
    char error[CTL_TEXT_MAX];
    int code = request_from_json(&request, object, error);
    json_decref(object);
    request.actor = x->may_change ? actor_token(x->site->token.name, x->request->from)
                                  : actor_anybody(x->request->from);
    if (code != 0)
        respond_error(x, 400, error);
    else
        ask(x, &request);
}

static void serve_read(struct exchange *x, const char *command)
{
    json_t *object = json_object();
    const char *error =
        x->request->head->query ? http_query_read(object, x->request->head->query) : NULL;
    if (!error && json_object_get(object, "command"))
        error = "there is no argument \"command\"";
    if (error) {
        json_decref(object);
        respond_error(x, 400, error);
        return;
    }
    json_set_text(object, "command", command);
    run_object(x, object);
}

/** Tags begin with the state that they were made in; what follows tells documents apart. */
static bool is_of_state(void *arg, const char *tag, size_t n)
{
    size_t state_n = strlen(arg);
    return n >= state_n && memcmp(arg, tag, state_n) == 0 && (n == state_n || tag[state_n] == '-');
}

/** If-Match (RFC 9110 13.1.1): the state is still as it was when the document was read. */
static bool is_as_expected(const struct exchange *x)
{
    const struct run_service *service = &x->site->service;
    char now[PAGE_TAG_MAX];
    if (x->request->head->if_match.n == 0)
        return true;
    snprintf(now, sizeof now, "%016llx", (unsigned long long)service->state_tag(service->ctx));
    return http_tags_match(&x->request->head->if_match, false, is_of_state, now);
}

/** {"target", "state", "for", "reason"} or {"target", "weight"}. */
static void serve_state(struct exchange *x)
{
    json_error_t bad;
    char error[CTL_TEXT_MAX];
    json_t *object =
        json_loadb(x->request->body, x->request->body_len, JSON_REJECT_DUPLICATES, &bad);
    if (!json_is_object(object) || json_object_get(object, "command")) {
        json_decref(object);
        snprintf(error, sizeof error, "body: %s; expected {\"target\": ..., \"state\": ...}",
                 object ? "not what is expected" : bad.text);
        respond_error(x, 400, error);
        return;
    }
    if (json_object_get(object, "wait")) {
        json_decref(object);
        respond_error(x, 400,
                      "wait: the order is given at once; GET /api/v1/drain?target=TARGET "
                      "tells how far its drain has come");
        return;
    }
    json_set_text(object, "command", json_object_get(object, "weight") ? "weight" : "set");
    run_object(x, object);
}

/** No body, or {"force": BOOL}. */
static void serve_reload(struct exchange *x)
{
    json_error_t bad;
    json_t *object = x->request->body_len == 0 ? json_object()
                                               : json_loadb(x->request->body, x->request->body_len,
                                                            JSON_REJECT_DUPLICATES, &bad);
    if (!json_is_object(object) || json_object_get(object, "command")) {
        json_decref(object);
        respond_error(x, 400, "body: expected none, or {\"force\": true}");
        return;
    }
    json_set_text(object, "command", "reload");
    x->is_reload = true;
    run_object(x, object);
}

/** Reads only, though it is a POST: so has Envoy it. */
static void serve_eds(struct exchange *x)
{
    uint32_t n;
    struct tier_view **views = x->site->service.tiers(x->site->service.ctx, &n);
    struct http_response response = eds_respond(views, n, x->request->body, x->request->body_len);
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(views[i]);
    free(views);
    respond(x, response);
}

/** Whether the request may change state; has responded if not. */
static bool is_allowed(struct exchange *x)
{
    enum token_verdict verdict = token_judge(&x->site->token, x->request->head->authorization);
    x->may_change = verdict == TOKEN_RIGHT && is_as_expected(x);
    if (x->may_change)
        return true;
    if (verdict == TOKEN_RIGHT) {
        respond_error(x, 412, "If-Match: the configuration or the orders have changed since");
        return false;
    }
    if (verdict == TOKEN_OFF) {
        respond_error(x, 403, "changes over HTTP are off: no http.token_file is configured");
        return false;
    }
    struct http_response response =
        http_error(401, verdict == TOKEN_WRONG
                            ? "the token is wrong"
                            : "a token is needed: send Authorization: Bearer TOKEN");
    response.challenge = true;
    respond(x, response);
    return false;
}

static void serve(struct exchange *x, const struct http_path *route)
{
    switch (route->kind) {
    case ROUTE_PAGE:
        serve_page(x);
        break;
    case ROUTE_METRICS:
        serve_metrics(x);
        break;
    case ROUTE_HEALTH:
        serve_health(x);
        break;
    case ROUTE_READ:
        serve_read(x, route->command);
        break;
    case ROUTE_STATE:
        if (is_allowed(x))
            serve_state(x);
        break;
    case ROUTE_EDS:
        serve_eds(x);
        break;
    case ROUTE_RELOAD:
        if (is_allowed(x))
            serve_reload(x);
        break;
    }
}

static void dispatch(struct exchange *x)
{
    const struct http_request *request = x->request;
    const struct http_path *route = http_path_find(request->head->path);
    if (x->site->retired) {
        respond_error(x, 503, "this listener is closing");
    } else if (request->reserved && !(route && route->kind == ROUTE_HEALTH)) {
        struct http_response response = http_error(503, "too many connections, try again later");
        response.retry_after_s = RETRY_AFTER_S;
        respond(x, response);
    } else if (http_path_is_ours(request->head->path) &&
               !http_host_is_ours(request->head->host, &x->site->listens, request->local,
                                  &x->site->hosts)) {
        respond_error(x, 421,
                      "this is not a name of the server: ask for its address, or add the "
                      "name to http: {hosts: [..]}");
    } else if (!route) {
        respond_error(x, 404,
                      "there is no such page; see /, /metrics, /healthz and /api/v1/status");
    } else if (!http_path_takes(route, request->head->method)) {
        const char *method = http_path_method(route);
        struct http_response response = http_error(405, "this method is not allowed here");
        response.allow = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
        respond(x, response);
    } else if (request->body_too_long) {
        respond_error(x, 413,
                      route->kind == ROUTE_EDS ? "the body is longer than 524288 bytes"
                                               : "the body is longer than 16384 bytes");
    } else {
        serve(x, route);
    }
}

static char *join_lines(const struct http_lines *lines)
{
    size_t n = 1;
    for (unsigned i = 0; i < lines->n; i++)
        n += strlen(lines->v[i]) + 1;
    char *text = lines->n ? xcalloc(1, n) : NULL;
    for (unsigned i = 0; i < lines->n; i++) {
        if (i)
            strcat(text, ",");
        strcat(text, lines->v[i]);
    }
    return text;
}

void http_route(struct http_site *site, const struct http_request *request,
                http_respond_fn *respond_fn, void *arg)
{
    struct exchange *x = xcalloc(1, sizeof *x);
    *x = (struct exchange){.respond = respond_fn,
                           .arg = arg,
                           .site = site,
                           .request = request,
                           .type = "application/json",
                           .none_match = join_lines(&request->head->if_none_match)};
    dispatch(x);
}
