/* SPDX-License-Identifier: Apache-2.0
 * GoBGP's driver against a gobgpd that does what its words say. */
#include "anycast/gobgp_table.h"
#include "anycast/gobgp_words.h"
#include "command_world.h"

enum { ROUTES = 512 };

static struct gobgpd {
    struct {
        char prefix[IP_PREFIX_TEXT_MAX], words[512];
        bool learnt, beaten;
    } routes[ROUTES];
    uint32_t n_routes;
    uint32_t as, count;
    bool no_sessions, says_not_in_table;
    unsigned n_added, n_deleted;
    const char *refuse; /* prefixes that begin so */
    const char *line;   /* the error of everything */
    int error;
    bool slow;
    const char *says;        /* in the place of a table */
    const char *too_much_of; /* words that are answered by that */
} gobgpd;

static uint32_t model_find(const char *prefix)
{
    uint32_t i = 0;
    while (i < gobgpd.n_routes && strcmp(gobgpd.routes[i].prefix, prefix) != 0)
        i++;
    return i;
}

static void model_add(const char *prefix, const char *words)
{
    uint32_t i = model_find(prefix);
    assert_true(i < ROUTES);
    gobgpd.n_routes += i == gobgpd.n_routes;
    snprintf(gobgpd.routes[i].prefix, sizeof gobgpd.routes[i].prefix, "%s", prefix);
    snprintf(gobgpd.routes[i].words, sizeof gobgpd.routes[i].words, "%s", words);
    gobgpd.routes[i].learnt = gobgpd.routes[i].beaten = false;
}

/* The word behind another. */
static const char *after(const char *words, const char *key, char out[256])
{
    char with[32];
    snprintf(with, sizeof with, " %s ", key);
    const char *at = strstr(words, with);
    snprintf(out, 256, "%.*s", at ? (int)strcspn(at + strlen(with), " ") : 0,
             at ? at + strlen(with) : "");
    return out;
}

static void show_attributes(struct buf *out, const char *words, bool v6)
{
    char word[256];
    unsigned a, b, c;
    int n;
    buf_puts(out, "{\"type\": 1, \"value\": 0}");
    if (*after(words, "aspath", word))
        buf_printf(out, ", {\"type\": 2, \"as_paths\": [{\"segment_type\": 2, \"asns\": [%s]}]}",
                   word);
    if (*after(words, "med", word))
        buf_printf(out, ", {\"type\": 4, \"metric\": %s}", word);
    buf_puts(out, ", {\"type\": 8, \"communities\": [");
    after(words, "community", word);
    for (const char *p = word; sscanf(p, "%u:%u%n", &a, &b, &n) == 2; p += n + (p[n] == ','))
        buf_printf(out, "%s%u", p == word ? "" : ", ", a << 16 | b);
    buf_puts(out, "]}, {\"type\": 32, \"value\": [");
    after(words, "large-community", word);
    for (const char *p = word; sscanf(p, "%u:%u:%u%n", &a, &b, &c, &n) == 3; p += n + (p[n] == ','))
        buf_printf(out, "%s{\"ASN\": %u, \"LocalData1\": %u, \"LocalData2\": %u}",
                   p == word ? "" : ", ", a, b, c);
    after(words, "nexthop", word);
    buf_printf(out, "]}, {\"type\": %d, \"nexthop\": \"%s\"}", v6 ? 14 : 3,
               *word ? word
               : v6  ? "::"
                     : "0.0.0.0");
}

static void show_route(struct buf *out, uint32_t i)
{
    bool v6 = strchr(gobgpd.routes[i].prefix, ':') != NULL;
    buf_printf(out, "%s\"%s\": [", out->n > 1 ? ", " : "", gobgpd.routes[i].prefix);
    if (gobgpd.routes[i].learnt || gobgpd.routes[i].beaten)
        buf_puts(out, "{\"best\": true, \"neighbor-ip\": \"10.9.0.1\", \"attrs\": []}");
    if (gobgpd.routes[i].beaten)
        buf_puts(out, ", ");
    if (!gobgpd.routes[i].learnt) {
        buf_printf(out, "{%s\"neighbor-ip\": \"<nil>\", \"attrs\": [",
                   gobgpd.routes[i].beaten ? "" : "\"best\": true, ");
        show_attributes(out, gobgpd.routes[i].words, v6);
        buf_puts(out, "]}");
    }
    buf_puts(out, "]");
}

