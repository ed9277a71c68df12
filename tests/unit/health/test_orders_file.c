/* SPDX-License-Identifier: Apache-2.0
 * The file of orders: round trips, earlier and later formats, and every way in which it can be
 * bad. */
#include "health/orders_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char path[] = "/tmp/test-orders-file-XXXXXX";

static int open_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

/* The list then owns it. */
static struct order *add(struct orders *orders, const char *target, const char *reason)
{
    struct order *o = order_new();
    snprintf(orders->node, sizeof orders->node, "n");
    snprintf(o->node, sizeof o->node, "n");
    o->number = ++orders->last_number;
    o->time_ms = orders->seen_ms + 1000;
    o->set_ms = 1000;
    order_set_words(o, "alice (uid 1000)", reason);
    assert_int_equal(target_parse(&o->target, target), 0);
    assert_true(orders_add(orders, o));
    return o;
}

static int load(struct orders *orders, struct buf *problem)
{
    *orders = (struct orders){.node = "n"};
    return orders_load(orders, path, problem);
}

static bool file_has(const char *text)
{
    struct arena *arena = arena_new();
    struct slice content;
    assert_int_equal(file_read_own(&content, arena, path, 1 << 20), 0);
    bool has = memmem(content.p, content.n, text, strlen(text)) != NULL;
    arena_free(arena);
    return has;
}

static void add_anchor(struct order *o, const char *pool, const char *site, const char *address)
{
    o->anchors = xrealloc(o->anchors, (o->n_anchors + 1) * sizeof *o->anchors);
    o->anchors[o->n_anchors++] = (struct anchor){xstrdup(pool), xstrdup(site), xstrdup(address)};
}

static void fill(struct orders *orders)
{
    struct order *o = add(orders, "ams", "quote \" and \\ and \xc3\xa9");
    o->override = OVERRIDE_DRAIN;
    add_anchor(o, "www", "ams", "192.0.2.1");
    add_anchor(o, "cdn", "ams", "x.example.net");
    o = add(orders, "www/ams/1", "");
    o->override = OVERRIDE_AUTO;
    o->moved_ms = 77;
    o = add(orders, "www/*", "");
    o->kind = ORDER_WEIGHT;
    o->weight = 0;
    o->until_ms = 5000;
    snprintf(o->node, sizeof o->node, "other");
    o = add(orders, "www/x", "");
    o->kind = ORDER_WEIGHT;
    o->weight = ORDER_AUTO_WEIGHT;
    orders_end(orders, 3, ORDER_EXPIRED, 4711);
    orders->sites = xcalloc(3, sizeof *orders->sites);
    orders->sites[orders->n_sites++] = xstrdup("ams");
    orders->sites[orders->n_sites++] = xstrdup("iad");
}

static bool same_order(const struct order *a, const struct order *b)
{
    bool same = order_compare(a, b) == 0 && order_equal(a, b) && a->set_ms == b->set_ms &&
                a->end == b->end && a->ended_ms == b->ended_ms && a->moved_ms == b->moved_ms &&
                a->n_anchors == b->n_anchors && strcmp(a->author, b->author) == 0;
    for (uint32_t i = 0; same && i < a->n_anchors; i++)
        same = strcmp(a->anchors[i].pool, b->anchors[i].pool) == 0 &&
               strcmp(a->anchors[i].site, b->anchors[i].site) == 0 &&
               strcmp(a->anchors[i].address, b->anchors[i].address) == 0;
    return same;
}

static bool same_list(const struct orders *a, const struct orders *b)
{
    bool same = a->n == b->n && a->n_ended == b->n_ended && a->n_sites == b->n_sites &&
                a->seen_ms == b->seen_ms && a->last_number == b->last_number;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = same_order(a->v[i], b->v[i]);
    for (uint32_t i = 0; same && i < a->n_ended; i++)
        same = same_order(a->ended[i], b->ended[i]);
    for (uint32_t i = 0; same && i < a->n_sites; i++)
        same = strcmp(a->sites[i], b->sites[i]) == 0;
    return same;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct orders orders = {0}, back;
    struct buf problem = {0};
    fill(&orders);
    assert_int_equal(orders.n, 3);
    assert_int_equal(orders.n_ended, 1);
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(load(&back, &problem), 0);
    assert_true(same_list(&orders, &back));
    orders_free(&back);
    /* What is in memory only is not in the file. */
    add(&orders, "iad", "")->is_volatile = true;
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(load(&back, &problem), 0);
    assert_int_equal(back.n, 3);
    assert_int_equal(back.last_number, 5);
    orders_free(&orders);
    orders_free(&back);
    buf_free(&problem);
}

