/* SPDX-License-Identifier: Apache-2.0 */
#include "tier/eds.h"
#include "tier/json.h"
#include "tier/wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define SAME_MILLISECOND 1700000000000

static const struct tier config = {.envoy = {.cluster = "web\"}],\n<"}};

static const struct tier_member members[] = {
    {.key = "www/ams/a", .site = "ams", .name = "ams-a"},
    {.key = "www/ams/b", .site = "ams", .name = "ams-b"},
    {.key = "www/iad/c", .site = "iad", .name = "iad-c"},
};

static const struct tier_spec spec = {.config = &config,
                                      .name = "edge",
                                      .pool = "www",
                                      .site = "",
                                      .weight_max = 1,
                                      .members = members,
                                      .n_members = ARRAY_LEN(members)};

static struct tier_row *add_row(struct tier_table *table, const char *addr, uint32_t member,
                                struct serving target)
{
    struct tier_row *row = vec_push(&table->rows);
    assert_int_equal(ip_parse(&row->addr, addr), 0);
    row->port = 8080;
    row->member = member;
    row->target = target;
    snprintf(row->name, sizeof row->name, "%s", member < 3 ? members[member].name : "gone");
    return row;
}

/** What each target looks like: status, weight, and how it is read back. */
static void every_state_has_its_status(void **state)
{
    static const struct {
        struct serving target;
        const char *status;
        int weight;
        struct serving seen;
    } rows[] = {
        {{SERVES_READY, 100}, "HEALTHY", 100, {SERVES_READY, 100}},
        {{SERVES_READY, 1}, "HEALTHY", 1, {SERVES_READY, 1}},
        {{SERVES_READY, 256}, "HEALTHY", 256, {SERVES_READY, 256}},
        {{SERVES_READY, 0}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_DRAIN, 0}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_DRAIN, 100}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_GONE, 0}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_UNKNOWN, 0}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_UNKNOWN, 50}, "DRAINING", 1, {SERVES_DRAIN, 0}},
        {{SERVES_DOWN, 0}, "UNHEALTHY", 1, {SERVES_DOWN, 0}},
        {{SERVES_DOWN, 100}, "UNHEALTHY", 1, {SERVES_DOWN, 0}},
        {{SERVES_MAINT, 0}, "UNHEALTHY", 1, {SERVES_DOWN, 0}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tier_table table = {0};
        struct buf out = {0};
        struct eds_seen seen;
        char error[128], expected[96];
        add_row(&table, "192.0.2.1", 0, rows[i].target);
        eds_render(&out, &spec, &table, "n1", 7);
        snprintf(expected, sizeof expected,
                 "\"health_status\":\"%s\",\"load_balancing_weight\":%d,", rows[i].status,
                 rows[i].weight);
        assert_non_null(strstr(out.p, expected));
        assert_int_equal(eds_read(&seen, slice_of(out.p, out.n), error), 0);
        assert_int_equal(seen.members.n, 1);
        assert_int_equal(seen.members.v[0].serving.serves, rows[i].seen.serves);
        assert_int_equal(seen.members.v[0].serving.weight, rows[i].seen.weight);
        eds_seen_free(&seen);
        buf_free(&out);
        vec_free(&table.rows);
    }
}

