/* SPDX-License-Identifier: Apache-2.0
 * Events on disk: lines, what is left of damaged ones, and lives of processes one after the other.
 * The log is one a process, and so each life is one. */
#include "out/event_file.h"
#include "out/event_line.h"

#include "base/arena.h"
#include "base/rng.h"
#include "base/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- lines ---- */

static void random_text(struct rng *rng, char *out, size_t size)
{
    static const char odd[] = "\t\n\\ \x1b\xff\x80tn/";
    size_t n = rng_below(rng, (uint32_t)size);
    for (size_t i = 0; i < n; i++)
        out[i] = rng_below(rng, 2) ? odd[rng_below(rng, sizeof odd - 1)]
                                   : (char)(1 + rng_below(rng, 255));
    out[n] = '\0';
}

static void random_event(struct rng *rng, struct event *e, uint64_t id)
{
    *e = (struct event){.id = id,
                        .at_ms = (int64_t)(rng_next(rng) >> (1 + rng_below(rng, 63))),
                        .severity = (uint8_t)rng_below(rng, 3)};
    random_text(rng, e->target, sizeof e->target);
    random_text(rng, e->from, sizeof e->from);
    random_text(rng, e->to, sizeof e->to);
    random_text(rng, e->reason, sizeof e->reason);
    random_text(rng, e->effect, sizeof e->effect);
    random_text(rng, e->by, sizeof e->by);
}

static void assert_same(const struct event *a, const struct event *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_int_equal(a->severity, b->severity);
    assert_string_equal(a->target, b->target);
    assert_string_equal(a->from, b->from);
    assert_string_equal(a->to, b->to);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->effect, b->effect);
    assert_string_equal(a->by, b->by);
}

static void test_lines_come_back(void **state)
{
    (void)state;
    struct rng rng = {20260511};
    struct event *written = xcalloc(EVENTS_KEPT + 700, sizeof *written);
    struct event_lines lines;
    struct buf text = {0};
    for (uint32_t i = 0; i < EVENTS_KEPT + 700; i++) {
        random_event(&rng, &written[i], (i + 1) * 3);
        event_line_add(&text, &written[i]);
    }
    event_lines_read(&lines, slice_of(text.p, text.n));
    assert_int_equal(lines.n_lines, EVENTS_KEPT + 700);
    assert_int_equal(lines.n, EVENTS_KEPT);
    assert_int_equal(lines.n_damaged, 0);
    assert_false(lines.torn);
    for (uint32_t i = 0; i < EVENTS_KEPT; i++)
        assert_same(&lines.v[i], &written[i + 700]);
    free(lines.v);
    free(written);
    buf_free(&text);
}

/* Whatever becomes of a byte, its line is left out and its neighbours are not. */
static void test_damage_is_local(void **state)
{
    (void)state;
    struct rng rng = {20260512};
    struct event events[3];
    struct event_lines lines;
    struct buf text = {0};
    size_t ends[3];
    for (uint32_t i = 0; i < 3; i++) {
        events[i] = (struct event){.id = i + 1,
                                   .target = "www/ams/a\tb",
                                   .from = "up",
                                   .to = "down",
                                   .reason = "c:\\ timeout",
                                   .by = "root"};
        event_line_add(&text, &events[i]);
        ends[i] = text.n;
    }
    for (size_t at = ends[0]; at + 1 < ends[1]; at++) {
        char saved = text.p[at];
        do
            text.p[at] = (char)rng_below(&rng, 256);
        while (text.p[at] == saved);
        event_lines_read(&lines, slice_of(text.p, text.n));
        assert_int_equal(lines.n, 2);
        assert_true(lines.n_damaged >= 1); /* two, if it is cut by a line feed */
        assert_same(&lines.v[0], &events[0]);
        assert_same(&lines.v[1], &events[2]);
        text.p[at] = saved;
        free(lines.v);
    }
    for (size_t n = ends[1]; n < ends[2]; n++) { /* cut anywhere within the last */
        event_lines_read(&lines, slice_of(text.p, n));
        bool whole = n + 1 == ends[2]; /* but for its line feed */
        assert_int_equal(lines.n, whole ? 3 : 2);
        assert_int_equal(lines.n_damaged, n > ends[1] && !whole);
        assert_int_equal(lines.torn, n > ends[1]);
        free(lines.v);
    }
    buf_free(&text);
}