/* A node that is called something else keeps whose orders these were. */
static void test_another_name(void **state)
{
    (void)state;
    struct orders orders = {0}, back = {.node = "m"};
    struct buf problem = {0};
    char id[ORDER_ID_MAX];
    fill(&orders);
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(orders_load(&back, path, &problem), 0);
    assert_string_equal(back.node, "m");
    assert_string_equal(order_id_text(id, &back, back.v[0]), "@n-1");
    orders_free(&orders);
    orders_free(&back);
}

#define RULES(rules) "{\"format\": 1, \"rules\": [" rules "]}"
#define AMS(rest) RULES("{\"target\": \"ams\", \"set_ms\": 1, " rest "}")
#define UP "\"state\": \"up\""

/* What a damaged file may say, and what is said of it. */
static const struct {
    const char *text, *problem;
} bad_rules[] = {
    {"", ":1:0: not JSON"},
    {"{", ":1:1: not JSON"},
    {"[]", "\"format\" is not a number"},
    {"null", "not JSON"},
    {"{}", "\"format\" is not a number"},
    {"\xff\xfe", "not JSON"},
    {"{\"format\": \"1\", \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 1.0, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 0, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": -1, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 2, \"rules\": []}", "checksum"},
    {"{\"format\": 3, \"rules\": []}", "checksum"},
    {"{\"format\": 9223372036854775807, \"rules\": []}", "checksum"},
    {"{\"format\": 9223372036854775808, \"rules\": []}", "not JSON"},
    {"{\"format\": 2, \"rules\": [], \"sha256\": 5}", "checksum"},
    {"{\"format\": 2, \"rules\": [], \"sha256\": \"\"}", "checksum"},
    {"{\"format\": 1, \"rules\": [], \"sha256\": \"00\"}", "checksum"},
    {"{\"format\": 1}", "\"rules\" is not a list"},
    {"{\"format\": 1, \"rules\": {}}", "\"rules\" is not a list"},
    {"{\"format\": 1, \"rules\": [], \"rules\": []}", "not JSON"},
    {"{\"format\": 1, \"rules\": []} tail", "not JSON"},
    {RULES("1"), "rule 1 has no valid state or weight"},
    {RULES("{}"), "rule 1 has no valid state or weight"},
    {RULES("{\"target\": \"ams\"}"), "no valid state or weight"},
    {AMS("\"state\": \"sideways\""), "no valid state or weight"},
    {AMS("\"announce\": \"drain\""), "rule 1 orders what its target cannot be ordered"},
    {RULES("{\"target\": \"anycast:dns\", \"state\": \"drain\", \"set_ms\": 0}"),
     "orders what its target cannot be ordered"},
    {RULES("{\"target\": \"anycast:dns\", \"announce\": \"up\", \"set_ms\": 0}"),
     "no valid announce"},
    {RULES("{\"target\": \"anycast:dns\", \"announce\": 1, \"set_ms\": 0}"), "no valid announce"},
    {RULES(
         "{\"target\": \"anycast:dns\", \"announce\": \"drain\", \"forced\": true, \"set_ms\": 0}"),
     "is forced, and no announcement"},
    {AMS("\"state\": 1"), "no valid state or weight"},
    {AMS(UP ", \"weight\": 1"), "no valid state or weight"},
    {AMS("\"weight\": \"1\""), "no valid state or weight"},
    {AMS("\"weight\": 1.5"), "no valid state or weight"},
    {AMS("\"weight\": -1"), "no valid state or weight"},
    {AMS("\"weight\": -2"), "no valid state or weight"},
    {AMS("\"weight\": 1000001"), "no valid state or weight"},
    {AMS("\"weight\": 9223372036854775807"), "no valid state or weight"},
    {RULES("{\"target\": \"\", \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": 5, \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": \"a//b\", \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": \"ams\", " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": -1, " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 1.0, " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 253402300800000, " UP "}"), "no valid set_ms"},
    {AMS(UP ", \"until_ms\": \"never\""), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": null"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 1e3"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": true"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": -1"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 253402300800000"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 9223372036854775807"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 92233720368547758070"), "not JSON"},
    {AMS(UP ", \"reason\": 5"), "a reason that is no text"},
    {AMS(UP ", \"reason\": null"), "a reason that is no text"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 1, " UP "}, {\"target\": 5}"), "rule 2 "},
};

