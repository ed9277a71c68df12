/* SPDX-License-Identifier: Apache-2.0
 * DNS load over UDP from one thread: closed loop, paced, or more than can be answered.
 *
 * One line of KEY=VALUE pairs is printed. Latency of a paced query counts from when it was due, so
 * that a stall is not hidden by the queries that could not be sent meanwhile. */
#include "account.h"
#include "queries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 64
#define BATCH_MAX 64
#define REPLY_MAX 1500
#define LATENCIES 512 /* buckets, 16 to an octave of nanoseconds */
#define WATCH_NS 10000000
#define EXPIRE_NS 5000000
#define SOCKET_BUFFER (8 << 20)

struct flight {
    uint64_t at_ns;
    uint8_t socket, busy;
};

struct stats {
    uint64_t sent, received, lost, stray, truncated, answers, rcode[16];
    uint64_t latency[LATENCIES], watched[LATENCIES];
};

/* From the moment that a reload is asked for, asks for name 0 again and again, and notes when its
 * address changes: the reload is done. Latencies in between are counted by themselves. */
struct watch {
    int fd;
    double after_s;
    int go;                                /* to the command that asks for it; -1: gone */
    uint64_t from_ns, next_ns, changed_ns; /* 0: not yet */
    uint32_t address;
};

struct load {
    const char *address;
    uint16_t port;
    uint32_t window, n_sockets, batch;
    double rate; /* queries a second; 0: as fast as they are answered */
    bool flood;  /* at that rate whatever is answered */
    bool watching;
    uint64_t timeout_ns;
    struct queries queries;
    int fd[SOCKETS_MAX];
    uint32_t in_flight[SOCKETS_MAX];
    struct flight flights[QUERY_IDS];
    uint16_t order[QUERY_IDS]; /* IDs as they were sent, for expiry */
    uint32_t order_head, order_tail, cursor;
    struct watch watch;
    struct stats stats;
};

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void die(const char *what)
{
    fprintf(stderr, "dnsload: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* --- latencies --- */

static uint32_t latency_bucket(uint64_t ns)
{
    if (ns < 16)
        return (uint32_t)ns;
    uint32_t exponent = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t i = (exponent - 3) * 16 + (uint32_t)(ns >> (exponent - 4) & 15);
    return i < LATENCIES ? i : LATENCIES - 1;
}

/* The upper end of the bucket that holds that share of the latencies. */
static double latency_us(const uint64_t latency[LATENCIES], double share)
{
    uint64_t total = 0, below = 0;
    for (uint32_t i = 0; i < LATENCIES; i++)
        total += latency[i];
    for (uint32_t i = 0; i < LATENCIES; i++) {
        below += latency[i];
        if (total && (double)below >= share * (double)total)
            return i < 16 ? i / 1e3 : (double)((17ull + i % 16) << (i / 16 - 1)) / 1e3;
    }
    return 0;
}

/* --- sockets --- */

static int open_socket(const struct load *l)
{
    struct sockaddr_storage to = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;
    socklen_t len = sizeof *v4;
    if (inet_pton(AF_INET, l->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(l->port);
    } else if (inet_pton(AF_INET6, l->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(l->port);
        len = sizeof *v6;
    }
    int buffer = SOCKET_BUFFER;
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die(l->address);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (connect(fd, (struct sockaddr *)&to, len) != 0)
        die(l->address);
    return fd;
}

/* Replies that came but found the sockets full. */
static uint64_t socket_drops(const struct load *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->n_sockets; i++) {
        uint32_t info[SK_MEMINFO_VARS] = {0};
        socklen_t len = sizeof info;
        if (getsockopt(l->fd[i], SOL_SOCKET, SO_MEMINFO, info, &len) == 0)
            sum += info[SK_MEMINFO_DROPS];
    }
    return sum;
}

/* --- receiving --- */

static void take_reply(struct load *l, uint32_t socket, const uint8_t *p, uint32_t len,
                       uint64_t now)
{
    struct stats *s = &l->stats;
    if (len < 12 || !(p[2] & 0x80)) {
        s->stray++;
        return;
    }
    struct flight *f = &l->flights[(uint32_t)p[0] << 8 | p[1]];
    if (!l->flood && (!f->busy || f->socket != socket)) {
        s->stray++;
        return;
    }
    s->received++;
    s->truncated += p[2] >> 1 & 1;
    s->rcode[p[3] & 15]++;
    s->answers += p[7];
    if (l->flood)
        return;
    f->busy = 0;
    l->in_flight[socket]--;
    uint32_t bucket = latency_bucket(now > f->at_ns ? now - f->at_ns : 0);
    s->latency[bucket]++;
    if (l->watching && now >= l->watch.from_ns && !l->watch.changed_ns)
        s->watched[bucket]++;
}

static bool receive(struct load *l, uint32_t socket)
{
    static uint8_t bytes[BATCH_MAX][REPLY_MAX];
    struct mmsghdr batch[BATCH_MAX];
    struct iovec vec[BATCH_MAX];
    for (uint32_t i = 0; i < l->batch; i++) {
        vec[i] = (struct iovec){bytes[i], REPLY_MAX};
        batch[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vec[i], .msg_iovlen = 1}};
    }
    int n = recvmmsg(l->fd[socket], batch, l->batch, MSG_DONTWAIT, NULL);
    uint64_t now = n > 0 ? now_ns() : 0;
    for (int i = 0; i < n; i++)
        take_reply(l, socket, bytes[i], batch[i].msg_len, now);
    return n > 0;
}

/* --- sending --- */

static void note_sent(struct load *l, uint32_t socket, uint32_t n, uint64_t start, uint64_t now)
{
    for (uint32_t i = 0; i < n; i++) {
        uint16_t id = (uint16_t)l->cursor;
        uint64_t due = start + (uint64_t)((double)(l->stats.sent + i) * 1e9 / l->rate);
        l->flights[id] = (struct flight){l->rate > 0 ? due : now, (uint8_t)socket, 1};
        l->order[l->order_head++ % QUERY_IDS] = id;
        if (++l->cursor == l->queries.n)
            l->cursor = 0;
    }
    l->in_flight[socket] += n;
    l->stats.sent += n;
}

static bool send_batch(struct load *l, uint32_t socket, uint32_t n, uint64_t start, uint64_t now)
{
    struct mmsghdr batch[BATCH_MAX];
    struct iovec vec[BATCH_MAX];
    if (n > l->queries.n - l->cursor)
        n = l->queries.n - l->cursor;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = l->cursor + i;
        vec[i] = (struct iovec){l->queries.bytes + (size_t)at * QUERY_STRIDE, l->queries.len[at]};
        batch[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vec[i], .msg_iovlen = 1}};
    }
    int sent = sendmmsg(l->fd[socket], batch, n, MSG_DONTWAIT);
    if (sent <= 0)
        return false;
    note_sent(l, socket, (uint32_t)sent, start, now);
    return true;
}

