/* SPDX-License-Identifier: Apache-2.0
 * loadstard's side of the guard: what is asked, what is answered, and the beat. */
#include "anycast/guard_ask.h"
#include "anycast/guard_words.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURN_LINES 256
#define WAITING_MAX 4096 /* lines that a guard does not read, before it counts as gone */

/** A line that waits until the guard reads. One that says the same thing anew takes its place. */
struct waiting {
    char key[8 + IFNAMSIZ]; /* "tun ls-dns", "carrier ls-dns", "will 3" */
    struct buf line;
};

/** What the guard has said of an interface. */
struct known {
    char ifname[IFNAMSIZ];
    bool carrier;
};

struct guard {
    struct guard_host host;
    bool (*alive)(void *ctx);
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned n_handles;
    int fd;
    pid_t pid;         /* 0: not said yet, or reaped */
    uint64_t asked_at; /* of the loop's clock: the first beat that is not answered; 0: none */
    uint64_t timer_at; /* the last turn of the timer */
    bool lost, closed;
    VEC(struct waiting) waiting;
    VEC(struct known) known;
};

/* ---- the end ---- */

static void free_waiting(struct guard *g)
{
    for (size_t i = 0; i < g->waiting.n; i++)
        buf_free(&g->waiting.v[i].line);
    vec_free(&g->waiting);
}

static void on_closed(uv_handle_t *handle)
{
    struct guard *g = handle->data;
    if (--g->n_handles > 0)
        return;
    close(g->fd);
    free_waiting(g);
    vec_free(&g->known);
    free(g);
}

static void reap(struct guard *g)
{
    if (g->pid && waitpid(g->pid, NULL, WNOHANG) != 0)
        g->pid = 0;
}

/** Each interface that has been there is told of; the list is empty when they are gone. */
static void tell_all(struct guard *g, bool there, const char *why)
{
    for (size_t i = 0; i < g->known.n && !g->closed; i++) {
        g->known.v[i].carrier = false;
        g->host.tun(g->host.ctx, g->known.v[i].ifname, there, false, why);
    }
    if (!there)
        g->known.n = 0;
}

static void lose(struct guard *g, const char *why)
{
    if (g->lost)
        return;
    g->lost = true;
    uv_poll_stop(&g->poll);
    free_waiting(g);
    shutdown(g->fd, SHUT_RDWR);
    log_error("the guard of announcements %s: their interfaces are gone, and nothing that needs "
              "one is announced until loadstard is restarted",
              why);
    tell_all(g, false, "the guard has ended; it takes a restart of loadstard");
    if (!g->closed)
        g->host.lost(g->host.ctx);
}

/* ---- what it says ---- */

static struct known *find(struct guard *g, const char *ifname)
{
    for (size_t i = 0; i < g->known.n; i++)
        if (strcmp(g->known.v[i].ifname, ifname) == 0)
            return &g->known.v[i];
    return NULL;
}

static void on_late(struct guard *g)
{
    struct buf back = {0};
    buf_puts(&back, "back");
    guard_ask(g, "back", "", &back);
    log_error(
        "there was no sign of life for %d s (a thread that hung, or a host that stood still): "
        "the guard has withdrawn what was announced",
        GUARD_PATIENCE_MS / 1000);
    tell_all(g, true, "the guard has taken it down, as there was no sign of life");
    if (g->host.late && !g->closed)
        g->host.late(g->host.ctx);
}

static void on_result(struct guard *g, const struct guard_answer *a)
{
    struct known *known = find(g, a->ifname);
    bool ok = a->kind == GUARD_ANSWER_OK;
    if (ok && a->verb == GUARD_TUN && !known) {
        known = vec_push(&g->known);
        memcpy(known->ifname, a->ifname, sizeof known->ifname);
    }
    if (ok && a->verb == GUARD_CARRIER && known)
        known->carrier = a->up;
    if (ok && a->verb == GUARD_GONE && known) {
        *known = g->known.v[--g->known.n];
        known = NULL;
    }
    g->host.tun(g->host.ctx, a->ifname, known, known && known->carrier, a->text);
}

static void on_answer(struct guard *g, char *line, size_t n)
{
    struct guard_answer a;
    if (guard_answer_read(&a, line, n) != 0) {
        log_error("the guard answers in words that are not known");
        return;
    }
    switch (a.kind) {
    case GUARD_ANSWER_HELLO:
        g->pid = a.pid;
        break;
    case GUARD_ANSWER_LATE:
        on_late(g);
        break;
    case GUARD_ANSWER_OK:
    case GUARD_ANSWER_ERROR:
        if (a.verb != GUARD_BEAT)
            on_result(g, &a);
        break;
    }
}

/** Returns whether there may be more. */
static bool take_line(struct guard *g)
{
    char line[1024 + 1];
    ssize_t n = recv(g->fd, line, sizeof line - 1, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        lose(g, "has ended");
        return false;
    }
    g->asked_at = 0;
    if ((size_t)n < sizeof line)
        on_answer(g, line, (size_t)n);
    return !g->lost && !g->closed;
}

