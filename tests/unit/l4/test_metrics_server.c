/* SPDX-License-Identifier: Apache-2.0
 * Who asks for metrics: slow clients, many of them, and other addresses. */
#include "l4/metrics_server.h"

#include "base/diag.h"
#include "tests/unit/free_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 40 /* more than it keeps */

static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

static void write_text(void *ctx, struct buf *out)
{
    unsigned *n = ctx;
    buf_printf(out, "written %u\n", ++*n);
}

static struct l4_config at(uint8_t last, uint16_t port)
{
    struct l4_config config = {.metrics_addr = {.family = IP_V4}, .metrics_port = port};
    if (last)
        memcpy(config.metrics_addr.b, (uint8_t[]){127, 0, 0, last}, 4);
    return config;
}

static int try_open(struct metrics_server **server, uv_loop_t *loop, uint8_t last, uint16_t port,
                    const struct metrics_server *before, unsigned *n)
{
    struct l4_config config = at(last, port);
    struct diags diags;
    diags_init(&diags);
    *server = NULL;
    int code = metrics_server_open(server, loop, &config, -1, before, write_text, n, &diags);
    diags_free(&diags);
    return code;
}

static int connect_to(uint8_t last, uint16_t port)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(0x7f000000u | last)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/** What comes until the end. */
static char *answer(uv_loop_t *loop, int fd, char out[512])
{
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0) {
        while (!is_readable(fd))
            uv_run(loop, UV_RUN_ONCE); /* it has a timer */
        got = recv(fd, out + n, 511 - n, 0);
    }
    out[n] = '\0';
    close(fd);
    return out;
}

static char *ask(uv_loop_t *loop, uint8_t last, uint16_t port, char out[512])
{
    int fd = connect_to(last, port);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    return answer(loop, fd, out);
}

static void finish(uv_loop_t *loop, struct metrics_server *server)
{
    metrics_server_close(server);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void what_is_asked_at_once_is_written_once(void **state)
{
    uv_loop_t loop;
    struct metrics_server *server;
    char out[512];
    unsigned n = 0, before = 0;
    uint16_t port = free_port();
    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(try_open(&server, &loop, 1, port, NULL, &n), 0);
    for (int i = 0; i < 200; i++)
        assert_non_null(strstr(ask(&loop, 1, port, out), "\r\n\r\nwritten "));
    assert_in_range(n, 1, 100);    /* one a second, however slow this goes */
    for (before = n; n == before;) /* and again when it is old */
        ask(&loop, 1, port, out);
    finish(&loop, server);
}

static void the_oldest_makes_room(void **state)
{
    uv_loop_t loop;
    struct metrics_server *server;
    char out[512];
    unsigned n = 0;
    int silent[MANY];
    uint16_t port = free_port();
    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(try_open(&server, &loop, 1, port, NULL, &n), 0);
    for (int i = 0; i < MANY; i++) {
        silent[i] = connect_to(1, port);
        assert_true(silent[i] >= 0);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_non_null(strstr(ask(&loop, 1, port, out), "200 OK"));
    assert_string_equal(answer(&loop, silent[0], out), "");
    for (int i = 1; i < MANY; i++) /* and in time all that say nothing end */
        assert_string_equal(answer(&loop, silent[i], out), "");
    finish(&loop, server);
}

static void another_address_of_the_same_port(void **state)
{
    uv_loop_t loop;
    struct metrics_server *all, *one;
    char out[512];
    unsigned n = 0;
    uint16_t port = free_port();
    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(try_open(&all, &loop, 0, port, NULL, &n), 0);
    assert_int_equal(try_open(&one, &loop, 1, port, NULL, &n), E_SYSTEM); /* not in its place */
    assert_int_equal(try_open(&one, &loop, 1, port, all, &n), 0);
    metrics_server_close(all);
    assert_non_null(strstr(ask(&loop, 1, port, out), "200 OK"));
    assert_int_equal(connect_to(2, port), -1);
    assert_int_equal(try_open(&all, &loop, 0, port, one, &n), 0); /* and back */
    metrics_server_close(one);
    assert_non_null(strstr(ask(&loop, 2, port, out), "200 OK"));
    finish(&loop, all);
}

static void one_that_fails_leaves_what_was_there(void **state)
{
    uv_loop_t loop;
    struct metrics_server *one, *all;
    char out[512];
    unsigned n = 0;
    uint16_t port = free_port();
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(0x7f000003u)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(fd, 1), 0); /* of another program */
    assert_int_equal(try_open(&one, &loop, 1, port, NULL, &n), 0);
    assert_int_equal(try_open(&all, &loop, 0, port, one, &n), E_SYSTEM);
    assert_non_null(strstr(ask(&loop, 1, port, out), "200 OK"));
    close(fd);
    finish(&loop, one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_at_once_is_written_once),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(another_address_of_the_same_port),
        cmocka_unit_test(one_that_fails_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
