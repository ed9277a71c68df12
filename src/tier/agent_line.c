/* SPDX-License-Identifier: Apache-2.0 */
#include "tier/agent_line.h"

#include <stdio.h>

#define REASON_SHOWN_MAX 100 /* more is no use on a page of statistics */

bool agent_request_read(struct slice line, struct slice *tier, struct slice *member)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    const uint8_t *slash = line.n ? memchr(line.p, '/', line.n) : NULL;
    if (!slash)
        return false;
    *tier = slice_of(line.p, (size_t)(slash - line.p));
    *member = slice_of(slash + 1, line.n - tier->n - 1);
    return tier->n > 0 && member->n > 0;
}

/** Words end at blanks and commas, the line at CR or LF, and it is shown as CSV, on pages and in
 *  logs: only printable ASCII goes through. */
static void add_reason(char out[REASON_SHOWN_MAX], const char *reason)
{
    size_t n = 0;
    for (const char *p = reason; *p && n < REASON_SHOWN_MAX - 1; p++) {
        char c = *p;
        if (c == ',')
            c = ';';
        else if (c < 0x20 || c > 0x7e || c == '"' || c == '<' || c == '>')
            c = '?';
        out[n++] = c;
    }
    out[n] = '\0';
}

size_t agent_answer(char out[AGENT_LINE_MAX], struct serving serving, const char *reason)
{
    char shown[REASON_SHOWN_MAX];
    int n = 0;
    switch ((enum serves)serving.serves) {
    case SERVES_READY:
        n = snprintf(out, AGENT_LINE_MAX, "ready up %u%%\n", serving.weight);
        break;
    case SERVES_DOWN:
        add_reason(shown, reason[0] ? reason : "down");
        n = snprintf(out, AGENT_LINE_MAX, "ready down #%s\n", shown);
        break;
    case SERVES_DRAIN:
    case SERVES_GONE:
        n = snprintf(out, AGENT_LINE_MAX, "drain\n");
        break;
    case SERVES_MAINT:
        n = snprintf(out, AGENT_LINE_MAX, "maint\n");
        break;
    case SERVES_UNKNOWN:
        out[0] = '\0';
        break;
    }
    return (size_t)n;
}