/* ---- what is asked ---- */

static void watch(struct guard *g);

/** False: it does not read now, or never will, which the end of the file tells. */
static bool send_line(const struct guard *g, const char *p, size_t n)
{
    return send(g->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void send_waiting(struct guard *g)
{
    size_t n = 0;
    while (n < g->waiting.n && send_line(g, g->waiting.v[n].line.p, g->waiting.v[n].line.n))
        buf_free(&g->waiting.v[n++].line);
    if (n > 0)
        memmove(g->waiting.v, g->waiting.v + n, (g->waiting.n - n) * sizeof *g->waiting.v);
    g->waiting.n -= n;
    watch(g);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct guard *g = poll->data;
    (void)status, (void)events;
    for (unsigned i = 0; i < TURN_LINES && take_line(g); i++)
        ;
    if (!g->lost && !g->closed)
        send_waiting(g);
}

static void watch(struct guard *g)
{
    uv_poll_start(&g->poll, UV_READABLE | UV_DISCONNECT | (g->waiting.n > 0 ? UV_WRITABLE : 0),
                  on_poll);
}

/** What waits of the same key is said by this one. An interface that goes in between is a new one
 *  afterwards: nothing is moved across that. */
void guard_ask(struct guard *g, const char *verb, const char *name, struct buf *line)
{
    char key[sizeof g->waiting.v->key];
    snprintf(key, sizeof key, "%s %s", verb, name);
    size_t i = g->waiting.n;
    while (i > 0 && strcmp(g->waiting.v[i - 1].key, key) != 0 &&
           !(strncmp(g->waiting.v[i - 1].key, "gone ", 5) == 0 &&
             strcmp(g->waiting.v[i - 1].key + 5, name) == 0))
        i--;
    if (i > 0 && strcmp(g->waiting.v[i - 1].key, key) == 0) {
        buf_free(&g->waiting.v[i - 1].line);
        g->waiting.v[i - 1].line = *line;
        return;
    }
    if (g->lost || g->waiting.n >= WAITING_MAX) {
        buf_free(line);
        shutdown(g->fd, SHUT_RDWR); /* the loop finds its end */
        return;
    }
    struct waiting *waiting = vec_push(&g->waiting);
    memcpy(waiting->key, key, sizeof key);
    waiting->line = *line;
    send_waiting(g);
}

/* ---- the beat ---- */

/** A guard that hangs neither lowers a carrier nor watches: without it the interfaces go. */
static void end_silent(struct guard *g)
{
    if (g->pid)
        kill(g->pid, SIGKILL);
    lose(g, "does not answer, and was killed");
}

/** The guard may not be blamed for what this loop has slept itself. */
static void judge(struct guard *g, uint64_t now)
{
    if (now - g->timer_at > 3 * GUARD_BEAT_MS && g->asked_at)
        g->asked_at = now;
    g->timer_at = now;
    if (g->asked_at && now - g->asked_at > GUARD_PATIENCE_MS)
        end_silent(g);
}

static void beat(struct guard *g, uint64_t now)
{
    if (g->waiting.n == 0 && !g->alive(g->host.ctx))
        return;
    if (g->waiting.n == 0)
        (void)send_line(g, "beat", 4);
    if (!g->asked_at)
        g->asked_at = now;
}

static void on_timer(uv_timer_t *timer)
{
    struct guard *g = timer->data;
    for (unsigned i = 0; i < TURN_LINES && !g->lost && take_line(g); i++)
        ;
    if (g->lost)
        reap(g);
    else if (!g->closed)
        judge(g, uv_now(timer->loop));
    if (!g->lost && !g->closed)
        beat(g, uv_now(timer->loop));
}

/* ---- for others ---- */

struct guard *guard_open(const struct guard_host *host, int fd, bool (*alive)(void *ctx))
{
    struct guard *g = xcalloc(1, sizeof *g);
    uv_loop_t *loop = drive_loop(host->drive);
    g->host = *host;
    g->alive = alive;
    g->fd = fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    uv_poll_init(loop, &g->poll, fd);
    uv_timer_init(loop, &g->timer);
    g->n_handles = 2;
    g->poll.data = g->timer.data = g;
    uv_update_time(loop);
    g->timer_at = uv_now(loop);
    watch(g);
    uv_timer_start(&g->timer, on_timer, 0, GUARD_BEAT_MS);
    return g;
}

void guard_close(struct guard *g, bool withdrawn)
{
    if (withdrawn && !g->lost)
        (void)!send(g->fd, "bye", 3, MSG_NOSIGNAL | MSG_DONTWAIT);
    g->closed = true;
    uv_close((uv_handle_t *)&g->poll, on_closed);
    uv_close((uv_handle_t *)&g->timer, on_closed);
}
