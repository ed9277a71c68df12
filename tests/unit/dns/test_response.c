/* SPDX-License-Identifier: Apache-2.0
 * Reading a response. */
#include "dns/response.h"

#include "base/diag.h"
#include "base/rng.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* www.example.com MX: 10 mail.example.com; authority NS ns.example.com; additional A, OPT with a
 * client subnet of scope 24 and 1 as the upper part of the rcode. */
static const uint8_t sample[] = "\0\0\x84\3\0\1\0\1\0\1\0\2"
                                "\3www\7example\3com\0\0\17\0\1"
                                "\300\14\0\17\0\1\0\0\1\54\0\11\0\12\4mail\300\20"
                                "\300\20\0\2\0\1\0\0\0\74\0\5\2ns\300\20"
                                "\300\102\0\1\0\1\0\0\0\5\0\4\300\0\2\1"
                                "\0\0\51\4\320\1\0\0\0\0\13\0\10\0\7\0\1\30\30\300\0\2";
#define SAMPLE_LEN (sizeof sample - 1)

static struct response_record *record;

static int setup(void **state)
{
    (void)state;
    record = xmalloc(sizeof *record);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(record);
    return 0;
}

static void expect_record(struct response *r, enum response_section section, const char *owner,
                          uint16_t type, uint32_t ttl_s, const char *rdata)
{
    char name[NAME_TEXT_MAX];
    struct buf text = {0};
    assert_true(response_next(r, record));
    assert_int_equal(record->section, section);
    assert_string_equal(name_to_text(name, slice_of(record->owner, record->owner_len)), owner);
    assert_int_equal(record->type, type);
    assert_int_equal(record->ttl_s, ttl_s);
    rdata_print(&text, type, slice_of(record->rdata, record->rdata_len));
    assert_string_equal(text.p, rdata);
    buf_free(&text);
}

static void names_are_decompressed(void **state)
{
    (void)state;
    struct response r;
    assert_int_equal(response_read(&r, slice_of(sample, SAMPLE_LEN)), 0);
    assert_int_equal(r.rcode, 16 + RCODE_NXDOMAIN);
    assert_true(r.authoritative);
    assert_int_equal(r.ecs_scope, 24);
    expect_record(&r, RESPONSE_ANSWER, "www.example.com.", TYPE_MX, 300, "10 mail.example.com.");
    expect_record(&r, RESPONSE_AUTHORITY, "example.com.", TYPE_NS, 60, "ns.example.com.");
    expect_record(&r, RESPONSE_ADDITIONAL, "ns.example.com.", TYPE_A, 5, "192.0.2.1");
    assert_true(response_next(&r, record));
    assert_int_equal(record->type, TYPE_OPT);
    assert_false(response_next(&r, record));
}

static void what_is_cut_short_or_goes_on_is_refused(void **state)
{
    (void)state;
    struct response r;
    for (size_t n = 0; n < SAMPLE_LEN; n++) {
        uint8_t *exact = xmalloc(n ? n : 1);
        memcpy(exact, sample, n);
        assert_int_equal(response_read(&r, slice_of(exact, n)), E_SYNTAX);
        free(exact);
    }
    assert_int_equal(response_read(&r, slice_of(sample, SAMPLE_LEN + 1)), E_SYNTAX);
}

static void pointers_lead_back_only(void **state)
{
    (void)state;
    static const uint8_t loops[][24] = {
        "\0\0\0\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1",     /* at itself */
        "\0\0\0\0\0\1\0\0\0\0\0\0\1a\300\14\0\1\0\1",  /* at its own start */
        "\0\0\0\0\0\1\0\0\0\0\0\0\300\16\0\1\0\1\0\0", /* forward */
        "\0\0\0\0\0\1\0\0\0\0\0\0\100\0\0\1\0\1\0\0",  /* a label of type 01 */
    };
    struct response r;
    for (size_t i = 0; i < ARRAY_LEN(loops); i++)
        assert_int_equal(response_read(&r, slice_of(loops[i], sizeof loops[i])), E_SYNTAX);
}

static void damaged_messages_end(void **state)
{
    (void)state;
    struct rng rng = {.state = 20260801};
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *copy = xmalloc(SAMPLE_LEN);
        struct response r;
        memcpy(copy, sample, SAMPLE_LEN);
        for (unsigned k = 1 + rng_below(&rng, 4); k > 0; k--)
            copy[rng_below(&rng, SAMPLE_LEN)] = (uint8_t)rng_next(&rng);
        if (response_read(&r, slice_of(copy, SAMPLE_LEN)) == 0)
            while (response_next(&r, record))
                assert_int_equal(name_check(slice_of(record->owner, record->owner_len)),
                                 record->owner_len);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_decompressed),
        cmocka_unit_test(what_is_cut_short_or_goes_on_is_refused),
        cmocka_unit_test(pointers_lead_back_only),
        cmocka_unit_test(damaged_messages_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
