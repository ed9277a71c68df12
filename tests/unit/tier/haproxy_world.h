/* SPDX-License-Identifier: Apache-2.0
 * A world for HAProxy's driver: a drive, a tier of two members in backend be_web, and servers on
 * Unix sockets that say what a test has them say. Included once in a program. */
#pragma once

#include "base/buf.h"
#include "drive/descriptors.h"
#include "tests/unit/drive/wait.h"
#include "tier/agent.h"
#include "tier/driver.h"
#include "tier/tiers_thread.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- who says what ---- */

enum manner {
    SAYS,        /* the next text of its list, and closes */
    SAYS_STAYS,  /* the same, and does not close */
    SILENT,      /* nothing, and does not close */
    DRIPS,       /* the text, a byte in 400 ms */
    ENDLESS,     /* the text, then its last line again and again */
    ENDLESS_ROW, /* the text, then servers a0, a1, a2, ... */
};

struct fake {
    char path[108];
    enum manner manner;
    const char *texts[8];
    unsigned n_texts;
    char requests[8][65536]; /* what was asked, one a connection */
    _Atomic unsigned n_requests;
    int listener;
    pthread_t thread;
};

static void say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

/** Until the other side has gone. */
static void stay(int fd)
{
    char byte[256];
    while (recv(fd, byte, sizeof byte, 0) > 0)
        ;
}

static void drip(int fd, const char *text)
{
    for (; *text; text++) {
        struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
        if (send(fd, text, 1, MSG_NOSIGNAL) != 1 || poll(&gone, 1, 400) > 0)
            return;
    }
}