/* A run of equally long queries in one packet that the kernel cuts up as late as it can: a fraction
 * of the cost. Only for floods: the server's own cost is not the same with it. */
static bool send_segments(struct load *l, uint32_t socket, uint32_t n, uint64_t start, uint64_t now)
{
    struct iovec vec[BATCH_MAX];
    uint32_t len = l->queries.len[l->cursor], k = 0;
    while (k < n && l->cursor + k < l->queries.n && l->queries.len[l->cursor + k] == len) {
        vec[k] = (struct iovec){l->queries.bytes + (size_t)(l->cursor + k) * QUERY_STRIDE, len};
        k++;
    }
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr m = {
        .msg_iov = vec, .msg_iovlen = k, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP, UDP_SEGMENT};
    memcpy(CMSG_DATA(c), &(uint16_t){(uint16_t)len}, sizeof(uint16_t));
    if (sendmsg(l->fd[socket], &m, MSG_DONTWAIT) < 0)
        return false;
    note_sent(l, socket, k, start, now);
    return true;
}

static void expire(struct load *l, uint64_t now)
{
    for (; l->order_tail != l->order_head; l->order_tail++) {
        struct flight *f = &l->flights[l->order[l->order_tail % QUERY_IDS]];
        if (!f->busy)
            continue;
        if (!l->flood && now < f->at_ns + l->timeout_ns)
            return;
        f->busy = 0;
        l->in_flight[f->socket]--;
        l->stats.lost += !l->flood;
    }
}

