/* SPDX-License-Identifier: Apache-2.0
 * Plans that change under traffic: members drained, removed, down; listeners that come and go;
 * descriptors that run out; thousands of connections. */
#include "forward_world.h"

#include <pthread.h>
#include <sys/resource.h>

static void echo_of(int client, int member)
{
    SAY(client, "hello");
    HEAR(member, "hello");
    SAY(member, "yes?");
    HEAR(client, "yes?");
}

struct two {
    struct world w;
    int backends[2];
    struct member *members[2];
    int client, member; /* a connection with the first */
};

static void two_open(struct two *t)
{
    world_open(&t->w);
    for (unsigned i = 0; i < 2; i++) {
        t->backends[i] = listening(64);
        t->members[i] = world_member(&t->w, 0, port_of(t->backends[i]));
    }
    WORLD_MEMBERS_ARE(&t->w, up(port_of(t->backends[0])));
    t->client = client_of(t->w.port);
    t->member = accepted(t->backends[0]);
    echo_of(t->client, t->member);
}

static void two_close(struct two *t)
{
    close(t->client), close(t->member), close(t->backends[0]), close(t->backends[1]);
    WAIT_UNTIL(atomic_load(&t->w.run->active) == 0);
    world_close(&t->w);
}

static void one_through_the_second(struct two *t)
{
    int client = client_of(t->w.port), member = accepted(t->backends[1]);
    echo_of(client, member);
    close(client), close(member);
}

static void a_drained_member_keeps_what_it_has(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    uint16_t first = port_of(t.backends[0]), second = port_of(t.backends[1]);
    atomic_store(&t.members[0]->close_at_ms, world_now_ms() + 3600000);
    WORLD_MEMBERS_ARE(&t.w, {first, 1, MEMBER_DRAIN}, up(second));
    for (unsigned i = 0; i < 5; i++)
        one_through_the_second(&t);
    echo_of(t.client, t.member);
    assert_int_equal(atomic_load(&t.members[0]->active), 1);
    two_close(&t);
}

static void at_its_time_what_is_left_is_reset(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    uint16_t first = port_of(t.backends[0]), second = port_of(t.backends[1]);
    int64_t at_ms = world_now_ms() + 300;
    atomic_store(&t.members[0]->close_at_ms, at_ms);
    WORLD_MEMBERS_ARE(&t.w, {first, 1, MEMBER_DRAIN}, up(second));
    int client = client_of(t.w.port), member = accepted(t.backends[1]);
    hear_reset(t.client);
    assert_true(world_now_ms() >= at_ms);
    hear_reset(t.member);
    echo_of(client, member);
    close(client), close(member);
    assert_int_equal(atomic_load(&t.members[0]->active), 0);
    two_close(&t);
}

static void a_removed_member_is_as_one_drained(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    atomic_store(&t.members[0]->close_at_ms, world_now_ms() + 4000);
    WORLD_MEMBERS_ARE(&t.w, up(port_of(t.backends[1])));
    WORLD_MEMBERS_ARE(&t.w, up(port_of(t.backends[1]))); /* also if other plans follow */
    echo_of(t.client, t.member);
    one_through_the_second(&t);
    hear_reset(t.client);
    hear_reset(t.member);
    two_close(&t);
}

static void a_drain_that_is_taken_back_ends_nothing(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    uint16_t first = port_of(t.backends[0]);
    atomic_store(&t.members[0]->close_at_ms, world_now_ms() + 3000);
    WORLD_MEMBERS_ARE(&t.w, {first, 1, MEMBER_DRAIN});
    atomic_store(&t.members[0]->close_at_ms, MEMBER_NEVER);
    WORLD_MEMBERS_ARE(&t.w, up(first));
    nanosleep(&(struct timespec){.tv_sec = 3, .tv_nsec = 300000000}, NULL);
    echo_of(t.client, t.member);
    two_close(&t);
}

