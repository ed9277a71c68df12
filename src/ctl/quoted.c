/* SPDX-License-Identifier: Apache-2.0
 * Errors of files, as far as anybody may read them. */
#include "ctl/quoted.h"

#include <string.h>

/** The length of FILE in "FILE:LINE:COLUMN: ...", and of the whole position. */
static size_t position_length(const char *line, size_t n, size_t *file)
{
    for (size_t at = 0; at < n; at++) {
        size_t to = at + 1, digits = strspn(line + to, "0123456789");
        if (line[at] != ':' || digits == 0 || line[to + digits] != ':')
            continue;
        *file = at;
        to += digits + 1;
        digits = strspn(line + to, "0123456789");
        return digits && line[to + digits] == ':' ? to + digits : to - 1;
    }
    return 0;
}

const char *quoted_line(struct arena *arena, const char *line, size_t n)
{
    static const char *const quoted[] = {".yaml", ".yml", ".zone"};
    size_t file = 0, position = position_length(line, n, &file);
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
        size_t length = strlen(quoted[i]);
        if (!position || (file >= length && memcmp(line + file - length, quoted[i], length) == 0))
            return arena_printf(arena, "%.*s", (int)n, line);
    }
    return arena_printf(arena, "%.*s: what is wrong there is in the log", (int)position, line);
}
