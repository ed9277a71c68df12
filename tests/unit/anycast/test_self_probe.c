/* SPDX-License-Identifier: Apache-2.0
 * Asking oneself: what replies are worth, and a server on loopback that answers, lies, or is gone.
 */
#include "anycast/self_probe.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "dns/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t name[] = "\7example\3com";
#define NAME ((struct slice){name, sizeof name})

/* ---- replies ---- */

static uint8_t query[SELF_QUERY_MAX], reply[512];
static uint32_t n_query;
static char reason[SELF_REASON_MAX];

static int set_up_reply(void **state)
{
    (void)state;
    n_query = self_query_write(query, NAME, TYPE_SOA, 0x1234);
    memset(reply, 0, sizeof reply);
    memcpy(reply, query, n_query);
    store_u16(reply + 2, FLAG_QR | FLAG_AA);
    reason[0] = '\0';
    return 0;
}

static enum self_verdict judge(uint32_t n)
{
    return self_reply_judge((struct slice){reply, n}, (struct slice){query, n_query}, reason);
}

static void test_query_is_a_query(void **state)
{
    (void)state;
    static const uint8_t expected[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\7example\3com\0\0\6\0\1";
    assert_int_equal(n_query, sizeof expected - 1);
    assert_memory_equal(query, expected, n_query);
}

static void test_longest_name_fits(void **state)
{
    uint8_t longest[255] = {0};
    (void)state;
    for (unsigned i = 0; i < 254; i += 2)
        longest[i] = 1;
    assert_int_equal(self_query_write(query, (struct slice){longest, 255}, 1, 0), SELF_QUERY_MAX);
    uint8_t longer[256] = {0};
    assert_int_equal(self_query_write(query, (struct slice){longer, 256}, 1, 0), 0);
}

static void test_answer_is_good(void **state)
{
    (void)state;
    assert_int_equal(judge(n_query), SELF_GOOD);
    assert_int_equal(judge(n_query + 40), SELF_GOOD);
}

static void test_what_is_no_reply_to_it_is_ignored(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < n_query; n++)
        assert_int_equal(judge(n), SELF_FOREIGN);
    static const uint32_t vital[] = {0, 1, 4, 5, 12, 13, 24, 25, 26, 27, 28};
    for (size_t i = 0; i < ARRAY_LEN(vital); i++) {
        reply[vital[i]] ^= 1;
        assert_int_equal(judge(n_query), SELF_FOREIGN);
        reply[vital[i]] ^= 1;
    }
    store_u16(reply + 2, FLAG_AA); /* a query */
    assert_int_equal(judge(n_query), SELF_FOREIGN);
    assert_string_equal(reason, "");
}

static void test_what_says_no_is_bad(void **state)
{
    (void)state;
    store_u16(reply + 2, FLAG_QR | FLAG_AA | RCODE_SERVFAIL);
    assert_int_equal(judge(n_query), SELF_BAD);
    assert_string_equal(reason, "it answers with RCODE 2");
    store_u16(reply + 2, FLAG_QR);
    assert_int_equal(judge(n_query), SELF_BAD);
    assert_string_equal(reason, "its answer is not authoritative");
}

static void test_score(void **state)
{
    (void)state;
    struct self_score s = {0};
    assert_false(self_score_add(&s, false));
    assert_false(self_score_add(&s, false));
    assert_false(s.known);
    assert_true(self_score_add(&s, false));
    assert_true(s.known);
    assert_false(s.ok);
    assert_false(self_score_add(&s, true));
    assert_false(self_score_add(&s, true));
    assert_false(self_score_add(&s, false)); /* in a row */
    assert_false(self_score_add(&s, true));
    assert_false(self_score_add(&s, true));
    assert_false(s.ok);
    assert_true(self_score_add(&s, true));
    assert_true(s.ok);
    for (unsigned i = 0; i < 300; i++)
        assert_false(self_score_add(&s, true));
    assert_false(self_score_add(&s, false));
    assert_false(self_score_add(&s, false));
    assert_true(s.ok);
    assert_true(self_score_add(&s, false));
    assert_false(s.ok);
    s = (struct self_score){0};
    assert_true(self_score_add(&s, true)); /* the first makes it known */
    assert_true(s.known && s.ok);
}

/* ---- the probe ---- */

static uv_loop_t loop;
static uv_udp_t server;
static char buffer[512];
static enum { ANSWERS, LIES, IS_SILENT } mood;
static bool flooded;
static uint32_t n_changed, n_asked;
static struct self_probe *probe;
static struct prefix_set config;

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle, (void)suggested;
    *buf = uv_buf_init(buffer, sizeof buffer);
}

static void on_query(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                     unsigned flags)
{
    (void)flags;
    if (n <= 0)
        return;
    n_asked++;
    if (mood == IS_SILENT)
        return;
    store_u16((uint8_t *)buf->base + 2, FLAG_QR | FLAG_AA | (mood == LIES ? RCODE_REFUSED : 0));
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
    buf->base[1] ^= 1; /* one that is not the query's comes first */
    uv_udp_try_send(udp, &out, 1, from);
    buf->base[1] ^= 1;
    uv_udp_try_send(udp, &out, 1, from);
}

static void on_changed(void *ctx)
{
    (void)ctx;
    n_changed++;
}

static bool is_ok(void)
{
    const char *why;
    struct self_score score = self_probe_state(probe, &why);
    return score.known && score.ok;
}

static bool is_dead(void)
{
    const char *why;
    struct self_score score = self_probe_state(probe, &why);
    return score.known && !score.ok;
}

