/* SPDX-License-Identifier: Apache-2.0
 * Routes without a connection: which requests reach the service, as whose, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl/http_route.h"
#include "tests/unit/ctl/listener.h"

struct scene {
    struct service service;
    struct http_site site;
    struct http_response response;
    unsigned n_responses;
};

static void on_response(void *arg, struct http_response response)
{
    struct scene *s = arg;
    http_response_free(&s->response);
    s->response = response;
    s->n_responses++;
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    s->site.service = service_of(&s->service);
    s->site.listens = (struct ip){{127, 0, 0, 1}, IP_V4};
    s->site.token.set = true;
    strcpy(s->site.token.name, "api.token");
    SHA256((const unsigned char *)"s3cret", 6, s->site.token.digest);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    http_response_free(&s->response);
    free(s);
    return 0;
}

/** One request from 192.0.2.7; the status, 0 while there is no answer. */
static int ask(struct scene *s, const char *method, const char *target, const char *authorization,
               const char *body)
{
    char path[256], *query;
    const struct ip local = s->site.listens;
    struct http_head head = {.method = method,
                             .path = path,
                             .minor = 1,
                             .host = "127.0.0.1",
                             .authorization = authorization};
    snprintf(path, sizeof path, "%s", target);
    query = strchr(path, '?');
    if (query)
        *query++ = '\0', head.query = query;
    const struct http_request request = {.head = &head,
                                         .body = body,
                                         .body_len = strlen(body),
                                         .local = &local,
                                         .from = "192.0.2.7"};
    unsigned before = s->n_responses;
    http_route(&s->site, &request, on_response, s);
    return s->n_responses > before ? s->response.status : 0;
}

static const char RIGHT[] = "Bearer s3cret", DRAIN[] = "{\"target\":\"ams\",\"state\":\"drain\"}";

static void test_who_asks(void **state)
{
    struct scene *s = *state;
    const struct ctl_request *request = &s->service.request;
    assert_int_equal(ask(s, "PUT", "/api/v1/state", RIGHT, DRAIN), 0);
    assert_string_equal(request->actor.text, "token api.token from 192.0.2.7");
    assert_int_equal(request->command, CTL_SET);
    assert_int_equal(ask(s, "POST", "/api/v1/reload", RIGHT, ""), 0);
    assert_string_equal(request->actor.text, "token api.token from 192.0.2.7");
    assert_int_equal(request->command, CTL_RELOAD);
    /* Who only reads is not asked for a token, and one that comes along is not judged. */
    assert_int_equal(ask(s, "GET", "/api/v1/sites", RIGHT, ""), 0);
    assert_string_equal(request->actor.text, "192.0.2.7");
    service_answer(&s->service);
    assert_int_equal(s->n_responses, 3);
}

static void test_no_token_no_change(void **state)
{
    static const char *const wrong[] = {NULL, "Bearer s3cre", "Bearer s3cretx", "Basic s3cret"};
    struct scene *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(ask(s, "PUT", "/api/v1/state", wrong[i], DRAIN), 401);
        assert_int_equal(ask(s, "POST", "/api/v1/reload", wrong[i], ""), 401);
    }
    s->site.token.set = false;
    assert_int_equal(ask(s, "PUT", "/api/v1/state", RIGHT, DRAIN), 403);
    assert_int_equal(s->service.n_requests, 0);
}

/* A body is arguments, not a command of its own choice; nor does it say who asks. */
static void test_bodies(void **state)
{
    struct scene *s = *state;
    assert_int_equal(ask(s, "PUT", "/api/v1/state", RIGHT, "{\"command\":\"stop\"}"), 400);
    assert_int_equal(ask(s, "POST", "/api/v1/reload", RIGHT, "{\"command\":\"stop\"}"), 400);
    assert_int_equal(ask(s, "PUT", "/api/v1/state", RIGHT,
                         "{\"target\":\"ams\",\"state\":\"up\",\"actor\":\"root\"}"),
                     400);
    assert_int_equal(ask(s, "GET", "/api/v1/sites?command=stop", NULL, ""), 400);
    assert_int_equal(s->service.n_requests, 0);
}

static void test_pages_of_lists(void **state)
{
    struct scene *s = *state;
    assert_int_equal(ask(s, "GET", "/api/v1/pools?limit=7&after=3%3Awww", NULL, ""), 0);
    assert_int_equal(s->service.request.limit, 7);
    assert_string_equal(s->service.request.from, "3:www");
    assert_int_equal(ask(s, "GET", "/api/v1/pools?limit=0", NULL, ""), 400);
    assert_int_equal(ask(s, "GET", "/api/v1/status?limit=1", NULL, ""), 400);
    service_answer(&s->service);
}

static void test_tiers(void **state)
{
    struct scene *s = *state;
    const struct ctl_request *request = &s->service.request;
    assert_int_equal(ask(s, "GET", "/api/v1/tiers?name=edge&wait=5&after=17", NULL, ""), 0);
    assert_int_equal(request->command, CTL_TIERS);
    assert_true(request->wait_ms == 5000 && request->after == 17);
    assert_int_equal(ask(s, "GET", "/api/v1/healthy?target=www/ams", NULL, ""), 0);
    assert_int_equal(request->command, CTL_HEALTHY);
    assert_int_equal(ask(s, "GET", "/api/v1/drain?target=ams", NULL, ""), 0);
    assert_int_equal(request->command, CTL_DRAIN);
    /* A drain is not waited for here. */
    unsigned n = s->service.n_requests;
    assert_int_equal(ask(s, "PUT", "/api/v1/state", RIGHT,
                         "{\"target\":\"ams\",\"state\":\"drain\",\"wait\":true}"),
                     400);
    assert_int_equal(s->service.n_requests, n);
    service_answer(&s->service);
}

static void test_metrics(void **state)
{
    struct scene *s = *state;
    static const char *const without[] = {"/metrics", "/metrics?members=0", "/metrics?a=b"};
    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        assert_int_equal(ask(s, "GET", without[i], NULL, ""), 0);
        assert_true(s->service.asked[i].is_metrics && !s->service.asked[i].asker.members);
    }
    assert_int_equal(ask(s, "GET", "/metrics?members=1", NULL, ""), 0);
    assert_true(s->service.asked[3].is_metrics && s->service.asked[3].asker.members);
    service_answer(&s->service);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_who_asks), TEST(test_no_token_no_change),
                                       TEST(test_bodies),   TEST(test_pages_of_lists),
                                       TEST(test_tiers),    TEST(test_metrics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
