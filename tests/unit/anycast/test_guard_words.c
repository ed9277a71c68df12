/* SPDX-License-Identifier: Apache-2.0
 * Lines between loadstard and the guard. */
#include "anycast/guard.h"
#include "anycast/guard_words.h"
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char line[GUARD_LINE_MAX + 1];
static struct guard_request request;

static int read_bytes(const char *text, size_t n)
{
    memcpy(line, text, n);
    return guard_request_read(&request, line, n);
}

static int read_request(const char *text)
{
    return read_bytes(text, strlen(text));
}

static int read_answer(struct guard_answer *answer, const char *text)
{
    snprintf(line, sizeof line, "%s", text);
    return guard_answer_read(answer, line, strlen(line));
}

static void test_requests(void **state)
{
    (void)state;
    char text[IP_TEXT_MAX];
    assert_int_equal(read_request("tun ls-dns 192.0.2.53/32 2001:db8::53/128"), 0);
    assert_int_equal(request.verb, GUARD_TUN);
    assert_string_equal(request.ifname, "ls-dns");
    assert_int_equal(request.n_addresses, 2);
    assert_string_equal(ip_text(text, &request.addresses[0]), "192.0.2.53");
    assert_string_equal(ip_text(text, &request.addresses[1]), "2001:db8::53");
    assert_int_equal(read_request("tun ls-dns"), 0);
    assert_int_equal(request.n_addresses, 0);
    assert_int_equal(read_request("gone ls-dns"), 0);
    assert_int_equal(request.verb, GUARD_GONE);
    assert_int_equal(read_request("carrier ls-a.b_c-9012 1"), 0);
    assert_string_equal(request.ifname, "ls-a.b_c-9012");
    assert_true(request.verb == GUARD_CARRIER && request.up);
    assert_int_equal(read_request("carrier ls-dns 0"), 0);
    assert_false(request.up);
    assert_int_equal(read_request("beat"), 0);
    assert_int_equal(request.verb, GUARD_BEAT);
    assert_int_equal(read_request("back"), 0);
    assert_int_equal(request.verb, GUARD_BACK);
    assert_int_equal(read_request("bye"), 0);
    assert_int_equal(request.verb, GUARD_BYE);
}

static void test_wills(void **state)
{
    (void)state;
    assert_int_equal(read_request("will 31 none"), 0);
    assert_true(request.verb == GUARD_WILL && request.number == 31);
    assert_int_equal(request.will, GUARD_WILL_NONE);
    assert_int_equal(read_request("will 0 argv /bin/a a\\x20b\\x5c \\-"), 0);
    assert_int_equal(request.will, GUARD_WILL_ARGV);
    assert_int_equal(request.n_commands, 1);
    assert_string_equal(request.words[0], "/bin/a");
    assert_string_equal(request.words[1], "a b\\");
    assert_string_equal(request.words[2], "");
    assert_null(request.words[3]);
    assert_int_equal(read_request("will 0 argv a b \\; c"), 0);
    assert_int_equal(request.n_commands, 2);
    assert_string_equal(request.words[1], "b");
    assert_null(request.words[2]);
    assert_string_equal(request.words[3], "c");
    assert_null(request.words[4]);
    assert_int_equal(read_request("will 7 vty /run/frr/bgpd.vty a\\x0ab\\x00\\x0a"), 0);
    assert_int_equal(request.will, GUARD_WILL_VTY);
    assert_string_equal(request.words[0], "/run/frr/bgpd.vty");
    assert_int_equal(request.text.n, 5);
    assert_memory_equal(request.text.p, "a\nb\0\n", 5);
}

static void test_requests_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        " ",
        "tun",
        "tunx ls-dns 192.0.2.53/32",
        "tun ls-dns ",
        "tun ls-dns 192.0.2.53",
        "tun ls-dns 192.0.2.0/24",
        "tun ls-dns 2001:db8::/64",
        "tun ls-dns 2001:db8::1/32",
        "tun ls-dns 192.0.2.53/32 ",
        "tun ls-dns  192.0.2.53/32",
        " tun ls-dns 192.0.2.53/32",
        "tun lo 192.0.2.53/32",
        "tun ls- 192.0.2.53/32",
        "tun ls-%d 192.0.2.53/32",
        "tun ls-a/b 192.0.2.53/32",
        "tun ls-a\\x00b 192.0.2.53/32",
        "tun ls-a\\x20b 192.0.2.53/32",
        "tun ls-1234567890abc 192.0.2.53/32",
        "gone lo",
        "gone ls-dns ls-www",
        "carrier ls-dns",
        "carrier ls-dns 2",
        "carrier ls-dns 01",
        "carrier ls-dns 1 1",
        "will",
        "will 32 none",
        "will -1 none",
        "will 0",
        "will 0 none x",
        "will 0 some",
        "will 0 argv",
        "will 0 argv \\-",
        "will 0 argv a \\;",
        "will 0 argv a \\; ",
        "will 0 argv \\; a",
        "will 0 argv a \\; \\- b",
        "will 0 argv a\\x00",
        "will 0 argv a\tb",
        "will 0 argv a\x7f",
        "will 0 argv a\\",
        "will 0 argv a\\x",
        "will 0 argv a\\x1",
        "will 0 argv a\\x1g",
        "will 0 argv a\\x1G",
        "will 0 argv a\\n",
        "will 0 vty /run/a",
        "will 0 vty \\- a",
        "will 0 vty /run/a b c",
        "will 0 vty /run\\x00/a b",
        "beat 1",
        "Beat",
        "bye ",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (read_request(wrong[i]) != E_SYNTAX)
            fail_msg("'%s' is taken", wrong[i]);
    assert_int_equal(read_bytes("beat\0", 5), E_SYNTAX);
    assert_int_equal(read_bytes("be\0at", 5), E_SYNTAX);
}

