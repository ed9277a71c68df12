/* SPDX-License-Identifier: Apache-2.0
 * The vty, over a real socket: lines and their replies, and servers that answer slowly, hugely,
 * wrongly or not at all. */
#include "anycast/frr_vty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uv_loop_t loop;
static char path[64];
static struct frr_vty *vty;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

/* --- a server --- */

enum mode { ANSWERS, SILENT, HUGE_, CLOSES, GARBLED, GREETS, TWICE, EARLY };

static struct server {
    uv_pipe_t listener, *client; /* the latest */
    bool has_client;
    enum mode mode;
    char got[65536];
    size_t n_got;
    unsigned n_clients;
} server;

static void on_sent(uv_write_t *write, int rc)
{
    (void)rc;
    free(write);
}

/* Static or as long as the program. */
static void send_bytes(const char *p, size_t n)
{
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)p, (unsigned)n);
    assert_int_equal(
        uv_write(malloc(sizeof(uv_write_t)), (uv_stream_t *)server.client, &bytes, 1, on_sent), 0);
}

static void on_client_closed(uv_handle_t *handle)
{
    free(handle);
}

static void drop_client(void)
{
    if (server.has_client)
        uv_close((uv_handle_t *)server.client, on_client_closed);
    server.has_client = false;
}

static void answer_line(const char *line)
{
    if (strcmp(line, "enable") == 0)
        send_bytes("\0\0\0\0", 4);
    else if (strcmp(line, "bad") == 0)
        send_bytes("% Unknown\x1b command: bad\nmore\n\0\0\0\2", 33);
    else if (strcmp(line, "worse") == 0)
        send_bytes("\0\0\0\15", 4);
    else
        send_bytes("fine\n\0\0\0\0", 9);
}

static void serve(const char *line)
{
    static char block[1 << 20];
    switch (server.mode) {
    case ANSWERS:
        answer_line(line);
        break;
    case HUGE_:
        if (strcmp(line, "enable") == 0) {
            answer_line(line);
            break;
        }
        memset(block, 'x', sizeof block);
        for (unsigned i = 0; i < 10; i++)
            send_bytes(block, sizeof block);
        break;
    case CLOSES:
        drop_client();
        break;
    case GARBLED:
        send_bytes("BIRD 2.0.12 ready.\n\0x", 21);
        break;
    case GREETS:
        send_bytes("BIRD 2.0.12 ready.\n", 19);
        break;
    case TWICE:
        answer_line(line);
        answer_line(line);
        break;
    case SILENT:
    case EARLY:
        break;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle, (void)suggested;
    *buf = uv_buf_init(server.got + server.n_got, (unsigned)(sizeof server.got - server.n_got));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (stream != (uv_stream_t *)server.client)
        return;
    if (n < 0) {
        drop_client();
        return;
    }
    server.n_got += (size_t)n;
    char *end;
    while ((end = memchr(server.got, '\0', server.n_got)) != NULL) {
        char line[256];
        snprintf(line, sizeof line, "%.200s", server.got);
        server.n_got -= (size_t)(end + 1 - server.got);
        memmove(server.got, end + 1, server.n_got);
        serve(line);
        if (!server.has_client)
            return;
    }
}

static void on_client(uv_stream_t *listener, int rc)
{
    assert_int_equal(rc, 0);
    drop_client();
    server.client = malloc(sizeof *server.client);
    uv_pipe_init(&loop, server.client, 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)server.client), 0);
    server.has_client = true;
    server.n_got = 0;
    server.n_clients++;
    if (server.mode == EARLY)
        send_bytes("\0\0\0\0\0\0\0\0", 8);
    else
        uv_read_start((uv_stream_t *)server.client, on_alloc, on_bytes);
}

/* --- who asks --- */

static unsigned n_answers, n_lost;
static struct frr_reply reply;
static char output[256];
static size_t n_output;

static void on_answered(void *ctx, const struct frr_reply *r)
{
    (void)ctx;
    n_answers++;
    reply = *r;
    n_output = r->output.n;
    snprintf(output, sizeof output, "%.*s", (int)r->output.n, (const char *)r->output.p);
}

static void on_lost(void *ctx)
{
    (void)ctx;
    n_lost++;
}

static int begin(void **state)
{
    static unsigned n;
    const struct frr_asker asker = {NULL, on_answered, on_lost};
    (void)state;
    uv_loop_init(&loop);
    server = (struct server){0};
    n_answers = n_lost = 0;
    snprintf(path, sizeof path, "/tmp/ls-vty-%d-%u", (int)getpid(), n++);
    uv_pipe_init(&loop, &server.listener, 0);
    assert_int_equal(uv_pipe_bind(&server.listener, path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server.listener, 8, on_client), 0);
    vty = frr_vty_open((struct drive *)(void *)&loop, path, &asker);
    return 0;
}

