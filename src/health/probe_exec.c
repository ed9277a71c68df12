/* SPDX-License-Identifier: Apache-2.0
 * Check type exec: a command of the operator, up when it exits with 0. The first line that it
 * prints is the reason.
 *
 * The command runs as the leader of a process group of its own, which is killed as a whole at the
 * timeout. It reads nothing, gets our environment plus LOADSTAR_ADDRESS, LOADSTAR_PORT,
 * LOADSTAR_NAME, LOADSTAR_POOL, LOADSTAR_SITE and LOADSTAR_CHECK, and {address} {port} {name}
 * {pool} {site} in its arguments are replaced. Endpoints of one address and port share a probe
 * unless {name}, {pool} or {site} is used; then the variables tell of the first of them. */
#include "base/vec.h"
#include "health/exec_line.h"
#include "health/trial.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct output {
    uv_pipe_t pipe;
    struct exec_line line;
    bool open;
};

struct exec_trial {
    struct trial base;
    uv_process_t process;
    struct output out, err;
    bool running;
    int64_t exit_status;
    int signal;
    bool exited;
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

static void make_texts(struct texts *args, struct texts *env, const struct check *check,
                       const struct trial_target *target)
{
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
    for (char **e = environ; *e; e++)
        *vec_push(env) = xstrdup(*e);
    for (int i = 0; i < N_VARIABLES; i++)
        push_environment(env, variables[i].name, variables[i].value);
    push_environment(env, "check", check->name);
    *vec_push(args) = NULL;
    *vec_push(env) = NULL;
}

/* ---- output ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    const struct trial *trial = handle->data;
    *buf = uv_buf_init(trial->host->read_buffer, TRIAL_READ_MAX);
}

static void finish_if_done(struct exec_trial *x)
{
    struct trial *trial = &x->base;
    const char *line = x->err.line.n ? x->err.line.text : x->out.line.text;
    if (!x->exited)
        return;
    if (x->exit_status == 0 && !x->signal && (x->out.line.n || x->err.line.n))
        trial_finish(trial, TRIAL_UP, "%s", x->out.line.n ? x->out.line.text : line);
    else if (x->signal)
        trial_finish(trial, TRIAL_DOWN, "exec killed by signal %d (%s)", x->signal,
                     strsignal(x->signal));
    else
        trial_finish(trial, x->exit_status ? TRIAL_DOWN : TRIAL_UP, "exec exited %d%s%s",
                     (int)x->exit_status, *line ? ": " : "", line);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct exec_trial *x = stream->data;
    struct output *o = stream == (uv_stream_t *)&x->out.pipe ? &x->out : &x->err;
    if (n > 0)
        exec_line_feed(&o->line, buf->base, (size_t)n);
    else if (n < 0)
        uv_read_stop(stream);
}

/* What was printed before the exit is in the pipes already: one more turn of reading gets it,
 * without waiting for the end, which a process left behind could hold off. */
static void drain(struct output *o)
{
    char bytes[sizeof o->line.text];
    uv_os_fd_t fd;
    if (!o->open || uv_fileno((uv_handle_t *)&o->pipe, &fd))
        return;
    for (ssize_t n; !o->line.complete && (n = read(fd, bytes, sizeof bytes)) > 0;)
        exec_line_feed(&o->line, bytes, (size_t)n);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct exec_trial *x = process->data;
    x->exited = true;
    x->exit_status = status;
    x->signal = signal;
    if (x->base.finished) {
        uv_close((uv_handle_t *)&x->process, trial_handle_closed);
        return;
    }
    drain(&x->out);
    drain(&x->err);
    finish_if_done(x);
}

/* ---- start and end ---- */

static void open_pipe(struct exec_trial *x, struct output *o)
{
    uv_pipe_init(x->base.host->loop, &o->pipe, 0);
    o->pipe.data = x;
    o->open = true;
    trial_opened(&x->base);
}

static int spawn(struct exec_trial *x, struct texts *args, struct texts *env)
{
    const unsigned to_us = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = (uv_stdio_flags)to_us, .data.stream = (uv_stream_t *)&x->out.pipe},
        {.flags = (uv_stdio_flags)to_us, .data.stream = (uv_stream_t *)&x->err.pipe},
    };
    const uv_process_options_t options = {
        .exit_cb = on_exited,
        .file = args->v[0],
        .args = args->v,
        .env = env->v,
        .flags = UV_PROCESS_DETACHED, /* a session, and so a process group, of its own */
        .stdio_count = 3,
        .stdio = stdio,
    };
    int rc = uv_spawn(x->base.host->loop, &x->process, &options);
    /* Even a process that could not be started is a handle to be closed. */
    trial_opened(&x->base);
    x->process.data = x;
    x->running = rc == 0;
    return rc;
}

static void exec_start(struct trial *trial, const struct trial_target *target)
{
    struct exec_trial *x = (struct exec_trial *)trial;
    const struct check *check = &trial->check->def;
    struct texts args = {0}, env = {0};
    make_texts(&args, &env, check, target);
    open_pipe(x, &x->out);
    open_pipe(x, &x->err);
    trial->phase = "running the command";
    int rc = spawn(x, &args, &env);
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&x->out.pipe, on_alloc, on_read);
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)&x->err.pipe, on_alloc, on_read);
    if (rc == UV_EAGAIN || rc == UV_ENOMEM || rc == UV_EMFILE || rc == UV_ENFILE)
        trial_finish_uv(trial, rc, "running the command");
    else if (rc)
        trial_finish(trial, TRIAL_DOWN, "exec cannot run %s: %s", check->exec.v[0],
                     uv_strerror(rc));
    free_texts(&args);
    free_texts(&env);
}

static void exec_close(struct trial *trial)
{
    struct exec_trial *x = (struct exec_trial *)trial;
    uv_close((uv_handle_t *)&x->out.pipe, trial_handle_closed);
    uv_close((uv_handle_t *)&x->err.pipe, trial_handle_closed);
    if (x->running && !x->exited)
        kill(-x->process.pid, SIGKILL); /* on_exited() reaps it and closes the handle */
    else
        uv_close((uv_handle_t *)&x->process, trial_handle_closed);
}

const struct trial_kind trial_exec = {
    .size = sizeof(struct exec_trial),
    .start = exec_start,
    .close = exec_close,
};
