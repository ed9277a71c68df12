/* SPDX-License-Identifier: Apache-2.0
 * What a command prints. The first byte says in which pieces the rest arrives: the line that is
 * taken does not depend on it, has no newline, and as a reason it is fit to be shown. */
#include "base/escape.h"
#include "drive/first_line.h"
#include "fuzz.h"
#include "health/trial.h"

#include <string.h>

static unsigned rank(const char *line)
{
    return (uint8_t)line[0];
}

static void feed(struct first_line *line, line_rank_fn *ranks, const char *p, size_t n, size_t step)
{
    *line = (struct first_line){.rank = ranks};
    for (size_t at = 0; at < n; at += step)
        first_line_feed(line, p + at, n - at < step ? n - at : step);
}

static void check_shown(const char *text)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    while (p < end) {
        uint32_t code;
        unsigned n = utf8_read(p, end, &code);
        CHECK(n > 0 && !escape_is_needed(code));
        p += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct first_line whole, pieces;
    char reason[REASON_MAX];
    if (n == 0)
        return 0;
    const char *p = (const char *)data + 1;
    feed(&whole, rank, p, n - 1, n);
    feed(&pieces, rank, p, n - 1, 1 + data[0] % 16u);
    first_line_end(&whole);
    first_line_end(&pieces);
    CHECK(whole.n == pieces.n && memcmp(whole.text, pieces.text, whole.n + 1) == 0);
    CHECK(whole.n < FIRST_LINE_MAX && !memchr(whole.text, '\n', whole.n));
    feed(&whole, NULL, p, n - 1, n);
    feed(&pieces, NULL, p, n - 1, 1 + data[0] % 16u);
    CHECK(whole.n == pieces.n && memcmp(whole.text, pieces.text, whole.n + 1) == 0);
    CHECK(whole.n < FIRST_LINE_MAX && whole.text[whole.n] == '\0');
    CHECK(!memchr(whole.text, '\n', whole.n));
    size_t lead = 0;
    while (lead < n - 1 && p[lead] == '\n')
        lead++;
    CHECK((whole.n == 0) == (lead == n - 1));
    snprintf(reason, sizeof reason, "%.*s", REASON_MAX - 1, whole.text);
    reason_clean(reason);
    check_shown(reason);
    return 0;
}
