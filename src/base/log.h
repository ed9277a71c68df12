/* SPDX-License-Identifier: Apache-2.0
 * Log lines to stderr: one a call, written whole, what it quotes escaped (base/escape.h). With
 * stderr going to the journal
 * ($JOURNAL_STREAM), lines carry the `<N>` priority prefix of sd-daemon(3) instead of a time.
 * Never called on the query path. */
#pragma once

#include "base/attr.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

void log_init(enum log_level least);
void log_line(enum log_level level, const char *fmt, ...) ATTR_COLD ATTR_PRINTF(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
