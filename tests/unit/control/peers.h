/* SPDX-License-Identifier: Apache-2.0
 * For tests of servers on a loop: clients on the same loop, and patience. */
#pragma once

#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Runs the loop until `holds`, for 20 s at most. */
#define RUN_UNTIL(loop, holds)                             \
    do {                                                   \
        int64_t end_ms = clock_mono_ms() + 20000;          \
        while (!(holds)) {                                 \
            uv_run(loop, UV_RUN_NOWAIT);                   \
            usleep(200);                                   \
            if (clock_mono_ms() > end_ms)                  \
                fail_msg("not so after 20 s: %s", #holds); \
        }                                                  \
    } while (0)

__attribute__((unused)) static void client_say(int fd, const char *text)
{
    ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent; /* it may have been closed: that shows when it is read */
}

/** Reads what there is, adding it to `text`, which stays a string. Returns whether it has ended. */
__attribute__((unused)) static bool client_hear(int fd, char *text, size_t size)
{
    size_t have = strlen(text);
    for (;;) {
        char drop[4096];
        bool fits = have + 1 < size;
        ssize_t n =
            recv(fd, fits ? text + have : drop, fits ? size - 1 - have : sizeof drop, MSG_DONTWAIT);
        if (n <= 0)
            return n == 0 || errno != EAGAIN;
        if (fits)
            text[have += (size_t)n] = '\0';
    }
}

__attribute__((unused)) static bool client_is_closed(int fd)
{
    char text[256] = "";
    return client_hear(fd, text, sizeof text);
}
