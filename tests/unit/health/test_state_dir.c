/* SPDX-License-Identifier: Apache-2.0
 * The state directory: what a load says of one that cannot be, a start that does without nothing
 * that is in force, a reload to a directory that somebody else has used. */
#include "tests/unit/faults.h"
#include "world.h"

#include "base/file.h"
#include "base/identity.h"
#include "config/config.h"
#include "health/orders_file.h"
#include "health/state_dir.h"

#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

static struct world w;

static int open_world(void **state)
{
    (void)state;
    w = (struct world){0};
    world_open(&w);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void shell(const char *fmt, ...) ATTR_PRINTF(1, 2);

/* In the world's directory. */
static void shell(const char *fmt, ...)
{
    char command[1024];
    int n = snprintf(command, sizeof command, "cd %s && ", w.dir);
    va_list args;
    va_start(args, fmt);
    vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static char *in_world(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", w.dir, name);
    return path;
}

static bool exists(const char *name)
{
    return faccessat(AT_FDCWD, in_world(name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- what a load says ---- */

static const struct {
    const char *make, *state_dir;
    const char *error; /* NULL: none */
} directories[] = {
    {"mkdir s", "s", NULL},
    {"true", "s", NULL},
    {"mkdir t; ln -s t s", "s", NULL},
    {"mkdir s; touch s/overrides.json", "s", NULL},
    {"mkdir s; mkdir s/health.json", "s", NULL}, /* probing finds out anew */
    {"touch s", "s", "s cannot be used: Not a directory"},
    {"touch s", "s/t", "s/t cannot be used: Not a directory"},
    {"mkfifo s", "s", "s cannot be used: Not a directory"},
    {"ln -s t s", "s", "s cannot be used: it is a link to nowhere"},
    {"ln -s s s", "s", "s cannot be used: Too many levels of symbolic links"},
    {"true", "s/t", "s/t cannot be made: No such file or directory"},
    {"true", "s/t/", "s/t/ cannot be made: No such file or directory"},
    {"true", "/proc/loadstar", "/proc/loadstar cannot be made"},
    {"true", "/proc/self", "/proc/self cannot be written"},
    {"mkdir -p s/overrides.json", "s", "s/overrides.json cannot be read: Is a directory"},
    {"mkdir s; mkfifo s/overrides.json", "s", "overrides.json cannot be read: it is not a regular"},
    {"mkdir s; ln -s /etc/passwd s/overrides.json", "s",
     "overrides.json cannot be read: it is a s"},
    {"mkdir s; ln -s nowhere s/overrides.json", "s", "overrides.json cannot be read: it is a symb"},
};

static unsigned count_in(const char *name)
{
    unsigned n = 0;
    DIR *d = opendir(in_world(name));
    for (const struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return n;
}

static const char *user;

static void judge(const char *state_dir, struct diags *diags, int *code)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", *state_dir == '/' ? "" : w.dir,
             *state_dir == '/' ? "" : "/", state_dir);
    const struct model model = {
        .server = {.state_dir = path, .state_dir_at = {"loadstar.yaml", 3, 14}}};
    diags_init(diags);
    struct identity identity = {0};
    assert_int_equal(identity_assume(&identity, user), 0); /* as a load does */
    *code = state_dir_check(&model, diags);
    identity_restore(&identity);
}

static void test_directories(void **state)
{
    (void)state;
    alarm(60);
    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        struct diags diags;
        struct arena *arena = arena_new();
        int code;
        shell("rm -rf s t; %s", directories[i].make);
        bool was = exists("s");
        unsigned n = count_in("s");
        unsigned n_beside = count_in(".");
        judge(directories[i].state_dir, &diags, &code);
        assert_int_equal(code, directories[i].error ? E_INVALID : 0);
        assert_int_equal(diags.n, directories[i].error != NULL);
        if (directories[i].error) {
            const char *text = diag_text(arena, &diags.v[0]);
            assert_int_equal(strncmp(text, "loadstar.yaml:3:14: 'state_dir'", 31), 0);
            if (!strstr(text, directories[i].error))
                fail_msg("%s: %s", directories[i].make, text);
        }
        assert_int_equal(exists("s"), was); /* it makes nothing, and leaves nothing */
        assert_int_equal(count_in("s"), n);
        assert_int_equal(count_in("."), n_beside);
        arena_free(arena);
        diags_free(&diags);
    }
    alarm(0);
    const struct model none = {0};
    struct diags diags;
    diags_init(&diags);
    assert_int_equal(state_dir_check(&none, &diags), 0);
    diags_free(&diags);
}

/* Whichever call fails, with whatever: an error, or a warning where room is missing or the file
 * system is read-only. */
static void test_every_failure_is_told(void **state)
{
    static const int errors[] = {EIO, EMFILE, ENFILE, ENOMEM, EACCES, EROFS, ENOSPC, EDQUOT};
    (void)state;
    shell("mkdir s; echo x >s/overrides.json");
    struct diags diags;
    int code;
    fault_arm(0, 0);
    judge("s", &diags, &code);
    unsigned n = fault_disarm();
    assert_int_equal(code, 0);
    assert_string_equal(fault.order, "oawfasr"); /* written and durable; then read */
    diags_free(&diags);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        for (unsigned at = 1; at <= n; at++) {
            fault_arm(at, errors[i]);
            judge("s", &diags, &code);
            fault_disarm();
            assert_int_equal(diags.n, 1);
            assert_non_null(strstr(diags.v[0].text, strerror(errors[i])));
            /* After the write comes the reading of overrides.json, of three calls. */
            bool room = (errors[i] == ENOSPC || errors[i] == EDQUOT || errors[i] == EROFS) &&
                        at > 1 && at <= n - 3;
            assert_int_equal(code, room ? 0 : E_INVALID);
            assert_int_equal(diags.n_warnings, room);
            assert_int_equal(count_in("s"), 1);
            diags_free(&diags);
        }
}

/* A file system without files that have no name. */
static void test_trial_with_a_name(void **state)
{
    struct diags diags;
    int code;
    (void)state;
    shell("mkdir s");
    fault_arm(2, EOPNOTSUPP);
    judge("s", &diags, &code);
    fault_disarm();
    assert_int_equal(code, 0);
    assert_int_equal(diags.n, 0);
    assert_int_equal(count_in("s"), 0);
    diags_free(&diags);
}

/* Root judges as `server.user` would, and is root again afterwards. */
static void test_as_another_user(void **state)
{
    static const struct {
        const char *dir, *error;
    } cases[] = {
        {"theirs", NULL},
        {"theirs/new", NULL},
        {"roots", "roots cannot be written by user 'nobody': Permission denied"},
        {"closed", "closed cannot be used by user 'nobody': Permission denied"},
        {"closed/new", "closed/new cannot be used by user 'nobody': Permission denied"},
        {"new", "new cannot be made by user 'nobody': Permission denied"},
        {"left", "left/overrides.json cannot be read by user 'nobody': Permission denied"},
    };
    (void)state;
    if (geteuid() != 0 || !getpwnam("nobody")) {
        print_message("not root, or no user nobody: rights cannot be tried\n");
        skip();
    }
    shell("chmod 755 .; mkdir theirs roots closed left; chmod 700 closed; chown nobody theirs left;"
          "echo {} >left/overrides.json; chmod 640 left/overrides.json");
    user = "nobody";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diags diags;
        int code;
        judge(cases[i].dir, &diags, &code);
        assert_int_equal(code != 0, cases[i].error != NULL);
        if (cases[i].error && !strstr(diags.v[0].text, cases[i].error))
            fail_msg("%s: %s", cases[i].dir, diags.v[0].text);
        diags_free(&diags);
        shell("touch roots/again; rm roots/again");
        int fd = open(in_world("closed"), O_RDONLY);
        assert_true(fd >= 0);
        close(fd);
    }
    user = NULL;
}

/* ---- a start ---- */

#define POOLS SITES "pools: {www: {sites: {ams: [192.0.2.1], iad: [192.0.2.2]}}}\n"

static void order(const char *target, enum override override)
{
    assert_int_equal(world_set(&w, target, override, 0, ""), 0);
}

/* Starts with the given faults; returns checker_start()'s code, and stops what has started. */
static int start_once(unsigned at, int error)
{
    const struct checker_callbacks callbacks = {0};
    world_configure(&w, NULL, POOLS);
    fault_arm(at, error);
    int code = checker_start(&w.checker, &w.loop, w.model, w.credentials, &callbacks, &w.diags);
    fault_disarm();
    if (code == 0) {
        assert_int_equal(world_state(&w, 0)->override, OVERRIDE_DRAIN);
        world_stop(&w);
        return 0;
    }
    assert_null(w.checker);
    assert_int_equal(w.diags.n_errors, 1);
    assert_non_null(strstr(w.diags.v[0].text, strerror(error)));
    assert_int_equal(w.diags.v[0].span.line, 3);
    diags_free(&w.diags);
    diags_init(&w.diags);
    model_free(w.model);
    credentials_free(w.credentials);
    w.credentials = NULL;
    w.model = NULL;
    return code;
}

/* Rules that are there but cannot be read are in force all the same: there is no start without
 * them, and the file stays where it is. */
static void test_no_start_without_the_rules(void **state)
{
    static const int errors[] = {EIO, EMFILE, ENFILE, ENOMEM, EACCES, EISDIR};
    (void)state;
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    order("www/ams", OVERRIDE_DRAIN);
    world_stop(&w);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        unsigned n_refused = 0;
        for (unsigned at = 1; at <= 4; at++) { /* the directory; then open, fstat, read */
            int code = start_once(at, errors[i]);
            n_refused += code != 0;
            assert_true(exists("state/overrides.json"));
            assert_false(exists("state/overrides.json.corrupt"));
        }
        assert_int_equal(n_refused, 4);
        assert_int_equal(start_once(0, 0), 0);
    }
}

static void test_no_start_from_what_is_no_file(void **state)
{
    static const char *const instead[] = {"mkdir", "mkfifo", "ln -s /etc/passwd", "ln -s nowhere"};
    const struct checker_callbacks callbacks = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(instead); i++) {
        shell("rm -rf state; mkdir state; %s state/overrides.json", instead[i]);
        world_configure(&w, NULL, POOLS);
        assert_int_equal(checker_start(&w.checker, &w.loop, w.model, w.credentials, &callbacks,
                                       &w.diags),
                         E_SYSTEM);
        assert_int_equal(w.diags.n_errors, i + 1);
        assert_non_null(strstr(w.diags.v[i].text, "/state/overrides.json: cannot be read: "));
        assert_true(exists("state/overrides.json"));
        assert_int_equal(count_in("state"), 1);
        model_free(w.model);
        credentials_free(w.credentials);
        w.credentials = NULL;
        w.model = NULL;
    }
}

