/* SPDX-License-Identifier: Apache-2.0
 * keepalived's number: which it is, whose, and when it is written. */
#include "tier/driver.h"
#include "tier/keepalived_file.h"

#include "drive/files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- a file in memory, in the place of what src/drive offers ---- */

static struct {
    uv_loop_t loop;
    char *text; /* NULL: there is none */
    int read_error, write_error;
    uint32_t n_writes, n_removes;
    enum { NO_OP, OP_READ, OP_WRITE, OP_REMOVE } op;
    char *content;
    followed_read_fn *read_done;
    followed_done_fn *done;
    void *ctx;
} disk;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &disk.loop;
}
struct followed_file *followed_open(struct drive *drive, const char *path)
{
    (void)drive, (void)path;
    return (struct followed_file *)(void *)&disk;
}
void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx)
{
    (void)file;
    assert_int_equal(disk.op, NO_OP);
    assert_string_equal(suffix, "");
    disk.op = OP_READ;
    disk.read_done = done;
    disk.ctx = ctx;
}
void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx)
{
    struct buf text = {0};
    (void)file;
    assert_int_equal(disk.op, NO_OP);
    assert_string_equal(suffix, "");
    buf_add(&text, content.p, content.n);
    disk.op = OP_WRITE;
    disk.content = text.p;
    disk.done = done;
    disk.ctx = ctx;
}
void followed_remove(struct followed_file *file, const char *suffix, followed_done_fn *done,
                     void *ctx)
{
    (void)file, (void)suffix;
    assert_int_equal(disk.op, NO_OP);
    disk.op = OP_REMOVE;
    disk.done = done;
    disk.ctx = ctx;
}
void followed_close(struct followed_file *file)
{
    (void)file;
    free(disk.content);
    disk.content = NULL;
    disk.op = NO_OP;
}

static void put(const char *text)
{
    free(disk.text);
    disk.text = text ? xstrdup(text) : NULL;
}

static void carry_out(void)
{
    int error;
    switch (disk.op) {
    case NO_OP:
        uv_run(&disk.loop, UV_RUN_ONCE);
        break;
    case OP_READ:
        disk.op = NO_OP;
        error = disk.read_error ? disk.read_error : disk.text ? 0 : ENOENT;
        disk.read_done(disk.ctx, error, error ? (struct slice){0} : slice_str(disk.text));
        break;
    case OP_WRITE:
        disk.op = NO_OP;
        disk.n_writes++;
        if (!disk.write_error)
            put(disk.content);
        free(disk.content);
        disk.content = NULL;
        disk.done(disk.ctx, disk.write_error);
        break;
    case OP_REMOVE:
        disk.op = NO_OP;
        disk.n_removes++;
        error = disk.text ? 0 : ENOENT;
        put(NULL);
        disk.done(disk.ctx, error);
        break;
    }
}

/* ---- the engine ---- */

static struct tier config;
static struct tier_member members[2] = {
    {.addr = {{192, 0, 2, 1}, IP_V4}, .port = 80, .key = "web/ams/a", .name = "ams-a"},
    {.addr = {{192, 0, 2, 2}, IP_V4}, .port = 80, .key = "web/ams/b", .name = "ams-b"}};
static struct tier_spec spec = {
    .config = &config, .name = "vrrp", .members = members, .n_members = 2};
static struct tier_table table;
static struct tier_plan plan;
static struct serving wanted[2];
static int64_t staged_ms[2];
static struct desired desired;
static struct driver *driver;

static enum { NOTHING, OBSERVED, APPLIED, FAILED } outcome;
static enum tier_error failed_by;
static char failed_text[512];
static bool leaving, made;

static void on_observed(void *ctx, struct observation *seen)
{
    (void)ctx;
    const struct reconcile_input in = {.spec = &spec,
                                       .wanted = wanted,
                                       .staged_ms = staged_ms,
                                       .desired = &desired,
                                       .seen = seen,
                                       .now_ms = 1000,
                                       .mono_ms = 1000,
                                       .leaving = leaving ? LEAVING_REMOVED : LEAVING_NOT,
                                       .keeps_members = keepalived_driver.keeps_members,
                                       .is_whole = keepalived_driver.is_whole,
                                       .follows_level = keepalived_driver.follows_level,
                                       .shown = keepalived_driver.shown,
                                       .object_created = made};
    outcome = OBSERVED;
    reconcile(&table, &plan, &in);
}
static void on_applied(void *ctx)
{
    (void)ctx;
    outcome = APPLIED;
}
static void on_failed(void *ctx, enum tier_error reason, const char *text)
{
    (void)ctx;
    outcome = FAILED;
    failed_by = reason;
    snprintf(failed_text, sizeof failed_text, "%s", text);
}
static const struct tier_table *get_table(void *ctx)
{
    (void)ctx;
    return &table;
}

