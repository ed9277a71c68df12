/* SPDX-License-Identifier: Apache-2.0
 * The driver of loadstar-l4 against one that says what a test has it say: looks, sets, failures
 * that are met, connections that end, lines that are none. */
#include "base/buf.h"
#include "tests/unit/drive/wait.h"
#include "tier/driver.h"
#include "tier/forwarder_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the forwarder ---- */

/** Answers request after request, over however many connections, by the next of its texts; "$V" in
 *  them is the version that the request has. A text of "-" is no answer, one that ends in "!" is
 *  sent without that, and the connection closed. */
struct fake {
    char path[108];
    const char *const *texts;
    unsigned n_texts;
    char requests[16][4096];
    struct wait asked;
    unsigned n_connections;
    int listener;
    pthread_t thread;
};

static void say(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

/** Returns whether the connection goes on. */
static bool answer(int fd, const char *text, const char *request)
{
    json_t *object = json_loads(request, 0, NULL);
    long long version = json_integer_value(json_object_get(object, "version"));
    struct buf out = {0};
    json_decref(object);
    bool ends = *text && text[strlen(text) - 1] == '!';
    for (; strcmp(text, "-") != 0 && *text && strcmp(text, "!") != 0; text++) {
        if (strncmp(text, "$V", 2) == 0)
            buf_printf(&out, "%lld", version), text++;
        else
            buf_add(&out, text, 1);
    }
    if (out.n > 0)
        say(fd, out.p, out.n);
    buf_free(&out);
    return !ends;
}

static void talk(struct fake *fake, int fd, unsigned *at)
{
    FILE *in = fdopen(dup(fd), "r");
    char line[4096];
    while (fgets(line, sizeof line, in)) {
        unsigned i = *at < fake->n_texts ? *at : fake->n_texts - 1;
        snprintf(fake->requests[*at < 16 ? *at : 15], sizeof line, "%s", line);
        ++*at;
        wait_came(&fake->asked);
        if (!answer(fd, fake->texts[i], line))
            break;
    }
    fclose(in);
}

static void *run_fake(void *arg)
{
    struct fake *fake = arg;
    unsigned at = 0;
    for (;;) {
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        fake->n_connections++;
        talk(fake, fd, &at);
        close(fd);
    }
}

static struct fake *fake_open(const char *const *texts, unsigned n)
{
    static unsigned nth;
    struct fake *fake = xcalloc(1, sizeof *fake);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(fake->path, sizeof fake->path, "/tmp/loadstar-l4-%d-%u", (int)getpid(), nth++);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", fake->path);
    fake->texts = texts;
    fake->n_texts = n;
    wait_init(&fake->asked);
    unlink(fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fake->listener, 8), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, run_fake, fake), 0);
    return fake;
}

static void fake_close(struct fake *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    unlink(fake->path);
    free(fake);
}

/* ---- the tier: web of p/ams/a 10.0.0.1:80 and p/ams/b 10.0.0.2:80 ---- */

struct world {
    struct fake *fake;
    struct drive *drive;
    struct wait wait, nudged, met;
    unsigned n_waited;
    struct tier config;
    struct tier_member members[2];
    struct tier_spec spec;
    struct tier_table table;
    struct tier_plan plan;
    struct driver_host host;
    struct driver *driver;
    bool failed, exists;
    enum tier_error reason;
    char text[512], note[256], names[4][64];
    struct observed seen[4];
    uint32_t n_seen, met_member;
    unsigned n_measured;      /* times */
    struct client_rtt client; /* the last one */
};

static void on_observed(void *ctx, struct observation *seen)
{
    struct world *w = ctx;
    w->failed = false;
    w->exists = seen->exists;
    assert_true(seen->is_ours);
    w->n_seen = seen->n;
    snprintf(w->note, sizeof w->note, "%s", seen->note);
    for (uint32_t i = 0; i < seen->n && i < 4; i++) {
        w->seen[i] = seen->v[i];
        snprintf(w->names[i], sizeof w->names[i], "%s", seen->v[i].name);
    }
    wait_came(&w->wait);
}

static void on_applied(void *ctx)
{
    struct world *w = ctx;
    w->failed = false;
    wait_came(&w->wait);
}

static void on_failed(void *ctx, enum tier_error reason, const char *text)
{
    struct world *w = ctx;
    w->failed = true;
    w->reason = reason;
    snprintf(w->text, sizeof w->text, "%s", text);
    wait_came(&w->wait);
}

