/* SPDX-License-Identifier: Apache-2.0
 * Lines of the control socket: the same ones whatever the pieces, none of them blank, none with a
 * line feed in it. */
#include "tests/fuzz/fuzz.h"

#include "control/lines.h"

#include <string.h>

/** Feeds the bytes by pieces; returns a digest of the lines. */
static uint64_t feed(const uint8_t *data, size_t n, size_t piece)
{
    static struct lines lines;
    uint64_t digest = 1;
    memset(&lines, 0, offsetof(struct lines, bytes));
    for (size_t at = 0;; at += piece) {
        size_t more = at < n ? (n - at < piece ? n - at : piece) : 0;
        uint32_t room, length;
        char *p = lines_room(&lines, &room);
        if (!p)
            return digest; /* a line that is too long */
        more = more < room ? more : room;
        memcpy(p, data + at, more);
        lines.n += (uint32_t)more;
        const char *line;
        while ((line = lines_take(&lines, at + more >= n, &length))) {
            CHECK(length > 0 && !memchr(line, '\n', length));
            CHECK(line >= lines.bytes && line + length <= lines.bytes + lines.n);
            for (uint32_t i = 0; i < length; i++)
                digest = digest * 31 + (uint8_t)line[i];
            digest = digest * 31 + '\n';
        }
        if (at + more >= n)
            return digest;
        at -= piece - more; /* so that the step adds what was taken */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > LOADSTAR_CONTROL_LINE_MAX)
        return 0;
    CHECK(feed(data + 1, n - 1, data[0] + (size_t)1) == feed(data + 1, n - 1, n));
    return 0;
}
