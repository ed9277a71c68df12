/* SPDX-License-Identifier: Apache-2.0
 * The server of the control protocol, with a handler that answers when it is told to: replies in
 * order, identifiers, progress, who asks; clients that say nothing, take nothing, or go. Linked
 * with src/control and src/base alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "control/json.h"
#include "control/server.h"
#include "tests/unit/control/peers.h"

#include <loadstar/control.h>

#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define ASKED_MAX 64

struct scene {
    uv_loop_t loop;
    struct control_server *server;
    struct page_budget budget;
    struct page *page;
    struct control_call *asked[ASKED_MAX]; /* wait for an answer */
    unsigned n_asked, n_requests;
    bool at_once;     /* answers with `page` */
    char object[256]; /* the last that was asked, as JSON */
    char directory[64], path[96];
    bool closed;
};

int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

static int64_t still_ms; /* the time, while a test has it stand; 0: it goes on */

int64_t __wrap_clock_mono_ms(void)
{
    return still_ms ? still_ms : __real_clock_mono_ms();
}

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static void on_request(void *ctx, struct control_call *call, json_t *object)
{
    struct scene *s = ctx;
    char *text = json_dumps(object, JSON_COMPACT);
    snprintf(s->object, sizeof s->object, "%s", text);
    free(text);
    s->n_requests++;
    if (s->at_once) {
        control_call_page(call, s->page);
        assert_non_null(json_object_get(object, "command")); /* still there */
        return;
    }
    assert_true(s->n_asked < ASKED_MAX);
    s->asked[s->n_asked++] = call;
}

/** Answers all who wait with the page; without one: refuses. */
static void answer_all(struct scene *s)
{
    unsigned n = s->n_asked;
    s->n_asked = 0;
    for (unsigned i = 0; i < n; i++)
        if (s->page)
            control_call_page(s->asked[i], s->page);
        else
            control_call_fail(s->asked[i], E_SYSTEM, "too many");
}

static void make_page(struct scene *s, size_t n)
{
    char *bytes = xmalloc(n);
    memset(bytes, 'x', n);
    bytes[n - 1] = '\n';
    s->page = page_new(&s->budget, 0, bytes, n);
}

static int set_up_for(void **state, uint32_t line_max)
{
    struct scene *s = xcalloc(1, sizeof *s);
    struct diags diags;
    diags_init(&diags);
    uv_loop_init(&s->loop);
    snprintf(s->directory, sizeof s->directory, "/tmp/ls-server-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/s", s->directory);
    const struct control_handler handler = {.ctx = s, .request = on_request, .line_max = line_max};
    assert_int_equal(control_server_open(&s->server, &handler, &s->loop, s->path, NULL, &diags), 0);
    assert_string_equal(control_server_path(s->server), s->path);
    diags_free(&diags);
    *state = s;
    return 0;
}

static int set_up(void **state)
{
    return set_up_for(state, 0);
}

#define LONG_MAX_B (16u << 20)

static int set_up_of_long(void **state)
{
    return set_up_for(state, LONG_MAX_B);
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    if (!s->closed)
        control_server_close(s->server, on_flag, &s->closed);
    answer_all(s);
    RUN_UNTIL(&s->loop, s->closed);
    page_release(s->page);
    assert_int_equal(s->budget.kept_b, 0);
    assert_int_equal(uv_loop_close(&s->loop), 0);
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
    char text[512] = "";
    s->at_once = true;
    make_page(s, 5);
    int fd = client(s, "{\"command\":\"sites\"}\n{\"command\":\"pools\",\"id\":7}\n[]\n");
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, "expected")));
    assert_string_equal(text,
                        "{\"ok\":true,\"result\":xxxx}\n{\"id\":7,\"ok\":true,\"result\":xxxx}\n"
                        "{\"ok\":false,\"error\":\"expected a JSON object, {\\\"command\\\": "
                        "...}\",\"code\":\"invalid\"}\n");
    assert_int_equal(s->page->n_holds, 1);
    close(fd);
}

static void run_on(struct scene *s)
{
    for (int k = 0; k < 20; k++)
        uv_run(&s->loop, UV_RUN_NOWAIT);
}

/** Lets the server take what was sent, without an answer of ours. */
static void wait_for_requests(struct scene *s, unsigned n)
{
    RUN_UNTIL(&s->loop, s->n_requests == n && s->n_asked == 1);
}