/** Sites are localities with the sums of their weights; what has left has none. */
static void sites_are_localities(void **state)
{
    struct tier_table table = {0};
    struct buf out = {0};
    (void)state;
    add_row(&table, "192.0.2.1", 0, (struct serving){SERVES_READY, 100});
    add_row(&table, "192.0.2.2", 1, (struct serving){SERVES_DOWN, 0});
    add_row(&table, "2001:db8::3", 2, (struct serving){SERVES_READY, 20});
    add_row(&table, "192.0.2.4", MODEL_NONE, (struct serving){SERVES_GONE, 0});
    eds_render(&out, &spec, &table, "n1", 7);
    json_t *document = json_loads(out.p, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    json_t *assignment = json_array_get(json_object_get(document, "resources"), 0);
    assert_string_equal(tier_json_get(assignment, "cluster_name"), config.envoy.cluster);
    static const struct {
        const char *zone;
        int weight, n;
    } expected[] = {{"ams", 101, 2}, {"iad", 20, 1}, {"", 1, 1}};
    json_t *localities = json_object_get(assignment, "endpoints");
    assert_int_equal(json_array_size(localities), ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        json_t *locality = json_array_get(localities, i);
        assert_string_equal(tier_json_get(json_object_get(locality, "locality"), "zone"),
                            expected[i].zone);
        assert_int_equal(json_integer_value(json_object_get(locality, "load_balancing_weight")),
                         expected[i].weight);
        assert_int_equal(json_array_size(json_object_get(locality, "lb_endpoints")), expected[i].n);
    }
    json_decref(document);
    buf_free(&out);
    vec_free(&table.rows);
}

static void a_text_says_who_wrote_it(void **state)
{
    struct tier_table table = {0};
    struct buf out = {0};
    struct eds_seen seen;
    char error[128];
    (void)state;
    add_row(&table, "192.0.2.1", 0, (struct serving){SERVES_READY, 100});
    add_row(&table, "2001:db8::3", 2, (struct serving){SERVES_READY, 20});
    eds_render(&out, &spec, &table, "n1", 1700000000123);
    assert_int_equal(out.p[out.n - 1], '\n');
    assert_int_equal(eds_read(&seen, slice_of(out.p, out.n), error), 0);
    assert_string_equal(seen.node, "n1");
    assert_true(seen.version == 1700000000123);
    assert_int_equal(seen.members.n, 2);
    assert_true(ip_equal(&seen.members.v[1].addr, &table.rows.v[1].addr));
    assert_int_equal(seen.members.v[1].port, 8080);
    assert_true(seen.members.v[1].active == -1);
    eds_seen_free(&seen);
    buf_free(&out);
    vec_free(&table.rows);
}

/** Of others' texts: whether they can be read, whose they are, and how many members they have. */
static void texts_of_others(void **state)
{
#define ASSIGNMENT(endpoints)                                                                 \
    "\"resources\":[{\"@type\":\"" EDS_TYPE "\",\"endpoints\":[{\"lb_endpoints\":[" endpoints \
    "]}]}]}"
#define ENDPOINT(address, port, status, weight)                              \
    "{\"health_status\":\"" status "\",\"load_balancing_weight\":" weight    \
    ",\"endpoint\":{\"address\":{\"socket_address\":{\"address\":\"" address \
    "\",\"port_value\":" port "}}}}"
    static const struct {
        const char *text;
        int n; /* members; -1: cannot be read */
        const char *node;
        uint64_t version;
    } rows[] = {
        {"", -1, "", 0},
        {"[]", -1, "", 0},
        {"{}", -1, "", 0},
        {"{\"resources\":[]}", -1, "", 0},
        {"{\"resources\":{}}", -1, "", 0},
        {"{\"resources\":[{\"@type\":\"type.googleapis.com/envoy.config.cluster.v3.Cluster\"}]}",
         -1, "", 0},
        {"{" ASSIGNMENT(""), 0, "", 0},
        {"{" ASSIGNMENT("") "x", -1, "", 0},
        {"{\"version_info\":\"9\"," ASSIGNMENT(""), 0, "", 0},
        {"{\"version_info\":\"9\",\"control_plane\":{\"identifier\":\"loadstar b\"}," ASSIGNMENT(
             ""),
         0, "b", 9},
        {"{\"version_info\":\"9x\",\"control_plane\":{\"identifier\":\"loadstar b\"}," ASSIGNMENT(
             ""),
         0, "b", 0},
        {"{\"version_info\":\"99999999999999999999\",\"control_plane\":{\"identifier\":\"loadstar "
         "b\"}," ASSIGNMENT(""),
         0, "b", 0},
        {"{\"version_info\":9,\"control_plane\":{\"identifier\":\"loadstar b\"}," ASSIGNMENT(""), 0,
         "b", 0},
        {"{\"control_plane\":{\"identifier\":\"istiod\"}," ASSIGNMENT(""), 0, "", 0},
        {"{\"control_plane\":{\"identifier\":7}," ASSIGNMENT(""), 0, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY", "256")), 1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY", "257")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY", "0")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY", "\"1\"")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "TIMEOUT", "1")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "0", "HEALTHY", "1")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "65536", "HEALTHY", "1")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("back.example", "80", "HEALTHY", "1")), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY", "1") ",7"), -1, "", 0},
        {"{" ASSIGNMENT(ENDPOINT("192.0.2.1", "80", "HEALTHY",
                                 "1") "," ENDPOINT("2001:db8::1", "80", "UNHEALTHY", "1")),
         2, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct eds_seen seen;
        char error[128] = "";
        int code = eds_read(&seen, slice_str(rows[i].text), error);
        if (code != (rows[i].n < 0 ? E_SYNTAX : 0))
            fail_msg("%s: %d", rows[i].text, code);
        assert_int_equal(*error != '\0', rows[i].n < 0);
        assert_int_equal(seen.members.n, rows[i].n < 0 ? 0 : rows[i].n);
        assert_string_equal(seen.node, rows[i].node);
        assert_true(seen.version == rows[i].version);
        eds_seen_free(&seen);
    }
}

