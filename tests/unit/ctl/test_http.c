/* SPDX-License-Identifier: Apache-2.0
 * The HTTP listener over real sockets, with a service that answers when it is told to: slots,
 * deadlines, pages that are shared and given up, and ends in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl/http.h"
#include "ctl/http_input.h"
#include "tests/unit/ctl/listener.h"

#include <netinet/in.h>

static const struct http_times SOON = {
    .request = 200, .crowded = 100, .response = 300, .grace = 0, .linger = 200, .tick = 20};
static const struct http_times NEVER = {.request = 1000000,
                                        .crowded = 1000000,
                                        .response = 1000000,
                                        .grace = 0,
                                        .linger = 1000000,
                                        .tick = 20};

struct scene {
    struct service service;
    struct pages *pages;
    struct http *http;
    bool closed, pages_stopped;
    uint16_t port;
};

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    struct model *model = xcalloc(1, sizeof *model);
    struct diags diags;
    diags_init(&diags);
    uv_loop_init(&s->service.loop);
    const struct run_service service = service_of(&s->service);
    s->pages = pages_new(&s->service.loop, NULL, NULL);
    model->http.enabled = true;
    model->http.addr = (struct ip){{127, 0, 0, 1}, IP_V4};
    assert_int_equal(http_open(&s->http, &service, s->pages, &s->service.loop, model, &diags), 0);
    s->port = http_port(s->http);
    http_set_times(s->http, &NEVER);
    diags_free(&diags);
    free(model);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    uv_loop_t *loop = &s->service.loop;
    if (!s->closed)
        http_close(s->http, on_flag, &s->closed);
    service_answer(&s->service);
    RUN_UNTIL(loop, s->closed);
    page_release(s->service.page);
    assert_int_equal(s->service.budget.kept_b, 0);
    pages_stop(s->pages, on_flag, &s->pages_stopped);
    RUN_UNTIL(loop, s->pages_stopped);
    pages_free(s->pages);
    assert_int_equal(uv_loop_close(loop), 0);
    free(s);
    return 0;
}

static int client(const struct scene *s, const char *text)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons(s->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    client_say(fd, text);
    return fd;
}

#define HOST "Host: 127.0.0.1\r\n"
#define HEALTH "GET /healthz HTTP/1.1\r\n" HOST "\r\n"
#define METRICS "GET /metrics HTTP/1.1\r\n" HOST "\r\n"

/** Asks, and returns the status of the answer; 0: the connection was closed without one. */
static int ask(struct scene *s, const char *request)
{
    char text[4096] = "";
    int fd = client(s, request), status = 0;
    bool ended = false;
    RUN_UNTIL(&s->service.loop,
              (ended = client_hear(fd, text, sizeof text)) || strstr(text, "\r\n\r\n"));
    sscanf(text, "HTTP/1.1 %d ", &status);
    close(fd);
    return status;
}

static void test_half_requests_end(void **state)
{
    static const char *const halves[] = {"", "G", "GET / HTTP/1.1\r\n" HOST,
                                         "PUT /api/v1/state HTTP/1.1\r\n" HOST
                                         "Content-Length: 5\r\n\r\nx"};
    struct scene *s = *state;
    http_set_times(s->http, &SOON);
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        int fd = client(s, halves[i]);
        RUN_UNTIL(&s->service.loop, client_is_closed(fd));
        close(fd);
    }
    /* A byte now and then moves no deadline. */
    int fd = client(s, "GET / HTTP/1.1\r\n");
    RUN_UNTIL(&s->service.loop, (client_say(fd, "X"), client_is_closed(fd)));
    close(fd);
}

static void test_responses_that_nobody_takes_end(void **state)
{
    struct scene *s = *state;
    s->service.at_once = true;
    service_page(&s->service, 16 << 20);
    int fd = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 2);
    http_set_times(s->http, &SOON);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1);
    close(fd);
}

static void test_one_page_for_all(void **state)
{
    struct scene *s = *state;
    int fds[20];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == ARRAY_LEN(fds));
    service_page(&s->service, 8 << 20);
    service_answer(&s->service);
    assert_int_equal(s->service.page->n_holds, 1 + ARRAY_LEN(fds));
    assert_int_equal(s->service.budget.kept_b, 8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1);
}

/* 300 of one address that ask nothing: whoever comes is served. */
static void test_slots_of_half_requests(void **state)
{
    struct scene *s = *state;
    int fds[300];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client(s, i % 2 ? "GET / HT" : "");
        uv_run(&s->service.loop, UV_RUN_NOWAIT);
    }
    s->service.at_once = true;
    service_page(&s->service, 100);
    assert_int_equal(ask(s, HEALTH), 200);
    assert_int_equal(ask(s, METRICS), 200);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static void test_slots_of_readers_that_do_not_read(void **state)
{
    struct scene *s = *state;
    int fds[HTTP_PER_CLIENT_MAX];
    s->service.at_once = true;
    service_page(&s->service, 8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1 + ARRAY_LEN(fds));
    assert_int_equal(ask(s, HEALTH), 200);
    assert_int_equal(ask(s, METRICS), 200);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

/* Nobody can be given up while all wait for us: then there is a place for /healthz only. */
static void test_reserve(void **state)
{
    struct scene *s = *state;
    int fds[HTTP_PER_CLIENT_MAX], more[HTTP_RESERVE];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == ARRAY_LEN(fds));
    assert_int_equal(ask(s, HEALTH), 200);
    assert_int_equal(ask(s, METRICS), 503);
    assert_int_equal(ask(s, "GET / HTTP/1.1\r\n" HOST "\r\n"), 503);
    assert_int_equal(s->service.n_asked, ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        more[i] = client(s, "GET");
    uv_run(&s->service.loop, UV_RUN_NOWAIT);
    assert_int_equal(ask(s, HEALTH), 200); /* in the place of one of them */
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        close(more[i]);
    service_page(&s->service, 100);
    service_answer(&s->service);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        char text[4096] = "";
        RUN_UNTIL(&s->service.loop,
                  client_hear(fds[i], text, sizeof text) || strstr(text, "200 OK"));
        assert_non_null(strstr(text, "200 OK")); /* none of those that waited was given up */
        close(fds[i]);
    }
}