/* A file that is damaged is put aside, and so is the next one, beside it. */
static void test_damaged_ones_are_kept_beside_each_other(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        shell("mkdir -p state; echo '{%u' >state/overrides.json", i);
        world_configure(&w, NULL, POOLS);
        world_start(&w);
        assert_int_equal(w.diags.n_errors, i);
        assert_non_null(strstr(w.diags.v[i - 1].text, "it was renamed to "));
        assert_non_null(checker_summary(w.checker).problem);
        order("www/ams", OVERRIDE_DRAIN);
        world_stop(&w);
    }
    shell("test \"$(cat state/overrides.json.corrupt)\" = '{1'");
    shell("test \"$(cat state/overrides.json.corrupt.2)\" = '{2'");
    shell("test \"$(cat state/overrides.json.corrupt.3)\" = '{3'");
}

static void test_a_directory_that_cannot_be_made(void **state)
{
    const struct checker_callbacks callbacks = {0};
    (void)state;
    shell("touch state");
    world_configure(&w, NULL, POOLS);
    assert_int_equal(
        checker_start(&w.checker, &w.loop, w.model, w.credentials, &callbacks, &w.diags), E_SYSTEM);
    assert_non_null(strstr(w.diags.v[0].text, "cannot be made: Not a directory"));
    model_free(w.model);
    credentials_free(w.credentials);
    w.credentials = NULL;
    w.model = NULL;
    shell("rm state");
}

