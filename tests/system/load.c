/* SPDX-License-Identifier: Apache-2.0
 * Full-speed load with every answer verified, in a closed loop.
 *
 *     load PORT WINDOW SOCKETS FILE
 *
 * FILE has lines of `NAME TYPE RCODE GROUPS ECS`: TYPE A or AAAA; GROUPS `-`, or lists of addresses
 * `192.0.2.1,192.0.2.2|192.0.2.3`: each answer must have at least one record, all of them out of
 * one group (so that an answer made half before and half after a reload is wrong); ECS `-` or an
 * IPv4 /24 as `192.0.2.0`. Runs until stdin ends, lets what is under way arrive, and prints one
 * JSON object. A query unanswered for 15 s is lost. The window bounds what is in flight, so that no
 * kernel buffer can overflow and a loss is the server's. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/ip.h"
#include "base/vec.h"
#include "dns/name.h"
#include "dns/types.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 32
#define LOST_MS 15000
#define RDATA_MAX 32

struct question {
    uint8_t packet[512];
    uint32_t len, question_len;
    uint16_t type;
    uint8_t rcode;
    uint32_t n_rdata;
    struct {
        struct ip ip;
        uint32_t group;
    } rdata[RDATA_MAX];
};

struct slot {
    int64_t sent_ms; /* 0: free */
    uint32_t question;
};

struct sock {
    int fd;
    uint16_t next_id;
    unsigned in_flight;
    struct slot slots[65536];
};

static VEC(struct question) questions;
static uint32_t next_question;
static uint64_t n_sent, n_answered, n_lost, n_wrong;
static char first_wrong[256];

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* Reading the questions. */

static void add_rdata(struct question *q, char *groups)
{
    uint32_t group = 1;
    for (char *end; groups; groups = end, group <<= 1) {
        if ((end = strchr(groups, '|')))
            *end++ = '\0';
        for (char *item = strtok(groups, ","); item; item = strtok(NULL, ",")) {
            if (q->n_rdata == RDATA_MAX || ip_parse(&q->rdata[q->n_rdata].ip, item) != 0)
                die(item);
            q->rdata[q->n_rdata++].group = group;
        }
    }
}

static void add_question(const char *name, const char *type, unsigned rcode, char *groups,
                         const char *ecs)
{
    struct question *q = vec_push(&questions);
    struct writer w = writer_of(q->packet, sizeof q->packet);
    uint8_t wire[NAME_WIRE_MAX];
    static const uint8_t root[1];
    int n = name_from_text(wire, name, strlen(name), slice_of(root, 1));
    struct ip client;
    bool has_ecs = strcmp(ecs, "-") != 0;
    if (n < 0 || (has_ecs && ip_parse(&client, ecs) != 0))
        die(name);
    q->type = strcmp(type, "AAAA") == 0 ? TYPE_AAAA : TYPE_A;
    q->rcode = (uint8_t)rcode;
    writer_u32(&w, 0); /* ID, flags */
    writer_u32(&w, 1 << 16);
    writer_u32(&w, 1); /* ARCOUNT */
    writer_bytes(&w, wire, (size_t)n);
    writer_u16(&w, q->type);
    writer_u16(&w, CLASS_IN);
    q->question_len = (uint32_t)n + 4;
    writer_u8(&w, 0);
    writer_u16(&w, TYPE_OPT);
    writer_u16(&w, 1232);
    writer_u32(&w, 0);
    writer_u16(&w, has_ecs ? 11 : 0);
    if (has_ecs) {
        writer_u16(&w, EDNS_CLIENT_SUBNET);
        writer_u16(&w, 7);
        writer_u16(&w, 1);
        writer_u16(&w, 24 << 8);
        writer_bytes(&w, client.b, 3);
    }
    q->len = (uint32_t)(w.p - q->packet);
    if (strcmp(groups, "-") != 0)
        add_rdata(q, groups);
}

static void read_questions(const char *path)
{
    FILE *file = fopen(path, "r");
    char name[256], type[16], groups[1024], ecs[64];
    unsigned rcode;
    if (!file)
        die(path);
    while (fscanf(file, "%255s %15s %u %1023s %63s", name, type, &rcode, groups, ecs) == 5)
        add_question(name, type, rcode, groups, ecs);
    fclose(file);
    if (!questions.n)
        die("no questions");
}

/* Verifying. */

/** Groups to which this record belongs. */
static uint32_t groups_of(const struct question *q, const uint8_t *rdata, size_t n)
{
    uint32_t groups = 0;
    for (uint32_t i = 0; i < q->n_rdata; i++)
        if (ip_bits(&q->rdata[i].ip) / 8 == n && memcmp(q->rdata[i].ip.b, rdata, n) == 0)
            groups |= q->rdata[i].group;
    return groups;
}

