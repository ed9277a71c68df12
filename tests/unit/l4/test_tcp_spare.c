/* SPDX-License-Identifier: Apache-2.0
 * Sockets that were one connection's and become another's: when they do, when they must not, and
 * that nothing of the first one comes to the second. */
#include "forward_world.h"

#include <linux/filter.h>
#include <sys/resource.h>

#define AT_MOST 64 /* are kept */

struct spares {
    struct world w;
    int backend;
    unsigned n_before; /* descriptors, without connections */
};

/* The service is as it was made, or as it was changed meanwhile. */
static void spares_give(struct spares *s)
{
    s->backend = listening(128);
    WORLD_MEMBERS_ARE(&s->w, up(port_of(s->backend)));
    s->n_before = open_descriptors();
}

static void spares_open(struct spares *s)
{
    world_open(&s->w);
    spares_give(s);
}

static void spares_close(struct spares *s)
{
    close(s->backend);
    world_close(&s->w);
}

/* The worker's, once `n` connections have ended and the test has closed its own. */
static unsigned kept_after(struct spares *s, unsigned n)
{
    WAIT_UNTIL(s->w.n_ended == n);
    world_settle(&s->w);
    return open_descriptors() - s->n_before;
}

struct both {
    int client, member;
};

static struct both both_of(struct spares *s)
{
    struct both b = {.client = client_of(s->w.port)};
    b.member = accepted(s->backend);
    return b;
}

static void exchange(const struct both *b, unsigned nth)
{
    char text[32];
    size_t n = (size_t)snprintf(text, sizeof text, "question %u", nth);
    say(b->client, text, n);
    hear(b->member, text, n);
    n = (size_t)snprintf(text, sizeof text, "the answer to %u", nth);
    say(b->member, text, n);
    hear(b->client, text, n);
}

static void end_in_order(int first, int second)
{
    close(first);
    hear_end(second);
    close(second);
}

static void one_socket_does_for_all(void **state)
{
    (void)state;
    struct spares s;
    spares_open(&s);
    for (unsigned i = 1; i <= 30; i++) {
        struct both b = both_of(&s);
        exchange(&b, i);
        exchange(&b, i);
        end_in_order(i % 2 ? b.client : b.member, i % 2 ? b.member : b.client);
        assert_int_equal(kept_after(&s, i), 1);
    }
    assert_int_equal(world_result(&s.w, SERVICE_OK), 30);
    spares_close(&s);
}

static void many_at_once_leave_no_more_than_are_kept(void **state)
{
    (void)state;
    struct spares s;
    struct both b[AT_MOST + 10];
    spares_open(&s);
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < AT_MOST + 10; i++) {
            b[i] = both_of(&s);
            exchange(&b[i], i);
        }
        for (unsigned i = 0; i < AT_MOST + 10; i++)
            end_in_order(b[i].member, b[i].client);
        assert_int_equal(kept_after(&s, round * (AT_MOST + 10)), AT_MOST);
    }
    spares_close(&s);
}

static void they_are_closed_when_nobody_comes(void **state)
{
    (void)state;
    struct spares s;
    spares_open(&s);
    struct both b[3];
    for (unsigned i = 0; i < 3; i++)
        b[i] = both_of(&s);
    for (unsigned i = 0; i < 3; i++)
        end_in_order(b[i].client, b[i].member);
    assert_int_equal(kept_after(&s, 3), 3);
    WAIT_UNTIL(open_descriptors() == s.n_before);
    spares_close(&s);
}

static void one_that_was_reset_is_not_kept(void **state)
{
    (void)state;
    struct spares s;
    spares_open(&s);
    struct both b = both_of(&s);
    exchange(&b, 1);
    reset(b.member);
    hear_reset(b.client);
    close(b.client);
    assert_int_equal(kept_after(&s, 1), 0);
    b = both_of(&s);
    exchange(&b, 2);
    reset(b.client);
    hear_reset(b.member);
    close(b.member);
    assert_int_equal(kept_after(&s, 2), 0);
    spares_close(&s);
}

/* Its buffers may have grown with what it moved. */
static void one_that_moved_much_is_not_kept(void **state)
{
    (void)state;
    struct spares s;
    static char block[4096];
    spares_open(&s);
    for (unsigned i = 1; i <= 2; i++) {
        struct both b = both_of(&s);
        for (unsigned k = 0; k < 17; k++) {
            say(i == 1 ? b.client : b.member, block, sizeof block);
            hear(i == 1 ? b.member : b.client, block, sizeof block);
        }
        end_in_order(b.client, b.member);
        assert_int_equal(kept_after(&s, i), 0);
    }
    spares_close(&s);
}

/* One side has not ended, or neither: the kernel is to see to that. */
static void one_that_was_idle_is_not_kept(void **state)
{
    (void)state;
    struct spares s;
    world_open(&s.w);
    s.w.service.idle_timeout_ms = 200;
    spares_give(&s);
    for (unsigned i = 1; i <= 3; i++) {
        struct both b = both_of(&s);
        exchange(&b, i);
        if (i == 2)
            shutdown(b.client, SHUT_WR);
        if (i == 3)
            shutdown(b.member, SHUT_WR);
        hear_end(b.client);
        hear_end(b.member);
        WAIT_UNTIL(s.w.n_ended == i);
        assert_string_equal(s.w.last_end, "idle");
        close(b.client), close(b.member);
        assert_int_equal(kept_after(&s, i), 0);
    }
    spares_close(&s);
}