static void run_until(bool (*holds)(void))
{
    const int64_t end_ms = clock_mono_ms() + 60000;
    while (!holds()) {
        assert_true(clock_mono_ms() < end_ms);
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static bool on_overflows(void *ctx)
{
    (void)ctx;
    return flooded;
}

static int set_up(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000035)};
    int n = sizeof at;
    (void)state;
    mood = ANSWERS;
    flooded = false;
    n_changed = n_asked = 0;
    uv_loop_init(&loop);
    uv_udp_init(&loop, &server);
    assert_int_equal(uv_udp_bind(&server, (struct sockaddr *)&at, 0), 0);
    uv_udp_getsockname(&server, (struct sockaddr *)&at, &n);
    uv_udp_recv_start(&server, on_alloc, on_query);
    config = (struct prefix_set){.self = {.addr = {{127, 0, 0, 0x35}, IP_V4},
                                          .port = ntohs(at.sin_port),
                                          .name = NAME,
                                          .type = TYPE_SOA}};
    const struct self_probe_host host = {
        .drive = (struct drive *)(void *)&loop, .changed = on_changed, .overflows = on_overflows};
    probe = self_probe_open(&host, &config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    self_probe_close(probe);
    uv_close((uv_handle_t *)&server, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void test_asks_when_it_is_started(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(n_asked, 0);
    self_probe_start(probe);
    run_until(is_ok);
    assert_int_equal(n_asked, 1);
    assert_int_equal(n_changed, 1);
}

static void test_is_dead_after_three_and_comes_back_after_three(void **state)
{
    const char *why;
    (void)state;
    self_probe_start(probe);
    run_until(is_ok);
    mood = IS_SILENT;
    uint32_t before = n_asked;
    run_until(is_dead);
    assert_in_range(n_asked - before, 3, 4);
    self_probe_state(probe, &why);
    assert_string_equal(why, "no answer within 300 ms");
    mood = ANSWERS;
    before = n_asked;
    run_until(is_ok);
    assert_int_equal(n_asked - before, 3);
    self_probe_state(probe, &why);
    assert_string_equal(why, "");
}

static bool is_asked_often(void)
{
    return n_asked >= 8;
}

static void test_what_is_excused(void **state)
{
    (void)state;
    assert_false(self_is_excused(0, 5));
    assert_true(self_is_excused(1000, 1000));
    assert_true(self_is_excused(1000, 1000 + SELF_FLOODED_MS - 1));
    assert_false(self_is_excused(1000, 1000 + SELF_FLOODED_MS));
}

static void test_what_is_lost_in_a_flood_says_nothing(void **state)
{
    (void)state;
    self_probe_start(probe);
    run_until(is_ok);
    mood = IS_SILENT;
    flooded = true;
    run_until(is_asked_often);
    assert_true(is_ok());
    flooded = false;
    run_until(is_dead);
    flooded = true;
    mood = ANSWERS;
    run_until(is_ok);
}

static void test_a_flood_before_the_first_answer_excuses_nothing(void **state)
{
    (void)state;
    mood = IS_SILENT;
    flooded = true;
    self_probe_start(probe);
    run_until(is_dead);
}

static void test_a_refusal_is_no_answer(void **state)
{
    const char *why;
    (void)state;
    mood = LIES;
    self_probe_start(probe);
    run_until(is_dead);
    self_probe_state(probe, &why);
    assert_string_equal(why, "it answers with RCODE 5");
}

static void test_an_address_that_is_not_here(void **state)
{
    const char *why;
    (void)state;
    self_probe_close(probe);
    config.self.addr = (struct ip){{192, 0, 2, 53}, IP_V4};
    const struct self_probe_host host = {
        .drive = (struct drive *)(void *)&loop, .changed = on_changed, .overflows = on_overflows};
    probe = self_probe_open(&host, &config);
    self_probe_start(probe);
    run_until(is_dead);
    self_probe_state(probe, &why);
    assert_string_equal(why, "192.0.2.53 is not an address of this host");
}

static void test_same(void **state)
{
    struct prefix_set other = config;
    (void)state;
    assert_true(self_probe_same(&config, &other));
    other.self.port++;
    assert_false(self_probe_same(&config, &other));
    other = config;
    other.self.type = TYPE_NS;
    assert_false(self_probe_same(&config, &other));
    other = config;
    other.self.off = true;
    assert_false(self_probe_same(&config, &other));
    other = config;
    other.self.name.n--;
    assert_false(self_probe_same(&config, &other));
    other = config;
    other.self.addr.b[3]++;
    assert_false(self_probe_same(&config, &other));
}

int main(void)
{
#define REPLY(test) cmocka_unit_test_setup(test, set_up_reply)
#define PROBE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        REPLY(test_query_is_a_query),
        REPLY(test_longest_name_fits),
        REPLY(test_answer_is_good),
        REPLY(test_what_is_no_reply_to_it_is_ignored),
        REPLY(test_what_says_no_is_bad),
        cmocka_unit_test(test_score),
        PROBE(test_asks_when_it_is_started),
        PROBE(test_is_dead_after_three_and_comes_back_after_three),
        PROBE(test_a_refusal_is_no_answer),
        cmocka_unit_test(test_what_is_excused),
        PROBE(test_what_is_lost_in_a_flood_says_nothing),
        PROBE(test_a_flood_before_the_first_answer_excuses_nothing),
        PROBE(test_an_address_that_is_not_here),
        PROBE(test_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
