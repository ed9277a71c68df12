/* SPDX-License-Identifier: Apache-2.0
 * The kernel's own relay (a sockhash and a stream verdict, bpf(2)): what it does with bytes, and
 * what it costs. contrib/adr/0056 goes by it; a later kernel may answer otherwise. Takes root.
 *
 *     l4_sockhash facts                     a line each; exit code 1: one is not as the ADR has it
 *     l4_sockhash relay PORT MEMBER ..      127.0.0.1, for l4.py: the kernel relays from the first
 *                                           byte on, and nothing bounds what it holds. It is no
 *                                           relay to use: the first end closes both sides.
 *
 * A way is from one socket to the other one of its pair. The program hands segments on until
 * `limit` bytes were, and from then on passes all to user space, which reads them from the same
 * socket. */
#include <arpa/inet.h>
#include <asm/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAIRS 8192
#define CHUNK 65536
#define MIB 1048576
#define NO_LIMIT UINT64_MAX
#define MOMENT_MS 200 /* for what the kernel's own threads have to do */
#define EVENTS 64

static int pairs_map; /* cookie of a socket -> the other one of its pair */
static int ways_map;  /* cookie of a socket -> struct way */

struct way {
    uint64_t limit, redirected, passed; /* bytes; passed: all since the first */
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- bpf(2) ---- */

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int map_new(enum bpf_map_type type, uint32_t value_size)
{
    union bpf_attr attr = {.map_type = type,
                           .key_size = sizeof(uint64_t),
                           .value_size = value_size,
                           .max_entries = 2 * PAIRS};
    int fd = bpf(BPF_MAP_CREATE, &attr);
    if (fd < 0)
        die("bpf(BPF_MAP_CREATE)");
    return fd;
}

static void map_set(int map, uint64_t key, const void *value)
{
    union bpf_attr attr = {
        .map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)value};
    if (bpf(BPF_MAP_UPDATE_ELEM, &attr) != 0)
        die("bpf(BPF_MAP_UPDATE_ELEM)");
}

static void map_delete(int map, uint64_t key)
{
    union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key};
    bpf(BPF_MAP_DELETE_ELEM, &attr);
}

static struct way way_of(uint64_t key)
{
    struct way way = {0};
    union bpf_attr attr = {
        .map_fd = (uint32_t)ways_map, .key = (uintptr_t)&key, .value = (uintptr_t)&way};
    bpf(BPF_MAP_LOOKUP_ELEM, &attr);
    return way;
}

static int program_load(const struct bpf_insn *code, size_t n)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SK_SKB,
                           .expected_attach_type = BPF_SK_SKB_STREAM_VERDICT,
                           .insns = (uintptr_t)code,
                           .insn_cnt = (uint32_t)n,
                           .license = (uintptr_t) "Apache-2.0"};
    return bpf(BPF_PROG_LOAD, &attr);
}

#define N(array) (sizeof(array) / sizeof *(array))
#define INSN(c, d, s, o, i)                                                 \
    {                                                                       \
        .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
    }
#define MOVE(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, s) INSN(BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define ADD_NUMBER(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(d, o, s) INSN(BPF_STX | BPF_MEM | BPF_DW, d, s, o, 0)
#define MAP(d, fd) INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define IF_ZERO(d, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, 0)
#define IF_SET(d, o) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, 0)
#define IF_ABOVE(d, s, o) INSN(BPF_JMP | BPF_JGT | BPF_X, d, s, o, 0)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static void verdict_install(void)
{
    const int len = offsetof(struct __sk_buff, len), redirected = offsetof(struct way, redirected),
              passed = offsetof(struct way, passed), limit = offsetof(struct way, limit);
    const struct bpf_insn code[] = {
        MOVE(6, 1),
        CALL(BPF_FUNC_get_socket_cookie),
        STORE(10, -8, 0),
        MAP(1, ways_map),
        MOVE(2, 10),
        ADD_NUMBER(2, -8),
        CALL(BPF_FUNC_map_lookup_elem),
        IF_ZERO(0, 19), /* pass, uncounted */
        LOAD(BPF_W, 8, 6, len),
        IF_ZERO(8, 19), /* drop: an end that came alone, which is known already */
        LOAD(BPF_DW, 1, 0, passed),
        IF_SET(1, 13), /* pass */
        LOAD(BPF_DW, 3, 0, redirected),
        ADD(3, 8),
        LOAD(BPF_DW, 4, 0, limit),
        IF_ABOVE(3, 4, 9), /* pass */
        STORE(0, redirected, 3),
        MOVE(1, 6),
        MAP(2, pairs_map),
        MOVE(3, 10),
        ADD_NUMBER(3, -8),
        SET(4, 0),
        CALL(BPF_FUNC_sk_redirect_hash),
        EXIT,
        /* pass: */ ADD(1, 8),
        STORE(0, passed, 1),
        /* uncounted: */ SET(0, SK_PASS),
        EXIT,
        /* drop: */ SET(0, SK_DROP),
        EXIT};
    union bpf_attr attr = {.target_fd = (uint32_t)pairs_map,
                           .attach_type = BPF_SK_SKB_STREAM_VERDICT};
    int fd = program_load(code, N(code));
    if (fd < 0)
        die("bpf(BPF_PROG_LOAD)");
    attr.attach_bpf_fd = (uint32_t)fd;
    if (bpf(BPF_PROG_ATTACH, &attr) != 0)
        die("bpf(BPF_PROG_ATTACH)");
}

