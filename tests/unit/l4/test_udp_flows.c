/* SPDX-License-Identifier: Apache-2.0
 * Flows and their members: who keeps which, who moves when, and what ends them. */
#include "udp_rig.h"

#include <sys/resource.h>

static uint8_t got[UDP_MESSAGE_MAX];

static uint32_t client_of(const struct ip *addr)
{
    return (uint32_t)addr->b[2] << 8 | addr->b[3];
}

/** The member of each client: members[client], RIG_MEMBERS for those without a flow. */
static void members_of(struct rig *rig, uint32_t n, uint8_t *members)
{
    struct flow_record *records = xcalloc(n + 1, sizeof *records);
    uint32_t n_flows = rig_flows(rig, records, n + 1);
    memset(members, RIG_MEMBERS, n);
    for (uint32_t i = 0; i < n_flows; i++) {
        assert_true(client_of(&records[i].client) < n);
        members[client_of(&records[i].client)] =
            (uint8_t)strtoul(strrchr(records[i].key, '/') + 1, NULL, 10);
    }
    free(records);
}

static void test_many(void **state)
{
    (void)state;
    struct rlimit limit;
    uint32_t n = 10000, before = count_fds();
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < n + 200)
        n = (uint32_t)limit.rlim_cur - 200;
    struct rig *rig = rig_new("127.0.0.1", 5);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, n);
    assert_int_equal(udp_n_flows(rig->worker.udp), n);
    clients_ask(rig, fd, 0, n);
    assert_int_equal(udp_n_flows(rig->worker.udp), n);
    assert_int_equal(rig_result(rig, SERVICE_OK), n);
    pass_ms(rig, 10000);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_int_equal(rig->n_ended, n);
    close(fd);
    rig_free(rig);
    assert_int_equal(count_fds(), before);
}

/* ---- the set changes ---- */

#define N 2000

/** What `change` does to the members moves no flow that there is. Of those that begin anew it moves
 *  the ones that have to (of a member that is gone, to one that is new: one in n_members, give or
 *  take six standard deviations), and at most 2 points of the others. */
static void check_change(void (*change)(struct rig *rig), uint32_t n_members)
{
    static uint8_t before[N], after[N], anew[N];
    struct rig *rig = rig_new("127.0.0.1", 5);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, N);
    members_of(rig, N, before);
    change(rig);
    rig_follow(rig);
    clients_ask(rig, fd, 0, N);
    members_of(rig, N, after);
    assert_memory_equal(before, after, N);
    pass_ms(rig, 10000);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    clients_ask(rig, fd, 0, N);
    members_of(rig, N, anew);
    uint32_t n_had_to = 0, n_others = 0;
    for (uint32_t i = 0; i < N; i++) {
        const struct rig_member *from = &rig->members[before[i]], *to = &rig->members[anew[i]];
        bool had_to = !from->present || from->state != MEMBER_UP || anew[i] == 5;
        n_had_to += had_to;
        n_others += !had_to && from != to;
        assert_true(to->present && to->state == MEMBER_UP);
    }
    assert_in_range(n_had_to, N / n_members - 108, N / n_members + 108);
    assert_in_range(n_others, 0, N / 50);
    close(fd);
    rig_free(rig);
}

static void remove_one(struct rig *rig)
{
    rig->members[2].present = false;
}

static void add_one(struct rig *rig)
{
    rig_member_open(rig, 5, "127.0.0.1");
}

static void drain_one(struct rig *rig)
{
    rig->members[3].state = MEMBER_DRAIN;
}

static void test_remove(void **state)
{
    (void)state;
    check_change(remove_one, 5);
}

static void test_add(void **state)
{
    (void)state;
    check_change(add_one, 6);
}

static void test_drain_member(void **state)
{
    (void)state;
    check_change(drain_one, 5);
}

/** A member that is gone and back is the same to its flows; one that is gone for good is forgotten
 *  with its last flow. */
static void test_gone(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    rig->members[0].present = false;
    rig_follow(rig);
    uint32_t n = 0;
    registry_members(rig->registry, &n);
    assert_int_equal(n, 2);
    rig->members[0].present = true;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    rig->members[0].present = false;
    rig_follow(rig);
    pass_ms(rig, 10000);
    registry_collect(rig->registry);
    registry_members(rig->registry, &n);
    assert_int_equal(n, 1);
    assert_int_equal(rig->worker.udp->n_peers, 1);
    close(fd);
    rig_free(rig);
}