static void a_member_that_goes_down_keeps_what_it_has(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    WORLD_MEMBERS_ARE(&t.w, {port_of(t.backends[0]), 1, MEMBER_DOWN}, up(port_of(t.backends[1])));
    one_through_the_second(&t);
    echo_of(t.client, t.member);
    two_close(&t);
}

/* Where going down resets, its time is set to now. */
static void unless_its_time_has_come(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    uint16_t first = port_of(t.backends[0]), second = port_of(t.backends[1]);
    WORLD_MEMBERS_ARE(&t.w, up(second));
    int client = client_of(t.w.port), member = accepted(t.backends[1]);
    for (unsigned i = 0; i < 2; i++) { /* also if it is so in one plan after the other */
        atomic_store(&t.members[0]->close_at_ms, world_now_ms());
        WORLD_MEMBERS_ARE(&t.w, {first, 1, MEMBER_DOWN}, up(second));
    }
    hear_reset(t.client);
    hear_reset(t.member);
    echo_of(client, member); /* the other member's go on */
    close(client), close(member);
    two_close(&t);
}

static void hold(struct worker *worker, void *arg)
{
    (void)worker;
    while (sem_wait(arg) != 0)
        ;
}

/* Down, and up again before the worker has seen it: what was open before is reset, what comes then
 * is not. */
static void a_reset_is_not_lost_when_it_is_soon_up_again(void **state)
{
    (void)state;
    struct two t;
    sem_t go;
    two_open(&t);
    uint16_t first = port_of(t.backends[0]);
    sem_init(&go, 0, 0);
    worker_post(t.w.worker, hold, &go);
    int64_t at_ms = world_now_ms();
    atomic_store(&t.members[0]->close_at_ms, at_ms);
    atomic_store(&t.members[0]->reset_at_ms, at_ms);
    t.w.members[0][0].state = MEMBER_DOWN;
    world_give(&t.w);
    atomic_store(&t.members[0]->close_at_ms, MEMBER_NEVER);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    sem_post(&go);
    WORLD_MEMBERS_ARE(&t.w, up(first));
    int client = client_of(t.w.port), member = accepted(t.backends[0]);
    hear_reset(t.client);
    hear_reset(t.member);
    echo_of(client, member);
    close(client), close(member);
    sem_destroy(&go);
    two_close(&t);
}

/* ---- listeners ---- */

