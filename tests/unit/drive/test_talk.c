/* SPDX-License-Identifier: Apache-2.0
 * Talks with servers that do as they should, and with those that do not. */
#include "base/escape.h"
#include "drive/talk.h"
#include "wait.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- servers ---- */

struct server {
    char path[64];
    int fd;
    pthread_t thread;
    void (*serve)(struct server *server, int fd);
    char got[256]; /* of the request */
    size_t n_got;
};

static void *server_run(void *arg)
{
    struct server *server = arg;
    int fd = accept(server->fd, NULL, NULL);
    if (fd >= 0) {
        server->serve(server, fd);
        close(fd);
    }
    return NULL;
}

static void server_open(struct server *server, void (*serve)(struct server *server, int fd))
{
    static unsigned n;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memset(server, 0, sizeof *server);
    snprintf(server->path, sizeof server->path, "/tmp/test_talk.%d.%u", (int)getpid(), n++);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", server->path);
    server->serve = serve;
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(server->fd, 4), 0);
    if (serve)
        pthread_create(&server->thread, NULL, server_run, server);
}

static void server_close(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    if (server->serve)
        pthread_join(server->thread, NULL);
    close(server->fd);
    unlink(server->path);
}

static void say(int fd, const void *p, size_t n)
{
    const char *at = p;
    for (ssize_t put; n > 0; at += put, n -= (size_t)put)
        if ((put = send(fd, at, n, MSG_NOSIGNAL)) <= 0)
            return;
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* Reads up to a line feed. */
static void hear(struct server *server, int fd)
{
    for (ssize_t got; server->n_got < sizeof server->got - 1 && !strchr(server->got, '\n');
         server->n_got += (size_t)got)
        if ((got = recv(fd, server->got + server->n_got, sizeof server->got - 1 - server->n_got,
                        0)) <= 0)
            return;
}

/* Until the other side has gone. */
static void outlast(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

/* ---- clients ---- */

struct client {
    struct drive *drive;
    struct talk_spec spec;
    struct talk *talk;
    struct wait wait;
    struct buf lines; /* separated by | */
    unsigned n_lines, enough_at, cancel_at, n_ends;
    const char *more; /* is said after each line; NULL: nothing */
    enum talk_end how;
    int error;
    size_t left;
    bool within_start, ended_within_start;
};

static bool on_line(void *ctx, char *line, size_t n)
{
    struct client *c = ctx;
    assert_int_equal(strlen(line), n);
    if (c->n_lines < 100)
        buf_printf(&c->lines, "%s|", line);
    c->n_lines++;
    if (c->n_lines == c->cancel_at) {
        talk_cancel(c->talk);
        wait_came(&c->wait);
    }
    if (c->more)
        talk_say(c->talk, slice_str(c->more));
    return c->n_lines != c->enough_at;
}

static void on_end(void *ctx, enum talk_end how, int error, size_t left)
{
    struct client *c = ctx;
    c->how = how;
    c->error = error;
    c->left = left;
    c->n_ends++;
    c->ended_within_start |= c->within_start;
    wait_came(&c->wait);
}

static void begin_talk(void *arg)
{
    struct client *c = arg;
    const struct talk_events events = {.ctx = c, .line = on_line, .end = on_end};
    c->within_start = true;
    c->talk = talk_start(c->drive, &c->spec, &events);
    c->within_start = false;
}

static void client_start(struct client *c, const struct server *server)
{
    *c = (struct client){.spec = {.path = server ? server->path : NULL,
                                  .request = slice_str("show stat\n"),
                                  .total_ms = 60000,
                                  .idle_ms = 60000,
                                  .max_bytes = 1 << 20,
                                  .max_line = 1024}};
    buf_add(&c->lines, "", 0);
    wait_init(&c->wait);
    assert_int_equal(drive_start(&c->drive, "talk"), 0);
}

static void client_run(struct client *c)
{
    drive_post(c->drive, begin_talk, c);
    assert_true(wait_for(&c->wait, 1));
}

static void client_stop(struct client *c)
{
    drive_stop(c->drive);
    assert_false(c->ended_within_start);
    assert_true(c->n_ends <= 1);
    buf_free(&c->lines);
}

static void expect_end(const struct client *c, enum talk_end how, int error)
{
    char text[TALK_TEXT_MAX];
    if (c->how != how || c->error != error)
        fail_msg("end %d, error %d (%s), expected %d, %d", (int)c->how, c->error,
                 talk_text(text, &c->spec, c->how, c->error), (int)how, error);
}

static void expect_text(const struct client *c, const char *expected)
{
    char text[TALK_TEXT_MAX];
    talk_text(text, &c->spec, c->how, c->error);
    if (!strstr(text, expected))
        fail_msg("\"%s\", expected \"%s\"", text, expected);
}

/* ---- as it should be ---- */

/* What it hears comes back, with its own number. */
static void serve_each(struct server *server, int fd)
{
    for (unsigned i = 0; i < 3; i++) {
        char line[sizeof server->got + 8];
        server->n_got = 0;
        memset(server->got, 0, sizeof server->got);
        hear(server, fd);
        snprintf(line, sizeof line, "%u %s", i, server->got);
        say_text(fd, line);
    }
    outlast(fd);
}

static void one_thing_is_said_after_the_other(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_each);
    client_start(&c, &server);
    c.enough_at = 3;
    c.more = "and more\n";
    client_run(&c);
    expect_end(&c, TALK_DONE, 0);
    assert_string_equal(c.lines.p, "0 show stat|1 and more|2 and more|");
    server_close(&server);
    client_stop(&c);
}

/* What is said more and not read is freed with the talk. */
static void serve_and_do_not_hear(struct server *server, int fd)
{
    hear(server, fd);
    say_text(fd, "one\ntwo\n");
    sleep(1); /* its buffer is full long before */
}

static void what_is_said_may_not_be_read(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    size_t n = 4 << 20;
    char *more = malloc(n + 1);
    memset(more, 'x', n);
    more[n] = '\0';
    server_open(&server, serve_and_do_not_hear);
    client_start(&c, &server);
    c.more = more;
    client_run(&c);
    assert_string_equal(c.lines.p, "one|two|");
    assert_int_equal(c.n_ends, 1);
    server_close(&server);
    client_stop(&c);
    free(more);
}

static void serve_lines(struct server *server, int fd)
{
    hear(server, fd);
    say_text(fd, "one\n\ntwo\r\nthree");
}

static void a_reply_is_read_line_by_line(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_lines);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_CLOSED, 0);
    assert_string_equal(c.lines.p, "one||two|");
    assert_int_equal(c.left, strlen("three"));
    server_close(&server);
    assert_string_equal(server.got, "show stat\n");
    client_stop(&c);
}

