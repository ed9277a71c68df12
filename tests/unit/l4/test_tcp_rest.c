/* SPDX-License-Identifier: Apache-2.0
 * A side is reset: what it had sent before comes to the other, and then the reset. */
#include "forward_world.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define REST (1 << 19) /* bytes: more than a window holds, less than the buffers in between */
#define BLOCK 8192

struct pair {
    struct world w;
    int backend, client, member;
};

/* Its receive buffer is small: it has little of what is on its way. */
static int small_client(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){16384}, sizeof(int)), 0);
    patient(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void pair_open(struct pair *p, enum l4_relay relay)
{
    world_open(&p->w);
    p->w.service.relay = relay;
    p->backend = listening(16);
    WORLD_MEMBERS_ARE(&p->w, up(port_of(p->backend)));
    p->client = small_client(p->w.port);
    p->member = accepted(p->backend);
}

static void pair_close(struct pair *p, const char *end)
{
    WAIT_UNTIL(p->w.n_ended == 1);
    assert_string_equal(p->w.last_end, end);
    if (p->client >= 0)
        close(p->client);
    close(p->backend);
    world_close(&p->w);
}

static int unacknowledged(int fd)
{
    int n = 0;
    assert_int_equal(ioctl(fd, SIOCOUTQ, &n), 0);
    return n;
}

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at / 251 + at);
}

/* The member knows that all of it has arrived, as far as it can. */
static void member_says_the_rest(struct pair *p)
{
    static uint8_t rest[REST];
    for (size_t i = 0; i < REST; i++)
        rest[i] = byte_at(i);
    say(p->member, rest, REST);
    WAIT_UNTIL(unacknowledged(p->member) == 0);
}

static void client_hears_the_rest(const struct pair *p, unsigned pause_ms)
{
    uint8_t block[BLOCK];
    for (size_t at = 0; at < REST;) {
        ssize_t n = recv(p->client, block, BLOCK, 0);
        assert_true(n > 0);
        for (size_t i = 0; i < (size_t)n; i++)
            assert_int_equal(block[i], byte_at(at + i));
        at += (size_t)n;
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
    }
}

static void what_was_sent_comes_before_the_reset(void **state)
{
    (void)state;
    static const enum l4_relay relays[] = {L4_RELAY_COPY, L4_RELAY_AUTO};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        pair_open(&p, relays[i]);
        member_says_the_rest(&p);
        reset(p.member);
        world_settle(&p.w);
        client_hears_the_rest(&p, i == 0 ? 100 : 1); /* longer than it may take none of it */
        hear_reset(p.client);
        WAIT_UNTIL(p.w.n_ended == 1);
        assert_int_equal(p.w.last.bytes_out, REST);
        pair_close(&p, "reset by member");
    }
}

/* A member that has said all, and its end, resets what it is told afterwards. */
static void an_end_before_the_reset_is_no_less(void **state)
{
    (void)state;
    struct pair p;
    char byte;
    pair_open(&p, L4_RELAY_AUTO);
    member_says_the_rest(&p);
    close(p.member);
    world_settle(&p.w);
    SAY(p.client, "more");
    world_settle(&p.w);
    SAY(p.client, "and more");
    client_hears_the_rest(&p, 1);
    assert_true(recv(p.client, &byte, 1, 0) <= 0);
    pair_close(&p, "reset by member");
}

/* Nothing is taken: it is not waited for without end. */
static void who_takes_nothing_is_reset_all_the_same(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, L4_RELAY_AUTO);
    member_says_the_rest(&p);
    reset(p.member);
    struct pollfd broken = {.fd = p.client};
    assert_int_equal(poll(&broken, 1, WORLD_WAIT_S * 1000), 1);
    assert_true(broken.revents & POLLERR);
    pair_close(&p, "reset by member");
}

static void the_other_side_may_break_too(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, L4_RELAY_AUTO);
    member_says_the_rest(&p);
    reset(p.member);
    world_settle(&p.w);
    reset(p.client);
    p.client = -1;
    pair_close(&p, "reset by member");
}

/* What has all been taken is not waited for: many would take longer than they may otherwise. */
static void nothing_left_is_a_reset_at_once(void **state)
{
    (void)state;
    struct pair p;
    int64_t until_ms = world_now_ms() + WORLD_WAIT_S * 1000;
    pair_open(&p, L4_RELAY_AUTO);
    for (unsigned i = 0; i < 20; i++) {
        SAY(p.member, "all");
        HEAR(p.client, "all");
        reset(p.member);
        hear_reset(p.client);
        close(p.client);
        p.client = client_of(p.w.port);
        p.member = accepted(p.backend);
    }
    assert_true(world_now_ms() < until_ms);
    WAIT_UNTIL(p.w.n_ended == 20);
    p.w.n_ended = 0;
    SAY(p.member, "all");
    HEAR(p.client, "all"); /* before that, the member could not be reached */
    reset(p.member);
    pair_close(&p, "reset by member");
}

/* An order ends it, as it does what is relayed. */
static void a_worker_may_stop_meanwhile(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, L4_RELAY_AUTO);
    member_says_the_rest(&p);
    reset(p.member);
    world_settle(&p.w);
    p.w.n_fds += 2; /* client and back end */
    world_close(&p.w);
    assert_int_equal(p.w.n_ended, 1);
    close(p.client);
    close(p.backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sent_comes_before_the_reset),
        cmocka_unit_test(an_end_before_the_reset_is_no_less),
        cmocka_unit_test(who_takes_nothing_is_reset_all_the_same),
        cmocka_unit_test(the_other_side_may_break_too),
        cmocka_unit_test(nothing_left_is_a_reset_at_once),
        cmocka_unit_test(a_worker_may_stop_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
