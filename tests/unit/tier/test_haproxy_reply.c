/* SPDX-License-Identifier: Apache-2.0
 * What HAProxy says to a look: recorded, cut short at every byte, and by somebody else. */
#include "haproxy_said.h"
#include "tier/haproxy_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/** Gives a text line by line, as talk.h does: what has no newline is not given. Returns whether all
 *  was there. */
static bool read_text(struct haproxy_reading *reading, const char *text, bool with_stat)
{
    haproxy_reading_init(reading, "be_web", with_stat);
    char *copy = xstrdup(text), *at = copy;
    for (char *end; !reading->is_done && (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        if (haproxy_reading_line(reading, at) != 0)
            break;
    }
    free(copy);
    return reading->is_done && !reading->error[0];
}

static const struct haproxy_server *server_of(const struct haproxy_reading *reading,
                                              const char *name)
{
    const struct haproxy_server *server = haproxy_reading_find(reading, name);
    assert_non_null(server);
    assert_string_equal(haproxy_server_name(reading, server), name);
    return server;
}

static void test_look(void **state)
{
    (void)state;
    struct haproxy_reading reading;
    assert_true(read_text(&reading, said_look, true));
    assert_int_equal(reading.info.pid, 13943);
    assert_int_equal(reading.info.uptime_s, 4);
    assert_int_equal(reading.info.major, 2);
    assert_int_equal(reading.info.minor, 6);
    assert_string_equal(reading.info.version, "2.6.12-1+deb12u4");
    assert_int_equal(reading.servers.n, 8);
    const struct haproxy_server *server = server_of(&reading, "ams-web1");
    struct ip addr;
    assert_int_equal(ip_parse(&addr, "127.0.0.1"), 0);
    assert_true(ip_equal(&server->addr, &addr));
    assert_int_equal(server->port, 19001);
    assert_int_equal(server->op_state, HAPROXY_OP_STOPPED);
    assert_int_equal(server->weight, 100);
    assert_true(server->has_stat);
    assert_int_equal(server->active, 0);
    assert_int_equal(server_of(&reading, "ams-web2")->admin_state, 8);
    assert_int_equal(server_of(&reading, "ams-web2")->initial_weight, 20);
    assert_int_equal(server_of(&reading, "ams-web3")->admin_state, 5);
    assert_int_equal(server_of(&reading, "v6")->addr.family, IP_V6);
    assert_int_equal(server_of(&reading, "un")->addr.family, IP_NONE);
    assert_int_equal(server_of(&reading, "res")->admin_state, 32);
    assert_int_equal(server_of(&reading, "fra-web9")->weight, 0);
    assert_int_equal(server_of(&reading, "fra-web9")->initial_weight, 100);
    assert_null(haproxy_reading_find(&reading, "nope"));
    haproxy_reading_free(&reading);
}

static void test_other_versions(void **state)
{
    (void)state;
    struct haproxy_reading reading;
    assert_true(read_text(&reading, said_old_look, true));
    assert_int_equal(reading.info.minor, 2);
    assert_int_equal(server_of(&reading, "ams-web1")->active, 7);
    assert_int_equal(server_of(&reading, "ams-web1")->n_total, 4711);
    assert_int_equal(server_of(&reading, "ams-web1")->bytes_in, 1000);
    assert_int_equal(server_of(&reading, "ams-web1")->bytes_out, 2000);
    assert_false(server_of(&reading, "ams-web1")->has_tls);
    haproxy_reading_free(&reading);
    assert_true(read_text(&reading, said_new_look, true));
    assert_int_equal(reading.info.major, 3);
    assert_int_equal(server_of(&reading, "ams-web1")->active, 1);
    assert_true(server_of(&reading, "ams-web1")->has_tls);
    haproxy_reading_free(&reading);
}

static void test_without_statistics(void **state)
{
    (void)state;
    struct haproxy_reading reading;
    assert_true(read_text(&reading, said_look, false));
    assert_int_equal(reading.servers.n, 8);
    assert_int_equal(server_of(&reading, "ams-web1")->active, -1);
    haproxy_reading_free(&reading);
}

/* Wherever it ends, it is not whole, and it is not an error: who talks says why. */
static void test_cut_short(void **state)
{
    (void)state;
    size_t whole = strlen(said_look) - strlen("> ") - 1;
    for (size_t n = 0; n < whole; n++) {
        struct haproxy_reading reading;
        char *text = strndup(said_look, n);
        assert_false(read_text(&reading, text, true));
        assert_string_equal(reading.error, "");
        haproxy_reading_free(&reading);
        free(text);
    }
}

static void test_no_backend(void **state)
{
    (void)state;
    struct haproxy_reading reading;
    assert_true(read_text(&reading,
                          "\n> Pid: 7\nUptime_sec: 1\nVersion: 2.6.1\n\n> Can't find backend.\n\n"
                          "> No such proxy.\n\n> ",
                          true));
    assert_true(reading.no_backend);
    assert_int_equal(reading.servers.n, 0);
    haproxy_reading_free(&reading);
}

#define HEAD                                                                                      \
    "\n> Pid: 7\nUptime_sec: 1\nVersion: 2.6.1\n\n> 1\n# be_name srv_name srv_addr srv_op_state " \
    "srv_admin_state srv_uweight srv_iweight srv_port\n"

static void test_empty_backend(void **state)
{
    (void)state;
    struct haproxy_reading reading;
    assert_true(
        read_text(&reading, HEAD "\n> # pxname,svname,scur,stot,bin,bout,type,\n\n> ", true));
    assert_false(reading.no_backend);
    assert_int_equal(reading.servers.n, 0);
    haproxy_reading_free(&reading);
}

static void test_garbage(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"220 mail ESMTP\n", "this is not HAProxy's command line: \"220 mail ESMTP\""},
        {"HTTP/1.1 400 Bad \x1b[31mrequest\n",
         "this is not HAProxy's command line: \"HTTP/1.1 400 Bad \\x1b[31mrequest\""},
        {"\n>Pid: 7\n", "this is not HAProxy's command line: \">Pid: 7\""},
        {"\n> Permission denied\n", "HAProxy refuses to tell: \"Permission denied\""},
        {"\n> Pid: -1\n", "`show info` has a line that cannot be read: \"Pid: -1\""},
        {"\n> Pid: 7x\n", "`show info` has a line that cannot be read: \"Pid: 7x\""},
        {"\n> Version: two\n", "`show info` has a line that cannot be read: \"Version: two\""},
        {"\n> Name: x\n\n> 1\n", "`show info` did not tell the process: \"> 1\""},
        {"\n> Pid: 7\n> 2\n", "its list of servers is no version 1: \"2\""},
        {"\n> Pid: 7\n> 1\n# be_name srv_name\n", "its list of servers lacks a column: "
                                                  "\"srv_addr\""},
        {"\n> Pid: 7\n> 1\nbe_name\n", "its list of servers lacks a column: \"\""},
        {HEAD "be_web a 10.0.0.1 2 0 100 100\n",
         "its list of servers has a line that cannot be read: \"be_web a 10.0.0.1 2 0 100 100\""},
        {HEAD "be_web a 10.0.0.1 2 0 100 100 80 1\n",
         "its list of servers has a line that cannot be read: "
         "\"be_web a 10.0.0.1 2 0 100 100 80 1\""},
        {HEAD "other a 10.0.0.1 2 0 100 100 80\n",
         "its list of servers has a line that cannot be read: "
         "\"other a 10.0.0.1 2 0 100 100 80\""},
        {HEAD "be_web a;b 10.0.0.1 2 0 100 100 80\n",
         "its list of servers has a line that cannot be read: "
         "\"be_web a;b 10.0.0.1 2 0 100 100 80\""},
        {HEAD "be_web a 10.0.0.1 2 0 257 100 80\n",
         "its list of servers has a line that cannot be read: "
         "\"be_web a 10.0.0.1 2 0 257 100 80\""},
        {HEAD "be_web a 10.0.0.1 2 0 -1 100 80\n",
         "its list of servers has a line that cannot be read: "
         "\"be_web a 10.0.0.1 2 0 -1 100 80\""},
        {HEAD "be_web a 10.0.0.1 2 0 1 100 65536\n",
         "its list of servers has a line that cannot be read: "
         "\"be_web a 10.0.0.1 2 0 1 100 65536\""},
        {HEAD "be_web a 10.0.0 2 0 1 100 80\n", "its list of servers has an address that is none: "
                                                "\"10.0.0\""},
        {HEAD "be_web a 10.0.0.1 2 0 1 100 80\nbe_web a 10.0.0.2 2 0 1 100 80\n\n",
         "its list of servers has one twice: \"a\""},
        {HEAD "be_web a 10.0.0.1 2 0 1 100 80\n> x\n", "its list of servers did not end: \"> x\""},
        {HEAD "\nmore\n", "its list of servers goes on behind its end: \"more\""},
        {HEAD "\n> # pxname,svname,scur\n", "its statistics lack a column: \"stot\""},
        {HEAD "\n> pxname\n", "its statistics lack a column: \"\""},
        {HEAD "\n> # pxname,svname,scur,stot,bin,bout,type,\nbe_web,a,x,0,0,0,2,\n",
         "its statistics have a line that cannot be read: \"be_web,a,x,0,0,0,2,\""},
        {HEAD "\n> # pxname,svname,scur,stot,bin,bout,type,\nbe_web,\"a,1,0,0,0,2,\n",
         "its statistics have a line that cannot be read: \"be_web,\\\"a,1,0,0,0,2,\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct haproxy_reading reading;
        assert_false(read_text(&reading, cases[i].text, true));
        if (!strstr(cases[i].error, "\\\""))
            assert_string_equal(reading.error, cases[i].error);
        else
            assert_string_not_equal(reading.error, "");
        haproxy_reading_free(&reading);
    }
}

