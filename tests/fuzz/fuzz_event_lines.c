/* SPDX-License-Identifier: Apache-2.0
 * events.log. Whatever it holds, each line is read or counted as damaged; what was read is within
 * its bounds, with ids that ascend, and comes back the same when it is written. */
#include "base/arena.h"
#include "base/sealed.h"
#include "fuzz.h"
#include "out/event_line.h"

#include <stdlib.h>
#include <string.h>

/* With a sum that fits, so that what is behind it is looked at. */
static void read_with_a_right_sum(const uint8_t *data, size_t n)
{
    struct buf line = {0};
    struct event e;
    sealed_sum(&line, slice_of(data, n));
    buf_add(&line, data, n);
    if (event_line_read(&e, slice_of(line.p, line.n))) {
        struct buf again = {0};
        struct event back;
        event_line_add(&again, &e);
        CHECK(event_line_read(&back, slice_of(again.p, again.n - 1)));
        CHECK(back.id == e.id && back.at_ms == e.at_ms && back.severity == e.severity);
        CHECK(strcmp(back.target, e.target) == 0 && strcmp(back.reason, e.reason) == 0);
        CHECK(strcmp(back.from, e.from) == 0 && strcmp(back.to, e.to) == 0);
        CHECK(strcmp(back.effect, e.effect) == 0 && strcmp(back.by, e.by) == 0);
        buf_free(&again);
    }
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct event_lines lines;
    uint32_t feeds = 0;
    event_lines_read(&lines, slice_of(data, n));
    for (size_t i = 0; i < n; i++)
        feeds += data[i] == '\n';
    CHECK(lines.torn == (n > 0 && data[n - 1] != '\n'));
    CHECK(lines.n_lines + lines.n_damaged == feeds + lines.torn);
    CHECK(lines.n <= EVENTS_KEPT && lines.n <= lines.n_lines);
    for (uint32_t i = 0; i < lines.n; i++) {
        CHECK(lines.v[i].id > (i ? lines.v[i - 1].id : 0));
        CHECK(lines.v[i].severity <= EVENT_ERROR && lines.v[i].at_ms >= 0);
    }
    free(lines.v);
    read_with_a_right_sum(data, n);
    return 0;
}
