/* SPDX-License-Identifier: Apache-2.0
 * Who asks, as it is shown. */
#include "base/actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_users(void **state)
{
    static const struct {
        uid_t uid;
        const char *name, *text;
    } cases[] = {
        {0, "root", "root (uid 0)"},
        {1000, "j\xc3\xbcrgen", "j\xc3\xbcrgen (uid 1000)"},
        {4294967294u, NULL, "uid 4294967294"},
        {7, "", "uid 7"},
        {7, "a\nb\033[2J\xff", "a\\nb\\x1b[2J\\xff (uid 7)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct actor actor = actor_user(cases[i].uid, cases[i].name);
        assert_string_equal(actor.text, cases[i].text);
    }
    assert_string_equal(ACTOR_SELF.text, "loadstard");
}

static void test_tokens(void **state)
{
    (void)state;
    assert_string_equal(actor_token("api.token", "2001:db8::1").text,
                        "token api.token from 2001:db8::1");
}

/** Whatever is long is cut between characters; what tells people apart stays whole. */
static void test_long_names(void **state)
{
    char name[400], want[ACTOR_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof name - 1; i += 3)
        memcpy(name + i, "\xe2\x82\xac", 3);
    name[sizeof name - 1] = '\0';
    snprintf(want, sizeof want, "%.63s (uid 4294967294)", name);
    assert_string_equal(actor_user(4294967294u, name).text, want);
    snprintf(want, sizeof want, "token %.63s from 0000:0000:0000:0000:0000:ffff:255.255.2", name);
    assert_memory_equal(actor_token(name, "0000:0000:0000:0000:0000:ffff:255.255.255.255").text,
                        want, 110);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_users), cmocka_unit_test(test_tokens),
                                       cmocka_unit_test(test_long_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
