/* SPDX-License-Identifier: Apache-2.0
 * The guard's process: one thread, one socket, and a clock. */
#include "anycast/guard.h"

#include "anycast/guard_tun.h"
#include "anycast/guard_wills.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WILLS_POLL_MS 20
#define TURN_LINES 256 /* read at most before the time is looked at */
#define AGAIN_MS 100   /* from the first wills to the second, when loadstard has ended */
#define OVERSLEPT_MS (3 * GUARD_BEAT_MS) /* late by so much, this process did not run itself */

struct keeper {
    int fd;
    struct tuns tuns;
    struct wills wills;
    int64_t until_ms; /* the next beat has to come before; 0: there was none, nothing is guarded */
    bool late;        /* it did not */
    bool told;        /* late has been said, and is to be answered by `back` */
    bool beating;     /* since it was late */
    bool over;        /* bye, or the end of the file */
    bool bye;
};

/* ---- answers ---- */

/** One who does not read is not waited for. */
static bool say(const struct keeper *k, struct buf *line)
{
    bool said = send(k->fd, line->p, line->n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
    buf_free(line);
    return said;
}

static void answer(struct keeper *k, const struct guard_request *r, const char *verb, int code)
{
    struct buf line = {0};
    buf_printf(&line, "%s %s %s", code == 0 ? "ok" : "error", verb, r->ifname);
    if (code != 0)
        guard_word_add(&line, slice_str(k->tuns.error));
    else if (r->verb == GUARD_CARRIER)
        buf_puts(&line, r->up ? " 1" : " 0");
    (void)say(k, &line);
}

static bool say_word(const struct keeper *k, const char *text)
{
    struct buf line = {0};
    buf_puts(&line, text);
    return say(k, &line);
}

/* ---- too late ---- */

/** Announced no more, by whatever way: carriers first, they are the fastest. */
static void withdraw(struct keeper *k, bool links, const char *why)
{
    tuns_down(&k->tuns, links);
    unsigned n = wills_run(&k->wills, clock_mono_ms());
    log_error(
        "guard: %s: the carriers of %zu interfaces are down, %u speakers are told to withdraw", why,
        k->tuns.v.n, n);
}

static void judge(struct keeper *k, int64_t now_ms)
{
    bool busy = wills_reap(&k->wills, now_ms);
    if (!k->late && k->until_ms && now_ms >= k->until_ms) {
        k->late = true;
        k->told = k->beating = false;
        withdraw(k, false, "loadstard gives no sign of life");
        return;
    }
    /* Not while a will is under way: it would take what is announced anew. */
    if (k->late && !k->told && k->beating && !busy) {
        k->told = say_word(k, "late");
        if (k->told)
            log_notice("guard: loadstard is back");
    }
}

/* ---- requests ---- */

static int set_tun(struct keeper *k, const struct guard_request *r)
{
    if (k->tuns.v.n < GUARD_TUNS_MAX || tuns_find(&k->tuns, r->ifname))
        return tuns_set(&k->tuns, r->ifname, r->addresses, r->n_addresses);
    snprintf(k->tuns.error, sizeof k->tuns.error, "there are %d interfaces already",
             GUARD_TUNS_MAX);
    return E_SYSTEM;
}

static int set_carrier(struct keeper *k, const struct guard_request *r)
{
    if (!k->late || !r->up)
        return tuns_carrier(&k->tuns, r->ifname, r->up);
    snprintf(k->tuns.error, sizeof k->tuns.error, "there was no sign of life for %d s",
             GUARD_PATIENCE_MS / 1000);
    return E_SYSTEM;
}

static void on_beat(struct keeper *k)
{
    k->until_ms = clock_mono_ms() + GUARD_PATIENCE_MS;
    k->beating = true;
    (void)say_word(k, "ok beat");
}

static void obey(struct keeper *k, const struct guard_request *r, const char *line, size_t n)
{
    switch (r->verb) {
    case GUARD_TUN:
        answer(k, r, "tun", set_tun(k, r));
        break;
    case GUARD_GONE:
        answer(k, r, "gone", tuns_drop(&k->tuns, r->ifname));
        break;
    case GUARD_CARRIER:
        answer(k, r, "carrier", set_carrier(k, r));
        break;
    case GUARD_WILL:
        wills_set(&k->wills, r, line, n);
        break;
    case GUARD_BEAT:
        on_beat(k);
        break;
    case GUARD_BACK:
        k->late = k->late && !k->told;
        break;
    case GUARD_BYE:
        k->over = k->bye = true;
        break;
    }
}

/** One line; false: there is none. */
static bool take_line(struct keeper *k)
{
    static char line[GUARD_LINE_MAX + 1], words[GUARD_LINE_MAX + 1];
    static struct guard_request request;
    ssize_t n = recv(k->fd, line, sizeof line, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0)
        k->over = k->over || (errno != EAGAIN && errno != EINTR);
    if (n == 0)
        k->over = true;
    if (n <= 0)
        return false;
    size_t length = (size_t)n < sizeof line ? (size_t)n : 0;
    memcpy(words, line, length);
    if (length == 0 || guard_request_read(&request, words, length) != 0)
        log_error("guard: a line of %zd bytes is not understood", n);
    else
        obey(k, &request, line, length);
    return !k->over;
}

/* ---- the process ---- */

/** Whoever ends loadstard may send its signal to all that belongs to it, and means that the guard
 *  ends once loadstard has drained: the end of the file is that. Nor does it end with its parent by
 *  a signal, as that would be before it has withdrawn. */
static void ignore_signals(void)
{
    static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT, SIGPIPE,
                                  SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        signal(numbers[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_NAME, "ls-guard");
}

static int wait_ms(const struct keeper *k, int64_t now_ms)
{
    int64_t ms =
        k->until_ms && !k->late && k->until_ms > now_ms ? k->until_ms - now_ms : GUARD_PATIENCE_MS;
    for (unsigned i = 0; i < GUARD_WILLS_MAX; i++)
        if (k->wills.v[i].pid && ms > WILLS_POLL_MS)
            ms = WILLS_POLL_MS;
    return (int)ms;
}

/** A host that stood still, or has no time even for us, says nothing of loadstard: it has a moment
 *  to beat. */
static void allow_for_sleep(struct keeper *k, int64_t asked_ms, int64_t now_ms)
{
    if (now_ms - asked_ms >= OVERSLEPT_MS && k->until_ms && k->until_ms < now_ms + OVERSLEPT_MS)
        k->until_ms = now_ms + OVERSLEPT_MS;
}

static void turn(struct keeper *k)
{
    struct pollfd p = {.fd = k->fd, .events = POLLIN};
    int64_t now_ms = clock_mono_ms();
    int ms = wait_ms(k, now_ms);
    poll(&p, 1, ms);
    for (unsigned i = 0; i < TURN_LINES && take_line(k); i++)
        ;
    int64_t asked_ms = now_ms + ms;
    now_ms = clock_mono_ms();
    allow_for_sleep(k, asked_ms, now_ms);
    judge(k, now_ms);
}

static void await_wills(struct keeper *k)
{
    while (wills_reap(&k->wills, clock_mono_ms()))
        poll(NULL, 0, WILLS_POLL_MS);
}

/** Before the first beat nothing was announced: loadstard could not start. What was withdrawn when
 *  it was late may be announced again: it tells speakers as soon as it goes on, and hears of us
 *  after that. And a command that it had begun when it ended may come after the first will. */
static void finish(struct keeper *k)
{
    bool has_to = !k->bye && k->until_ms;
    if (has_to)
        withdraw(k, true, "loadstard has ended");
    tuns_close(&k->tuns);
    if (!has_to)
        return;
    await_wills(k);
    poll(NULL, 0, AGAIN_MS);
    wills_run_again(&k->wills, clock_mono_ms());
    await_wills(k);
}

int guard_run(int fd)
{
    static struct keeper k;
    struct buf hello = {0};
    k = (struct keeper){.fd = fd};
    ignore_signals();
    tuns_open(&k.tuns);
    buf_printf(&hello, "hello %d", (int)getpid());
    (void)say(&k, &hello);
    while (!k.over)
        turn(&k);
    finish(&k);
    close(fd);
    return 0;
}
