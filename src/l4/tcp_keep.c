/* SPDX-License-Identifier: Apache-2.0
 * Whether the member of a connection that is silent is still there. */
#include "l4/tcp_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The kernel's timers of a minute and more come due in lots, 2 s of them at a time: of 100,000
 * silent connections 3,300 ask at once, a queue of the kernel's (netdev_max_backlog, txqueuelen)
 * has 1,000 places, and who is not heard three times is dead: 41,000 were, in five minutes. So each
 * one's own look has it ask, by an idle time that has passed already (tcp(7), TCP_KEEPIDLE), and
 * the timer is what there is behind that. */
#define ASK_LOOKS 4 /* without a byte, after which the member is asked */
#define ASK_NOW_S (TCP_LOOK_MS / 1000)
#define ASK_AT_LAST_S 90
#define ASK_AGAIN_S 20 /* when there is no answer */
#define ASK_TIMES 3
static_assert(ASK_AT_LAST_S > (ASK_LOOKS + 1) * TCP_LOOK_MS / 1000, "the look comes first");

static void set_tcp(int fd, int option, int value)
{
    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

/* Most connections end before they are worth it. The client's side has it from its listener. */
static void begin_keep_alive(struct tcp_conn *c)
{
    int fd = c->sides[TCP_MEMBER].fd;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    set_tcp(fd, TCP_KEEPIDLE, ASK_AT_LAST_S);
    set_tcp(fd, TCP_KEEPINTVL, ASK_AGAIN_S);
    set_tcp(fd, TCP_KEEPCNT, ASK_TIMES);
    c->kept_alive = true;
}

void tcp_keep_alive(struct tcp_conn *c, bool is_silent)
{
    bool asks = c->silent_looks == ASK_LOOKS;
    if (!c->kept_alive)
        begin_keep_alive(c);
    else if (asks)
        set_tcp(c->sides[TCP_MEMBER].fd, TCP_KEEPIDLE, ASK_AT_LAST_S);
    c->silent_looks = is_silent && !asks ? c->silent_looks + 1 : 0;
    if (c->silent_looks == ASK_LOOKS)
        set_tcp(c->sides[TCP_MEMBER].fd, TCP_KEEPIDLE, ASK_NOW_S);
}