/* With the right sum, but longer than there is room for. */
static void test_texts_have_bounds(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct event e;
        struct buf rest = {0}, line = {0};
        buf_puts(&rest, "\t1\t1\t0\t");
        for (size_t i = 0; i < sizeof e.target - 1 + over; i++)
            buf_puts(&rest, "x");
        buf_puts(&rest, "\t\t\t\t\t");
        sealed_sum(&line, slice_of(rest.p, rest.n));
        buf_add(&line, rest.p, rest.n);
        assert_int_equal(event_line_read(&e, slice_of(line.p, line.n)), !over);
        buf_free(&rest);
        buf_free(&line);
    }
}

static void test_ids_ascend(void **state)
{
    (void)state;
    static const uint64_t ids[] = {5, 7, 7, 6, 0, 8};
    struct event_lines lines;
    struct buf text = {0};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        event_line_add(&text, &(struct event){.id = ids[i]});
    event_lines_read(&lines, slice_of(text.p, text.n));
    assert_int_equal(lines.n, 3);
    assert_int_equal(lines.v[2].id, 8);
    assert_int_equal(lines.n_damaged, 3);
    free(lines.v);
    buf_free(&text);
}

/* ---- lives ---- */

static char dir[96], path[128];

struct life {
    uv_loop_t loop;
    struct event_file *file;
    enum event_past past;
};

#define CHECK(what)                                                    \
    do                                                                 \
        if (!(what)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            _exit(1);                                                  \
        }                                                              \
    while (0)

/* Runs in a process of its own. */
static void live(void (*deeds)(struct life *life))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct life life;
        uv_loop_init(&life.loop);
        life.file = event_file_open(&life.loop, dir, &life.past);
        deeds(&life);
        _exit(0); /* without an end: as if killed */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void add(const char *to)
{
    struct event e = {.at_ms = 1, .target = "loadstar", .from = "x"};
    snprintf(e.to, sizeof e.to, "%s", to);
    events_add(&e);
}

static void end(struct life *life)
{
    event_file_stop(life->file);
    uv_run(&life->loop, UV_RUN_DEFAULT);
    event_file_free(life->file);
    CHECK(uv_loop_close(&life->loop) == 0);
}

/* Until nothing is on its way to the disk but what waits for its second. */
static void settle(struct life *life)
{
    for (int i = 0; i < 60000 && uv_loop_alive(&life->loop); i++) {
        uv_run(&life->loop, UV_RUN_NOWAIT);
        if (life->loop.active_reqs.count == 0)
            return;
        usleep(1000);
    }
}

static uint32_t all(struct event *out)
{
    return events_since(0, out, EVENTS_KEPT);
}

static struct event got[EVENTS_KEPT];

static int open_directory(void **state)
{
    (void)state;
    strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/events-XXXXXX" : "/dev/shm/events-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, EVENT_FILE);
    return 0;
}

