/* SPDX-License-Identifier: Apache-2.0
 * Pages written on another thread. */
#include "ctl/later.h"

#include "base/arena.h"
#include "base/give_way.h"

#include <stdlib.h>

#define DISK_AGE_MS 10000 /* scrapes and dashboards need not stat every file each time */

struct later {
    struct ctl *ctl;
    struct later *next;
    later_page_fn *page;
    char *pool;
    http_respond_fn *respond;
    void *arg;
    uv_work_t work;
    struct facts facts;
    struct generation *generation;
    struct packed_states states;
    struct http_response response;
};

/* Copies what the facts lend. */
static void keep_facts(struct later *l)
{
    struct facts *f = &l->facts;
    ctl_facts(l->ctl, f);
    ctl_facts_disk(l->ctl, f, DISK_AGE_MS);
    ctl_facts_give(l->ctl, f);
    l->generation = generation_hold((struct generation *)(uintptr_t)f->generation);
    l->states = states_pack(f->states, 0, f->generation->model->n_endpoints);
}

static void write_page(void *arg)
{
    struct later *l = arg;
    struct facts *f = &l->facts;
    struct endpoint_state *states = xcalloc(l->states.n + 1, sizeof *states);
    states_unpack(states, &l->states);
    f->states = states;
    l->response = l->page(f, l->pool);
    give_way_free(states, (l->states.n + (size_t)1) * sizeof *states);
    packed_states_free(&l->states);
    facts_release(f);
    generation_free(l->generation);
}

static void in_thread(uv_work_t *work)
{
    give_way_run(write_page, work->data);
}

static void finish(struct later *l);

static void after_thread(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    finish(work->data);
}

static void start(struct later *l)
{
    if (ctl_is_stopping(l->ctl)) {
        l->response = http_error(503, "loadstard stops");
        finish(l);
        return;
    }
    keep_facts(l);
    if (uv_queue_work(ctl_loop(l->ctl), &l->work, in_thread, after_thread) != 0) {
        write_page(l);
        finish(l);
    }
}

static void finish(struct later *l)
{
    struct later *next = l->next;
    struct ctl *ctl = l->ctl;
    l->respond(l->arg, l->response);
    free(l->pool);
    free(l);
    *ctl_pages(ctl) = next;
    if (next)
        start(next);
    ctl_waited(ctl);
}

void later_respond(struct ctl *ctl, later_page_fn *page, const char *pool, http_respond_fn *respond,
                   void *arg)
{
    struct later *l = xcalloc(1, sizeof *l), **at = ctl_pages(ctl);
    bool is_first = !*at;
    *l = (struct later){
        .ctl = ctl, .page = page, .pool = xstrdup(pool), .respond = respond, .arg = arg};
    l->work.data = l;
    while (*at)
        at = &(*at)->next;
    *at = l;
    ctl_wait(ctl);
    if (is_first)
        start(l);
}
