/* SPDX-License-Identifier: Apache-2.0
 * The client's end: a server that behaves as told, and what is said of it. */
#include "control/client.h"

#include "base/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
    char directory[64], path[96];
    int fd;
    const char *reply; /* NULL: keeps silent */
    size_t piece;      /* sent so many bytes at a time; 0: all */
    pthread_t thread;
    char asked[4096];
    char steps[256];     /* what came as progress */
    useconds_t pause_us; /* after each piece */
    int patience_ms;     /* the client's; 0: more than it takes */
    bool lingers;        /* the client closes first */
};

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t n = 0;
    for (ssize_t got; n < sizeof s->asked - 1 && !memchr(s->asked, '\n', n); n += (size_t)got)
        if ((got = recv(fd, s->asked + n, sizeof s->asked - 1 - n, 0)) <= 0)
            break;
    for (const char *p = s->reply; p && *p;) {
        size_t left = strlen(p), piece = s->piece && s->piece < left ? s->piece : left;
        ssize_t sent = send(fd, p, piece, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        p += sent;
        usleep(s->pause_us);
    }
    char drop;
    if (!s->reply)
        (void)!recv(fd, &drop, 1, 0); /* until the client gives up */
    while (s->lingers && recv(fd, &drop, 1, 0) > 0)
        ;
    close(fd);
    return NULL;
}

static int set_up(void **state)
{
    struct server *s = calloc(1, sizeof *s);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    strcpy(s->directory, "/tmp/ls-client-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/s", s->directory);
    strcpy(sa.sun_path, s->path);
    s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(s->fd, 4), 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct server *s = *state;
    close(s->fd);
    unlink(s->path);
    rmdir(s->directory);
    free(s);
    return 0;
}

static void on_progress(void *arg, const json_t *progress)
{
    struct server *s = arg;
    char *text = json_dumps(progress, JSON_COMPACT | JSON_ENCODE_ANY);
    strcat(s->steps, text);
    strcat(s->steps, ";");
    free(text);
}

static json_t *ask(struct server *s, char error[CLIENT_ERROR_MAX])
{
    json_t *request = json_pack("{s:s}", "command", "sites");
    memset(s->asked, 0, sizeof s->asked);
    s->steps[0] = '\0';
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    int patience_ms = s->patience_ms ? s->patience_ms : 60000;
    struct client *client = client_open(s->path, patience_ms, error);
    assert_non_null(client);
    json_t *reply = client_ask(client, request, on_progress, s, error);
    client_close(client);
    pthread_join(s->thread, NULL);
    json_decref(request);
    return reply;
}

static void test_replies(void **state)
{
    static const struct {
        const char *reply, *error; /* NULL: it is one */
    } cases[] = {
        {"{\"ok\":true}\n", NULL},
        {"{\"ok\":true}", "it closed the connection"},
        {"", "it closed the connection"},
        {"nothing\n", "is no JSON"},
        {"\n", "is no JSON"},
        {NULL, "it took too long"},
    };
    struct server *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (s->piece = 0; s->piece < 3; s->piece++) {
            char error[CLIENT_ERROR_MAX] = "";
            s->reply = cases[i].reply;
            s->patience_ms = s->reply ? 0 : 1000;
            json_t *reply = ask(s, error);
            assert_string_equal(s->asked, "{\"command\":\"sites\"}\n");
            assert_int_equal(!reply, !!cases[i].error);
            if (cases[i].error && !strstr(error, cases[i].error))
                fail_msg("%s: \"%s\"", cases[i].reply ? cases[i].reply : "-", error);
            json_decref(reply);
            if (!cases[i].reply)
                break;
        }
}

static void test_long_reply(void **state)
{
    struct server *s = *state;
    char error[CLIENT_ERROR_MAX], *text = malloc(4 << 20);
    memset(text, 'x', 4 << 20);
    memcpy(text, "{\"ok\":\"", 7);
    strcpy(text + (4 << 20) - 4, "\"}\n");
    s->reply = text;
    json_t *reply = ask(s, error);
    assert_int_equal(json_string_length(json_object_get(reply, "ok")), (4 << 20) - 4 - 7);
    json_decref(reply);
    free(text);
}

static void test_progress(void **state)
{
    struct server *s = *state;
    s->reply = "{\"progress\":1}\n{\"progress\":{\"step\":\"reading\"}}\n{\"ok\":true}\n";
    for (s->piece = 0; s->piece < 3; s->piece++) {
        char error[CLIENT_ERROR_MAX] = "";
        json_t *reply = ask(s, error);
        assert_true(json_is_true(json_object_get(reply, "ok")));
        assert_string_equal(s->steps, "1;{\"step\":\"reading\"};");
        json_decref(reply);
    }
    char error[CLIENT_ERROR_MAX] = "";
    s->reply = "{\"progress\":1}\n";
    assert_null(ask(s, error)); /* it is no reply */
    assert_non_null(strstr(error, "it closed the connection"));
}

/* A line of progress restarts the wait, which is 4 s here: 10 of them take 5 s. */
static void test_progress_takes_time(void **state)
{
    struct server *s = *state;
    char error[CLIENT_ERROR_MAX] = "", text[512] = "";
    for (int i = 0; i < 10; i++)
        strcat(text, "{\"progress\":12}\n");
    strcat(text, "{\"ok\":true }\n"); /* as long as the others */
    s->reply = text;
    s->piece = strlen("{\"progress\":12}\n");
    s->pause_us = 500000;
    s->patience_ms = 4000;
    json_t *reply = ask(s, error);
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
}

/* Two requests over one connection, both replies there before the first is read. */
static void test_several_requests(void **state)
{
    struct server *s = *state;
    char error[CLIENT_ERROR_MAX] = "";
    s->reply = "{\"ok\":1}\n{\"ok\":2}\n";
    s->lingers = true; /* else the second request may find nobody */
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    struct client *client = client_open(s->path, 60000, error);
    json_t *request = json_object();
    for (int i = 1; i <= 2; i++) {
        json_t *reply = client_ask(client, request, NULL, NULL, error);
        assert_int_equal(json_integer_value(json_object_get(reply, "ok")), i);
        json_decref(reply);
    }
    json_decref(request);
    client_close(client);
    pthread_join(s->thread, NULL);
}

static void test_nobody_there(void **state)
{
    struct server *s = *state;
    char error[CLIENT_ERROR_MAX], path[300];
    snprintf(path, sizeof path, "%s/nothing", s->directory);
    assert_null(client_open(path, 1000, error));
    assert_non_null(strstr(error, "no such file; is loadstard running?"));
    snprintf(path, sizeof path, "%.40s/%0200d", s->directory, 1);
    assert_null(client_open(path, 1000, error));
    assert_non_null(strstr(error, "too long"));
    close(s->fd);
    s->fd = -1;
    assert_null(client_open(s->path, 1000, error));
    assert_non_null(strstr(error, "nobody listens"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_replies),          TEST(test_long_reply),
                                       TEST(test_progress),         TEST(test_progress_takes_time),
                                       TEST(test_several_requests), TEST(test_nobody_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
