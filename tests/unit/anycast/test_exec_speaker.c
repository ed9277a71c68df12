/* SPDX-License-Identifier: Apache-2.0
 * A command of the operator's: what it gets, what counts as real, and what a crash leaves. */
#include "anycast/exec_wish.h"
#include "command_world.h"

#include "base/boot.h"
#include "base/diag.h"

#define BOOT "6d6f6e64-6179-4d6f-8e64-617920626f6f"

static const char *boot; /* which this is */

bool boot_id(char out[BOOT_ID_MAX])
{
    snprintf(out, BOOT_ID_MAX, "%s", boot);
    return *out;
}

static struct {
    struct buf input; /* the latest */
    char env[256];
    const char *prints;
    int status, error;
    bool slow, too_much;
} tool;

static void world_command(const struct command_spec *spec, struct command_result *result,
                          struct buf *output)
{
    assert_string_equal(spec->argv[0], "/etc/loadstar/announce");
    assert_int_equal(spec->max_output, 1 << 20);
    tool.input.n = 0;
    buf_add(&tool.input, world.input.p, world.input.n);
    buf_puts(output, tool.prints ? tool.prints : "");
    result->status = tool.status;
    result->error = tool.error;
    result->timed_out = tool.slow;
    result->too_much = tool.too_much;
    snprintf(result->line, sizeof result->line, "why");
}

static const char *const command[] = {"/etc/loadstar/announce", NULL};

static int begin(void **state)
{
    static const struct speaker config = {
        .name = "local", .type = SPEAKER_EXEC, .command = command, .as = 65001, .timeout_ms = 5000};
    (void)state;
    buf_free(&tool.input);
    memset(&tool, 0, sizeof tool);
    boot = BOOT;
    world_begin(&exec_speaker, &config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end();
    buf_free(&tool.input);
    return 0;
}

/* What was kept of what it took, behind the line that says when. */
static const char *kept(void)
{
    assert_non_null(world.file);
    const char *end = strchr(world.file, '\n');
    assert_non_null(end);
    return end + 1;
}

static void it_gets_all_as_json(void **state)
{
    static const struct large_community large[] = {{{65001, 1, 2}}};
    char expected[1024], version[32];
    (void)state;
    struct announcement *dns = sets_add("dns", "192.0.2.53/32 2001:db8::53/128");
    sets_add("a \"b\"\xff", "192.0.2.1/32");
    dns->announced = true;
    set_community(dns, 65535, 0);
    dns->attributes.large = large;
    dns->attributes.n_large = 1;
    dns->attributes.has_med = true;
    dns->attributes.med = 200;
    dns->attributes.prepend = 2;
    (void)!ip_parse(&speaker.next_hop_v6, "fd09::2");
    tell_well();
    assert_int_equal(sscanf(tool.input.p, "{\"version\":%31[0-9]", version), 1);
    snprintf(expected, sizeof expected,
             "{\"version\":%s,\"node\":\"ams1\",\"speaker\":\"local\",\"as\":65001,\"sets\":["
             "{\"name\":\"dns\",\"announced\":true,\"prefixes\":[\"192.0.2.53/32\","
             "\"2001:db8::53/128\"],\"attributes\":{\"prepend\":2,\"med\":200,\"communities\":"
             "[\"65535:0\"],\"large_communities\":[\"65001:1:2\"],\"next_hop_v4\":\"self\","
             "\"next_hop_v6\":\"fd09::2\"}},"
             "{\"name\":\"a \\\"b\\\"\\\\xff\",\"announced\":false,\"prefixes\":[\"192.0.2.1/32\"],"
             "\"attributes\":{\"prepend\":0,\"med\":null,\"communities\":[],\"large_communities\":"
             "[],\"next_hop_v4\":\"self\",\"next_hop_v6\":\"fd09::2\"}}]}\n",
             version);
    assert_string_equal(tool.input.p, expected);
    assert_string_equal(kept(), expected);
    assert_memory_equal(world.file, "{\"boot\":\"" BOOT "\",\"reports\":false}\n",
                        strlen(world.file) - strlen(expected));
}

static void the_version_rises(void **state)
{
    unsigned long long before = 0, now;
    (void)state;
    sets_add("a", "192.0.2.1/32");
    for (unsigned i = 0; i < 5; i++) {
        if (i == 3)
            open_driver();
        look_well();
        tell_well();
        assert_int_equal(sscanf(tool.input.p, "{\"version\":%llu", &now), 1);
        assert_true(now > before);
        before = now;
    }
}

static void what_it_took_is_real(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32");
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_UNKNOWN);
    tell_well();
    for (unsigned i = 0; i < 2; i++) {
        look_well();
        assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
        assert_false(seen_of("192.0.2.1/32")->differs);
        assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_ABSENT);
        open_driver();
    }
    assert_int_equal(world.n_commands, 1);
    sets.v[0].attributes.prepend = 1;
    look_well();
    assert_true(seen_of("192.0.2.1/32")->differs);
    sets_clear();
    sets_add("b", "192.0.2.2/32");
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->set, MODEL_NONE);
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
}

