/* SPDX-License-Identifier: Apache-2.0
 * The records of tiers. Whatever the file holds, each line is read or counted as damaged; what was
 * read comes back the same when it is written. */
#include "base/sealed.h"
#include "fuzz.h"
#include "tier/records.h"

#include <string.h>

static void read_back(const struct records *records)
{
    struct buf text = {0}, again = {0};
    struct records *back = records_new();
    records_write(&text, records);
    CHECK(records_read(back, slice_of(text.p, text.n)) == 0);
    records_write(&again, back);
    CHECK(text.n == again.n && (text.n == 0 || memcmp(text.p, again.p, text.n) == 0));
    records_free(back);
    buf_free(&text);
    buf_free(&again);
}

/* With a sum that fits, so that what is behind it is looked at. */
static void read_with_a_right_sum(const uint8_t *data, size_t n)
{
    struct buf line = {0};
    struct records *records = records_new();
    sealed_sum(&line, slice_of(data, n));
    buf_add(&line, data, n);
    (void)records_read(records, slice_of(line.p, line.n));
    read_back(records);
    records_free(records);
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct records *records = records_new();
    uint32_t lines = n > 0 && data[n - 1] != '\n';
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    CHECK(records_read(records, slice_of(data, n)) <= lines);
    read_back(records);
    records_free(records);
    read_with_a_right_sum(data, n);
    return 0;
}
