/* SPDX-License-Identifier: Apache-2.0
 * Sockets of services: one for each worker, kept while the address is, closed with the last hold.
 */
#include "l4/listeners.h"

#include "tests/unit/free_port.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct ip loopback(uint8_t last)
{
    return (struct ip){.family = IP_V4, .b = {127, 0, 0, last}};
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

static void kept_over_reloads(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    const struct l4_listen a[] = {{.addr = loopback(1), .port = free_port()},
                                  {.addr = loopback(2), .port = free_port()}};
    const struct l4_listen b[] = {{.addr = loopback(3), .port = free_port()}, a[1]};
    const struct l4_service first[] = {{.listens = a, .n_listens = 2},
                                       {.listens = a, .n_listens = 1, .udp = true}};
    const struct l4_service second[] = {{.listens = b, .n_listens = 2}};
    const struct l4_config before = {.services = first, .n_services = 2};
    const struct l4_config after = {.services = second, .n_services = 1};
    struct listeners *x = NULL, *y = NULL;
    assert_int_equal(listeners_open(&x, &before, 2, NULL, &diags), 0);
    const int *tcp = listeners_of(x, 0), *udp = listeners_of(x, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(is_open(tcp[i]));
        assert_int_equal(option(tcp[i], SOL_SOCKET, SO_ACCEPTCONN), 1);
        assert_int_equal(option(tcp[i], IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(option(tcp[i], SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option(tcp[i], SOL_SOCKET, SO_REUSEPORT), 1);
        assert_true(fcntl(tcp[i], F_GETFL) & O_NONBLOCK);
    }
    assert_int_equal(option(udp[1], SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    int gone = tcp[0], kept[] = {tcp[2], tcp[3]}, of_udp = udp[0];

    assert_int_equal(listeners_open(&y, &after, 2, x, &diags), 0);
    assert_int_equal(listeners_of(y, 0)[2], kept[0]);
    assert_int_equal(listeners_of(y, 0)[3], kept[1]);
    listeners_hold(x);
    listeners_release(x);
    assert_true(is_open(gone)); /* a plan has it */
    listeners_release(x);
    assert_false(is_open(gone));
    assert_false(is_open(of_udp));
    assert_true(is_open(kept[0]));
    listeners_release(y);
    assert_false(is_open(kept[0]));
    assert_int_equal(diags.n, 0);
    diags_free(&diags);
}

/* Each keeps its own, in whatever order they stand: those that differ by port alone, by address
 * alone, by family alone, by protocol alone. */
static void each_keeps_its_own(void **state)
{
    (void)state;
    enum { EACH = 7, ALL = 2 * EACH };
    struct diags diags;
    diags_init(&diags);
    const uint16_t one = free_port(), other = free_port();
    const struct ip six = {.family = IP_V6, .b = {[15] = 1}};
    const struct ip same_bytes = {.family = IP_V6, .b = {127, 0, 0, 9}}; /* as loopback(9) */
    const struct l4_listen places[EACH] = {
        {.addr = loopback(9), .port = one}, {.addr = loopback(1), .port = other},
        {.addr = loopback(5), .port = one}, {.addr = six, .port = one},
        {.addr = loopback(1), .port = one}, {.addr = loopback(5), .port = other},
        {.addr = same_bytes, .port = one},
    };
    struct l4_service first[ALL], second[ALL];
    for (unsigned i = 0; i < ALL; i++) {
        first[i] =
            (struct l4_service){.listens = &places[i % EACH], .n_listens = 1, .udp = i >= EACH};
        second[i * 5 % ALL] = first[i];
    }
    const struct l4_config before = {.services = first, .n_services = ALL};
    const struct l4_config after = {.services = second, .n_services = ALL};
    struct listeners *x = NULL, *y = NULL;
    assert_int_equal(listeners_open(&x, &before, 1, NULL, &diags), 0);
    assert_int_equal(listeners_open(&y, &after, 1, x, &diags), 0);
    for (uint32_t i = 0; i < ALL; i++)
        assert_int_equal(listeners_of(y, i * 5 % ALL)[0], listeners_of(x, i)[0]);
    listeners_release(x);
    listeners_release(y);
    diags_free(&diags);
}

static void all_errors_are_told_and_nothing_is_left(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    const struct l4_listen places[] = {{.addr = loopback(1), .port = free_port()},
                                       {.addr = loopback(1), .port = free_port()}};
    int taken[2];
    for (int i = 0; i < 2; i++) { /* without SO_REUSEPORT */
        struct sockaddr_storage sa;
        socklen_t n = ip_to_sockaddr(&sa, &places[i].addr, places[i].port);
        taken[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(taken[i], (struct sockaddr *)&sa, n), 0);
        assert_int_equal(listen(taken[i], 1), 0);
    }
    const struct l4_service service = {.listens = places, .n_listens = 2};
    const struct l4_config config = {.services = &service, .n_services = 1};
    struct listeners *x = NULL;
    int next = dup(0); /* the least that is free */
    close(next);
    assert_int_equal(listeners_open(&x, &config, 2, NULL, &diags), E_SYSTEM);
    assert_null(x);
    assert_int_equal(diags.n_errors, 2);
    assert_non_null(strstr(diags.v[1].text, "Address already in use"));
    int again = dup(0);
    assert_int_equal(again, next);
    close(again);
    close(taken[0]);
    close(taken[1]);
    diags_free(&diags);
}

/* Sends to 127.0.0.2 before anybody looks at the socket. */
static void send_to_second(uint16_t port)
{
    const struct ip second = loopback(2);
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &second, port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, n), 1);
    close(fd);
}

static void all_addresses_tell_which_was_asked(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    const struct l4_listen places[] = {{.addr = {.family = IP_V4}, .port = free_port()},
                                       {.addr = {.family = IP_V6}, .port = free_port()},
                                       {.addr = loopback(1), .port = free_port()}};
    const struct l4_service service = {.listens = places, .n_listens = 3, .udp = true};
    const struct l4_config config = {.services = &service, .n_services = 1};
    struct listeners *x = NULL;
    char byte;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    assert_int_equal(listeners_open(&x, &config, 1, NULL, &diags), 0);
    const int *fds = listeners_of(x, 0);
    send_to_second(places[0].port);
    assert_int_equal(recvmsg(fds[0], &m, 0), 1);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    assert_int_equal(ntohl(info.ipi_spec_dst.s_addr), INADDR_LOOPBACK + 1);
    assert_int_equal(option(fds[1], IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
    assert_int_equal(option(fds[2], IPPROTO_IP, IP_PKTINFO), 0); /* it costs, and tells nothing */
    listeners_release(x);
    diags_free(&diags);
}

/* An address that comes later, as one that VRRP moves: TEST-NET-1 is nobody's. */
static void an_address_that_is_not_there(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    const struct l4_listen place = {.addr = {.family = IP_V4, .b = {192, 0, 2, 1}}, .port = 8080};
    const struct l4_service service = {.listens = &place, .n_listens = 1};
    const struct l4_config config = {.services = &service, .n_services = 1};
    struct listeners *x = NULL;
    assert_int_equal(listeners_open(&x, &config, 1, NULL, &diags), 0);
    assert_int_equal(diags.n_warnings, 1);
    assert_non_null(strstr(diags.v[0].text, "has no address 192.0.2.1"));
    listeners_release(x);
    diags_free(&diags);
}

struct handed {
    struct handed_socket v[8];
    uint32_t n;
};

/* What another process would get: copies. */
static void hand(void *arg, const struct handed_socket *socket)
{
    struct handed *handed = arg;
    handed->v[handed->n] = *socket;
    handed->v[handed->n++].fd = dup(socket->fd);
}

static bool same_socket(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

/* Two workers here, `n` there: which sockets these get. */
static void hand_to(uint32_t n_workers, const struct l4_config *config, uint32_t width,
                    const uint32_t *tcp, uint32_t n_udp)
{
    struct diags diags;
    struct handed handed = {0};
    struct listeners *old = NULL, *new = NULL;
    diags_init(&diags);
    assert_int_equal(listeners_open(&old, config, 2, NULL, &diags), 0);
    listeners_each(old, hand, &handed);
    assert_int_equal(handed.n, 4);
    struct listeners *before = listeners_handed(handed.v, handed.n, n_workers);
    assert_int_equal(listeners_open(&new, config, n_workers, before, &diags), 0);
    listeners_release(before);
    assert_int_equal(listeners_width(new), width);
    for (uint32_t k = 0; k < width; k++)
        assert_true(same_socket(listeners_of(new, 0)[k], listeners_of(old, 0)[tcp[k]]));
    for (uint32_t k = 0; k < width; k++)
        assert_int_equal(listeners_of(new, 1)[k] >= 0, k < n_udp);
    listeners_complete(new, n_workers, &diags);
    for (uint32_t k = 0; k < n_workers; k++) {
        assert_int_equal(option(listeners_of(new, 1)[k], SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
        assert_int_equal(option(listeners_of(new, 1)[k], SOL_SOCKET, SO_REUSEPORT), 1);
    }
    assert_int_equal(diags.n, 0);
    int udp = listeners_of(old, 1)[0], left = listeners_of(old, 0)[0];
    listeners_leave(old);
    assert_false(is_open(left));
    assert_true(is_open(udp)); /* answers go by it */
    listeners_release(old);
    assert_int_equal(option(listeners_of(new, 0)[0], SOL_SOCKET, SO_ACCEPTCONN), 1);
    listeners_release(new);
    diags_free(&diags);
}

static void handed_on(void **state)
{
    (void)state;
    const struct l4_listen place = {.addr = loopback(1), .port = free_port()};
    const struct l4_service services[] = {{.listens = &place, .n_listens = 1},
                                          {.listens = &place, .n_listens = 1, .udp = true}};
    const struct l4_config config = {.services = services, .n_services = 2};
    int next = dup(0);
    close(next);
    hand_to(2, &config, 2, (const uint32_t[]){0, 1}, 2);
    hand_to(1, &config, 2, (const uint32_t[]){0, 1}, 2); /* none is left to nobody */
    hand_to(3, &config, 3, (const uint32_t[]){0, 1, 0}, 2);
    int again = dup(0);
    close(again);
    assert_int_equal(again, next);
}

/* Somebody else has the address to himself by then: they are told of, and nothing is lost. */
static void what_cannot_be_had(void **state)
{
    (void)state;
    struct diags diags;
    const struct l4_listen place = {.addr = loopback(1), .port = free_port()};
    const struct l4_service service = {.listens = &place, .n_listens = 1, .udp = true};
    const struct l4_config config = {.services = &service, .n_services = 1};
    struct listeners *ls = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* without SO_REUSEPORT */
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &place.addr, place.port);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    diags_init(&diags);
    const struct handed_socket handed = {place.addr, place.port, true, fd};
    struct listeners *before = listeners_handed(&handed, 1, 3);
    assert_int_equal(listeners_open(&ls, &config, 3, before, &diags), 0);
    listeners_release(before);
    listeners_complete(ls, 3, &diags);
    assert_int_equal(diags.n, 1);
    assert_int_equal(diags.n_warnings, 1);
    assert_non_null(strstr(diags.v[0].text, "1 of 3 workers"));
    assert_non_null(strstr(diags.v[0].text, "belong to another user"));
    assert_int_equal(listeners_of(ls, 0)[0], fd);
    assert_int_equal(listeners_of(ls, 0)[1], -1);
    listeners_release(ls);
    diags_free(&diags);
}

static void what_is_not_wanted_is_closed(void **state)
{
    (void)state;
    struct diags diags;
    struct handed handed = {0};
    struct listeners *old = NULL, *new = NULL;
    const struct l4_listen place = {.addr = loopback(1), .port = free_port()};
    const struct l4_service service = {.listens = &place, .n_listens = 1};
    const struct l4_config config = {.services = &service, .n_services = 1}, none = {0};
    diags_init(&diags);
    assert_int_equal(listeners_open(&old, &config, 2, NULL, &diags), 0);
    listeners_each(old, hand, &handed);
    struct listeners *before = listeners_handed(handed.v, handed.n, 2);
    assert_int_equal(listeners_open(&new, &none, 2, before, &diags), 0);
    listeners_release(before);
    assert_false(is_open(handed.v[0].fd));
    assert_int_equal(option(listeners_of(old, 0)[0], SOL_SOCKET, SO_ACCEPTCONN), 1);
    listeners_release(new);
    listeners_release(old);
    diags_free(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_over_reloads),
        cmocka_unit_test(each_keeps_its_own),
        cmocka_unit_test(all_errors_are_told_and_nothing_is_left),
        cmocka_unit_test(all_addresses_tell_which_was_asked),
        cmocka_unit_test(an_address_that_is_not_there),
        cmocka_unit_test(handed_on),
        cmocka_unit_test(what_cannot_be_had),
        cmocka_unit_test(what_is_not_wanted_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
