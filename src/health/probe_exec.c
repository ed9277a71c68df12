/* SPDX-License-Identifier: Apache-2.0
 * Check type exec: a command of the operator, up when it exits with 0. The first line that it
 * prints is the reason.
 *
 * It reads nothing, and ends with all that it has started (process.h). Its environment is PATH,
 * LANG and TZ of ours, LOADSTAR_ADDRESS, LOADSTAR_PORT, LOADSTAR_NAME, LOADSTAR_POOL, LOADSTAR_SITE
 * and LOADSTAR_CHECK, and nothing else: what the service manager has told us is not for it. In its
 * arguments {address} {port} {name} {pool} {site} are replaced. Endpoints of one address and port
 * share a probe unless {name}, {pool} or {site} is used; then the variables tell of the first of
 * them. */
#include "base/vec.h"
#include "drive/output.h"
#include "drive/process.h"
#include "drive/program.h"
#include "health/trial.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct exec_trial {
    struct trial base;
    struct process process;
    struct output out, err;
};

struct texts { /* a vector, as of base/vec.h */
    char **v;
    size_t n, cap;
};

static void free_texts(struct texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->v[i]);
    free(texts->v);
}

/* ---- arguments and environment ---- */

struct variable {
    const char *name; /* "address": {address}, LOADSTAR_ADDRESS */
    const char *value;
};
enum { N_VARIABLES = 5 };

static bool add_variable(struct buf *out, const char **at, const struct variable *variables)
{
    for (int i = 0; i < N_VARIABLES; i++) {
        size_t n = strlen(variables[i].name);
        if (strncmp(*at + 1, variables[i].name, n) == 0 && (*at)[n + 1] == '}') {
            buf_puts(out, variables[i].value);
            *at += n + 2;
            return true;
        }
    }
    return false;
}

static char *replace_variables(const char *text, const struct variable *variables)
{
    struct buf out = {0};
    buf_add(&out, "", 0);
    while (*text)
        if (*text != '{' || !add_variable(&out, &text, variables))
            buf_add(&out, text++, 1);
    char *result = xstrdup(out.p ? out.p : "");
    buf_free(&out);
    return result;
}

static void push_environment(struct texts *env, const char *name, const char *value)
{
    struct buf out = {0};
    buf_puts(&out, "LOADSTAR_");
    for (; *name; name++)
        buf_add(&out, &(char){(char)(*name & ~0x20)}, 1);
    buf_printf(&out, "=%s", value);
    *vec_push(env) = xstrdup(out.p);
    buf_free(&out);
}

/* What is needed to find programs, speak and tell the time. */
static void push_ours(struct texts *env)
{
    static const char *const names[] = {"LANG", "TZ"};
    struct buf out = {0};
    buf_printf(&out, "PATH=%s", program_search_path());
    *vec_push(env) = xstrdup(out.p);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);
        if (!value)
            continue;
        out.n = 0;
        buf_printf(&out, "%s=%s", names[i], value);
        *vec_push(env) = xstrdup(out.p);
    }
    buf_free(&out);
}

static void make_texts(struct texts *args, struct texts *env, struct exec_trial *x,
                       const struct trial_target *target)
{
    const struct check *check = &x->base.check->def;
    char number[PROCESS_VARIABLE_MAX];
    char address[IP_TEXT_MAX], port[8];
    ip_text(address, &target->addr);
    snprintf(port, sizeof port, "%u", target->port);
    const struct variable variables[N_VARIABLES] = {
        {"address", target->host ? target->host : address},
        {"port", port},
        {"name", target->label},
        {"pool", target->pool},
        {"site", target->site},
    };
    for (uint32_t i = 0; i < check->exec.n; i++)
        *vec_push(args) = replace_variables(check->exec.v[i], variables);
    push_ours(env);
    process_variable(number, &x->process);
    *vec_push(env) = xstrdup(number);
    for (int i = 0; i < N_VARIABLES; i++)
        push_environment(env, variables[i].name, variables[i].value);
    push_environment(env, "check", check->name);
    *vec_push(args) = NULL;
    *vec_push(env) = NULL;
}

/* ---- its end ---- */

/* A command that fails has run, but whether its target said anything only it knows: most fail in
 * the same way when our own network is gone. So it is no word of the target. */
static void finish(struct exec_trial *x, int status, int signal)
{
    struct trial *trial = &x->base;
    const char *line = x->err.line.n ? x->err.line.text : x->out.line.text;
    if (status == 0 && !signal && (x->out.line.n || x->err.line.n))
        trial_finish(trial, TRIAL_UP, "%s", x->out.line.n ? x->out.line.text : line);
    else if (signal)
        trial_finish(trial, TRIAL_SILENT, "exec killed by signal %d (%s)", signal,
                     strsignal(signal));
    else
        trial_finish(trial, status ? TRIAL_SILENT : TRIAL_UP, "exec exited %d%s%s", status,
                     *line ? ": " : "", line);
}

static void on_exited(struct process *process, int status, int signal)
{
    struct exec_trial *x = (void *)((char *)process - offsetof(struct exec_trial, process));
    output_drain(&x->out);
    output_drain(&x->err);
    finish(x, status, signal);
}

/* ---- start and end ---- */

static_assert(OUTPUT_READ_MAX <= TRIAL_READ_MAX, "the buffer is shared");

static int open_output(struct exec_trial *x, struct output *o, int *theirs)
{
    int rc = output_open(o, x->base.host->loop, x->base.host->read_buffer, theirs);
    o->pipe.data = x;
    if (o->open)
        trial_opened(&x->base);
    return rc;
}

static int start_command(struct exec_trial *x, const struct texts *args, const struct texts *env)
{
    struct process_files files = {.in = -1, .out = -1, .err = -1};
    int rc = open_output(x, &x->out, &files.out);
    if (rc == 0)
        rc = open_output(x, &x->err, &files.err);
    x->process.exited = on_exited;
    if (rc == 0)
        rc = process_start(x->base.host->processes, &x->process, args->v, env->v,
                           program_search_path(), &files);
    if (files.out >= 0)
        close(files.out);
    if (files.err >= 0)
        close(files.err);
    return rc;
}

static void exec_start(struct trial *trial, const struct trial_target *target)
{
    struct exec_trial *x = (struct exec_trial *)trial;
    const struct check *check = &trial->check->def;
    struct texts args = {0}, env = {0};
    make_texts(&args, &env, x, target);
    trial->phase = "running the command";
    int rc = start_command(x, &args, &env);
    if (rc) /* it could run when the configuration was loaded */
        trial_finish(trial, TRIAL_UNTRIED, "exec cannot run %s: %s", check->exec.v[0],
                     uv_strerror(rc));
    free_texts(&args);
    free_texts(&env);
}

static void close_output(struct output *o)
{
    if (o->open)
        uv_close((uv_handle_t *)&o->pipe, trial_handle_closed);
}

static void exec_close(struct trial *trial)
{
    struct exec_trial *x = (struct exec_trial *)trial;
    process_end(trial->host->processes, &x->process);
    close_output(&x->out);
    close_output(&x->err);
}

const struct trial_kind trial_exec = {
    .size = sizeof(struct exec_trial),
    .start = exec_start,
    .close = exec_close,
};
