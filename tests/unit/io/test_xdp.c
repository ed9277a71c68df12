/* SPDX-License-Identifier: Apache-2.0
 * The XDP program, run by the kernel on frames of our making; and a queue on a veth pair, end to
 * end, with frames sent and received at its other end. Needs root: it makes a network namespace of
 * its own, and is skipped where the kernel lets it not. */
#include "base/arena.h"
#include "base/rng.h"
#include "io/ethernet.h"
#include "io/netif.h"
#include "io/xdp_program.h"
#include "io/xdp_queue.h"
#include "snapshot/publish.h"
#include "tests/unit/io/frames.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define OUR_VLAN 123 /* the one of frames.h */
#define SKIPPED 77   /* automake's exit code for it */

/** Sends the query back with QR set. */
void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    (void)snapshot;
    for (unsigned i = 0; i < n; i++) {
        struct answer_packet *p = &packets[i];
        p->response_len = p->query[2] & 0x80 ? 0 : p->query_len;
        memcpy(p->response, p->query, p->query_len);
        p->response[2] |= 0x80;
        ctx->stats.queries[0]++;
    }
}

static void settle(struct xdp_program *p)
{
    struct xdp_settings settings = {0};
    struct xdp_listen v4 = {.port_be = htons(53), .family = 4}, v6 = v4;
    v6.family = 6;
    memcpy(v4.addr, ours, 4);
    memcpy(v6.addr, ours6, 16);
    memcpy(settings.mac, our_mac, sizeof settings.mac);
    settings.vlan[OUR_VLAN / 8] |= 1 << OUR_VLAN % 8;
    assert_int_equal(xdp_program_set(p, &settings), 0);
    assert_int_equal(xdp_program_listen(p, &v4), 0);
    assert_int_equal(xdp_program_listen(p, &v6), 0);
}

static void must_run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* Verdicts. */

struct verdicts {
    struct xdp_program program;
    int socket;
};

static int start_verdicts(void **state)
{
    struct verdicts *v = xcalloc(1, sizeof *v);
    assert_int_equal(xdp_program_attach(&v->program, if_nametoindex("lo"), false, true), 0);
    settle(&v->program);
    v->socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    assert_true(v->socket >= 0);
    assert_int_equal(xdp_program_set_socket(&v->program, 0, v->socket), 0);
    *state = v;
    return 0;
}

static int end_verdicts(void **state)
{
    struct verdicts *v = *state;
    close(v->socket);
    xdp_program_detach(&v->program);
    free(v);
    return 0;
}

static unsigned verdict(const struct verdicts *v, const uint8_t *frame, uint32_t n)
{
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = n, .repeat = 1);
    struct bpf_program *p = bpf_object__find_program_by_name(v->program.object, "loadstar");
    assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(p), &run), 0);
    return run.retval;
}

static void takes_queries(void **state)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        uint8_t p[2048];
        struct shape s = {.v6 = bits & 1, .vlan = bits & 2, .partial_checksum = bits & 4};
        for (s.len = 12; s.len <= 1400; s.len += 61)
            assert_int_equal(verdict(*state, p, build(p, &s)), XDP_REDIRECT);
    }
}

/* What is done to a query that is the stack's then; offsets are those without a VLAN tag. */
struct damage {
    const char *what;
    bool v6, vlan;
    uint16_t at;
    uint8_t value;
};

static const struct damage damages[] = {
    {"another MAC address", false, false, 5, 9},
    {"broadcast", false, false, 0, 0xff},
    {"ARP", false, false, 13, 6},
    {"another VLAN", false, true, 15, 9},
    {"no VLAN: a priority tag", false, true, 15, 0},
    {"two tags", false, true, 16, 0x81},
    {"IP options", false, false, 14, 0x46},
    {"IP version", false, false, 14, 0x55},
    {"more fragments", false, false, 20, 0x20},
    {"a later fragment", false, false, 21, 1},
    {"TCP", false, false, 23, 6},
    {"ICMP", false, false, 23, 1},
    {"a loopback source", false, false, 26, 127},
    {"a source in 0.0.0.0/8", false, false, 26, 0},
    {"a multicast source", false, false, 26, 224},
    {"a broadcast source", false, false, 26, 255},
    {"another address", false, false, 33, 2},
    {"another port", false, false, 37, 54},
    {"a total length below the header's", false, false, 17, 19},
    {"a UDP length beyond the packet", false, false, 38, 1},
    {"a UDP length without room for a header", false, false, 39, 19},
    {"IPv6: extension header", true, false, 20, 0},
    {"IPv6: fragment", true, false, 20, 44},
    {"IPv6: TCP", true, false, 20, 6},
    {"IPv6: version", true, false, 14, 0x40},
    {"IPv6: a multicast source", true, false, 22, 0xff},
    {"IPv6: another address", true, false, 53, 2},
    {"IPv6: another port", true, false, 57, 54},
    {"IPv6: a UDP length beyond the packet", true, false, 58, 1},
};