/** Past its close_at_ms a member's flows end, and the next datagram goes elsewhere. */
static void test_close_at(void **state)
{
    (void)state;
    static uint8_t members[40];
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    struct member *member = rig->members[0].member;
    uint32_t n = atomic_load(&member->active);
    assert_true(n > 0 && n < 40);
    rig->members[0].state = MEMBER_DRAIN;
    atomic_store(&member->close_at_ms, rig->worker.now_ms + 60000);
    rig_follow(rig);
    pass_ms(rig, 55000);
    clients_ask(rig, fd, 0, 40);
    assert_int_equal(atomic_load(&member->active), n);
    pass_ms(rig, 6000);
    assert_int_equal(atomic_load(&member->active), 0);
    assert_int_equal(udp_n_flows(rig->worker.udp), 40 - n);
    assert_string_equal(rig->end, "drained");
    clients_ask(rig, fd, 0, 40);
    members_of(rig, 40, members);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(members[i], 1);
    /* Its time comes between two datagrams, and no plan says so. */
    rig_member_open(rig, 0, "127.0.0.1");
    rig_follow(rig);
    atomic_store(&rig->members[1].member->close_at_ms, rig->worker.now_ms);
    clients_ask(rig, fd, 0, 40);
    members_of(rig, 40, members);
    uint32_t n_moved = 0;
    for (unsigned i = 0; i < 40; i++)
        n_moved += members[i] == 0;
    assert_int_equal(n_moved, 40);
    assert_int_equal(rig->n_failed, 0);
    close(fd);
    rig_free(rig);
}

/* ---- members that are not well ---- */

/** The datagram that meets ICMP is lost or goes to another; the next one is answered by another. */
static void test_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    uint32_t dead = rig->members[1].n_got > 0;
    rig_member_close(rig, dead);
    client_send(rig, fd, 0);
    rig_run(rig, 20);
    clients_ask(rig, fd, 0, 1);
    assert_true(rig->members[!dead].n_got > 0);
    assert_int_equal(atomic_load(&rig->members[dead].member->refused), 1);
    assert_int_equal(rig->n_failed, 1);
    assert_int_equal(rig->n_timed_out, 0);
    assert_int_equal(atomic_load(&rig->members[dead].member->active), 0);
    assert_int_equal(atomic_load(&rig->members[!dead].member->active), 1);
    assert_int_equal(udp_n_flows(rig->worker.udp), 1);
    close(fd);
    rig_free(rig);
}

/** Several datagrams in one batch, the first of which is refused. */
static void test_refused_in_a_batch(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    uint32_t dead = rig->members[1].n_got > 0;
    rig_member_close(rig, dead);
    const struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    assert_int_equal(send(flow->fd, "x", 1, 0), 1); /* its ICMP error is there before the batch */
    for (unsigned i = 0; i < 5; i++)
        client_send(rig, fd, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 4);
    assert_int_equal(rig->members[!dead].n_got, 5);
    assert_int_equal(atomic_load(&rig->members[dead].member->refused), 1);
    close(fd);
    rig_free(rig);
}

/** The only one there is: it is asked on, and answers when it is back. */
static void test_refused_and_alone(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    struct rig_member *m = &rig->members[0];
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    rig_member_close(rig, 0);
    for (unsigned i = 0; i < 10; i++) {
        client_send(rig, fd, 0);
        rig_run(rig, 5);
    }
    assert_true(atomic_load(&m->member->refused) >= MEMBER_FAILURES);
    assert_true(rig->n_failed >= 1 && rig->n_failed < 10); /* one a second is reported */
    for (unsigned i = 0; i < 10; i++) {                    /* and none of it is silence */
        rig->skew_ms += 1000;
        client_send(rig, fd, 0);
        rig_run(rig, 5);
    }
    assert_int_equal(rig->n_timed_out, 0);
    m->fd = rig_socket(&m->addr, &m->port);
    rig_run(rig, 5);
    clients_ask(rig, fd, 0, 1);
    clients_ask(rig, fd, 0, 2);
    close(fd);
    rig_free(rig);
}

static void test_down(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    uint32_t n = atomic_load(&rig->members[0].member->active), n_fds = count_fds();
    rig->members[0].state = MEMBER_DOWN;
    rig_follow(rig);
    assert_int_equal(atomic_load(&rig->members[0].member->active), n);
    clients_ask(rig, fd, 0, 40);
    assert_int_equal(atomic_load(&rig->members[0].member->active), 0);
    assert_int_equal(atomic_load(&rig->members[1].member->active), 40);
    assert_int_equal(rig_result(rig, SERVICE_OK), 40); /* the flows are the same */
    assert_int_equal(rig->n_failed, 0);                /* that it is down is known */
    assert_int_equal(count_fds(), n_fds);
    rig->members[1].state = MEMBER_DOWN;
    rig_follow(rig);
    client_send(rig, fd, 0);
    client_send(rig, fd, 77);
    rig_run(rig, 10);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 2);
    assert_int_equal(rig_result(rig, SERVICE_NO_MEMBER), 1);
    rig->members[0].state = MEMBER_UP;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    assert_int_equal(atomic_load(&rig->members[0].member->active), 40);
    close(fd);
    rig_free(rig);
}

/** Client i sends n datagrams over `ms`, the last one at the end of it. */
static void send_over(struct rig *rig, int fd, uint32_t i, uint32_t n, int64_t ms)
{
    for (uint32_t j = 0; j < n; j++) {
        rig->skew_ms += j ? ms / (n - 1) : 0;
        client_send(rig, fd, i);
        rig_run(rig, 5);
    }
}