/* How many to send from one socket now. */
static uint32_t due(const struct load *l, uint32_t socket, uint64_t start, uint64_t now)
{
    uint32_t share = (l->window + l->n_sockets - 1) / l->n_sockets;
    uint32_t room = l->flood ? l->batch : share - l->in_flight[socket];
    if (l->rate > 0) {
        double late = (double)(now - start) * 1e-9 * l->rate - (double)l->stats.sent;
        if (late < 1)
            return 0;
        room = late < room ? (uint32_t)late : room;
    } else if (room < ((share < l->batch ? share : l->batch) * 3 + 3) / 4) {
        return 0; /* refill in batches */
    }
    room = room < l->batch ? room : l->batch;
    while (!l->flood && room > 0 && l->flights[(l->cursor + room - 1) % QUERY_IDS].busy)
        room--;
    return room;
}

/* --- the run --- */

/* Ahead of time: on a core that is busy, starting a program takes milliseconds, from ourselves. */
static void watch_prepare(struct watch *w, const char *command)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)command, NULL};
    int pipe[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe2(pipe, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, pipe[0], STDIN_FILENO) != 0 ||
        posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ) != 0)
        die("/bin/sh");
    posix_spawn_file_actions_destroy(&actions);
    close(pipe[0]);
    w->go = pipe[1];
}

static void watch_begin(struct watch *w)
{
    (void)!write(w->go, "\n", 1);
    close(w->go);
    w->go = -1;
}

static void watch_poll(struct load *l, uint64_t now)
{
    uint8_t p[REPLY_MAX];
    struct watch *w = &l->watch;
    if (w->go >= 0 && now >= w->from_ns)
        watch_begin(w);
    ssize_t n = recv(w->fd, p, sizeof p, MSG_DONTWAIT);
    if (n > 12 && p[7] > 0) {
        uint32_t at = 12, address;
        while (at < (uint32_t)n && p[at])
            at += p[at] + 1u;
        at += 5 + 12; /* the question's end; owner as a pointer, type, class, TTL, length */
        if (at + sizeof address <= (uint32_t)n) {
            memcpy(&address, p + at, sizeof address);
            if (w->address && w->address != address && !w->changed_ns)
                w->changed_ns = now;
            w->address = address;
        }
    }
    if (now < w->next_ns || now + WATCH_NS < w->from_ns)
        return;
    w->next_ns = now + WATCH_NS;
    n = (ssize_t)queries_one(&l->queries, p, 0, (uint16_t)(now >> 20));
    (void)!send(w->fd, p, (size_t)n, MSG_DONTWAIT);
}

static void run(struct load *l, double seconds, uint64_t max)
{
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), next_expire = start;
    l->stats.sent = 0;
    l->watch.from_ns = start + (uint64_t)(l->watch.after_s * 1e9);
    for (uint64_t now = start; now < end && (!max || l->stats.sent < max); now = now_ns()) {
        for (uint32_t i = 0; i < l->n_sockets; i++) {
            receive(l, i);
            if (l->rate > 0)
                now = now_ns();
            uint32_t n = due(l, i, start, now);
            if (max && n > max - l->stats.sent)
                n = (uint32_t)(max - l->stats.sent);
            if (n > 0)
                (l->flood ? send_segments : send_batch)(l, i, n, start, now);
        }
        if (l->watching)
            watch_poll(l, now);
        if (now >= next_expire) {
            next_expire = now + EXPIRE_NS;
            expire(l, now);
        }
    }
}

