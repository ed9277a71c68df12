/* SPDX-License-Identifier: Apache-2.0
 * Queries in the name of networks that did not ask, and what these get for them.
 *
 *     flood INTERFACE MAC SERVER PORT SECONDS RATE NETWORK=QUERY...
 *
 * Each QUERY (hexadecimal) is sent RATE times a second to the server at MAC, from random addresses
 * and ports of the upper half of its NETWORK (an IPv4 /24 or IPv6 /56), by raw frames; what comes
 * back to these is counted on the interface. Prints a line for each network: the bytes of IP
 * packets sent and received in each tenth of a second, `NETWORK SENT,... RECEIVED,...`. Ends after
 * SECONDS, whatever happens. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/ip.h"
#include "base/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BINS_MAX 600
#define NETWORKS_MAX 16
#define BATCH 32
#define FRAME 600

struct network {
    const char *text;
    struct ip_prefix prefix;
    uint8_t query[512];
    uint32_t query_len;
    uint64_t sent[BINS_MAX], received[BINS_MAX];
};

static struct network networks[NETWORKS_MAX];
static unsigned n_networks, n_bins, interface;
static struct ip server;
static uint16_t port;
static int64_t start_ms;
static atomic_bool ended;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static unsigned bin_now(void)
{
    int64_t bin = (clock_mono_ms() - start_ms) / 100;
    return bin < n_bins ? (unsigned)bin : n_bins - 1;
}

/* --- frames --- */

static uint32_t sum_of(const uint8_t *p, uint32_t n, uint32_t sum)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += load_u16(p + i);
    return n % 2 ? sum + (uint32_t)p[n - 1] * 256 : sum;
}

static uint16_t checksum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_udp(uint8_t *p, const struct network *n, struct rng *rng)
{
    store_u16(p, (uint16_t)(1024 + rng_below(rng, 60000)));
    store_u16(p + 2, port);
    store_u16(p + 4, (uint16_t)(8 + n->query_len));
    store_u16(p + 6, 0);
    memcpy(p + 8, n->query, n->query_len);
    store_u16(p + 8, (uint16_t)rng_next(rng));
}

/* The IP packet; returns its length. */
static uint32_t put_packet(uint8_t *p, const struct network *n, struct rng *rng)
{
    uint32_t udp = 8 + n->query_len;
    if (server.family == IP_V4) {
        memset(p, 0, 20);
        p[0] = 0x45;
        store_u16(p + 2, (uint16_t)(20 + udp));
        p[8] = 64;
        p[9] = 17;
        memcpy(p + 12, n->prefix.addr.b, 4);
        p[15] = (uint8_t)(128 + rng_below(rng, 120));
        memcpy(p + 16, server.b, 4);
        store_u16(p + 10, checksum(sum_of(p, 20, 0)));
        put_udp(p + 20, n, rng);
        return 20 + udp;
    }
    memset(p, 0, 40);
    p[0] = 0x60;
    store_u16(p + 4, (uint16_t)udp);
    p[6] = 17;
    p[7] = 64;
    memcpy(p + 8, n->prefix.addr.b, 16);
    store_u32(p + 16, (uint32_t)rng_next(rng));
    p[16] |= 0x80;
    memcpy(p + 24, server.b, 16);
    put_udp(p + 40, n, rng);
    store_u16(p + 46, checksum(sum_of(p + 8, 32 + udp, udp + 17)));
    return 40 + udp;
}

/* --- sending and counting --- */

static int open_packet(uint16_t protocol)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(protocol));
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)interface};
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        die("packet socket");
    return fd;
}

