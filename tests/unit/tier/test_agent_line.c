/* SPDX-License-Identifier: Apache-2.0
 * Lines of agent checks. */
#include "base/attr.h"
#include "tier/agent_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        struct serving serving;
        const char *reason, *line;
    } cases[] = {
        {{SERVES_READY, 100}, "", "ready up 100%\n"},
        {{SERVES_READY, 1}, "ignored", "ready up 1%\n"},
        {{SERVES_READY, 256}, "", "ready up 256%\n"},
        {{SERVES_READY, 0}, "", "ready up 0%\n"},
        {{SERVES_DRAIN, 0}, "", "drain\n"},
        {{SERVES_DRAIN, 50}, "", "drain\n"},
        {{SERVES_GONE, 0}, "", "drain\n"},
        {{SERVES_DOWN, 0}, "timeout", "ready down #timeout\n"},
        {{SERVES_DOWN, 0}, "", "ready down #down\n"},
        {{SERVES_DOWN, 0},
         "a\nready up 100%, drain\r\x1b[1m\xff",
         "ready down #a?ready up 100%; "
         "drain??[1m?\n"},
        {{SERVES_MAINT, 0}, "", "maint\n"},
        {{SERVES_UNKNOWN, 100}, "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[AGENT_LINE_MAX];
        size_t n = agent_answer(out, cases[i].serving, cases[i].reason);
        assert_string_equal(out, cases[i].line);
        assert_int_equal(n, strlen(cases[i].line));
    }
}

static void test_long_reason(void **state)
{
    (void)state;
    char out[AGENT_LINE_MAX], reason[1000];
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    size_t n = agent_answer(out, (struct serving){.serves = SERVES_DOWN}, reason);
    assert_true(n < 128 && out[n - 1] == '\n' && out[n] == '\0');
}

static void check_request(const char *line, const char *tier, const char *member)
{
    struct slice a, b;
    bool ok = agent_request_read(slice_str(line), &a, &b);
    assert_int_equal(ok, tier != NULL);
    if (ok) {
        assert_true(slice_equal(a, slice_str(tier)));
        assert_true(slice_equal(b, slice_str(member)));
    }
}

static void test_requests(void **state)
{
    (void)state;
    check_request("vip/ams-web7", "vip", "ams-web7");
    check_request("vip/ams-web7\r", "vip", "ams-web7");
    check_request("vip/a/b", "vip", "a/b");
    check_request("", NULL, NULL);
    check_request("\r", NULL, NULL);
    check_request("vip", NULL, NULL);
    check_request("/a", NULL, NULL);
    check_request("vip/", NULL, NULL);
    check_request("vip/\r", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_long_reason),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
