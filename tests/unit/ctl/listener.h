/* SPDX-License-Identifier: Apache-2.0
 * For tests of listeners: a service that answers when it is told to, and clients on the same loop.
 */
#pragma once

#include "base/arena.h"
#include "ctl/run.h"
#include "tests/unit/control/peers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ASKED_MAX 400

/** Requests that wait for an answer. */
struct service {
    uv_loop_t loop;
    struct page_budget budget;
    struct {
        struct run_asker asker;
        bool is_metrics;
    } asked[ASKED_MAX];
    unsigned n_asked, n_requests;
    bool at_once; /* answers with `page` */
    struct page *page;
    struct ctl_request request; /* the last that was not for metrics */
};

static void service_request(void *ctx, const struct ctl_request *request,
                            const struct run_asker *asker)
{
    struct service *s = ctx;
    if (request)
        s->request = *request;
    s->n_requests++;
    if (s->at_once) {
        asker->reply(asker->arg, &(struct control_reply){.page = s->page});
        return;
    }
    assert_true(s->n_asked < ASKED_MAX);
    s->asked[s->n_asked].is_metrics = !request;
    s->asked[s->n_asked++].asker = *asker;
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

static struct tier_view **service_tiers(void *ctx, uint32_t *n)
{
    (void)ctx;
    *n = 0;
    return NULL;
}

static struct run_service service_of(struct service *s)
{
    return (struct run_service){s, service_request, service_serving, service_tag, service_tiers};
}

/** Answers all who wait with the page; NULL: refuses. */
static void service_answer(struct service *s)
{
    const struct control_reply page = {.page = s->page};
    const struct control_reply busy = {.code = E_SYSTEM, .error = "too many", .busy = true};
    for (unsigned i = 0; i < s->n_asked; i++)
        s->asked[i].asker.reply(s->asked[i].asker.arg, s->page ? &page : &busy);
    s->n_asked = 0;
}

__attribute__((unused)) static void service_page(struct service *s, size_t n)
{
    char *bytes = xmalloc(n);
    memset(bytes, 'x', n);
    bytes[n - 1] = '\n';
    s->page = page_new(&s->budget, 0, bytes, n);
}
