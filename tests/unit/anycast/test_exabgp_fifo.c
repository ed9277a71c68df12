/* SPDX-License-Identifier: Apache-2.0
 * The way over FIFOs, against an ExaBGP that says what it likes. */
#include "anycast/exabgp_link.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static uv_loop_t loop;

static struct world {
    char dir[32], to[64], from[64];
    int reads, says; /* ExaBGP's ends */
    struct speaker speaker;
    struct exabgp_link *link;
    struct buf heard; /* lines, each with a bar behind it */
    unsigned n_ups, n_downs;
    bool goes; /* it does not read commands any more once it has said a line */
} world;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

static void on_line(void *ctx, const char *line)
{
    (void)ctx;
    buf_printf(&world.heard, "%s|", line);
    if (!world.goes)
        return;
    close(world.reads);
    world.reads = -1;
    assert_false(exabgp_fifo_link.send(world.link, slice_str("version")));
}

static void on_up(void *ctx, bool up, bool renewed)
{
    (void)ctx;
    (void)renewed;
    world.n_ups += up;
    world.n_downs += !up;
}

static int begin(void **state)
{
    char text[EXABGP_TEXT_MAX];
    (void)state;
    alarm(120); /* a line that does not come fails it */
    world = (struct world){.dir = "/tmp/exabgp-fifo-XXXXXX"};
    assert_non_null(mkdtemp(world.dir));
    snprintf(world.to, sizeof world.to, "%s/to", world.dir);
    snprintf(world.from, sizeof world.from, "%s/from", world.dir);
    assert_int_equal(mkfifo(world.to, 0600), 0);
    assert_int_equal(mkfifo(world.from, 0600), 0);
    world.reads = open(world.to, O_RDWR | O_CLOEXEC);
    world.says = open(world.from, O_RDWR | O_CLOEXEC);
    assert_true(world.reads >= 0 && world.says >= 0);
    world.speaker =
        (struct speaker){.name = "local", .exabgp = {.to = world.to, .from = world.from}};
    uv_loop_init(&loop);
    world.link = exabgp_fifo_link.open(&(struct exabgp_link_host){
        .drive = (struct drive *)&loop, .config = &world.speaker, .line = on_line, .up = on_up});
    assert_int_equal(exabgp_fifo_link.check(world.link, text), SPEAKER_ERROR_NONE);
    assert_int_equal(world.n_ups, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    exabgp_fifo_link.close(world.link);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    if (world.reads >= 0)
        close(world.reads);
    close(world.says);
    unlink(world.to);
    unlink(world.from);
    rmdir(world.dir);
    buf_free(&world.heard);
    alarm(0);
    return 0;
}

static void say(const char *bytes, size_t n)
{
    assert_int_equal(write(world.says, bytes, n), n);
}

/* Until that has come at the end of all that was heard, or the link is down. */
static void hear(const char *last)
{
    size_t n = strlen(last);
    while (world.n_downs == 0 &&
           (world.heard.n < n || memcmp(world.heard.p + world.heard.n - n, last, n) != 0))
        uv_run(&loop, UV_RUN_ONCE);
}

static void what_follows_a_line_that_is_none_is_heard(void **state)
{
    static char bad[EXABGP_LINE_MAX * 3];
    (void)state;
    memset(bad, 'x', sizeof bad);
    say("a\n", 2);
    say(bad, EXABGP_LINE_MAX + 1);
    say("\nb\n", 3);
    say(bad, sizeof bad);
    say("\nc\n1\0\nd\n", 9);
    hear("d|");
    assert_int_equal(world.n_downs, 0);
    assert_string_equal(world.heard.p, "a|b|c|d|");
}

static void what_follows_its_end_is_not_heard(void **state)
{
    (void)state;
    world.goes = true;
    say("a\nb\n", 4);
    hear("a|");
    assert_int_equal(world.n_downs, 1);
    assert_string_equal(world.heard.p, "a|");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_follows_a_line_that_is_none_is_heard),
        TEST(what_follows_its_end_is_not_heard),
    };
    signal(SIGPIPE, SIG_IGN); /* as all of loadstard's threads do */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