static void on_nudge(void *ctx)
{
    wait_came(&((struct world *)ctx)->nudged);
}

static void on_met_failure(void *ctx, uint32_t member)
{
    struct world *w = ctx;
    w->met_member = member;
    wait_came(&w->met);
}

static void on_measured(void *ctx, struct client_rtt *news, uint32_t n)
{
    struct world *w = ctx;
    w->n_measured++;
    w->client = news[n - 1];
}

static const struct tier_table *on_table(void *ctx)
{
    return &((struct world *)ctx)->table;
}

static void run_open(void *arg)
{
    struct world *w = arg;
    w->driver = l4_driver.open(&w->host);
    wait_came(&w->wait);
}

static void run_close(void *arg)
{
    struct world *w = arg;
    l4_driver.close(w->driver);
    wait_came(&w->wait);
}

static void run_observe(void *arg)
{
    struct world *w = arg;
    l4_driver.observe(w->driver);
}

static void run_apply(void *arg)
{
    struct world *w = arg;
    l4_driver.apply(w->driver, &w->table, &w->plan);
}

static void run_respecify(void *arg)
{
    struct world *w = arg;
    w->spec.n_members = 1;
    l4_driver.respecified(w->driver, &w->spec);
    wait_came(&w->wait);
}

static void run(struct world *w, void (*fn)(void *arg))
{
    drive_post(w->drive, fn, w);
    assert_true(wait_for(&w->wait, ++w->n_waited));
}

static void world_open(struct world *w, const char *const *texts, unsigned n)
{
    static const char *const names[] = {"ams-a", "ams-b"}, *const keys[] = {"p/ams/a", "p/ams/b"};
    *w = (struct world){.fake = fake_open(texts, n)};
    wait_init(&w->wait);
    wait_init(&w->nudged);
    wait_init(&w->met);
    assert_int_equal(drive_start(&w->drive, "test"), 0);
    w->config = (struct tier){
        .name = "vip", .type = TIER_L4, .socket = w->fake->path, .l4 = {.service = "web"}};
    w->spec = (struct tier_spec){
        .config = &w->config, .name = "vip", .members = w->members, .n_members = 2};
    for (uint32_t i = 0; i < 2; i++) {
        const struct ip addr = {.b = {10, 0, 0, (uint8_t)(i + 1)}, .family = IP_V4};
        w->members[i] =
            (struct tier_member){.addr = addr, .port = 80, .name = names[i], .key = keys[i]};
        *vec_push(&w->table.rows) =
            (struct tier_row){.addr = addr, .port = 80, .member = i, .target = {SERVES_READY, 100}};
    }
    w->host = (struct driver_host){.drive = w->drive,
                                   .spec = &w->spec,
                                   .node = "n",
                                   .ctx = w,
                                   .observed = on_observed,
                                   .applied = on_applied,
                                   .failed = on_failed,
                                   .nudge = on_nudge,
                                   .met_failure = on_met_failure,
                                   .measured = on_measured,
                                   .table = on_table};
    run(w, run_open);
}

static void world_close(struct world *w)
{
    run(w, run_close);
    drive_stop(w->drive);
    fake_close(w->fake);
    vec_free(&w->table.rows);
}

#define OPEN(w, texts) world_open(&(w), texts, sizeof(texts) / sizeof *(texts))

#define NONE "{\"ok\": true, \"result\": {\"version\": 0, \"members\": []}}\n"
#define ONE(n)                                                                                    \
    "{\"ok\": true, \"result\": {\"version\": 77, \"members\": [{\"service\": \"web\", \"key\": " \
    "\"p/ams/a\", \"address\": \"10.0.0.1\", \"port\": 80, \"weight\": 100, \"state\": \"up\", "  \
    "\"active\": " n "}]}}\n"
#define TOOK "{\"ok\": true, \"result\": {\"service\": \"web\", \"version\": $V}}\n"
#define FAILED(service, key)                                                \
    "{\"event\": \"failed\", \"service\": \"" service "\", \"key\": \"" key \
    "\", \"what\": \"refused\"}\n"

static void assert_failed(const struct world *w, enum tier_error reason, const char *text)
{
    assert_true(w->failed);
    assert_int_equal(w->reason, reason);
    if (!strstr(w->text, text))
        fail_msg("\"%s\" instead of \"%s\"", w->text, text);
}

static json_t *request(const struct world *w, unsigned i)
{
    json_t *object = json_loads(w->fake->requests[i], 0, NULL);
    assert_non_null(object);
    return object;
}

