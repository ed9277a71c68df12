/* SPDX-License-Identifier: Apache-2.0
 * The operator's side of the daemon: gathers facts, carries out requests, owns the listeners. */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "config/config.h"
#include "ctl/action.h"
#include "ctl/documents.h"
#include "ctl/explain.h"
#include "ctl/http.h"
#include "ctl/json.h"
#include "ctl/run.h"
#include "ctl/socket.h"
#include "ctl/token.h"
#include "dns/rr.h"
#include "dns/types.h"
#include "out/events.h"

#include <stdio.h>
#include <unistd.h>

#define SAMPLES 61 /* one a second: rates over up to 60 s */

struct sample {
    uint64_t queries, drops;
};

struct ctl {
    uv_loop_t *loop;
    struct ctl_host host;
    struct control_socket *socket; /* NULL: none is configured */
    struct http *http;             /* NULL: none is configured */
    uv_timer_t sampler;
    struct sample samples[SAMPLES];
    uint64_t n_samples;
    VEC(struct probe_info) probes; /* of the last ctl_facts() */
    VEC(struct override_rule) rules;
    struct io_shares shares;
    struct later *pages; /* later.c */
    unsigned n_waiting;  /* reloads and pages that have not answered yet */
    unsigned n_open;     /* listeners and timers that are closing */
    bool stopping;
    struct {
        uint64_t generation; /* whose files were compared; 0: none yet */
        int64_t at_ms;       /* monotonic */
        enum disk_state state;
        uint64_t hash;
    } disk;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* Facts */

static void on_sample(uv_timer_t *timer)
{
    struct ctl *ctl = timer->data;
    struct io_stats io = {0};
    ctl->host.io_stats(ctl->host.ctx, &io);
    ctl->samples[ctl->n_samples++ % SAMPLES] = (struct sample){
        io.answer.queries[0] + io.answer.queries[1], io.udp_kernel_drops + io.xdp_kernel_drops};
}

/** The sample `age` seconds before the newest, or the oldest there is. */
static const struct sample *sample_before(const struct ctl *ctl, unsigned age)
{
    uint64_t newest = ctl->n_samples - 1;
    uint64_t at = newest >= age ? newest - age : 0;
    return &ctl->samples[at % SAMPLES];
}

static void set_rates(const struct ctl *ctl, struct facts *f)
{
    static const unsigned windows[RATE_WINDOWS] = {1, 10, 60};
    for (int i = 0; i < RATE_WINDOWS; i++)
        f->rates[i] = -1;
    if (ctl->n_samples < 2)
        return;
    const struct sample *newest = sample_before(ctl, 0);
    for (int i = 0; i < RATE_WINDOWS; i++)
        if (ctl->n_samples > windows[i])
            f->rates[i] =
                (double)(newest->queries - sample_before(ctl, windows[i])->queries) / windows[i];
    f->drops_60s = newest->drops - sample_before(ctl, 60)->drops;
}

static void set_probes(struct ctl *ctl, struct facts *f, const struct checker *checker)
{
    uint32_t max = f->health.n_probes;
    vec_free(&ctl->probes);
    ctl->probes.v = xcalloc(max + 1, sizeof *ctl->probes.v);
    f->n_probes = checker_probes(checker, ctl->probes.v, max);
    f->n_probes = f->n_probes < max ? f->n_probes : max;
    f->probes = ctl->probes.v;
}

static void set_rules(struct ctl *ctl, struct facts *f, const struct checker *checker)
{
    struct override_rule none;
    uint32_t max = checker_rules(checker, &none, 0);
    vec_free(&ctl->rules);
    ctl->rules.v = xcalloc(max + 1, sizeof *ctl->rules.v);
    f->n_rules = checker_rules(checker, ctl->rules.v, max);
    f->rules = ctl->rules.v;
}

void ctl_facts(struct ctl *ctl, struct facts *f)
{
    const struct ctl_host *host = &ctl->host;
    struct checker *checker = host->checker(host->ctx);
    *f = (struct facts){
        .generation = host->generation(host->ctx),
        .states = checker_states(checker),
        .health = checker_summary(checker),
        .now_ms = clock_wall_ms(),
        .started_ms = host->started_wall_ms,
        .ready = host->serving(host->ctx),
        .n_events = events_last_id(),
    };
    set_probes(ctl, f, checker);
    set_rules(ctl, f, checker);
    host->io_stats(host->ctx, &f->io);
    io_shares_free(&ctl->shares);
    host->io_shares(host->ctx, &ctl->shares);
    f->shares = ctl->shares;
    while (f->n_xdp < XDP_INTERFACES_MAX && host->xdp(host->ctx, f->n_xdp, &f->xdp[f->n_xdp]))
        f->n_xdp++;
    host->reloads(host->ctx, &f->reload);
    set_rates(ctl, f);
}

void ctl_facts_give(struct ctl *ctl, struct facts *f)
{
    for (uint32_t i = 0; i < f->n_probes; i++)
        ctl->probes.v[i].reason = "";
    for (uint32_t i = 0; i < f->n_rules; i++)
        ctl->rules.v[i].target = ctl->rules.v[i].reason = "";
    f->health.problem = f->health.untried = NULL;
    f->reload.errors = f->reload.gone = "";
    memset(&ctl->probes, 0, sizeof ctl->probes);
    memset(&ctl->rules, 0, sizeof ctl->rules);
    memset(&ctl->shares, 0, sizeof ctl->shares);
}

void facts_release(struct facts *f)
{
    free((struct probe_info *)(uintptr_t)f->probes);
    free((struct override_rule *)(uintptr_t)f->rules);
    io_shares_free(&f->shares);
}

bool ctl_serving(const struct ctl *ctl)
{
    return ctl->host.serving(ctl->host.ctx);
}

void ctl_facts_disk(struct ctl *ctl, struct facts *f, int64_t max_age_ms)
{
    int64_t now_ms = clock_mono_ms();
    if (ctl->disk.generation != f->generation->number || now_ms - ctl->disk.at_ms >= max_age_ms) {
        uint64_t ours = f->generation->model->file_hash;
        ctl->disk.generation = f->generation->number;
        ctl->disk.at_ms = now_ms;
        ctl->disk.state = DISK_UNREADABLE;
        if (config_disk_hash(&ctl->disk.hash, f->generation->model) == 0)
            ctl->disk.state = ctl->disk.hash == ours ? DISK_SAME : DISK_CHANGED;
    }
    f->disk = ctl->disk.state;
    f->disk_hash = ctl->disk.hash;
}

/* Requests */

struct outcome {
    ctl_reply_fn *reply;
    void *arg;
};

static void answer(const struct outcome *to, json_t *result)
{
    to->reply(to->arg, &(struct ctl_reply){.result = result});
    json_decref(result);
}

static void refuse(const struct outcome *to, int code, const char *error)
{
    to->reply(to->arg, &(struct ctl_reply){.code = code, .error = error});
}

static void run_endpoints(const struct outcome *to, const struct facts *f,
                          const struct ctl_request *request)
{
    char error[CTL_TEXT_MAX];
    uint32_t pool = MODEL_NONE;
    if (request->pool[0])
        pool = model_find_pool(f->generation->model, request->pool);
    if (request->pool[0] && pool == MODEL_NONE) {
        snprintf(error, sizeof error, CTL_NO_POOL, request->pool);
        refuse(to, E_NOTFOUND, error);
        return;
    }
    answer(to, document_endpoints(f, pool));
}

static void run_explain(const struct outcome *to, const struct facts *f,
                        const struct ctl_request *request)
{
    char error[EXPLAIN_ERROR_MAX];
    if (!f->ready) {
        refuse(to, E_INVALID, "loadstard is starting: nothing is answered yet");
        return;
    }
    const char *type = request->type[0] ? request->type : "A";
    int number = rr_type_from_text(type, strlen(type));
    if (number < 0) {
        snprintf(error, sizeof error, "type: \"%s\" is no RR type", type);
        refuse(to, E_SYNTAX, error);
        return;
    }
    struct explain_question question = {request->name, (uint16_t)number, request->address,
                                        request->ecs};
    json_t *document = explain_document(f, &question, error);
    if (document)
        answer(to, document);
    else
        refuse(to, E_INVALID, error);
}

static void run_events(const struct outcome *to, const struct ctl_request *request)
{
    uint64_t after = request->after, last = events_last_id();
    if (after == UINT64_MAX)
        after = last > request->limit ? last - request->limit : 0;
    answer(to, document_events(after, request->limit));
}

static void run_action(const struct outcome *to, struct ctl *ctl, const struct facts *f,
                       const struct ctl_request *request, const char *who)
{
    char error[CTL_TEXT_MAX];
    json_t *result = NULL;
    int code = action_run(&result, ctl->host.checker(ctl->host.ctx), f, request, error);
    if (code != 0) {
        refuse(to, code, error);
        return;
    }
    log_notice("%s: %s %s: %s%s%s", who, request_command_text(request->command), request->target,
               request->command == CTL_SET ? override_text(request->state) : "weight changed",
               request->reason[0] ? ", " : "", request->reason);
    answer(to, result);
}

/* Reloads end later, maybe after the asker has gone, but not after the ctl has. */

struct waiting_reload {
    struct ctl *ctl;
    struct outcome to;
};

static void finish_stop(struct ctl *ctl);

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

static void reply_reload(struct waiting_reload *w, int code, const struct diags *diags)
{
    json_t *warnings = list_diags(diags, DIAG_WARNING);
    if (code == 0) {
        const struct generation *g = w->ctl->host.generation(w->ctl->host.ctx);
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
        w->to.reply(w->to.arg, &(struct ctl_reply){
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
    struct waiting_reload *w = arg;
    struct ctl *ctl = w->ctl;
    reply_reload(w, code, diags);
    free(w);
    ctl_waited(ctl);
}

static void run_reload(struct ctl *ctl, const struct outcome *to, bool force, const char *who)
{
    struct waiting_reload *w = xcalloc(1, sizeof *w);
    *w = (struct waiting_reload){ctl, *to};
    ctl_wait(ctl);
    log_notice("%s: reload%s", who, force ? " --force" : "");
    ctl->host.reload(ctl->host.ctx, force, on_reloaded, w);
}

static void run_stop(struct ctl *ctl, const struct outcome *to, const char *who)
{
    json_t *result = json_object();
    json_set_bool(result, "stopping", true);
    json_set_int(result, "pid", getpid());
    log_notice("%s: stop", who);
    answer(to, result);
    ctl->host.stop(ctl->host.ctx);
}

void ctl_run(struct ctl *ctl, const struct ctl_request *request, const char *who,
             ctl_reply_fn *reply, void *arg)
{
    struct outcome to = {reply, arg};
    struct facts f;
    if (request->command == CTL_RELOAD) {
        run_reload(ctl, &to, request->force, who);
        return;
    }
    if (request->command == CTL_STOP) {
        run_stop(ctl, &to, who);
        return;
    }
    ctl_facts(ctl, &f);
    switch (request->command) {
    case CTL_STATUS:
        ctl_facts_disk(ctl, &f, 0);
        answer(&to, document_status(&f));
        break;
    case CTL_POOLS:
        answer(&to, document_pools(&f));
        break;
    case CTL_ENDPOINTS:
        run_endpoints(&to, &f, request);
        break;
    case CTL_SITES:
        answer(&to, document_sites(&f));
        break;
    case CTL_CHECKS:
        answer(&to, document_checks(&f));
        break;
    case CTL_EVENTS:
        run_events(&to, request);
        break;
    case CTL_EXPLAIN:
        run_explain(&to, &f, request);
        break;
    case CTL_GEO:
        answer(&to, document_geo(&f, &request->address));
        break;
    case CTL_SET:
    case CTL_WEIGHT:
        run_action(&to, ctl, &f, request, who);
        break;
    case CTL_RELOAD:
    case CTL_STOP:
        break;
    }
}

json_t *ctl_reply_json(const struct ctl_reply *reply)
{
    json_t *object = json_object();
    json_set_bool(object, "ok", reply->code == 0);
    if (reply->code == 0) {
        json_object_set(object, "result", reply->result);
        return object;
    }
    json_set_text(object, "error", reply->error);
    if (reply->errors)
        json_object_set(object, "errors", reply->errors);
    return object;
}

/* Starting, following a reload, stopping */

static int open_socket(struct ctl *ctl, const struct model *model, struct diags *diags)
{
    if (!model->control)
        return 0;
    return control_socket_open(&ctl->socket, ctl, ctl->loop, model->control, model->server.user,
                               diags);
}

int ctl_check(const struct model *model, struct diags *diags)
{
    struct token token;
    const char *path = model->http.enabled ? model->http.token_file : NULL;
    return path ? token_read(&token, path, model->http.token_at, diags) : 0;
}

int ctl_start(struct ctl **out, uv_loop_t *loop, const struct model *model,
              const struct ctl_host *host, struct diags *diags)
{
    struct ctl *ctl = xcalloc(1, sizeof *ctl);
    ctl->loop = loop;
    ctl->host = *host;
    uv_timer_init(loop, &ctl->sampler);
    ctl->sampler.data = ctl;
    uv_timer_start(&ctl->sampler, on_sample, 0, 1000);
    int code = open_socket(ctl, model, diags);
    if (code == 0)
        code = http_open(&ctl->http, ctl, loop, model, diags);
    if (code == 0) {
        *out = ctl;
        return 0;
    }
    ctl_stop(ctl, NULL, NULL);
    return code;
}

int ctl_reload(struct ctl *ctl, const struct model *model, struct diags *diags)
{
    struct control_socket *before = ctl->socket;
    const char *path = before ? control_socket_path(before) : NULL;
    bool moves = !path != !model->control || (path && strcmp(path, model->control) != 0);
    int code = 0;
    if (moves) {
        ctl->socket = NULL;
        code = open_socket(ctl, model, diags);
    }
    if (code == 0)
        code = http_reload(&ctl->http, ctl, ctl->loop, model, diags);
    struct control_socket *unwanted = before;
    if (code != 0) {
        unwanted = ctl->socket;
        ctl->socket = before;
    }
    if (moves && unwanted)
        control_socket_close(unwanted, NULL, NULL);
    return code;
}

/** Ends when all that was closing is closed, and every reload has answered. */
static void finish_stop(struct ctl *ctl)
{
    if (!ctl->stopping || ctl->n_open || ctl->n_waiting)
        return;
    if (ctl->done)
        ctl->done(ctl->done_ctx);
    vec_free(&ctl->probes);
    io_shares_free(&ctl->shares);
    vec_free(&ctl->rules);
    free(ctl);
}

void ctl_wait(struct ctl *ctl)
{
    ctl->n_waiting++;
}

void ctl_waited(struct ctl *ctl)
{
    ctl->n_waiting--;
    finish_stop(ctl);
}

bool ctl_is_stopping(const struct ctl *ctl)
{
    return ctl->stopping;
}

uv_loop_t *ctl_loop(const struct ctl *ctl)
{
    return ctl->loop;
}

struct later **ctl_pages(struct ctl *ctl)
{
    return &ctl->pages;
}

static void on_part_closed(void *arg)
{
    struct ctl *ctl = arg;
    ctl->n_open--;
    finish_stop(ctl);
}

static void on_sampler_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void ctl_stop(struct ctl *ctl, void (*done)(void *ctx), void *ctx)
{
    ctl->stopping = true;
    ctl->done = done;
    ctl->done_ctx = ctx;
    ctl->n_open = 1 + (ctl->socket != NULL) + (ctl->http != NULL);
    if (ctl->socket)
        control_socket_close(ctl->socket, on_part_closed, ctl);
    if (ctl->http)
        http_close(ctl->http, on_part_closed, ctl);
    uv_close((uv_handle_t *)&ctl->sampler, on_sampler_closed);
}
