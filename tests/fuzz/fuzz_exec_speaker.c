/* SPDX-License-Identifier: Apache-2.0
 * What a command of the operator's prints of routes, and what was kept of what it took. */
#include "anycast/exec_wish.h"
#include "base/diag.h"
#include "fuzz.h"

#include <string.h>

/* What follows the line is some of it; what was kept is read back. */
static void check_kept(struct slice text)
{
    struct slice wish;
    struct buf again = {0};
    bool reports;
    bool counts = exec_kept_read(&wish, &reports, text, "6d6f");
    CHECK(wish.n <= text.n && wish.p + wish.n == text.p + text.n && (counts || !reports));
    exec_kept_render(&again, "6d6f", true, wish);
    CHECK(exec_kept_read(&text, &reports, slice_of(again.p, again.n), "6d6f") && reports);
    CHECK(slice_equal(text, slice_of(again.p + again.n - wish.n, wish.n)));
    CHECK(!exec_kept_read(&text, &reports, slice_of(again.p, again.n), "6d6e") && !reports);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct exec_routes routes;
    uint64_t version;
    int rc = exec_reply_read(&routes, slice_of(data, n));
    CHECK(rc == 0 || rc == E_NOTFOUND || rc == E_SYNTAX);
    for (size_t i = 0; i < routes.v.n; i++)
        CHECK(exec_routes_find(&routes, &routes.v.v[i].prefix) && !routes.v.v[i].attributes);
    exec_routes_free(&routes);
    rc = exec_wish_read(&routes, &version, slice_of(data, n), "ams1", "local");
    CHECK(rc == 0 ? version > 0 : version == 0);
    for (size_t i = 0; rc == 0 && i < routes.v.n; i++)
        CHECK(routes.v.v[i].present && routes.v.v[i].attributes);
    exec_routes_free(&routes);
    check_kept(slice_of(data, n));
    return 0;
}
