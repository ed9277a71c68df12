/* SPDX-License-Identifier: Apache-2.0
 * BTF of any bytes, as they are and behind a header that is right. */
#include "base/buf.h"
#include "fuzz.h"
#include "l4/btf.h"

#include <linux/btf.h>

static void look(const void *p, size_t n)
{
    int64_t at = btf_member_offset(slice_of(p, n), "s", "m");
    CHECK(at >= -1 && at <= UINT32_MAX / 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char names[] = "\0s\0m";
    struct buf out = {0};
    const struct btf_header header = {.magic = BTF_MAGIC,
                                      .version = BTF_VERSION,
                                      .hdr_len = sizeof header,
                                      .type_len = (uint32_t)n,
                                      .str_off = (uint32_t)n,
                                      .str_len = sizeof names};
    look(data, n);
    buf_add(&out, (const void *)&header, sizeof header);
    buf_add(&out, data, n);
    buf_add(&out, (const void *)names, sizeof names);
    look(out.p, out.n);
    buf_free(&out);
    return 0;
}
