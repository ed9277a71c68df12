/* SPDX-License-Identifier: Apache-2.0
 * What is told to HAProxy, and what is made of its answers. */
#include "haproxy_said.h"
#include "tier/haproxy_commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static struct haproxy_server server(const char *addr, uint16_t port, uint8_t admin, uint16_t weight,
                                    uint16_t initial)
{
    return (struct haproxy_server){.addr = ip_of(addr),
                                   .port = port,
                                   .op_state = 2,
                                   .admin_state = admin,
                                   .weight = weight,
                                   .initial_weight = initial};
}

/** What each state is (contrib/doc/tiers.md), as it is told to one that is ready with weight 7,
 *  and to one in maintenance; and that nothing is told to what shows it. */
static void test_states(void **state)
{
    (void)state;
    static const struct {
        struct serving target, shown;
        const char *to_ready, *to_maint;
    } cases[] = {
        {{SERVES_READY, 50},
         {SERVES_READY, 50},
         "set weight be_web/a 50\n",
         "set weight be_web/a 50\nset server be_web/a state ready\n"},
        {{SERVES_READY, 7},
         {SERVES_READY, 7},
         "",
         "set weight be_web/a 7\nset server be_web/a state ready\n"},
        {{SERVES_READY, 0},
         {SERVES_READY, 0},
         "set weight be_web/a 0\n",
         "set weight be_web/a 0\nset server be_web/a state ready\n"},
        {{SERVES_DOWN, 50},
         {SERVES_READY, 0},
         "set weight be_web/a 0\n",
         "set weight be_web/a 0\nset server be_web/a state ready\n"},
        {{SERVES_DRAIN, 50},
         {SERVES_DRAIN, 0},
         "set server be_web/a state drain\n",
         "set server be_web/a state drain\n"},
        {{SERVES_GONE, 0},
         {SERVES_DRAIN, 0},
         "set server be_web/a state drain\n",
         "set server be_web/a state drain\n"},
        {{SERVES_MAINT, 50}, {SERVES_MAINT, 0}, "set server be_web/a state maint\n", ""},
        {{SERVES_UNKNOWN, 50}, {SERVES_UNKNOWN, 0}, "", ""},
    };
    const struct haproxy_server ready = server("10.0.0.1", 80, 0, 7, 100),
                                maint = server("10.0.0.1", 80, 1, 7, 100);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct haproxy_commands commands = {.backend = "be_web"};
        struct serving shown = haproxy_shown(cases[i].target);
        assert_int_equal(shown.serves, cases[i].shown.serves);
        assert_int_equal(shown.weight, cases[i].shown.weight);
        haproxy_tell(&commands, "a", &ready, &ready.addr, 80, cases[i].target);
        assert_string_equal(commands.text.p ? commands.text.p : "", cases[i].to_ready);
        haproxy_commands_free(&commands);
        haproxy_tell(&commands, "a", &maint, &ready.addr, 80, cases[i].target);
        assert_string_equal(commands.text.p ? commands.text.p : "", cases[i].to_maint);
        haproxy_commands_free(&commands);
    }
}

static void check_seen(uint8_t admin, uint16_t weight, uint8_t serves, uint16_t seen_weight)
{
    const struct haproxy_server one = server("10.0.0.1", 80, admin, weight, 100);
    struct serving seen = haproxy_serving(&one, HAPROXY_ABSOLUTE, (struct serving){0});
    assert_int_equal(seen.serves, serves);
    assert_int_equal(seen.weight, seen_weight);
}

static void test_seen(void **state)
{
    (void)state;
    check_seen(0, 100, SERVES_READY, 100);
    check_seen(0, 0, SERVES_READY, 0);
    check_seen(0x01, 100, SERVES_MAINT, 0);
    check_seen(0x02, 100, SERVES_MAINT, 0); /* it tracks one that is */
    check_seen(0x05, 100, SERVES_MAINT, 0); /* `disabled` */
    check_seen(0x08, 100, SERVES_DRAIN, 0);
    check_seen(0x10, 100, SERVES_DRAIN, 0);
    check_seen(0x20, 100, SERVES_MAINT, 0); /* its name does not resolve */
    check_seen(0x09, 100, SERVES_MAINT, 0);
}

static uint16_t percent(uint16_t weight, uint16_t initial, uint16_t target)
{
    const struct haproxy_server one = server("10.0.0.1", 80, 0, weight, initial);
    return haproxy_serving(&one, HAPROXY_PERCENT,
                           (struct serving){.serves = SERVES_READY, .weight = target})
        .weight;
}