/* ---- a reload to another directory ---- */

enum outcome { KEPT, ASIDE_BEFORE, ASIDE_CORRUPT, REFUSED };

static const struct {
    const char *make; /* of what directory `new` holds */
    enum outcome outcome;
} held[] = {
    {"true", KEPT},
    {"mkdir new", KEPT},
    {"mkdir new; cp state/overrides.json new/", KEPT},
    {"mkdir new; echo '{\"format\": 1, \"rules\": []}' >new/overrides.json", KEPT},
    {"mkdir new; echo '{\"format\": 1, \"rules\": [{\"target\": \"iad\", \"state\": \"down\", "
     "\"set_ms\": 1, \"until_ms\": 2}]}' >new/overrides.json",
     KEPT}, /* it is over */
    {"ln -s state new", KEPT},
    {"mkdir new; echo '{\"format\": 1, \"rules\": [{\"target\": \"iad\", \"state\": \"down\", "
     "\"set_ms\": 1}]}' >new/overrides.json",
     ASIDE_BEFORE},
    {"mkdir new; echo '{\"format\": 1, \"rules\": [{\"target\": \"www/ams\", \"state\": \"down\", "
     "\"set_ms\": 1}]}' >new/overrides.json",
     ASIDE_BEFORE},
    {"mkdir new; echo junk >new/overrides.json", ASIDE_CORRUPT},
    {"mkdir new; : >new/overrides.json", ASIDE_CORRUPT},
    {"mkdir -p new/overrides.json", REFUSED},
    {"mkdir new; ln -s /etc/passwd new/overrides.json", REFUSED},
    {"mkdir new; mkfifo new/overrides.json", REFUSED},
    {"mkdir -p new/overrides.json.tmp", REFUSED},
    {"touch new", REFUSED},
    {"ln -s nowhere new", REFUSED},
};

