/* SPDX-License-Identifier: Apache-2.0
 * Between ExaBGP and loadstard. */
#include "main/ctl_exabgp.h"

#include "anycast/exabgp_relay.h"
#include "base/clock.h"
#include "drive/line_split.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 8192, /* EXABGP_LINE_MAX */
    UNSENT_MAX = 4 << 20,
    RETRY_MS = 200,
    FOREIGN_MS = 2000 /* for answers to what was asked by one that has gone */
};

struct end {
    int fd;         /* -1: not open */
    struct buf out; /* not written yet */
    struct line_split split;
    char text[LINE_MAX_BYTES + 2];
};

static struct relaying {
    struct relay relay;
    struct end exabgp, loadstard; /* exabgp.fd is read; it is written to STDOUT_FILENO */
    struct sockaddr_un at;
    int64_t retry_ms, heard_ms, left_ms; /* when to connect, loadstard's last line, when it left */
    int error;                           /* of the last try to connect, which was told */
} all = {.exabgp = {.fd = STDIN_FILENO}, .loadstard = {.fd = -1}};

static void say(const char *what, const char *why)
{
    fprintf(stderr, "loadstarctl exabgp: %s: %s\n", what, why);
}

/* ---- writing ---- */

/* Whether it can be written to at all. */
static bool flush_to(struct buf *out, int fd)
{
    ssize_t n = 1;
    size_t done = 0;
    while (done < out->n && (n = write(fd, out->p + done, out->n - done)) > 0)
        done += (size_t)n;
    memmove(out->p ? out->p : (char *)"", out->p ? out->p + done : "", out->n - done);
    out->n -= done;
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static void add_line(struct buf *out, const char *lead, const char *line)
{
    buf_printf(out, "%s%s\n", lead, line);
}

/* ---- loadstard ---- */

static void withdraw_all(void)
{
    if (all.relay.held.n > 0)
        fprintf(stderr, "loadstarctl exabgp: loadstard is gone or hangs; %zu prefixes withdrawn\n",
                all.relay.held.n);
    relay_withdraw(&all.relay, &all.exabgp.out);
}

static void leave(void)
{
    close(all.loadstard.fd);
    all.loadstard.fd = -1;
    all.loadstard.out.n = 0;
    all.loadstard.split.n = 0;
    relay_left(&all.relay);
    all.left_ms = clock_mono_ms();
    all.retry_ms = all.left_ms + RETRY_MS;
    if (all.relay.stay_ms == 0)
        withdraw_all();
}

static void connect_now(void)
{
    /* A queue that is full of tries must not hold up ExaBGP: EAGAIN then. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    all.retry_ms = clock_mono_ms() + RETRY_MS;
    int error = fd < 0 || connect(fd, (struct sockaddr *)&all.at, sizeof all.at) != 0 ? errno : 0;
    if (error && error != all.error)
        say(all.at.sun_path, strerror(error));
    all.error = error;
    if (error) {
        if (fd >= 0)
            close(fd);
        return;
    }
    all.loadstard.fd = fd;
    all.relay.stay_ms = 0;
    all.heard_ms = clock_mono_ms();
    relay_greet(&all.relay, &all.loadstard.out, (int)getpid());
}

static bool on_order(void *ctx, char *line, size_t n)
{
    (void)ctx;
    (void)n;
    all.heard_ms = clock_mono_ms();
    switch (relay_told(&all.relay, line)) {
    case RELAY_PASS:
        add_line(&all.exabgp.out, "", line);
        return true;
    case RELAY_NOTHING:
        return true;
    case RELAY_BAD:
        break;
    }
    say(all.at.sun_path, "loadstard says what is not known here: is it of another version?");
    return false;
}

static void hear_loadstard(void)
{
    char bytes[16384];
    ssize_t n = read(all.loadstard.fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 ||
        line_split_feed(&all.loadstard.split, bytes, (size_t)n, on_order, NULL) != LINE_SPLIT_MORE)
        leave();
}

/* ---- ExaBGP ---- */

static bool on_answer(void *ctx, char *line, size_t n)
{
    (void)ctx;
    (void)n;
    if (relay_answered(&all.relay, line) && all.loadstard.fd >= 0)
        add_line(&all.loadstard.out, "said ", line);
    return true;
}

/* False: it has ended. */
static bool hear_exabgp(void)
{
    char bytes[16384];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    (void)line_split_feed(&all.exabgp.split, bytes, (size_t)n, on_answer, NULL);
    return true;
}

/* ---- time ---- */

static void on_time(int64_t now)
{
    if (all.loadstard.fd >= 0 && now - all.heard_ms >= RELAY_PATIENCE_MS)
        leave();
    if (all.loadstard.fd >= 0)
        return;
    if (all.relay.held.n > 0 && now - all.left_ms >= all.relay.stay_ms)
        withdraw_all();
    if (all.relay.n_foreign > 0 && now - all.left_ms >= FOREIGN_MS)
        relay_forget(&all.relay);
    if (now >= all.retry_ms)
        connect_now();
}

static int wait_ms(int64_t now)
{
    int64_t until = all.loadstard.fd >= 0 ? all.heard_ms + RELAY_PATIENCE_MS : all.retry_ms;
    return until > now ? (int)(until - now) : 0;
}

/* One turn; false: ExaBGP has ended. */
static bool turn(void)
{
    bool full = all.exabgp.out.n > UNSENT_MAX || all.loadstard.out.n > UNSENT_MAX;
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = all.exabgp.out.n > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
        {.fd = all.loadstard.fd,
         .events = (short)((full ? 0 : POLLIN) | (all.loadstard.out.n > 0 ? POLLOUT : 0))}};
    if (poll(fds, 3, wait_ms(clock_mono_ms())) < 0 && errno != EINTR)
        return false;
    if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
        hear_loadstard();
    on_time(clock_mono_ms());
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !hear_exabgp())
        return false;
    if (all.exabgp.out.n > 0 && !flush_to(&all.exabgp.out, STDOUT_FILENO))
        return false;
    if (all.loadstard.fd >= 0 && all.loadstard.out.n > 0 &&
        !flush_to(&all.loadstard.out, all.loadstard.fd))
        leave();
    return true;
}

/* ---- all of it ---- */

/* False: it is too long, which was told. */
static bool find_socket(const char *speaker, const char *control)
{
    const char *slash = strrchr(control, '/');
    int n_dir = slash ? (int)(slash - control) + 1 : 0, n;
    size_t size = sizeof all.at.sun_path;
    if (strchr(speaker, '/'))
        n = snprintf(all.at.sun_path, size, "%s", speaker);
    else
        n = snprintf(all.at.sun_path, size, "%.*sexabgp-%s.sock", n_dir, control, speaker);
    all.at.sun_family = AF_UNIX;
    if (n >= 0 && (size_t)n < size)
        return true;
    say(speaker, "the path of the socket is too long");
    return false;
}

int relay_run(const char *speaker, const char *control)
{
    if (!find_socket(speaker, control))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    /* What ExaBGP says at length is of others' routes. */
    all.exabgp.split =
        (struct line_split){.text = all.exabgp.text, .max = LINE_MAX_BYTES, .skips = true};
    all.loadstard.split = (struct line_split){.text = all.loadstard.text, .max = LINE_MAX_BYTES};
    if (fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK | O_WRONLY) != 0)
        say("standard output", strerror(errno));
    while (turn())
        ;
    if (all.loadstard.fd >= 0)
        close(all.loadstard.fd);
    buf_free(&all.exabgp.out);
    buf_free(&all.loadstard.out);
    relay_free(&all.relay);
    return 0;
}