static void test_bad_rules_are_refused_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_rules); i++) {
        struct orders orders = {0};
        struct buf problem = {0};
        put(bad_rules[i].text);
        if (load(&orders, &problem) != E_SYNTAX)
            fail_msg("accepted: %s", bad_rules[i].text);
        assert_int_equal(strncmp(problem.p, path, strlen(path)), 0);
        if (!strstr(problem.p, bad_rules[i].problem))
            fail_msg("%s: %s", bad_rules[i].text, problem.p);
        assert_int_equal(orders.n, 0);
        orders_free(&orders);
        buf_free(&problem);
    }
}

/* The format before checksums, as that version wrote it. */
static void test_format_1_is_read(void **state)
{
    struct orders orders = {0};
    struct buf problem = {0};
    (void)state;
    put("{\n  \"format\": 1,\n  \"rules\": [\n    {\"target\": \"www/ams\", \"state\": \"drain\", "
        "\"set_ms\": 0, \"until_ms\": 253402300799999, \"reason\": \"disk\"},\n"
        "    {\"target\": \"iad\", \"weight\": 1000000, \"set_ms\": 5},\n"
        "    {\"target\": \"www/iad/a\", \"weight\": null, \"set_ms\": 6}]}");
    assert_int_equal(load(&orders, &problem), 0);
    assert_int_equal(orders.n, 3);
    assert_int_equal(orders.v[0]->override, OVERRIDE_DRAIN);
    assert_int_equal(orders.v[0]->until_ms, ORDER_TIME_MAX_MS);
    assert_string_equal(orders.v[0]->reason, "disk");
    assert_int_equal(orders.v[1]->weight, 1000000);
    assert_int_equal(orders.v[1]->until_ms, INT64_MAX);
    assert_int_equal(orders.v[2]->weight, ORDER_AUTO_WEIGHT);
    orders_free(&orders);
}

/* Versions that know no prefix sets read what has none. */
static void test_orders_on_prefix_sets(void **state)
{
    struct orders orders = {0}, back;
    struct buf problem = {0};
    (void)state;
    add(&orders, "ams", "")->override = OVERRIDE_DRAIN;
    assert_int_equal(orders_save(&orders, path), 0);
    assert_true(file_has("\"format\": 3"));
    struct order *o = add(&orders, "anycast:dns", "");
    o->kind = ORDER_ANNOUNCE;
    o->announce = ANNOUNCE_YES;
    o->forced = true;
    o = add(&orders, "anycast:*", "");
    o->kind = ORDER_ANNOUNCE;
    assert_int_equal(orders_save(&orders, path), 0);
    assert_true(file_has("\"format\": 4"));
    assert_int_equal(load(&back, &problem), 0);
    assert_true(orders_equal(&orders, &back));
    assert_true(back.v[1]->forced && back.v[1]->announce == ANNOUNCE_YES);
    assert_true(order_is_auto(back.v[2]) && back.v[2]->kind == ORDER_ANNOUNCE);
    orders_free(&back);
    orders_end(&orders, 1, ORDER_REMOVED, 5);
    orders_end(&orders, 1, ORDER_REMOVED, 5);
    assert_int_equal(orders_save(&orders, path), 0);
    assert_true(file_has("\"format\": 4")); /* one that ended is there as well */
    orders_free(&orders);
}

/* A later version's file is no damage: its checksum says that it is as it was written. */
static void test_a_later_format_is_told_apart(void **state)
{
    static const char rest[] = "{\"format\":5,\"layers\":[],\"orders\":{}}";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct orders orders = {0};
    struct buf text = {0}, problem = {0};
    (void)state;
    SHA256((const uint8_t *)rest, strlen(rest), digest);
    buf_puts(&text, "{\"orders\": {}, \"layers\": [], \"format\": 5, \"sha256\": \"");
    for (size_t i = 0; i < sizeof digest; i++)
        buf_printf(&text, "%02x", digest[i]);
    buf_puts(&text, "\"}");
    put(text.p);
    assert_int_equal(load(&orders, &problem), E_INVALID);
    assert_non_null(strstr(problem.p, "written by a later version, in format 5; this one knows 4"));
    buf_free(&text);
    buf_free(&problem);
}