static void what_it_says_is_more_real(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32 192.0.2.2/32")->announced = true;
    tool.prints = "{\"routes\": [{\"prefix\": \"192.0.2.1/32\", \"present\": false}, "
                  "{\"prefix\": \"192.0.2.9/32\", \"present\": true}]}";
    tell_well();
    unsigned n = world.n_commands;
    look_well();
    assert_int_equal(world.n_commands, n + 1);
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_ABSENT);
    assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_PRESENT);
    assert_null(seen_of("192.0.2.9/32"));
    assert_string_equal(tool.input.p, kept());
    struct announcement before = sets.v[0];
    sets.wanted.n = 0; /* of no set any more: by what it says it is not there */
    look_well();
    assert_null(seen_of("192.0.2.1/32"));
    assert_int_equal(seen_of("192.0.2.2/32")->set, MODEL_NONE);
    sets.wanted.n = 1;
    sets.v[0] = before;
    tool.prints = "done";
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    n = world.n_commands;
    look_well();
    assert_int_equal(world.n_commands, n);
}

static void after_a_failure_nothing_is_known(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    tool.status = 3;
    sets.v[0].announced = false;
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "/etc/loadstar/announce exited with 3: why");
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    assert_null(world.file);
    tool.status = 0;
    tool.slow = true;
    tell();
    expect_failed(SPEAKER_ERROR_TIMEOUT, "");
    tool.slow = false;
    tool.error = EACCES;
    tell();
    expect_failed(SPEAKER_ERROR_DENIED, "");
    tool.error = ENOENT;
    tell();
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "");
    tool.error = 0;
    tool.too_much = true;
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "");
}

/* The end of loadstard in the middle: what was taken before is not taken for what there is. */
static void a_crash_in_between_leaves_no_state(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32");
    tell_well();
    sets.v[0].announced = true;
    ends.kind = NOTHING;
    exec_speaker.apply(driver, &sets.wanted);
    world_step();
    assert_null(world.file);
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
}

static void what_was_kept_by_others_is_nothing(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    host.node = "fra1";
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    host.node = "ams1";
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    char *text = xstrdup(world.file);
    for (size_t n = strlen(text) - 2; n > 0; n -= n > 20 ? 20 : n) {
        text[n] = '\0';
        world_set_file(text);
        open_driver();
        look_well();
        assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    }
    free(text);
}

/* A power cut, or a reboot: whatever the command has told has gone with it. */
static void what_was_kept_before_a_boot_is_nothing(void **state)
{
    unsigned long long version;
    struct buf text = {0};
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tool.prints = "{\"routes\": []}";
    tell_well();
    const char *version_at = strchr(strchr(kept(), ':'), ',');
    buf_printf(&text, "{\"boot\":\"" BOOT "\",\"reports\":true}\n{\"version\":4000000000000000%s",
               version_at);
    world_set_file(text.p);
    buf_free(&text);
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    unsigned n = world.n_commands;
    boot = "74756573-6461-4f79-8e64-617920626f6f";
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    assert_int_equal(world.n_commands, n); /* it has nothing to be asked about */
    tell_well();
    assert_int_equal(sscanf(tool.input.p, "{\"version\":%llu", &version), 1);
    assert_true(version > 4000000000000000);
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
}

static void what_was_kept_of_no_known_boot_is_nothing(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    boot = "";
    open_driver();
    tell_well();
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
    boot = BOOT;
    open_driver();
    tell_well();
    world_set_file(kept()); /* without the line */
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_UNKNOWN);
}

static void after_a_restart_it_is_asked_what_it_has(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32 192.0.2.2/32")->announced = true;
    tool.prints = "{\"routes\": [{\"prefix\": \"192.0.2.1/32\", \"present\": false}]}";
    tell_well();
    open_driver();
    tool.status = 3;
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "exited with 3");
    tool.status = 0;
    look_well();
    assert_int_equal(world.n_commands, 3);
    assert_int_equal(world.n_writes, 1);
    assert_string_equal(tool.input.p, kept());
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_ABSENT);
    assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_PRESENT);
    tool.prints = "done";
    tell_well();
    unsigned n = world.n_commands;
    open_driver();
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_int_equal(world.n_commands, n); /* it says nothing */
}