static void test_percentages(void **state)
{
    (void)state;
    assert_int_equal(percent(50, 100, 50), 50);
    assert_int_equal(percent(50, 100, 60), 50);
    assert_int_equal(percent(10, 20, 54), 54); /* 20 x 54 % is 10 as well */
    assert_int_equal(percent(10, 20, 60), 50);
    assert_int_equal(percent(0, 1, 50), 50);
    assert_int_equal(percent(1, 1, 0), 100);
    assert_int_equal(percent(256, 200, 200), 200);
    assert_int_equal(percent(256, 1, 100), TIER_WEIGHT_MAX);
    assert_int_equal(percent(7, 0, 50), 7);
    struct haproxy_commands commands = {.backend = "be_web", .scale = HAPROXY_PERCENT};
    const struct haproxy_server one = server("10.0.0.1", 80, 0, 10, 20);
    haproxy_tell(&commands, "a", &one, &one.addr, 80, (struct serving){SERVES_READY, 75});
    assert_string_equal(commands.text.p, "set weight be_web/a 75%\n");
    haproxy_commands_free(&commands);
}

static void test_moves(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"};
    const struct haproxy_server one = server("10.0.0.1", 80, 0, 100, 100);
    struct ip to = ip_of("2001:db8::7");
    haproxy_tell(&commands, "a", &one, &to, 81, (struct serving){SERVES_READY, 50});
    assert_string_equal(commands.text.p, "set server be_web/a addr 2001:db8::7 port 81\n"
                                         "set weight be_web/a 50\n");
    assert_int_equal(commands.v.v[0].kind, HAPROXY_MOVE);
    haproxy_commands_free(&commands);
    haproxy_tell(&commands, "a", &one, &one.addr, 81, (struct serving){SERVES_DOWN, 0});
    assert_string_equal(commands.text.p, "set weight be_web/a 0\n"
                                         "set server be_web/a addr 10.0.0.1 port 81\n");
    haproxy_commands_free(&commands);
}

static void test_told_anew(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"};
    struct ip addr = ip_of("10.0.0.1");
    haproxy_tell(&commands, "a", NULL, &addr, 80, (struct serving){SERVES_READY, 50});
    assert_string_equal(commands.text.p, "set weight be_web/a 50\nset server be_web/a state "
                                         "ready\n");
    haproxy_commands_free(&commands);
}

static void test_added_and_removed(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"}, again = {.backend = "be_web"};
    struct ip v4 = ip_of("10.0.0.1"), v6 = ip_of("2001:db8::1");
    haproxy_tell_add(&commands, "a", &v4, 80);
    haproxy_tell_add(&commands, "b", &v6, 81);
    haproxy_tell_remove(&commands, "c", false);
    haproxy_tell_remove(&commands, "d", true);
    assert_string_equal(commands.text.p, "add server be_web/a 10.0.0.1:80 weight 100\n"
                                         "set weight be_web/a 0\n"
                                         "set server be_web/a state ready\n"
                                         "add server be_web/b [2001:db8::1]:81 weight 100\n"
                                         "set weight be_web/b 0\n"
                                         "set server be_web/b state ready\n"
                                         "disable agent be_web/c\n"
                                         "set server be_web/c state maint\n"
                                         "del server be_web/c\n"
                                         "disable agent be_web/d\n"
                                         "set server be_web/d state maint\n"
                                         "shutdown sessions server be_web/d\n"
                                         "del server be_web/d\n");
    haproxy_tell_again(&again, &commands, &commands.v.v[8]);
    assert_string_equal(again.text.p, "del server be_web/c\n");
    assert_int_equal(again.v.v[0].kind, HAPROXY_DELETE);
    struct buf request = {0};
    haproxy_request(&request, &commands, 1, 2);
    assert_string_equal(request.p, "prompt\nset weight be_web/a 0\nset server be_web/a state "
                                   "ready\nshow version\nquit\n");
    buf_free(&request);
    haproxy_commands_free(&commands);
    haproxy_commands_free(&again);
}

static void add_command(struct haproxy_commands *commands, enum haproxy_command_kind kind)
{
    *vec_push(&commands->v) = (struct haproxy_command){.kind = (uint8_t)kind};
}

struct busy {
    size_t v[8], n;
};

static void on_busy(void *ctx, size_t command)
{
    struct busy *busy = ctx;
    busy->v[busy->n++] = command;
}