static void wait(void)
{
    while (outcome == NOTHING)
        carry_out();
}

/* Looks, and does what there is to do. */
static void cycle(enum tier_level level)
{
    desired.level = (uint8_t)level;
    outcome = NOTHING;
    keepalived_driver.observe(driver);
    wait();
    if (outcome != OBSERVED || plan.steps.n == 0 || plan.held || plan.refused[0])
        return;
    outcome = NOTHING;
    keepalived_driver.apply(driver, &table, &plan);
    wait();
}

static void start(void)
{
    struct driver_host host = {.spec = &spec,
                               .drive = (struct drive *)(void *)&disk,
                               .node = "ams1",
                               .observed = on_observed,
                               .applied = on_applied,
                               .failed = on_failed,
                               .table = get_table};
    driver = keepalived_driver.open(&host);
}

static int set_up(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof disk);
    config = (struct tier){.name = "vrrp",
                           .type = TIER_KEEPALIVED,
                           .file = "/run/loadstar/web.track",
                           .keepalived = {.weight_when_down = -50}};
    leaving = made = false;
    for (unsigned i = 0; i < 2; i++)
        wanted[i] = (struct serving){SERVES_READY, 100};
    uv_loop_init(&disk.loop);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    keepalived_driver.close(driver);
    uv_run(&disk.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&disk.loop), 0);
    put(NULL);
    tier_table_free(&table);
    tier_plan_free(&plan);
    table = (struct tier_table){0};
    return 0;
}

/* ---- tests ---- */

/* As keepalived reads it. */
static long number(void)
{
    assert_non_null(disk.text);
    return strtol(disk.text, NULL, 0);
}

static void writes_0_while_up_and_the_weight_while_down(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_UP);
    assert_int_equal(outcome, APPLIED);
    assert_int_equal(number(), 0);
    assert_non_null(strstr(disk.text, "\n# loadstar node=ams1 tier=vrrp sum="));
    cycle(TIER_LEVEL_UP);
    assert_int_equal(outcome, OBSERVED);
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), -50);
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(disk.n_writes, 2);
    cycle(TIER_LEVEL_UP);
    assert_int_equal(number(), 0);
    assert_int_equal(disk.n_writes, 3);
}

static void leaves_it_while_nothing_is_known(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_UNKNOWN);
    assert_null(disk.text);
    cycle(TIER_LEVEL_DOWN);
    cycle(TIER_LEVEL_UNKNOWN);
    assert_int_equal(number(), -50);
    assert_int_equal(disk.n_writes, 1);
    cycle(TIER_LEVEL_UP);
    table.level = TIER_LEVEL_UNKNOWN; /* whatever it is asked for then */
    outcome = NOTHING;
    keepalived_driver.apply(driver, &table, &plan);
    wait();
    assert_int_equal(outcome, APPLIED);
    assert_int_equal(number(), 0);
}

/* With serve_all the members stay ready, and the number moves all the same. */
static void follows_the_level_and_not_the_members(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_UP);
    for (unsigned i = 0; i < 2; i++)
        wanted[i] = (struct serving){SERVES_READY, 100};
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), -50);
    wanted[0] = (struct serving){SERVES_DRAIN, 0};
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(outcome, OBSERVED);
    assert_int_equal(disk.n_writes, 2);
}

static void changes_nothing_that_is_right_at_a_restart(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_DOWN);
    keepalived_driver.close(driver);
    uv_run(&disk.loop, UV_RUN_DEFAULT);
    start();
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(outcome, OBSERVED);
    assert_int_equal(disk.n_writes, 1);
}

static void follows_another_weight(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_DOWN);
    config.keepalived.weight_when_down = -254;
    keepalived_driver.respecified(driver, &spec);
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), -254);
    config.keepalived.weight_when_down = 0;
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), 0);
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(outcome, OBSERVED);
    cycle(TIER_LEVEL_UP);
    assert_int_equal(disk.n_writes, 3);
}