static void show_table(struct buf *out, const char *words, struct command_result *result)
{
    char text[256];
    const char *one = after(words, "rib", text);
    bool v6 = strstr(words, "-a ipv6") != NULL, all = strcmp(one, "-a") == 0;
    buf_puts(out, "{");
    for (uint32_t i = 0; i < gobgpd.n_routes; i++)
        if ((strchr(gobgpd.routes[i].prefix, ':') != NULL) == v6 &&
            (all || strcmp(gobgpd.routes[i].prefix, one) == 0))
            show_route(out, i);
    buf_puts(out, "}");
    if (!all && model_find(one) == gobgpd.n_routes && gobgpd.says_not_in_table) {
        result->status = 1;
        snprintf(result->line, sizeof result->line, "Network not in table");
    }
    if (gobgpd.says) {
        out->n = 0;
        buf_puts(out, gobgpd.says);
    }
    result->too_much = gobgpd.too_much_of && strstr(words, gobgpd.too_much_of);
}

static void change(const char *words, struct command_result *result)
{
    char prefix[256];
    bool add = strstr(words, " rib add ") != NULL;
    after(words, add ? "add" : "del", prefix);
    assert_true((strstr(words, "-a ipv6") != NULL) == (strchr(prefix, ':') != NULL));
    if (gobgpd.refuse && strncmp(prefix, gobgpd.refuse, strlen(gobgpd.refuse)) == 0) {
        result->status = 1;
        snprintf(result->line, sizeof result->line, "error: invalid %.100s", prefix);
    } else if (add) {
        gobgpd.n_added++;
        model_add(prefix, words);
    } else {
        uint32_t i = model_find(prefix);
        gobgpd.n_deleted++;
        if (i < gobgpd.n_routes)
            gobgpd.routes[i] = gobgpd.routes[--gobgpd.n_routes];
    }
}

static void world_command(const struct command_spec *spec, struct command_result *result,
                          struct buf *out)
{
    struct buf words = {0};
    for (const char *const *word = spec->argv; *word; word++)
        buf_printf(&words, " %s", *word);
    buf_puts(&words, " ");
    assert_memory_equal(words.p, " gobgp --target unix:///nowhere/gobgp.sock", 42);
    if (gobgpd.line || gobgpd.error || gobgpd.slow) {
        result->status = 1;
        result->error = gobgpd.error;
        result->timed_out = gobgpd.slow;
        snprintf(result->line, sizeof result->line, "%s", gobgpd.line ? gobgpd.line : "");
    } else if (strstr(words.p, "-j global ") && !strstr(words.p, " rib "))
        buf_printf(out, "{\"asn\": %u}", gobgpd.as);
    else if (strstr(words.p, " neighbor "))
        buf_printf(out, "[{\"state\": {\"session_state\": %d}}]", gobgpd.no_sessions ? 3 : 6);
    else if (strstr(words.p, " summary "))
        buf_printf(out, "{\"num_destination\": %u}", gobgpd.count);
    else if (strstr(words.p, " -j "))
        show_table(out, words.p, result);
    else
        change(words.p, result);
    buf_free(&words);
}

/* --- a driver --- */

static const char *const command[] = {"gobgp", "--target", "unix:///nowhere/gobgp.sock", NULL};

