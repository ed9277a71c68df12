/* SPDX-License-Identifier: Apache-2.0
 * Carrying out requests. */
#include "ctl/run.h"

#include "base/log.h"
#include "control/json.h"
#include "ctl/action.h"
#include "ctl/disk.h"
#include "ctl/gather.h"
#include "ctl/page_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
    uv_loop_t *loop;
    struct ctl_host host;
    struct gather *gather;
    struct disk *disk;
    struct pages *pages;
    unsigned n_waiting; /* requests that have not been answered yet */
    bool parts_stopped;
    void (*done)(void *arg);
    void *arg;
};

static void answer(const struct run_asker *to, json_t *result)
{
    to->reply(to->arg, &(struct control_reply){.result = result});
    json_decref(result);
}

static void refuse(const struct run_asker *to, int code, const char *error)
{
    to->reply(to->arg, &(struct control_reply){.code = code, .error = error});
}

/* Those that wait: they end later, maybe after the asker has gone, but not after us */

struct waiting {
    struct run *run;
    struct run_asker to;
};

static struct waiting *wait_new(struct run *run, const struct run_asker *to)
{
    struct waiting *w = xcalloc(1, sizeof *w);
    *w = (struct waiting){run, *to};
    run->n_waiting++;
    return w;
}

static void finish_stop(struct run *run);

static void wait_end(struct waiting *w)
{
    struct run *run = w->run;
    free(w);
    run->n_waiting--;
    finish_stop(run);
}

/* Documents */

static void on_page(void *arg, struct page *page)
{
    struct waiting *w = arg;
    struct control_reply reply = {.page = page};
    char *error = NULL;
    if (!page)
        reply = (struct control_reply){
            .code = E_SYSTEM,
            .busy = true,
            .error = "too many readers do not take their answers, try again later"};
    else if (page->code != 0) {
        error = strndup(page->bytes, page->n);
        reply = (struct control_reply){.code = page->code, .error = error};
    }
    w->to.reply(w->to.arg, &reply);
    free(error);
    wait_end(w);
}

/* Changes */

struct changing {
    struct waiting *waiting;
    struct ctl_request request;
};

static void on_changed(void *arg, int code, json_t *result, const char *error)
{
    struct changing *c = arg;
    struct waiting *w = c->waiting;
    const struct ctl_request *r = &c->request;
    if (code == 0 && !r->dry_run)
        log_notice("%s: %s %s: %s%s%s", r->actor.text, request_command_text(r->command), r->target,
                   r->command == CTL_SET ? override_text(r->state) : "weight changed",
                   r->reason[0] ? ", " : "", r->reason);
    if (code == 0)
        answer(&w->to, result);
    else
        refuse(&w->to, code, error);
    free(c);
    wait_end(w);
}

static void run_action(struct run *run, const struct run_asker *to,
                       const struct ctl_request *request)
{
    struct facts f;
    struct changing *c = xcalloc(1, sizeof *c);
    *c = (struct changing){wait_new(run, to), *request};
    gather_facts(run->gather, GATHER_SUMMARY, &f);
    action_run(run->loop, run->host.checker(run->host.ctx), &f, request, on_changed, c);
}

/* Reloads */

static json_t *list_diags(const struct diags *diags, enum diag_severity severity)
{
    struct arena *arena = arena_new();
    json_t *list = json_array();
    for (size_t i = 0; diags && i < diags->n; i++)
        if (diags->v[i].severity == severity)
            json_array_append_new(list, json_text(diag_text(arena, &diags->v[i])));
    arena_free(arena);
    return list;
}