/* Any byte that is not what was written: the file is refused, or says the same all the same. */
static void test_every_changed_byte_is_noticed(void **state)
{
    static const uint8_t other[] = {0, '0', '9', ' ', '"', '}', ',', 'A'};
    struct orders orders = {0};
    struct arena *arena = arena_new();
    struct slice text;
    unsigned n_refused = 0;
    (void)state;
    fill(&orders);
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(file_read(&text, arena, path, 65536), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (uint32_t at = 0; at < text.n; at++) {
        for (unsigned k = 0; k < 8 + ARRAY_LEN(other); k++) {
            uint8_t byte = k < 8 ? (uint8_t)(text.p[at] ^ 1u << k) : other[k - 8];
            struct orders back;
            struct buf problem = {0};
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
            int code = load(&back, &problem);
            if (code != 0)
                assert_int_equal(code, E_SYNTAX);
            else if (!same_list(&back, &orders))
                fail_msg("byte %u as %u: other orders", at, byte);
            n_refused += code != 0;
            orders_free(&back);
            buf_free(&problem);
        }
        assert_int_equal(pwrite(fd, &text.p[at], 1, at), 1);
    }
    close(fd);
    assert_true(n_refused > 12 * text.n);
    orders_free(&orders);
    arena_free(arena);
}

/* Whatever `set` takes is taken at the next start. */
static void test_the_longest_target_comes_back(void **state)
{
    char text[TARGET_MAX + 2];
    struct orders orders = {0}, back;
    struct target target;
    struct buf problem = {0};
    (void)state;
    memset(text, 'a', sizeof text);
    text[TARGET_MAX + 1] = '\0';
    assert_int_equal(target_parse(&target, text), E_SYNTAX);
    text[TARGET_MAX] = '\0';
    (void)add(&orders, text, "");
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(load(&back, &problem), 0);
    assert_true(orders_equal(&orders, &back));
    orders_free(&orders);
    orders_free(&back);
}

/* A file cut off anywhere is not taken for a shorter one. */
static void test_truncated_rules_are_refused(void **state)
{
    (void)state;
    struct orders orders = {0};
    struct arena *arena = arena_new();
    struct slice text;
    fill(&orders);
    assert_int_equal(orders_save(&orders, path), 0);
    assert_int_equal(file_read(&text, arena, path, 65536), 0);
    orders_free(&orders);
    for (uint32_t n = 0; n < text.n; n++) {
        struct buf problem = {0};
        assert_int_equal(file_replace(path, text.p, n, 0600), 0);
        assert_int_equal(load(&orders, &problem), E_SYNTAX);
        buf_free(&problem);
    }
    arena_free(arena);
}

static void test_missing_and_unreadable(void **state)
{
    (void)state;
    struct orders orders = {0};
    struct buf problem = {0};
    assert_int_equal(orders_load(&orders, "/nonexistent/overrides.json", &problem), 0);
    assert_int_equal(problem.n, 0);
    assert_int_equal(orders_load(&orders, "/tmp", &problem), E_SYSTEM);
    assert_non_null(strstr(problem.p, "/tmp: cannot be read: "));
    buf_free(&problem);
    assert_int_equal(orders_save(&orders, "/nonexistent/overrides.json"), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

/* The parts of format 3, each wrong in its own way; the checksum is made to fit. */
#define HEAD "\"last_number\": 1, \"seen_ms\": 1, \"sites\": [], "
#define NODE "\"node\": \"n\", "
#define WORDS "\"target\": \"ams\", \"set_ms\": 1, " UP ", "
#define PLACE "\"number\": 1, \"time_ms\": 1"
#define LISTS(orders, ended) "\"orders\": [" orders "], \"ended\": [" ended "]"

static const struct {
    const char *text, *problem; /* NULL: good */
} format_3[] = {
    {NODE HEAD LISTS("", ""), NULL},
    {NODE HEAD LISTS("{" WORDS PLACE "}", ""), NULL},
    {HEAD LISTS("", ""), "no valid node"},
    {"\"node\": \"\", " HEAD LISTS("", ""), "no valid node"},
    {"\"node\": 5, " HEAD LISTS("", ""), "no valid node"},
    {NODE "\"last_number\": -1, \"seen_ms\": 1, \"sites\": [], " LISTS("", ""), "last_number"},
    {NODE "\"last_number\": 1, \"seen_ms\": -1, \"sites\": [], " LISTS("", ""), "seen_ms"},
    {NODE "\"last_number\": 1, \"seen_ms\": 1, \"sites\": {}, " LISTS("", ""), "\"sites\""},
    {NODE "\"last_number\": 1, \"seen_ms\": 1, \"sites\": [1], " LISTS("", ""), "\"sites\""},
    {NODE HEAD "\"ended\": []", "\"orders\" is not a list"},
    {NODE HEAD "\"orders\": []", "\"ended\" is not a list"},
    {NODE HEAD LISTS("{" PLACE "}", ""), "order 1 has no valid state"},
    {NODE HEAD LISTS("{" WORDS "\"number\": 0, \"time_ms\": 1}", ""), "no valid number"},
    {NODE HEAD LISTS("{" WORDS "\"number\": 1}", ""), "no valid time_ms"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"node\": \"\"}", ""), "no valid node"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"moved_ms\": -1}", ""), "moved_ms"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"by\": 5}", ""), "an author that is no text"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"at\": 5}", ""), "\"at\" that is no list"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"at\": [[\"a\", \"b\"]]}", ""), "\"at\" that is no list"},
    {NODE HEAD LISTS("{" WORDS PLACE ", \"at\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", ""),
     "\"at\" that is no list"},
    {NODE HEAD LISTS("{" WORDS PLACE "}, {" WORDS PLACE "}", ""), "order 2 is there twice"},
    {NODE HEAD LISTS("{" WORDS PLACE "}",
                     "{" WORDS PLACE ", \"end\": \"removed\", \"ended_ms\": 1}"),
     "ended order 1 is there twice"},
    {NODE HEAD LISTS("", "{" WORDS PLACE ", \"end\": \"live\", \"ended_ms\": 1}"), "no valid end"},
    {NODE HEAD LISTS("", "{" WORDS PLACE ", \"end\": \"removed\"}"), "no valid end"},
    {NODE HEAD LISTS("", "{" WORDS PLACE ", \"end\": \"removed\", \"ended_ms\": 1}"), NULL},
};

