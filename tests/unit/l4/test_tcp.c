/* SPDX-License-Identifier: Apache-2.0
 * Connections through a worker: what goes in comes out, whoever ends it and however. */
#include "forward_world.h"

static void echo_of(int client, int member)
{
    SAY(client, "hello");
    HEAR(member, "hello");
    SAY(member, "hello yourself");
    HEAR(client, "hello yourself");
}

struct pair {
    struct world w;
    int backend, client, member;
};

static void pair_open(struct pair *p)
{
    world_open(&p->w);
    p->backend = listening(16);
    WORLD_MEMBERS_ARE(&p->w, up(port_of(p->backend)));
    p->client = client_of(p->w.port);
    p->member = accepted(p->backend);
}

/* The connection is over, for the worker too. */
static void pair_close(struct pair *p)
{
    WAIT_UNTIL(p->w.n_ended == 1);
    world_settle(&p->w);
    assert_int_equal(atomic_load(&p->w.run->active), 0);
    if (p->client >= 0)
        close(p->client);
    if (p->member >= 0)
        close(p->member);
    close(p->backend);
    world_close(&p->w);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    for (unsigned i = 0; i < 100; i++)
        echo_of(p.client, p.member);
    close(p.client);
    p.client = -1;
    hear_end(p.member);
    close(p.member);
    p.member = -1;
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_int_equal(p.w.last.bytes_in, 500);
    assert_int_equal(p.w.last.bytes_out, 1400);
    assert_string_equal(p.w.last_end, "closed by client");
    assert_int_equal(p.w.last.result, SERVICE_OK);
    assert_int_equal(p.w.last.tries, 1);
    assert_int_equal(p.w.last.local_port, p.w.port);
    assert_int_equal(p.w.last.member_port, port_of(p.backend));
    assert_int_equal(atomic_load(&p.w.run->bytes_out), 1400);
    assert_int_equal(world_result(&p.w, SERVICE_OK), 1);
    struct member *m = world_member(&p.w, 0, port_of(p.backend));
    assert_int_equal(atomic_load(&m->bytes_in), 500);
    assert_int_equal(atomic_load(&m->total), 1);
    assert_true(quantiles_at(&m->connect_us, 0.5) > 0);
    assert_true(quantiles_at(&m->rtt_us, 0.5) > 0);
    assert_int_equal(p.w.n_rtts, 1);
    pair_close(&p);
}

static void a_member_may_speak_first(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    SAY(p.member, "220 ready");
    HEAR(p.client, "220 ready");
    echo_of(p.client, p.member);
    close(p.member);
    p.member = -1;
    hear_end(p.client);
    close(p.client);
    p.client = -1;
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_string_equal(p.w.last_end, "closed by member");
    pair_close(&p);
}

static void half_closed_by_the_client(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    SAY(p.client, "question");
    shutdown(p.client, SHUT_WR);
    HEAR(p.member, "question");
    hear_end(p.member);
    for (unsigned i = 0; i < 10; i++) {
        SAY(p.member, "a part of the answer");
        HEAR(p.client, "a part of the answer");
    }
    shutdown(p.member, SHUT_WR);
    hear_end(p.client);
    pair_close(&p);
}

static void half_closed_by_the_member(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    SAY(p.member, "all I have");
    shutdown(p.member, SHUT_WR);
    HEAR(p.client, "all I have");
    hear_end(p.client);
    for (unsigned i = 0; i < 10; i++) {
        SAY(p.client, "still more");
        HEAR(p.member, "still more");
    }
    shutdown(p.client, SHUT_WR);
    hear_end(p.member);
    pair_close(&p);
}

static void reset_by_the_client(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    echo_of(p.client, p.member);
    reset(p.client);
    p.client = -1;
    hear_reset(p.member);
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_string_equal(p.w.last_end, "reset by client");
    pair_close(&p);
}

static void reset_by_the_member(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    echo_of(p.client, p.member);
    reset(p.member);
    p.member = -1;
    hear_reset(p.client);
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_string_equal(p.w.last_end, "reset by member");
    pair_close(&p);
}

static void reset_after_a_half_close(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    shutdown(p.client, SHUT_WR);
    hear_end(p.member);
    reset(p.client);
    p.client = -1;
    /* it has read the end already: the reset shows when it writes (tcp(7), EPIPE) */
    struct pollfd broken = {.fd = p.member};
    assert_int_equal(poll(&broken, 1, WORLD_WAIT_S * 1000), 1);
    assert_true(broken.revents & POLLERR);
    pair_close(&p);
}

/* A member that answers and goes while the client still sends: the answer arrives. */
static void what_a_member_said_before_its_reset_arrives(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    SAY(p.client, "x");
    HEAR(p.member, "x");
    SAY(p.member, "413 too much");
    reset(p.member);
    p.member = -1;
    HEAR(p.client, "413 too much");
    hear_reset(p.client);
    pair_close(&p);
}

