/* SPDX-License-Identifier: Apache-2.0
 * Loads for the TCP side, and a probe of the UDP side beside them. Prints one JSON object.
 *
 *     stream_load pipeline PORT SECONDS CONNS DEPTH NAMES   DEPTH queries under way on each
 *     stream_load churn    PORT SECONDS CONNS               connect, one query, answer, close
 *     stream_load connect  PORT SECONDS CONNS               connect, nothing, reset
 *     stream_load probe    PORT SECONDS RATE NAMES          paced UDP queries: loss and latency
 *
 * Queries are for A of hNNNNNNN.big.test, NNNNNNN drawn below NAMES. Connections come from 250
 * addresses of 127.1.0.0/24. Everything ends after SECONDS. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/rng.h"
#include "base/vec.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUERY_LEN 46     /* 12 + 8hNNNNNNN3big4test + 4 + OPT */
#define HEAD_LEN (2 + 8) /* of a response: its length, ID, flags, QDCOUNT, ANCOUNT */
#define READ_MAX 65536
#define DEPTH_MAX 1024
#define SOURCES 250
#define PROBE_WAIT_NS 500000000 /* unanswered for this long: lost */

enum mode { PIPELINE, CHURN, CONNECT };

struct conn {
    int fd;
    unsigned under_way;
    size_t have; /* bytes of the response that is under way, its length included */
    uint8_t head[HEAD_LEN];
};

static struct {
    enum mode mode;
    uint16_t port;
    unsigned depth;
    uint32_t names, source;
    int epoll_fd;
    struct rng rng;
    uint64_t answered, wrong, opened, failed;
} load = {.names = 1, .depth = 1};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/** Writes a query without the length in front. */
static void make_query(uint8_t *q, uint16_t id, uint32_t number)
{
    static const uint8_t rest[] = "\3big\4test\0\0\1\0\1\0\0\51\4\320\0\0\0\0\0";
    memset(q, 0, 12);
    store_u16(q, id);
    q[5] = q[11] = 1;
    q[12] = 8;
    q[13] = 'h';
    for (unsigned i = 0; i < 7; i++, number /= 10)
        q[20 - i] = (uint8_t)('0' + number % 10);
    memcpy(q + 21, rest, QUERY_LEN - 21);
}

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
}

/** NOERROR, with one record. */
static bool is_right(const uint8_t *response)
{
    return (response[3] & 15) == 0 && load_u16(response + 6) == 1;
}

/* Connections. */

static void conn_open(struct conn *c)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, load.port);
    struct sockaddr_in from = address(0x7f010001 + load.source++ % SOURCES, 0);
    int one = 1;
    *c = (struct conn){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0)
        die("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
        die("epoll_ctl");
    load.opened++;
}

/** Resets it (no TIME_WAIT, which would use up the ports), and opens the next in its place. */
static void conn_again(struct conn *c, bool well)
{
    struct linger now = {.l_onoff = 1};
    load.failed += !well;
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c->fd);
    conn_open(c);
}

static bool conn_fill(struct conn *c)
{
    static uint8_t out[DEPTH_MAX * (2 + QUERY_LEN)];
    uint8_t *p = out;
    for (; c->under_way < load.depth; c->under_way++, p += 2 + QUERY_LEN) {
        store_u16(p, QUERY_LEN);
        make_query(p + 2, (uint16_t)rng_next(&load.rng), rng_below(&load.rng, load.names));
    }
    return p == out || send(c->fd, out, (size_t)(p - out), MSG_NOSIGNAL) == p - out;
}

/** Counts the responses that end in p[0..n). */
static void conn_take(struct conn *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        if (c->have < HEAD_LEN) {
            c->head[c->have++] = *p++;
            n--;
            continue;
        }
        size_t left = 2u + load_u16(c->head) - c->have, take = left < n ? left : n;
        c->have += take;
        p += take;
        n -= take;
        if (take == left) {
            c->have = 0;
            c->under_way--;
            load.answered++;
            load.wrong += !is_right(c->head + 2);
        }
    }
}

static void conn_event(struct conn *c, uint32_t events)
{
    static uint8_t in[READ_MAX];
    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_again(c, false);
        return;
    }
    if (load.mode == CONNECT) {
        conn_again(c, true);
        return;
    }
    uint64_t before = load.answered;
    for (ssize_t n; (n = recv(c->fd, in, sizeof in, 0)) >= 0;) {
        if (n == 0) {
            conn_again(c, false);
            return;
        }
        conn_take(c, in, (size_t)n);
    }
    if (load.mode == CHURN && load.answered > before)
        conn_again(c, true);
    else if (c->under_way <= load.depth / 2 && !conn_fill(c))
        conn_again(c, false);
}

