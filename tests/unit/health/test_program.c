/* SPDX-License-Identifier: Apache-2.0
 * Programs of exec checks as they come: what can run, and what is said of the rest. */
#include "drive/program.h"
#include "health/program.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[4][192];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", dir, name);
    return out;
}

static void put(const char *name, const char *content, unsigned mode)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

/* Name, content, mode; what is said; NULL: it can run. */
static const struct {
    const char *name, *content;
    unsigned mode;
    const char *problem;
} programs[] = {
    {"good", "#!/bin/sh\nexit 0\n", 0755, NULL},
    {"spaces", "#! /bin/sh -e\nexit 0\n", 0755, NULL},
    {"by env", "#!/usr/bin/env sh\nexit 0\n", 0755, NULL},
    {"env options", "#!/usr/bin/env -S sh -e\nexit 0\n", 0755, NULL},
    {"env variable", "#!/usr/bin/env A=b sh\nexit 0\n", 0755, NULL},
    {"no line", "exit 0\n", 0755, NULL}, /* the shell's */
    {"binary", "\177ELF whatever", 0755, NULL},
    {"mode", "#!/bin/sh\n", 0644, "it may not be executed"},
    {"empty", "", 0755, "it is empty"},
    {"interpreter", "#!/usr/bin/pyhton3\n", 0755,
     "its interpreter '/usr/bin/pyhton3' (the #! line): No such file or directory"},
    {"interpreter mode", "#!/etc/passwd\n", 0755,
     "its interpreter '/etc/passwd' (the #! line): it may not be executed"},
    {"interpreter directory", "#!/usr\n", 0755,
     "its interpreter '/usr' (the #! line): it is a directory"},
    {"nothing after", "#!\n", 0755, "its interpreter '' (the #! line): No such file"},
    {"env nothing", "#!/usr/bin/env pyhton3\n", 0755,
     "its interpreter 'pyhton3', which env looks for in PATH: No such file or directory"},
    {"dos", "#!/bin/sh\r\nexit 0\r\n", 0755, "carriage return, expected Unix line ends"},
    {"dos env", "#!/usr/bin/env sh\r\n", 0755, "carriage return"},
};

static bool check(const char *program, struct diags *diags, const char *user)
{
    const char *argv[] = {program};
    const struct check checks[] = {
        {.type = CHECK_TCP},
        {.type = CHECK_EXEC, .exec = {argv, 1}, .exec_span = {"pools.yaml", 5, 9}},
        {.type = CHECK_EXEC, .exec = {argv, 1}, .exec_span = {"pools.yaml", 6, 9}},
    };
    const struct model model = {.checks = checks, .n_checks = 3, .server.user = user};
    diags_free(diags);
    diags_init(diags);
    return programs_check(&model, diags) == 0;
}

static void expect(const char *program, const char *user, const char *problem)
{
    struct diags diags;
    diags_init(&diags);
    bool ok = check(program, &diags, user);
    if (ok != !problem)
        fail_msg("%s: %s", program, ok ? "taken" : diags.v[0].text);
    if (!ok && (diags.n_errors != 1 || !strstr(diags.v[0].text, problem)))
        fail_msg("%s: \"%s\", expected \"%s\"", program, diags.v[0].text, problem);
    if (!ok)
        assert_int_equal(diags.v[0].span.line, 5);
    diags_free(&diags);
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        put(programs[i].name, programs[i].content, programs[i].mode);
        expect(path_of(programs[i].name), NULL, programs[i].problem);
    }
    expect(path_of("nowhere"), NULL, "No such file or directory");
    expect(dir, NULL, "it is a directory, expected a program");
    expect("/dev/null", NULL, "it may not be executed");
    expect("/etc/passwd/x", NULL, "Not a directory");
}

static void test_search(void **state)
{
    (void)state;
    char out[PROGRAM_PATH_MAX], path[256], *before = strdup(program_search_path());
    put("only here", "#!/bin/sh\n", 0755);
    put("twice", "#!/bin/sh\n", 0644);
    assert_int_equal(mkdir(path_of("more"), 0755), 0);
    put("more/twice", "#!/bin/sh\n", 0755);
    snprintf(path, sizeof path, "/nowhere:%s:%s", dir, path_of("more"));
    assert_int_equal(program_find(out, "only here", path), 0);
    assert_string_equal(out, path_of("only here"));
    assert_int_equal(program_find(out, "twice", path), 0); /* the one that can run */
    assert_string_equal(out, path_of("more/twice"));
    assert_int_equal(program_find(out, "twice", dir), -EACCES);
    assert_int_equal(program_find(out, "nowhere", path), -ENOENT);
    assert_int_equal(program_find(out, "", path), -ENOENT);
    assert_int_equal(program_find(out, "more", path), -ENOENT); /* a directory is none */
    setenv("PATH", path, 1);
    expect("only here", NULL, NULL);
    expect("elsewhere", NULL, "cannot run 'elsewhere' (looked for in PATH): No such file");
    setenv("PATH", before, 1);
    free(before);
}

static void test_as_server_user_sees_it(void **state)
{
    (void)state;
    if (geteuid() != 0 || !getpwnam("nobody")) {
        print_message("skipped: needs root, and a user nobody\n");
        skip();
    }
    put("root's", "#!/bin/sh\n", 0700);
    expect(path_of("root's"), NULL, NULL);
    expect(path_of("root's"), "nobody", "as user nobody (server.user): it may not be executed");
    expect(path_of("root's"), "root", NULL);
    assert_int_equal(access(path_of("root's"), X_OK), 0);
}

static int open_directory(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/program-XXXXXX");
    return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    char text[128];
    snprintf(text, sizeof text, "rm -rf %s", dir);
    return system(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_as_server_user_sees_it),
    };
    return cmocka_run_group_tests(tests, open_directory, remove_directory);
}
