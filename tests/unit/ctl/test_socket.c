/* SPDX-License-Identifier: Apache-2.0
 * The control socket, with a service that answers when it is told to: replies in order, clients
 * that say nothing, take nothing, or go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl/socket.h"
#include "tests/unit/ctl/listener.h"

#include <sys/un.h>

struct scene {
    struct service service;
    struct control_socket *socket;
    char directory[64], path[96];
    bool closed;
};

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    struct diags diags;
    diags_init(&diags);
    uv_loop_init(&s->service.loop);
    snprintf(s->directory, sizeof s->directory, "/tmp/ls-socket-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/s", s->directory);
    const struct run_service service = service_of(&s->service);
    assert_int_equal(
        control_socket_open(&s->socket, &service, &s->service.loop, s->path, NULL, &diags), 0);
    diags_free(&diags);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    if (!s->closed)
        control_socket_close(s->socket, on_flag, &s->closed);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->closed);
    page_release(s->service.page);
    assert_int_equal(s->service.budget.kept_b, 0);
    assert_int_equal(uv_loop_close(&s->service.loop), 0);
    assert_int_equal(rmdir(s->directory), 0); /* the socket is gone */
    free(s);
    return 0;
}

static int client(const struct scene *s, const char *text)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    strcpy(sa.sun_path, s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    client_say(fd, text);
    return fd;
}

static const char SITES[] = "{\"command\":\"sites\"}\n";

static void test_pages_in_an_envelope(void **state)
{
    struct scene *s = *state;
    char text[256] = "";
    s->service.at_once = true;
    service_page(&s->service, 5);
    int fd = client(s, "{\"command\":\"sites\"}\n{\"command\":\"pools\"}\n{}\n");
    RUN_UNTIL(&s->service.loop, (client_hear(fd, text, sizeof text), strstr(text, "expected")));
    assert_int_equal(strncmp(text,
                             "{\"ok\":true,\"result\":xxxx}\n{\"ok\":true,\"result\":xxxx}\n"
                             "{\"ok\":false,\"error\":\"command: expected",
                             90 < strlen(text) ? 90 : strlen(text)),
                     0);
    assert_int_equal(s->service.page->n_holds, 1);
    close(fd);
}

static void test_idle_ones_end(void **state)
{
    static const char *const texts[] = {"", "{\"comm", "\n\n\n"};
    struct scene *s = *state;
    int fds[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        fds[i] = client(s, texts[i]);
    int waits = client(s, SITES);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == 1);
    control_socket_set_idle(s->socket, 40);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        RUN_UNTIL(&s->service.loop, client_is_closed(fds[i]));
        close(fds[i]);
    }
    assert_false(client_is_closed(waits)); /* for us: that is not idle */
    char text[256] = "";
    service_page(&s->service, 5);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, (client_hear(waits, text, sizeof text), text[0]));
    close(waits);
}

/* One that takes nothing is dropped as well, and its page given up. */
static void test_readers_that_do_not_read_end(void **state)
{
    struct scene *s = *state;
    s->service.at_once = true;
    service_page(&s->service, 8 << 20);
    int fd = client(s, SITES);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 2);
    control_socket_set_idle(s->socket, 40);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1);
    close(fd);
}

/* One request of a client is under way at a time; the others wait in order. */
static void test_one_at_a_time(void **state)
{
    struct scene *s = *state;
    service_page(&s->service, 5);
    int fd =
        client(s, "{\"command\":\"sites\"}\n{\"command\":\"sites\"}\n{\"command\":\"sites\"}\n");
    for (unsigned i = 1; i <= 3; i++) {
        RUN_UNTIL(&s->service.loop, s->service.n_asked == 1);
        for (int k = 0; k < 20; k++)
            uv_run(&s->service.loop, UV_RUN_NOWAIT);
        assert_int_equal(s->service.n_requests, i);
        service_answer(&s->service);
    }
    close(fd);
}

static void test_clients_that_leave(void **state)
{
    struct scene *s = *state;
    int fds[64];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, SITES);
    RUN_UNTIL(&s->service.loop, s->service.n_asked == ARRAY_LEN(fds));
    char text[256] = "";
    int more = client(s, SITES);
    RUN_UNTIL(&s->service.loop, (client_hear(more, text, sizeof text), strstr(text, "too many")));
    close(more);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    service_page(&s->service, 1 << 20);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->service.page->n_holds == 1);
}

static void test_close_while_some_wait(void **state)
{
    struct scene *s = *state;
    char text[256] = "";
    int fd = client(s, SITES), idle = client(s, "");
    RUN_UNTIL(&s->service.loop, s->service.n_asked == 1);
    control_socket_close(s->socket, on_flag, &s->closed);
    RUN_UNTIL(&s->service.loop, client_is_closed(idle));
    service_page(&s->service, 5);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->closed);
    client_hear(fd, text, sizeof text);
    assert_string_equal(text, "{\"ok\":true,\"result\":xxxx}\n");
    close(fd);
    close(idle);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_in_an_envelope),         TEST(test_idle_ones_end),
        TEST(test_readers_that_do_not_read_end), TEST(test_one_at_a_time),
        TEST(test_clients_that_leave),           TEST(test_close_while_some_wait),
    };
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