/* ---- tests ---- */

/* Looked at, told, looked at again, all over one connection; what is there is to be told again
 * until it was told over this one. */
static void test_cycle(void **state)
{
    static const char *const texts[] = {ONE("3"), TOOK, ONE("0")};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_true(!w.failed && w.exists && w.n_seen == 1);
    assert_string_equal(w.names[0], "ams-a");
    assert_int_equal(w.seen[0].active, 3);
    assert_true(w.seen[0].differs);
    run(&w, run_apply);
    assert_false(w.failed);
    run(&w, run_observe);
    assert_false(w.seen[0].differs);
    assert_int_equal(w.seen[0].active, 0);
    assert_string_equal(w.note, "");
    assert_int_equal(w.fake->n_connections, 1);
    json_t *told = request(&w, 1);
    assert_true(json_integer_value(json_object_get(told, "version")) > 77);
    assert_int_equal(json_array_size(json_object_get(told, "members")), 2);
    assert_string_equal(json_string_value(json_object_get(told, "node")), "n");
    json_decref(told);
    assert_int_equal(w.nudged.n, 0);
    world_close(&w);
}

/* The clock of who told it last may be ahead of ours. */
static void test_version_rises(void **state)
{
    static const char *const texts[] = {
        "{\"ok\": true, \"result\": {\"version\": 4000000000000000000, \"members\": []}}\n", TOOK,
        TOOK};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    for (unsigned i = 1; i <= 2; i++) {
        run(&w, run_apply);
        assert_false(w.failed);
        json_t *told = request(&w, i);
        assert_int_equal(json_integer_value(json_object_get(told, "version")),
                         4000000000000000000 + i);
        json_decref(told);
    }
    world_close(&w);
}