static int begin(void **state)
{
    struct speaker config = {.name = "local",
                             .type = SPEAKER_GOBGP,
                             .command = command,
                             .as = 65001,
                             .timeout_ms = 5000};
    (void)state;
    memset(&gobgpd, 0, sizeof gobgpd);
    gobgpd.as = 65001;
    (void)!ip_parse(&config.next_hop_v6, "fd09::2");
    world_begin(&gobgp_speaker, &config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end();
    return 0;
}

static const char *words_of(const char *prefix)
{
    uint32_t i = model_find(prefix);
    if (i == gobgpd.n_routes)
        fail_msg("no route %s", prefix);
    return gobgpd.routes[i].words;
}

/* --- what is told --- */

static void attributes_are_words_and_replace(void **state)
{
    static const struct large_community large[] = {{{65001, 1, 2}}, {{4294967295u, 0, 7}}};
    (void)state;
    struct announcement *dns = sets_add("dns", "192.0.2.53/32 2001:db8::53/128");
    look_well();
    dns->announced = true;
    set_community(dns, 65001, 53);
    set_community(dns, 65535, 0);
    dns->attributes.large = large;
    dns->attributes.n_large = 2;
    tell_well();
    assert_string_equal(
        words_of("2001:db8::53/128"),
        " gobgp --target unix:///nowhere/gobgp.sock global rib add 2001:db8::53/128 "
        "origin igp nexthop fd09::2 community 65001:53,65535:0 large-community "
        "65001:1:2,4294967295:0:7 -a ipv6 ");
    look_well();
    assert_int_equal(seen_of("192.0.2.53/32")->real, REAL_PRESENT);
    assert_false(seen_of("192.0.2.53/32")->differs);
    assert_false(seen_of("2001:db8::53/128")->differs);
    dns->attributes.prepend = 2;
    dns->attributes.has_med = true;
    look_well();
    assert_true(seen_of("192.0.2.53/32")->differs);
    tell_well();
    assert_string_equal(words_of("192.0.2.53/32"),
                        " gobgp --target unix:///nowhere/gobgp.sock global rib add 192.0.2.53/32 "
                        "origin igp aspath 65001,65001 med 0 community 65001:53,65535:0 "
                        "large-community 65001:1:2,4294967295:0:7 -a ipv4 ");
    assert_int_equal(gobgpd.n_deleted, 0);
    look_well();
    assert_false(seen_of("192.0.2.53/32")->differs);
}

static void what_is_right_is_not_told_again(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32");
    look_well();
    tell_well();
    assert_int_equal(gobgpd.n_added, 1);
    assert_int_equal(gobgpd.n_deleted, 0);
    unsigned n = world.n_commands;
    tell_well();
    assert_int_equal(world.n_commands, n);
    look_well();
    tell_well();
    assert_int_equal(gobgpd.n_added, 1);
    sets.v[0].announced = false;
    tell_well();
    assert_int_equal(gobgpd.n_deleted, 1);
    assert_int_equal(gobgpd.n_routes, 0);
    tell_well();
    assert_int_equal(gobgpd.n_deleted, 1);
}

/* Before it was read, everything is told: what is not to be there is withdrawn. */
static void without_a_look_all_is_told(void **state)
{
    (void)state;
    model_add("192.0.2.2/32", "");
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32");
    tell_well();
    assert_int_equal(gobgpd.n_added, 1);
    assert_int_equal(gobgpd.n_deleted, 1);
    assert_int_equal(model_find("192.0.2.2/32"), 1);
}

static void withdrawals_come_first(void **state)
{
    (void)state;
    model_add("192.0.2.2/32", "");
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32");
    look_well();
    ends.kind = NOTHING;
    gobgp_speaker.apply(driver, &sets.wanted);
    world_step();
    assert_int_equal(gobgpd.n_deleted, 1);
    assert_int_equal(gobgpd.n_added, 0);
    world_run();
}

/* --- what is ours --- */

static void sets_that_are_gone_are_in_the_record(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "2001:db8::2/128")->announced = true;
    look_well();
    assert_string_equal(world.file, "{\"prefixes\": [\"192.0.2.1/32\", \"2001:db8::2/128\"]}\n");
    tell_well();
    model_add("192.0.2.77/32", ""); /* somebody else's */
    open_driver();
    sets_clear();
    sets_add("a", "192.0.2.1/32")->announced = true;
    look_well();
    assert_int_equal(ends.n_routes, 2);
    assert_int_equal(seen_of("2001:db8::2/128")->set, MODEL_NONE);
    assert_int_equal(seen_of("2001:db8::2/128")->real, REAL_PRESENT);
    tell_well();
    assert_int_equal(gobgpd.n_deleted, 1);
    assert_int_equal(gobgpd.n_added, 2);
    look_well();
    assert_int_equal(ends.n_routes, 1);
    assert_string_equal(world.file, "{\"prefixes\": [\"192.0.2.1/32\"]}\n");
    assert_int_not_equal(model_find("192.0.2.77/32"), gobgpd.n_routes);
    unsigned n = world.n_writes;
    look_well();
    assert_int_equal(world.n_writes, n);
}

