/* SPDX-License-Identifier: Apache-2.0
 * Loads for forwarders, on 127.0.0.1. Prints one JSON object.
 *
 *     l4_load new   PORT SECONDS CONNS        connect, GET, answer, end: CONNS at a time
 *     l4_load keep  PORT SECONDS CONNS        GET on connections that stay
 *     l4_load paced PORT SECONDS CONNS RATE   the same, RATE a second
 *     l4_load fresh PORT SECONDS CONNS RATE   new ones, RATE a second
 *     l4_load bulk  PORT SECONDS STREAMS      reads what comes
 *     l4_load udp   PORT SECONDS FLOWS        64 bytes and back, WINDOW under way
 *     l4_load idle  PORT COUNT                opens them, a byte and back on each; then waits
 *     l4_load stop  PORT COUNT                opens them, reads nothing; then waits
 *
 * The answer of an HTTP server has to end in an empty line and "ok". Latency counts from when a
 * request was due, so that a server that stalls cannot hide what it delays (coordinated omission).
 * `cpu_s` is what the whole machine worked meanwhile, whoever for (/proc/stat). idle and stop print
 * how many are open, and end with standard input. */
#include "base/vec.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define GRACE_NS INT64_C(2000000000) /* for what is under way at the end */
#define CHUNK 131072
#define DATAGRAM 64
#define WINDOW 256
#define LOST_MS 100 /* nothing came for so long: what was under way is lost */
#define SOURCES 250 /* addresses, from 127.1.0.1 */
#define FLOW_PORT 1024

struct conn {
    int fd;
    bool asked; /* the request is on its way */
    int64_t due_ns;
    size_t n;
    char in[1024];
};

static struct {
    bool fresh; /* a connection for each request */
    uint16_t port;
    unsigned rate; /* 0: as fast as it goes */
    int epoll_fd;
    int64_t begin_ns, end_ns;
    uint64_t due, failed; /* requests that were due */
    VEC(struct conn *) idle;
    VEC(uint32_t) latency_us; /* of each that was answered */
} load;

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

/** Seconds that all cores together have worked (proc(5): all but idle, iowait, guests). */
static double cpu_s(void)
{
    unsigned long long user, nice, system, idle, iowait, irq, softirq;
    FILE *file = fopen("/proc/stat", "r");
    if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                        &idle, &iowait, &irq, &softirq) != 7)
        die("/proc/stat");
    fclose(file);
    return (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
}

/** Connected, or (flags: SOCK_NONBLOCK) about to be. -1: not (errno). */
static int dial(int flags)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, load.port);
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), one = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