static void put_format_3(const char *members)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct buf text = {0};
    buf_printf(&text, "{%s, \"format\": 3}", members);
    json_t *object = json_loads(text.p, 0, NULL);
    assert_non_null(object);
    char *canonical = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    SHA256((const uint8_t *)canonical, strlen(canonical), digest);
    free(canonical);
    json_decref(object);
    text.p[--text.n] = '\0';
    buf_puts(&text, ", \"sha256\": \"");
    for (size_t i = 0; i < sizeof digest; i++)
        buf_printf(&text, "%02x", digest[i]);
    buf_puts(&text, "\"}");
    put(text.p);
    buf_free(&text);
}

static void test_format_3(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(format_3); i++) {
        struct orders orders;
        struct buf problem = {0};
        put_format_3(format_3[i].text);
        int code = load(&orders, &problem);
        if (code != (format_3[i].problem ? E_SYNTAX : 0) ||
            (code && !strstr(problem.p, format_3[i].problem)))
            fail_msg("%s: %s", format_3[i].text, problem.n ? problem.p : "accepted");
        assert_true(code == 0 || (orders.n == 0 && orders.n_ended == 0));
        assert_string_equal(orders.node, "n");
        orders_free(&orders);
        buf_free(&problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_another_name),
        cmocka_unit_test(test_bad_rules_are_refused_whole),
        cmocka_unit_test(test_format_1_is_read),
        cmocka_unit_test(test_orders_on_prefix_sets),
        cmocka_unit_test(test_a_later_format_is_told_apart),
        cmocka_unit_test(test_every_changed_byte_is_noticed),
        cmocka_unit_test(test_the_longest_target_comes_back),
        cmocka_unit_test(test_truncated_rules_are_refused),
        cmocka_unit_test(test_missing_and_unreadable),
        cmocka_unit_test(test_format_3),
    };
    return cmocka_run_group_tests(tests, open_file, remove_file);
}
