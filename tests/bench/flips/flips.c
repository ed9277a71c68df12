/* SPDX-License-Identifier: Apache-2.0
 * Endpoints that flip, and answers held against what they really were.
 *
 *     flips [options] PORT BACKEND_PORT POOLS ENDPOINTS_OF_EACH
 *
 * One thread is the back end of all endpoints, 127.1.0.0 onwards: endpoint i is 127.1.0.0 + i, in
 * pool i / ENDPOINTS_OF_EACH. With -f it answers each HTTP probe of an endpoint with the opposite
 * of what it said before, else always with 200. Another thread asks for the pools,
 * p00000.flips.test onwards, and holds each answer against that: an answer is wrong when it has an
 * endpoint that had been told to be down more than 100 ms before the query was sent, or one of
 * another pool. A third floods the server with queries whose answers nobody reads. One line of
 * KEY=VALUE is printed. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ADDRESS 0x7f010000u
#define QUERY_BYTES 35 /* header 12, name 7 + 6 + 5 + 1, type and class 4 */
#define LAG_MAX_NS 100000000u
#define LAGS 4096 /* buckets of 0.1 ms */
#define SEGMENTS 64
#define FLOOD_SOCKETS 32

struct run {
    uint16_t port, backend_port;
    uint32_t n_pools, per_pool;
    double rate, flood, seconds, warm_up;
    bool flips;
    const char *pid_file; /* of the server, written once it runs */
    int pid;
    atomic_bool stop, measuring;
    _Atomic(uint64_t) *truth; /* by endpoint: when it was told, in ns, << 1 | whether up */
    atomic_ulong probes, flood_sent;
    uint64_t asked, answered, empty, alien, wrong, seen_down, lag[LAGS];
};

static struct run run;

static void die(const char *what)
{
    fprintf(stderr, "flips: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* --- the back end --- */

/** Says 200 or 503 for the endpoint that the connection was made to. */
static void reply(int fd)
{
    struct sockaddr_in self;
    socklen_t n = sizeof self;
    if (getsockname(fd, (struct sockaddr *)&self, &n) != 0)
        return;
    uint32_t endpoint = ntohl(self.sin_addr.s_addr) - FIRST_ADDRESS;
    if (endpoint >= run.n_pools * run.per_pool)
        return;
    bool up = !run.flips || !(atomic_load(&run.truth[endpoint]) & 1);
    const char *text = up ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                          : "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n";
    atomic_store(&run.truth[endpoint], now_ns() << 1 | up);
    if (write(fd, text, strlen(text)) < 0)
        return;
    atomic_fetch_add(&run.probes, 1);
}

static void accept_all(int poll, int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
    }
}

static int open_backend(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(run.backend_port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0 || listen(fd, 4096) != 0)
        die("back end");
    return fd;
}

static void *backend(void *arg)
{
    int listener = *(int *)arg, poll = epoll_create1(0);
    struct epoll_event events[256], e = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
    while (!atomic_load(&run.stop)) {
        int n = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < n; i++) {
            char request[2048];
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(poll, listener);
            else if (read(fd, request, sizeof request) > 0)
                reply(fd);
            else
                close(fd);
        }
    }
    return NULL;
}

/* --- queries --- */

/** A query for a pool's name, always as long. Returns its length. */
static size_t write_query(uint8_t *out, uint16_t id, uint32_t pool)
{
    static const uint8_t head[12] = {[5] = 1};
    char name[8];
    memcpy(out, head, sizeof head);
    out[0] = (uint8_t)(id >> 8), out[1] = (uint8_t)id;
    snprintf(name, sizeof name, "p%05u", pool % 100000);
    memcpy(out + 12, "\6", 1);
    memcpy(out + 13, name, 6);
    memcpy(out + 19, "\5flips\4test\0\0\1\0\1", 16);
    return QUERY_BYTES;
}

