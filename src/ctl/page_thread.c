/* SPDX-License-Identifier: Apache-2.0
 * Pages written on another thread.
 *
 * A queue of jobs. The first is waiting for its turn (`pause`), for the look at the disk, or in the
 * thread; the others wait behind it, and more askers may join them. */
#include "ctl/page_thread.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/give_way.h"
#include "base/turns.h"
#include "base/vec.h"
#include "ctl/copies.h"
#include "ctl/page_write.h"

#include <stdlib.h>

#define METRICS_DISK_AGE_MS 10000 /* scrapes need not stat every file each time */
#define SLICE_US 2000             /* of a turn of the loop, for copying */
#define SLICE_PAUSE_MS 2
#define SHARE 3 /* pauses so many times as long as the loop was held */

struct asker {
    page_ready_fn *ready;
    void *arg;
};

struct job {
    struct pages *pages;
    struct job *next;
    bool is_metrics, with_members; /* the latter: of metrics */
    struct ctl_request request;
    VEC(struct asker) askers;
    uv_work_t work;
    int64_t held_us; /* the loop, by the copying */
    struct facts facts;
    struct arena *texts;
    struct copies copies;
    bool is_made; /* on the loop: `made`, which the thread writes */
    struct page_made made;
    struct page_text text;
    uint64_t state_tag;
};

struct pages {
    uv_loop_t *loop;
    struct gather *gather;
    struct disk *disk;
    struct page_budget budget;
    uv_timer_t pause;
    struct job *jobs;
    bool begun;   /* the first job has its facts, or waits for the disk */
    bool copying; /* or gets them, slice by slice */
    bool stopping, timer_closed;
    void (*reclaim)(void *arg);
    void *reclaim_arg;
    void (*done)(void *arg);
    void *done_arg;
};

struct pages *pages_new(uv_loop_t *loop, struct gather *gather, struct disk *disk)
{
    struct pages *p = xcalloc(1, sizeof *p);
    *p = (struct pages){
        .loop = loop, .gather = gather, .disk = disk, .budget.max_b = PAGES_KEPT_MAX};
    uv_timer_init(loop, &p->pause);
    p->pause.data = p;
    return p;
}

struct page_budget *pages_budget(struct pages *p)
{
    return &p->budget;
}

void pages_on_spent(struct pages *p, void (*reclaim)(void *arg), void *arg)
{
    if (!reclaim && p->reclaim_arg != arg)
        return;
    p->reclaim = reclaim;
    p->reclaim_arg = arg;
}

void pages_reclaim(struct pages *p)
{
    if (p->reclaim)
        p->reclaim(p->reclaim_arg);
}

/* Ends of jobs */

static void begin_next(struct pages *p);

static void finish_stop(struct pages *p)
{
    if (!p->jobs && p->timer_closed && p->done)
        p->done(p->done_arg);
}

static void finish(struct job *job, struct page *page)
{
    struct pages *p = job->pages;
    p->jobs = job->next;
    p->begun = false;
    for (size_t i = 0; i < job->askers.n; i++)
        job->askers.v[i].ready(job->askers.v[i].arg, page);
    page_release(page);
    vec_free(&job->askers);
    copies_free(&job->copies);
    free(job);
}

/** The page of a job that has been written. */
static struct page *make_page(struct job *job)
{
    struct page_text *t = &job->text;
    struct page *page = page_new(&job->pages->budget, t->code, t->bytes, t->n);
    if (t->code == 0 && !job->is_metrics)
        snprintf(page->tag, sizeof page->tag, "%016llx-%016llx", (unsigned long long)job->state_tag,
                 (unsigned long long)t->digest);
    return page;
}

/* The thread */

static void write_page(void *arg)
{
    struct job *job = arg;
    struct facts *f = &job->facts;
    if (job->is_made) {
        page_write_made(&job->text, &job->made);
        return;
    }
    uint32_t n = job->copies.n_endpoints;
    struct endpoint_state *states = xcalloc(n + 1u, sizeof *states);
    copies_unpack(&job->copies, states);
    f->states = states;
    f->probes = job->copies.probes;
    f->n_probes = job->copies.n_probes;
    f->dns_left = job->copies.dns_left.v;
    f->members_wanted = job->with_members;
    f->n_dns_left = (uint32_t)job->copies.dns_left.n;
    page_write(&job->text, f, job->is_metrics ? NULL : &job->request);
    give_way_free(states, (n + (size_t)1) * sizeof *states);
    gather_release(f);
    arena_free(job->texts);
    copies_free(&job->copies);
}

static void in_thread(uv_work_t *work)
{
    give_way_run(write_page, work->data);
}

static void after_thread(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct pages *p = job->pages;
    (void)status; /* never cancelled */
    finish(job, make_page(job));
    begin_next(p);
}

/* The loop */

static void write_there(void *arg);

static void on_pause_over(uv_timer_t *timer)
{
    struct pages *p = timer->data;
    if (p->copying)
        write_there(p->jobs);
    else
        begin_next(p);
}

/** Lets others have the loop that was held for `held_us`, before the next job. */
static void pause_for(struct pages *p, int64_t held_us)
{
    if (!p->stopping && held_us >= 1000)
        uv_timer_start(&p->pause, on_pause_over, (uint64_t)(held_us * SHARE / 1000), 0);
}