static void count_packet(const uint8_t *p, ssize_t n)
{
    struct ip to = {.family = (p[0] >> 4) == 4 ? IP_V4 : IP_V6};
    uint32_t at = to.family == IP_V4 ? 16 : 24, len = to.family == IP_V4 ? 4 : 16;
    if (n < (ssize_t)(at + len))
        return;
    memcpy(to.b, p + at, len);
    if (!(to.b[to.family == IP_V4 ? 3 : 8] & 0x80))
        return; /* somebody else's, who asks from an address that put_packet() never takes */
    for (unsigned i = 0; i < n_networks; i++)
        if (ip_in_prefix(&to, &networks[i].prefix))
            networks[i].received[bin_now()] +=
                to.family == IP_V4 ? load_u16(p + 2) : 40u + load_u16(p + 4);
}

static void *receive(void *arg)
{
    uint8_t packet[2048];
    int fd = *(int *)arg;
    while (!atomic_load(&ended)) {
        struct sockaddr_ll from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &len);
        if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
            count_packet(packet, n);
    }
    return NULL;
}

static void send_one(int fd, struct network *n, const struct sockaddr_ll *to, struct rng *rng)
{
    uint8_t packet[FRAME];
    uint32_t len = put_packet(packet, n, rng);
    if (sendto(fd, packet, len, 0, (const struct sockaddr *)to, sizeof *to) == (ssize_t)len)
        n->sent[bin_now()] += len;
}

static void flood(const uint8_t mac[6], unsigned rate)
{
    struct rng rng = {1};
    int fd = open_packet(0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol =
                                 htons(server.family == IP_V4 ? ETHERTYPE_IP : ETHERTYPE_IPV6),
                             .sll_ifindex = (int)interface,
                             .sll_halen = 6};
    memcpy(to.sll_addr, mac, 6);
    uint64_t done = 0;
    for (int64_t ms; (ms = clock_mono_ms() - start_ms) < n_bins * 100;) {
        uint64_t due = (uint64_t)ms * rate / 1000;
        /* What could not be sent in time is not made up for. */
        if (due > done + rate / 10)
            done = due - rate / 10;
        for (; done < due; done++)
            for (unsigned i = 0; i < n_networks; i++)
                send_one(fd, &networks[i], &to, &rng);
        usleep(1000);
    }
    close(fd);
}

static void print_bins(const uint64_t *bins)
{
    for (unsigned i = 0; i < n_bins; i++)
        printf("%s%llu", i ? "," : " ", (unsigned long long)bins[i]);
}

static void add_network(char *text)
{
    struct network *n = &networks[n_networks++];
    char *hex = strchr(text, '=');
    if (!hex || n_networks > NETWORKS_MAX)
        die(text);
    *hex++ = '\0';
    n->text = text;
    if (ip_prefix_parse(&n->prefix, text) != 0)
        die(text);
    for (; hex[0] && hex[1] && n->query_len < sizeof n->query; hex += 2)
        n->query[n->query_len++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
}

int main(int argc, char **argv)
{
    uint8_t mac[6];
    if (argc < 8 ||
        sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5]) != 6 ||
        ip_parse(&server, argv[3]) != 0) {
        fputs("usage: flood INTERFACE MAC SERVER PORT SECONDS RATE NETWORK=QUERY...\n", stderr);
        return 2;
    }
    interface = if_nametoindex(argv[1]);
    port = (uint16_t)atoi(argv[4]);
    n_bins = (unsigned)atoi(argv[5]) * 10;
    if (interface == 0 || n_bins == 0 || n_bins > BINS_MAX)
        die(argv[1]);
    for (int i = 7; i < argc; i++)
        add_network(argv[i]);
    int fd = open_packet(ETH_P_ALL), size = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    struct timeval tick = {0, 50000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
    pthread_t thread;
    start_ms = clock_mono_ms();
    if (pthread_create(&thread, NULL, receive, &fd) != 0)
        die("thread");
    flood(mac, (unsigned)atoi(argv[6]));
    atomic_store(&ended, true);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < n_networks; i++) {
        fputs(networks[i].text, stdout);
        print_bins(networks[i].sent);
        print_bins(networks[i].received);
        putchar('\n');
    }
    return 0;
}