static void passes_everything_else(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        const struct damage *d = &damages[i];
        uint8_t p[2048];
        const struct shape s = {.v6 = d->v6, .vlan = d->vlan, .len = 40};
        uint32_t n = build(p, &s);
        assert_int_equal(verdict(*state, p, n), XDP_REDIRECT);
        p[d->at] = d->value;
        if (d->vlan && d->at == 15)
            p[14] = 0;
        if (d->at == 39)
            p[38] = 0;
        if (verdict(*state, p, n) != XDP_PASS)
            fail_msg("%s was taken", d->what);
    }
}

static void passes_a_source_port_of_zero(void **state)
{
    uint8_t p[2048];
    const struct shape s = {.len = 40};
    uint32_t n = build(p, &s);
    store_u16(p + 34, 0);
    assert_int_equal(verdict(*state, p, n), XDP_PASS);
}

static void passes_ipv6_without_a_checksum(void **state)
{
    uint8_t p[2048];
    const struct shape v6 = {.v6 = true, .no_checksum = true, .len = 40};
    const struct shape v4 = {.no_checksum = true, .len = 40};
    assert_int_equal(verdict(*state, p, build(p, &v6)), XDP_PASS);
    assert_int_equal(verdict(*state, p, build(p, &v4)), XDP_REDIRECT);
}

static void passes_what_is_cut_or_too_long(void **state)
{
    uint8_t p[4096];
    struct shape s = {.vlan = true, .len = 12};
    uint32_t n = build(p, &s);
    for (uint32_t k = ETHER_HDR_LEN; k < n - s.len; k++) /* the kernel runs nothing shorter */
        assert_int_equal(verdict(*state, p, k), XDP_PASS);
    s.len = XDP_FILTER_FRAME_MAX - (n - s.len);
    assert_int_equal(verdict(*state, p, build(p, &s)), XDP_REDIRECT);
    s.len++;
    assert_int_equal(verdict(*state, p, build(p, &s)), XDP_PASS);
}

static void passes_queues_without_a_socket_and_forgets_addresses(void **state)
{
    const struct verdicts *v = *state;
    struct xdp_program program = v->program;
    uint8_t p[2048];
    const struct shape s = {.len = 40};
    uint32_t n = build(p, &s);
    struct xdp_listen v4 = {.port_be = htons(53), .family = 4};
    memcpy(v4.addr, ours, 4);
    assert_int_equal(xdp_program_unlisten(&program, &v4), 0);
    assert_int_equal(verdict(v, p, n), XDP_PASS);
    assert_int_equal(xdp_program_listen(&program, &v4), 0);
    assert_int_equal(verdict(v, p, n), XDP_REDIRECT);
    uint32_t queue = 0;
    assert_int_equal(bpf_map_delete_elem(program.sockets_fd, &queue), 0);
    assert_int_equal(verdict(v, p, n), XDP_PASS);
    assert_int_equal(xdp_program_set_socket(&program, 0, v->socket), 0);
}

/* Whatever bytes come, it passes or takes them; the verifier has seen to the rest. */
static void noise_is_passed_or_taken(void **state)
{
    struct rng rng = {.state = 5};
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t p[2048];
        struct shape s = {.v6 = round & 1, .vlan = round & 2, .len = 12 + round % 50};
        uint32_t n = build(p, &s);
        for (unsigned i = 0; i < 2; i++)
            p[12 + rng_below(&rng, n - 12)] = (uint8_t)rng_next(&rng);
        uint32_t left = ETHER_HDR_LEN + rng_below(&rng, n - ETHER_HDR_LEN + 1);
        unsigned got = verdict(*state, p, left);
        assert_true(got == XDP_PASS || got == XDP_REDIRECT);
    }
}