static void test_unknown_service(void **state)
{
    static const char *const texts[] = {
        "{\"ok\": false, \"error\": \"no such service\", \"code\": \"not_found\"}\n",
        "{\"ok\": false, \"error\": \"busy\\nwith\", \"code\": \"busy\"}\n",
        "{\"ok\": false, \"error\": \"members: too many\", \"code\": \"not_found\"}\n",
        "{\"ok\": false, \"error\": \"told by another\", \"code\": \"held\"}\n", NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_true(!w.failed && !w.exists && w.n_seen == 0);
    run(&w, run_observe);
    assert_failed(&w, TIER_ERROR_REJECTED, "loadstar-l4 refuses: busy\\nwith");
    run(&w, run_apply);
    assert_failed(&w, TIER_ERROR_REJECTED, "loadstar-l4 refuses: members: too many");
    run(&w, run_apply);
    assert_failed(&w, TIER_ERROR_FOREIGN, "loadstar-l4 refuses: told by another");
    run(&w, run_observe);
    assert_true(!w.failed && w.exists);
    assert_int_equal(w.fake->n_connections, 1);
    world_close(&w);
}

/* Failures that are met are handed on, few of many, and none of what is not known. */
static void test_failures(void **state)
{
    static const char *const texts[] = {
        NONE FAILED("web", "p/ams/c") FAILED("other", "p/ams/a") FAILED("web", "")
            FAILED("web", "p/ams/b") FAILED("web", "p/ams/b")
                FAILED("web", "p/ams/b") "{\"event\": \"news\"}\n{\"event\": \"failed\", "
                                         "\"service\": \"web\", \"key\": "
                                         "\"p/ams/a\", \"what\": \"slow\"}\n",
        FAILED("web", "p/ams/a") NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_true(wait_for(&w.met, 1));
    assert_int_equal(w.met_member, 1);
    run(&w, run_observe);
    assert_int_equal(w.met.n, 2);
    assert_int_equal(w.met_member, 0);
    assert_string_equal(w.note, "loadstar-l4 spoke of what it was not told: 4 events, 0 members");
    /* Of the members of another specification. */
    run(&w, run_respecify);
    run(&w, run_observe);
    assert_int_equal(w.met.n, 3);
    world_close(&w);
}

static void test_sessions(void **state)
{
#define SESSIONS(n)                                                                                \
    "{\"event\": \"sessions\", \"service\": \"web\", \"members\": [{\"key\": \"p/ams/b\", "        \
    "\"active\": 0}, {\"key\": \"p/ams/a\", \"active\": " n "}, {\"key\": \"x\", \"active\": 1}, " \
    "7]}\n"
    static const char *const texts[] = {
        SESSIONS("2") ONE("5"), SESSIONS("0") ONE("5"), SESSIONS("0") ONE("5"),
        "{\"event\": \"sessions\", \"service\": \"x\", "
        "\"members\": [{\"key\": \"p/ams/a\", \"active\": 0}]}\n" ONE("5")};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    w.table.rows.v[0].present = true;
    w.table.rows.v[0].seen.active = 5;
    run(&w, run_observe);
    assert_int_equal(w.nudged.n, 0); /* it does not drain */
    w.table.rows.v[0].drain.phase = DRAIN_WAIT;
    run(&w, run_observe);
    assert_int_equal(w.nudged.n, 1); /* its last session has ended */
    run(&w, run_observe);
    assert_int_equal(w.nudged.n, 1); /* of another service */
    assert_string_equal(w.note, "loadstar-l4 spoke of what it was not told: 3 events, 0 members");
    world_close(&w);
}

#define RTT(network, rtt_ms)                                                                 \
    "{\"event\": \"rtt\", \"networks\": [{\"network\": \"" network "\", \"rtt_ms\": " rtt_ms \
    ", \"min_ms\": 1, \"samples\": 2, \"age_s\": 0}]}\n"

/* What clients have is handed on. A line that makes no sense is told of until a better one comes,
 * and costs nothing else. */
static void test_round_trips(void **state)
{
    static const char *const texts[] = {RTT("192.0.2.0/24", "7.5") ONE("0"),
                                        RTT("192.0.2.0/24", "-7.5") ONE("0"),
                                        RTT("198.51.100.0/24", "3") ONE("0")};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_int_equal(w.n_measured, 1);
    assert_int_equal(w.client.rtt_us, 7500);
    assert_int_equal(w.client.network.addr.b[2], 2);
    assert_string_equal(w.note, "");
    run(&w, run_observe);
    assert_int_equal(w.n_measured, 1);
    assert_false(w.failed);
    assert_string_equal(w.note, "loadstar-l4: rtt: networks[0].rtt_ms cannot be read");
    run(&w, run_observe);
    assert_int_equal(w.n_measured, 2);
    assert_int_equal(w.client.rtt_us, 3000);
    assert_string_equal(w.note, "");
    assert_int_equal(w.fake->n_connections, 1);
    world_close(&w);
}

/* One that tells of them without end is heeded now and then. */
static void test_a_flood_of_round_trips(void **state)
{
    struct buf text = {0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, RTT("192.0.2.0/24", "7.5"));
    buf_puts(&text, ONE("0"));
    const char *const texts[] = {text.p};
    struct world w;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_true(w.n_measured >= 16 && w.n_measured < 500); /* 16 in 5 s, of a moment */
    assert_true(!w.failed && w.n_seen == 1);
    assert_non_null(strstr(w.note, "loadstar-l4 spoke of what it was not told: "));
    unsigned n = w.n_measured;
    usleep(5200000);
    run(&w, run_observe);
    assert_true(w.n_measured > n);
    world_close(&w);
    buf_free(&text);
}

/* It goes while nothing is asked: that is noticed, and the next look connects again. */
static void test_closed_at_rest(void **state)
{
    static const char *const texts[] = {ONE("0"), TOOK "!", ONE("0")};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    run(&w, run_apply);
    assert_true(wait_for(&w.nudged, 1));
    run(&w, run_observe);
    assert_true(!w.failed && w.seen[0].differs); /* and it is told again */
    assert_int_equal(w.fake->n_connections, 2);
    world_close(&w);
}

static void test_closed_instead_of_an_answer(void **state)
{
    static const char *const texts[] = {"!", ONE("0"), "{\"ok\": tr!", ONE("0")};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_failed(&w, TIER_ERROR_UNREACHABLE, "closed the connection");
    run(&w, run_observe);
    assert_false(w.failed);
    run(&w, run_apply);
    assert_failed(&w, TIER_ERROR_UNREACHABLE, "closed the connection");
    run(&w, run_observe);
    assert_false(w.failed);
    assert_int_equal(w.nudged.n, 0);
    world_close(&w);
}

static void test_no_sense(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"hello\n", "this is not the command line of loadstar-l4"},
        {"{\"ok\": true, \"result\": {}}\n", "no list of members with a version"},
        {"{\"ok\": true, \"result\": {\"version\": 1, \"members\": [{\"service\": \"web\"}]}}\n",
         "members[0] cannot be read"},
        {"{\"ok\": true,\r\n", "this is not the command line of loadstar-l4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const texts[] = {cases[i].text, NONE};
        struct world w;
        OPEN(w, texts);
        run(&w, run_observe);
        assert_failed(&w, TIER_ERROR_PROTOCOL, cases[i].error);
        run(&w, run_observe);
        assert_false(w.failed);
        assert_int_equal(w.fake->n_connections, 2);
        world_close(&w);
    }
}

static void test_answers_of_something_else(void **state)
{
    static const char *const texts[] = {
        NONE, "{\"ok\": true, \"result\": {\"service\": \"web\", \"version\": 1}}\n", NONE NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    run(&w, run_apply);
    assert_failed(&w, TIER_ERROR_PROTOCOL, "the answer is of another set");
    run(&w, run_observe);
    assert_false(w.failed);
    assert_true(wait_for(&w.nudged, 1)); /* an answer to nothing */
    world_close(&w);
}

static void test_a_refusal_of_nothing(void **state)
{
    static const char *const texts[] = {NONE "{\"ok\": false, \"code\": \"not_found\"}\n", NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_true(!w.failed && w.exists);
    assert_true(wait_for(&w.nudged, 1));
    run(&w, run_observe);
    assert_true(!w.failed && w.exists);
    assert_int_equal(w.fake->n_connections, 2);
    world_close(&w);
}

/* Nothing is waited for when nothing was asked. */
static void test_rest(void **state)
{
    static const char *const texts[] = {NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    usleep(1000 * FORWARDER_ANSWER_MS + 500000);
    run(&w, run_observe);
    assert_false(w.failed);
    assert_int_equal(w.fake->n_connections, 1);
    world_close(&w);
}

static void test_lines_that_are_too_long(void **state)
{
    struct buf text = {0};
    (void)state;
    for (int i = 0; i < 5 << 20; i++)
        buf_add(&text, "a", 1);
    const char *const texts[] = {text.p, NONE};
    struct world w;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_failed(&w, TIER_ERROR_PROTOCOL, "sent a line that is too long");
    run(&w, run_observe);
    assert_false(w.failed);
    world_close(&w);
    buf_free(&text);
}

/* Lines without end do not keep this thread from what else it has to do: they are read in shares.
 */
static void test_a_flood(void **state)
{
    struct buf text = {0};
    (void)state;
    for (int i = 0; i < 5 * FORWARDER_LINES_MAX; i++)
        buf_puts(&text, "{\"event\": \"news\"}\n");
    buf_puts(&text, NONE);
    const char *const texts[] = {text.p};
    struct world w;
    OPEN(w, texts);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    run(&w, run_observe);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_false(w.failed);
    assert_true(to.tv_sec - from.tv_sec >= 1);
    world_close(&w);
    buf_free(&text);
}

static void test_no_answer(void **state)
{
    static const char *const texts[] = {"-", NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    run(&w, run_observe);
    assert_failed(&w, TIER_ERROR_TIMEOUT, "no answer in 5 s");
    run(&w, run_observe);
    assert_false(w.failed);
    world_close(&w);
}

static void test_nobody_there(void **state)
{
    static const char *const texts[] = {NONE};
    struct world w;
    (void)state;
    OPEN(w, texts);
    w.config.socket = "/nonexistent/control.sock";
    run(&w, run_observe);
    assert_failed(&w, TIER_ERROR_UNREACHABLE,
                  "/nonexistent/control.sock: cannot connect: No such file or directory");
    w.config.socket = w.fake->path;
    run(&w, run_observe);
    assert_false(w.failed);
    world_close(&w);
}

/* Closed in the middle of everything. */
static void test_closed_by_us(void **state)
{
    static const char *const texts[] = {"-"};
    struct world w;
    (void)state;
    OPEN(w, texts);
    drive_post(w.drive, run_observe, &w);
    assert_true(wait_for(&w.fake->asked, 1));
    world_close(&w);
    OPEN(w, texts);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_version_rises),
        cmocka_unit_test(test_unknown_service),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_a_flood_of_round_trips),
        cmocka_unit_test(test_closed_at_rest),
        cmocka_unit_test(test_closed_instead_of_an_answer),
        cmocka_unit_test(test_no_sense),
        cmocka_unit_test(test_answers_of_something_else),
        cmocka_unit_test(test_a_refusal_of_nothing),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_lines_that_are_too_long),
        cmocka_unit_test(test_a_flood),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_closed_by_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
