/* SPDX-License-Identifier: Apache-2.0
 * The text of the boot, by the kernel or, where that says nothing, by the environment. */
#include "base/boot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BY_SYSTEMD "6d6f6e6461794d6f8e64617920626f6f"

static const char *instead; /* of the kernel's file; NULL: it is hidden */

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 && instead)
        path = instead;
    else if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
        path = "/nowhere/boot_id";
    return __real_fopen(path, mode);
}

static int begin(void **state)
{
    (void)state;
    instead = "/proc/sys/kernel/random/boot_id";
    return unsetenv("LOADSTAR_BOOT_ID");
}

static void the_kernel_has_a_uuid(void **state)
{
    char a[BOOT_ID_MAX], b[BOOT_ID_MAX];
    (void)state;
    assert_true(boot_id(a));
    setenv("LOADSTAR_BOOT_ID", BY_SYSTEMD, 1);
    assert_true(boot_id(b));
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
    for (unsigned i = 8; i < 24; i += 5)
        assert_int_equal(a[i], '-');
}

static void systemd_says_it_where_the_kernel_does_not(void **state)
{
    static const char *const hidden[] = {NULL, "/dev/null"};
    char text[BOOT_ID_MAX];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        instead = hidden[i];
        unsetenv("LOADSTAR_BOOT_ID");
        assert_false(boot_id(text));
        assert_string_equal(text, "");
        setenv("LOADSTAR_BOOT_ID", BY_SYSTEMD, 1);
        assert_true(boot_id(text));
        assert_string_equal(text, BY_SYSTEMD);
    }
}

static void what_is_no_such_text_is_none(void **state)
{
    static const char *const wrong[] = {"", "%b", "6d6f\n", "6D6F",
                                        "6d6f6e6461794d6f8e64617920626f6f00000000"};
    char text[BOOT_ID_MAX];
    (void)state;
    instead = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("LOADSTAR_BOOT_ID", wrong[i], 1);
        assert_false(boot_id(text));
        assert_string_equal(text, "");
    }
    setenv("LOADSTAR_BOOT_ID", wrong[4] + 1, 1);
    assert_true(boot_id(text));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_kernel_has_a_uuid),
        TEST(systemd_says_it_where_the_kernel_does_not),
        TEST(what_is_no_such_text_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