static void watch(int fd, uint32_t events, void *what)
{
    struct epoll_event e = {.events = events, .data.ptr = what};
    if (epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl");
}

/* ---- requests ---- */

/** For a connection that stays: at the beginning, and after an error. */
static void conn_stay(struct conn *c)
{
    c->fd = dial(0);
    if (c->fd < 0)
        die("connect");
    watch(c->fd, EPOLLIN, c);
}

static void conn_close(struct conn *c)
{
    close(c->fd);
    c->fd = -1;
}

static void conn_done(struct conn *c, bool well)
{
    if (well)
        *vec_push(&load.latency_us) = (uint32_t)((now_ns() - c->due_ns) / 1000);
    else
        load.failed++;
    if (load.fresh && c->fd >= 0)
        conn_close(c);
    if (!load.fresh && !well) {
        conn_close(c);
        conn_stay(c);
    }
    *vec_push(&load.idle) = c;
}

static void conn_ask(struct conn *c)
{
    static const char stay[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                      once[] = "GET / HTTP/1.0\r\n\r\n";
    const char *text = load.fresh ? once : stay;
    ssize_t n = load.fresh ? sizeof once - 1 : sizeof stay - 1;
    c->asked = true;
    if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        conn_done(c, false);
}

static void conn_begin(struct conn *c, int64_t due_ns)
{
    c->due_ns = due_ns;
    c->n = 0;
    c->asked = false;
    if (!load.fresh) {
        conn_ask(c);
        return;
    }
    c->fd = dial(SOCK_NONBLOCK);
    if (c->fd < 0)
        conn_done(c, false);
    else
        watch(c->fd, EPOLLIN | EPOLLOUT | EPOLLET, c);
}

static bool is_whole(const struct conn *c)
{
    return c->n >= 6 && memcmp(c->in + c->n - 6, "\r\n\r\nok", 6) == 0;
}

static void conn_read(struct conn *c)
{
    ssize_t n;
    do {
        n = recv(c->fd, c->in + c->n, sizeof c->in - c->n, MSG_DONTWAIT);
        c->n += n > 0 ? (size_t)n : 0;
    } while (n > 0 && load.fresh);
    if (n < 0 && errno == EAGAIN)
        return;
    if (load.fresh || n <= 0)
        conn_done(c, n == 0 && load.fresh && is_whole(c));
    else if (is_whole(c))
        conn_done(c, true);
}

static void conn_event(struct conn *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (!c->asked && (events & EPOLLOUT) && !(events & EPOLLERR))
        conn_ask(c);
    else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        conn_read(c);
}

static int64_t next_due_ns(void)
{
    return load.begin_ns + (load.rate ? (int64_t)load.due * 1000000000 / load.rate : 0);
}

/** Those that are due; each for which no connection is left waits, and its latency counts. Failed
 *  ones are idle again at once: no more than there were are begun. */
static void begin_due(int64_t now)
{
    for (size_t n = load.idle.n; n > 0 && next_due_ns() <= now && now < load.end_ns; n--) {
        struct conn *c = load.idle.v[--load.idle.n];
        int64_t due_ns = load.rate ? next_due_ns() : now;
        load.due++;
        conn_begin(c, due_ns);
    }
}

static void wait_and_see(int64_t now)
{
    struct epoll_event events[EVENTS];
    int64_t left = load.rate && load.idle.n > 0 ? next_due_ns() - now : 1000000;
    struct timespec wait = {.tv_nsec = left < 0 ? 0 : left > 1000000 ? 1000000 : left};
    int n = epoll_pwait2(load.epoll_fd, events, EVENTS, &wait, NULL);
    for (int i = 0; i < n; i++)
        conn_event(events[i].data.ptr, events[i].events);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile_us(double share)
{
    size_t n = load.latency_us.n;
    return n ? load.latency_us.v[(size_t)(share * (double)(n - 1))] : 0;
}

static void run_requests(unsigned n, unsigned seconds)
{
    struct conn *conns = xcalloc(n, sizeof *conns);
    for (unsigned i = 0; i < n; i++) {
        conns[i].fd = -1;
        if (!load.fresh)
            conn_stay(&conns[i]);
        *vec_push(&load.idle) = &conns[i];
    }
    double cpu = cpu_s();
    int64_t now = load.begin_ns = now_ns();
    load.end_ns = now + seconds * INT64_C(1000000000);
    for (; now < load.end_ns || (load.idle.n < n && now < load.end_ns + GRACE_NS); now = now_ns()) {
        begin_due(now);
        wait_and_see(now);
    }
    cpu = cpu_s() - cpu;
    qsort(load.latency_us.v, load.latency_us.n, sizeof *load.latency_us.v, compare);
    printf("{\"n\": %zu, \"failed\": %lu, \"seconds\": %.4f, \"cpu_s\": %.2f, \"p50_us\": %u, "
           "\"p99_us\": %u}\n",
           load.latency_us.n, load.failed + (n - load.idle.n), (double)(now - load.begin_ns) / 1e9,
           cpu, percentile_us(0.5), percentile_us(0.99));
}

/* ---- bulk ---- */

static void run_bulk(unsigned n, unsigned seconds)
{
    static uint8_t in[CHUNK];
    struct epoll_event events[EVENTS];
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        int fd = dial(0);
        if (fd < 0)
            die("connect");
        watch(fd, EPOLLIN, (void *)(intptr_t)fd);
    }
    double cpu = cpu_s();
    int64_t begin = now_ns(), end = begin + seconds * INT64_C(1000000000);
    while (now_ns() < end) {
        int k = epoll_wait(load.epoll_fd, events, EVENTS, 100);
        for (int i = 0; i < k; i++) {
            ssize_t got = recv((int)(intptr_t)events[i].data.ptr, in, sizeof in, MSG_DONTWAIT);
            if (got == 0)
                die("a stream has ended");
            bytes += got > 0 ? (uint64_t)got : 0;
        }
    }
    printf("{\"n\": %.6f, \"failed\": 0, \"seconds\": %.4f, \"cpu_s\": %.2f}\n",
           (double)bytes / 1e9, (double)(now_ns() - begin) / 1e9, cpu_s() - cpu);
}

/* ---- datagrams ---- */

struct flows {
    int *fds;
    unsigned n, next, under_way;
    uint64_t answered, lost;
};

static void send_some(struct flows *f)
{
    static const uint8_t datagram[DATAGRAM];
    for (; f->under_way < WINDOW; f->under_way++) {
        send(f->fds[f->next], datagram, sizeof datagram, MSG_DONTWAIT);
        f->next = f->next + 1 < f->n ? f->next + 1 : 0;
    }
}

static void exchange(struct flows *f)
{
    struct epoll_event events[EVENTS];
    uint8_t in[DATAGRAM];
    send_some(f);
    int k = epoll_wait(load.epoll_fd, events, EVENTS, LOST_MS);
    for (int i = 0; i < k; i++) {
        if (recv((int)(intptr_t)events[i].data.ptr, in, sizeof in, MSG_DONTWAIT) != DATAGRAM)
            continue;
        f->answered++;
        f->under_way -= f->under_way > 0;
    }
    if (k == 0) {
        f->lost += f->under_way;
        f->under_way = 0;
    }
}

/** Of the same address and port in each run, so that forwarders do not keep those of runs before as
 *  well. Ports are below those that the kernel gives out where the range is as l4.py sets it. */
static int flow_socket(unsigned nth)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, load.port);
    struct sockaddr_in from =
        address(0x7f010001 + nth % SOURCES, (uint16_t)(FLOW_PORT + nth / SOURCES));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("socket");
    return fd;
}