static void drain(struct load *l)
{
    uint64_t now = now_ns(), end = now + l->timeout_ns;
    for (bool waiting = true; waiting && now < end; now = now_ns()) {
        waiting = false;
        for (uint32_t i = 0; i < l->n_sockets; i++) {
            receive(l, i);
            waiting |= l->in_flight[i] > 0;
        }
    }
    expire(l, UINT64_MAX - l->timeout_ns);
}

/* --- the report --- */

struct measured {
    struct stats stats;
    struct cpu_time cpu;
    double seconds, generator_s;
    uint64_t drops, changed_ns;
};

static void print_latencies(const char *prefix, const uint64_t latency[LATENCIES])
{
    printf(" %sp50_us=%.1f %sp99_us=%.1f %sp999_us=%.1f %smax_us=%.1f", prefix,
           latency_us(latency, .5), prefix, latency_us(latency, .99), prefix,
           latency_us(latency, .999), prefix, latency_us(latency, 1));
}

static void print(const struct measured *m, const struct account *a)
{
    const struct stats *s = &m->stats;
    double received = s->received ? (double)s->received : 1, run_s = (double)m->cpu.run_ns * 1e-9;
    double samples = (double)(a->user + a->kernel), user = samples ? (double)a->user / samples : 0;
    printf("qps=%.0f sent=%lu recv=%lu lost=%lu dropped=%lu secs=%.3f", received / m->seconds,
           s->sent, s->received, s->lost, m->drops, m->seconds);
    printf(" offered=%.0f answered=%.0f", (double)s->sent / m->seconds,
           (double)(s->received + m->drops) / m->seconds);
    printf(" cpu_ns=%.1f user_ns=%.1f samples=%.0f", run_s * 1e9 / received,
           user * run_s * 1e9 / received, samples);
    printf(" util=%.3f core_busy=%.3f gen_util=%.3f", run_s / m->seconds,
           m->cpu.core_all ? (double)m->cpu.core_busy / (double)m->cpu.core_all : 0,
           m->generator_s / m->seconds);
    print_latencies("", s->latency);
    print_latencies("watched_", s->watched);
    printf(" changed_ms=%.0f answers=%.3f tc=%lu stray=%lu", (double)m->changed_ns / 1e6,
           (double)s->answers / received, s->truncated, s->stray);
    for (uint32_t i = 0; i < 16; i++) {
        if (s->rcode[i])
            printf(" rcode%u=%lu", i, s->rcode[i]);
    }
    putchar('\n');
}

static struct measured measure(struct load *l, const struct account *a, double seconds,
                               uint64_t max)
{
    struct cpu_time before, after;
    uint64_t drops = socket_drops(l);
    memset(&l->stats, 0, sizeof l->stats);
    account_read(a, &before);
    uint64_t start = now_ns(), own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    run(l, seconds, max);
    if (max)
        drain(l);
    double took = (double)(now_ns() - start) * 1e-9;
    double generator = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own) * 1e-9;
    account_read(a, &after);
    struct measured m = {
        l->stats,
        {after.run_ns - before.run_ns, after.core_busy - before.core_busy,
         after.core_all - before.core_all},
        took,
        generator,
        socket_drops(l) - drops,
        l->watch.changed_ns > l->watch.from_ns ? l->watch.changed_ns - l->watch.from_ns : 0};
    if (!max)
        drain(l); /* what is still under way is not lost */
    m.stats.lost = l->stats.lost;
    return m;
}

static const char usage[] =
    "usage: dnsload -q PATTERN -c COUNT [options]\n"
    "  -a ADDRESS -p PORT  the server (127.0.0.1, 53)\n"
    "  -q PATTERN -c COUNT names, printf's way, of numbers below COUNT: -q h%04u.test -c 10000\n"
    "  -n N                queries built before the run (65536)\n"
    "  -e                  EDNS;  -E 4|6|mix: with a random client subnet each, /24 or /56\n"
    "  -w N -s N -b N      queries in flight (128), sockets (8), to a system call (32)\n"
    "  -r QPS              paced;  -o: at that rate whatever is answered\n"
    "  -t S -W S           measured time (2), warm-up (0.3);  -N N: N queries instead\n"
    "  -T S                lost after (0.2)\n"
    "  -m S                from S seconds on, watch for another address of name 0;\n"
    "  -M COMMAND          which this should bring about: it gets a line as its input then\n"
    "  -P PID,... -C CORE  the server's processes and core, to account for\n"
    "  -S SEED             of names and subnets (1)\n";