/* ---- pairs ---- */

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n);
    return cookie;
}

static void bound(int from, uint64_t limit)
{
    map_set(ways_map, cookie_of(from), &(struct way){.limit = limit});
}

static void join(int a, int b)
{
    map_set(pairs_map, cookie_of(a), &(uint32_t){(uint32_t)b});
    map_set(pairs_map, cookie_of(b), &(uint32_t){(uint32_t)a});
}

/* What came before the socket was in the map waits for more, or for this. */
static void kick(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int));
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0)
        die("listen");
    return fd;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    return fd;
}

/* client <-> front | back <-> member */
static int client, front, back, member;

static void connected(int *a, int *b)
{
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    int listener = listen_at(0);
    getsockname(listener, (struct sockaddr *)&at, &n);
    *a = connect_to(ntohs(at.sin_port));
    *b = accept(listener, NULL, NULL);
    close(listener);
    fcntl(*a, F_SETFL, O_NONBLOCK);
    fcntl(*b, F_SETFL, O_NONBLOCK);
}

static void pair_open(uint64_t from_client, uint64_t from_member)
{
    connected(&client, &front);
    connected(&back, &member);
    bound(front, from_client);
    bound(back, from_member);
}

static void pair_close(void)
{
    map_delete(ways_map, cookie_of(front));
    map_delete(ways_map, cookie_of(back));
    for (size_t i = 0; i < 4; i++)
        close((const int[]){client, front, back, member}[i]);
}

static void moment(void)
{
    poll(NULL, 0, MOMENT_MS);
}

/* ---- bytes whose place can be told ---- */

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 2654435761U >> 13);
}

/* From byte `at` on, until `max` are on their way or nothing was taken for a moment. */
static uint64_t push(int fd, uint64_t at, uint64_t max)
{
    static uint8_t out[CHUNK];
    uint64_t n = 0;
    while (n < max) {
        for (uint64_t i = 0; i < sizeof out; i++)
            out[i] = byte_at(at + n + i);
        ssize_t sent = send(fd, out, sizeof out, MSG_NOSIGNAL);
        if (sent > 0)
            n += (uint64_t)sent;
        else if (poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 2 * MOMENT_MS) != 1)
            break;
    }
    return n;
}

/* Reads until nothing comes for a moment; *right: they were those from `at` on. */
static uint64_t pull(int fd, uint64_t at, uint64_t max, bool *right)
{
    static uint8_t in[CHUNK];
    uint64_t n = 0;
    while (n < max) {
        size_t room = max - n < sizeof in ? (size_t)(max - n) : sizeof in;
        ssize_t got = recv(fd, in, room, 0);
        if (got == 0 || (got < 0 && poll(&(struct pollfd){fd, POLLIN, 0}, 1, 5 * MOMENT_MS) != 1))
            break;
        for (ssize_t i = 0; i < got; i++)
            *right = *right && in[i] == byte_at(at + n + (uint64_t)i);
        n += got > 0 ? (uint64_t)got : 0;
    }
    return n;
}

