/* SPDX-License-Identifier: Apache-2.0
 * Names: the input is read as text and as wire format; each valid name survives a round trip. */
#include "dns/name.h"
#include "fuzz.h"

#include <stdlib.h>

static const uint8_t origin[] = "\7example\3com";

static void check_name(struct slice name)
{
    char text[NAME_TEXT_MAX];
    uint8_t back[NAME_WIRE_MAX], lower[NAME_WIRE_MAX];
    CHECK(name_check(name) == (int)name.n);
    name_to_text(text, name);
    CHECK(strlen(text) < NAME_TEXT_MAX);
    CHECK(name_from_text(back, text, strlen(text), slice_of(NULL, 0)) == (int)name.n);
    CHECK(slice_equal(slice_of(back, name.n), name));
    name_lower(lower, name);
    struct slice low = slice_of(lower, name.n), up = name_parent(low);
    CHECK(name_is_within(low, up));
    CHECK(low.n == 1 || (!name_is_within(up, low)));
    CHECK(name_labels(low) == name_labels(up) + (low.n > 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t out[NAME_WIRE_MAX];
    int len = name_from_text(out, (const char *)data, n, slice_of(origin, sizeof origin));
    if (len > 0)
        check_name(slice_of(out, (size_t)len));
    len = name_check(slice_of(data, n));
    if (len > 0)
        check_name(slice_of(data, (size_t)len));
    return 0;
}
