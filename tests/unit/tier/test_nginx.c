/* SPDX-License-Identifier: Apache-2.0
 * nginx's driver: whatever fails, and wherever it ends, nginx only ever has what was tested. */
#include "tests/unit/tier/nginx_world.h"

static void writes_tests_and_reloads_once(void **state)
{
    (void)state;
    observe();
    assert_int_equal(outcome, OBSERVED);
    assert_false(seen.exists);
    want(2, 100);
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_int_equal(world.n_tests, 1);
    assert_int_equal(world.n_reloads, 1);
    observe();
    assert_true(seen.exists && seen.is_ours && !seen.is_foreign && !seen.differs);
    assert_string_equal(seen.note, "");
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.v[0].serving.serves, SERVES_READY);
    assert_int_equal(seen.v[0].serving.weight, 100);
    assert_int_equal(seen.v[0].active, 3);
    assert_int_equal(seen.v[1].active, 1);
    assert_true(seen.v[0].at_most && seen.v[0].is_ours);
    uint32_t n_writes = world.n_writes;
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_int_equal(world.n_writes, n_writes);
    assert_int_equal(world.n_tests, 1);
    assert_int_equal(world.n_reloads, 1);
}

static void changes_nothing_that_is_right_at_a_restart(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    uint32_t n_writes = world.n_writes;
    stop();
    start();
    observe();
    assert_true(seen.exists && !seen.differs);
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_int_equal(world.n_writes, n_writes);
    assert_int_equal(world.n_reloads, 1);
}

static void puts_back_what_the_test_refuses(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    char *first = wanted();
    world.test = refused;
    want(3, 50);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(failed_by, TIER_ERROR_REJECTED);
    assert_non_null(strstr(failed_text, "unknown directive \"x\" in /etc/nginx/nginx.conf:3"));
    assert_file(FILE_ITSELF, first);
    assert_file(GOOD, first);
    assert_int_equal(world.n_reloads, 1);
    observe();
    assert_false(seen.differs);
    assert_int_equal(seen.n, 2);
    world.test = (struct command_result){0};
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    free(first);
}

static void removes_a_first_file_that_is_refused(void **state)
{
    (void)state;
    observe();
    world.test = refused;
    want(1, 100);
    apply();
    assert_int_equal(outcome, FAILED);
    for (unsigned i = 0; i < N_FILES; i++)
        assert_file(i, NULL);
    assert_int_equal(world.n_reloads, 0);
}

/* Another tier of the same nginx, whose upstream its configuration names as well. */
static struct nginx_guest other_guest(void)
{
    struct nginx_guest other = {.is_new = true};
    return other;
}

static void holds_a_first_file_until_another_has_come(void **state)
{
    (void)state;
    struct nginx_guest other = other_guest();
    nginx_gate_join(&other, gates, reload_argv, INTERVAL_MS);
    observe();
    want(1, 100);
    world.test = refused;
    for (world.budget = 1, apply(); world.n_tests < 1; run())
        world.budget = 1;
    assert_int_equal(outcome, NOTHING);
    assert_int_equal(world.n_tests, 1);
    assert_non_null(world.files[FILE_ITSELF]);
    assert_file(GOOD, NULL);
    other.tested_ms = clock_mono_ms() + 1;
    world.test = (struct command_result){0};
    world.budget = UINT32_MAX;
    run();
    assert_int_equal(outcome, APPLIED);
    assert_int_equal(world.n_tests, 2);
    assert_settled();
    nginx_gate_leave(&other);
}

static void holds_a_first_file_once(void **state)
{
    (void)state;
    struct nginx_guest other = other_guest();
    nginx_gate_join(&other, gates, reload_argv, INTERVAL_MS);
    observe();
    want(1, 100);
    world.test = refused;
    other.tested_ms = INT64_MAX; /* it has had its test */
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(world.n_tests, 1);
    assert_file(FILE_ITSELF, NULL);
    other.tested_ms = 0;
    for (world.budget = 1, apply(); world.n_tests < 2; run())
        world.budget = 1;
    assert_int_equal(outcome, NOTHING);
    other.tested_ms = clock_mono_ms() + 1; /* before the second of this one */
    world.budget = UINT32_MAX;
    run();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(world.n_tests, 3);
    assert_file(FILE_ITSELF, NULL);
    nginx_gate_leave(&other);
}