static void test_reclaim(void **state)
{
    struct scene *s = *state;
    struct page *pages[6];
    int fds[ARRAY_LEN(pages)];
    struct page_budget *budget = pages_budget(s->pages);
    s->service.at_once = true;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) { /* each reader keeps a page of its own */
        char *bytes = xcalloc(1, 8 << 20);
        s->service.page = pages[i] = page_new(budget, 0, bytes, 8 << 20);
        fds[i] = client(s, METRICS);
        RUN_UNTIL(&s->service.loop, pages[i]->n_holds == 2);
        page_release(pages[i]);
        usleep(2000); /* so that their order is known */
    }
    s->service.page = NULL;
    assert_int_equal(budget->kept_b, ARRAY_LEN(pages) * (8 << 20));
    assert_false(page_budget_is_spent(budget));
    budget->max_b = budget->kept_b;
    assert_true(page_budget_is_spent(budget));
    pages_reclaim(s->pages);
    assert_int_equal(budget->kept_b, budget->max_b / 2);
    char text[64] = "";
    for (size_t i = 0; i < ARRAY_LEN(pages) / 2; i++) /* the oldest have gone */
        RUN_UNTIL(&s->service.loop, client_hear(fds[i], text, sizeof text));
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        close(fds[i]);
    RUN_UNTIL(&s->service.loop, budget->kept_b == 0);
    budget->max_b = PAGES_KEPT_MAX;
}

static void test_busy(void **state)
{
    struct scene *s = *state;
    char text[4096] = "";
    int fd = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == 1);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, (client_hear(fd, text, sizeof text), strstr(text, "too many")));
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    assert_non_null(strstr(text, "\r\nRetry-After: 5\r\n"));
    close(fd);
}

/* Clients that go while their answer is being made, or written. */
static void test_clients_that_leave(void **state)
{
    struct scene *s = *state;
    int fds[20];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, METRICS METRICS);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == ARRAY_LEN(fds));
    const struct linger reset = {1, 0};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fds[i]);
    }
    service_page(&s->service, 4 << 20);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1);
    assert_int_equal(ask(s, HEALTH), 200);
}

/* Stopping: in every state a connection can be in. Who waits for an answer still gets it. */
static void test_close(void **state)
{
    static const char *const texts[] = {"", "GET / HTTP/1.1\r\n", HEALTH, METRICS, "BAD\r\n\r\n"};
    struct scene *s = *state;
    int fds[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        fds[i] = client(s, texts[i]);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == 1);
    http_close(s->http, on_flag, &s->closed);
    service_page(&s->service, 100);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->closed);
    char text[4096] = "";
    assert_true(client_hear(fds[3], text, sizeof text));
    assert_non_null(strstr(text, "200 OK"));
    assert_non_null(strstr(text, "Connection: close"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        close(fds[i]);
}

/* A reader that does not read holds a stop up for a second, not for its minute; an answer that
 * never comes, not at all but for its memory. */
static void test_close_with_readers_that_do_not_read(void **state)
{
    struct scene *s = *state;
    s->service.at_once = true;
    service_page(&s->service, 16 << 20);
    int fd = client(s, METRICS);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 2);
    http_close(s->http, on_flag, &s->closed);
    RUN_UNTIL(&s->service.loop, s->closed);
    close(fd);
}

/* A body may have exactly so many bytes; what is behind it is the next request. */
static void test_body_limit(void **state)
{
    struct scene *s = *state;
    static char text[2 * HTTP_BODY_MAX], got[8192];
    for (int more = 0; more < 2; more++) {
        int n =
            snprintf(text, sizeof text,
                     "POST /healthz HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", HTTP_BODY_MAX);
        memset(text + n, 'b', HTTP_BODY_MAX);
        strcpy(text + n + HTTP_BODY_MAX, more ? "X\n" : HEALTH);
        int fd = client(s, text);
        got[0] = '\0';
        RUN_UNTIL(&s->service.loop,
                  client_hear(fd, got, sizeof got) || strstr(got, more ? "400" : "serving"));
        assert_non_null(strstr(got, "HTTP/1.1 405 "));
        close(fd);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_half_requests_end),
        TEST(test_responses_that_nobody_takes_end),
        TEST(test_one_page_for_all),
        TEST(test_slots_of_half_requests),
        TEST(test_slots_of_readers_that_do_not_read),
        TEST(test_reserve),
        TEST(test_reclaim),
        TEST(test_busy),
        TEST(test_clients_that_leave),
        TEST(test_close),
        TEST(test_close_with_readers_that_do_not_read),
        TEST(test_body_limit),
    };
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