static void what_is_kept_goes_before_the_first_change(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    open_driver(); /* and it is told something without a look */
    ends.kind = NOTHING;
    exec_speaker.apply(driver, &sets.wanted);
    world_step();
    assert_null(world.file);
    world_run();
    expect_end(APPLIED);
}

/* Nothing is kept, and yet nothing is forgotten. */
static void another_configuration_forgets_nothing(void **state)
{
    (void)state;
    host.state_dir = NULL;
    open_driver();
    sets_add("a", "192.0.2.1/32")->announced = true;
    tell_well();
    struct speaker after = speaker;
    after.timeout_ms = 7000;
    exec_speaker.respecified(driver, &after);
    speaker = (struct speaker){0}; /* what it was opened with is not there any more */
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_PRESENT);
    assert_false(seen_of("192.0.2.1/32")->differs);
    assert_int_equal(world.n_commands, 1);
    tell_well();
    assert_int_equal(world.spec.timeout_ms, 7000);
    assert_non_null(strstr(tool.input.p, "\"speaker\":\"local\""));
}

static void a_version_is_a_number_above_zero(void **state)
{
    static const char *const versions[] = {"0", "-1", "\"5\"", "null"};
    struct exec_routes routes;
    uint64_t version;
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        snprintf(text, sizeof text,
                 "{\"version\":%s,\"node\":\"ams1\",\"speaker\":\"local\",\"sets\":[]}",
                 versions[i]);
        assert_int_equal(exec_wish_read(&routes, &version, slice_str(text), "ams1", "local"),
                         E_SYNTAX);
        exec_routes_free(&routes);
    }
}

static void replies_that_are_wrong_are_refused(void **state)
{
    static const char *const wrong[] = {"{\"routes\": 1}", "{\"routes\": [1]}",
                                        "{\"routes\": [{\"prefix\": \"x\", \"present\": true}]}",
                                        "{\"routes\": [{\"prefix\": \"192.0.2.1/32\"}]}",
                                        "{\"routes\": {}}"};
    static const char *const others[] = {"", "ok\n", "[]", "{}", "{\"routes\": [}"};
    struct exec_routes routes;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(exec_reply_read(&routes, slice_str(wrong[i])), E_SYNTAX);
        exec_routes_free(&routes);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(exec_reply_read(&routes, slice_str(others[i])), E_NOTFOUND);
        exec_routes_free(&routes);
    }
    sets_add("a", "192.0.2.1/32")->announced = true;
    tool.prints = wrong[2];
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "\"routes\" that are not understood");
}

static void the_will_is_the_same_command(void **state)
{
    static const char *const expected[] = {"/usr/bin/env", "LOADSTAR_WITHDRAW=1",
                                           "LOADSTAR_SPEAKER=local", "LOADSTAR_NODE=ams1",
                                           "/etc/loadstar/announce"};
    struct last_will will = {0};
    (void)state;
    sets_add("a", "192.0.2.1/32");
    exec_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
    sets.v[0].announced = true;
    exec_speaker.will(driver, &sets.wanted, &will);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(will.argv[i], expected[i]);
    assert_null(will.argv[5]);
    assert_string_equal(will.then[0][2], "/var/lib/loadstar/speaker.local.json");
    assert_null(will.then[0][3]);
    assert_null(will.then[1]);
    host.state_dir = NULL;
    open_driver();
    will = (struct last_will){0};
    exec_speaker.will(driver, &sets.wanted, &will);
    assert_non_null(will.argv);
    assert_null(will.then);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_gets_all_as_json),
        TEST(the_version_rises),
        TEST(what_it_took_is_real),
        TEST(what_it_says_is_more_real),
        TEST(after_a_failure_nothing_is_known),
        TEST(a_crash_in_between_leaves_no_state),
        TEST(what_was_kept_by_others_is_nothing),
        TEST(what_was_kept_before_a_boot_is_nothing),
        TEST(what_was_kept_of_no_known_boot_is_nothing),
        TEST(after_a_restart_it_is_asked_what_it_has),
        TEST(what_is_kept_goes_before_the_first_change),
        TEST(another_configuration_forgets_nothing),
        TEST(a_version_is_a_number_above_zero),
        TEST(replies_that_are_wrong_are_refused),
        TEST(the_will_is_the_same_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