static void says_why_a_command_fails(void **state)
{
    (void)state;
    static const struct {
        struct command_result result;
        enum tier_error reason;
        const char *text;
    } of[] = {
        {{.timed_out = true}, TIER_ERROR_TIMEOUT, "took longer than"},
        {{.error = EACCES}, TIER_ERROR_DENIED, "Rights"},
        {{.status = 1, .line = "nginx: [alert] kill(7, 1) failed (1: Operation not permitted)"},
         TIER_ERROR_DENIED,
         "Rights"},
        {{.status = 1, .line = "Failed to reload nginx.service: Access denied"},
         TIER_ERROR_DENIED,
         "Rights"},
        {{.status = 1, .line = "Interactive authentication required."},
         TIER_ERROR_DENIED,
         "Rights"},
        {{.status = -1, .signal = 9}, TIER_ERROR_REJECTED, ""},
    };
    observe();
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        for (unsigned is_reload = 0; is_reload < 2; is_reload++) {
            world.test = is_reload ? (struct command_result){0} : of[i].result;
            world.reload = is_reload ? of[i].result : (struct command_result){0};
            want(1, (uint16_t)(1 + i));
            apply();
            assert_int_equal(outcome, FAILED);
            assert_int_equal(failed_by, of[i].reason);
            assert_int_equal(strncmp(failed_text, is_reload ? "reload" : "test", 4), 0);
            assert_non_null(strstr(failed_text, of[i].text));
        }
    }
}

/* The file is right then, and nginx does not have it. */
static void owes_a_reload_until_it_is_done(void **state)
{
    (void)state;
    observe();
    world.reload = (struct command_result){.status = 1, .line = "nginx is not running"};
    want(2, 100);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_file(OWED, "");
    observe();
    assert_true(seen.differs);
    stop();
    start();
    observe();
    assert_true(seen.differs);
    world.reload = (struct command_result){0};
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    observe();
    assert_false(seen.differs);
}

/* However an apply is cut off: what lies there after the next start was tested, and the next apply
 * comes to where this one wanted to. */
static void survives_an_end_anywhere(void **state)
{
    (void)state;
    for (unsigned verdict = 0; verdict < 2; verdict++) {
        for (uint32_t budget = 0;; budget++) {
            tear_down(state);
            set_up(state);
            observe();
            want(2, 100);
            apply();
            char *first = wanted();
            want(3, 50);
            char *second = wanted();
            world.test = verdict ? refused : (struct command_result){0};
            world.budget = budget;
            apply();
            bool whole = outcome != NOTHING;
            stop();
            start();
            world.budget = UINT32_MAX;
            world.test = (struct command_result){0};
            observe();
            assert_int_equal(outcome, OBSERVED);
            assert_string_equal(world.files[FILE_ITSELF], world.files[GOOD]);
            if (strcmp(world.files[FILE_ITSELF], first) != 0)
                assert_string_equal(world.files[FILE_ITSELF], world.tested);
            if (strcmp(world.running, world.files[FILE_ITSELF]) != 0)
                assert_true(seen.differs);
            want(3, 50);
            apply();
            assert_int_equal(outcome, APPLIED);
            assert_settled();
            free(first);
            free(second);
            if (whole)
                break;
        }
    }
}

/* The same for the very first file, which nothing was tested before. */
static void survives_an_end_of_the_first_anywhere(void **state)
{
    (void)state;
    for (uint32_t budget = 0;; budget++) {
        tear_down(state);
        set_up(state);
        observe();
        want(2, 100);
        world.budget = budget;
        apply();
        bool whole = outcome != NOTHING;
        char *left = copy(world.files[FILE_ITSELF]);
        stop();
        start();
        world.budget = UINT32_MAX;
        observe();
        assert_int_equal(outcome, OBSERVED);
        assert_file(FILE_ITSELF, left);
        free(left);
        if (seen.exists && !world.running)
            assert_true(seen.differs);
        apply();
        assert_int_equal(outcome, APPLIED);
        assert_settled();
        if (whole)
            break;
    }
}

static void leaves_another_nodes_file_alone(void **state)
{
    (void)state;
    struct buf text = {0};
    want(2, 100);
    nginx_file_write(&text, &spec, "fra1", &table);
    set(&world.files[FILE_ITSELF], text.p);
    config.adopt = true;
    observe();
    assert_true(seen.exists && seen.is_foreign && !seen.is_ours);
    assert_non_null(strstr(seen.refused, "fra1"));
    assert_int_equal(seen.n, 0);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(failed_by, TIER_ERROR_FOREIGN);
    assert_file(FILE_ITSELF, text.p);
    assert_int_equal(world.n_writes, 0);
    buf_free(&text);
}

static const char theirs[] = "upstream web { server 192.0.2.9; }\n";

static void leaves_what_is_not_ours_alone(void **state)
{
    (void)state;
    set(&world.files[FILE_ITSELF], theirs);
    observe();
    assert_true(seen.exists && !seen.is_ours && !seen.is_foreign);
    assert_non_null(strstr(seen.refused, "adopt: true"));
    want(2, 100);
    apply();
    assert_int_equal(failed_by, TIER_ERROR_FOREIGN);
    assert_file(FILE_ITSELF, theirs);
    assert_int_equal(world.n_writes, 0);
}

