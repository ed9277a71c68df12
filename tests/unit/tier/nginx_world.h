/* SPDX-License-Identifier: Apache-2.0
 * A world for nginx's driver: files in memory, commands by script, an nginx that remembers what it
 * was told, and as much of the engine as is needed. Takes the place of what src/drive offers, so it
 * is included once in a program. */
#pragma once

#include "base/clock.h"
#include "tier/nginx_driver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INTERVAL_MS 40

/* --- the world --- */

enum { FILE_ITSELF, GOOD, OWED, BEFORE, EDITED, N_FILES };
static const char *const suffixes[N_FILES] = {"", ".good", ".owed", ".before", ".edited"};

enum op_kind { OP_READ, OP_WRITE, OP_REMOVE, OP_TEST, OP_RELOAD, OP_COUNT };

struct op {
    enum op_kind kind;
    unsigned file;
    char *content;
    void *done;
    void *ctx;
};

static struct world {
    uv_loop_t loop;
    char *files[N_FILES]; /* NULL: there is none */
    int read_error[N_FILES], write_error[N_FILES], remove_error[N_FILES];
    struct command_result test, reload;
    char *tested;  /* the latest content that passed */
    char *running; /* what nginx has; NULL: nothing of ours */
    uint32_t n_tests, n_reloads, n_writes, n_ops;
    int64_t tested_ms[64];
    struct op queue[8];
    uint32_t n_queue;
    uint32_t budget; /* operations until everything stops */
    int count_error;
} world;

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void set(char **to, const char *text)
{
    char *made = copy(text);
    free(*to);
    *to = made;
}

static unsigned file_of(const char *suffix)
{
    for (unsigned i = 0; i < N_FILES; i++) {
        if (strcmp(suffix, suffixes[i]) == 0)
            return i;
    }
    fail_msg("a file %s", suffix);
    return 0;
}

static void enqueue(enum op_kind kind, unsigned file, const char *content, void *done, void *ctx)
{
    assert_true(world.n_queue < 8);
    world.queue[world.n_queue++] = (struct op){kind, file, copy(content), done, ctx};
}

/* What drive/ would be. */
uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &world.loop;
}
struct followed_file *followed_open(struct drive *drive, const char *path)
{
    (void)drive, (void)path;
    return (struct followed_file *)(void *)&world;
}
const char *followed_path(const struct followed_file *file)
{
    (void)file;
    return "";
}
void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx)
{
    (void)file;
    enqueue(OP_READ, file_of(suffix), NULL, (void *)done, ctx);
}
void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx)
{
    struct buf text = {0};
    (void)file;
    buf_add(&text, content.n ? (const void *)content.p : "", content.n);
    enqueue(OP_WRITE, file_of(suffix), text.p ? text.p : "", (void *)done, ctx);
    buf_free(&text);
}
void followed_remove(struct followed_file *file, const char *suffix, followed_done_fn *done,
                     void *ctx)
{
    (void)file;
    enqueue(OP_REMOVE, file_of(suffix), NULL, (void *)done, ctx);
}
void followed_close(struct followed_file *file)
{
    (void)file;
    for (uint32_t i = 0; i < world.n_queue; i++)
        free(world.queue[i].content);
    world.n_queue = 0;
}
struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
{
    (void)drive;
    assert_true(spec->timeout_ms > 0);
    enqueue(strcmp(spec->argv[0], "test") == 0 ? OP_TEST : OP_RELOAD, 0, NULL, (void *)done, ctx);
    return (struct command *)(void *)&world;
}
void command_cancel(struct command *command)
{
    (void)command;
}
const char *command_text(char out[COMMAND_TEXT_MAX], const struct command_result *result)
{
    if (result->timed_out)
        snprintf(out, COMMAND_TEXT_MAX, "took longer than 15 s, and was killed");
    else
        snprintf(out, COMMAND_TEXT_MAX, "exited with %d: %s", result->status, result->line);
    return out;
}
struct sock_diag *sock_diag_open(struct drive *drive)
{
    (void)drive;
    return (struct sock_diag *)(void *)&world;
}
void sock_diag_count(struct sock_diag *diag, const struct sock_dest *of, uint32_t n, bool udp,
                     sock_diag_fn *done, void *ctx)
{
    (void)diag, (void)udp;
    assert_true(n > 0 && of[0].port > 0);
    enqueue(OP_COUNT, n, NULL, (void *)done, ctx);
}
void sock_diag_close(struct sock_diag *diag)
{
    (void)diag;
}

static void carry_out(struct op *op)
{
    static const uint32_t counts[8] = {3, 1, 4, 1, 5, 9, 2, 6};
    char *file = op->file < N_FILES ? world.files[op->file] : NULL;
    int error = 0;
    switch (op->kind) {
    case OP_READ:
        error = world.read_error[op->file];
        if (!error && !file)
            error = ENOENT;
        ((followed_read_fn *)op->done)(op->ctx, error, error ? (struct slice){0} : slice_str(file));
        break;
    case OP_WRITE:
        error = world.write_error[op->file];
        world.n_writes++;
        if (!error)
            set(&world.files[op->file], op->content);
        ((followed_done_fn *)op->done)(op->ctx, error);
        break;
    case OP_REMOVE:
        error = world.remove_error[op->file];
        if (!error && !file)
            error = ENOENT;
        if (!error)
            set(&world.files[op->file], NULL);
        ((followed_done_fn *)op->done)(op->ctx, error);
        break;
    case OP_TEST:
        world.tested_ms[world.n_tests++ % 64] = clock_mono_ms();
        if (command_ok(&world.test))
            set(&world.tested, world.files[FILE_ITSELF]);
        ((void (*)(void *, const struct command_result *))op->done)(op->ctx, &world.test);
        break;
    case OP_RELOAD:
        world.n_reloads++;
        if (command_ok(&world.reload)) {
            assert_non_null(world.files[FILE_ITSELF]);
            assert_non_null(world.tested);
            assert_string_equal(world.files[FILE_ITSELF], world.tested);
            set(&world.running, world.files[FILE_ITSELF]);
        }
        ((void (*)(void *, const struct command_result *))op->done)(op->ctx, &world.reload);
        break;
    case OP_COUNT:
        ((sock_diag_fn *)op->done)(op->ctx, world.count_error, world.count_error ? NULL : counts);
        break;
    }
    free(op->content);
}