/* What may come to be with gobgpd is in the record before. */
static void the_record_comes_before_the_route(void **state)
{
    (void)state;
    look_well();
    assert_null(world.file);
    sets_add("a", "192.0.2.1/32")->announced = true;
    ends.kind = NOTHING;
    gobgp_speaker.apply(driver, &sets.wanted);
    world_step();
    assert_string_equal(world.file, "{\"prefixes\": [\"192.0.2.1/32\"]}\n");
    assert_int_equal(gobgpd.n_added, 0);
    world_run();
    assert_int_equal(gobgpd.n_added, 1);
}

static void a_record_that_cannot_be_written_holds_up_nothing(void **state)
{
    (void)state;
    world.write_error = EROFS;
    sets_add("a", "192.0.2.1/32")->announced = true;
    look_well();
    assert_non_null(strstr(ends.note, "cannot be recorded"));
    tell_well();
    assert_int_equal(gobgpd.n_added, 1);
    world.write_error = 0;
    look_well();
    assert_string_equal(ends.note, "");
}

static void a_damaged_record_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"prefixes\": [1]}",
                                        "{\"prefixes\": [\"192.0.2.9/32\", \"x\"]}",
                                        "{\"prefixes\": \"192.0.2.9/32\"}"};
    (void)state;
    model_add("192.0.2.9/32", "");
    sets_add("a", "192.0.2.1/32");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        world_set_file(texts[i]);
        open_driver();
        look_well();
        assert_int_equal(ends.n_routes, 1);
    }
    world.read_error = EFBIG;
    open_driver();
    look_well();
    assert_string_equal(ends.note, "");
    assert_string_equal(world.file, "{\"prefixes\": [\"192.0.2.1/32\"]}\n");
}

/* What it has of sets of before would be lost by a file that is written anew. */
static void a_record_that_cannot_be_read_is_read_again(void **state)
{
    static const char record[] = "{\"prefixes\": [\"192.0.2.9/32\"]}\n";
    (void)state;
    model_add("192.0.2.9/32", "");
    world_set_file(record);
    world.read_error = EIO;
    sets_add("a", "192.0.2.1/32")->announced = true;
    look_well();
    assert_non_null(strstr(ends.note, "cannot be read"));
    assert_int_equal(ends.n_routes, 1);
    tell_well();
    assert_int_equal(gobgpd.n_added, 1);
    assert_string_equal(world.file, record);
    world.read_error = 0;
    look_well();
    assert_string_equal(ends.note, "");
    assert_int_equal(seen_of("192.0.2.9/32")->set, MODEL_NONE);
    tell_well();
    assert_int_equal(model_find("192.0.2.9/32"), gobgpd.n_routes);
    look_well();
    assert_string_equal(world.file, "{\"prefixes\": [\"192.0.2.1/32\"]}\n");
    world.read_error = EIO;
    look_well();
    assert_string_equal(ends.note, "");
}

static void without_a_state_directory_it_works(void **state)
{
    (void)state;
    host.state_dir = NULL;
    open_driver();
    sets_add("a", "192.0.2.1/32")->announced = true;
    look_well();
    tell_well();
    assert_null(world.file);
    assert_int_equal(gobgpd.n_added, 1);
}

/* --- what is there --- */

