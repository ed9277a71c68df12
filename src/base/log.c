/* SPDX-License-Identifier: Apache-2.0
 * Log lines to stderr. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum log_level least_level = LOG_LEVEL_INFO;
static bool to_journal;

/* syslog(3) severities, which sd-daemon(3) prefixes use, and the words for a terminal. */
static const struct {
    unsigned severity;
    const char *word;
} levels[] = {
    [LOG_LEVEL_ERROR] = {3, "error"},   [LOG_LEVEL_WARNING] = {4, "warning"},
    [LOG_LEVEL_NOTICE] = {5, "notice"}, [LOG_LEVEL_INFO] = {6, "info"},
    [LOG_LEVEL_DEBUG] = {7, "debug"},
};

/* systemd sets $JOURNAL_STREAM to the device and inode of the stream; stderr may since have been
 * redirected elsewhere, so both are compared. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    unsigned long long dev, ino;
    char end;
    return stream && fstat(STDERR_FILENO, &st) == 0 &&
           sscanf(stream, "%llu:%llu%c", &dev, &ino, &end) == 2 && dev == st.st_dev &&
           ino == st.st_ino;
}

void log_init(enum log_level least)
{
    least_level = least;
    to_journal = stderr_is_journal();
}

static void format_prefix(char *out, size_t n, enum log_level level)
{
    char now[CLOCK_TEXT_MAX];
    if (to_journal)
        snprintf(out, n, "<%u>", levels[level].severity);
    else
        snprintf(out, n, "%s %s: ", clock_text(now, clock_wall_ms()), levels[level].word);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > least_level)
        return;
    int saved = errno;
    char prefix[CLOCK_TEXT_MAX + 16];
    struct buf text = {0}, line = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    format_prefix(prefix, sizeof prefix, level);
    buf_puts(&line, prefix);
    escape_add(&line, slice_of(text.p, text.n));
    buf_add(&line, "\n", 1);
    while (write(STDERR_FILENO, line.p, line.n) < 0 && errno == EINTR)
        ;
    buf_free(&text);
    buf_free(&line);
    errno = saved;
}
