/* SPDX-License-Identifier: Apache-2.0
 * Commands that answer at once, and files in memory. Takes the place of what src/drive offers, so
 * it is included once in a program, which defines world_command(). And a driver that runs them. */
#pragma once

#include "drive/command.h"
#include "drive/files.h"
#include "driver_ends.h"

#include <errno.h>

/** Carries out a command: fills the result, and what it prints. */
static void world_command(const struct command_spec *spec, struct command_result *result,
                          struct buf *output);

enum op { OP_COMMAND, OP_READ, OP_WRITE, OP_REMOVE };

static struct world {
    char *file; /* NULL: there is none */
    int read_error, write_error;
    bool waits; /* commands are not carried out until it is false */
    unsigned n_commands, n_writes, n_cancelled;
    struct {
        enum op op;
        struct buf content;
        void *done, *ctx;
    } queue[4];
    uint32_t n_queue;
    struct command_spec spec;
    VEC(char *) words;
    struct buf input;
} world;

static void world_push(enum op op, struct slice content, void *done, void *ctx)
{
    assert_true(world.n_queue < 4);
    world.queue[world.n_queue].op = op;
    world.queue[world.n_queue].content = (struct buf){0};
    buf_add(&world.queue[world.n_queue].content, content.n ? (const void *)content.p : "",
            content.n);
    world.queue[world.n_queue].done = done;
    world.queue[world.n_queue++].ctx = ctx;
}

static void world_drop_queue(void)
{
    for (uint32_t i = 0; i < world.n_queue; i++)
        buf_free(&world.queue[i].content);
    world.n_queue = 0;
}

struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
{
    (void)drive;
    assert_true(spec->timeout_ms > 0);
    for (size_t i = 0; i < world.words.n; i++)
        free(world.words.v[i]);
    vec_free(&world.words);
    for (const char *const *word = spec->argv; *word; word++)
        *vec_push(&world.words) = xstrdup(*word);
    *vec_push(&world.words) = NULL;
    world.spec = *spec;
    world.spec.argv = (const char *const *)world.words.v;
    world.input.n = 0;
    buf_add(&world.input, spec->input ? spec->input : "", spec->n_input);
    world_push(OP_COMMAND, (struct slice){0}, (void *)done, ctx);
    return (struct command *)(void *)&world;
}

void command_cancel(struct command *command)
{
    (void)command;
    world.n_cancelled++;
    world_drop_queue();
}

const char *command_text(char out[COMMAND_TEXT_MAX], const struct command_result *result)
{
    snprintf(out, COMMAND_TEXT_MAX, "exited with %d: %s", result->status, result->line);
    return out;
}

struct followed_file *followed_open(struct drive *drive, const char *path)
{
    (void)drive;
    assert_string_equal(path, "/var/lib/loadstar/speaker.local.json");
    return (struct followed_file *)(void *)&world;
}

void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx)
{
    (void)file;
    assert_string_equal(suffix, "");
    world_push(OP_READ, (struct slice){0}, (void *)done, ctx);
}

void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx)
{
    (void)file;
    assert_string_equal(suffix, "");
    world_push(OP_WRITE, content, (void *)done, ctx);
}

void followed_remove(struct followed_file *file, const char *suffix, followed_done_fn *done,
                     void *ctx)
{
    (void)file;
    assert_string_equal(suffix, "");
    world_push(OP_REMOVE, (struct slice){0}, (void *)done, ctx);
}

void followed_close(struct followed_file *file)
{
    (void)file;
}

static void world_set_file(const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;
    free(world.file);
    world.file = copy;
}

/* Carries out what is waiting, one of it. */
static void world_step(void)
{
    assert_true(world.n_queue > 0);
    enum op op = world.queue[0].op;
    struct buf content = world.queue[0].content, output = {0};
    void *done = world.queue[0].done, *ctx = world.queue[0].ctx;
    struct command_result result = {0};
    world.n_queue--;
    memmove(world.queue, world.queue + 1, world.n_queue * sizeof *world.queue);
    if (op == OP_COMMAND) {
        world.n_commands++;
        buf_puts(&output, "");
        world_command(&world.spec, &result, &output);
        result.output = slice_of(output.p, world.spec.max_output ? output.n : 0);
        ((void (*)(void *, const struct command_result *))done)(ctx, &result);
    } else if (op == OP_READ) {
        int error = world.read_error ? world.read_error : world.file ? 0 : ENOENT;
        ((followed_read_fn *)done)(ctx, error, slice_str(error ? "" : world.file));
    } else {
        int error = op == OP_WRITE ? world.write_error : world.file ? 0 : ENOENT;
        world.n_writes += op == OP_WRITE;
        if (!error)
            world_set_file(op == OP_WRITE ? content.p : NULL);
        ((followed_done_fn *)done)(ctx, error);
    }
    buf_free(&content);
    buf_free(&output);
}

/* Until the driver has come to an end. */
static void world_run(void)
{
    while (ends.kind == NOTHING)
        world_step();
    assert_int_equal(world.n_queue, 0);
}

static void world_clear(void)
{
    for (size_t i = 0; i < world.words.n; i++)
        free(world.words.v[i]);
    vec_free(&world.words);
    world_drop_queue();
    buf_free(&world.input);
    free(world.file);
    world = (struct world){0};
}

/* --- the driver --- */

static const struct speaker_type_ops *ops;
static struct speaker_driver *driver;

/** Opened anew, where it is open: as after a restart of ours. */
static void open_driver(void)
{
    if (driver)
        ops->close(driver);
    driver = ops->open(&host);
}

/** With no sets, no file, and one driver of the speaker `config`. */
static void world_begin(const struct speaker_type_ops *type, const struct speaker *config)
{
    sets_clear();
    world_clear();
    ends = (struct ends){0};
    speaker = *config;
    host.state_dir = "/var/lib/loadstar";
    ops = type;
    driver = NULL;
    open_driver();
}

static void world_end(void)
{
    ops->close(driver);
    world_clear();
}

static void look(void)
{
    ends.kind = NOTHING;
    ops->observe(driver, &sets.wanted);
    world_run();
}

static void look_well(void)
{
    look();
    expect_end(OBSERVED);
}

static void tell(void)
{
    ends.kind = NOTHING;
    ops->apply(driver, &sets.wanted);
    world_run();
}

static void tell_well(void)
{
    tell();
    expect_end(APPLIED);
}