static void refused_at(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void listeners_come_and_go(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    int second = world_listener(), backend = t.backends[0];
    t.w.listeners[1] = second;
    WORLD_MEMBERS_ARE(&t.w, up(port_of(backend)));
    int client = client_of(port_of(second)), member = accepted(backend);
    echo_of(client, member);
    t.w.listeners[1] = -1;
    WORLD_MEMBERS_ARE(&t.w, up(port_of(backend)));
    echo_of(client, member); /* what came by it goes on */
    close(client), close(member);
    refused_at(port_of(second)); /* nothing is queued that nobody takes */
    WAIT_UNTIL(atomic_load(&t.w.run->active) == 1);
    close(second);
    two_close(&t);
}

static void wait_there(struct worker *worker, void *arg)
{
    (void)worker;
    while (sem_wait(arg) != 0)
        ;
}

static void what_waits_at_a_listener_that_goes_is_taken(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    int second = world_listener(), backend = t.backends[0], clients[20], members[20];
    for (unsigned i = 0; i < 20; i++)
        clients[i] = client_of(port_of(second));
    sem_t go;
    sem_init(&go, 0, 0);
    worker_post(t.w.worker, wait_there, &go); /* it gets both plans at once */
    t.w.listeners[1] = second;
    world_give(&t.w);
    t.w.listeners[1] = -1;
    world_give(&t.w);
    sem_post(&go);
    world_settle(&t.w);
    sem_destroy(&go);
    close(second);
    for (unsigned i = 0; i < 20; i++)
        members[i] = accepted(backend);
    for (unsigned i = 0; i < 20; i++)
        SAY(clients[i], "still here");
    for (unsigned i = 0; i < 20; i++)
        HEAR(members[i], "still here");
    for (unsigned i = 0; i < 20; i++)
        close(clients[i]), close(members[i]);
    two_close(&t);
}

static void a_worker_that_drains_takes_no_more(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    int64_t at_ms = world_now_ms() + 4000;
    worker_drain(t.w.worker, at_ms, true);
    world_settle(&t.w);
    int waits = client_of(t.w.port);
    world_give(&t.w); /* nor with a new plan */
    world_settle(&t.w);
    assert_int_equal(atomic_load(&t.w.run->active), 1);
    echo_of(t.client, t.member);
    hear_reset(t.client);
    assert_true(world_now_ms() >= at_ms);
    close(waits);
    two_close(&t);
}

/* More than a batch is queued in the kernel, and one more while it is taken. */
static void what_is_queued_is_taken_before_more_is_refused(void **state)
{
    (void)state;
    struct two t;
    sem_t go;
    int clients[40];
    two_open(&t);
    sem_init(&go, 0, 0);
    worker_post(t.w.worker, hold, &go);
    for (unsigned i = 0; i < 40; i++)
        clients[i] = client_of(t.w.port);
    worker_drain(t.w.worker, world_now_ms() + 600000, false);
    sem_post(&go);
    world_settle(&t.w);
    refused_at(t.w.port);
    for (unsigned i = 0; i < 40; i++) {
        int member = accepted(t.backends[0]);
        SAY(clients[i], "still here");
        HEAR(member, "still here");
        close(clients[i]), close(member);
    }
    sem_destroy(&go);
    two_close(&t);
}

static void a_stop_resets_what_is_left(void **state)
{
    (void)state;
    struct two t;
    two_open(&t);
    int client = t.client, member = t.member;
    t.client = t.member = -1;
    t.w.n_fds += 2;
    close(t.backends[0]), close(t.backends[1]);
    world_close(&t.w);
    hear_reset(client);
    hear_reset(member);
    close(client), close(member);
}

/* ---- many ---- */

static void echo_loop(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        say(fd, bytes, (size_t)n);
}

/* Takes connections one after the other: says back what it hears until the end. */
static void *echo_server(void *arg)
{
    int fd;
    while ((fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        echo_loop(fd);
        close(fd);
    }
    return NULL;
}

/* Members are put in, drained and taken out all the time, and no client sees it. */
static void plans_change_under_load(void **state)
{
    (void)state;
    static const enum l4_balance kinds[] = {L4_ROUND_ROBIN, L4_LEAST_CONN, L4_RANDOM2, L4_MAGLEV,
                                            L4_SOURCE_HASH};
    struct world w;
    int backends[4];
    pthread_t servers[4];
    world_open(&w);
    for (unsigned i = 0; i < 4; i++) {
        backends[i] = listening(512);
        pthread_create(&servers[i], NULL, echo_server, &backends[i]);
    }
    for (unsigned round = 0; round < 400; round++) {
        w.service.balance = kinds[round / 4 % 5];
        w.n_members[0] = 1 + round % 4;
        for (uint32_t i = 0; i < w.n_members[0]; i++)
            w.members[0][i] =
                (struct world_member){port_of(backends[(round / 3 + i) % 4]), 1 + i,
                                      i > 0 && round % 3 == 0 ? MEMBER_DRAIN : MEMBER_UP};
        world_give(&w);
        int client = client_of(w.port);
        for (unsigned i = 0; i < 3; i++) {
            SAY(client, "through it all");
            HEAR(client, "through it all");
        }
        close(client);
    }
    WAIT_UNTIL(w.n_ended == 400);
    assert_int_equal(world_result(&w, SERVICE_OK), 400);
    for (unsigned i = 0; i < 4; i++) {
        shutdown(backends[i], SHUT_RDWR);
        pthread_join(servers[i], NULL);
        close(backends[i]);
    }
    world_close(&w);
}

#define MANY 2000

static void thousands_at_once(void **state)
{
    (void)state;
    static int clients[MANY], members[MANY];
    struct world w;
    world_open(&w);
    int backend = listening(4096);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    for (unsigned i = 0; i < MANY; i++) {
        clients[i] = client_of(w.port);
        members[i] = accepted(backend);
    }
    for (unsigned i = 0; i < MANY; i++)
        say(clients[i], &i, sizeof i);
    /* which member's end is whose is told by what comes */
    for (unsigned i = 0; i < MANY; i++) {
        unsigned nth;
        assert_int_equal(recv(members[i], &nth, sizeof nth, MSG_WAITALL), sizeof nth);
        say(members[i], &nth, sizeof nth);
    }
    for (unsigned i = 0; i < MANY; i++)
        hear(clients[i], &i, sizeof i);
    assert_int_equal(atomic_load(&w.run->active), MANY);
    for (unsigned i = 0; i < MANY; i++)
        close(i % 2 ? clients[i] : members[i]);
    for (unsigned i = 0; i < MANY; i++) {
        hear_end(i % 2 ? members[i] : clients[i]);
        close(i % 2 ? members[i] : clients[i]);
    }
    WAIT_UNTIL(w.n_ended == MANY);
    close(backend);
    world_close(&w);
}

struct listing {
    struct flow_record v[8];
    uint32_t n, max;
    uint64_t at;
    sem_t done;
};

static void list(struct worker *worker, void *arg)
{
    struct listing *l = arg;
    l->n = worker_flows(worker, l->v, l->max, &l->at);
    sem_post(&l->done);
}

static uint32_t listed(struct world *w, struct listing *l, uint32_t max)
{
    l->max = max;
    sem_init(&l->done, 0, 0);
    worker_post(w->worker, list, l);
    while (sem_wait(&l->done) != 0)
        ;
    return l->n;
}

static void flows_are_shown(void **state)
{
    (void)state;
    struct two t;
    struct listing l = {0};
    two_open(&t);
    int client = client_of(t.w.port), member = accepted(t.backends[0]);
    SAY(client, "something longer");
    HEAR(member, "something longer");
    assert_int_equal(listed(&t.w, &l, 8), 2);
    assert_true(l.at == WORKER_FLOWS_END);
    assert_true(l.v[0].client_port == port_of(t.client) || l.v[1].client_port == port_of(t.client));
    assert_int_equal(l.v[0].bytes_in + l.v[1].bytes_in, 5 + 16);
    assert_int_equal(l.v[0].local_port, t.w.port);
    assert_string_equal(l.v[0].service, "web");
    assert_string_equal(l.v[0].key, t.members[0]->key);
    uint16_t first = l.v[0].client_port;
    l.at = 0;
    assert_int_equal(listed(&t.w, &l, 1), 1);
    assert_int_equal(l.v[0].client_port, first);
    assert_int_equal(listed(&t.w, &l, 1), 1);
    assert_int_not_equal(l.v[0].client_port, first);
    assert_int_equal(listed(&t.w, &l, 8), 0);
    assert_true(l.at == WORKER_FLOWS_END);
    close(client), close(member);
    two_close(&t);
}

/* The number of the first descriptor that is free, which is the limit from then on. */
static void leave_room_for(unsigned n, struct rlimit before)
{
    struct rlimit few = before;
    unsigned free_ones = 0;
    for (few.rlim_cur = 3; free_ones < n || fcntl((int)few.rlim_cur, F_GETFD) >= 0; few.rlim_cur++)
        free_ones += fcntl((int)few.rlim_cur, F_GETFD) < 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void connect_to(int client, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    patient(client);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
}

/* Room for none, then for a client's descriptor but not for the member's: it pauses, and goes on
 * when there is room again. */
static void descriptors_run_out(void **state)
{
    (void)state;
    struct two t;
    struct rlimit before;
    int clients[9];
    two_open(&t);
    for (unsigned i = 0; i < 9; i++)
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    leave_room_for(0, before);
    int64_t begun_ms = world_now_ms();
    for (unsigned i = 1; i < 9; i++)
        connect_to(clients[i], t.w.port);
    WAIT_UNTIL(world_result(&t.w, SERVICE_NO_ROOM) >= 3);
    uint64_t tries = world_result(&t.w, SERVICE_NO_ROOM);
    assert_true(tries <= (uint64_t)(world_now_ms() - begun_ms) / 50 + 1); /* it does not spin */
    echo_of(t.client, t.member); /* what there is goes on */
    assert_int_equal(t.w.n_ended, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    for (unsigned i = 1; i < 9; i++) {
        int member = accepted(t.backends[0]);
        SAY(clients[i], "at last");
        HEAR(member, "at last");
        reset(clients[i]), close(member); /* no socket is kept then */
    }
    WAIT_UNTIL(atomic_load(&t.w.run->active) == 1);
    world_settle(&t.w);
    leave_room_for(1, before);
    uint64_t refused = world_result(&t.w, SERVICE_NO_ROOM);
    refused_client(clients[0], t.w.port);
    WAIT_UNTIL(world_result(&t.w, SERVICE_NO_ROOM) > refused);
    assert_int_equal(world_result(&t.w, SERVICE_NO_ROOM), refused + 1);
    setrlimit(RLIMIT_NOFILE, &before);
    two_close(&t);
}

/* What is to go is taken, too, while nothing else is accepted for a moment. */
static void a_pause_leaves_nothing_at_a_listener_that_goes(void **state)
{
    (void)state;
    struct two t;
    struct rlimit before;
    two_open(&t);
    int second = world_listener(), backend = t.backends[0], clients[8];
    t.w.listeners[1] = second;
    WORLD_MEMBERS_ARE(&t.w, up(port_of(backend)));
    for (unsigned i = 0; i < 8; i++)
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    leave_room_for(0, before);
    for (unsigned i = 0; i < 8; i++)
        connect_to(clients[i], port_of(second));
    WAIT_UNTIL(world_result(&t.w, SERVICE_NO_ROOM) >= 1);
    setrlimit(RLIMIT_NOFILE, &before);
    t.w.listeners[1] = -1;
    WORLD_MEMBERS_ARE(&t.w, up(port_of(backend)));
    for (unsigned i = 0; i < 8; i++) {
        int member = accepted(backend);
        SAY(clients[i], "still here");
        HEAR(member, "still here");
        close(clients[i]), close(member);
    }
    close(second);
    two_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drained_member_keeps_what_it_has),
        cmocka_unit_test(at_its_time_what_is_left_is_reset),
        cmocka_unit_test(a_removed_member_is_as_one_drained),
        cmocka_unit_test(a_drain_that_is_taken_back_ends_nothing),
        cmocka_unit_test(a_member_that_goes_down_keeps_what_it_has),
        cmocka_unit_test(unless_its_time_has_come),
        cmocka_unit_test(a_reset_is_not_lost_when_it_is_soon_up_again),
        cmocka_unit_test(listeners_come_and_go),
        cmocka_unit_test(what_waits_at_a_listener_that_goes_is_taken),
        cmocka_unit_test(a_worker_that_drains_takes_no_more),
        cmocka_unit_test(what_is_queued_is_taken_before_more_is_refused),
        cmocka_unit_test(a_pause_leaves_nothing_at_a_listener_that_goes),
        cmocka_unit_test(a_stop_resets_what_is_left),
        cmocka_unit_test(plans_change_under_load),
        cmocka_unit_test(thousands_at_once),
        cmocka_unit_test(flows_are_shown),
        cmocka_unit_test(descriptors_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