static void reply_reload(const struct waiting *w, int code, const struct diags *diags)
{
    json_t *warnings = list_diags(diags, DIAG_WARNING);
    if (code == 0) {
        const struct generation *g = w->run->host.generation(w->run->host.ctx);
        char hash[17];
        json_t *result = json_object();
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)g->model->file_hash);
        json_set_int(result, "generation", (int64_t)g->number);
        json_set_text(result, "hash", hash);
        json_set_int(result, "zones_read", g->snapshot->n_read);
        json_set_int(result, "zones_kept", g->snapshot->n_kept);
        json_object_set(result, "warnings", warnings);
        answer(&w->to, result);
    } else {
        json_t *errors = list_diags(diags, DIAG_ERROR);
        json_array_extend(errors, warnings);
        w->to.reply(w->to.arg, &(struct control_reply){
                                   .code = E_INVALID,
                                   .error = "the reload failed; what ran before goes on serving",
                                   .errors = errors,
                               });
        json_decref(errors);
    }
    json_decref(warnings);
}

static void on_reloaded(void *arg, int code, const struct diags *diags)
{
    struct waiting *w = arg;
    reply_reload(w, code, diags);
    wait_end(w);
}

static void on_step(void *arg, const char *step)
{
    const struct waiting *w = arg;
    w->to.progress(w->to.arg, step);
}

static void run_reload(struct run *run, const struct run_asker *to,
                       const struct ctl_request *request)
{
    log_notice("%s: reload%s", request->actor.text, request->force ? " --force" : "");
    run->host.reload(run->host.ctx, request->force, &request->actor,
                     &(struct ctl_reload_waiter){.done = on_reloaded,
                                                 .step = to->progress ? on_step : NULL,
                                                 .arg = wait_new(run, to)});
}

static void run_stop_command(struct run *run, const struct run_asker *to,
                             const struct ctl_request *request)
{
    json_t *result = json_object();
    json_set_bool(result, "stopping", true);
    json_set_int(result, "pid", getpid());
    log_notice("%s: stop", request->actor.text);
    answer(to, result);
    run->host.stop(run->host.ctx, &request->actor);
}

/* Requests */

static void run_request(void *ctx, const struct ctl_request *request, const struct run_asker *asker)
{
    struct run *run = ctx;
    enum ctl_command command = request ? request->command : CTL_STATUS;
    if (command == CTL_RELOAD)
        run_reload(run, asker, request);
    else if (command == CTL_STOP)
        run_stop_command(run, asker, request);
    else if (command == CTL_SET || command == CTL_WEIGHT)
        run_action(run, asker, request);
    else
        pages_ask(run->pages, request, on_page, wait_new(run, asker));
}

static bool is_serving(void *ctx)
{
    struct run *run = ctx;
    return run->host.serving(run->host.ctx);
}

static uint64_t state_tag(void *ctx)
{
    struct run *run = ctx;
    struct facts f;
    gather_facts(run->gather, GATHER_ORDERS, &f);
    return gather_state_tag(&f);
}

struct run_service run_service(struct run *run)
{
    return (struct run_service){run, run_request, is_serving, state_tag};
}

struct pages *run_pages(struct run *run)
{
    return run->pages;
}

void run_watch_token(struct run *run, const struct token *token)
{
    disk_watch_token(run->disk, token);
}

/* Its life */

struct run *run_new(uv_loop_t *loop, const struct ctl_host *host)
{
    struct run *run = xcalloc(1, sizeof *run);
    run->loop = loop;
    run->host = *host;
    run->gather = gather_new(loop, host);
    run->disk = disk_new(loop, host);
    run->pages = pages_new(loop, run->gather, run->disk);
    return run;
}

static void finish_stop(struct run *run)
{
    if (run->parts_stopped && run->n_waiting == 0)
        run->done(run->arg);
}

static void on_gather_stopped(void *arg)
{
    struct run *run = arg;
    run->parts_stopped = true;
    finish_stop(run);
}

static void on_disk_stopped(void *arg)
{
    struct run *run = arg;
    run->disk = NULL;
    gather_stop(run->gather, on_gather_stopped, run);
}

static void on_pages_stopped(void *arg)
{
    struct run *run = arg;
    disk_stop(run->disk, on_disk_stopped, run);
}

void run_stop(struct run *run, void (*done)(void *arg), void *arg)
{
    run->done = done;
    run->arg = arg;
    pages_stop(run->pages, on_pages_stopped, run);
}

void run_free(struct run *run)
{
    pages_free(run->pages);
    gather_free(run->gather);
    free(run);
}