static void start_thread(struct job *job)
{
    job->work.data = job;
    if (uv_queue_work(job->pages->loop, &job->work, in_thread, after_thread) != 0) {
        write_page(job);
        after_thread(&job->work, 0);
    }
}

/** Those that only this thread can make, of the snapshot and of the log of events. */
static void make_here(struct job *job)
{
    struct pages *p = job->pages;
    int64_t began_us = clock_mono_us();
    gather_facts(p->gather, GATHER_ORDERS, &job->facts);
    page_make(&job->made, &job->facts, &job->request);
    job->is_made = true;
    pause_for(p, clock_mono_us() - began_us);
    turns_part("a document made", began_us);
    start_thread(job);
}

/** Copies what the facts lend, and hands all over to the thread. */
static void hand_over(struct job *job)
{
    struct pages *p = job->pages;
    struct facts *f = &job->facts;
    gather_facts(p->gather, GATHER_ALL, f);
    disk_set(p->disk, f);
    job->state_tag = gather_state_tag(f);
    job->texts = arena_new();
    gather_give(p->gather, f, job->texts);
    start_thread(job);
}

/** A slice of the copying; after the last, with the facts of that moment, on to the thread. */
static void write_there(void *arg)
{
    struct job *job = arg;
    struct pages *p = job->pages;
    int64_t began_us = clock_mono_us();
    if (p->stopping) {
        finish(job, NULL);
        begin_next(p);
        return;
    }
    const struct ctl_host *host = gather_host(p->gather);
    if (job->is_metrics || page_needs_states(&job->request))
        p->copying = !copies_step(&job->copies, host, began_us + SLICE_US);
    else
        copies_none(&job->copies, host);
    job->held_us += clock_mono_us() - began_us;
    turns_part("facts copied for a document", began_us);
    if (p->copying) {
        uv_timer_start(&p->pause, on_pause_over, SLICE_PAUSE_MS, 0);
        return;
    }
    pause_for(p, job->held_us);
    hand_over(job);
}

/** Begins a job. Returns whether it has ended already. */
static bool begin(struct job *job)
{
    struct pages *p = job->pages;
    if (!p->stopping && page_budget_is_spent(&p->budget))
        pages_reclaim(p);
    if (p->stopping || page_budget_is_spent(&p->budget)) {
        finish(job, NULL);
        return true;
    }
    if (!job->is_metrics && page_needs_the_loop(&job->request))
        make_here(job);
    else if (job->is_metrics || job->request.command == CTL_STATUS)
        disk_ask(p->disk, job->is_metrics ? METRICS_DISK_AGE_MS : 0, write_there, job);
    else
        write_there(job);
    return false;
}

static void begin_next(struct pages *p)
{
    while (p->jobs && !p->begun) {
        if (!p->stopping && uv_is_active((uv_handle_t *)&p->pause))
            return;
        p->begun = true;
        if (!begin(p->jobs))
            return;
    }
    if (p->stopping)
        finish_stop(p);
}

static bool is_same_request(const struct ctl_request *a, const struct ctl_request *b)
{
    return a->command == b->command && a->limit == b->limit && strcmp(a->from, b->from) == 0 &&
           strcmp(a->pool, b->pool) == 0 && strcmp(a->name, b->name) == 0 && a->diff == b->diff &&
           ip_equal(&a->address, &b->address);
}

static bool is_same(const struct job *job, const struct ctl_request *request, bool with_members)
{
    if (!request || job->is_metrics)
        return !request && job->is_metrics && job->with_members == with_members;
    return !page_needs_the_loop(request) && is_same_request(&job->request, request);
}

static void ask(struct pages *p, const struct ctl_request *request, bool with_members,
                page_ready_fn *ready, void *arg)
{
    struct job **at = &p->jobs;
    if (p->stopping) {
        ready(arg, NULL);
        return;
    }
    if (*at && p->begun)
        at = &(*at)->next;
    while (*at && !is_same(*at, request, with_members))
        at = &(*at)->next;
    if (!*at) {
        *at = xcalloc(1, sizeof **at);
        (*at)->pages = p;
        (*at)->is_metrics = !request;
        (*at)->with_members = with_members;
        if (request)
            (*at)->request = *request;
    }
    *vec_push(&(*at)->askers) = (struct asker){ready, arg};
    /* Not at once: the asker need not be ready for its answer before this returns. */
    if (!p->begun && !uv_is_active((uv_handle_t *)&p->pause))
        uv_timer_start(&p->pause, on_pause_over, 0, 0);
}

void pages_ask(struct pages *p, const struct ctl_request *request, page_ready_fn *ready, void *arg)
{
    ask(p, request, false, ready, arg);
}

void pages_ask_members(struct pages *p, page_ready_fn *ready, void *arg)
{
    ask(p, NULL, true, ready, arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct pages *p = handle->data;
    p->timer_closed = true;
    if (p->copying) {
        p->copying = false;
        finish(p->jobs, NULL);
    }
    begin_next(p);
}

void pages_stop(struct pages *p, void (*done)(void *arg), void *arg)
{
    p->stopping = true;
    p->done = done;
    p->done_arg = arg;
    uv_close((uv_handle_t *)&p->pause, on_closed);
}

void pages_free(struct pages *p)
{
    free(p);
}