static int end(void **state)
{
    (void)state;
    frr_vty_close(vty);
    drop_client();
    if (!uv_is_closing((uv_handle_t *)&server.listener))
        uv_close((uv_handle_t *)&server.listener, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void run_until(const unsigned *count, unsigned wanted)
{
    while (*count < wanted)
        if (!uv_run(&loop, UV_RUN_ONCE))
            assert_true(*count >= wanted);
}

static void ask(const char *first, const char *second, uint32_t timeout_ms)
{
    struct frr_lines lines = {0};
    unsigned before = n_answers;
    frr_lines_add(&lines, "%s", first);
    if (second)
        frr_lines_add(&lines, "%s", second);
    frr_vty_ask(vty, &lines, timeout_ms);
    frr_lines_free(&lines);
    run_until(&n_answers, before + 1);
    assert_int_equal(n_answers, before + 1);
}

static void expect_error(enum speaker_error error, const char *part)
{
    if (reply.error != error || !strstr(reply.text, part))
        fail_msg("%d %s, expected %d %s", reply.error, reply.text, error, part);
}

static void lines_have_their_replies(void **state)
{
    (void)state;
    ask("one", "two", 60000);
    assert_int_equal(reply.error, SPEAKER_ERROR_NONE);
    assert_string_equal(output, "fine\nfine\n");
    ask("three", NULL, 60000);
    assert_string_equal(output, "fine\n");
    assert_int_equal(server.n_clients, 1);
}

static void the_first_that_is_refused_is_told(void **state)
{
    (void)state;
    ask("one", "bad", 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "refuses \"bad\": Unknown\\x1b command: bad (2)");
    ask("worse", "bad", 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "refuses \"worse\": it does not say why (13)");
    ask("one", NULL, 60000);
    assert_int_equal(reply.error, SPEAKER_ERROR_NONE);
    assert_int_equal(server.n_clients, 1);
}

static void one_who_is_silent_is_left(void **state)
{
    (void)state;
    server.mode = SILENT;
    ask("one", NULL, 20);
    expect_error(SPEAKER_ERROR_TIMEOUT, "within 0.02 s");
    server.mode = ANSWERS;
    ask("one", NULL, 60000);
    assert_int_equal(reply.error, SPEAKER_ERROR_NONE);
    assert_string_equal(output, "fine\n");
    assert_int_equal(server.n_clients, 2);
}

static void too_much_is_too_much(void **state)
{
    (void)state;
    server.mode = HUGE_;
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "longer than");
    assert_true(n_output <= FRR_OUTPUT_MAX + 65536);
}

static void its_end_is_seen(void **state)
{
    (void)state;
    server.mode = CLOSES;
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_UNREACHABLE, "closed the connection");
    assert_int_equal(n_lost, 0);
    server.mode = ANSWERS;
    ask("one", NULL, 60000);
    assert_int_equal(reply.error, SPEAKER_ERROR_NONE);
    drop_client();
    run_until(&n_lost, 1);
    assert_int_equal(n_answers, 2);
    ask("one", NULL, 60000);
    assert_int_equal(reply.error, SPEAKER_ERROR_NONE);
}

static void another_protocol_is_refused(void **state)
{
    (void)state;
    server.mode = GARBLED;
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "is no vty of FRR");
    server.mode = GREETS;
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "is no vty of FRR");
    server.mode = TWICE;
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_REJECTED, "is no vty of FRR");
}

/* It has answered before it can have read what it was asked. */
static void an_early_answer_is_refused(void **state)
{
    struct frr_lines lines = {0};
    (void)state;
    server.mode = EARLY;
    char *line = malloc(4000001);
    memset(line, 'x', 4000000);
    line[4000000] = '\0';
    frr_lines_add(&lines, "%s", line);
    frr_vty_ask(vty, &lines, 60000);
    frr_lines_free(&lines);
    free(line);
    run_until(&n_answers, 1);
    expect_error(SPEAKER_ERROR_REJECTED, "is no vty of FRR");
}

static void what_was_not_asked_ends_it(void **state)
{
    (void)state;
    ask("one", NULL, 60000);
    send_bytes("fine\n\0\0\0\0", 9);
    run_until(&n_lost, 1);
}

static void nobody_there_is_said(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&server.listener, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    unlink(path);
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_UNREACHABLE, "No such file or directory; does bgpd run?");
}

static void a_long_path_is_not_cut(void **state)
{
    const struct frr_asker asker = {NULL, on_answered, on_lost};
    char longer[256];
    (void)state;
    memset(longer, 'p', sizeof longer);
    longer[0] = '/';
    longer[200] = '\0';
    frr_vty_close(vty);
    vty = frr_vty_open((struct drive *)(void *)&loop, longer, &asker);
    ask("one", NULL, 60000);
    expect_error(SPEAKER_ERROR_UNREACHABLE, "too long");
}

static void closing_while_it_waits_tells_nothing(void **state)
{
    const struct frr_asker asker = {NULL, on_answered, on_lost};
    struct frr_lines lines = {0};
    (void)state;
    server.mode = SILENT;
    frr_lines_add(&lines, "one");
    frr_vty_ask(vty, &lines, 60000);
    frr_vty_close(vty);
    vty = frr_vty_open((struct drive *)(void *)&loop, path, &asker);
    frr_vty_ask(vty, &lines, 60000);
    for (unsigned i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    frr_lines_free(&lines);
    assert_int_equal(n_answers + n_lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_have_their_replies, begin, end),
        cmocka_unit_test_setup_teardown(the_first_that_is_refused_is_told, begin, end),
        cmocka_unit_test_setup_teardown(one_who_is_silent_is_left, begin, end),
        cmocka_unit_test_setup_teardown(too_much_is_too_much, begin, end),
        cmocka_unit_test_setup_teardown(its_end_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(another_protocol_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_early_answer_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_asked_ends_it, begin, end),
        cmocka_unit_test_setup_teardown(nobody_there_is_said, begin, end),
        cmocka_unit_test_setup_teardown(a_long_path_is_not_cut, begin, end),
        cmocka_unit_test_setup_teardown(closing_while_it_waits_tells_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