static void serve_on(struct server *server, int fd)
{
    serve_lines(server, fd);
    say_text(fd, "\nfour\n");
    outlast(fd);
}

static void a_reader_that_has_enough_ends_it(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_on);
    client_start(&c, &server);
    c.enough_at = 4;
    client_run(&c);
    expect_end(&c, TALK_DONE, 0);
    assert_string_equal(c.lines.p, "one||two|three|");
    server_close(&server);
    client_stop(&c);
}

static void a_talk_is_cancelled_by_its_reader(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_on);
    client_start(&c, &server);
    c.cancel_at = 2;
    client_run(&c);
    server_close(&server);
    client_stop(&c);
    assert_int_equal(c.n_lines, 2);
    assert_int_equal(c.n_ends, 0);
}

/* ---- connect ---- */

static void where_nobody_listens_says_so(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, NULL);
    server_close(&server);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_NO_SOCKET, ENOENT);
    expect_text(&c, "No such file");
    client_stop(&c);
    client_start(&c, NULL);
    c.spec.addr = (struct ip){.b = {127, 0, 0, 1}, .family = IP_V4};
    c.spec.port = 1;
    client_run(&c);
    expect_end(&c, TALK_NO_SOCKET, ECONNREFUSED);
    expect_text(&c, "127.0.0.1:1");
    client_stop(&c);
}

static void an_address_of_no_use_is_told_later(void **state)
{
    (void)state;
    struct client c;
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    client_start(&c, NULL);
    c.spec.path = path;
    client_run(&c);
    expect_end(&c, TALK_NO_SOCKET, ENAMETOOLONG);
    client_stop(&c);
    client_start(&c, NULL);
    c.spec.addr = (struct ip){.b = {255, 255, 255, 255}, .family = IP_V4};
    c.spec.port = 9;
    client_run(&c);
    assert_int_equal(c.how, TALK_NO_SOCKET);
    assert_true(c.error != 0);
    client_stop(&c);
}

/* ---- hostile ---- */

static void serve_without_end(struct server *server, int fd)
{
    char line[1000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    (void)server;
    for (int i = 0; i < 1000000; i++)
        if (send(fd, line, sizeof line, MSG_NOSIGNAL) <= 0)
            return;
}

static void an_endless_reply_is_ended(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_without_end);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_TOO_MUCH, EFBIG);
    assert_in_range(c.n_lines, (1 << 20) / 1000 - 50, (1 << 20) / 1000);
    expect_text(&c, "more than 1048576 bytes");
    server_close(&server);
    client_stop(&c);
}

static void serve_long_line(struct server *server, int fd)
{
    char line[1025];
    memset(line, 'x', sizeof line);
    hear(server, fd);
    say(fd, line, sizeof line - 1);
    say_text(fd, "\r\n");
    say(fd, line, sizeof line);
    outlast(fd);
}

static void an_overlong_line_ends_it(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_long_line);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_TOO_MUCH, EMSGSIZE);
    assert_int_equal(c.n_lines, 1); /* of the longest that is allowed */
    expect_text(&c, "line of more than 1024 bytes");
    server_close(&server);
    client_stop(&c);
}

static void serve_nul(struct server *server, int fd)
{
    hear(server, fd);
    say(fd, "fine\nnot\0so\n", 12);
    outlast(fd);
}

static void a_nul_ends_it(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_nul);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_TOO_MUCH, EILSEQ);
    assert_string_equal(c.lines.p, "fine|");
    server_close(&server);
    client_stop(&c);
}

