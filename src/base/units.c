/* SPDX-License-Identifier: Apache-2.0
 * Durations, sizes, shares as people write them. */
#include "base/units.h"

#include "base/diag.h"
#include "base/digits.h"

#include <inttypes.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define DURATION_MAX (36525 * DAY) /* a hundred years */
#define SHARE_DIGITS_MAX 100       /* a double of some 300 would be infinite */

struct unit {
    const char *name;
    int64_t value;
};

/* Largest first: the first that divides a duration gives its shortest exact text. */
static const struct unit durations[] = {
    {"w", WEEK}, {"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}, {"", SECOND},
};

static const struct unit sizes[] = {
    {"", 1}, {"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},
};

/* An integer, then one of `units`: at most `max` when multiplied. Without success *out stays. */
static int parse_unit(int64_t *out, const char *text, const struct unit *units, size_t n_units,
                      int64_t max)
{
    int64_t x = 0, product;
    const char *p = text;
    bool over = false;
    for (; is_digit((uint8_t)*p); p++)
        over |= __builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, *p - '0', &x);
    if (p == text)
        return E_SYNTAX;
    for (size_t i = 0; i < n_units; i++) {
        if (strcmp(p, units[i].name) != 0)
            continue;
        if (over || __builtin_mul_overflow(x, units[i].value, &product) || product > max)
            return E_RANGE;
        *out = product;
        return 0;
    }
    return E_SYNTAX;
}

int units_duration_ms(int64_t *ms, const char *text)
{
    return parse_unit(ms, text, durations, ARRAY_LEN(durations), DURATION_MAX);
}

int units_size(uint64_t *bytes, const char *text)
{
    int64_t x = 0;
    int e = parse_unit(&x, text, sizes, ARRAY_LEN(sizes), INT64_MAX);
    if (!e)
        *bytes = (uint64_t)x;
    return e;
}

int units_share(double *share, const char *text)
{
    double x = 0, scale = 1;
    const char *p = text;
    unsigned digits = 0;
    for (; is_digit((uint8_t)*p); p++, digits++)
        x = x * 10 + (*p - '0');
    if (*p == '.')
        for (p++; is_digit((uint8_t)*p); p++, digits++) {
            x = x * 10 + (*p - '0');
            scale *= 10;
        }
    if (*p == '%') {
        scale *= 100;
        p++;
    }
    if (digits == 0 || *p)
        return E_SYNTAX;
    if (!(x <= scale) || digits > SHARE_DIGITS_MAX)
        return E_RANGE;
    *share = x / scale;
    return 0;
}

const char *units_duration_text(char out[UNITS_TEXT_MAX], int64_t ms)
{
    const struct unit *u = durations;
    while (ms % u->value != 0)
        u++;
    if (ms == 0)
        u = &durations[4];
    snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "%s", ms / u->value, u->name);
    return out;
}

const char *units_age_text(char out[UNITS_TEXT_MAX], int64_t ms)
{
    const struct unit *u = &durations[1]; /* days: ages in weeks are hard to read */
    if (ms < SECOND) {
        snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "ms", ms);
        return out;
    }
    while (ms < u->value)
        u++;
    int64_t rest = ms % u->value;
    int n = snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "%s", ms / u->value, u->name);
    if (u->value > SECOND && rest >= u[1].value && n > 0)
        snprintf(out + n, UNITS_TEXT_MAX - (size_t)n, " %" PRId64 "%s", rest / u[1].value,
                 u[1].name);
    return out;
}