static void say_endlessly(int fd, const char *text, bool rows)
{
    char row[96];
    say(fd, text, strlen(text));
    for (unsigned long i = 0;; i++) {
        int n = rows ? snprintf(row, sizeof row, "be_web a%lu 10.0.0.1 2 0 100 100 80\n", i)
                     : snprintf(row, sizeof row, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        if (send(fd, row, (size_t)n, MSG_NOSIGNAL) != n)
            return;
    }
}

static void read_request(int fd, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    while (n + 1 < size && !strstr(out, "quit\n") && strcmp(out, "show info\n") != 0) {
        ssize_t got = recv(fd, out + n, size - 1 - n, 0);
        if (got <= 0)
            return;
        n += (size_t)got;
        out[n] = '\0';
    }
}

static inline void *fake_run(void *arg)
{
    struct fake *fake = arg;
    for (unsigned i = 0;; i++) {
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        unsigned at = i < 8 ? i : 7;
        read_request(fd, fake->requests[at], sizeof fake->requests[at]);
        atomic_fetch_add(&fake->n_requests, 1);
        const char *text =
            fake->n_texts ? fake->texts[i < fake->n_texts ? i : fake->n_texts - 1] : "";
        if (fake->manner == DRIPS)
            drip(fd, text);
        else if (fake->manner == ENDLESS || fake->manner == ENDLESS_ROW)
            say_endlessly(fd, text, fake->manner == ENDLESS_ROW);
        else if (fake->manner != SILENT)
            say(fd, text, strlen(text));
        if (fake->manner == SILENT || fake->manner == SAYS_STAYS)
            stay(fd);
        close(fd);
    }
}

static inline struct fake *fake_open(enum manner manner, unsigned n_texts, const char *const *texts)
{
    static unsigned n;
    struct fake *fake = xcalloc(1, sizeof *fake);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(fake->path, sizeof fake->path, "/tmp/loadstar-haproxy-%d-%u", (int)getpid(), n++);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", fake->path);
    fake->manner = manner;
    for (unsigned i = 0; i < n_texts; i++)
        fake->texts[i] = texts[i];
    fake->n_texts = n_texts;
    unlink(fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fake->listener, 8), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
    return fake;
}

static inline void fake_close(struct fake *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    unlink(fake->path);
    free(fake);
}

/* ---- the tier ---- */

struct world {
    struct drive *drive;
    struct wait wait; /* for each thing that was run, and each end of what was begun */
    unsigned n_waited;
    struct tier config;
    struct tier_member members[2];
    struct tier_spec spec;
    struct tier_table table;
    struct tier_plan plan;
    struct driver_host host;
    struct driver *driver;
    int listener; /* of the agent; -1: it has none; less: it is not there */
    char text[1024];
    enum tier_error reason;
    bool failed;
    unsigned n_nudges;
    struct observation seen; /* v is ours */
    char names[8][64];
};

static void on_observed(void *ctx, struct observation *seen)
{
    struct world *w = ctx;
    w->failed = false;
    free(w->seen.v);
    w->seen = *seen;
    w->seen.v = xcalloc(seen->n + 1, sizeof *seen->v);
    for (uint32_t i = 0; i < seen->n; i++) {
        w->seen.v[i] = seen->v[i];
        if (i < 8) {
            snprintf(w->names[i], sizeof w->names[i], "%s", seen->v[i].name);
            w->seen.v[i].name = w->names[i];
        }
    }
    wait_came(&w->wait);
}

static void on_applied(void *ctx)
{
    struct world *w = ctx;
    w->failed = false;
    wait_came(&w->wait);
}

static void on_failed(void *ctx, enum tier_error reason, const char *text)
{
    struct world *w = ctx;
    w->failed = true;
    w->reason = reason;
    snprintf(w->text, sizeof w->text, "%s", text);
    wait_came(&w->wait);
}

static void on_nudge(void *ctx)
{
    struct world *w = ctx;
    w->n_nudges++;
}

static int on_descriptor(void *ctx, const char *name)
{
    struct world *w = ctx;
    (void)name;
    return w->listener;
}

static const struct tier_table *on_table(void *ctx)
{
    struct world *w = ctx;
    return &w->table;
}

static const char *on_reason(void *ctx, uint32_t member)
{
    (void)ctx;
    return member == 0 ? "connection refused" : "timeout";
}

/* Of the thread of all tiers, which is not here. */
const char *agent_listener_name(char out[80], const struct tier *tier)
{
    (void)tier;
    snprintf(out, 80, "agent 127.0.0.1:1");
    return out;
}

static void run_open(void *arg)
{
    struct world *w = arg;
    w->host.agents = agents_new(w->drive);
    w->driver = haproxy_driver.open(&w->host);
    wait_came(&w->wait);
}

static void run_close(void *arg)
{
    struct world *w = arg;
    haproxy_driver.close(w->driver);
    agents_free(w->host.agents);
    wait_came(&w->wait);
}

static void run_observe(void *arg)
{
    struct world *w = arg;
    haproxy_driver.observe(w->driver);
}

static void run_apply(void *arg)
{
    struct world *w = arg;
    haproxy_driver.apply(w->driver, &w->table, &w->plan);
}

static inline void run_pulse(void *arg)
{
    struct world *w = arg;
    haproxy_driver.pulse(w->driver);
    wait_came(&w->wait);
}

static void begin(struct world *w, void (*fn)(void *arg))
{
    drive_post(w->drive, fn, w);
    w->n_waited++;
}

static void run(struct world *w, void (*fn)(void *arg))
{
    begin(w, fn);
    assert_true(wait_for(&w->wait, w->n_waited));
}

/** A tier of ams-web1 10.0.0.1:80 and ams-web2 10.0.0.2:80; `socket` NULL: none. */
static struct world *world_open_at(const char *socket, const char *backend, int listener)
{
    struct world *w = xcalloc(1, sizeof *w);
    static const char *const names[] = {"ams-web1", "ams-web2"};
    wait_init(&w->wait);
    assert_int_equal(drive_start(&w->drive, "test"), 0);
    w->listener = listener;
    w->config = (struct tier){.name = "vip", .type = TIER_HAPROXY};
    w->config.haproxy.backend = backend;
    w->config.socket = socket;
    if (listener != -1)
        w->config.haproxy.agent.addr = (struct ip){.b = {127, 0, 0, 1}, .family = IP_V4};
    w->spec = (struct tier_spec){
        .config = &w->config, .name = "vip", .members = w->members, .n_members = 2};
    for (uint32_t i = 0; i < 2; i++) {
        w->members[i] =
            (struct tier_member){.addr = {.b = {10, 0, 0, (uint8_t)(i + 1)}, .family = IP_V4},
                                 .port = 80,
                                 .name = names[i]};
        struct tier_row *row = vec_push(&w->table.rows);
        row->addr = w->members[i].addr;
        row->port = 80;
        row->member = i;
        snprintf(row->name, sizeof row->name, "%s", names[i]);
        row->wanted = row->target = (struct serving){SERVES_READY, 100};
    }
    w->host = (struct driver_host){.drive = w->drive,
                                   .spec = &w->spec,
                                   .node = "n",
                                   .ctx = w,
                                   .observed = on_observed,
                                   .applied = on_applied,
                                   .failed = on_failed,
                                   .nudge = on_nudge,
                                   .descriptor = on_descriptor,
                                   .table = on_table,
                                   .reason = on_reason};
    run(w, run_open);
    return w;
}

static struct world *world_open(const char *socket)
{
    return world_open_at(socket, "be_web", -1);
}

static void world_close(struct world *w)
{
    run(w, run_close);
    drive_stop(w->drive);
    vec_free(&w->table.rows);
    vec_free(&w->plan.steps);
    free(w->seen.v);
    free(w);
}

static void plan_step(struct world *w, enum plan_op op, uint32_t row, struct serving target)
{
    w->table.rows.v[row].target = target;
    *vec_push(&w->plan.steps) = (struct plan_step){.op = (uint8_t)op, .row = row, .to = target};
}

static void check_failed(const struct world *w, enum tier_error reason, const char *text)
{
    assert_true(w->failed);
    assert_int_equal(w->reason, reason);
    if (!strstr(w->text, text))
        fail_msg("\"%s\" instead of \"%s\"", w->text, text);
}
