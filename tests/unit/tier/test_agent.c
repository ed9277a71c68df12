/* SPDX-License-Identifier: Apache-2.0
 * Agent checks over real sockets: who asks at once, slowly, too much, nothing; and what HAProxy's
 * driver answers while its socket is dead. */
#include "haproxy_world.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>

#define REPLY_MAX 1024

struct asker {
    int listener;
    uint16_t port;
};

static struct asker asker_open(void)
{
    struct asker asker = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;
    assert_int_equal(bind(asker.listener, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(asker.listener, 512), 0);
    assert_int_equal(getsockname(asker.listener, (struct sockaddr *)&addr, &n), 0);
    asker.port = ntohs(addr.sin_port);
    return asker;
}

static int asker_connect(const struct asker *asker)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons(asker->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = WAIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

/** All that is said until the end, which comes by itself. */
static void read_reply(int fd, char text[REPLY_MAX])
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, text + n, REPLY_MAX - 1 - n, 0);
        if (got < 0 && errno != ECONNRESET)
            fail_msg("not closed: %s", strerror(errno));
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = '\0';
    close(fd);
}

static void check_reply(int fd, const char *expected)
{
    char text[REPLY_MAX];
    read_reply(fd, text);
    assert_string_equal(text, expected);
}

static int ask(const struct asker *asker, const char *request)
{
    int fd = asker_connect(asker);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

static void check_ask(const struct asker *asker, const char *request, const char *expected)
{
    check_reply(ask(asker, request), expected);
}

/** At last it is said. */
static void await_ask(const struct asker *asker, const char *request, const char *expected)
{
    char text[REPLY_MAX] = "";
    for (unsigned i = 0; i < WAIT_S * 100 && strcmp(text, expected) != 0; i++) {
        usleep(i > 0 ? 10000 : 0);
        read_reply(ask(asker, request), text);
    }
    assert_string_equal(text, expected);
}

static void run_nothing(void *arg)
{
    wait_came(&((struct world *)arg)->wait);
}

/** Changes are made while the thread does nothing else. */
static void set_row(struct world *w, uint32_t row, struct serving wanted, struct serving target)
{
    run(w, run_nothing);
    w->table.rows.v[row].wanted = wanted;
    w->table.rows.v[row].target = target;
}

static const struct serving full = {SERVES_READY, 100}, none = {SERVES_READY, 0},
                            drain = {SERVES_DRAIN, 0}, down = {SERVES_DOWN, 0},
                            maint = {SERVES_MAINT, 0}, unknown = {SERVES_UNKNOWN, 0};

/* Both ways are configured, and nothing is at the socket. */
static void test_answers(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at("/nonexistent/haproxy.sock", "be_web", asker.listener);
    run(w, run_observe);
    check_failed(w, TIER_ERROR_UNREACHABLE, "cannot connect");
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    check_ask(&asker, "vip/ams-web1\r\n", "ready up 100%\n");
    check_ask(&asker, "vip/ams-web1\nvip/ams-web2\n", "ready up 100%\n");
    set_row(w, 0, none, none);
    check_ask(&asker, "vip/ams-web1\n", "ready up 0%\n");
    set_row(w, 0, down, down);
    check_ask(&asker, "vip/ams-web1\n", "ready down #connection refused\n");
    set_row(w, 0, maint, maint);
    check_ask(&asker, "vip/ams-web1\n", "maint\n");
    set_row(w, 0, drain, drain);
    check_ask(&asker, "vip/ams-web1\n", "drain\n");
    set_row(w, 0, drain, full); /* staged: it serves on */
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    set_row(w, 0, unknown, full); /* whatever was seen of it before */
    check_ask(&asker, "vip/ams-web1\n", "");
    check_ask(&asker, "vip/ams-web2\n", "ready up 100%\n");
    w->table.rows.v[1].foreign = true;
    check_ask(&asker, "vip/ams-web2\n", "");
    check_ask(&asker, "vip/nobody\n", "");
    check_ask(&asker, "vop/ams-web1\n", "");
    check_ask(&asker, "\n", "");
    check_ask(&asker, "/\n", "");
    world_close(w);
    close(asker.listener);
}

/* What has left the configuration drains until it is gone. */
static void test_left(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at(NULL, "be_web", asker.listener);
    struct tier_row *row = vec_push(&w->table.rows);
    row->member = MODEL_NONE;
    snprintf(row->name, sizeof row->name, "fra-web9");
    row->target = drain;
    check_ask(&asker, "vip/fra-web9\n", "drain\n");
    world_close(w);
    close(asker.listener);
}

/* At a start nothing is told before there is a result for each member. */
static void test_held(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at(NULL, "be_web", asker.listener);
    set_row(w, 1, unknown, unknown);
    check_ask(&asker, "vip/ams-web1\n", "");
    set_row(w, 1, down, down);
    await_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    set_row(w, 1, unknown, unknown); /* later that holds up nothing else */
    usleep(150000);
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    world_close(w);
    close(asker.listener);
}

/* Without a socket what is answered is what is seen. */
static void test_seen(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at(NULL, "be_web", asker.listener);
    set_row(w, 1, down, down);
    run(w, run_observe);
    assert_false(w->failed);
    assert_true(w->seen.exists && w->seen.is_ours);
    assert_int_equal(w->seen.n, 2);
    assert_int_equal(w->seen.v[0].serving.serves, SERVES_READY);
    assert_int_equal(w->seen.v[0].serving.weight, 100);
    assert_int_equal(w->seen.v[0].active, -1);
    assert_int_equal(w->seen.v[1].serving.serves, SERVES_READY);
    assert_int_equal(w->seen.v[1].serving.weight, 0);
    assert_false(w->seen.v[0].is_ours);
    plan_step(w, PLAN_SET, 0, down);
    run(w, run_apply);
    assert_false(w->failed);
    world_close(w);
    /* A listener that is not there is told of. */
    w = world_open_at(NULL, "be_web", -2);
    run(w, run_observe);
    check_failed(w, TIER_ERROR_REJECTED, "there is no listener for its agent 127.0.0.1:1");
    world_close(w);
    close(asker.listener);
}

/* Lines in pieces are lines; who says nothing, or too much, is closed, and holds up nobody. */
static void test_slow_and_long(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at(NULL, "be_web", asker.listener);
    enum { N = AGENT_WAITING_MAX + 40 };
    int *fds = xcalloc(N, sizeof *fds);
    int64_t begun_ms = clock_mono_ms();
    for (unsigned i = 0; i < N; i++) {
        fds[i] = asker_connect(&asker);
        assert_int_equal(send(fds[i], "vip", 3, MSG_NOSIGNAL), 3);
    }
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    /* Those that waited longest have made room. */
    struct pollfd first = {.fd = fds[0], .events = POLLIN};
    bool made_room = poll(&first, 1, 0) == 1;
    assert_true(made_room || clock_mono_ms() - begun_ms >= AGENT_BUDGET_MS);
    check_reply(fds[0], "");
    char text[64] = "";
    send(fds[N - 1], "/ams-w", 6, MSG_NOSIGNAL);
    send(fds[N - 1], "eb1\n", 4, MSG_NOSIGNAL);
    ssize_t got = recv(fds[N - 1], text, sizeof text - 1, 0);
    if (clock_mono_ms() - begun_ms < AGENT_BUDGET_MS) /* else its time may have been over */
        assert_string_equal(got > 0 ? text : "", "ready up 100%\n");
    close(fds[N - 1]);
    for (unsigned i = 1; i + 1 < N; i++)
        check_reply(fds[i], "");
    assert_true(clock_mono_ms() - begun_ms >= AGENT_BUDGET_MS);
    char line[2 * AGENT_LINE_MAX];
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    check_ask(&asker, line, "");
    memset(line, 0, 8);
    int fd = asker_connect(&asker);
    assert_int_equal(send(fd, "\0\0\n\0", 4, MSG_NOSIGNAL), 4);
    check_reply(fd, "");
    fd = asker_connect(&asker); /* gone before it has said anything */
    close(fd);
    fd = asker_connect(&asker);
    shutdown(fd, SHUT_WR);
    check_reply(fd, "");
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    free(fds);
    world_close(w);
    close(asker.listener);
}

/* A client that waits while its tier goes is closed with it. */
static void test_closed_with_clients(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct world *w = world_open_at(NULL, "be_web", asker.listener);
    int fd = asker_connect(&asker);
    assert_int_equal(send(fd, "vip", 3, MSG_NOSIGNAL), 3);
    check_ask(&asker, "vip/ams-web1\n", "ready up 100%\n");
    world_close(w);
    check_reply(fd, "");
    close(asker.listener);
}

/* ---- one listener for several tiers ---- */

static size_t say_name(void *ctx, char out[AGENT_LINE_MAX], struct slice member)
{
    return (size_t)snprintf(out, AGENT_LINE_MAX, "%s %.*s\n", (const char *)ctx, (int)member.n,
                            (const char *)member.p);
}

struct several {
    struct world *w;
    struct agents *agents;
    struct agent_tier tiers[2];
    int listener;
};

static void run_join(void *arg)
{
    struct several *s = arg;
    s->agents = agents_new(s->w->drive);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(agents_join(s->agents, s->listener, &s->tiers[i]), 0);
    wait_came(&s->w->wait);
}

static void run_leave_first(void *arg)
{
    struct several *s = arg;
    agents_leave(s->agents, s->listener, &s->tiers[0]);
    wait_came(&s->w->wait);
}

static void run_leave_rest(void *arg)
{
    struct several *s = arg;
    agents_leave(s->agents, s->listener, &s->tiers[1]);
    agents_free(s->agents);
    wait_came(&s->w->wait);
}

static void run_several(struct several *s, void (*fn)(void *arg))
{
    drive_post(s->w->drive, fn, s);
    s->w->n_waited++;
    assert_true(wait_for(&s->w->wait, s->w->n_waited));
}

static void test_several(void **state)
{
    (void)state;
    struct asker asker = asker_open();
    struct several s = {.w = world_open("/nonexistent"),
                        .listener = asker.listener,
                        .tiers = {{.name = "a", .ctx = (void *)(uintptr_t) "one", say_name},
                                  {.name = "b", .ctx = (void *)(uintptr_t) "two", say_name}}};
    run_several(&s, run_join);
    check_ask(&asker, "a/x\n", "one x\n");
    check_ask(&asker, "b/y/z\n", "two y/z\n");
    run_several(&s, run_leave_first);
    check_ask(&asker, "a/x\n", "");
    check_ask(&asker, "b/y\n", "two y\n");
    run_several(&s, run_leave_rest);
    world_close(s.w);
    close(asker.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_left),
        cmocka_unit_test(test_held),          cmocka_unit_test(test_seen),
        cmocka_unit_test(test_slow_and_long), cmocka_unit_test(test_closed_with_clients),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