/* The rules in the file of a directory. */
static bool holds_drain(const char *name)
{
    struct orders orders = {.node = "n"};
    struct buf problem = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/overrides.json", name);
    bool holds = orders_load(&orders, in_world(path), &problem) == 0 && orders.n == 1 &&
                 orders.v[0]->override == OVERRIDE_DRAIN &&
                 strcmp(orders.v[0]->target.text, "www/ams") == 0;
    orders_free(&orders);
    buf_free(&problem);
    return holds;
}

static void move_to_new(enum outcome outcome)
{
    struct model next = *w.model; /* as a reload makes it, but for the directory */
    struct diags diags;
    diags_init(&diags);
    next.server.state_dir = in_world("new");
    char dir[256];
    snprintf(dir, sizeof dir, "%s", next.server.state_dir);
    next.server.state_dir = dir;
    int code = checker_prepare(w.checker, &next, &diags);
    assert_int_equal(code != 0, outcome == REFUSED);
    assert_int_equal(diags.n_errors, outcome == REFUSED);
    assert_int_equal(diags.n_warnings, outcome == ASIDE_BEFORE || outcome == ASIDE_CORRUPT);
    assert_int_equal(exists("new/overrides.json.before"), outcome == ASIDE_BEFORE);
    assert_int_equal(exists("new/overrides.json.corrupt"), outcome == ASIDE_CORRUPT);
    assert_true(holds_drain("state"));
    assert_int_equal(world_state(&w, 0)->override, OVERRIDE_DRAIN);
    assert_int_equal(world_state(&w, 1)->override, OVERRIDE_AUTO);
    if (outcome != REFUSED)
        assert_true(holds_drain("new"));
    diags_free(&diags);
}

static void test_moves(void **state)
{
    (void)state;
    alarm(60); /* one that waits for a FIFO is one that fails */
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        shell("rm -rf new state");
        world_configure(&w, NULL, POOLS);
        world_start(&w);
        order("www/ams", OVERRIDE_DRAIN);
        shell("%s", held[i].make);
        move_to_new(held[i].outcome);
        world_stop(&w);
    }
    alarm(0);
}

/* After the move, orders are written where the configuration says. */
static void test_orders_follow_the_move(void **state)
{
    struct diags diags;
    (void)state;
    diags_init(&diags);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    order("www/ams", OVERRIDE_DRAIN);
    shell("sed -i 's/state_dir: state/state_dir: new/' loadstar.yaml");
    struct model *next;
    assert_int_equal(config_load(&next, in_world("loadstar.yaml"), &diags), 0);
    assert_int_equal(checker_prepare(w.checker, next, &diags), 0);
    world_move(&w, next);
    assert_true(holds_drain("new"));
    order("www/iad", OVERRIDE_DOWN);
    assert_true(holds_drain("state"));
    assert_false(holds_drain("new"));
    world_stop(&w);
    diags_free(&diags);
}

/* Somebody removes the directory under a running server: a reload brings what is in force back. */
static void test_a_reload_mends_the_directory(void **state)
{
    struct diags diags;
    (void)state;
    diags_init(&diags);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    order("www/ams", OVERRIDE_DRAIN);
    shell("rm -r state");
    assert_int_equal(world_set(&w, "www/iad", OVERRIDE_DOWN, 0, ""), E_SYSTEM);
    assert_int_equal(checker_prepare(w.checker, w.model, &diags), 0);
    assert_true(holds_drain("state"));
    world_stop(&w);
    diags_free(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_directories, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_every_failure_is_told, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_trial_with_a_name, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_as_another_user, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_no_start_without_the_rules, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_no_start_from_what_is_no_file, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_damaged_ones_are_kept_beside_each_other, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_a_directory_that_cannot_be_made, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_moves, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_orders_follow_the_move, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_reload_mends_the_directory, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