/** A member that has answered falls silent. */
static void test_silence(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 2);
    rig->mute = true;
    send_over(rig, fd, 0, 30, 2000); /* not long enough */
    assert_int_equal(rig->n_timed_out, 0);
    send_over(rig, fd, 1, 4, 4000); /* too few: the fifth finds four */
    assert_int_equal(rig->n_timed_out, 0);
    client_send(rig, fd, 1);
    rig_run(rig, 5);
    assert_int_equal(rig->n_timed_out, 1);
    assert_int_equal(atomic_load(&rig->members[0].member->timeouts), 1);
    send_over(rig, fd, 0, 2, 100); /* another flow, within the second */
    assert_int_equal(atomic_load(&rig->members[0].member->timeouts), 1);
    rig->mute = false;
    clients_ask(rig, fd, 0, 2);
    rig->mute = true;
    send_over(rig, fd, 0, 3, 2000); /* all begins anew */
    assert_int_equal(rig->n_timed_out, 1);
    rig->mute = false;
    clients_ask(rig, fd, 0, 2);
    rig->mute = true;
    pass_ms(rig, 20000); /* nobody asks, so nobody is answered */
    send_over(rig, fd, 0, 20, 2000);
    assert_int_equal(rig->n_timed_out, 1);
    close(fd);
    rig_free(rig);
}

/** Another flow of the member is answered, so it is not the member. */
static void test_no_silence_while_others_are_answered(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 2);
    for (unsigned i = 0; i < 20; i++) {
        rig->mute = true;
        send_over(rig, fd, 0, 2, 500);
        rig->mute = false;
        clients_ask(rig, fd, 1, 1);
    }
    assert_int_equal(rig->n_timed_out, 0);
    close(fd);
    rig_free(rig);
}

/** Another worker's flows are answered: what this one sees alone takes nothing from all. */
static void test_no_silence_while_another_worker_is_answered(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    struct member *member = rig->members[0].member;
    rig->mute = true;
    for (unsigned i = 0; i < 20; i++) {
        atomic_store(&member->answered_ms, rig->worker.now_ms);
        send_over(rig, fd, 0, 2, 500);
    }
    assert_int_equal(rig->n_timed_out, 0);
    send_over(rig, fd, 0, 10, 5000);
    assert_true(rig->n_timed_out > 0);
    close(fd);
    rig_free(rig);
}

/** An answer shows that the member is there: to all workers, once a second; that failures before it
 *  were not one after the other, at once. */
static void test_answers_are_told(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    struct member *member = rig->members[0].member;
    int64_t before_ms = rig->worker.now_ms + 1000000; /* a time that nothing else would store */
    assert_true(atomic_load(&member->answered_ms) > 0);
    atomic_store(&member->answered_ms, before_ms);
    atomic_store(&member->failures, 2);
    clients_ask(rig, fd, 0, 1);
    assert_int_equal(atomic_load(&member->answered_ms), before_ms);
    assert_int_equal(atomic_load(&member->failures), 0);
    before_ms = rig->worker.now_ms - MEMBER_ANSWERED_MS;
    atomic_store(&member->answered_ms, before_ms);
    clients_ask(rig, fd, 0, 1);
    assert_true(atomic_load(&member->answered_ms) >= before_ms + MEMBER_ANSWERED_MS);
    close(fd);
    rig_free(rig);
}

/** Datagrams that nobody ever answers (a log) say nothing. */
static void test_no_silence_where_nobody_answers(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    rig->mute = true;
    send_over(rig, fd, 0, 200, 100000);
    assert_int_equal(rig->n_timed_out, 0);
    close(fd);
    rig_free(rig);
}

/** Three silences in a row take the member out, and then its silent flows go to another. */
static void test_silent_member_is_left(void **state)
{
    (void)state;
    static uint8_t members[8];
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 8);
    members_of(rig, 8, members);
    uint32_t silent = members[0];
    int member = rig->members[silent].fd;
    rig->members[silent].fd = -1; /* it is there, and says nothing */
    send_over(rig, fd, 0, 14, 13000);
    assert_true(atomic_load(&rig->members[silent].member->timeouts) >= MEMBER_FAILURES);
    assert_true(member_is_ejected(rig->members[silent].member, rig->worker.now_ms));
    members_of(rig, 8, members);
    assert_int_equal(members[0], !silent);
    clients_ask(rig, fd, 0, 1);
    rig->members[silent].fd = member;
    close(fd);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_drain_member),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_close_at),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_in_a_batch),
        cmocka_unit_test(test_refused_and_alone),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_no_silence_while_others_are_answered),
        cmocka_unit_test(test_no_silence_while_another_worker_is_answered),
        cmocka_unit_test(test_answers_are_told),
        cmocka_unit_test(test_no_silence_where_nobody_answers),
        cmocka_unit_test(test_silent_member_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
