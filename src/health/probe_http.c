/* SPDX-License-Identifier: Apache-2.0
 * Check types http and https: one request, up when the reply is as wanted. */
#include "config.h"

#include "health/http_reply.h"
#include "health/stream.h"

#include <stdio.h>

struct http_trial {
    struct stream_trial stream;
    struct http_wanted wanted;
    struct http_reply reply;
    char address[IP_PORT_TEXT_MAX + 256]; /* for the Host header, unless the check names a host */
};

static bool is_default_port(const struct check *check, uint16_t port)
{
    return port == (check->type == CHECK_HTTPS ? 443 : 80);
}

/* Host as in RFC 9110 7.2: with the port unless it is the scheme's, IPv6 in brackets. */
static void set_address(struct http_trial *h, const struct trial_target *target)
{
    char text[IP_TEXT_MAX];
    const char *host = target->host ? target->host : ip_text(text, &target->addr);
    bool v6 = target->addr.family == IP_V6;
    size_t n = (size_t)snprintf(h->address, sizeof h->address, "%s%.255s%s", v6 ? "[" : "", host,
                                v6 ? "]" : "");
    if (!is_default_port(&h->stream.base.check->def, target->port))
        snprintf(h->address + n, sizeof h->address - n, ":%u", target->port);
}

static void http_opened(struct stream_trial *s)
{
    struct http_trial *h = (struct http_trial *)s;
    const struct check *check = &s->base.check->def;
    struct buf request = {0};
    buf_printf(&request,
               "%s %s HTTP/1.1\r\n"
               "Host: %s\r\n"
               "User-Agent: " PACKAGE_NAME "/" PACKAGE_VERSION "\r\n"
               "Accept: */*\r\n"
               "Accept-Encoding: identity\r\n"
               "Connection: close\r\n\r\n",
               check->http.method ? check->http.method : "GET",
               check->http.path ? check->http.path : "/",
               check->http.host ? check->http.host : h->address);
    s->base.phase = http_reply_phase(&h->reply);
    stream_send(s, request.p, request.n);
    buf_free(&request);
}

static void judge(struct http_trial *h, enum http_verdict verdict)
{
    struct trial *trial = &h->stream.base;
    trial->phase = http_reply_phase(&h->reply);
    if (verdict != HTTP_OPEN)
        trial_finish(trial, verdict == HTTP_PASS ? TRIAL_UP : TRIAL_DOWN, "%s", h->reply.reason);
}

static void http_data(struct stream_trial *s, const char *p, size_t n)
{
    struct http_trial *h = (struct http_trial *)s;
    judge(h, http_reply_feed(&h->reply, p, n));
}

static void http_ended(struct stream_trial *s)
{
    struct http_trial *h = (struct http_trial *)s;
    judge(h, http_reply_end(&h->reply));
}

static void http_start(struct trial *trial, const struct trial_target *target)
{
    static const struct stream_user user = {http_opened, http_data, http_ended};
    struct http_trial *h = (struct http_trial *)trial;
    const struct check *check = &trial->check->def;
    h->wanted = (struct http_wanted){
        .status = check->http.status,
        .n_status = check->http.n_status,
        .body = check->http.body,
        .fallback = trial->check->fallback,
        .max_body = check->http.max_body,
        .head = check->http.method && strcmp(check->http.method, "HEAD") == 0,
    };
    http_reply_init(&h->reply, &h->wanted);
    set_address(h, target);
    stream_start(&h->stream, &user, target);
}

const struct trial_kind trial_http = {
    .size = sizeof(struct http_trial),
    .start = http_start,
    .close = stream_close,
    .release = stream_release,
};