/** Gives a text as lines; returns whether the answers are all there. */
static bool read_answers(struct haproxy_answers *answers, const char *text)
{
    char *copy = xstrdup(text), *at = copy;
    for (char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        if (!haproxy_answers_line(answers, at))
            break;
    }
    free(copy);
    return answers->is_done;
}

static void test_answers(void **state)
{
    (void)state;
    static const enum haproxy_command_kind kinds[] = {
        HAPROXY_SET,  HAPROXY_SET,    HAPROXY_ADD,    HAPROXY_SET,  HAPROXY_MOVE,
        HAPROXY_MOVE, HAPROXY_ADD,    HAPROXY_DELETE, HAPROXY_MOVE, HAPROXY_SET,
        HAPROXY_SET,  HAPROXY_DELETE, HAPROXY_DELETE, HAPROXY_SET,  HAPROXY_ADD};
    struct haproxy_commands commands = {.backend = "be_web"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        add_command(&commands, kinds[i]);
    struct haproxy_answers answers = {.commands = &commands, .n = ARRAY_LEN(kinds)};
    assert_true(read_answers(&answers, said_commands));
    assert_int_equal(answers.n_of[HAPROXY_TAKEN], 9);
    assert_int_equal(answers.n_of[HAPROXY_VANISHED], 1);
    assert_int_equal(answers.n_of[HAPROXY_REJECTED], 5);
    assert_int_equal(answers.n_of[HAPROXY_DENIED], 0);
    assert_int_equal(answers.first_bad, 6);
    assert_string_equal(answers.error, "Already exists a server with the same name in backend.");
    haproxy_commands_free(&commands);
}

static void test_denied(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"};
    add_command(&commands, HAPROXY_SET);
    struct haproxy_answers answers = {.commands = &commands, .n = 1};
    assert_true(read_answers(&answers, said_denied));
    assert_int_equal(answers.n_of[HAPROXY_DENIED], 1);
    add_command(&commands, HAPROXY_SET);
    answers = (struct haproxy_answers){.commands = &commands, .n = 2};
    assert_true(read_answers(&answers, "\n> \n> Permission denied\n\n> 2.6.12\n\n> "));
    assert_int_equal(answers.n_of[HAPROXY_DENIED], 1);
    assert_int_equal(answers.first_bad, 1);
    assert_string_equal(answers.error, "Permission denied");
    haproxy_commands_free(&commands);
}

static void test_busy(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"};
    struct busy busy = {.n = 0};
    for (size_t i = 0; i < 4; i++)
        add_command(&commands, HAPROXY_DELETE);
    struct haproxy_answers answers = {
        .commands = &commands, .from = 1, .n = 3, .busy = on_busy, .ctx = &busy};
    assert_true(read_answers(&answers,
                             "\n> Server deleted.\n"
                             "> Server still has connections attached to it, cannot remove it.\n"
                             "> No such server.\n> 2.6.12\n\n> "));
    assert_int_equal(answers.n_of[HAPROXY_TAKEN], 2);
    assert_int_equal(answers.n_of[HAPROXY_BUSY], 1);
    assert_int_equal(busy.n, 1);
    assert_int_equal(busy.v[0], 2);
    assert_string_equal(answers.error, "");
    haproxy_commands_free(&commands);
}

static void test_answers_cut_short(void **state)
{
    (void)state;
    struct haproxy_commands commands = {.backend = "be_web"};
    for (size_t i = 0; i < 15; i++)
        add_command(&commands, HAPROXY_SET);
    const char *last = strstr(said_commands, "> 2.6.12");
    for (size_t n = 0; n <= (size_t)(last - said_commands) + 17; n++) {
        struct haproxy_answers answers = {.commands = &commands, .n = 15};
        char *text = strndup(said_commands, n);
        assert_false(read_answers(&answers, text));
        assert_false(answers.is_garbage);
        free(text);
    }
    struct haproxy_answers answers = {.commands = &commands, .n = 15};
    assert_false(read_answers(&answers, "HTTP/1.1 400\n"));
    assert_true(answers.is_garbage);
    assert_string_equal(answers.said, "HTTP/1.1 400");
    haproxy_commands_free(&commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),      cmocka_unit_test(test_seen),
        cmocka_unit_test(test_percentages), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_told_anew),   cmocka_unit_test(test_added_and_removed),
        cmocka_unit_test(test_answers),     cmocka_unit_test(test_denied),
        cmocka_unit_test(test_busy),        cmocka_unit_test(test_answers_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
