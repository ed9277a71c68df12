/* SPDX-License-Identifier: Apache-2.0
 * Log lines: one a call whatever the text, levels, the journal's prefix; errors with positions. */
#include "base/diag.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int terminal = -1; /* what stderr was */
static FILE *captured;

static void capture(void)
{
    fflush(stderr);
    terminal = dup(STDERR_FILENO);
    captured = tmpfile();
    dup2(fileno(captured), STDERR_FILENO);
}

/* What was written since; the caller frees it. */
static char *release(void)
{
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    long n = lseek(fileno(captured), 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    assert_int_equal(pread(fileno(captured), text, (size_t)n, 0), n);
    fclose(captured);
    return text;
}

/* After "2026-01-01T00:00:00.000Z ". */
static const char *past_time(const char *line)
{
    assert_int_equal(strspn(line, "0123456789-T:.Z"), strcspn(line, " "));
    return strchr(line, ' ') + 1;
}

static void test_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO);
    for (unsigned c = 1; c < 0x100; c++) {
        char quoted[] = {'a', (char)c, 'b', '\0'}, expected[64];
        bool shown = c >= 0x20 && c < 0x7f;
        capture();
        log_warning("it says '%s'", quoted);
        char *text = release();
        if (shown)
            snprintf(expected, sizeof expected, "warning: it says '%s'\n", quoted);
        else if (c == '\n' || c == '\r' || c == '\t')
            snprintf(expected, sizeof expected, "warning: it says 'a\\%cb'\n",
                     c == '\n'   ? 'n'
                     : c == '\r' ? 'r'
                                 : 't');
        else
            snprintf(expected, sizeof expected, "warning: it says 'a\\x%02xb'\n", c);
        assert_string_equal(past_time(text), expected);
        free(text);
    }
}

static void test_marks_of_unicode(void **state)
{
    (void)state;
    capture();
    log_error("%s", "\xc3\xa4\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbf");
    char *text = release();
    assert_string_equal(past_time(text), "error: \xc3\xa4\\u009b\\u202e\\u2028\\ufeff\n");
    free(text);
}

static void test_long_lines_are_whole(void **state)
{
    (void)state;
    size_t n = 100000;
    char *long_text = calloc(1, n + 1);
    memset(long_text, '\x1b', n);
    capture();
    log_info("%s", long_text);
    char *text = release();
    assert_int_equal(strlen(past_time(text)), strlen("info: ") + 4 * n + 1);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
    free(long_text);
}

static void test_levels(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_NOTICE);
    capture();
    errno = EPIPE;
    log_debug("no");
    log_info("no");
    log_notice("yes");
    assert_int_equal(errno, EPIPE);
    char *text = release();
    assert_string_equal(past_time(text), "notice: yes\n");
    free(text);
}

/* Callers go on to tell what errno says, whether the line could be written or not. */
static void test_errno_of_the_caller(void **state)
{
    (void)state;
    capture();
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    dup2(full, STDERR_FILENO);
    close(full);
    errno = EPIPE;
    log_error("nobody hears this");
    int after = errno;
    free(release());
    assert_int_equal(after, EPIPE);
}

static void test_journal(void **state)
{
    (void)state;
    char stream[64];
    struct stat st;
    capture();
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init(LOG_LEVEL_DEBUG);
    log_error("a\n<0>b");
    log_debug("c");
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1); /* redirected since: another inode */
    log_init(LOG_LEVEL_INFO);
    log_error("d");
    unsetenv("JOURNAL_STREAM");
    char *text = release();
    static const char expected[] = "<3>a\\n<0>b\n<7>c\n";
    assert_memory_equal(text, expected, sizeof expected - 1);
    assert_string_equal(past_time(text + sizeof expected - 1), "error: d\n");
    free(text);
    log_init(LOG_LEVEL_INFO);
}

static void test_diagnostics(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct diags diags, all;
    diags_init(&diags);
    diags_init(&all);
    diag_error(&diags, (struct span){"a\x1b.yaml", 2, 3}, "'%s'", "x\ny");
    diag_also(&diags, (struct span){"b.yaml", 7, 8}, "first given here");
    diag_warning(&diags, (struct span){"a\x1b.yaml", 1, 0}, "\xe2\x80\xae");
    diag_error(&diags, (struct span){0}, "no file");
    diags_append(&all, &diags);
    assert_int_equal(all.n_errors, 2);
    assert_int_equal(all.n_warnings, 1);
    assert_int_equal(all.v[0].also.line, 7);
    assert_string_equal(all.v[0].also.file, "b.yaml");
    assert_string_equal(all.v[0].also_text, "first given here");
    assert_int_equal(all.v[1].also.line, 0);
    assert_string_equal(diag_text(arena, &all.v[0]), "a\\x1b.yaml:2:3: 'x\\ny'");
    assert_string_equal(diag_text(arena, &all.v[1]), "a\\x1b.yaml:1: warning: \\u202e");
    assert_string_equal(diag_text(arena, &all.v[2]), "no file");
    capture();
    diags_print(&all, stderr);
    char *text = release();
    assert_string_equal(text, "a\\x1b.yaml:1: warning: \\u202e\n"
                              "a\\x1b.yaml:2:3: 'x\\ny'\nno file\n");
    free(text);
    diags_free(&all);
    diags_free(&diags);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line_whatever_it_quotes),
        cmocka_unit_test(test_marks_of_unicode),
        cmocka_unit_test(test_long_lines_are_whole),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_errno_of_the_caller),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
