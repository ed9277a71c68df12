/* SPDX-License-Identifier: Apache-2.0
 * Ports for sockets that a test opens later. */
#pragma once

#include "base/rng.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Below those that the kernel gives out by itself (net.ipv4.ip_local_port_range). */
#define FREE_PORT_FIRST 10000
#define FREE_PORT_N 22000

/** Whether nobody has it, of both protocols and all addresses. */
static inline bool port_is_free(uint16_t port)
{
    const struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = bind(tcp, (const struct sockaddr *)&sa, sizeof sa) == 0 &&
              bind(udp, (const struct sockaddr *)&sa, sizeof sa) == 0;
    close(tcp);
    close(udp);
    return ok;
}

/** Takes it from other tests that run, those of the system too, until this process ends. */
static inline bool port_becomes_ours(uint16_t port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "loadstar-test-port-%u", port);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (const struct sockaddr *)&name, len) == 0)
        return true;
    close(fd);
    return false;
}

static inline uint16_t free_port(void)
{
    struct rng rng;
    uint16_t port;
    rng_init(&rng);
    do
        port = (uint16_t)(FREE_PORT_FIRST + rng_below(&rng, FREE_PORT_N));
    while (!port_is_free(port) || !port_becomes_ours(port));
    return port;
}