static void routes_of_neighbours_are_not_ours(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32");
    sets_add("b", "192.0.2.2/32");
    model_add("192.0.2.1/32", "");
    model_add("192.0.2.2/32", "");
    gobgpd.routes[0].learnt = true;
    gobgpd.routes[1].beaten = true;
    look_well();
    assert_int_equal(seen_of("192.0.2.1/32")->real, REAL_ABSENT);
    assert_false(seen_of("192.0.2.1/32")->differs);
    assert_int_equal(seen_of("192.0.2.2/32")->real, REAL_ABSENT);
    assert_true(seen_of("192.0.2.2/32")->differs);
    assert_non_null(strstr(ends.note, "192.0.2.2/32 is not announced"));
}

static void a_restart_is_seen(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    look_well();
    tell_well();
    look_well();
    assert_false(ends.restarted);
    gobgpd.n_routes = 0;
    look_well();
    assert_true(ends.restarted);
    tell_well();
    assert_int_equal(gobgpd.n_added, 2);
    sets.v[0].announced = false;
    tell_well();
    look_well();
    assert_false(ends.restarted);
}

static void many_prefixes_are_asked_for_together(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 192.0.2.4/32")->announced = true;
    gobgpd.count = 20000;
    look_well();
    assert_int_equal(world.n_commands, 4); /* global, neighbor, summary, the table */
    gobgpd.count = 20001;
    world.n_commands = 0;
    look_well();
    assert_int_equal(world.n_commands, 3 + 4);
    gobgpd.says_not_in_table = true;
    look_well();
    tell_well();
    look_well();
    assert_int_equal(seen_of("192.0.2.4/32")->real, REAL_PRESENT);
}

/* A path may have kilobytes of communities, so that no number of prefixes tells how much it is. */
static void of_a_table_that_is_too_much_ours_are_asked_for(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 192.0.2.4/32")->announced = true;
    sets_add("b", "2001:db8::1/128")->announced = true;
    gobgpd.too_much_of = " rib -a ";
    gobgpd.says_not_in_table = true;
    look_well();
    assert_int_equal(world.n_commands, 2 + 2 + 5);
    assert_int_equal(seen_of("192.0.2.4/32")->real, REAL_ABSENT);
    tell_well();
    look_well();
    assert_int_equal(ends.n_routes, 5);
    for (size_t i = 0; i < ends.n_routes; i++)
        assert_int_equal(ends.routes[i].real, REAL_PRESENT);
    gobgpd.too_much_of = " rib ";
    world.n_commands = 0;
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "gobgp");
    assert_int_equal(world.n_commands, 2 + 2); /* it ended by the one of b */
}

static void no_session_is_noted(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32");
    gobgpd.no_sessions = true;
    look_well();
    assert_non_null(strstr(ends.note, "no session"));
}

/* --- errors --- */

static void errors_say_what_to_do(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    gobgpd.line = "context deadline exceeded";
    look();
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "--api-hosts");
    assert_non_null(strstr(ends.text, "/nowhere/gobgp.sock"));
    tell();
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "does gobgpd run");
    gobgpd.line = NULL;
    gobgpd.error = ENOENT;
    look();
    expect_failed(SPEAKER_ERROR_UNREACHABLE, "install gobgpd");
    gobgpd.error = EACCES;
    look();
    expect_failed(SPEAKER_ERROR_DENIED, "gobgp");
    gobgpd.error = 0;
    gobgpd.slow = true;
    look();
    expect_failed(SPEAKER_ERROR_TIMEOUT, "gobgp");
    gobgpd.slow = false;
    gobgpd.as = 65009;
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "AS 65009");
    gobgpd.as = 0;
    look();
    expect_failed(SPEAKER_ERROR_REJECTED, "not set up");
}

static void one_that_is_refused_does_not_keep_back_others(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32")->announced = true;
    sets_add("b", "192.0.2.2/32")->announced = true;
    look_well();
    gobgpd.refuse = "192.0.2.1/32";
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "invalid 192.0.2.1/32");
    assert_int_equal(gobgpd.n_routes, 1);
    gobgpd.refuse = NULL;
    tell_well();
    assert_int_equal(gobgpd.n_routes, 2);
    assert_int_equal(gobgpd.n_added, 3); /* after a failure it is not known what it has */
    gobgpd.n_routes = 0;
    look_well();
    gobgpd.refuse = "192.0.2.";
    tell();
    expect_failed(SPEAKER_ERROR_REJECTED, "invalid 192.0.2.1/32");
}