static int open_udp(int receive_buffer)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(run.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    return fd;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec t = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/** Sends what a rate asks for, segments of one buffer: a call for 64 of them. */
static void *flood(void *arg)
{
    int fds[FLOOD_SOCKETS], segment = QUERY_BYTES;
    uint64_t random = 1, begin = now_ns(), sent = 0;
    uint8_t buffer[SEGMENTS * QUERY_BYTES];
    (void)arg;
    for (int i = 0; i < FLOOD_SOCKETS; i++) {
        fds[i] = open_udp(1);
        if (setsockopt(fds[i], IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0)
            die("UDP_SEGMENT");
    }
    for (uint64_t turn = 0; !atomic_load(&run.stop); turn++) {
        size_t n = 0;
        for (int i = 0; i < SEGMENTS; i++)
            n += write_query(buffer + n, (uint16_t)i, next_random(&random) % run.n_pools);
        if (send(fds[turn % FLOOD_SOCKETS], buffer, n, 0) > 0)
            atomic_fetch_add(&run.flood_sent, SEGMENTS);
        sent += SEGMENTS;
        uint64_t due = begin + (uint64_t)((double)sent * 1e9 / run.flood);
        if (due > now_ns() + 200000)
            sleep_until(due);
    }
    return NULL;
}

/* --- answers --- */

/** Holds one address of an answer against the truth. */
static void judge(uint32_t pool, uint32_t address, uint64_t sent_ns)
{
    uint32_t endpoint = address - FIRST_ADDRESS;
    if (endpoint / run.per_pool != pool) {
        run.alien++;
        return;
    }
    uint64_t truth = atomic_load(&run.truth[endpoint]);
    if (truth & 1 || truth >> 1 >= sent_ns || truth >> 1 == 0)
        return;
    uint64_t lag = sent_ns - (truth >> 1), bucket = lag / 100000;
    run.seen_down++;
    run.wrong += lag > LAG_MAX_NS;
    run.lag[bucket < LAGS ? bucket : LAGS - 1]++;
}

static void read_answer(const uint8_t *p, size_t n, uint32_t pool, uint64_t sent_ns)
{
    unsigned records = n >= QUERY_BYTES ? (unsigned)(p[6] << 8 | p[7]) : 0;
    run.answered++;
    run.empty += records == 0;
    for (size_t at = QUERY_BYTES; records > 0 && at + 16 <= n; at += 16, records--)
        judge(pool,
              (uint32_t)p[at + 12] << 24 | (uint32_t)p[at + 13] << 16 | (uint32_t)p[at + 14] << 8 |
                  p[at + 15],
              sent_ns);
}

static void *ask(void *arg)
{
    static uint64_t sent_ns[65536];
    static uint32_t pool_of[65536];
    int fd = open_udp(1 << 20);
    uint64_t random = 7, begin = now_ns();
    (void)arg;
    for (uint64_t turn = 0; !atomic_load(&run.stop); turn++) {
        uint8_t packet[1500];
        uint16_t id = (uint16_t)turn;
        for (ssize_t n; (n = recv(fd, packet, sizeof packet, MSG_DONTWAIT)) > 0;) {
            uint16_t of = (uint16_t)(packet[0] << 8 | packet[1]);
            if (atomic_load(&run.measuring))
                read_answer(packet, (size_t)n, pool_of[of], sent_ns[of]);
        }
        pool_of[id] = next_random(&random) % run.n_pools;
        size_t n = write_query(packet, id, pool_of[id]);
        sent_ns[id] = now_ns();
        if (send(fd, packet, n, 0) > 0 && atomic_load(&run.measuring))
            run.asked++;
        sleep_until(begin + (uint64_t)((double)turn * 1e9 / run.rate));
    }
    return NULL;
}

/* --- figures --- */

struct usage {
    uint64_t at_ns, datagrams, answers_read, udp_ns, control_ns, reclaim_ns, other_ns;
};

/** UDP datagrams that programs in this network namespace have read. */
static uint64_t datagrams_read(void)
{
    char line[512];
    uint64_t n = 0;
    FILE *file = fopen("/proc/self/net/snmp", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Udp: %lu", &n) == 1)
            break;
    if (file)
        fclose(file);
    return n;
}

static bool read_word(char *out, size_t n, const char *id, const char *what)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task/%s/%s", run.pid, id, what);
    FILE *file = fopen(path, "r");
    bool ok = file && fgets(out, (int)n, file);
    if (file)
        fclose(file);
    return ok;
}

static struct usage measure(void)
{
    struct usage u = {.at_ns = now_ns(), .datagrams = datagrams_read()};
    char path[64], name[64], stat[128];
    u.answers_read = run.answered;
    snprintf(path, sizeof path, "/proc/%d/task", run.pid);
    DIR *dir = run.pid ? opendir(path) : NULL;
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !read_word(name, sizeof name, e->d_name, "comm") ||
            !read_word(stat, sizeof stat, e->d_name, "schedstat"))
            continue;
        uint64_t ns = strtoull(stat, NULL, 10);
        *(strncmp(name, "udp/", 4) == 0   ? &u.udp_ns
          : atoi(e->d_name) == run.pid    ? &u.control_ns
          : strncmp(name, "recl", 4) == 0 ? &u.reclaim_ns
                                          : &u.other_ns) += ns;
    }
    if (dir)
        closedir(dir);
    return u;
}