static void wait_there(struct worker *worker, void *arg)
{
    (void)worker;
    while (sem_wait(arg) != 0)
        ;
}

/* The same where it is a write to the member that fails first: all that happens while the worker
 * is busy comes to it at once, the client's word before. */
static void nor_is_it_lost_when_writing_fails(void **state)
{
    (void)state;
    struct pair p;
    sem_t go;
    sem_init(&go, 0, 0);
    pair_open(&p);
    echo_of(p.client, p.member);
    worker_post(p.w.worker, wait_there, &go);
    SAY(p.client, "still sending");
    SAY(p.member, "413 too much");
    reset(p.member);
    p.member = -1;
    sem_post(&go);
    HEAR(p.client, "413 too much");
    hear_reset(p.client);
    pair_close(&p);
    sem_destroy(&go);
}

/* The byte itself is lost: what is in band is not (tcp(7), SO_OOBINLINE). */
static void reads_do_not_end_at_urgent_data(void **state)
{
    (void)state;
    struct pair p;
    sem_t go;
    sem_init(&go, 0, 0);
    pair_open(&p);
    echo_of(p.client, p.member);
    for (unsigned i = 0; i < 3; i++) {
        worker_post(p.w.worker, wait_there, &go);
        SAY(p.client, "before");
        assert_int_equal(send(p.client, "!", 1, MSG_OOB), 1);
        SAY(p.client, "behind");
        sem_post(&go);
        HEAR(p.member, "beforebehind");
    }
    echo_of(p.client, p.member);
    close(p.client), close(p.member);
    p.client = p.member = -1;
    pair_close(&p);
    sem_destroy(&go);
}

static void one_byte_at_a_time(void **state)
{
    (void)state;
    struct pair p;
    char all[3000];
    pair_open(&p);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i * 7);
    say(p.client, all, sizeof all);
    for (size_t i = 0; i < sizeof all; i++)
        hear(p.member, &all[i], 1);
    setsockopt(p.member, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (size_t i = 0; i < sizeof all; i++)
        say(p.member, &all[i], 1);
    hear(p.client, all, sizeof all);
    close(p.client);
    close(p.member);
    p.client = p.member = -1;
    pair_close(&p);
}

static void idle_ones_are_closed(void **state)
{
    (void)state;
    struct pair p;
    world_open(&p.w);
    p.w.service.idle_timeout_ms = 3000;
    p.backend = listening(16);
    WORLD_MEMBERS_ARE(&p.w, up(port_of(p.backend)));
    int64_t begun_ms = world_now_ms();
    p.client = client_of(p.w.port);
    p.member = accepted(p.backend);
    for (unsigned i = 0; i < 8; i++) { /* longer than that in all, and never as long */
        echo_of(p.client, p.member);
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    hear_end(p.client);
    hear_end(p.member);
    assert_true(world_now_ms() - begun_ms >= 7 * 500 + 3000);
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_string_equal(p.w.last_end, "idle");
    pair_close(&p);
}

/* ---- how a client is refused ---- */

static void without_members_it_is_refused_at_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_give(&w);
    world_settle(&w);
    refused_client_of(w.port);
    WAIT_UNTIL(world_result(&w, SERVICE_NO_MEMBER) == 1);
    world_close(&w);
}

static void limits_hold(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    w.service.limits.connections = 3;
    w.service.limits.per_source = 2;
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int a = client_of(w.port), b = client_of(w.port);
    int at_a = accepted(backend), at_b = accepted(backend);
    refused_client_of(w.port);
    WAIT_UNTIL(world_result(&w, SERVICE_SOURCE) == 1);
    w.service.limits.per_source = 0;
    w.service.limits.connections = 2;
    world_give(&w);
    world_settle(&w);
    refused_client_of(w.port);
    WAIT_UNTIL(world_result(&w, SERVICE_LIMITED) == 1);
    close(a);
    hear_end(at_a);
    close(at_a);
    WAIT_UNTIL(atomic_load(&w.run->active) == 1);
    int c = client_of(w.port), at_c = accepted(backend);
    echo_of(c, at_c);
    close(b), close(c), close(at_b), close(at_c), close(backend);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(a_member_may_speak_first),
        cmocka_unit_test(half_closed_by_the_client),
        cmocka_unit_test(half_closed_by_the_member),
        cmocka_unit_test(reset_by_the_client),
        cmocka_unit_test(reset_by_the_member),
        cmocka_unit_test(reset_after_a_half_close),
        cmocka_unit_test(what_a_member_said_before_its_reset_arrives),
        cmocka_unit_test(nor_is_it_lost_when_writing_fails),
        cmocka_unit_test(reads_do_not_end_at_urgent_data),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(idle_ones_are_closed),
        cmocka_unit_test(without_members_it_is_refused_at_once),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