static int remove_directory(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void first_life(struct life *life)
{
    CHECK(life->past == EVENT_PAST_NONE);
    add("a");
    add("b");
    add("c");
    settle(life);
    add(EVENT_STOPPED);
    end(life);
}

static void after_a_stop(struct life *life)
{
    CHECK(life->past == EVENT_PAST_STOPPED);
    CHECK(all(got) == 4 && got[0].id == 1 && got[3].id == 4);
    CHECK(strcmp(got[1].to, "b") == 0 && strcmp(got[3].to, EVENT_STOPPED) == 0);
    CHECK(events_added() == 0);
    add("d");
    CHECK(events_last_id() == 5 && events_added() == 1);
    settle(life); /* on disk; then it is killed */
}

static void after_a_kill(struct life *life)
{
    CHECK(life->past == EVENT_PAST_UNCLEAN);
    CHECK(all(got) == 5 && strcmp(got[4].to, "d") == 0);
    add("e"); /* ids that may have been told are not told again */
    CHECK(events_last_id() == 5 + EVENTS_KEPT + 1);
    CHECK(events_before_newest(2) == 4 && events_before_newest(1) == 5);
    CHECK(events_since(5, got, 10) == 1 && strcmp(got[0].to, "e") == 0);
    settle(life);
}

static void test_lives(void **state)
{
    (void)state;
    live(first_life);
    live(after_a_stop);
    live(after_a_kill);
}

/* Killed while a line was written. */
static void writes_some(struct life *life)
{
    add("a");
    settle(life);
    end(life);
}

static void after_a_torn_line(struct life *life)
{
    CHECK(life->past == EVENT_PAST_UNCLEAN);
    CHECK(all(got) == 1);
    add("b");
    end(life);
}

static void sees_both(struct life *life)
{
    (void)life;
    CHECK(all(got) == 2 && strcmp(got[1].to, "b") == 0);
}

static void test_torn_line(void **state)
{
    (void)state;
    live(writes_some);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("0123456789abcdef\t2\t1\t0\tlo", file);
    fclose(file);
    live(after_a_torn_line);
    live(sees_both);
}

static off_t file_size(void)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void many(struct life *life)
{
    for (unsigned i = 0; i < 7000; i++)
        add("x");
    end(life);
}

static void sees_the_newest(struct life *life)
{
    (void)life;
    CHECK(all(got) == EVENTS_KEPT);
    CHECK(got[EVENTS_KEPT - 1].id == events_last_id() - EVENTS_KEPT);
}

static void test_the_file_is_bounded(void **state)
{
    (void)state;
    struct buf line = {0};
    event_line_add(
        &line,
        &(struct event){.id = 10000, .at_ms = 1, .target = "loadstar", .from = "x", .to = "x"});
    for (unsigned i = 0; i < 3; i++) {
        live(many);
        assert_in_range(file_size(), 1, (off_t)line.n * (EVENT_FILE_LINES_MAX + 1));
        live(sees_the_newest);
    }
    buf_free(&line);
}

/* Appended, life by life: what was there counts. */
static void some(struct life *life)
{
    for (unsigned i = 0; i < EVENTS_KEPT - 100; i++)
        add("x");
    end(life);
}

static void test_what_is_appended_counts(void **state)
{
    (void)state;
    struct buf line = {0};
    event_line_add(
        &line,
        &(struct event){.id = 10000, .at_ms = 1, .target = "loadstar", .from = "x", .to = "x"});
    for (unsigned i = 0; i < 5; i++) {
        live(some);
        assert_in_range(file_size(), 1, (off_t)line.n * (EVENT_FILE_LINES_MAX + 1));
    }
    buf_free(&line);
}

/* The disk takes nothing: events go on in memory, and are all there once it does. */
static void in_trouble(struct life *life)
{
    CHECK(life->past == EVENT_PAST_UNREADABLE);
    add("a");
    settle(life);
    CHECK(event_file_problem(life->file));
    add("b");
    CHECK(all(got) == 2);
    CHECK(rmdir(path) == 0);
    end(life);
}

static void sees_a_and_b(struct life *life)
{
    (void)life;
    CHECK(all(got) == 2 && strcmp(got[0].to, "a") == 0 && strcmp(got[1].to, "b") == 0);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    live(in_trouble);
    live(sees_a_and_b);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0); /* not followed, not written to */
    struct stat before, after;
    stat("/etc/passwd", &before);
    live(many);
    stat("/etc/passwd", &after);
    assert_int_equal(before.st_size, after.st_size);
}

/* Full within a line. */
static void on_a_full_disk(struct life *life)
{
    struct rlimit limit = {200, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    add("a");
    settle(life);
    CHECK(!event_file_problem(life->file));
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (unsigned i = 0; i < 10; i++)
        add("b");
    event_file_stop(life->file);
    uv_run(&life->loop, UV_RUN_DEFAULT);
    event_file_free(life->file);
}

static void sees_what_was_whole(struct life *life)
{
    uint32_t n = all(got);
    CHECK(life->past == EVENT_PAST_UNCLEAN && n >= 1 && n < 11);
    CHECK(strcmp(got[0].to, "a") == 0);
    add("c");
    end(life);
}

static void sees_c(struct life *life)
{
    uint32_t n = all(got);
    (void)life;
    CHECK(n >= 2 && strcmp(got[n - 1].to, "c") == 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    live(on_a_full_disk);
    assert_in_range(file_size(), 1, 200);
    live(sees_what_was_whole);
    live(sees_c);
}

static char elsewhere[128];

static void moves(struct life *life)
{
    add("a");
    settle(life);
    event_file_move(life->file, dir); /* where it is */
    CHECK(mkdir(elsewhere, 0700) == 0);
    event_file_move(life->file, elsewhere);
    add("b");
    event_file_move(life->file, NULL);
    add("c");                               /* nowhere */
    event_file_move(life->file, elsewhere); /* puts its own aside */
    add("d");
    end(life);
}

static void lives_elsewhere(struct life *life)
{
    (void)life;
    CHECK(all(got) == 4 && strcmp(got[0].to, "a") == 0 && strcmp(got[3].to, "d") == 0);
}

static void test_moves(void **state)
{
    (void)state;
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", dir);
    live(moves);
    snprintf(dir + strlen(dir), sizeof dir - strlen(dir), "/elsewhere");
    live(lives_elsewhere);
    *strrchr(dir, '/') = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_back),
        cmocka_unit_test(test_damage_is_local),
        cmocka_unit_test(test_texts_have_bounds),
        cmocka_unit_test(test_ids_ascend),
        cmocka_unit_test_setup_teardown(test_lives, open_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_torn_line, open_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_the_file_is_bounded, open_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_what_is_appended_counts, open_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, open_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_full_disk, open_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_moves, open_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
