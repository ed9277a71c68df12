/* SPDX-License-Identifier: Apache-2.0
 * What gobgp prints, and the record of what it was told. The first byte says which. */
#include "anycast/gobgp_record.h"
#include "anycast/gobgp_table.h"
#include "fuzz.h"

#include <string.h>

static void table(struct slice text)
{
    struct gobgp_table table = {0};
    (void)!gobgp_table_read(&table, text);
    while (table.routes.n > 0) {
        struct ip_prefix prefix = table.routes.v[0].prefix;
        size_t before = table.routes.n;
        CHECK(gobgp_table_find(&table, &prefix));
        CHECK(prefix.len <= ip_bits(&prefix.addr));
        gobgp_table_drop(&table, &prefix);
        CHECK(table.routes.n == before - 1);
    }
    vec_free(&table.routes);
}

static void numbers(struct slice text)
{
    uint64_t count;
    uint32_t as, all, up;
    CHECK(gobgp_count_read(&count, text) == 0 || count == 0);
    CHECK(gobgp_as_read(&as, text) == 0 || as == 0);
    (void)!gobgp_sessions_read(&all, &up, text);
    CHECK(up <= all);
}

/* What was read is written so that it reads the same. */
static void record(struct slice text)
{
    ip_prefixes first = {0}, again = {0};
    struct buf out = {0};
    if (gobgp_record_read(&first, text) == 0) {
        CHECK(first.n <= GOBGP_RECORD_MAX);
        gobgp_record_write(&out, &first);
        CHECK(gobgp_record_read(&again, slice_of(out.p, out.n)) == 0);
        CHECK(again.n == first.n);
        for (size_t i = 0; i < first.n; i++)
            CHECK(ip_prefixes_have(&again, &first.v[i]));
    } else {
        CHECK(first.n == 0);
    }
    buf_free(&out);
    vec_free(&first);
    vec_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct slice text = slice_of(data + 1, n - 1);
    switch (*data) {
    case 'n':
        numbers(text);
        break;
    case 'r':
        record(text);
        break;
    default:
        table(text);
    }
    return 0;
}
