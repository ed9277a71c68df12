/* SPDX-License-Identifier: Apache-2.0
 * Connections by destination, as this kernel counts them: another process has some, so have we. */
#include "base/clock.h"
#include "base/vec.h"
#include "drive/sock_diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct drive {
    uv_loop_t loop;
};

uv_loop_t *drive_loop(struct drive *drive)
{
    return &drive->loop;
}

static struct drive drive;
static struct sock_diag *diag;

#define COUNTS_MAX 4096
static struct {
    bool done;
    int error;
    uint32_t counts[COUNTS_MAX], n;
    bool closes;
} saw;

static void on_counts(void *ctx, int error, const uint32_t *counts)
{
    (void)ctx;
    assert_false(saw.done);
    assert_int_equal(error != 0, counts == NULL);
    saw.done = true;
    saw.error = error;
    if (counts)
        memcpy(saw.counts, counts, saw.n * sizeof *counts);
    if (saw.closes) {
        sock_diag_close(diag);
        diag = NULL;
    }
}

static void count(const struct sock_dest *of, uint32_t n, bool udp)
{
    int64_t deadline = clock_mono_ms() + 30000;
    saw.done = false;
    saw.n = n;
    sock_diag_count(diag, of, n, udp, on_counts, NULL);
    assert_false(saw.done);
    while (!saw.done) {
        assert_true(clock_mono_ms() < deadline);
        if (uv_run(&drive.loop, UV_RUN_NOWAIT) && !saw.done)
            poll(NULL, 0, 1);
    }
    assert_int_equal(saw.error, 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&saw, 0, sizeof saw);
    uv_loop_init(&drive.loop);
    diag = sock_diag_open(&drive);
    assert_non_null(diag);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (diag)
        sock_diag_close(diag);
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&drive.loop), 0);
    return 0;
}

/* ---- who is connected ---- */