static void hears_nothing(int fd, bool on)
{
    struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog all = {.len = 1, .filter = drop};
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, on ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &all, sizeof all), 0);
}

/* The end is lost on its way to the member: the kernel is to send it again, whoever comes
 * meanwhile. */
static void an_end_that_was_lost_is_not_forgotten(void **state)
{
    (void)state;
    struct spares s;
    spares_open(&s);
    struct both a = both_of(&s);
    exchange(&a, 1);
    shutdown(a.member, SHUT_WR);
    hear_end(a.client);
    hears_nothing(a.member, true);
    close(a.client);
    WAIT_UNTIL(s.w.n_ended == 1);
    world_settle(&s.w);
    struct both b = both_of(&s);
    exchange(&b, 2);
    hears_nothing(a.member, false);
    hear_end(a.member);
    close(a.member);
    end_in_order(b.client, b.member);
    assert_int_equal(kept_after(&s, 2), 1);
    spares_close(&s);
}

static void wait_there(struct worker *worker, void *arg)
{
    (void)worker;
    while (sem_wait(arg) != 0)
        ;
}

/* All that happens while the worker is busy comes to it at once: the first connection's end, and
 * clients, of which it takes one in the first turn and two in the next, together with the news that
 * the first one's socket is closed now. With headers, those that they have taken over wait. */
static void come_late(const char *header)
{
    struct ip_prefix trusted = {.addr = loopback(), .len = 8};
    struct spares s;
    sem_t go;
    sem_init(&go, 0, 0);
    world_open(&s.w);
    s.w.service.proxy_accept = *header;
    s.w.service.proxy_trusted = &trusted;
    s.w.service.n_proxy_trusted = 1;
    spares_give(&s);
    for (unsigned i = 0; i < 10; i++) {
        struct both first = {.client = client_of(s.w.port)}, b[3];
        say(first.client, header, strlen(header));
        first.member = accepted(s.backend);
        exchange(&first, i);
        shutdown(first.member, SHUT_WR);
        hear_end(first.client);
        worker_post(s.w.worker, wait_there, &go);
        close(first.client);
        for (unsigned k = 0; k < 3; k++)
            b[k].client = client_of(s.w.port);
        sem_post(&go);
        hear_end(first.member);
        close(first.member);
        for (unsigned k = 0; k < 3; k++) {
            say(b[k].client, header, strlen(header));
            b[k].member = accepted(s.backend);
            for (unsigned again = 0; again < 3; again++)
                exchange(&b[k], k);
        }
        for (unsigned k = 0; k < 3; k++)
            end_in_order(b[k].client, b[k].member);
        assert_true(kept_after(&s, 4 * (i + 1)) <= 4);
    }
    spares_close(&s);
    sem_destroy(&go);
}

static void what_comes_late_is_not_the_next_ones(void **state)
{
    (void)state;
    come_late("");
    come_late("PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n");
}

/* All numbers up to the highest that is open are taken then; returns how many of these here. */
static unsigned leave_no_room(struct rlimit before, int fillers[1024])
{
    struct rlimit few = before;
    unsigned n = 0;
    few.rlim_cur = 1024;
    while (fcntl((int)few.rlim_cur - 1, F_GETFD) < 0)
        few.rlim_cur--;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 1024 && (fillers[n] = dup(0)) >= 0)
        n++;
    assert_true(n < 1024);
    return n;
}

/* Where descriptors are out, clients come before spares. */
static void they_keep_no_client_out(void **state)
{
    (void)state;
    struct spares s;
    struct rlimit before;
    struct both b[4];
    spares_open(&s);
    for (unsigned i = 0; i < 4; i++)
        b[i] = both_of(&s);
    for (unsigned i = 0; i < 4; i++)
        end_in_order(b[i].client, b[i].member);
    getrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(kept_after(&s, 4), 4);
    struct both last = {.client = client_of(s.w.port)};
    last.member = accepted(s.backend);
    exchange(&last, 5);
    assert_int_equal(open_descriptors() - s.n_before, 4 - 1 + 4);
    int next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(s.w.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fillers[1024];
    unsigned n_fillers = leave_no_room(before, fillers);
    assert_int_equal(connect(next, (struct sockaddr *)&to, sizeof to), 0);
    WAIT_UNTIL(world_result(&s.w, SERVICE_OK) == 6);
    assert_int_equal(world_result(&s.w, SERVICE_NO_ROOM), 1);
    setrlimit(RLIMIT_NOFILE, &before);
    while (n_fillers > 0)
        close(fillers[--n_fillers]);
    struct both b6 = {next, accepted(s.backend)};
    exchange(&b6, 6);
    end_in_order(b6.client, b6.member);
    end_in_order(last.client, last.member);
    WAIT_UNTIL(s.w.n_ended == 6);
    spares_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_socket_does_for_all),
        cmocka_unit_test(many_at_once_leave_no_more_than_are_kept),
        cmocka_unit_test(they_are_closed_when_nobody_comes),
        cmocka_unit_test(one_that_was_reset_is_not_kept),
        cmocka_unit_test(one_that_moved_much_is_not_kept),
        cmocka_unit_test(one_that_was_idle_is_not_kept),
        cmocka_unit_test(an_end_that_was_lost_is_not_forgotten),
        cmocka_unit_test(what_comes_late_is_not_the_next_ones),
        cmocka_unit_test(they_keep_no_client_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
