/* SPDX-License-Identifier: Apache-2.0
 * The driver of HAProxy, against who answers as recorded, or as nobody should. */
#include "haproxy_said.h"
#include "haproxy_world.h"

#define INFO "\n> Pid: 7\nUptime_sec: 100\nVersion: 2.6.12\n\n"
#define HEAD                                                                                 \
    "> 1\n# be_name srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " \
    "srv_port srv_use_ssl\n"
#define ROW1 "be_web ams-web1 10.0.0.1 2 0 100 100 80 0\n"
#define ROW2 "be_web ams-web2 10.0.0.2 2 0 100 100 80 0\n"
#define STAT "\n> # pxname,svname,scur,stot,bin,bout,type,\n"
#define STAT_ROWS "be_web,ams-web1,3,30,300,3000,2,\nbe_web,ams-web2,0,0,0,0,2,\n"
#define LOOK INFO HEAD ROW1 ROW2 STAT STAT_ROWS "\n> "

static const struct serving full = {SERVES_READY, 100}, half = {SERVES_READY, 50},
                            drain = {SERVES_DRAIN, 0};

static void test_look(void **state)
{
    (void)state;
    const char *texts[] = {LOOK, INFO HEAD ROW1 ROW2 "\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_false(w->failed);
    assert_true(w->seen.exists);
    assert_int_equal(w->seen.n, 2);
    assert_string_equal(w->seen.v[0].name, "ams-web1");
    assert_int_equal(w->seen.v[0].serving.serves, SERVES_READY);
    assert_int_equal(w->seen.v[0].serving.weight, 100);
    assert_int_equal(w->seen.v[0].active, 3);
    assert_int_equal(w->seen.v[0].n_total, 30);
    assert_int_equal(w->seen.v[0].bytes_in, 300);
    assert_int_equal(w->seen.v[0].bytes_out, 3000);
    assert_string_equal(w->seen.note, "");
    assert_string_equal(fake->requests[0], "prompt\nshow info\nshow servers state be_web\n"
                                           "show stat be_web 4 -1\nquit\n");
    /* Once more at once: the statistics are of just before. */
    run(w, run_observe);
    assert_false(w->failed);
    assert_int_equal(w->seen.v[0].active, 3);
    assert_string_equal(fake->requests[1], "prompt\nshow info\nshow servers state be_web\nquit\n");
    world_close(w);
    fake_close(fake);
}

static void test_recorded(void **state)
{
    (void)state;
    const char *texts[] = {said_look};
    struct fake *fake = fake_open(SAYS, 1, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_false(w->failed);
    assert_int_equal(w->seen.n, 6); /* two of eight have no address */
    world_close(w);
    fake_close(fake);
}

static void test_no_backend(void **state)
{
    (void)state;
    const char *texts[] = {INFO "> Can't find backend.\n\n> "};
    struct fake *fake = fake_open(SAYS, 1, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_false(w->failed);
    assert_false(w->seen.exists);
    world_close(w);
    fake_close(fake);
}

static void test_notes(void **state)
{
    (void)state;
    const char *texts[] = {INFO HEAD "be_web other 10.0.0.1 2 0 100 100 80 0\n"
                                     "be_web ams-web1 10.0.0.1 0 0 100 100 80 0\n"
                                     "be_web third 10.0.0.1 2 0 100 100 80 0\n"
                                     "be_web ams-web2 - 2 0 100 100 80 0\n" STAT "\n> "};
    struct fake *fake = fake_open(SAYS, 1, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_int_equal(w->seen.n, 1);
    assert_string_equal(w->seen.v[0].name, "ams-web1");
    assert_string_equal(
        w->seen.note,
        "held down by HAProxy's own check: ams-web1; not driven, as another server has that "
        "address "
        "and port: other and 1 more; without an address in HAProxy, so that none can be given: "
        "ams-web2");
    world_close(w);
    fake_close(fake);
}

static void test_told(void **state)
{
    (void)state;
    const char *texts[] = {LOOK, "\n> \n> \n> \n> 2.6.12\n\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_SET, 0, half);
    plan_step(w, PLAN_SET, 1, drain);
    run(w, run_apply);
    assert_false(w->failed);
    assert_string_equal(fake->requests[1], "prompt\nset weight be_web/ams-web1 50\n"
                                           "set server be_web/ams-web2 state drain\n"
                                           "show version\nquit\n");
    /* Before it is read again it may be anything: it is told all. */
    w->plan.steps.n = 0;
    plan_step(w, PLAN_SET, 0, full);
    run(w, run_apply);
    assert_false(w->failed);
    assert_string_equal(fake->requests[2], "prompt\nset weight be_web/ams-web1 100\n"
                                           "set server be_web/ams-web1 state ready\n"
                                           "show version\nquit\n");
    world_close(w);
    fake_close(fake);
}

static void test_moved(void **state)
{
    (void)state;
    const char *texts[] = {INFO HEAD "be_web ams-web1 10.0.9.9 2 0 100 100 81 0\n" ROW2 STAT "\n> ",
                           "\n> IP changed from '10.0.9.9' to '10.0.0.1', port changed from '81' "
                           "to '80' by 'stats socket command'\n\n> 2.6.12\n\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_SET, 0, full);
    run(w, run_apply);
    assert_false(w->failed);
    assert_string_equal(fake->requests[1], "prompt\nset server be_web/ams-web1 addr 10.0.0.1 port "
                                           "80\nshow version\nquit\n");
    world_close(w);
    fake_close(fake);
}

static void check_apply(const char *look, const char *answers, enum plan_op op,
                        enum tier_error reason, const char *text)
{
    const char *texts[] = {look, answers};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_false(w->failed);
    plan_step(w, op, 0, half);
    plan_step(w, op, 1, half);
    run(w, run_apply);
    check_failed(w, reason, text);
    world_close(w);
    fake_close(fake);
}

static void test_not_taken(void **state)
{
    (void)state;
    check_apply(LOOK, "\n> Permission denied\n\n> Permission denied\n\n> 2.6.12\n\n> ", PLAN_SET,
                TIER_ERROR_DENIED,
                "HAProxy denies `set weight be_web/ams-web1 50`: /tmp/loadstar-haproxy-");
    check_apply(LOOK, "\n> Permission denied\n\n> Permission denied\n\n> 2.6.12\n\n> ", PLAN_SET,
                TIER_ERROR_DENIED, "must be a `stats socket` of `level admin`");
    check_apply(LOOK,
                "\n> \n> Backend is using a static LB algorithm and only accepts weights '0%' and "
                "'100%'.\n\n> 2.6.12\n\n> ",
                PLAN_SET, TIER_ERROR_REJECTED,
                "HAProxy does not take `set weight be_web/ams-web2 50`: Backend is using a static "
                "LB algorithm and only accepts weights '0%' and '100%'.");
    check_apply(LOOK, "\n> a\x1b[2J\n\n> b\n\n> 2.6.12\n\n> ", PLAN_SET, TIER_ERROR_REJECTED,
                "`: a\\x1b[2J (and 1 more)");
    check_apply(INFO HEAD STAT "\n> ",
                "\n> Backend must use a dynamic load balancing to support dynamic servers.\n> No "
                "such server.\n\n> No such server.\n\n> New server registered.\n\n> \n> \n> "
                "2.6.12\n\n> ",
                PLAN_ADD, TIER_ERROR_REJECTED,
                "HAProxy does not take `add server be_web/ams-web1 10.0.0.1:80 weight 100`: "
                "Backend must use a dynamic load balancing to support dynamic servers.");
}

/* 2.2, not run. */
static void test_old_version(void **state)
{
    (void)state;
    check_apply(said_old_look, "", PLAN_ADD, TIER_ERROR_REJECTED,
                "HAProxy 2.2.9-2+deb11u6 cannot add servers at run time, as 2.6 and later can: put "
                "`server ams-web1 10.0.0.1:80 weight 100` into backend be_web (and 1 more)");
    check_apply(said_old_look, "", PLAN_REMOVE, TIER_ERROR_REJECTED,
                "cannot delete servers at run time");
    const char *texts[] = {said_old_look, "\n> \n> 2.2.9\n\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    assert_int_equal(w->seen.v[0].active, 7);
    plan_step(w, PLAN_SET, 0, half);
    run(w, run_apply);
    assert_false(w->failed);
    assert_string_equal(fake->requests[1],
                        "prompt\nset weight be_web/ams-web1 50\nshow version\nquit\n");
    world_close(w);
    fake_close(fake);
}

static void test_tls(void **state)
{
    (void)state;
    check_apply(said_new_look, "", PLAN_ADD, TIER_ERROR_REJECTED,
                "servers of backend be_web are spoken to by TLS, and one that is added would not "
                "be: put `server ams-web1 10.0.0.1:80 weight 100 ..` there (and 1 more)");
}

/* HAProxy was reloaded between the look and the commands: the next look tells. */
static void test_vanished(void **state)
{
    (void)state;
    const char *texts[] = {LOOK, "\n> No such server.\n\n> 2.6.12\n\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_SET, 0, half);
    run(w, run_apply);
    assert_false(w->failed);
    world_close(w);
    fake_close(fake);
}

#define BUSY "> Server still has connections attached to it, cannot remove it.\n"

static void test_busy(void **state)
{
    (void)state;
    const char *texts[] = {LOOK, "\n> \n> \n" BUSY "> \n> \n> Server deleted.\n> 2.6.12\n\n> ",
                           "\n" BUSY "> 2.6.12\n\n> ", "\n> Server deleted.\n> 2.6.12\n\n> "};
    struct fake *fake = fake_open(SAYS, 4, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_REMOVE, 0, (struct serving){SERVES_GONE, 0});
    plan_step(w, PLAN_REMOVE, 1, (struct serving){SERVES_GONE, 0});
    run(w, run_apply);
    assert_false(w->failed);
    assert_int_equal(fake->n_requests, 4);
    assert_string_equal(fake->requests[2],
                        "prompt\ndel server be_web/ams-web1\nshow version\nquit\n");
    assert_string_equal(fake->requests[3],
                        "prompt\ndel server be_web/ams-web1\nshow version\nquit\n");
    world_close(w);
    fake_close(fake);
    /* One that stays busy is no error: it is for the next plan. */
    texts[3] = texts[2];
    fake = fake_open(SAYS, 4, texts);
    w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_REMOVE, 0, (struct serving){SERVES_GONE, 0});
    plan_step(w, PLAN_REMOVE, 1, (struct serving){SERVES_GONE, 0});
    run(w, run_apply);
    assert_false(w->failed);
    assert_int_equal(fake->n_requests, 5);
    world_close(w);
    fake_close(fake);
}

/* What the drain's time was not enough for is ended. */
static void test_timed_out(void **state)
{
    (void)state;
    const char *texts[] = {LOOK, "\n> \n> \n> \n> Server deleted.\n> 2.6.12\n\n> "};
    struct fake *fake = fake_open(SAYS, 2, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_REMOVE, 0, (struct serving){SERVES_GONE, 0});
    w->table.rows.v[0].drain.timed_out = true;
    run(w, run_apply);
    assert_false(w->failed);
    assert_non_null(strstr(fake->requests[1], "shutdown sessions server be_web/ams-web1\ndel"));
    world_close(w);
    fake_close(fake);
}

static void test_batches(void **state)
{
    (void)state;
    struct buf answers[2] = {{0}, {0}};
    for (unsigned i = 0; i < 2; i++) {
        buf_puts(&answers[i], "\n");
        for (unsigned k = 0; k < (i ? 88u : 512u); k++)
            buf_puts(&answers[i], "> \n");
        buf_puts(&answers[i], "> 2.6.12\n\n> ");
    }
    const char *texts[] = {LOOK, answers[0].p, answers[1].p};
    struct fake *fake = fake_open(SAYS, 3, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    for (unsigned i = 0; i < 300; i++) /* the first needs one command, all others two */
        plan_step(w, PLAN_SET, 0, half);
    plan_step(w, PLAN_SET, 1, half);
    run(w, run_apply);
    assert_false(w->failed);
    assert_int_equal(fake->n_requests, 3);
    assert_null(strstr(fake->requests[1], "ams-web2"));
    assert_non_null(strstr(fake->requests[2], "set weight be_web/ams-web2 50\nshow version\n"));
    world_close(w);
    fake_close(fake);
    buf_free(&answers[0]);
    buf_free(&answers[1]);
}

static void test_closed_early(void **state)
{
    (void)state;
    const char *texts[] = {INFO HEAD ROW1, LOOK, "\n> \n", "HTTP/1.0 400 Bad request\n\n"};
    struct fake *fake = fake_open(SAYS, 4, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    check_failed(w, TIER_ERROR_UNREACHABLE, "closed the connection before the end of its answer");
    run(w, run_observe);
    assert_false(w->failed);
    plan_step(w, PLAN_SET, 0, half);
    plan_step(w, PLAN_SET, 1, half);
    run(w, run_apply);
    check_failed(w, TIER_ERROR_UNREACHABLE, "closed the connection before the end of its answer");
    run(w, run_apply);
    check_failed(w, TIER_ERROR_PROTOCOL,
                 "this is not HAProxy's command line: \"HTTP/1.0 400 Bad request\"");
    world_close(w);
    fake_close(fake);
}

/* All at once, as the slow ones take as long as they may. */
static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        const char *text;
        enum tier_error reason;
        const char *error;
    } cases[] = {
        {SAYS, "SSH-2.0-OpenSSH_9.2p1\n", TIER_ERROR_PROTOCOL, "this is not HAProxy's command"},
        {SAYS_STAYS, INFO HEAD ROW1, TIER_ERROR_TIMEOUT, "nothing came for 2 s"},
        {SILENT, "", TIER_ERROR_TIMEOUT, "nothing came for 2 s"},
        {DRIPS, LOOK, TIER_ERROR_TIMEOUT, "took longer than 5 s"},
        {ENDLESS, "\n", TIER_ERROR_PROTOCOL, "sent a line of more than 16384 bytes"},
        {ENDLESS_ROW, INFO HEAD, TIER_ERROR_PROTOCOL, "more servers than can be driven"},
    };
    struct fake *fakes[ARRAY_LEN(cases)];
    struct world *worlds[ARRAY_LEN(cases)];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fakes[i] = fake_open(cases[i].manner, 1, &cases[i].text);
        worlds[i] = world_open(fakes[i]->path);
        begin(worlds[i], run_observe);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(wait_for(&worlds[i]->wait, worlds[i]->n_waited));
        check_failed(worlds[i], cases[i].reason, cases[i].error);
        world_close(worlds[i]);
        fake_close(fakes[i]);
    }
}

static void test_no_socket(void **state)
{
    (void)state;
    struct world *w = world_open("/nonexistent/haproxy.sock");
    run(w, run_observe);
    check_failed(w, TIER_ERROR_UNREACHABLE,
                 "cannot connect to /nonexistent/haproxy.sock: No such file or directory");
    world_close(w);
    w = world_open_at("/nonexistent/haproxy.sock", "be;web", -1);
    run(w, run_observe);
    check_failed(w, TIER_ERROR_REJECTED, "no backend of HAProxy can be called \"be;web\"");
    world_close(w);
}

static void test_name(void **state)
{
    (void)state;
    const char *texts[] = {INFO HEAD STAT "\n> "};
    struct fake *fake = fake_open(SAYS, 1, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    plan_step(w, PLAN_ADD, 0, half);
    snprintf(w->table.rows.v[0].name, 64, "a;shutdown");
    run(w, run_apply);
    check_failed(w, TIER_ERROR_REJECTED, "a server cannot be called \"a;shutdown\"");
    assert_int_equal(fake->n_requests, 1);
    world_close(w);
    fake_close(fake);
}

/** Until the connections of pulses are over: what is asked after them is asked behind them. */
static void pulse(struct world *w, struct fake *fake, unsigned n_requests)
{
    run(w, run_pulse);
    for (unsigned i = 0; i < WAIT_S * 100 && fake->n_requests < n_requests; i++)
        usleep(10000);
    assert_int_equal(fake->n_requests, n_requests);
    usleep(500000);
}

static unsigned nudges(struct world *w)
{
    for (unsigned i = 0; i < WAIT_S * 100 && !w->n_nudges; i++)
        usleep(10000);
    unsigned n = w->n_nudges;
    w->n_nudges = 0;
    return n;
}

static void test_pulse(void **state)
{
    (void)state;
    const char *texts[] = {LOOK,
                           "Name: HAProxy\nPid: 7\nUptime_sec: 101\n\n",
                           "Name: HAProxy\nPid: 8\nUptime_sec: 1\n\n",
                           "Name: HAProxy\nPid: 8\nUptime_sec: 3\n\n",
                           "Name: HAProxy\nPid: 8\nUptime_sec: 2\n\n",
                           "",
                           "Name: HAProxy\nPid: 8\nUptime_sec: 5\n\n"};
    struct fake *fake = fake_open(SAYS, 7, texts);
    struct world *w = world_open(fake->path);
    run(w, run_observe);
    pulse(w, fake, 2);
    assert_string_equal(fake->requests[1], "show info\n");
    assert_int_equal(w->n_nudges, 0);
    pulse(w, fake, 3); /* another process */
    assert_int_equal(nudges(w), 1);
    pulse(w, fake, 4);
    assert_int_equal(w->n_nudges, 0);
    pulse(w, fake, 5); /* the same number, but it has begun anew */
    assert_int_equal(nudges(w), 1);
    pulse(w, fake, 6); /* it says nothing */
    assert_int_equal(nudges(w), 1);
    pulse(w, fake, 7); /* it is back */
    assert_int_equal(nudges(w), 1);
    world_close(w);
    fake_close(fake);
}

static void test_closed_while_busy(void **state)
{
    (void)state;
    const char *texts[] = {LOOK};
    struct fake *fake = fake_open(SILENT, 1, texts);
    struct world *w = world_open(fake->path);
    drive_post(w->drive, run_observe, w);
    world_close(w);
    w = world_open(fake->path);
    drive_post(w->drive, run_pulse, w);
    w->n_waited++;
    world_close(w);
    fake_close(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_no_backend),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_vanished),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_timed_out),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_closed_early),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_pulse),
        cmocka_unit_test(test_closed_while_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
