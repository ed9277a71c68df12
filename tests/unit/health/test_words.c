/* SPDX-License-Identifier: Apache-2.0
 * Who says that a probe failed: real back ends that fail in every way there is, and whether that
 * counts as the target's word (contrib/adr/0028). */
#include "health/internal.h"
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has_result(struct world *w, void *arg)
{
    (void)arg;
    return w->checker->plan->probes[0].reason != NULL;
}

/* Runs one probe; returns whether it failed in silence. */
static bool is_silent(const char *check, uint16_t port, int timeout_ms, const char *reason)
{
    struct world w;
    world_open(&w);
    world_configure(&w, NULL,
                    "sites: {ams: {location: [52, 4]}}\n"
                    "checks: {c: {%s, interval: 10s, timeout: 5s, fall: 1}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    check, port);
    world_start(&w);
    if (timeout_ms)
        world_run(&w, timeout_ms, has_result, NULL);
    if (!world_wait(&w, has_result, NULL))
        fail_msg("%s: no result", reason);
    const struct probe *p = &w.checker->plan->probes[0];
    bool silent = p->silent;
    if (p->fsm.health != HEALTH_DOWN || !strstr(p->reason, reason))
        fail_msg("expected '%s', got '%s'", reason, p->reason);
    world_stop(&w);
    world_close(&w);
    return silent;
}

#define HTTP "type: http, expect: {status: 200, body: ready}"
#define TLS "type: https, tls: {verify: false}"

static void test_targets_word(void **state)
{
    (void)state;
    static const struct {
        const char *check;
        enum backend_mode mode;
        const char *reply, *reason;
    } rows[] = {
        {HTTP, BACKEND_REPLY, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "503"},
        {HTTP, BACKEND_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", "body"},
        {HTTP, BACKEND_REPLY, "SSH-2.0-x\r\n\r\n", "not an HTTP"},
        {HTTP, BACKEND_CLOSE, "", "connection "}, /* closed, or reset as it had not read */
        {HTTP, BACKEND_RESET, "", "connection reset"},
        {TLS, BACKEND_REPLY, "HTTP/1.1 400 Bad\r\n\r\n", "TLS"},
        {TLS, BACKEND_CLOSE, "", "connection "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct backend b;
        backend_open(&b, rows[i].mode, rows[i].reply);
        if (is_silent(rows[i].check, b.port, 0, rows[i].reason))
            fail_msg("%s: the target said so", rows[i].reason);
        backend_close(&b);
    }
    assert_false(is_silent("type: tcp", unused_port(), 0, "connect refused"));
}

static void test_nobodys_word(void **state)
{
    (void)state;
    struct backend b;
    struct silent s;
    backend_open(&b, BACKEND_HANG, "");
    assert_true(is_silent(HTTP, b.port, 6000, "timeout after 5s"));
    assert_true(is_silent(TLS, b.port, 6000, "timeout after 5s"));
    backend_close(&b);
    /* The beginning of a reply is no word: who knows why the rest did not come. */
    backend_open(&b, BACKEND_KEEP, "HTTP/1.1 200 OK\r\nContent-Le");
    assert_true(is_silent(HTTP, b.port, 6000, "timeout after 5s"));
    backend_close(&b);
    silent_open(&s);
    assert_true(is_silent("type: tcp", s.port, 6000, "timeout after 5s"));
    silent_close(&s);
    assert_true(is_silent("type: exec, command: [/bin/false]", 80, 0, "exec exited 1"));
    assert_true(is_silent("type: exec, command: [/bin/sleep, '60']", 80, 6000, "timeout after 5s"));
    assert_true(is_silent("type: exec, command: [/bin/sh, -c, 'kill -9 $$']", 80, 0, "signal 9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_word),
        cmocka_unit_test(test_nobodys_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