static void run_conns(unsigned n, int64_t end_ns)
{
    struct conn *conns = xcalloc(n, sizeof *conns);
    struct epoll_event events[64];
    load.epoll_fd = epoll_create1(0);
    for (unsigned i = 0; i < n; i++)
        conn_open(&conns[i]);
    int64_t start = now_ns();
    while (now_ns() < end_ns) {
        int k = epoll_wait(load.epoll_fd, events, 64, 100);
        for (int i = 0; i < k; i++)
            conn_event(events[i].data.ptr, events[i].events);
    }
    printf("{\"answered\": %lu, \"wrong\": %lu, \"opened\": %lu, \"failed\": %lu, "
           "\"seconds\": %.3f}\n",
           load.answered, load.wrong, load.opened, load.failed, (double)(now_ns() - start) / 1e9);
    free(conns);
}

/* The probe. */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct probe {
    int fd;
    int64_t sent_ns[65536];
    VEC(uint32_t) latency_ns;
    uint64_t sent;
};

/** Takes answers until then. Blocks in between: give it a real-time priority, so that what it
 *  measures is the server's delay rather than its own. */
static void probe_receive(struct probe *p, int64_t until_ns)
{
    uint8_t in[2048];
    for (int64_t left; (left = until_ns - now_ns()) > 0;) {
        struct pollfd fd = {.fd = p->fd, .events = POLLIN};
        struct timespec wait = {left / 1000000000, left % 1000000000};
        ppoll(&fd, 1, &wait, NULL);
        for (ssize_t n; (n = recv(p->fd, in, sizeof in, MSG_DONTWAIT)) >= 12;) {
            int64_t *sent = &p->sent_ns[load_u16(in)], took = now_ns() - *sent;
            if (*sent && took < PROBE_WAIT_NS && is_right(in))
                *vec_push(&p->latency_ns) = (uint32_t)took;
            *sent = 0;
        }
    }
}

static double percentile_us(struct probe *p, double share)
{
    size_t n = p->latency_ns.n;
    return n ? p->latency_ns.v[(size_t)(share * (double)(n - 1))] / 1000.0 : 0;
}

static void run_probe(unsigned rate, int64_t end_ns)
{
    struct probe *p = xcalloc(1, sizeof *p);
    struct sockaddr_in to = address(INADDR_LOOPBACK, load.port);
    uint8_t query[QUERY_LEN];
    p->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("probe");
    for (int64_t at = now_ns(); at < end_ns; at += 1000000000 / rate) {
        probe_receive(p, at);
        uint16_t id = (uint16_t)p->sent++;
        make_query(query, id, rng_below(&load.rng, load.names));
        p->sent_ns[id] = now_ns();
        send(p->fd, query, sizeof query, 0);
    }
    probe_receive(p, now_ns() + PROBE_WAIT_NS);
    qsort(p->latency_ns.v, p->latency_ns.n, sizeof *p->latency_ns.v, compare);
    printf("{\"sent\": %lu, \"lost\": %lu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
           "\"max_us\": %.1f}\n",
           p->sent, p->sent - p->latency_ns.n, percentile_us(p, 0.5), percentile_us(p, 0.99),
           percentile_us(p, 0.999), percentile_us(p, 1));
}

static unsigned number(char **argv, int argc, int i, unsigned max)
{
    unsigned n = i < argc ? (unsigned)strtoul(argv[i], NULL, 10) : 0;
    if (n < 1 || n > max) {
        fprintf(stderr, "stream_load: see the head of its source\n");
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    rng_init(&load.rng);
    load.port = (uint16_t)number(argv, argc, 2, 65535);
    int64_t end_ns = now_ns() + number(argv, argc, 3, 600) * INT64_C(1000000000);
    if (strcmp(mode, "probe") == 0) {
        load.names = number(argv, argc, 5, 10000000);
        run_probe(number(argv, argc, 4, 1000000), end_ns);
        return 0;
    }
    if (strcmp(mode, "pipeline") == 0) {
        load.depth = number(argv, argc, 5, DEPTH_MAX);
        load.names = number(argv, argc, 6, 10000000);
    } else {
        load.mode = strcmp(mode, "churn") == 0 ? CHURN : CONNECT;
    }
    run_conns(number(argv, argc, 4, 20000), end_ns);
    return 0;
}
