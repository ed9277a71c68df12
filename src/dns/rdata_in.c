/* SPDX-License-Identifier: Apache-2.0
 * What kinds of fields read text by, and how they refuse it. */
#include "dns/rdata_kind.h"

#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

bool rdata_fail(struct rdata_error *error, const uint8_t *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    error->at = at;
    (void)vsnprintf(error->text, sizeof error->text, fmt, args);
    va_end(args);
    return false;
}

bool rdata_expected(struct rdata_error *error, const struct word *word, const char *expected)
{
    int n = (int)(word->n < 60 ? word->n : 60);
    if (word->n == 0 && !word->quoted)
        return rdata_fail(error, word->p, "the line ends here, expected %s", expected);
    return rdata_fail(error, word->p, "'%.*s', expected %s", n, (const char *)word->p, expected);
}

bool rdata_too_long(const struct rdata_in *in, const uint8_t *at)
{
    return rdata_fail(in->error, at, "the data is longer than %td bytes", in->w.end - in->start);
}

int rdata_next(struct rdata_in *in, struct word *word)
{
    const char *why = NULL;
    enum scan_result result = scan_word(in->scan, word, &why);
    if (LIKELY(result == SCAN_WORD))
        return 1;
    if (result == SCAN_ERROR) {
        rdata_fail(in->error, in->scan->bad, "%s", why);
        return E_SYNTAX;
    }
    *word = (struct word){in->scan->p, 0, false};
    return 0;
}

bool rdata_word(struct rdata_in *in, struct word *word, const char *expected)
{
    int result = rdata_next(in, word);
    return result > 0 || (result == 0 && rdata_expected(in->error, word, expected));
}
