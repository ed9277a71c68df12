/* SPDX-License-Identifier: Apache-2.0
 * BTF that is made up, cut short, and the running kernel's. */
#include "l4/btf.h"

#include <fcntl.h>
#include <linux/btf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define INFO(kind, n, bits) ((uint32_t)(bits) << 31 | (uint32_t)(kind) << 24 | (n))

/* Offsets into this are what names are. */
static const char names[] = "\0sock\0other\0first\0second\0bits\0odd";
enum {
    NAME_SOCK = 1,
    NAME_OTHER = 6,
    NAME_FIRST = 12,
    NAME_SECOND = 18,
    NAME_BITS = 25,
    NAME_ODD = 30
};

static const uint32_t types[] = {
    /* int, and what stands behind it; an enum; a union that has the name; a struct that has not */
    NAME_FIRST,
    INFO(BTF_KIND_INT, 0, 0),
    4,
    32,
    0,
    INFO(BTF_KIND_ARRAY, 0, 0),
    0,
    1,
    1,
    3,
    NAME_OTHER,
    INFO(BTF_KIND_ENUM, 2, 0),
    4,
    NAME_FIRST,
    1,
    NAME_SECOND,
    2,
    NAME_OTHER,
    INFO(19 /* enum64 */, 1, 0),
    8,
    NAME_FIRST,
    1,
    0,
    0,
    INFO(BTF_KIND_FUNC_PROTO, 1, 0),
    1,
    NAME_FIRST,
    1,
    NAME_OTHER,
    INFO(BTF_KIND_VAR, 0, 0),
    1,
    1,
    NAME_OTHER,
    INFO(17 /* tag */, 0, 0),
    1,
    0xffffffff,
    NAME_OTHER,
    INFO(BTF_KIND_DATASEC, 1, 0),
    4,
    1,
    0,
    4,
    NAME_OTHER,
    INFO(BTF_KIND_TYPEDEF, 0, 0),
    1,
    NAME_SOCK,
    INFO(BTF_KIND_UNION, 1, 0),
    4,
    NAME_FIRST,
    1,
    8,
    NAME_OTHER,
    INFO(BTF_KIND_STRUCT, 1, 0),
    4,
    NAME_FIRST,
    1,
    16,
    NAME_SOCK,
    INFO(BTF_KIND_STRUCT, 3, 0),
    20,
    NAME_FIRST,
    1,
    32,
    NAME_SECOND,
    1,
    1024,
    NAME_ODD,
    1,
    33,
    NAME_BITS,
    INFO(BTF_KIND_STRUCT, 3, 1),
    8,
    NAME_FIRST,
    1,
    64,
    NAME_SECOND,
    1,
    5u << 24 | 72,
    NAME_ODD,
    1,
    65};

static size_t make(uint8_t out[sizeof(struct btf_header) + sizeof types + sizeof names])
{
    const struct btf_header header = {.magic = BTF_MAGIC,
                                      .version = BTF_VERSION,
                                      .hdr_len = sizeof header,
                                      .type_len = sizeof types,
                                      .str_off = sizeof types,
                                      .str_len = sizeof names};
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, types, sizeof types);
    memcpy(out + sizeof header + sizeof types, names, sizeof names);
    return sizeof header + sizeof types + sizeof names;
}

static void members_are_found(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct slice btf = slice_of(bytes, make(bytes));
    assert_int_equal(btf_member_offset(btf, "sock", "first"), 4);
    assert_int_equal(btf_member_offset(btf, "sock", "second"), 128);
    assert_int_equal(btf_member_offset(btf, "other", "first"), 2);
    assert_int_equal(btf_member_offset(btf, "bits", "first"), 8);
}

static void others_are_not(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct slice btf = slice_of(bytes, make(bytes));
    assert_int_equal(btf_member_offset(btf, "sock", "third"), -1);
    assert_int_equal(btf_member_offset(btf, "sock", "fir"), -1);
    assert_int_equal(btf_member_offset(btf, "soc", "first"), -1);
    assert_int_equal(btf_member_offset(btf, "sock", "odd"), -1);
    assert_int_equal(btf_member_offset(btf, "bits", "second"), -1);
    assert_int_equal(btf_member_offset(btf, "bits", "odd"), -1);
    bytes[0] ^= 1;
    assert_int_equal(btf_member_offset(btf, "sock", "first"), -1);
}

/* Whatever is missing, nothing behind the end is read: each is in memory of its own. */
static void cut_short(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t all = make(bytes);
    for (size_t n = 0; n < all; n++) {
        uint8_t *part = malloc(n + 1);
        memcpy(part, bytes, n);
        int64_t at = btf_member_offset(slice_of(part, n), "sock", "second");
        assert_true(at == -1 || at == 128);
        free(part);
    }
    for (size_t n = 0; n < sizeof types; n += 4) { /* types that end before */
        uint32_t len = (uint32_t)n;
        memcpy(bytes + offsetof(struct btf_header, type_len), &len, sizeof len);
        assert_in_range(btf_member_offset(slice_of(bytes, all), "sock", "second") + 1, 0, 129);
    }
}

static void the_kernels(void **state)
{
    (void)state;
    int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
    if (fd < 0)
        skip();
    size_t room = 64u << 20, n = 0;
    uint8_t *bytes = malloc(room);
    for (ssize_t got = 1; got > 0; n += (size_t)got) {
        got = read(fd, bytes + n, room - n);
        assert_true(got >= 0);
    }
    close(fd);
    assert_in_range(btf_member_offset(slice_of(bytes, n), "tcp_sock", "snd_una"), 100, 10000);
    assert_in_range(btf_member_offset(slice_of(bytes, n), "tcp_sock", "write_seq"), 100, 10000);
    assert_int_equal(btf_member_offset(slice_of(bytes, n), "sk_buff", "next"),
                     -1); /* unnamed union */
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