/** The first datagram of each flow is not measured. */
static void run_udp(unsigned n, unsigned seconds)
{
    struct flows f = {.fds = xcalloc(n, sizeof(int)), .n = n};
    for (unsigned i = 0; i < n; i++) {
        f.fds[i] = flow_socket(i);
        watch(f.fds[i], EPOLLIN, (void *)(intptr_t)f.fds[i]);
    }
    int64_t end = now_ns() + 5 * INT64_C(1000000000);
    while (f.answered < n && now_ns() < end)
        exchange(&f);
    f.answered = f.lost = 0;
    double cpu = cpu_s();
    int64_t begin = now_ns();
    end = begin + seconds * INT64_C(1000000000);
    while (now_ns() < end)
        exchange(&f);
    printf("{\"n\": %lu, \"failed\": %lu, \"seconds\": %.4f, \"cpu_s\": %.2f}\n", f.answered,
           f.lost, (double)(now_ns() - begin) / 1e9, cpu_s() - cpu);
}

/* ---- connections that are open ---- */

/** A connection from one of many addresses, so that ports suffice; a reset ends it. */
static int dial_from(unsigned nth)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, load.port);
    struct sockaddr_in from = address(0x7f010001 + nth % SOURCES, 0);
    struct timeval most = {.tv_sec = 60}; /* an emulated machine stands still at times */
    struct linger none = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool is_through(int fd)
{
    char byte = 'x';
    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static void run_open(unsigned count, bool talks)
{
    unsigned n = 0;
    for (; n < count; n++) {
        int fd = dial_from(n);
        if (fd < 0 || (talks && !is_through(fd)))
            break;
    }
    printf("{\"n\": %u}\n", n);
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

static unsigned number(char **argv, int argc, int i, unsigned max)
{
    unsigned n = i < argc ? (unsigned)strtoul(argv[i], NULL, 10) : 0;
    if (n < 1 || n > max) {
        fprintf(stderr, "l4_load: see the head of its source\n");
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    prctl(PR_SET_TIMERSLACK, 1); /* ns: what is due is sent then */
    load.epoll_fd = epoll_create1(0);
    load.port = (uint16_t)number(argv, argc, 2, 65535);
    if (strcmp(mode, "idle") == 0 || strcmp(mode, "stop") == 0) {
        run_open(number(argv, argc, 3, 1000000), mode[0] == 'i');
        return 0;
    }
    unsigned seconds = number(argv, argc, 3, 600), n = number(argv, argc, 4, 50000);
    load.fresh = strcmp(mode, "new") == 0 || strcmp(mode, "fresh") == 0;
    if (strcmp(mode, "paced") == 0 || strcmp(mode, "fresh") == 0)
        load.rate = number(argv, argc, 5, 1000000);
    if (strcmp(mode, "bulk") == 0)
        run_bulk(n, seconds);
    else if (strcmp(mode, "udp") == 0)
        run_udp(n, seconds);
    else
        run_requests(n, seconds);
    return 0;
}
