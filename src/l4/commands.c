/* SPDX-License-Identifier: Apache-2.0
 * From requests to commands. */
#include "l4/commands.h"

#include "base/log.h"
#include "l4/heir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX (16u << 20) /* a whole set of SETS_MEMBERS_MAX members */

/* ---- reload, stop ---- */

static json_t *texts_of(const struct diags *diags, enum diag_severity severity)
{
    struct arena *arena = arena_new();
    json_t *list = json_array();
    for (size_t i = 0; i < diags->n; i++)
        if (diags->v[i].severity == severity)
            json_array_append_new(list, json_text(diag_text(arena, &diags->v[i])));
    arena_free(arena);
    return list;
}

struct reload_wait {
    struct forwarder *forwarder;
    struct control_call *call;
};

static void on_reloaded(void *arg, int code, const struct diags *diags)
{
    struct reload_wait *wait = arg;
    char summary[SETUP_SUMMARY_MAX];
    if (code == 0) {
        json_t *result = json_object();
        json_set_text(result, "program", PROGRAM);
        json_set_int(result, "generation", (int64_t)wait->forwarder->setup->number);
        json_set_text(result, "summary", setup_summary(summary, wait->forwarder->setup));
        json_object_set_new(result, "warnings", texts_of(diags, DIAG_WARNING));
        control_call_answer(wait->call, result);
    } else {
        json_t *errors = texts_of(diags, DIAG_ERROR);
        control_call_reply(wait->call, &(struct control_reply){
                                           .code = E_INVALID,
                                           .errors = errors,
                                           .error = "not reloaded: what was there before goes on"});
        json_decref(errors);
    }
    free(wait);
}

static void command_reload(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX];
    bool force = false; /* as of loadstard: there is nothing to insist on */
    const struct command_arg args[] = {{.key = "force", .kind = ARG_FLAG, .to = &force}, {0}};
    int code = command_args_read(object, args, error);
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    struct reload_wait *wait = xcalloc(1, sizeof *wait);
    *wait = (struct reload_wait){f, call};
    log_notice("reload, by %s", control_call_actor(call)->text);
    reload_ask(&f->reload, force, &(struct reload_waiter){.done = on_reloaded, .arg = wait});
}

static void command_stop(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX];
    bool now = false;
    const struct command_arg args[] = {{.key = "now", .kind = ARG_FLAG, .to = &now}, {0}};
    int code = command_args_read(object, args, error);
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    json_t *result = json_object();
    json_set_text(result, "program", PROGRAM);
    json_set_int(result, "pid", getpid());
    json_set_int(result, "flows", forwarder_n_flows(f));
    if (!now)
        json_set_int(result, "drain_s", forwarder_longest_drain_ms(f) / 1000);
    log_notice("stop, by %s", control_call_actor(call)->text);
    control_call_answer(call, result);
    if (now || !f->draining) /* asking twice is no SIGTERM */
        forwarder_stop(f, now);
}

static void command_replace(struct forwarder *f, struct control_call *call, json_t *object)
{
    static const struct command_arg none[] = {{0}};
    char error[COMMAND_ERROR_MAX];
    int code = command_args_read(object, none, error);
    if (code != 0)
        control_call_fail(call, code, error);
    else if (!f->ready || f->draining)
        control_call_fail(call, E_INVALID, "it starts, or stops: nothing is there to be replaced");
    else if (f->reload.phase != RELOAD_IDLE)
        control_call_fail(call, E_INVALID, "a reload is under way: ask again when it has ended");
    else {
        log_notice("replace, by %s", control_call_actor(call)->text);
        heir_start(f, call);
    }
}

/* ---- which one ---- */

static const struct {
    const char *name;
    command_fn *run;
    bool changes; /* what a process that takes over has been given already */
} commands[] = {
    {"status", command_status, false},   {"services", command_services, false},
    {"members", command_members, false}, {"flows", command_flows, false},
    {"rtt", command_rtt, false},         {"set", command_set, true},
    {"weight", command_weight, true},    {"reload", command_reload, true},
    {"stop", command_stop, false},       {"replace", command_replace, true},
};

/** Those that loadstard alone has. */
static const char *const of_loadstard[] = {"pools",   "endpoints", "sites",  "checks", "events",
                                           "explain", "geo",       "orders", "tiers",  "anycast",
                                           "ipvs",    "healthy",   "drain"};

static void refuse_command(struct control_call *call, const char *name)
{
    char error[COMMAND_ERROR_MAX];
    for (size_t i = 0; name && i < ARRAY_LEN(of_loadstard); i++)
        if (strcmp(name, of_loadstard[i]) == 0) {
            snprintf(error, sizeof error,
                     "%s is a command of loadstard, and this is the socket of loadstar-l4: see "
                     "-s SOCKET",
                     name);
            control_call_fail(call, E_INVALID, error);
            return;
        }
    int n = snprintf(error, sizeof error, "command: expected one of");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        n += snprintf(error + n, sizeof error - (size_t)n, "%s %s", i ? "," : "", commands[i].name);
    control_call_fail(call, E_INVALID, error);
}

static void on_request(void *ctx, struct control_call *call, json_t *object)
{
    struct forwarder *f = ctx;
    const char *name = json_get_text(object, "command", NULL);
    for (size_t i = 0; name && i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0) {
            if (commands[i].changes && heir_is_coming(f))
                control_call_fail(call, E_INVALID,
                                  "it is being replaced: ask again in a few seconds");
            else
                commands[i].run(f, call, object);
            return;
        }
    refuse_command(call, name);
}

struct control_handler forwarder_commands(struct forwarder *f)
{
    return (struct control_handler){.ctx = f, .request = on_request, .line_max = REQUEST_MAX};
}
