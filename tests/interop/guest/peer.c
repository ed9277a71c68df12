/* SPDX-License-Identifier: Apache-2.0
 * Servers and clients for tests in a guest: small, static enough, and on any of IPv4, IPv6, TCP,
 * UDP, SCTP.
 *
 *   peer serve NAME PORT [udp|sctp]     answers in the background until it is killed: a request
 *                                       with its name; "HOLD" with an echo of each line to come
 *   peer get ADDRESS PORT N [udp|sctp]  N requests one after the other; prints "NAME COUNT" sorted
 *   peer load ADDRESS PORT STOP_FILE    requests until the file is there; prints "ok N failed N
 *                                       gap_ms N" (the time from the first failure to the last)
 *   peer hold ADDRESS PORT STOP_FILE    one connection, a line each 50 ms, until the file is there
 *                                       or it breaks; prints "begun NAME", then "held NAME echoes
 *                                       N" or "broken ..."
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 5000 /* what is refused or reset fails at once */
#define NAMES_MAX 16

struct address {
    struct sockaddr_storage sa;
    socklen_t n;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int type_of(const char *word, int *protocol)
{
    *protocol = 0;
    if (word && strcmp(word, "udp") == 0)
        return SOCK_DGRAM;
    if (word && strcmp(word, "sctp") == 0)
        *protocol = IPPROTO_SCTP;
    return SOCK_STREAM;
}

static struct address address_of(const char *text, const char *port)
{
    struct address a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)atoi(port));
        a.n = sizeof *v4;
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)atoi(port));
        a.n = sizeof *v6;
    } else {
        fprintf(stderr, "peer: %s is no address\n", text);
        exit(2);
    }
    return a;
}

/* ---- the server ---- */

static void answer_stream(int fd, const char *name)
{
    char line[256];
    ssize_t n = recv(fd, line, sizeof line, 0);
    if (n <= 0)
        return;
    bool holds = n >= 4 && memcmp(line, "HOLD", 4) == 0;
    int length = snprintf(line, sizeof line, "HTTP/1.0 200 OK\r\n\r\n%s\n", name);
    if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length || !holds)
        return;
    while ((n = recv(fd, line, sizeof line, 0)) > 0)
        if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
            return;
}

static void serve_stream(int listener, const char *name)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            answer_stream(fd, name);
            _exit(0);
        }
        close(fd);
    }
}

static void serve_datagrams(int fd, const char *name)
{
    char line[256], reply[300];
    for (;;) {
        struct sockaddr_storage from;
        socklen_t n_from = sizeof from;
        if (recvfrom(fd, line, sizeof line, 0, (struct sockaddr *)&from, &n_from) < 0)
            continue;
        int n = snprintf(reply, sizeof reply, "\r\n\r\n%s\n", name);
        sendto(fd, reply, (size_t)n, 0, (struct sockaddr *)&from, n_from);
    }
}

static int serve(const char *name, const char *port, const char *kind)
{
    int protocol, type = type_of(kind, &protocol), on = 1;
    struct address any = address_of("::", port);
    int fd = socket(AF_INET6, type, protocol);
    if (fd < 0) { /* no IPv6, or not of this protocol */
        any = address_of("0.0.0.0", port);
        fd = socket(AF_INET, type, protocol);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&any.sa, any.n) != 0 ||
        (type == SOCK_STREAM && listen(fd, 128) != 0)) {
        perror("peer: serve");
        return 1;
    }
    if (fork() != 0) /* it answers from now on */
        return 0;
    signal(SIGCHLD, SIG_IGN);
    if (type == SOCK_STREAM)
        serve_stream(fd, name);
    serve_datagrams(fd, name);
    return 0;
}

/* ---- clients ---- */

static int connect_to(const struct address *to, const char *kind)
{
    int protocol, type = type_of(kind, &protocol);
    int fd = socket(to->sa.ss_family, type, protocol);
    struct timeval limit = {TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&to->sa, to->n) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Reads "...\r\n\r\nNAME\n". Returns whether it came. */
static bool read_name(int fd, char name[64])
{
    char text[512];
    size_t n = 0;
    while (n < sizeof text - 1) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        const char *at = strstr(text, "\r\n\r\n");
        if (at && strchr(at + 4, '\n'))
            return sscanf(at + 4, "%63s", name) == 1;
    }
    return false;
}

static bool request(const struct address *to, const char *kind, const char *what, char name[64])
{
    int fd = connect_to(to, kind);
    if (fd < 0)
        return false;
    bool ok = send(fd, what, strlen(what), MSG_NOSIGNAL) > 0 && read_name(fd, name);
    close(fd);
    return ok;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int get(const char *addr, const char *port, int n, const char *kind)
{
    const struct address to = address_of(addr, port);
    static struct {
        char name[64];
        int n;
    } seen[NAMES_MAX];
    for (int i = 0; i < n; i++) {
        char name[64] = "failed";
        if (!request(&to, kind, "GET / HTTP/1.0\r\n\r\n", name))
            snprintf(name, sizeof name, "failed");
        int k = 0;
        while (k < NAMES_MAX - 1 && seen[k].n && strcmp(seen[k].name, name) != 0)
            k++;
        snprintf(seen[k].name, sizeof seen[k].name, "%s", name);
        seen[k].n++;
    }
    int used = 0;
    while (used < NAMES_MAX && seen[used].n)
        used++;
    qsort(seen, (size_t)used, sizeof *seen, by_text);
    for (int k = 0; k < used; k++)
        printf("%s %d\n", seen[k].name, seen[k].n);
    return 0;
}

static int load(const char *addr, const char *port, const char *stop)
{
    const struct address to = address_of(addr, port);
    int64_t first_ms = 0, last_ms = 0;
    unsigned ok = 0, failed = 0;
    while (access(stop, F_OK) != 0) {
        char name[64];
        int64_t begun_ms = now_ms();
        if (request(&to, NULL, "GET / HTTP/1.0\r\n\r\n", name)) {
            ok++;
        } else {
            failed++;
            first_ms = first_ms ? first_ms : begun_ms;
            last_ms = now_ms();
        }
        poll(NULL, 0, 5);
    }
    printf("ok %u failed %u gap_ms %lld\n", ok, failed, (long long)(last_ms - first_ms));
    return 0;
}

static int hold(const char *addr, const char *port, const char *stop)
{
    const struct address to = address_of(addr, port);
    char name[64], line[64], echo[64];
    unsigned n = 0;
    int fd = connect_to(&to, NULL);
    if (fd < 0 || send(fd, "HOLD\n", 5, MSG_NOSIGNAL) != 5 || !read_name(fd, name)) {
        printf("broken at the start\n");
        return 1;
    }
    printf("begun %s\n", name);
    fflush(stdout);
    while (access(stop, F_OK) != 0) {
        int length = snprintf(line, sizeof line, "line %u\n", n);
        if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length ||
            recv(fd, echo, (size_t)length, MSG_WAITALL) != length ||
            memcmp(echo, line, (size_t)length) != 0) {
            printf("broken %s echoes %u: %s\n", name, n, strerror(errno));
            return 1;
        }
        n++;
        poll(NULL, 0, 50);
    }
    printf("held %s echoes %u\n", name, n);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
    if (argc >= 5 && strcmp(argv[1], "get") == 0)
        return get(argv[2], argv[3], atoi(argv[4]), argc > 5 ? argv[5] : NULL);
    if (argc == 5 && strcmp(argv[1], "load") == 0)
        return load(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: peer serve|get|load|hold ..., see peer.c\n");
    return 2;
}
