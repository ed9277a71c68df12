/* SPDX-License-Identifier: Apache-2.0
 * Log lines to stderr. */
#include "base/log.h"

#include "base/arena.h"
#include "base/clock.h"

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

/* Text that came from elsewhere must not be able to forge a line or drive a terminal. */
static void replace_controls(char *p, size_t n)
{
    for (; n > 0; n--, p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > least_level)
        return;
    char line[1024], *text = line;
    format_prefix(line, sizeof line, level);
    size_t prefix = strlen(line);

    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(line + prefix, sizeof line - prefix, fmt, args);
    va_end(args);
    size_t n = len > 0 ? (size_t)len : 0;
    if (prefix + n >= sizeof line) {
        text = xmalloc(prefix + n + 1);
        memcpy(text, line, prefix);
        vsnprintf(text + prefix, n + 1, fmt, again);
    }
    va_end(again);
    replace_controls(text + prefix, n);
    text[prefix + n] = '\n'; /* in place of the NUL: the line is written by its length */

    int saved = errno;
    while (write(STDERR_FILENO, text, prefix + n + 1) < 0 && errno == EINTR)
        ;
    errno = saved;
    if (text != line)
        free(text);
}