static void nobody_is_asked_twice_in_vain(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32 192.0.2.2/32")->announced = true;
    look_well();
    gobgpd.slow = true;
    world.n_commands = 0;
    tell();
    expect_failed(SPEAKER_ERROR_TIMEOUT, "gobgp");
    assert_int_equal(world.n_commands, 1);
}

static void other_words_are_refused(void **state)
{
    static const char *const texts[] = {"", "[]", "Network  Next Hop", "{\"error\": \"x\"}",
                                        "{\"nonsense\": []}"};
    (void)state;
    sets_add("a", "192.0.2.1/32");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gobgpd.says = texts[i];
        look();
        expect_failed(SPEAKER_ERROR_REJECTED, "words that are not known");
    }
}

/* --- the will --- */

static void the_will_is_a_command_a_prefix(void **state)
{
    struct last_will will = {0};
    (void)state;
    sets_add("a", "192.0.2.1/32 2001:db8::1/128")->announced = true;
    sets_add("b", "192.0.2.2/32");
    sets_add("c", "192.0.2.3/32")->announced = true;
    gobgp_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.socket);
    assert_string_equal(will.argv[0], "gobgp");
    assert_string_equal(will.argv[6], "192.0.2.1/32");
    assert_string_equal(will.argv[5], "del");
    assert_string_equal(will.then[0][6], "2001:db8::1/128");
    assert_string_equal(will.then[0][8], "ipv6");
    assert_null(will.then[0][9]);
    assert_string_equal(will.then[1][6], "192.0.2.3/32");
    assert_null(will.then[2]);
    will = (struct last_will){0};
    sets.v[0].announced = sets.v[2].announced = false;
    gobgp_speaker.will(driver, &sets.wanted, &will);
    assert_null(will.argv);
}

static void a_driver_may_be_closed_while_it_waits(void **state)
{
    (void)state;
    sets_add("a", "192.0.2.1/32");
    ends.kind = NOTHING;
    gobgp_speaker.observe(driver, &sets.wanted);
    world_step(); /* the record */
    open_driver();
    assert_int_equal(world.n_cancelled, 1);
    assert_int_equal(ends.kind, NOTHING);
}

static void the_socket_is_where_the_command_says(void **state)
{
    static const char *const joined[] = {"gobgp", "--target=unix:///a/b", NULL};
    static const char *const other[] = {"gobgp", "--target", "localhost:1", NULL};
    static const char *const cut[] = {"gobgp", "--target", NULL};
    static const char *const longer[] = {"gobgp", "--targets", "unix:///x", NULL};
    (void)state;
    assert_string_equal(gobgp_socket(command), "/nowhere/gobgp.sock");
    assert_string_equal(gobgp_socket(joined), "/a/b");
    assert_null(gobgp_socket(other));
    assert_null(gobgp_socket(cut));
    assert_null(gobgp_socket(longer));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attributes_are_words_and_replace),
        TEST(what_is_right_is_not_told_again),
        TEST(without_a_look_all_is_told),
        TEST(withdrawals_come_first),
        TEST(sets_that_are_gone_are_in_the_record),
        TEST(the_record_comes_before_the_route),
        TEST(a_record_that_cannot_be_written_holds_up_nothing),
        TEST(a_damaged_record_is_none),
        TEST(a_record_that_cannot_be_read_is_read_again),
        TEST(without_a_state_directory_it_works),
        TEST(routes_of_neighbours_are_not_ours),
        TEST(a_restart_is_seen),
        TEST(many_prefixes_are_asked_for_together),
        TEST(of_a_table_that_is_too_much_ours_are_asked_for),
        TEST(no_session_is_noted),
        TEST(errors_say_what_to_do),
        TEST(one_that_is_refused_does_not_keep_back_others),
        TEST(nobody_is_asked_twice_in_vain),
        TEST(other_words_are_refused),
        TEST(the_will_is_a_command_a_prefix),
        TEST(a_driver_may_be_closed_while_it_waits),
        TEST(the_socket_is_where_the_command_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