/* What ss -m would show. */
static uint64_t held_by(int fd)
{
    uint32_t v[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof v;
    getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, &n);
    return v[SK_MEMINFO_RMEM_ALLOC] + v[SK_MEMINFO_WMEM_QUEUED];
}

/* ---- facts: each returns whether it is as the ADR has it ---- */

static double mib(uint64_t bytes)
{
    return (double)bytes / MIB;
}

static bool fact_waiting(void)
{
    char in[16];
    pair_open(NO_LIMIT, NO_LIMIT);
    send(client, "early", 5, 0);
    moment();
    join(front, back);
    moment();
    ssize_t alone = recv(member, in, sizeof in, 0);
    kick(front);
    moment();
    ssize_t kicked = recv(member, in, sizeof in, 0);
    printf("bytes from before the map: %zd came by themselves, %zd after SO_RCVLOWAT\n", alone,
           kicked);
    pair_close();
    return alone == -1 && kicked == 5;
}

static bool fact_end(void)
{
    char in[16];
    pair_open(NO_LIMIT, NO_LIMIT);
    join(front, back);
    send(client, "last", 4, 0);
    shutdown(client, SHUT_WR);
    moment();
    ssize_t bytes = recv(member, in, sizeof in, 0), end = recv(member, in, sizeof in, 0);
    ssize_t seen = recv(front, in, sizeof in, 0);
    send(member, "more", 4, 0);
    moment();
    ssize_t other = recv(client, in, sizeof in, 0);
    printf("an end: the member gets %zd bytes and %s; user space reads %zd; the other way goes on "
           "(%zd)\n",
           bytes, end == 0 ? "the end" : "no end", seen, other);
    pair_close();
    return bytes == 4 && end == -1 && seen == 0 && other == 4;
}

static bool fact_urgent(void)
{
    char in[16] = "";
    pair_open(NO_LIMIT, NO_LIMIT);
    join(front, back);
    send(client, "a", 1, 0);
    send(client, "!", 1, MSG_OOB);
    send(client, "b", 1, 0);
    moment();
    recv(member, in, sizeof in - 1, 0);
    printf("urgent data, sent as a!b: the member reads %s\n", in);
    pair_close();
    return strcmp(in, "a!b") == 0;
}

static bool fact_endless(void)
{
    const uint64_t size = 64 * (uint64_t)MIB;
    bool right = true;
    pair_open(NO_LIMIT, NO_LIMIT);
    join(front, back);
    uint64_t sent = push(member, 0, size);
    uint64_t held = held_by(front) + held_by(back);
    uint64_t read = pull(client, 0, size + CHUNK, &right);
    printf(
        "a client that does not read: the kernel took %.0f MiB, and shows %.1f; read then: %.0f, "
        "%s\n",
        mib(sent), mib(held), mib(read), right ? "right" : "WRONG");
    pair_close();
    return sent >= size && held < size / 4 && read == sent && right;
}

static bool fact_bounded(void)
{
    bool right = true;
    pair_open(NO_LIMIT, MIB);
    join(front, back);
    uint64_t sent = push(member, 0, 64 * (uint64_t)MIB);
    struct way way = way_of(cookie_of(back));
    uint64_t read = pull(client, 0, UINT64_MAX, &right);
    uint64_t rest = pull(back, read, UINT64_MAX, &right);
    printf("the same where the program bounds it to 1 MiB: %.1f MiB taken; the client reads %.2f, "
           "user space the %.2f that follow, %s\n",
           mib(sent), mib(read), mib(rest), right ? "right" : "WRONG");
    pair_close();
    return sent < 48 * (uint64_t)MIB && read == way.redirected && read <= MIB &&
           read + rest == sent && right;
}

static bool fact_behind(void)
{
    char in[16];
    pair_open(CHUNK, NO_LIMIT);
    join(front, back);
    push(member, 0, 8 * (uint64_t)MIB);
    push(client, 0, 4 * (uint64_t)CHUNK);
    moment();
    struct way way = way_of(cookie_of(front));
    ssize_t n = recv(front, in, sizeof in, 0);
    printf("bytes passed to user space while the other way waits for the client: %.2f MiB, read: "
           "%zd\n",
           mib(way.passed), n);
    pair_close();
    return way.passed > 0 && n == -1;
}

