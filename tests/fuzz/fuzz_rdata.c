/* SPDX-License-Identifier: Apache-2.0
 * Rdata: the input is a type and a text, which is read, checked, printed and read again as the
 * same; and the same bytes are rdata, which is checked, printed, and read again as well. */
#include "base/diag.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"
#include "fuzz.h"
#include "tests/unit/rdata_text.h"

#include <stdlib.h>

static const uint8_t origin[] = "\7example\3com";

/* What is printed is read again as the same rdata, whatever the origin. */
static void check_printed(struct arena *arena, uint16_t type, struct slice rdata)
{
    struct slice again;
    const char *why = NULL;
    const char *printed = rdata_text(arena, type, rdata);
    CHECK(rr_rdata_from_text(&again, arena, type, printed, slice_of(NULL, 0), &why) == 0);
    CHECK(slice_equal(rdata, again) && rdata_compare(type, rdata, again) == 0);
}

static void check_text(struct arena *arena, uint16_t type, const char *text)
{
    struct slice rdata;
    struct rdata_error error;
    const char *why = NULL;
    int e = rr_rdata_from_text(&rdata, arena, type, text, slice_of(origin, sizeof origin), &why);
    CHECK(e == 0 || (e == E_SYNTAX && why && *why));
    if (e)
        return;
    CHECK(rdata.n <= RDATA_MAX && rdata_check(type, rdata, &error) == 0);
    check_printed(arena, type, rdata);
}

static void check_rdata(struct arena *arena, uint16_t type, struct slice rdata)
{
    uint16_t at[2];
    bool compressible;
    struct rdata_error error = {0};
    const struct rdata_form *form = rdata_form(type);
    unsigned names = rr_rdata_names(type, rdata, at, &compressible);
    for (unsigned i = 0; i < names; i++)
        CHECK(name_check(slice_of(rdata.p + at[i], rdata.n - at[i])) > 0);
    if (rdata_check(type, rdata, &error) == 0) {
        CHECK(!form || names == form->n_names);
        check_printed(arena, type, rdata);
    } else {
        CHECK(error.text[0] && error.at >= rdata.p && error.at <= rdata.p + rdata.n);
        CHECK(strncmp(rdata_text(arena, type, rdata), "\\# ", 3) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 4096)
        return 0;
    struct arena *arena = arena_new();
    uint16_t type = (uint16_t)(data[0] << 8 | data[1]);
    check_text(arena, type, arena_strndup(arena, (const char *)data + 2, n - 2));
    check_rdata(arena, type, slice_of(data + 2, n - 2));
    arena_free(arena);
    return 0;
}