/* A queue. */

struct wire {
    struct xdp_program program;
    struct xdp_queue *queue;
    int other_end; /* a packet socket */
};

static int open_other_end(void)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct timeval tv = {.tv_sec = 2};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    at.sll_ifindex = (int)if_nametoindex("wire1");
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &(int){1}, sizeof(int)), 0);
    return fd;
}

static int start_wire(void **state)
{
    struct wire *w = xcalloc(1, sizeof *w);
    struct arena *arena = arena_new();
    struct snapshot *s = arena_calloc(arena, 1, sizeof *s);
    s->arena = arena;
    publish_snapshot(s);
    must_run("ip link add wire0 address 02:01:01:01:01:01 type veth peer name wire1 && "
             "ip link set wire0 up && ip link set wire1 up");
    assert_int_equal(xdp_program_attach(&w->program, if_nametoindex("wire0"), true, false), 0);
    settle(&w->program);
    assert_int_equal(xdp_queue_open(&w->queue, "wire0", 0, false), 0);
    assert_int_equal(xdp_queue_start(w->queue, NULL, 0, -1), 0);
    assert_int_equal(xdp_program_set_socket(&w->program, 0, xdp_queue_fd(w->queue)), 0);
    w->other_end = open_other_end();
    *state = w;
    return 0;
}

static int end_wire(void **state)
{
    struct wire *w = *state;
    struct io_stats stats = {0};
    xdp_program_detach(&w->program);
    xdp_queue_close(w->queue, &stats);
    close(w->other_end);
    must_run("ip link del wire0");
    free(w);
    return 0;
}

/** A query's frame; its checksum is the partial one, which does not depend on the message. */
static uint32_t build_query(uint8_t *p, struct shape s)
{
    s.partial_checksum = true;
    uint32_t n = build(p, &s);
    p[n - s.len + 2] = 0; /* no response */
    return n;
}

/** The next frame from us to them, and its VLAN tag, which the stack has taken out; 0: none.
 *  Returns the frame's length, 0: nothing came. */
static uint32_t receive_answer(const struct wire *w, uint8_t *p, size_t max, uint16_t *tag)
{
    union {
        struct cmsghdr align;
        uint8_t b[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    for (;;) {
        struct iovec iov = {p, max};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(w->other_end, &h, 0);
        if (n <= 0)
            return 0;
        if (memcmp(p, their_mac, 6) != 0 || memcmp(p + 6, our_mac, 6) != 0)
            continue;
        struct tpacket_auxdata aux;
        assert_non_null(CMSG_FIRSTHDR(&h));
        memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof aux);
        *tag = aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : 0;
        return (uint32_t)n;
    }
}

static void check_exchange(const struct wire *w, const struct shape *s)
{
    uint8_t query[2048], answer[2048];
    uint16_t tag;
    struct ethernet_query f;
    uint32_t n = build_query(query, *s);
    assert_int_equal(send(w->other_end, query, n, 0), n);
    uint32_t got = receive_answer(w, answer, sizeof answer, &tag);
    assert_true(got > 0);
    assert_int_equal(tag, s->vlan ? load_u16(query + 14) : 0);
    assert_true(ethernet_parse(&f, answer, got));
    assert_int_equal(f.message_len, s->len);
    assert_memory_equal(f.source.b, s->v6 ? ours6 : ours, s->v6 ? 16 : 4);
    assert_int_equal(answer[f.message_at + 2], 0x80);
    assert_memory_equal(answer + f.message_at + 3, query + n - s->len + 3, s->len - 3);
}

static void answers_on_the_wire(void **state)
{
    for (unsigned bits = 0; bits < 4; bits++) {
        struct shape s = {.v6 = bits & 1, .vlan = bits & 2};
        for (s.len = 12; s.len <= 1232; s.len += 61)
            check_exchange(*state, &s);
    }
}

/* More than all rings and slots hold, so that every slot goes round several times. */
static void slots_go_round(void **state)
{
    struct wire *w = *state;
    struct io_stats before = {0}, after = {0};
    uint8_t query[2048], bad[2048], response[2048], answer[2048];
    const struct shape s = {.v6 = true, .len = 40};
    uint16_t tag;
    uint32_t n = build_query(query, s);
    memcpy(bad, query, n);
    bad[n - s.len - 1] ^= 1; /* the checksum */
    memcpy(response, query, n);
    response[n - s.len + 2] = 0x80;
    xdp_queue_stats(w->queue, &before);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(send(w->other_end, bad, n, 0), n);
        assert_int_equal(send(w->other_end, response, n, 0), n);
        assert_int_equal(send(w->other_end, query, n, 0), n);
        assert_true(receive_answer(w, answer, sizeof answer, &tag) > 0);
    }
    xdp_queue_stats(w->queue, &after);
    assert_int_equal(after.xdp_received - before.xdp_received, 30000);
    assert_int_equal(after.xdp_sent - before.xdp_sent, 10000);
    assert_int_equal(after.xdp_invalid - before.xdp_invalid, 10000);
    assert_int_equal(after.xdp_kernel_drops, before.xdp_kernel_drops);
}

