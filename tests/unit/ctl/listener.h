/* SPDX-License-Identifier: Apache-2.0
 * For tests of listeners: a service that answers when it is told to, and clients on the same loop.
 */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "ctl/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_MAX 400

/** Requests that wait for an answer. */
struct service {
    uv_loop_t loop;
    struct page_budget budget;
    struct {
        run_reply_fn *reply;
        void *arg;
        bool is_metrics;
    } asked[ASKED_MAX];
    unsigned n_asked, n_requests;
    bool at_once; /* answers with `page` */
    struct page *page;
};

static void service_request(void *ctx, const struct ctl_request *request, const char *who,
                            run_reply_fn *reply, void *arg)
{
    struct service *s = ctx;
    assert_true(who[0] != '\0');
    s->n_requests++;
    if (s->at_once) {
        reply(arg, &(struct run_reply){.page = s->page});
        return;
    }
    assert_true(s->n_asked < ASKED_MAX);
    s->asked[s->n_asked].reply = reply;
    s->asked[s->n_asked].is_metrics = !request;
    s->asked[s->n_asked++].arg = arg;
}

static bool service_serving(void *ctx)
{
    (void)ctx;
    return true;
}

static uint64_t service_tag(void *ctx)
{
    (void)ctx;
    return 1;
}

static struct run_service service_of(struct service *s)
{
    return (struct run_service){s, service_request, service_serving, service_tag};
}

/** Answers all who wait with the page; NULL: refuses. */
static void service_answer(struct service *s)
{
    const struct run_reply busy = {.code = E_SYSTEM, .error = "too many", .busy = true};
    for (unsigned i = 0; i < s->n_asked; i++)
        s->asked[i].reply(s->asked[i].arg, s->page ? &(struct run_reply){.page = s->page} : &busy);
    s->n_asked = 0;
}

static void service_page(struct service *s, size_t n)
{
    char *bytes = xmalloc(n);
    memset(bytes, 'x', n);
    bytes[n - 1] = '\n';
    s->page = page_new(&s->budget, 0, bytes, n);
}

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

static void client_say(int fd, const char *text)
{
    ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent; /* it may have been closed: that shows when it is read */
}

/** Reads what there is, adding it to `text`, which stays a string. Returns whether it has ended. */
static bool client_hear(int fd, char *text, size_t size)
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

static bool client_is_closed(int fd)
{
    char text[256] = "";
    return client_hear(fd, text, sizeof text);
}