struct options {
    double seconds, warm_up;
    uint64_t max;
    const char *command;
};

static void parse(int argc, char **argv, struct load *l, struct account *a, struct options *o)
{
    for (int c; (c = getopt(argc, argv, "a:p:q:c:n:eE:w:s:b:r:ot:W:N:T:m:M:P:C:S:")) != -1;) {
        switch (c) {
        case 'a':
            l->address = optarg;
            break;
        case 'p':
            l->port = (uint16_t)atoi(optarg);
            break;
        case 'q':
            l->queries.pattern = optarg;
            break;
        case 'c':
            l->queries.n_names = (uint32_t)atoi(optarg);
            break;
        case 'n':
            l->queries.n = (uint32_t)atoi(optarg);
            break;
        case 'e':
            l->queries.edns = 1;
            break;
        case 'E':
            l->queries.ecs = *optarg == '4' ? ECS_V4 : *optarg == '6' ? ECS_V6 : ECS_MIX;
            break;
        case 'w':
            l->window = (uint32_t)atoi(optarg);
            break;
        case 's':
            l->n_sockets = (uint32_t)atoi(optarg);
            break;
        case 'b':
            l->batch = (uint32_t)atoi(optarg);
            break;
        case 'r':
            l->rate = atof(optarg);
            break;
        case 'o':
            l->flood = true;
            break;
        case 't':
            o->seconds = atof(optarg);
            break;
        case 'W':
            o->warm_up = atof(optarg);
            break;
        case 'N':
            o->max = strtoull(optarg, NULL, 10);
            break;
        case 'T':
            l->timeout_ns = (uint64_t)(atof(optarg) * 1e9);
            break;
        case 'm':
            l->watching = true;
            l->watch.after_s = atof(optarg);
            break;
        case 'M':
            o->command = optarg;
            break;
        case 'P':
            account_pids(a, optarg);
            break;
        case 'C':
            a->core = atoi(optarg);
            break;
        case 'S':
            l->queries.seed = strtoull(optarg, NULL, 10);
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (!l->queries.pattern || !l->queries.n_names || !l->queries.n || !l->n_sockets ||
        l->n_sockets > SOCKETS_MAX || !l->batch || l->batch > BATCH_MAX || !l->window ||
        l->window >= QUERY_IDS || (l->queries.n > QUERY_IDS && l->queries.n % QUERY_IDS) ||
        (l->flood && l->rate <= 0)) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct load l = {.watch.go = -1,
                            .address = "127.0.0.1",
                            .port = 53,
                            .window = 128,
                            .n_sockets = 8,
                            .batch = 32,
                            .timeout_ns = 200000000,
                            .queries = {.seed = 1, .n = QUERY_IDS}};
    struct account a = {.core = -1};
    struct options o = {.seconds = 2, .warm_up = 0.3};
    parse(argc, argv, &l, &a, &o);
    queries_build(&l.queries);
    for (uint32_t i = 0; i < l.n_sockets; i++)
        l.fd[i] = open_socket(&l);
    l.watch.fd = open_socket(&l);
    if (o.max)
        o.warm_up = 0, o.seconds = 3600;
    if (o.warm_up > 0)
        run(&l, o.warm_up, 0);
    if (o.command)
        watch_prepare(&l.watch, o.command);
    struct measured m = measure(&l, &a, o.seconds, o.max);
    if (!o.max && !l.flood && account_sample_start(&a)) {
        run(&l, o.seconds, 0);
        account_sample_stop(&a);
        drain(&l);
    }
    print(&m, &a);
    return 0;
}
