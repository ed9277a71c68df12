/* SPDX-License-Identifier: Apache-2.0
 * How much the kernel may hold for bulk whose reader is slower than its writer, or has stopped.
 *
 * Left to itself it lets both buffers grow, the one received into (tcp_rmem: up to 6 MiB, 32 from
 * Linux 6.17 on) and the one sent from (tcp_wmem: 4 MiB): 21 MiB were measured for a pair whose
 * reader stopped after it had been fast. They fill, as whoever reads from one network and writes
 * to another waits for the slower.
 *
 * Who is so near that less is enough for him gets less. Of those that are far, what waits behind
 * what is under way is bounded only; what is received from them may fill tcp_rmem.
 *
 * A way is looked at each TCP_TELL bytes, until that is settled: so small flows cost nothing. */
#include "l4/tcp_internal.h"

#include <linux/tcp.h> /* netinet/tcp.h has no tcpi_min_rtt */
#include <netinet/in.h>
#include <stdio.h>

#define RECEIVED (768 << 10) /* that wait to be read; the kernel doubles it (socket(7)) */
#define SENT (1 << 20)       /* that wait to be sent or acknowledged, the same */
#define UNSENT (1 << 20)     /* that wait to be sent, where more are under way (tcp(7)) */
#define BYTES_TO_US 1000     /* so many are enough for 1 us of round trip: 1 GB/s */

/* What the kernel lets a user set, at most `most`. */
static uint32_t allowed(const char *path, uint32_t most)
{
    unsigned long bytes = 0;
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%lu", &bytes) != 1)
            bytes = 0;
        fclose(file);
    }
    return bytes < most ? (uint32_t)bytes : most;
}

void tcp_room_init(struct tcp_room *room)
{
    room->received = allowed("/proc/sys/net/core/rmem_max", RECEIVED);
    room->sent = allowed("/proc/sys/net/core/wmem_max", SENT);
}

static int option(int fd, int option)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : 0;
}

/* The least round trip that the kernel has seen: what waits in our buffers is not in it. */
static bool is_near(int fd, uint32_t bytes)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
           info.tcpi_min_rtt <= bytes / BYTES_TO_US;
}

/* Once it is set, the kernel leaves it at that: not before it would go further. Returns whether
 * that is settled. */
static bool bound_received(int fd, uint32_t bytes)
{
    if (option(fd, SO_RCVBUF) <= (int)(2 * bytes))
        return false;
    if (is_near(fd, bytes))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){(int)bytes}, sizeof(int));
    return true;
}

static bool bound_sent(int fd, uint32_t bytes)
{
    if (option(fd, SO_SNDBUF) <= (int)(2 * bytes))
        return false;
    if (is_near(fd, bytes))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){(int)bytes}, sizeof(int));
    else
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT}, sizeof(int));
    return true;
}

void tcp_room_look(const struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_way *way = &c->ways[from];
    way->sent_bounded = way->sent_bounded || bound_sent(c->sides[!from].fd, tcp->room.sent);
    way->received_bounded =
        way->received_bounded || bound_received(c->sides[from].fd, tcp->room.received);
}