static void serve_byte_by_byte(struct server *server, int fd)
{
    (void)server;
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        usleep(20000);
}

static void one_byte_at_a_time_is_too_slow_at_last(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_byte_by_byte);
    client_start(&c, &server);
    c.spec.total_ms = 300;
    client_run(&c);
    expect_end(&c, TALK_TOO_SLOW, ETIMEDOUT);
    expect_text(&c, "took longer than 0.3 s");
    assert_int_equal(c.n_lines, 0);
    server_close(&server);
    client_stop(&c);
}

static void serve_silence(struct server *server, int fd)
{
    (void)server;
    outlast(fd);
}

static void silence_is_too_slow(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_silence);
    client_start(&c, &server);
    c.spec.idle_ms = 50;
    client_run(&c);
    expect_end(&c, TALK_TOO_SLOW, ETIME);
    expect_text(&c, "nothing came for 0.05 s");
    server_close(&server);
    client_stop(&c);
}

/* One that listens and never accepts: connected to the kernel alone. */
static void one_that_never_accepts_is_too_slow(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, NULL);
    client_start(&c, &server);
    c.spec.idle_ms = 0; /* then the whole time counts */
    c.spec.total_ms = 50;
    client_run(&c);
    expect_end(&c, TALK_TOO_SLOW, ETIMEDOUT);
    server_close(&server);
    client_stop(&c);
}

static void serve_and_break(struct server *server, int fd)
{
    const struct linger now = {.l_onoff = 1};
    hear(server, fd);
    say_text(fd, "half a li");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void a_line_that_breaks_off_is_not_given(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_and_break);
    client_start(&c, &server);
    client_run(&c);
    expect_end(&c, TALK_CLOSED, 0);
    assert_int_equal(c.n_lines, 0);
    assert_int_equal(c.left, strlen("half a li"));
    server_close(&server);
    client_stop(&c);
}

/* Answers without having read: what it said counts, and no SIGPIPE ends anybody. */
static void serve_early(struct server *server, int fd)
{
    (void)server;
    say_text(fd, "Permission denied\n");
    shutdown(fd, SHUT_WR);
    usleep(50000);
}

static void a_refusal_before_the_request_is_read(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    size_t n = 4 << 20; /* more than any socket takes at once */
    char *request = calloc(1, n);
    signal(SIGPIPE, SIG_DFL);
    server_open(&server, serve_early);
    client_start(&c, &server);
    c.spec.request = slice_of(request, n);
    client_run(&c);
    assert_string_equal(c.lines.p, "Permission denied|");
    assert_true(c.how == TALK_CLOSED || c.how == TALK_BROKEN);
    server_close(&server);
    client_stop(&c);
    free(request);
}

/* Reads a long request slowly: as long as some of it goes, it is not idle. */
static void serve_slow_reader(struct server *server, int fd)
{
    char *bytes = malloc(32 << 10);
    size_t left = 2 << 20;
    (void)server;
    for (ssize_t got; left > 0 && (got = recv(fd, bytes, 32 << 10, 0)) > 0; left -= (size_t)got)
        usleep(150000);
    free(bytes);
    say_text(fd, left ? "less\n" : "all\n");
}

static void a_slow_reader_is_waited_for(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    char *request = calloc(1, 2 << 20);
    server_open(&server, serve_slow_reader);
    client_start(&c, &server);
    c.spec.request = slice_of(request, 2 << 20);
    c.spec.idle_ms = 6000; /* less than it takes in all */
    client_run(&c);
    assert_string_equal(c.lines.p, "all|");
    server_close(&server);
    client_stop(&c);
    free(request);
}

/* ---- the end of all ---- */

static void stopping_ends_talks_that_are_under_way(void **state)
{
    (void)state;
    struct server server;
    struct client c;
    server_open(&server, serve_silence);
    client_start(&c, &server);
    drive_post(c.drive, begin_talk, &c);
    client_stop(&c);
    expect_end(&c, TALK_BROKEN, ECANCELED);
    assert_int_equal(c.n_ends, 1);
    server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_read_line_by_line),
        cmocka_unit_test(one_thing_is_said_after_the_other),
        cmocka_unit_test(what_is_said_may_not_be_read),
        cmocka_unit_test(a_reader_that_has_enough_ends_it),
        cmocka_unit_test(a_talk_is_cancelled_by_its_reader),
        cmocka_unit_test(where_nobody_listens_says_so),
        cmocka_unit_test(an_address_of_no_use_is_told_later),
        cmocka_unit_test(an_endless_reply_is_ended),
        cmocka_unit_test(an_overlong_line_ends_it),
        cmocka_unit_test(a_nul_ends_it),
        cmocka_unit_test(one_byte_at_a_time_is_too_slow_at_last),
        cmocka_unit_test(silence_is_too_slow),
        cmocka_unit_test(one_that_never_accepts_is_too_slow),
        cmocka_unit_test(a_line_that_breaks_off_is_not_given),
        cmocka_unit_test(a_refusal_before_the_request_is_read),
        cmocka_unit_test(a_slow_reader_is_waited_for),
        cmocka_unit_test(stopping_ends_talks_that_are_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