static void refuses_what_is_not_its_own(void **state)
{
    (void)state;
    static const char *const theirs[] = {"0\n", "-50\n", "# mine\n", "x"};
    for (size_t i = 0; i < 4; i++) {
        put(theirs[i]);
        cycle(TIER_LEVEL_DOWN);
        assert_int_equal(outcome, OBSERVED);
        assert_non_null(strstr(plan.refused, "adopt: true"));
        assert_string_equal(disk.text, theirs[i]);
    }
    config.adopt = true;
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), -50);
    struct buf other = {0};
    track_file_write(&other, 0, "fra1", "vrrp");
    put(other.p);
    cycle(TIER_LEVEL_DOWN);
    assert_non_null(strstr(plan.refused, "fra1"));
    assert_string_equal(disk.text, other.p);
    buf_free(&other);
}

/* Between the look and the write. */
static void looks_again_before_it_writes(void **state)
{
    (void)state;
    struct buf other = {0};
    cycle(TIER_LEVEL_UP);
    track_file_write(&other, 0, "fra1", "vrrp");
    put(other.p);
    table.level = TIER_LEVEL_DOWN;
    outcome = NOTHING;
    keepalived_driver.apply(driver, &table, &plan);
    wait();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(failed_by, TIER_ERROR_FOREIGN);
    assert_string_equal(disk.text, other.p);
    buf_free(&other);
}

static void puts_right_what_was_edited(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_UP);
    char *edited = xstrdup(disk.text);
    edited[0] = '9';
    put(edited);
    cycle(TIER_LEVEL_UP);
    assert_int_equal(number(), 0);
    assert_int_equal(disk.n_writes, 2);
    free(edited);
}

static void says_what_the_disk_says(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_UP);
    disk.write_error = ENOSPC;
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(outcome, FAILED);
    assert_int_equal(failed_by, TIER_ERROR_DISK);
    assert_non_null(strstr(failed_text, "/run/loadstar/web.track: No space left"));
    assert_int_equal(number(), 0);
    disk.write_error = 0;
    disk.read_error = EACCES;
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(failed_by, TIER_ERROR_DENIED);
    disk.read_error = ELOOP;
    cycle(TIER_LEVEL_DOWN);
    assert_non_null(strstr(plan.refused, "link"));
    disk.read_error = 0;
    cycle(TIER_LEVEL_DOWN);
    assert_int_equal(number(), -50);
}

/* keepalived takes a file that is gone as 0. */
static void removes_its_file_with_the_tier(void **state)
{
    (void)state;
    cycle(TIER_LEVEL_DOWN);
    leaving = made = true;
    for (unsigned i = 0; i < 2; i++)
        table.rows.v[i].drain.phase = DRAIN_DONE;
    cycle(TIER_LEVEL_DOWN);
    for (unsigned i = 0; i < 5 && disk.text; i++) {
        for (unsigned k = 0; k < 2; k++)
            table.rows.v[k].drain.phase = DRAIN_DONE;
        cycle(TIER_LEVEL_DOWN);
    }
    assert_null(disk.text);
    assert_int_equal(disk.n_removes, 1);
}

static void reads_only_its_own_format(void **state)
{
    (void)state;
    struct buf text = {0};
    struct track_file file;
    track_file_write(&text, -254, "ams1", "vrrp");
    track_file_read(&file, slice_str(text.p), "ams1");
    assert_int_equal(file.owner, MARK_OURS);
    assert_int_equal(file.value, -254);
    for (size_t i = 0; i < text.n; i++) {
        char kept = text.p[i];
        bool of_tier = strstr(text.p, "vrrp") <= text.p + i && text.p + i < strstr(text.p, " sum");
        text.p[i] = (char)(kept ^ 1);
        track_file_read(&file, slice_of(text.p, text.n), "ams1");
        assert_true(file.owner != MARK_OURS || of_tier);
        text.p[i] = kept;
    }
    buf_puts(&text, "more\n");
    track_file_read(&file, slice_str(text.p), "ams1");
    assert_int_equal(file.owner, MARK_EDITED);
    buf_free(&text);
    track_file_read(&file, slice_str(" \n"), "ams1");
    assert_true(file.empty && file.owner == MARK_NONE);
    track_file_read(&file, slice_str("0"), "ams1");
    assert_true(!file.empty && file.owner == MARK_NONE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_0_while_up_and_the_weight_while_down),
        TEST(leaves_it_while_nothing_is_known),
        TEST(follows_the_level_and_not_the_members),
        TEST(changes_nothing_that_is_right_at_a_restart),
        TEST(follows_another_weight),
        TEST(refuses_what_is_not_its_own),
        TEST(looks_again_before_it_writes),
        TEST(puts_right_what_was_edited),
        TEST(says_what_the_disk_says),
        TEST(removes_its_file_with_the_tier),
        cmocka_unit_test(reads_only_its_own_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
