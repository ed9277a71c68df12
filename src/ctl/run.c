/* SPDX-License-Identifier: Apache-2.0
 * Carrying out requests. */
#include "ctl/run_parts.h"

#include "base/log.h"
#include "control/json.h"
#include "ctl/healthy.h"

#include <loadstar/control.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void run_answer(const struct run_asker *to, json_t *result)
{
    to->reply(to->arg, &(struct control_reply){.result = result});
    json_decref(result);
}

void run_refuse(const struct run_asker *to, int code, const char *error)
{
    to->reply(to->arg, &(struct control_reply){.code = code, .error = error});
}

/* Those that wait: they end later, maybe after the asker has gone, but not after us */

struct waiting *run_wait_new(struct run *run, const struct run_asker *to)
{
    struct waiting *w = xcalloc(1, sizeof *w);
    *w = (struct waiting){run, *to};
    run->n_waiting++;
    return w;
}

static void finish_stop(struct run *run);

void run_wait_end(struct waiting *w)
{
    struct run *run = w->run;
    free(w);
    run->n_waiting--;
    finish_stop(run);
}

/* Documents */

void run_on_page(void *arg, struct page *page)
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
    run_wait_end(w);
}

static void run_healthy(struct run *run, const struct run_asker *to,
                        const struct ctl_request *request)
{
    struct facts f;
    char error[CTL_TEXT_MAX];
    int code;
    gather_facts(run->gather, GATHER_ORDERS, &f);
    json_t *document = healthy_document(&f, request->target, &code, error);
    if (document)
        run_answer(to, document);
    else
        run_refuse(to, code, error);
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
        run_answer(&w->to, result);
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
    run_wait_end(w);
}

static void on_step(void *arg, const char *step)
{
    const struct waiting *w = arg;
    json_t *progress = json_object();
    json_set_text(progress, "step", step);
    w->to.progress(w->to.arg, progress);
    json_decref(progress);
}

static void run_reload(struct run *run, const struct run_asker *to,
                       const struct ctl_request *request)
{
    log_notice("%s: reload%s", request->actor.text, request->force ? " --force" : "");
    run->host.reload(run->host.ctx, request->force, &request->actor,
                     &(struct ctl_reload_waiter){.done = on_reloaded,
                                                 .step = to->progress ? on_step : NULL,
                                                 .arg = run_wait_new(run, to)});
}

/** How long draining prefix sets may take. */
static int64_t longest_drain_ms(const struct run *run)
{
    const struct model *m = run->host.generation(run->host.ctx)->model;
    int64_t longest_ms = 0;
    for (uint32_t i = 0; i < m->n_prefix_sets; i++)
        if (m->prefix_sets[i].shutdown == ANYCAST_GRACEFUL &&
            m->prefix_sets[i].drain_ms > longest_ms)
            longest_ms = m->prefix_sets[i].drain_ms;
    return longest_ms;
}

static void run_stop_command(struct run *run, const struct run_asker *to,
                             const struct ctl_request *request)
{
    static const char *const words[] = {
        [CTL_STOP_DRAIN] = "", [CTL_STOP_NOW] = " --now", [CTL_STOP_KEEP] = " --keep-announced"};
    enum ctl_stop how = request_stop(request);
    const char *problem = run->host.stop_problem(run->host.ctx, how);
    if (problem) {
        run_refuse(to, E_INVALID, problem);
        return;
    }
    json_t *result = json_object();
    int64_t drain_ms = how == CTL_STOP_DRAIN ? longest_drain_ms(run) : 0;
    json_set_bool(result, "stopping", true);
    json_set_int(result, "pid", getpid());
    if (drain_ms > 0)
        json_set_int(result, "drain_s", (drain_ms + 999) / 1000);
    log_notice("%s: stop%s", request->actor.text, words[how]);
    run_answer(to, result);
    run->host.stop(run->host.ctx, how, &request->actor);
}

/* Requests */

static void refuse_l4(const struct run_asker *to, enum ctl_command command)
{
    char error[CTL_TEXT_MAX];
    snprintf(error, sizeof error,
             "%s is a command of loadstar-l4, and this is loadstard: its socket is %s (-s)",
             request_command_text(command), LOADSTAR_L4_CONTROL_SOCKET);
    run_refuse(to, E_INVALID, error);
}

static void run_request(void *ctx, const struct ctl_request *request, const struct run_asker *asker)
{
    struct run *run = ctx;
    enum ctl_command command = request ? request->command : CTL_STATUS;
    if (ctl_command_is_of_l4(command))
        refuse_l4(asker, command);
    else if (command == CTL_RELOAD)
        run_reload(run, asker, request);
    else if (command == CTL_STOP)
        run_stop_command(run, asker, request);
    else if (command == CTL_SET || command == CTL_WEIGHT)
        run_action(run, asker, request);
    else if (request && command == CTL_TIERS)
        run_tiers(run, asker, request);
    else if (request && command == CTL_ANYCAST)
        run_anycast(run, asker, request);
    else if (command == CTL_IPVS)
        run_ipvs(run, asker);
    else if (request && command == CTL_HEALTHY)
        run_healthy(run, asker, request);
    else if (!request && asker->members)
        pages_ask_members(run->pages, run_on_page, run_wait_new(run, asker));
    else
        pages_ask(run->pages, request, run_on_page, run_wait_new(run, asker));
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

static struct tier_view **tier_views(void *ctx, uint32_t *n)
{
    struct run *run = ctx;
    struct tiers *tiers = run->host.tiers ? run->host.tiers(run->host.ctx) : NULL;
    *n = 0;
    return tiers ? tiers_views(tiers, n) : NULL;
}

struct run_service run_service(struct run *run)
{
    return (struct run_service){run, run_request, is_serving, state_tag, tier_views};
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
    run->polls = polls_new(loop, &(struct poll_source){run, run_tiers_version});
    run->set_polls = polls_new(loop, &(struct poll_source){run, run_anycast_version});
    run->drains = drain_watches_new(loop, run->gather);
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

static void on_drains_stopped(void *arg)
{
    struct run *run = arg;
    pages_stop(run->pages, on_pages_stopped, run);
}

static void on_polls_stopped(void *arg)
{
    struct run *run = arg;
    drain_watches_stop(run->drains, on_drains_stopped, run);
}

static void on_tier_polls_stopped(void *arg)
{
    struct run *run = arg;
    polls_stop(run->set_polls, on_polls_stopped, run);
}

void run_stop(struct run *run, void (*done)(void *arg), void *arg)
{
    run->done = done;
    run->arg = arg;
    polls_stop(run->polls, on_tier_polls_stopped, run);
}

void run_free(struct run *run)
{
    pages_free(run->pages);
    polls_free(run->polls);
    polls_free(run->set_polls);
    drain_watches_free(run->drains);
    gather_free(run->gather);
    free(run);
}
