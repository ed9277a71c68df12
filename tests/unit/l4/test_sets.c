/* SPDX-License-Identifier: Apache-2.0
 * Member sets as JSON: read, written back the same, and refused with the place. */
#include "l4/sets.h"

#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define MEMBER(key)    \
    "{\"key\": \"" key \
    "\", \"address\": \"192.0.2.1\", \"port\": 80, \"weight\": 1, \"state\": \"up\"}"
#define SET(members) "{\"service\": \"web\", \"version\": 7, \"members\": [" members "]}"

static json_t *json_of(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    return object;
}

static void refused(const char *text, const char *error)
{
    struct member_set set;
    char said[256] = "";
    json_t *object = json_of(text);
    assert_int_equal(member_set_read(&set, object, said, sizeof said), E_SYNTAX);
    assert_string_equal(said, error);
    assert_null(set.v);
    assert_int_equal(set.n, 0);
    json_decref(object);
}

static void test_read_and_written(void **state)
{
    (void)state;
    static const char text[] =
        "{\"service\": \"web/api-pool\", \"version\": 4611686018427387903, \"members\": ["
        "{\"key\": \"api-pool/ams/web1\", \"address\": \"192.0.2.1\", \"port\": 8080, "
        "\"weight\": 100, \"state\": \"up\"}, "
        "{\"key\": \"api-pool/ams/web2\", \"address\": \"2001:db8::2\", \"port\": 1, "
        "\"weight\": 0, \"state\": \"drain\"}, "
        "{\"key\": \"b\\u00fccher\", \"address\": \"192.0.2.1\", \"port\": 65535, "
        "\"weight\": 1000000, \"state\": \"down\"}]}";
    struct member_set set;
    char error[128];
    json_t *object = json_of(text);
    assert_int_equal(member_set_read(&set, object, error, sizeof error), 0);
    assert_string_equal(set.name, "web/api-pool");
    assert_true(set.version == SETS_VERSION_MAX);
    assert_int_equal(set.n, 3);
    assert_string_equal(set.v[0].key, "api-pool/ams/web1");
    assert_int_equal(set.v[0].addr.family, IP_V4);
    assert_int_equal(set.v[0].port, 8080);
    assert_int_equal(set.v[0].weight, 100);
    assert_int_equal(set.v[0].state, MEMBER_UP);
    assert_int_equal(set.v[1].addr.family, IP_V6);
    assert_int_equal(set.v[1].state, MEMBER_DRAIN);
    assert_int_equal(set.v[2].state, MEMBER_DOWN);
    assert_int_equal(set.v[2].weight, WEIGHT_MAX);
    json_t *back = member_set_write(&set);
    assert_true(json_equal(back, object));
    json_decref(back);
    json_decref(object);
    member_set_free(&set);
}

static void test_empty_and_other_keys(void **state)
{
    (void)state;
    struct member_set set;
    char error[128];
    json_t *object =
        json_of("{\"command\": \"members\", \"service\": \"a\", \"version\": 1, \"members\": []}");
    assert_int_equal(member_set_read(&set, object, error, sizeof error), 0);
    assert_int_equal(set.n, 0);
    json_decref(object);
    member_set_free(&set);
}

static void test_refused(void **state)
{
    (void)state;
    refused("[]", "service: expected a text of 1 to 127 bytes");
    refused("{}", "service: expected a text of 1 to 127 bytes");
    refused("{\"service\": \"\"}", "service: expected a text of 1 to 127 bytes");
    refused("{\"service\": \"a\\n\"}", "service: expected a text of 1 to 127 bytes");
    refused("{\"service\": \"a\\u007f\"}", "service: expected a text of 1 to 127 bytes");
    refused("{\"service\": 1}", "service: expected a text of 1 to 127 bytes");
    refused("{\"service\": \"a\"}", "version: expected a number from 1 to 4611686018427387903");
    refused("{\"service\": \"a\", \"version\": 0, \"members\": []}",
            "version: expected a number from 1 to 4611686018427387903");
    refused("{\"service\": \"a\", \"version\": 4611686018427387904, \"members\": []}",
            "version: expected a number from 1 to 4611686018427387903");
    refused("{\"service\": \"a\", \"version\": 1.0, \"members\": []}",
            "version: expected a number from 1 to 4611686018427387903");
    refused("{\"service\": \"a\", \"version\": 1}", "members: expected a list of at most 65536");
    refused("{\"service\": \"a\", \"version\": 1, \"members\": {}}",
            "members: expected a list of at most 65536");
    refused(SET("1"), "members[0]: expected an object");
    refused(SET(MEMBER("a") ", null"), "members[1]: expected an object");
    refused(SET("{}"), "members[0].key: expected a text of 1 to 255 bytes");
    refused(SET("{\"key\": \"a\"}"), "members[0].address: expected a text of 1 to 45 bytes");
    refused(SET("{\"key\": \"a\", \"address\": \"192.0.2.1:80\"}"),
            "members[0].address: expected an IP address");
    refused(SET(MEMBER("a") ", " MEMBER("b") ", " MEMBER("a")),
            "members[2].key: the same as of members[0]");
}