/** NULL when the response is right, else what is not. */
static const char *verify(const struct question *q, const uint8_t *p, size_t n)
{
    struct reader r = reader_of(p, n);
    reader_u16(&r);
    uint16_t flags = reader_u16(&r), qd = reader_u16(&r), an = reader_u16(&r);
    reader_u32(&r);
    if (r.bad || (flags & (FLAG_QR | FLAG_TC | FLAG_AA)) != (FLAG_QR | FLAG_AA) || qd != 1)
        return "flags";
    if ((flags & 15) != q->rcode)
        return "rcode";
    const uint8_t *question = reader_take(&r, q->question_len);
    if (!question || memcmp(question, q->packet + 12, q->question_len) != 0)
        return "question";
    if ((an > 0) != (q->n_rdata > 0))
        return "answer count";
    uint32_t groups = UINT32_MAX;
    for (unsigned i = 0; i < an; i++) {
        if (reader_u16(&r) != (DNS_COMPRESS | 12) || reader_u16(&r) != q->type)
            return "record";
        reader_u16(&r);
        reader_u32(&r);
        uint16_t len = reader_u16(&r);
        const uint8_t *rdata = reader_take(&r, len);
        if (!rdata || (groups &= groups_of(q, rdata, len)) == 0)
            return "address";
    }
    return r.bad ? "cut off" : NULL;
}

/* The loop. */

static void send_some(struct sock *s, unsigned n)
{
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH][2];
    uint8_t id[BATCH][2];
    int64_t now = clock_mono_ms();
    memset(msg, 0, sizeof msg);
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = (uint32_t)(next_question++ % questions.n);
        struct question *q = &questions.v[at];
        while (s->slots[s->next_id].sent_ms)
            s->next_id++;
        s->slots[s->next_id] = (struct slot){now, at};
        store_u16(id[i], s->next_id++);
        iov[i][0] = (struct iovec){id[i], 2};
        iov[i][1] = (struct iovec){q->packet + 2, q->len - 2};
        msg[i].msg_hdr = (struct msghdr){.msg_iov = iov[i], .msg_iovlen = 2};
    }
    for (unsigned done = 0; done < n;) {
        int sent = sendmmsg(s->fd, msg + done, n - done, 0);
        if (sent < 0)
            die("send");
        done += (unsigned)sent;
    }
    s->in_flight += n;
    n_sent += n;
}

static void take_response(struct sock *s, const uint8_t *p, size_t n)
{
    struct slot *slot = n >= 2 ? &s->slots[load_u16(p)] : NULL;
    const char *wrong =
        slot && slot->sent_ms ? verify(&questions.v[slot->question], p, n) : "unexpected";
    if (wrong) {
        n_wrong++;
        if (!*first_wrong) {
            int at = snprintf(first_wrong, sizeof first_wrong, "%s: ", wrong);
            for (size_t i = 0; i < n && i < 100; i++)
                at += snprintf(first_wrong + at, sizeof first_wrong - (size_t)at, "%02x", p[i]);
        }
        if (!slot || !slot->sent_ms)
            return;
    }
    slot->sent_ms = 0;
    s->in_flight--;
    n_answered++;
}

static unsigned receive_some(struct sock *s)
{
    static uint8_t buffer[BATCH][2048];
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    memset(msg, 0, sizeof msg);
    for (unsigned i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){buffer[i], sizeof buffer[i]};
        msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(s->fd, msg, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        take_response(s, buffer[i], msg[i].msg_len);
    return n < 0 ? 0 : (unsigned)n;
}

static void give_up_on_old(struct sock *s)
{
    int64_t before = clock_mono_ms() - LOST_MS;
    for (unsigned i = 0; i < 65536; i++)
        if (s->slots[i].sent_ms && s->slots[i].sent_ms < before) {
            s->slots[i].sent_ms = 0;
            s->in_flight--;
            n_lost++;
        }
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0)
        die("socket");
    return fd;
}

static void run(struct sock *socks, unsigned n, unsigned window)
{
    struct pollfd fds[65] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    bool ending = false;
    int64_t checked_ms = clock_mono_ms();
    for (unsigned i = 0; i < n; i++)
        fds[i + 1] = (struct pollfd){.fd = socks[i].fd, .events = POLLIN};
    for (unsigned in_flight = 1; !ending || in_flight;) {
        for (unsigned i = 0; i < n && !ending; i++)
            while (socks[i].in_flight < window) {
                unsigned room = window - socks[i].in_flight;
                send_some(&socks[i], room < BATCH ? room : BATCH);
            }
        poll(fds, n + 1, 100);
        ending |= fds[0].revents != 0;
        if (ending)
            fds[0].fd = -1;
        in_flight = 0;
        for (unsigned i = 0; i < n; i++) {
            if (fds[i + 1].revents)
                receive_some(&socks[i]);
            in_flight += socks[i].in_flight;
        }
        if (clock_mono_ms() - checked_ms > 500) {
            checked_ms = clock_mono_ms();
            for (unsigned i = 0; i < n; i++)
                give_up_on_old(&socks[i]);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: load PORT WINDOW SOCKETS FILE\n");
        return 2;
    }
    unsigned window = (unsigned)atoi(argv[2]), n = (unsigned)atoi(argv[3]);
    if (n < 1 || n > 64 || window < 1 || window > 1024)
        return 2;
    read_questions(argv[4]);
    struct sock *socks = xcalloc(n, sizeof *socks);
    for (unsigned i = 0; i < n; i++)
        socks[i].fd = open_socket((uint16_t)atoi(argv[1]));
    int64_t start = clock_mono_ms();
    run(socks, n, window / n ? window / n : 1);
    printf("{\"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"wrong\": %llu, "
           "\"first_wrong\": \"%s\", \"ms\": %lld}\n",
           (unsigned long long)n_sent, (unsigned long long)n_answered, (unsigned long long)n_lost,
           (unsigned long long)n_wrong, first_wrong, (long long)(clock_mono_ms() - start));
    free(socks);
    vec_free(&questions);
    return n_lost || n_wrong;
}
