/* SPDX-License-Identifier: Apache-2.0
 * Arguments of commands. */
#include "l4/command_args.h"

#include "base/diag.h"
#include "base/units.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

ATTR_PRINTF(4, 5)
static int refuse(const struct command_arg *arg, int code, char *error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = snprintf(error, COMMAND_ERROR_MAX, "%s: ", arg->key);
    vsnprintf(error + n, COMMAND_ERROR_MAX - (size_t)n, fmt, args);
    va_end(args);
    return code;
}

static int read_text(const struct command_arg *arg, const json_t *value, char *error)
{
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    if (!text || n == 0)
        return refuse(arg, E_SYNTAX, error, "expected a text that is not empty");
    if (n >= COMMAND_TEXT_MAX)
        return refuse(arg, E_RANGE, error, "is too long, expected at most %d bytes",
                      COMMAND_TEXT_MAX - 1);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return refuse(arg, E_SYNTAX, error, "has a control character at byte %zu", i + 1);
    memcpy(arg->to, text, n + 1);
    return 0;
}

static int read_number(const struct command_arg *arg, const json_t *value, char *error)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || (uint64_t)n > arg->max)
        return refuse(arg, E_RANGE, error, "expected a number from 0 to %llu",
                      (unsigned long long)arg->max);
    *(uint64_t *)arg->to = (uint64_t)n;
    return 0;
}

static int read_flag(const struct command_arg *arg, const json_t *value, char *error)
{
    if (!json_is_boolean(value))
        return refuse(arg, E_SYNTAX, error, "expected true or false");
    *(bool *)arg->to = json_is_true(value);
    return 0;
}

static int read_duration(const struct command_arg *arg, const json_t *value, char *error)
{
    char digits[24];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        text = digits;
    }
    int64_t ms = 0;
    int code = text ? units_duration_ms(&ms, text) : E_SYNTAX;
    if (code == E_SYNTAX)
        return refuse(arg, code, error, "expected a duration, like 90s, 30m, 2h or 1d");
    if (code != 0 || ms < 1000 || ms > DURATION_MAX_MS)
        return refuse(arg, E_RANGE, error, "expected a duration from 1s to 366d");
    *(int64_t *)arg->to = ms;
    return 0;
}

static int read_weight(const struct command_arg *arg, const json_t *value, char *error)
{
    const char *text = json_string_value(value);
    json_int_t n = json_integer_value(value);
    bool is_auto = text && strcmp(text, "auto") == 0;
    if (!is_auto && (!json_is_integer(value) || n < 0 || n > WEIGHT_MAX))
        return refuse(arg, E_RANGE, error, "expected a number from 0 to %d, or auto", WEIGHT_MAX);
    *(int64_t *)arg->to = is_auto ? COMMAND_WEIGHT_AUTO : n;
    return 0;
}

static int read_one(const struct command_arg *arg, const json_t *value, char *error)
{
    switch (arg->kind) {
    case ARG_TEXT:
        return read_text(arg, value, error);
    case ARG_NUMBER:
        return read_number(arg, value, error);
    case ARG_FLAG:
        return read_flag(arg, value, error);
    case ARG_DURATION:
        return read_duration(arg, value, error);
    case ARG_WEIGHT:
        return read_weight(arg, value, error);
    }
    return E_INVALID;
}

/** loadstarctl has the options of both daemons: so it is told which this one has. */
static void refuse_argument(const char *command, const char *key, const struct command_arg *args,
                            char *error)
{
    int n = snprintf(error, COMMAND_ERROR_MAX, "%.64s takes no argument \"%.64s\" of loadstar-l4",
                     command, key);
    for (const struct command_arg *arg = args; arg->key && n < COMMAND_ERROR_MAX; arg++)
        n += snprintf(error + n, COMMAND_ERROR_MAX - (size_t)n, "%s%s",
                      arg == args ? ", expected: " : ", ", arg->key);
}

int command_args_read(const json_t *object, const struct command_arg *args,
                      char error[COMMAND_ERROR_MAX])
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct command_arg *arg = args;
        if (strcmp(key, "command") == 0)
            continue;
        while (arg->key && strcmp(arg->key, key) != 0)
            arg++;
        if (!arg->key) {
            refuse_argument(json_string_value(json_object_get(object, "command")), key, args,
                            error);
            return E_INVALID;
        }
        int code = read_one(arg, value, error);
        if (code != 0)
            return code;
    }
    for (const struct command_arg *arg = args; arg->key; arg++)
        if (arg->is_required && !json_object_get(object, arg->key))
            return refuse(arg, E_INVALID, error, "is missing");
    return 0;
}

int command_page_read(const json_t *object, uint64_t *limit, char after[COMMAND_TEXT_MAX],
                      char error[COMMAND_ERROR_MAX])
{
    const struct command_arg args[] = {
        {.key = "limit", .kind = ARG_NUMBER, .to = limit, .max = COMMAND_PAGE_MAX},
        {.key = "after", .kind = ARG_TEXT, .to = after},
        {0},
    };
    int code = command_args_read(object, args, error);
    if (code != 0 || *limit > 0)
        return code;
    snprintf(error, COMMAND_ERROR_MAX, "limit: expected a number from 1 to %d", COMMAND_PAGE_MAX);
    return E_RANGE;
}
