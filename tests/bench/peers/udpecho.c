/* SPDX-License-Identifier: Apache-2.0
 * The cheapest "DNS server" that the kernel's UDP sockets allow: the floor under every server
 * measured.
 *
 *     udpecho PORT [BATCH]
 *
 * Each datagram goes back with QR set and one A record of 16 bytes appended. The question ends the
 * packet or is followed by one OPT record, which is dropped: the name is all that is read. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_MAX 64
#define PACKET_MAX 4096
#define RECEIVE_BUFFER (4 << 20)

static const uint8_t answer[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};

/* Turns the query of n bytes into its reply, in place. Returns its length; 0 to drop it. */
static uint32_t reply(uint8_t *p, uint32_t n)
{
    uint32_t at = 12;
    if (n < 17 || p[2] & 0x80)
        return 0;
    while (at < n && p[at])
        at += p[at] + 1u;
    at += 5;
    if (at > n || at + sizeof answer > PACKET_MAX)
        return 0;
    p[2] |= 0x84;
    p[7] = 1;
    p[11] = 0;
    memcpy(p + at, answer, sizeof answer);
    return at + (uint32_t)sizeof answer;
}

static void serve(int fd, uint32_t n_batch)
{
    static uint8_t bytes[BATCH_MAX][PACKET_MAX];
    static struct sockaddr_storage from[BATCH_MAX];
    struct mmsghdr batch[BATCH_MAX] = {0};
    struct iovec vec[BATCH_MAX];
    for (;;) {
        for (uint32_t i = 0; i < n_batch; i++) {
            vec[i] = (struct iovec){bytes[i], PACKET_MAX};
            batch[i].msg_hdr = (struct msghdr){.msg_iov = &vec[i],
                                               .msg_iovlen = 1,
                                               .msg_name = &from[i],
                                               .msg_namelen = sizeof from[i]};
        }
        int n = recvmmsg(fd, batch, n_batch, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++)
            vec[i].iov_len = reply(bytes[i], batch[i].msg_len);
        for (int i = 0; i < n;) {
            int sent = sendmmsg(fd, batch + i, (unsigned)(n - i), 0);
            i += sent > 0 ? sent : 1;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    uint32_t batch = argc > 2 ? (uint32_t)atoi(argv[2]) : 32;
    int buffer = RECEIVE_BUFFER, fd = socket(AF_INET, SOCK_DGRAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (batch < 1 || batch > BATCH_MAX || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        return 1;
    serve(fd, batch);
}