/* What the protocol has for itself comes back, and does not reach the handler. */
static void test_identifiers(void **state)
{
    struct scene *s = *state;
    char text[512] = "";
    int fd = client(s, "{\"v\":1,\"id\":\"a\\u202e\\\"b\",\"command\":\"x\",\"y\":[1]}\n"
                       "{\"id\":-3,\"command\":\"x\"}\n{\"command\":\"x\",\"v\":2,\"id\":4}\n");
    wait_for_requests(s, 1);
    assert_string_equal(s->object, "{\"command\":\"x\",\"y\":[1]}");
    control_call_answer(s->asked[--s->n_asked], json_pack("{s:i}", "z", 1));
    wait_for_requests(s, 2);
    json_t *errors = json_pack("[s]", "f:1:2: wrong");
    control_call_reply(s->asked[--s->n_asked],
                       &(struct control_reply){.code = E_INVALID, .error = "no", .errors = errors});
    json_decref(errors);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, "not 2")));
    assert_string_equal(
        text, "{\"id\":\"a\\u202e\\\"b\",\"ok\":true,\"result\":{\"z\":1}}\n"
              "{\"id\":-3,\"ok\":false,\"error\":\"no\",\"code\":\"invalid\",\"errors\":[\"f:1:2: "
              "wrong\"]}\n"
              "{\"id\":4,\"ok\":false,\"error\":\"v: this program speaks version 1 of the control "
              "protocol, not 2\",\"code\":\"invalid\"}\n");
    assert_int_equal(s->n_requests, 2);
    close(fd);
}

static void report(struct control_call *call, int64_t step)
{
    json_t *progress = json_integer(step);
    control_call_progress(call, progress);
    json_decref(progress);
}

static void test_progress(void **state)
{
    struct scene *s = *state;
    char text[512] = "";
    int fd = client(s, "{\"id\":1,\"command\":\"x\",\"progress\":true}\n");
    wait_for_requests(s, 1);
    assert_true(control_call_wants_progress(s->asked[0]));
    report(s->asked[0], 1);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strchr(text, '\n')));
    assert_string_equal(text, "{\"id\":1,\"progress\":1}\n");
    report(s->asked[0], 2);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, "2}")));
    answer_all(s);
    client_say(fd, "{\"command\":\"x\"}\n");
    wait_for_requests(s, 2);
    assert_false(control_call_wants_progress(s->asked[0]));
    report(s->asked[0], 3); /* not asked for */
    answer_all(s);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, "}\n{\"ok\"")));
    assert_string_equal(text, "{\"id\":1,\"progress\":1}\n{\"id\":1,\"progress\":2}\n"
                              "{\"id\":1,\"ok\":false,\"error\":\"too many\",\"code\":\"failed\"}\n"
                              "{\"ok\":false,\"error\":\"too many\",\"code\":\"failed\"}\n");
    close(fd);
}

/* Lines of progress that are not taken are left out, but for the newest: they do not pile up. */
static void test_progress_is_not_kept(void **state)
{
    struct scene *s = *state;
    char *long_text = xcalloc(1, 1 << 20), *text = xcalloc(1, 4 << 20);
    int fd = client(s, "{\"command\":\"x\",\"progress\":true}\n");
    wait_for_requests(s, 1);
    memset(long_text, 'p', (1 << 20) - 1);
    json_t *progress = json_string(long_text);
    for (int i = 0; i < 100; i++) {
        control_call_progress(s->asked[0], progress);
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    report(s->asked[0], 9);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, 4 << 20), strstr(text, "\"progress\":9}")));
    assert_true(strlen(text) > 1 << 20 && strlen(text) < 2 << 20);
    run_on(s); /* so that nothing is on its way */
    report(s->asked[0], 10);
    report(s->asked[0], 11); /* overtaken by the answer */
    answer_all(s);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, 4 << 20), strstr(text, "too many")));
    run_on(s);
    client_hear(fd, text, 4 << 20);
    assert_non_null(strstr(
        text, "\"progress\":10}\n{\"ok\":false,\"error\":\"too many\",\"code\":\"failed\"}\n"));
    assert_null(strstr(text, "11"));
    json_decref(progress);
    free(long_text);
    free(text);
    close(fd);
}