/* One member, of which one value is replaced. */
static void with(const char *key, const char *value, const char *error)
{
    struct member_set set;
    char said[256] = "", want[256];
    json_t *object = json_of(SET(MEMBER("a")));
    json_t *member = json_array_get(json_object_get(object, "members"), 0);
    if (value)
        json_object_set_new(member, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(member, key);
    int e = member_set_read(&set, object, said, sizeof said);
    assert_int_equal(e, error ? E_SYNTAX : 0);
    if (error) {
        snprintf(want, sizeof want, "members[0].%s: expected %s", key, error);
        assert_string_equal(said, want);
    }
    member_set_free(&set);
    json_decref(object);
}

static void test_values(void **state)
{
    (void)state;
    static const char *const ports = "a number from 1 to 65535",
                             *const weights = "a number from 0 to 1000000",
                             *const states = "up, down or drain";
    with("port", "1", NULL);
    with("port", "65535", NULL);
    with("port", "0", ports);
    with("port", "65536", ports);
    with("port", "4294967376", ports);
    with("port", "\"80\"", ports);
    with("port", NULL, ports);
    with("weight", "0", NULL);
    with("weight", "1000000", NULL);
    with("weight", "1000001", weights);
    with("weight", "-1", weights);
    with("weight", NULL, weights);
    with("state", "\"down\"", NULL);
    with("state", "\"drain\"", NULL);
    with("state", "\"UP\"", states);
    with("state", "\"\"", states);
    with("state", "1", states);
    with("state", NULL, states);
    with("address", "\"::1\"", NULL);
    with("address", "\"fe80::1%eth0\"", "an IP address");
    with("address", "\"host\"", "an IP address");
    with("address", "7", "a text of 1 to 45 bytes");
}

static void test_long_texts(void **state)
{
    (void)state;
    char key[MEMBER_KEY_MAX + 3];
    memset(key, 'k', sizeof key);
    key[0] = '"';
    key[MEMBER_KEY_MAX] = '"';
    key[MEMBER_KEY_MAX + 1] = '\0';
    with("key", key, NULL); /* 255 bytes */
    key[MEMBER_KEY_MAX] = 'k';
    key[MEMBER_KEY_MAX + 1] = '"';
    key[MEMBER_KEY_MAX + 2] = '\0';
    with("key", key, "a text of 1 to 255 bytes");
}

static void test_too_many(void **state)
{
    (void)state;
    struct member_set set;
    char error[128];
    json_t *object = json_of("{\"service\": \"a\", \"version\": 1}");
    json_t *members = json_array();
    for (int i = 0; i < SETS_MEMBERS_MAX; i++)
        json_array_append_new(members, json_pack("{s:o, s:s, s:i, s:i, s:s}", "key",
                                                 json_sprintf("k%d", i), "address", "192.0.2.1",
                                                 "port", 80, "weight", 1, "state", "up"));
    json_object_set_new(object, "members", members);
    assert_int_equal(member_set_read(&set, object, error, sizeof error), 0);
    assert_int_equal(set.n, SETS_MEMBERS_MAX);
    member_set_free(&set);
    json_array_append(members, json_array_get(members, 0));
    assert_int_equal(member_set_read(&set, object, error, sizeof error), E_SYNTAX);
    assert_string_equal(error, "members: expected a list of at most 65536");
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_and_written), cmocka_unit_test(test_empty_and_other_keys),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_values),
        cmocka_unit_test(test_long_texts),       cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