static bool fact_closed(void)
{
    bool right = true;
    pair_open(NO_LIMIT, NO_LIMIT);
    join(front, back);
    uint64_t sent = push(member, 0, 12 * (uint64_t)MIB);
    map_delete(ways_map, cookie_of(front));
    close(front);
    front = -1;
    uint64_t read = pull(client, 0, UINT64_MAX, &right);
    printf("closed while the kernel holds some: the client reads %.1f of %.1f MiB\n", mib(read),
           mib(sent));
    pair_close();
    return read < sent;
}

static bool fact_target(void)
{
    const struct bpf_insn code[] = {INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0),
                                    MAP(1, pairs_map),
                                    MOVE(2, 10),
                                    ADD_NUMBER(2, -8),
                                    CALL(BPF_FUNC_map_lookup_elem),
                                    IF_ZERO(0, 5),
                                    MOVE(7, 0),
                                    MOVE(1, 0),
                                    CALL(BPF_FUNC_skc_to_tcp_sock),
                                    MOVE(1, 7),
                                    CALL(BPF_FUNC_sk_release),
                                    SET(0, SK_PASS),
                                    EXIT};
    int fd = program_load(code, N(code));
    printf("a verdict may look at the state of the socket that it redirects to: %s\n",
           fd >= 0 ? "yes" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int facts(void)
{
    static bool (*const all[])(void) = {fact_waiting, fact_end,    fact_urgent, fact_endless,
                                        fact_bounded, fact_behind, fact_closed, fact_target};
    bool same = true;
    for (size_t i = 0; i < N(all); i++)
        if (!all[i]()) {
            printf("  ^ not as contrib/adr/0056 has it\n");
            same = false;
        }
    return same ? 0 : 1;
}

/* ---- relay ---- */

/* What an event is of: a listener (whose member is at port `other`), or one side of a pair. */
union tag {
    uint64_t u64;
    struct {
        uint16_t fd, other;
        bool listens;
    };
};

static void watch(int epoll, union tag tag, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = tag.u64};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, tag.fd, &event) != 0)
        die("epoll_ctl");
}

static void take(int epoll, union tag listener)
{
    int a = accept(listener.fd, NULL, NULL), b = a < 0 ? -1 : connect_to(listener.other);
    if (a < 0)
        return;
    bound(a, NO_LIMIT);
    bound(b, NO_LIMIT);
    watch(epoll, (union tag){.fd = (uint16_t)a, .other = (uint16_t)b}, EPOLLRDHUP | EPOLLET);
    watch(epoll, (union tag){.fd = (uint16_t)b, .other = (uint16_t)a}, EPOLLRDHUP | EPOLLET);
    join(a, b);
    kick(a);
    kick(b);
}

static void leave(union tag side)
{
    map_delete(ways_map, cookie_of(side.fd));
    map_delete(ways_map, cookie_of(side.other));
    close(side.fd);
    close(side.other);
}

/* Readable is not watched: the kernel says so for what it has handed on as well, and each time
 * would be a wake-up for nothing. Both sides of one pair in one turn: the second is of another by
 * then. */
static void turn(int epoll)
{
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1)
        return;
    union tag tag = {.u64 = event.data.u64};
    if (tag.listens)
        take(epoll, tag);
    else
        leave(tag);
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool relays = argc >= 4 && argc % 2 == 0 && strcmp(argv[1], "relay") == 0;
    if (!relays && !(argc == 2 && strcmp(argv[1], "facts") == 0)) {
        fprintf(stderr, "l4_sockhash: see the head of its source\n");
        return 2;
    }
    pairs_map = map_new(BPF_MAP_TYPE_SOCKHASH, sizeof(uint32_t));
    ways_map = map_new(BPF_MAP_TYPE_HASH, sizeof(struct way));
    verdict_install();
    if (!relays)
        return facts();
    int epoll = epoll_create1(0);
    for (int i = 2; i < argc; i += 2) {
        int fd = listen_at((uint16_t)strtoul(argv[i], NULL, 10));
        watch(epoll,
              (union tag){.fd = (uint16_t)fd,
                          .other = (uint16_t)strtoul(argv[i + 1], NULL, 10),
                          .listens = true},
              EPOLLIN);
    }
    for (;;)
        turn(epoll);
}