static void adopts_and_keeps_what_was_there(void **state)
{
    (void)state;
    config.adopt = true;
    set(&world.files[FILE_ITSELF], theirs);
    observe();
    assert_string_equal(seen.refused, "");
    want(2, 100);
    world.test = refused;
    apply();
    assert_int_equal(outcome, FAILED);
    assert_file(FILE_ITSELF, theirs);
    assert_file(BEFORE, theirs);
    world.test = (struct command_result){0};
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_file(BEFORE, theirs);
}

static void takes_an_empty_file(void **state)
{
    (void)state;
    set(&world.files[FILE_ITSELF], " \n");
    observe();
    assert_false(seen.exists);
    want(2, 100);
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_file(BEFORE, NULL);
}

static void puts_right_what_was_edited(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    char *edited = wanted();
    memcpy(strstr(edited, "weight=100"), "weight=999", 10);
    set(&world.files[FILE_ITSELF], edited);
    observe();
    assert_true(seen.exists && seen.is_ours && seen.differs);
    assert_non_null(strstr(seen.note, ".edited"));
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_file(EDITED, edited);
    assert_int_equal(world.n_reloads, 2);
    free(edited);
}

static void rations_tests_and_reloads(void **state)
{
    (void)state;
    observe();
    int64_t began_ms = clock_mono_ms(); /* a test is run some time after it was decided on */
    for (uint16_t i = 1; i <= 6; i++) {
        world.test = i == 3 ? refused : (struct command_result){0};
        want(1, i);
        int64_t before_ms = clock_mono_ms();
        apply();
        assert_int_equal(outcome, i == 3 ? FAILED : APPLIED);
        assert_true(nginx_driver.ready_ms(driver) >= before_ms + INTERVAL_MS);
    }
    assert_int_equal(world.n_tests, 6);
    for (uint32_t i = 1; i < world.n_tests; i++)
        assert_true(world.tested_ms[i] - began_ms >= i * INTERVAL_MS);
    assert_settled();
}

static void keeps_the_ration_over_another_specification(void **state)
{
    (void)state;
    struct tier_spec other = spec;
    observe();
    want(1, 1);
    int64_t began_ms = clock_mono_ms();
    apply();
    int64_t ready_ms = nginx_driver.ready_ms(driver);
    nginx_driver.respecified(driver, &other);
    assert_int_equal(nginx_driver.ready_ms(driver), ready_ms);
    config.nginx.upstream = "web2";
    observe();
    assert_true(seen.differs);
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_true(world.tested_ms[1] - began_ms >= INTERVAL_MS);
}

static void holds_out_on_a_full_disk(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    char *first = wanted();
    world.write_error[FILE_ITSELF] = ENOSPC;
    want(3, 50);
    apply();
    assert_int_equal(failed_by, TIER_ERROR_DISK);
    assert_non_null(strstr(failed_text, "/etc/nginx/web.conf: No space left on device"));
    assert_file(FILE_ITSELF, first);
    assert_int_equal(world.n_tests, 1);
    world.write_error[FILE_ITSELF] = EROFS;
    apply();
    assert_int_equal(failed_by, TIER_ERROR_DENIED);
    assert_non_null(strstr(failed_text, "ReadWritePaths"));
    world.write_error[FILE_ITSELF] = EACCES;
    apply();
    assert_int_equal(failed_by, TIER_ERROR_DENIED);
    world.write_error[FILE_ITSELF] = 0;
    apply();
    assert_settled();
    free(first);
}

/* nginx first; then what is kept for the next start, without another reload. */
static void reloads_though_nothing_can_be_kept(void **state)
{
    (void)state;
    observe();
    world.write_error[GOOD] = world.write_error[OWED] = ENOSPC;
    want(2, 100);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(failed_by, TIER_ERROR_DISK);
    assert_int_equal(world.n_reloads, 1);
    assert_string_equal(world.running, world.files[FILE_ITSELF]);
    observe();
    assert_true(seen.differs);
    apply();
    assert_int_equal(outcome, FAILED);
    world.write_error[GOOD] = world.write_error[OWED] = 0;
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    assert_int_equal(world.n_reloads, 1);
    observe();
    assert_false(seen.differs);
}

static void comes_back_to_what_it_could_not_put_back(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    char *first = wanted();
    world.test = refused;
    want(3, 50);
    world.budget = 1;
    for (apply(); strcmp(world.files[FILE_ITSELF], first) == 0; run())
        world.budget = 1;
    world.budget = UINT32_MAX; /* it is written, and not tested */
    world.write_error[FILE_ITSELF] = EIO;
    run();
    assert_int_equal(outcome, FAILED);
    assert_non_null(strstr(failed_text, "could not be put back"));
    observe();
    assert_int_equal(outcome, FAILED);
    world.write_error[FILE_ITSELF] = 0;
    observe();
    assert_int_equal(outcome, OBSERVED);
    assert_true(seen.differs);
    assert_non_null(strstr(seen.note, "put back"));
    assert_file(FILE_ITSELF, first);
    free(first);
}