static int listener(struct sock_dest *dest, const char *addr, int type)
{
    struct sockaddr_storage at;
    struct ip ip;
    assert_int_equal(ip_parse(&ip, addr), 0);
    socklen_t n = ip_to_sockaddr(&at, &ip, 0);
    int fd = socket(at.ss_family, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    dest->addr = ip_from_sockaddr((struct sockaddr *)&at, &dest->port);
    return fd;
}

static int connected(const struct sock_dest *dest, int type)
{
    struct sockaddr_storage at;
    socklen_t n = ip_to_sockaddr(&at, &dest->addr, dest->port);
    int fd = socket(at.ss_family, type, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&at, n) == 0 ? fd : -1;
}

/* A process that has `n` connections, the first of them closed on its side, until it is told to
 * end.
 */
struct other {
    pid_t pid;
    int end;
};

static struct other other_has(const struct sock_dest *dest, unsigned n, int type, bool half)
{
    int end[2], ready[2];
    struct other other;
    char byte;
    assert_int_equal(pipe(end), 0);
    assert_int_equal(pipe(ready), 0);
    other.pid = fork();
    assert_true(other.pid >= 0);
    if (other.pid == 0) {
        close(end[1]);
        for (unsigned i = 0; i < n; i++) {
            int fd = connected(dest, type);
            if (fd < 0 || (half && i == 0 && shutdown(fd, SHUT_WR) != 0))
                _exit(1);
        }
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        _exit(read(end[0], &byte, 1) != 1);
    }
    close(ready[1]);
    close(end[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    other.end = end[1];
    return other;
}

static void other_ends(struct other *other)
{
    int status;
    assert_int_equal(write(other->end, "", 1), 1);
    close(other->end);
    assert_int_equal(waitpid(other->pid, &status, 0), other->pid);
    assert_int_equal(status, 0);
}

static void counts_others_and_not_us(void **state)
{
    (void)state;
    struct sock_dest of[3] = {{.port = 0}};
    int fds[2] = {listener(&of[0], "127.0.0.1", SOCK_STREAM), listener(&of[1], "::1", SOCK_STREAM)};
    int ours[2] = {connected(&of[0], SOCK_STREAM), connected(&of[1], SOCK_STREAM)};
    of[2] = (struct sock_dest){of[0].addr, (uint16_t)(of[0].port ^ 1)};
    assert_true(ours[0] >= 0 && ours[1] >= 0);
    count(of, 3, false);
    assert_int_equal(saw.counts[0], 0);
    assert_int_equal(saw.counts[1], 0);
    struct other four = other_has(&of[0], 3, SOCK_STREAM, false);
    struct other six = other_has(&of[1], 2, SOCK_STREAM, false);
    count(of, 3, false);
    assert_int_equal(saw.counts[0], 3);
    assert_int_equal(saw.counts[1], 2);
    assert_int_equal(saw.counts[2], 0);
    other_ends(&four);
    count(of, 2, true);
    assert_int_equal(saw.counts[0], 0);
    assert_int_equal(saw.counts[1], 2);
    other_ends(&six);
    for (unsigned i = 0; i < 2; i++)
        close(fds[i]), close(ours[i]);
}

/* It may still be sending the answer to whoever is done with asking. */
static void counts_what_is_half_closed(void **state)
{
    (void)state;
    struct sock_dest of;
    int fd = listener(&of, "127.0.0.1", SOCK_STREAM);
    struct other other = other_has(&of, 2, SOCK_STREAM, true);
    count(&of, 1, false);
    assert_int_equal(saw.counts[0], 2);
    poll(NULL, 0, 200); /* its end is acknowledged late: FIN_WAIT2 */
    count(&of, 1, false);
    assert_int_equal(saw.counts[0], 2);
    other_ends(&other);
    count(&of, 1, false);
    assert_int_equal(saw.counts[0], 0);
    close(fd);
}

static void counts_datagram_sockets_when_asked(void **state)
{
    (void)state;
    struct sock_dest of;
    int fd = listener(&of, "127.0.0.1", SOCK_DGRAM);
    struct other other = other_has(&of, 2, SOCK_DGRAM, false);
    count(&of, 1, false);
    assert_int_equal(saw.counts[0], 0);
    count(&of, 1, true);
    assert_int_equal(saw.counts[0], 2);
    other_ends(&other);
    close(fd);
}

/* Whatever stands before and behind it, and however many there are: by address, by port, by none.
 */
static void finds_it_among_many(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 16, 17, 64, 65, 4000};
    struct sock_dest real, *of = xcalloc(4000, sizeof *of);
    int fd = listener(&real, "127.0.0.1", SOCK_STREAM);
    struct other other = other_has(&real, 2, SOCK_STREAM, false);
    for (unsigned ports = 0; ports < 2; ports++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            uint32_t n = sizes[s], step = n < 20 ? 1 : n / 3;
            for (uint32_t at = 0; at < n; at += step) {
                for (uint32_t i = 0; i < n; i++)
                    of[i] = (struct sock_dest){{{10, 1, (uint8_t)(i >> 8), (uint8_t)i}, IP_V4},
                                               ports ? (uint16_t)(1 + i) : real.port};
                of[at] = real;
                count(of, n, false);
                for (uint32_t i = 0; i < n; i++)
                    assert_int_equal(saw.counts[i], i == at ? 2 : 0);
            }
        }
    }
    other_ends(&other);
    close(fd);
    free(of);
}

static void gives_equal_ones_the_same(void **state)
{
    (void)state;
    struct sock_dest of[4];
    int fd = listener(&of[1], "127.0.0.1", SOCK_STREAM);
    of[0] = of[2] = (struct sock_dest){{{10, 0, 0, 1}, IP_V4}, 9};
    of[3] = of[1];
    struct other other = other_has(&of[1], 3, SOCK_STREAM, false);
    count(of, 4, false);
    assert_int_equal(saw.counts[0], 0);
    assert_int_equal(saw.counts[1], 3);
    assert_int_equal(saw.counts[2], 0);
    assert_int_equal(saw.counts[3], 3);
    other_ends(&other);
    close(fd);
}

static void answers_of_nothing(void **state)
{
    (void)state;
    count(NULL, 0, true);
}

static void may_be_closed_at_any_time(void **state)
{
    (void)state;
    const struct sock_dest of = {{{127, 0, 0, 1}, IP_V4}, 1};
    saw.closes = true;
    count(&of, 1, false);
    assert_null(diag);
    diag = sock_diag_open(&drive);
    assert_non_null(diag);
    saw.done = false;
    sock_diag_count(diag, &of, 1, false, on_counts, NULL);
    sock_diag_close(diag);
    diag = NULL;
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_false(saw.done);
}

/* ---- the filter, run as the kernel does (inet_diag_bc_run()) ---- */

static bool accepts(const struct buf *filter, const struct ip *addr, uint16_t port)
{
    int64_t left = (int64_t)filter->n;
    const char *at = filter->p;
    while (left > 0) {
        struct inet_diag_bc_op op;
        struct inet_diag_hostcond condition;
        bool yes = false;
        memcpy(&op, at, sizeof op);
        if (op.code == INET_DIAG_BC_D_COND) {
            memcpy(&condition, at + sizeof op, sizeof condition);
            int family = addr->family == IP_V4 ? AF_INET : AF_INET6;
            yes = condition.port == port &&
                  (condition.prefix_len == 0 ||
                   (condition.family == family && memcmp(at + sizeof op + sizeof condition, addr->b,
                                                         condition.prefix_len / 8u) == 0));
        } else {
            assert_int_equal(op.code, INET_DIAG_BC_JMP);
        }
        left -= yes ? op.yes : op.no;
        at += yes ? op.yes : op.no;
    }
    return left == 0;
}

static void filters_by_address_or_port(void **state)
{
    (void)state;
    struct sock_dest of[100] = {{.port = 0}};
    const struct ip elsewhere = {{10, 9, 9, 9}, IP_V4};
    for (uint32_t n = 1; n <= 100; n++) {
        struct buf filter = {0};
        uint32_t n_ports = n > 64 ? 2 : n;
        for (uint32_t i = 0; i < n; i++) {
            of[i].addr = (struct ip){{10, 0, 0, (uint8_t)i}, i % 3 ? IP_V4 : IP_V6};
            of[i].port = (uint16_t)(1000 + i % n_ports);
        }
        sock_diag_filter(&filter, of, n);
        assert_true(filter.n > 0);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(accepts(&filter, &of[i].addr, of[i].port));
            assert_false(accepts(&filter, &of[i].addr, (uint16_t)(of[i].port + 500)));
            assert_int_equal(accepts(&filter, &elsewhere, of[i].port), n > 16);
        }
        buf_free(&filter);
    }
    struct buf none = {0};
    for (uint32_t i = 0; i < 100; i++)
        of[i].port = (uint16_t)(1000 + i);
    sock_diag_filter(&none, of, 100);
    assert_int_equal(none.n, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_others_and_not_us),           TEST(counts_what_is_half_closed),
        TEST(counts_datagram_sockets_when_asked), TEST(finds_it_among_many),
        TEST(gives_equal_ones_the_same),          TEST(answers_of_nothing),
        TEST(may_be_closed_at_any_time),          cmocka_unit_test(filters_by_address_or_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