static void versions_rise(void **state)
{
    (void)state;
    assert_true(tier_next_version(0, SAME_MILLISECOND) == SAME_MILLISECOND);
    assert_true(tier_next_version(SAME_MILLISECOND, SAME_MILLISECOND) == SAME_MILLISECOND + 1);
    assert_true(tier_next_version(SAME_MILLISECOND + 5, SAME_MILLISECOND) == SAME_MILLISECOND + 6);
    assert_true(tier_next_version(5, -1) == 6); /* a clock that was set back */
}

/* ---- what commands get ---- */

static void a_wish_says_it_all(void **state)
{
    struct tier_table table = {0};
    struct buf out = {0};
    (void)state;
    add_row(&table, "192.0.2.1", 0, (struct serving){SERVES_READY, 100});
    add_row(&table, "192.0.2.2", 1, (struct serving){SERVES_MAINT, 50});
    add_row(&table, "2001:db8::4", MODEL_NONE, (struct serving){SERVES_DRAIN, 50});
    add_row(&table, "2001:db8::5", MODEL_NONE, (struct serving){SERVES_GONE, 50}); /* is over */
    wish_render(&out, &spec, &table, "n\"1", 7);
    assert_string_equal(out.p, "{\"version\":7,\"node\":\"n\\\"1\",\"tier\":\"edge\",\"pool\":"
                               "\"www\",\"site\":\"\",\"members\":["
                               "{\"name\":\"ams-a\",\"key\":\"www/ams/"
                               "a\",\"address\":\"192.0.2.1\",\"port\":8080,\"state\":"
                               "\"ready\",\"weight\":100},"
                               "{\"name\":\"ams-b\",\"key\":\"www/ams/"
                               "b\",\"address\":\"192.0.2.2\",\"port\":8080,\"state\":"
                               "\"maint\",\"weight\":0},"
                               "{\"name\":\"gone\",\"key\":\"\",\"address\":\"2001:db8::4\","
                               "\"port\":8080,\"state\":\"drain\","
                               "\"weight\":0}]}\n");
    struct wish_seen seen;
    assert_int_equal(wish_read(&seen, slice_of(out.p, out.n)), 0);
    assert_string_equal(seen.node, "n\"1");
    assert_string_equal(seen.tier, "edge");
    assert_true(seen.version == 7);
    assert_int_equal(seen.members.n, 3);
    for (size_t i = 0; i < 3; i++) {
        struct serving to = wish_shown(table.rows.v[i].target);
        assert_int_equal(seen.members.v[i].serving.serves, to.serves);
        assert_int_equal(seen.members.v[i].serving.weight, to.weight);
        assert_true(ip_equal(&seen.members.v[i].addr, &table.rows.v[i].addr));
    }
    wish_seen_free(&seen);
    /* Cut anywhere it is none. */
    for (size_t n = 0; n + 1 < out.n; n++)
        assert_int_equal(wish_read(&seen, slice_of(out.p, n)), E_SYNTAX);
    buf_free(&out);
    vec_free(&table.rows);
}

static void wishes_that_are_none(void **state)
{
#define MEMBER(rest) "{\"version\":1,\"members\":[{\"address\":\"192.0.2.1\",\"port\":1," rest "}]}"
    static const char *const texts[] = {
        "7",
        "{\"version\":1}",
        "{\"version\":0,\"members\":[]}",
        "{\"version\":\"1\",\"members\":[]}",
        MEMBER("\"state\":\"ready\""),
        MEMBER("\"state\":\"ready\",\"weight\":257"),
        MEMBER("\"state\":\"ready\",\"weight\":-1"),
        MEMBER("\"state\":\"gone\",\"weight\":0"),
        MEMBER("\"state\":\"drain\",\"weight\":1"),
        MEMBER("\"weight\":1"),
        "{\"version\":1,\"members\":[{\"state\":\"ready\",\"weight\":1}]}",
    };
    struct wish_seen seen;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(wish_read(&seen, slice_str(texts[i])), E_SYNTAX);
        assert_int_equal(seen.members.n, 0);
    }
    assert_int_equal(wish_read(&seen, slice_str(MEMBER("\"state\":\"ready\",\"weight\":256"))), 0);
    wish_seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_its_status),
        cmocka_unit_test(sites_are_localities),
        cmocka_unit_test(a_text_says_who_wrote_it),
        cmocka_unit_test(texts_of_others),
        cmocka_unit_test(versions_rise),
        cmocka_unit_test(a_wish_says_it_all),
        cmocka_unit_test(wishes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