/* As well when the client goes while a line of progress is on its way. */
static void test_progress_to_nobody(void **state)
{
    struct scene *s = *state;
    char *long_text = xcalloc(1, 1 << 20);
    int fd = client(s, "{\"command\":\"x\",\"progress\":true}\n");
    wait_for_requests(s, 1);
    memset(long_text, 'p', (1 << 20) - 1);
    json_t *progress = json_string(long_text);
    control_call_progress(s->asked[0], progress);
    close(fd);
    run_on(s);
    control_call_progress(s->asked[0], progress); /* its client has gone */
    json_decref(progress);
    free(long_text);
}

/* The directory of users, which hangs until it is let go. */
static atomic_bool directory_hangs;
int __real_getpwuid_r(uid_t uid, struct passwd *pw, char *buffer, size_t n, struct passwd **out);
int __wrap_getpwuid_r(uid_t uid, struct passwd *pw, char *buffer, size_t n, struct passwd **out);
int __wrap_getpwuid_r(uid_t uid, struct passwd *pw, char *buffer, size_t n, struct passwd **out)
{
    while (directory_hangs)
        usleep(1000);
    return __real_getpwuid_r(uid, pw, buffer, n, out);
}

static void test_directory_of_users_hangs(void **state)
{
    struct scene *s = *state;
    char want[32];
    directory_hangs = true;
    int gone = client(s, SITES), fd = client(s, SITES);
    run_on(s);
    assert_int_equal(s->n_requests, 0);
    close(gone); /* meanwhile */
    RUN_UNTIL(&s->loop, s->n_requests == 2);
    snprintf(want, sizeof want, "uid %u", getuid());
    assert_string_equal(control_call_actor(s->asked[0])->text, want);
    directory_hangs = false;
    close(fd);
}

/* Dropped as idle, or as we end, while they are being named. */
static void test_clients_that_are_dropped_unnamed(void **state)
{
    struct scene *s = *state;
    directory_hangs = true;
    int idle = client(s, ""), last;
    run_on(s);
    control_server_set_idle(s->server, 40);
    RUN_UNTIL(&s->loop, client_is_closed(idle));
    control_server_set_idle(s->server, 60000);
    last = client(s, SITES);
    run_on(s);
    control_server_close(s->server, on_flag, &s->closed);
    RUN_UNTIL(&s->loop, s->closed);
    assert_int_equal(s->n_requests, 0);
    directory_hangs = false;
    close(idle);
    close(last);
}

/* Another server takes the socket over: its clients come there, and the file is its own. */
static void test_adopted_by_another(void **state)
{
    struct scene *s = *state;
    struct diags diags;
    const struct control_handler handler = {.ctx = s, .request = on_request};
    diags_init(&diags);
    struct control_server *left = s->server;
    int fd = dup(control_server_fd(left));
    assert_int_equal(control_server_adopt(&s->server, &handler, &s->loop, s->path, fd, &diags), 0);
    control_server_leave(left);
    run_on(s);
    assert_int_equal(access(s->path, F_OK), 0);
    int c = client(s, SITES);
    wait_for_requests(s, 1);
    control_server_close(s->server, on_flag, &s->closed);
    answer_all(s);
    RUN_UNTIL(&s->loop, s->closed);
    assert_int_not_equal(access(s->path, F_OK), 0);
    fd = dup(0);
    assert_int_equal(control_server_adopt(&left, &handler, &s->loop, s->path, fd, &diags),
                     E_SYSTEM);
    assert_int_equal(diags.n_errors, 1);
    close(c);
    diags_free(&diags);
}

static void test_who_asks(void **state)
{
    struct scene *s = *state;
    char want[ACTOR_TEXT_MAX];
    const struct passwd *pw = getpwuid(getuid());
    int fd = client(s, SITES);
    wait_for_requests(s, 1);
    assert_int_equal(control_call_client(s->asked[0]).uid, getuid());
    assert_int_equal(control_call_client(s->asked[0]).pid, getpid());
    snprintf(want, sizeof want, pw ? "%s (uid %u)" : "%suid %u", pw ? pw->pw_name : "", getuid());
    assert_string_equal(control_call_actor(s->asked[0])->text, want);
    close(fd);
}

static struct page_budget budget;

static void send_number(struct control_stream *stream, int number)
{
    json_t *event = json_pack("{s:i}", "event", number);
    struct page *line = control_event(&budget, event);
    control_stream_send(stream, line);
    page_release(line);
    json_decref(event);
}