static double lag_ms(double share)
{
    uint64_t below = 0;
    for (int i = 0; i < LAGS; i++) {
        below += run.lag[i];
        if (run.seen_down && (double)below >= share * (double)run.seen_down)
            return (i + 1) / 10.0;
    }
    return 0;
}

static void print(const struct usage *a, const struct usage *b, uint64_t probes, uint64_t offered)
{
    double s = (double)(b->at_ns - a->at_ns) / 1e9;
    double served = (double)(b->datagrams - a->datagrams - (b->answers_read - a->answers_read));
    /* A thread that has ended takes its time along. */
    double other = b->other_ns > a->other_ns ? (double)(b->other_ns - a->other_ns) : 0;
    printf("qps=%.0f offered=%.0f cpu_ns=%.0f probes=%.0f control=%.3f reclaim=%.3f other=%.3f "
           "asked=%lu answered=%lu empty=%lu alien=%lu wrong=%lu seen_down=%lu lag_p50_ms=%.1f "
           "lag_p99_ms=%.1f lag_max_ms=%.1f\n",
           served / s, (double)offered / s, (double)(b->udp_ns - a->udp_ns) / served,
           (double)probes / s, (double)(b->control_ns - a->control_ns) / 1e9 / s,
           (double)(b->reclaim_ns - a->reclaim_ns) / 1e9 / s, other / 1e9 / s, run.asked,
           run.answered, run.empty, run.alien, run.wrong, run.seen_down, lag_ms(0.5), lag_ms(0.99),
           lag_ms(1));
}

static void read_options(int argc, char **argv)
{
    run = (struct run){.rate = 2000, .seconds = 10, .warm_up = 12};
    for (int o; (o = getopt(argc, argv, "fr:F:t:w:P:")) != -1;)
        switch (o) {
        case 'f':
            run.flips = true;
            break;
        case 'r':
            run.rate = atof(optarg);
            break;
        case 'F':
            run.flood = atof(optarg);
            break;
        case 't':
            run.seconds = atof(optarg);
            break;
        case 'w':
            run.warm_up = atof(optarg);
            break;
        case 'P':
            run.pid_file = optarg;
            break;
        default:
            exit(2);
        }
    if (argc - optind != 4 || !run.pid_file) {
        fprintf(stderr, "usage: flips [-f] [-r VERIFIED/S] [-F FLOOD/S] [-t S] [-w WARM_UP_S] "
                        "-P PID_FILE PORT BACKEND_PORT POOLS ENDPOINTS_OF_EACH\n");
        exit(2);
    }
    run.port = (uint16_t)atoi(argv[optind]);
    run.backend_port = (uint16_t)atoi(argv[optind + 1]);
    run.n_pools = (uint32_t)atoi(argv[optind + 2]);
    run.per_pool = (uint32_t)atoi(argv[optind + 3]);
    run.truth = calloc((size_t)run.n_pools * run.per_pool, sizeof *run.truth);
    /* Half of them begin up: were all to fall in one interval, the panic guard would trip. */
    uint64_t random = 11;
    for (uint32_t i = 0; i < run.n_pools * run.per_pool; i++)
        atomic_init(&run.truth[i], next_random(&random) & 1);
}

/** The server starts when its back ends are there: not the other way round. */
static int wait_for_pid(void)
{
    for (int pid = 0;; usleep(10000)) {
        FILE *file = fopen(run.pid_file, "r");
        if (file && fscanf(file, "%d", &pid) != 1)
            pid = 0;
        if (file)
            fclose(file);
        if (pid > 0)
            return pid;
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    int listener = open_backend(), n = 0;
    pthread_t threads[3];
    pthread_create(&threads[n++], NULL, backend, &listener);
    run.pid = wait_for_pid();
    pthread_create(&threads[n++], NULL, ask, NULL);
    if (run.flood > 0)
        pthread_create(&threads[n++], NULL, flood, NULL);
    usleep((useconds_t)(run.warm_up * 1e6));
    struct usage before = measure();
    uint64_t probes = atomic_load(&run.probes), offered = atomic_load(&run.flood_sent);
    atomic_store(&run.measuring, true);
    usleep((useconds_t)(run.seconds * 1e6));
    atomic_store(&run.measuring, false);
    struct usage after = measure();
    probes = atomic_load(&run.probes) - probes;
    offered = atomic_load(&run.flood_sent) - offered + run.asked;
    atomic_store(&run.stop, true);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    print(&before, &after, probes, offered);
    return 0;
}