static void follows_no_link(void **state)
{
    (void)state;
    world.read_error[FILE_ITSELF] = ELOOP;
    observe();
    assert_int_equal(outcome, OBSERVED);
    assert_non_null(strstr(seen.refused, "link"));
    want(1, 1);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(world.n_writes, 0);
}

static void fails_while_it_cannot_be_read(void **state)
{
    (void)state;
    static const unsigned files[] = {GOOD, OWED, FILE_ITSELF};
    for (size_t i = 0; i < 3; i++) {
        world.read_error[files[i]] = i == 2 ? ETIMEDOUT : EIO;
        observe();
        assert_int_equal(outcome, FAILED);
        assert_int_equal(failed_by, i == 2 ? TIER_ERROR_TIMEOUT : TIER_ERROR_DISK);
        world.read_error[files[i]] = 0;
    }
    observe();
    assert_int_equal(outcome, OBSERVED);
}

/* Nobody is left: nginx includes the file all the same. */
static void leaves_the_file_when_no_member_is_left(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    char *first = wanted();
    table.rows.v[0].target.serves = table.rows.v[1].target.serves = SERVES_GONE;
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_file(FILE_ITSELF, first);
    assert_file(GOOD, NULL);
    observe();
    assert_false(seen.exists);
    assert_int_equal(seen.n, 0);
    want(2, 100);
    apply();
    assert_int_equal(outcome, APPLIED);
    assert_settled();
    free(first);
}

static void leaves_the_file_when_the_tier_is_over(void **state)
{
    (void)state;
    observe();
    want(2, 100);
    apply();
    table.rows.v[0].target.serves = table.rows.v[1].target.serves = SERVES_DRAIN;
    apply();
    char *drained = wanted();
    *vec_push(&plan.steps) = (struct plan_step){.op = PLAN_DELETE, .row = MODEL_NONE};
    apply();
    vec_free(&plan.steps);
    assert_int_equal(outcome, APPLIED);
    assert_file(FILE_ITSELF, drained);
    assert_file(GOOD, NULL);
    assert_file(OWED, NULL);
    observe();
    assert_false(seen.exists);
    free(drained);
}

static void tells_what_it_cannot_count(void **state)
{
    (void)state;
    observe();
    want(1, 1);
    apply();
    world.count_error = -EPERM;
    observe();
    assert_int_equal(seen.v[0].active, -1);
    assert_false(seen.v[0].at_most);
    assert_non_null(strstr(seen.note, "Operation not permitted"));
}

static void refuses_a_name_that_is_more(void **state)
{
    (void)state;
    config.nginx.upstream = "web {\n}";
    observe();
    want(1, 1);
    apply();
    assert_int_equal(outcome, FAILED);
    assert_int_equal(world.n_writes, 0);
}

static void ends_anywhere(void **state)
{
    (void)state;
    for (uint32_t budget = 0; budget < 12; budget++) {
        tear_down(state);
        set_up(state);
        world.budget = budget;
        observe();
        if (outcome != NOTHING) {
            want(2, 100);
            apply();
        }
        outcome = NOTHING;
        stop();
        assert_int_equal(outcome, NOTHING);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_tests_and_reloads_once),
        TEST(changes_nothing_that_is_right_at_a_restart),
        TEST(puts_back_what_the_test_refuses),
        TEST(removes_a_first_file_that_is_refused),
        TEST(holds_a_first_file_until_another_has_come),
        TEST(holds_a_first_file_once),
        TEST(says_why_a_command_fails),
        TEST(owes_a_reload_until_it_is_done),
        TEST(survives_an_end_anywhere),
        TEST(survives_an_end_of_the_first_anywhere),
        TEST(leaves_another_nodes_file_alone),
        TEST(leaves_what_is_not_ours_alone),
        TEST(adopts_and_keeps_what_was_there),
        TEST(takes_an_empty_file),
        TEST(puts_right_what_was_edited),
        TEST(rations_tests_and_reloads),
        TEST(keeps_the_ration_over_another_specification),
        TEST(holds_out_on_a_full_disk),
        TEST(reloads_though_nothing_can_be_kept),
        TEST(comes_back_to_what_it_could_not_put_back),
        TEST(follows_no_link),
        TEST(fails_while_it_cannot_be_read),
        TEST(leaves_the_file_when_no_member_is_left),
        TEST(leaves_the_file_when_the_tier_is_over),
        TEST(tells_what_it_cannot_count),
        TEST(refuses_a_name_that_is_more),
        TEST(ends_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