/* Lines that nobody asked for come between replies, whole, and the client need say nothing. */
static void test_stream(void **state)
{
    struct scene *s = *state;
    char text[512] = "";
    bool ended = false;
    int fd = client(s, "{\"id\":1,\"command\":\"x\"}\n");
    wait_for_requests(s, 1);
    struct control_stream *stream = control_call_stream(s->asked[0], on_flag, &ended);
    assert_non_null(stream);
    assert_null(control_call_stream(s->asked[0], on_flag, &ended));
    send_number(stream, 7);
    control_call_answer(s->asked[--s->n_asked], json_object());
    send_number(stream, 8);
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, "8}")));
    assert_string_equal(text,
                        "{\"event\":7}\n{\"id\":1,\"ok\":true,\"result\":{}}\n{\"event\":8}\n");
    control_server_set_idle(s->server, 40);
    int64_t until_ms = clock_mono_ms() + 150;
    RUN_UNTIL(&s->loop, clock_mono_ms() > until_ms);
    assert_false(client_is_closed(fd));
    assert_false(ended);
    close(fd);
    RUN_UNTIL(&s->loop, ended);
}

/* What is not taken is bounded, the newest wins, and who takes nothing at all is dropped. */
static void test_stream_that_is_not_read(void **state)
{
    struct scene *s = *state;
    bool ended = false;
    int fd = client(s, "{\"command\":\"x\"}\n");
    wait_for_requests(s, 1);
    struct control_stream *stream = control_call_stream(s->asked[0], on_flag, &ended);
    control_call_answer(s->asked[--s->n_asked], json_object());
    for (int i = 0; i < 100000; i++) {
        send_number(stream, i);
        if (i % 100 == 0)
            uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    static char text[8 << 20];
    text[0] = '\0';
    RUN_UNTIL(&s->loop, (client_hear(fd, text, sizeof text), strstr(text, ":99999}")));
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_true(lines < 100000);
    for (int i = 0; i < 100000; i++) {
        send_number(stream, i);
        if (i % 100 == 0)
            uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    control_server_set_idle(s->server, 40);
    RUN_UNTIL(&s->loop, ended);
    close(fd);
}

/* Large lines that are not taken are bounded by their bytes, a line for many is there once, and a
 * stream can be ended. */
static void test_streams_of_large_lines(void **state)
{
    enum { LINE = 300000 };
    struct scene *s = *state;
    bool ended[2] = {false, false};
    int fds[2];
    struct control_stream *streams[2];
    char *text = malloc(LINE + 1);
    memset(text, 'x', LINE);
    text[LINE] = '\0';
    for (int i = 0; i < 2; i++) {
        fds[i] = client(s, "{\"command\":\"x\"}\n");
        wait_for_requests(s, i + 1);
        streams[i] = control_call_stream(s->asked[0], on_flag, &ended[i]);
        control_call_answer(s->asked[--s->n_asked], json_object());
    }
    json_t *event = json_pack("{s:s}", "event", text);
    for (int i = 0; i < 40; i++) {
        struct page *line = control_event(&budget, event);
        control_stream_send(streams[0], line);
        control_stream_send(streams[1], line);
        page_release(line);
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    assert_in_range(budget.kept_b, LINE, 8 * LINE); /* on their way, and a MiB each */
    json_decref(event);
    free(text);
    control_stream_close(streams[0]);
    assert_true(ended[0]);
    assert_false(ended[1]);
    close(fds[0]);
    close(fds[1]);
    RUN_UNTIL(&s->loop, ended[1] && budget.kept_b == 0);
}

static void test_idle_ones_end(void **state)
{
    static const char *const texts[] = {"", "{\"comm", "\n\n\n"};
    struct scene *s = *state;
    int fds[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        fds[i] = client(s, texts[i]);
    int waits = client(s, SITES);
    RUN_UNTIL(&s->loop, s->n_asked == 1);
    control_server_set_idle(s->server, 40);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        RUN_UNTIL(&s->loop, client_is_closed(fds[i]));
        close(fds[i]);
    }
    assert_false(client_is_closed(waits)); /* for us: that is not idle */
    char text[256] = "";
    make_page(s, 5);
    answer_all(s);
    RUN_UNTIL(&s->loop, (client_hear(waits, text, sizeof text), text[0]));
    close(waits);
}

/* A request that has begun is to become whole, also where its bytes come one by one, and where the
 * client listens to a stream: this one need say nothing, but for that. */
static void test_half_requests_end(void **state)
{
    struct scene *s = *state;
    bool ended = false;
    int slow = client(s, "{"), listens = client(s, "{\"command\":\"x\"}\n"), quiet, more;
    wait_for_requests(s, 1);
    struct control_stream *stream = control_call_stream(s->asked[0], on_flag, &ended);
    assert_non_null(stream);
    control_call_answer(s->asked[--s->n_asked], json_object());
    client_say(listens, "{\"half");
    quiet = client(s, "{\"command\":\"x\"}\n");
    wait_for_requests(s, 2);
    bool quiet_ended = false;
    assert_non_null(control_call_stream(s->asked[0], on_flag, &quiet_ended));
    control_call_answer(s->asked[--s->n_asked], json_object());
    control_server_set_idle(s->server, 200);
    RUN_UNTIL(&s->loop, (client_say(slow, " "), client_is_closed(slow) && ended));
    more = client(s, SITES); /* others, meanwhile */
    wait_for_requests(s, 3);
    answer_all(s);
    assert_false(quiet_ended);
    close(slow);
    close(listens);
    close(more);
    close(quiet);
    RUN_UNTIL(&s->loop, quiet_ended);
}

/** Sends as much of `n` bytes that are no end of a request as the server takes. */
static void fill(struct scene *s, int fd, size_t n)
{
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    while (n > 0) {
        ssize_t sent =
            send(fd, bytes, n < sizeof bytes ? n : sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return;
        n -= sent > 0 ? (size_t)sent : 0;
        run_on(s);
    }
}

#define LOOKS_MS 60 /* more than the server's time between two looks, by the clock of the loop */

static void on_time(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/** Lets so much time go by, in which the server looks for idle clients. */
static void pass(struct scene *s, int64_t ms)
{
    bool over = false;
    uv_timer_t timer;
    uv_timer_init(&s->loop, &timer);
    timer.data = &over;
    still_ms += ms;
    uv_timer_start(&timer, on_time, LOOKS_MS, 0);
    RUN_UNTIL(&s->loop, over);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

/* A long request may take its time, if it gets on; the time of one that came while another was
 * under way begins when it is looked at. */
static void test_half_requests_that_get_on(void **state)
{
    enum { IDLE_MS = 100 };
    struct scene *s = *state;
    still_ms = 1000000;
    control_server_set_idle(s->server, IDLE_MS);
    int slow = client(s, "{\"command\":\"x\"}\n{\"command\":\"");
    RUN_UNTIL(&s->loop, s->n_asked == 1);
    pass(s, 10 * IDLE_MS);
    answer_all(s);
    run_on(s);
    for (int i = 0; i < 10; i++) {
        pass(s, IDLE_MS / 2);
        assert_false(client_is_closed(slow));
        fill(s, slow, LOADSTAR_CONTROL_LINE_MAX + 100);
        run_on(s);
    }
    for (int i = 0; i < 3; i++) { /* of these, too few */
        pass(s, IDLE_MS / 2);
        client_say(slow, "xyz");
        run_on(s);
    }
    RUN_UNTIL(&s->loop, client_is_closed(slow));
    close(slow);
    still_ms = 0;
}

/* Long requests that are not whole have a bound together: the one that goes over it is told, and
 * closed, and has the others go on; requests of the usual length are free. */
static void test_half_requests_are_bounded_together(void **state)
{
    enum { N_SHORT = 40 };
    struct scene *s = *state;
    int halves[2], shorts[N_SHORT];
    char text[512] = "";
    for (int i = 0; i < 2; i++) {
        halves[i] = client(s, "{\"command\":\"");
        fill(s, halves[i], LONG_MAX_B - 100000);
    }
    int over = client(s, "{\"command\":\"");
    fill(s, over, LONG_MAX_B - 100000);
    RUN_UNTIL(&s->loop, client_hear(over, text, sizeof text));
    assert_string_equal(text, "{\"ok\":false,\"error\":\"too many long requests are under way, try "
                              "again later\",\"code\":\"busy\"}\n");
    assert_false(client_is_closed(halves[0]));
    for (int i = 0; i < N_SHORT; i++) {
        shorts[i] = client(s, "{\"command\":\"");
        fill(s, shorts[i], 60000);
    }
    for (int i = 0; i < N_SHORT; i++) {
        client_say(shorts[i], "\"}\n");
        RUN_UNTIL(&s->loop, s->n_asked == 1);
        answer_all(s);
        close(shorts[i]);
    }
    close(over);
    over = client(s, "{\"command\":\"");
    close(halves[0]);
    run_on(s);
    fill(s, over, LONG_MAX_B - 100000); /* its room is there again */
    for (unsigned i = 0; i < 2; i++) {
        client_say(i ? halves[1] : over, "\"}\n");
        RUN_UNTIL(&s->loop, s->n_requests == N_SHORT + i + 1);
    }
    int last = client(s, "{\"command\":\""); /* what waits for its answer has given it back */
    fill(s, last, LONG_MAX_B - 100000);
    client_say(last, "\"}\n");
    RUN_UNTIL(&s->loop, s->n_requests == N_SHORT + 3);
    close(last);
    close(over);
    close(halves[1]);
}

/* One that takes nothing is dropped as well, and its page given up. */
static void test_readers_that_do_not_read_end(void **state)
{
    struct scene *s = *state;
    s->at_once = true;
    make_page(s, 8 << 20);
    int fd = client(s, SITES);
    RUN_UNTIL(&s->loop, s->page->n_holds == 2);
    control_server_set_idle(s->server, 40);
    RUN_UNTIL(&s->loop, s->page->n_holds == 1);
    close(fd);
}

/* One request of a client is under way at a time; the others wait in order. */
static void test_one_at_a_time(void **state)
{
    struct scene *s = *state;
    make_page(s, 5);
    int fd =
        client(s, "{\"command\":\"sites\"}\n{\"command\":\"sites\"}\n{\"command\":\"sites\"}\n");
    for (unsigned i = 1; i <= 3; i++) {
        RUN_UNTIL(&s->loop, s->n_asked == 1);
        run_on(s);
        assert_int_equal(s->n_requests, i);
        answer_all(s);
    }
    close(fd);
}

static void test_clients_that_leave(void **state)
{
    struct scene *s = *state;
    int fds[64];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client(s, SITES);
    RUN_UNTIL(&s->loop, s->n_asked == ARRAY_LEN(fds));
    char text[256] = "";
    int more = client(s, SITES);
    RUN_UNTIL(&s->loop, (client_hear(more, text, sizeof text), strstr(text, "too many")));
    close(more);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    make_page(s, 1 << 20);
    answer_all(s);
    RUN_UNTIL(&s->loop, s->page->n_holds == 1);
}

static void test_close_while_some_wait(void **state)
{
    struct scene *s = *state;
    char text[256] = "";
    int fd = client(s, SITES), idle = client(s, "");
    RUN_UNTIL(&s->loop, s->n_asked == 1);
    control_server_close(s->server, on_flag, &s->closed);
    RUN_UNTIL(&s->loop, client_is_closed(idle));
    make_page(s, 5);
    answer_all(s);
    RUN_UNTIL(&s->loop, s->closed);
    client_hear(fd, text, sizeof text);
    assert_string_equal(text, "{\"ok\":true,\"result\":xxxx}\n");
    close(fd);
    close(idle);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_in_an_envelope),
        TEST(test_identifiers),
        TEST(test_progress),
        TEST(test_progress_is_not_kept),
        TEST(test_progress_to_nobody),
        TEST(test_directory_of_users_hangs),
        TEST(test_clients_that_are_dropped_unnamed),
        TEST(test_adopted_by_another),
        TEST(test_who_asks),
        TEST(test_stream),
        TEST(test_stream_that_is_not_read),
        TEST(test_streams_of_large_lines),
        TEST(test_idle_ones_end),
        TEST(test_half_requests_end),
        cmocka_unit_test_setup_teardown(test_half_requests_that_get_on, set_up_of_long, tear_down),
        cmocka_unit_test_setup_teardown(test_half_requests_are_bounded_together, set_up_of_long,
                                        tear_down),
        TEST(test_readers_that_do_not_read_end),
        TEST(test_one_at_a_time),
        TEST(test_clients_that_leave),
        TEST(test_close_while_some_wait),
    };
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