/* What the kernel knows of the pair. */
static void interfaces_are_read(void **state)
{
    (void)state;
    struct netif n;
    assert_int_equal(netif_read(&n, "wire0"), 0);
    assert_int_equal(n.index, if_nametoindex("wire0"));
    assert_int_equal(n.mtu, 1500);
    assert_int_equal(n.queues, 1);
    assert_memory_equal(n.mac, our_mac, 6);
    assert_int_equal(netif_read(&n, "nosuch0"), E_SYSTEM);
    assert_int_equal(errno, ENODEV);
}

static void addresses_are_found_and_watched(void **state)
{
    (void)state;
    struct ip *v, wanted;
    int watch = netif_watch();
    assert_true(watch >= 0);
    must_run("ip addr add 10.98.7.1/24 dev wire0 && ip addr add 127.9.9.9/8 dev lo");
    char byte;
    assert_true(recv(watch, &byte, 1, MSG_PEEK) > 0);
    netif_watched(watch);
    assert_int_equal(recv(watch, &byte, 1, MSG_PEEK), -1);
    close(watch);
    size_t n = netif_addresses(&v), found = 0;
    assert_int_equal(ip_parse(&wanted, "10.98.7.1"), 0);
    for (size_t i = 0; i < n; i++) {
        found += ip_equal(&v[i], &wanted);
        assert_true(v[i].family == IP_V6 || v[i].b[0] != 127);
        assert_false(v[i].family == IP_V6 && v[i].b[0] == 0xfe);
    }
    assert_int_equal(found, 1);
    free(v);
}

int main(void)
{
    struct xdp_program program;
    if (unshare(CLONE_NEWNET) != 0 || system("ip link set lo up") != 0 ||
        xdp_program_attach(&program, if_nametoindex("lo"), false, true) != 0) {
        printf("skipped: no network namespace or no XDP to be had: %s\n", strerror(errno));
        return SKIPPED;
    }
    xdp_program_detach(&program);
    const struct CMUnitTest verdicts[] = {
        cmocka_unit_test(takes_queries),
        cmocka_unit_test(passes_everything_else),
        cmocka_unit_test(passes_a_source_port_of_zero),
        cmocka_unit_test(passes_ipv6_without_a_checksum),
        cmocka_unit_test(passes_what_is_cut_or_too_long),
        cmocka_unit_test(passes_queues_without_a_socket_and_forgets_addresses),
        cmocka_unit_test(noise_is_passed_or_taken),
    };
    const struct CMUnitTest queues[] = {
        cmocka_unit_test(answers_on_the_wire),
        cmocka_unit_test(slots_go_round),
        cmocka_unit_test(interfaces_are_read),
        cmocka_unit_test(addresses_are_found_and_watched),
    };
    int failed = cmocka_run_group_tests(verdicts, start_verdicts, end_verdicts);
    failed += cmocka_run_group_tests(queues, start_wire, end_wire);
    publish_shutdown();
    return failed;
}