static void test_bounds(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_puts(&text, "tun ls-dns");
    for (unsigned i = 0; i < GUARD_ADDRESSES_MAX; i++)
        buf_printf(&text, " 192.0.2.%u/32", i);
    assert_int_equal(read_bytes(text.p, text.n), 0);
    assert_int_equal(request.n_addresses, GUARD_ADDRESSES_MAX);
    buf_puts(&text, " 192.0.3.1/32");
    assert_int_equal(read_bytes(text.p, text.n), E_SYNTAX);
    text.n = 0;
    buf_puts(&text, "will 0 argv");
    for (unsigned i = 0; i < GUARD_WORDS_MAX - 1; i++)
        buf_puts(&text, " a");
    assert_int_equal(read_bytes(text.p, text.n), 0);
    buf_puts(&text, " a");
    assert_int_equal(read_bytes(text.p, text.n), E_SYNTAX);
    buf_free(&text);
}

/** Any bytes come back as they were, and no other word comes of them. */
static void test_round_trip(void **state)
{
    (void)state;
    uint8_t all[256];
    struct buf text = {0};
    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    buf_puts(&text, "will 0 vty /a");
    guard_word_add(&text, slice_of(all, sizeof all));
    for (size_t i = 0; i < text.n; i++)
        assert_true(text.p[i] >= ' ' && text.p[i] < 0x7f);
    assert_int_equal(read_bytes(text.p, text.n), 0);
    assert_int_equal(request.text.n, sizeof all);
    assert_memory_equal(request.text.p, all, sizeof all);
    text.n = 0;
    buf_puts(&text, "will 0 argv a");
    guard_word_add(&text, slice_str(""));
    guard_word_add(&text, slice_str("\\;"));
    guard_command_end(&text);
    guard_word_add(&text, slice_str("b c"));
    assert_string_equal(text.p, "will 0 argv a \\- \\x5c; \\; b\\x20c");
    assert_int_equal(read_bytes(text.p, text.n), 0);
    assert_int_equal(request.n_commands, 2);
    assert_string_equal(request.words[1], "");
    assert_string_equal(request.words[2], "\\;");
    assert_null(request.words[3]);
    assert_string_equal(request.words[4], "b c");
    buf_free(&text);
}

static void test_answers(void **state)
{
    (void)state;
    struct guard_answer a;
    assert_int_equal(read_answer(&a, "hello 4711"), 0);
    assert_true(a.kind == GUARD_ANSWER_HELLO && a.pid == 4711);
    assert_int_equal(read_answer(&a, "late"), 0);
    assert_int_equal(a.kind, GUARD_ANSWER_LATE);
    assert_int_equal(read_answer(&a, "ok beat"), 0);
    assert_true(a.kind == GUARD_ANSWER_OK && a.verb == GUARD_BEAT);
    assert_int_equal(read_answer(&a, "ok tun ls-dns"), 0);
    assert_true(a.kind == GUARD_ANSWER_OK && a.verb == GUARD_TUN);
    assert_string_equal(a.ifname, "ls-dns");
    assert_string_equal(a.text, "");
    assert_int_equal(read_answer(&a, "ok gone ls-dns"), 0);
    assert_int_equal(a.verb, GUARD_GONE);
    assert_int_equal(read_answer(&a, "ok carrier ls-dns 1"), 0);
    assert_true(a.verb == GUARD_CARRIER && a.up);
    assert_int_equal(read_answer(&a, "error carrier ls-dns no\\x20way"), 0);
    assert_true(a.kind == GUARD_ANSWER_ERROR && a.verb == GUARD_CARRIER);
    assert_string_equal(a.text, "no way");
    static const char *const wrong[] = {
        "",
        "hello",
        "hello 0",
        "hello 1",
        "hello -5",
        "hello 5 6",
        "hello 2147483648",
        "later",
        "late 1",
        "ok",
        "ok beat 1",
        "ok bye",
        "ok will ls-dns",
        "error beat",
        "error tun ls-dns",
        "ok tun lo",
        "ok tun",
        "ok carrier ls-a",
        "ok carrier ls-a 3",
        "error gone ls-a a b",
        "error tun ls-a a\\x00",
        "no tun ls-a",
        "ok tun ls-a 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (read_answer(&a, wrong[i]) != E_SYNTAX)
            fail_msg("'%s' is taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),         cmocka_unit_test(test_wills),
        cmocka_unit_test(test_requests_refused), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