/* --- the engine, as far as it is needed --- */

static const char *const test_argv[] = {"test", NULL}, *const reload_argv[] = {"reload", NULL};
static struct tier config;
static struct tier_member members[3] = {
    {.key = "web/ams/a"}, {.key = "web/ams/b"}, {.key = "web/ams/c"}};
static struct tier_spec spec = {.config = &config, .name = "edge", .members = members};
static struct tier_table table;
static struct tier_plan plan;

static enum { NOTHING, OBSERVED, APPLIED, FAILED } outcome;
static struct observation seen;
static struct observed seen_members[8];
static enum tier_error failed_by;
static char failed_text[512];

static void on_observed(void *ctx, struct observation *observation)
{
    (void)ctx;
    assert_int_equal(outcome, NOTHING);
    outcome = OBSERVED;
    seen = *observation;
    assert_true(observation->n <= 8);
    if (observation->n)
        memcpy(seen_members, observation->v, observation->n * sizeof *seen_members);
    seen.v = seen_members;
}
static void on_applied(void *ctx)
{
    (void)ctx;
    assert_int_equal(outcome, NOTHING);
    outcome = APPLIED;
}
static void on_failed(void *ctx, enum tier_error reason, const char *text)
{
    (void)ctx;
    assert_int_equal(outcome, NOTHING);
    assert_null(strchr(text, '\n'));
    outcome = FAILED;
    failed_by = reason;
    snprintf(failed_text, sizeof failed_text, "%s", text);
}

static struct driver *driver;
static struct nginx_gates *gates;

static void start(void)
{
    gates = nginx_gates_new((struct drive *)(void *)&world);
    struct driver_host host = {.drive = (struct drive *)(void *)&world,
                               .spec = &spec,
                               .node = "ams1",
                               .nginx_gates = gates,
                               .observed = on_observed,
                               .applied = on_applied,
                               .failed = on_failed};
    driver = nginx_driver.open(&host);
}

static void stop(void)
{
    nginx_driver.close(driver);
    driver = NULL;
    nginx_gates_free(gates);
    assert_int_equal(world.n_queue, 0);
    uv_run(&world.loop, UV_RUN_DEFAULT);
}

/* Until there is an outcome, or the budget of operations is used up. */
static void run(void)
{
    int64_t end_ms = clock_mono_ms() + 60000;
    while (outcome == NOTHING) {
        assert_true(clock_mono_ms() < end_ms);
        if (world.budget == 0)
            return;
        if (world.n_queue == 0) {
            uv_run(&world.loop, UV_RUN_ONCE);
            continue;
        }
        world.budget--;
        world.n_ops++;
        struct op op = world.queue[0];
        world.n_queue--;
        memmove(world.queue, world.queue + 1, world.n_queue * sizeof op);
        carry_out(&op);
    }
}

static void observe(void)
{
    outcome = NOTHING;
    nginx_driver.observe(driver);
    run();
}

static void apply(void)
{
    outcome = NOTHING;
    nginx_driver.apply(driver, &table, &plan);
    run();
}

static void want(unsigned n, uint16_t weight)
{
    table.rows.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct tier_row *row = vec_push(&table.rows);
        row->addr = (struct ip){{192, 0, 2, (uint8_t)(1 + i)}, IP_V4};
        row->port = 80;
        row->member = i;
        row->target = (struct serving){SERVES_READY, weight};
    }
}

/* What would be written for the table. */
static char *wanted(void)
{
    struct buf text = {0};
    nginx_file_write(&text, &spec, "ams1", &table);
    return text.p;
}

static void assert_file(unsigned file, const char *text)
{
    if (!text)
        assert_null(world.files[file]);
    else
        assert_non_null(world.files[file]);
    if (text)
        assert_string_equal(world.files[file], text);
}

/* nginx has what is wanted, the files say so, and nothing is left over. */
static void assert_settled(void)
{
    char *text = wanted();
    assert_file(FILE_ITSELF, text);
    assert_file(GOOD, text);
    assert_file(OWED, NULL);
    assert_non_null(world.running);
    assert_string_equal(world.running, text);
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    world = (struct world){.budget = UINT32_MAX};
    config = (struct tier){.name = "edge",
                           .type = TIER_NGINX,
                           .file = "/etc/nginx/web.conf",
                           .nginx = {.upstream = "web",
                                     .test = test_argv,
                                     .reload = reload_argv,
                                     .reload_interval_ms = INTERVAL_MS}};
    spec.n_members = 3;
    uv_loop_init(&world.loop);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (driver)
        stop();
    assert_int_equal(uv_loop_close(&world.loop), 0);
    for (unsigned i = 0; i < N_FILES; i++)
        free(world.files[i]);
    free(world.tested);
    free(world.running);
    vec_free(&table.rows);
    table = (struct tier_table){0};
    return 0;
}

static const struct command_result refused = {
    .status = 1, .line = "nginx: [emerg] unknown directive \"x\" in /etc/nginx/nginx.conf:3"};
