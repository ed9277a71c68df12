/* SPDX-License-Identifier: Apache-2.0
 * Commands of a drive. */
#include "drive/command.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/vec.h"
#include "drive/internal.h"
#include "drive/output.h"
#include "drive/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    struct drive_work work; /* first */
    struct drive *drive;
    struct process process;
    struct output out, err;
    uv_pipe_t in;
    uv_write_t write;
    uv_timer_t timer;
    char *input; /* until it is written; ours for as long as `in` is open */
    bool in_open, ended;
    unsigned n_handles;
    void (*done)(void *ctx, const struct command_result *result);
    void *ctx;
    struct command_result result;
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct command *c = handle->data;
    if (--c->n_handles > 0)
        return;
    buf_free(&c->out.kept);
    free(c->input);
    free(c);
}

static void close_input(struct command *c)
{
    if (c->in_open)
        uv_close((uv_handle_t *)&c->in, on_closed);
    c->in_open = false;
}

static void close_output(struct output *o)
{
    if (o->open)
        uv_close((uv_handle_t *)&o->pipe, on_closed);
    o->open = false;
}

static void close_all(struct command *c)
{
    c->ended = true;
    drive_remove(c->drive, &c->work);
    process_end(&c->drive->processes, &c->process);
    close_input(c);
    close_output(&c->out);
    close_output(&c->err);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void finish(struct command *c)
{
    if (!output_drain(&c->out))
        c->result.too_much = true;
    (void)output_drain(&c->err);
    first_line_end(&c->out.line);
    first_line_end(&c->err.line);
    const struct first_line *line = c->err.line.n ? &c->err.line : &c->out.line;
    escape_text(c->result.line, sizeof c->result.line, slice_of(line->text, line->n));
    c->result.output = slice_of(c->out.kept.n ? c->out.kept.p : "", c->out.kept.n);
    close_all(c);
    c->done(c->ctx, &c->result);
}

static void on_overflow(struct output *output)
{
    struct command *c = output->pipe.data;
    c->result.too_much = true;
    finish(c);
}

void command_cancel(struct command *c)
{
    if (!c->ended)
        close_all(c);
}

static void stop(struct drive_work *work)
{
    struct command *c = (struct command *)work;
    c->result.error = ECANCELED;
    finish(c);
}

static void on_exited(struct process *process, int status, int signal)
{
    struct command *c = (void *)((char *)process - offsetof(struct command, process));
    c->result.status = signal ? -1 : status;
    c->result.signal = signal;
    finish(c);
}

static void on_timer(uv_timer_t *timer)
{
    struct command *c = timer->data;
    if (!c->result.error)
        c->result.timed_out = true;
    finish(c);
}

/* ---- its input ---- */

/* A command that has enough of it, or never reads, is no error: its exit says what it made of it.
 */
static void on_written(uv_write_t *write, int rc)
{
    (void)rc;
    close_input(write->data);
}

static int open_input(struct command *c, const struct command_spec *spec, int *theirs)
{
    int fds[2];
    if (!spec->input)
        return 0;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    *theirs = fds[0];
    uv_pipe_init(&c->drive->loop, &c->in, 0);
    c->in.data = c->write.data = c;
    c->in_open = true;
    c->n_handles++;
    int rc = uv_pipe_open(&c->in, fds[1]);
    if (rc)
        close(fds[1]);
    return rc;
}

/* Once it runs, as what fits into the pipe is written at once. */
static void write_input(struct command *c, const struct command_spec *spec)
{
    if (!c->in_open)
        return;
    c->input = xmalloc(spec->n_input + 1);
    memcpy(c->input, spec->input, spec->n_input);
    uv_buf_t bytes = uv_buf_init(c->input, (unsigned)spec->n_input);
    if (uv_write(&c->write, (uv_stream_t *)&c->in, &bytes, 1, on_written) != 0)
        close_input(c);
}

/* ---- start ---- */

struct texts {
    VEC(char *) v;
};

static void push_all(struct texts *texts, const char *const *all)
{
    for (; all && *all; all++)
        *vec_push(&texts->v) = xstrdup(*all);
}

static void push_variable(struct texts *env, const char *name, const char *value)
{
    struct buf out = {0};
    buf_printf(&out, "%s=%s", name, value);
    *vec_push(&env->v) = out.p;
}

/* What is needed to find programs and to speak: what the service manager has told us is not for it.
 */
static void make_environment(struct texts *env, struct command *c, const struct command_spec *spec)
{
    static const char *const ours[] = {"HOME", "LANG"};
    char number[PROCESS_VARIABLE_MAX];
    push_variable(env, "PATH", program_search_path());
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (getenv(ours[i]))
            push_variable(env, ours[i], getenv(ours[i]));
    process_variable(number, &c->process);
    *vec_push(&env->v) = xstrdup(number);
    push_all(env, spec->env);
}

static void free_texts(struct texts *texts)
{
    for (size_t i = 0; i < texts->v.n; i++)
        free(texts->v.v[i]);
    vec_free(&texts->v);
}

static int spawn(struct command *c, const struct command_spec *spec,
                 const struct process_files *files)
{
    struct texts args = {0}, env = {0};
    push_all(&args, spec->argv);
    make_environment(&env, c, spec);
    *vec_push(&args.v) = NULL;
    *vec_push(&env.v) = NULL;
    int rc = process_start(&c->drive->processes, &c->process, args.v.v, env.v.v,
                           program_search_path(), files);
    free_texts(&args);
    free_texts(&env);
    return rc;
}

static int open_output(struct command *c, struct output *o, int *theirs)
{
    int rc = output_open(o, &c->drive->loop, c->drive->read_buffer, theirs);
    o->pipe.data = c;
    c->n_handles += o->open;
    return rc;
}

static int start(struct command *c, const struct command_spec *spec)
{
    struct process_files files = {-1, -1, -1};
    int rc = open_output(c, &c->out, &files.out);
    if (rc == 0)
        rc = open_output(c, &c->err, &files.err);
    if (rc == 0)
        rc = open_input(c, spec, &files.in);
    if (rc == 0)
        rc = spawn(c, spec, &files);
    const int theirs[] = {files.in, files.out, files.err};
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    return rc;
}

struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
{
    struct command *c = xcalloc(1, sizeof *c);
    c->drive = drive;
    c->done = done;
    c->ctx = ctx;
    c->work.stop = stop;
    c->process.exited = on_exited;
    c->out.line.rank = c->err.line.rank = spec->rank;
    c->out.max = spec->max_output;
    c->out.overflow = on_overflow;
    c->result.timeout_ms = spec->timeout_ms;
    drive_add(drive, &c->work);
    drive_watch_commands(drive);
    uv_timer_init(&drive->loop, &c->timer);
    c->timer.data = c;
    c->n_handles++;
    c->result.error = -start(c, spec);
    if (!c->result.error)
        write_input(c, spec);
    uv_update_time(&drive->loop);
    uv_timer_start(&c->timer, on_timer, c->result.error ? 0 : spec->timeout_ms, 0);
    return c;
}

/* ---- words ---- */

const char *command_text(char out[COMMAND_TEXT_MAX], const struct command_result *r)
{
    const char *colon = r->line[0] ? ": " : "";
    if (r->error)
        snprintf(out, COMMAND_TEXT_MAX, "could not be started: %s", strerror(r->error));
    else if (r->timed_out)
        snprintf(out, COMMAND_TEXT_MAX, "took longer than %g s, and was killed%s%s",
                 r->timeout_ms / 1000.0, colon, r->line);
    else if (r->too_much)
        snprintf(out, COMMAND_TEXT_MAX, "wrote more than %u bytes, and was killed", r->output.n);
    else if (r->signal)
        snprintf(out, COMMAND_TEXT_MAX, "was killed by signal %d (%s)%s%s", r->signal,
                 strsignal(r->signal), colon, r->line);
    else
        snprintf(out, COMMAND_TEXT_MAX, "exited with %d%s%s", r->status, colon, r->line);
    return out;
}