static void test_names(void **state)
{
    (void)state;
    char text[HAPROXY_NAME_MAX + 2];
    assert_true(haproxy_is_name("ams-web_1.example:80"));
    static const char *const bad[] = {"", "a b", "a;b", "a\nb", "a\"", "a/b", "\xc3\xa9", "a\\"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(haproxy_is_name(bad[i]));
    memset(text, 'a', sizeof text);
    text[HAPROXY_NAME_MAX] = '\0';
    assert_true(haproxy_is_name(text));
    text[HAPROXY_NAME_MAX] = 'a';
    text[HAPROXY_NAME_MAX + 1] = '\0';
    assert_false(haproxy_is_name(text));
}

static void test_columns(void **state)
{
    (void)state;
    static const char *const wanted[] = {"b", "d"};
    struct haproxy_columns columns;
    char header[] = "a,b,c,", row[] = "\"x,\"\"y\"\"\",\"2, 3\",,", more[] = "1,2,3,4,5";
    assert_null(haproxy_columns_read(&columns, ',', header, wanted, 2, 1));
    assert_int_equal(haproxy_columns_row(&columns, row), 0);
    assert_string_equal(columns.value[0], "2, 3");
    assert_null(columns.value[1]);
    assert_int_equal(haproxy_columns_row(&columns, more), E_SYNTAX);
    char few[] = "1";
    assert_int_equal(haproxy_columns_row(&columns, few), E_SYNTAX);
    char open[] = "1,\"2";
    assert_int_equal(haproxy_columns_row(&columns, open), E_SYNTAX);
    char behind[] = "1,\"2\"x,3";
    assert_int_equal(haproxy_columns_row(&columns, behind), E_SYNTAX);
    char last[] = "1,\"2\"";
    assert_int_equal(haproxy_columns_row(&columns, last), 0);
    assert_string_equal(columns.value[0], "2");
    /* as many columns as there are places, and one more */
    char wide[2 * HAPROXY_COLUMNS_MAX + 2];
    memset(wide, ',', sizeof wide);
    wide[HAPROXY_COLUMNS_MAX - 1] = '\0';
    assert_string_equal(haproxy_columns_read(&columns, ',', wide, wanted, 2, 1), "b");
    memset(wide, ',', sizeof wide);
    wide[HAPROXY_COLUMNS_MAX] = '\0';
    assert_string_equal(haproxy_columns_read(&columns, ',', wide, wanted, 2, 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_without_statistics),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_no_backend),
        cmocka_unit_test(test_empty_backend),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
