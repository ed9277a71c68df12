/* SPDX-License-Identifier: Apache-2.0
 * Rdata: the input is a type and a text, which is parsed, printed and parsed again; and the same
 * bytes are rdata, which is printed and looked into.
 */
#include "base/diag.h"
#include "dns/name.h"
#include "dns/rr.h"
#include "fuzz.h"

#include <stdlib.h>

/* ldns 1.8 loses a few bytes when it refuses rdata (IPSECKEY, CERT). That our callers free what
 * they are given, the unit tests show. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libldns";
}

static const uint8_t origin[] = "\7example\3com";

/* What is printed is read again as the same rdata. */
static void check_text(struct arena *arena, uint16_t type, const char *text)
{
    struct slice first, second;
    const char *why = NULL;
    int e = rr_rdata_from_text(&first, arena, type, text, slice_of(origin, sizeof origin), &why);
    CHECK(e == 0 || (e == E_SYNTAX && why && *why));
    if (e)
        return;
    CHECK(first.n <= UINT16_MAX);
    const char *printed = rr_rdata_text(arena, type, first);
    e = rr_rdata_from_text(&second, arena, type, printed, slice_of(NULL, 0), &why);
    CHECK(e == 0 && slice_equal(first, second));
}

static void check_rdata(struct arena *arena, uint16_t type, struct slice rdata)
{
    uint16_t at[2];
    bool compressible;
    unsigned names = rr_rdata_names(type, rdata, at, &compressible);
    for (unsigned i = 0; i < names; i++)
        CHECK(name_check(slice_of(rdata.p + at[i], rdata.n - at[i])) > 0);
    CHECK(rr_rdata_text(arena, type, rdata)[0] != '\0' || rdata.n == 0);
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
