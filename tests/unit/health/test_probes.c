/* SPDX-License-Identifier: Apache-2.0
 * What each kind of probe finds, and the reason it gives, against back ends that misbehave. */
#include "settable_clock.h"
#include "world.h"

#include "certs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether time is to move on, and who must keep the probe waiting by then; NULL: its command. */
static bool times_out;
static struct backend *timed_out_by;

/* Probes one endpoint with `check` (the YAML of one check) until its first result. */
static void probe_at(struct world *w, const char *address, const char *check, uint16_t port)
{
    world_configure(w, NULL,
                    "sites: {ams: {location: [52, 4]}}\nchecks: {c: {%s}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: \"%s\", port: %u, "
                    "name: web7}]}}}\n",
                    check, address, port);
    world_start(w);
    if (timed_out_by && !world_wait(w, backend_is_waiting, timed_out_by))
        fail_msg("%s does not get so far", check);
    if (times_out && !world_run(w, 2000, world_all_tried, NULL))
        fail_msg("no timeout of %s", check);
    if (!world_wait(w, world_all_tried, NULL))
        fail_msg("no result of %s", check);
}

static void probe(struct world *w, const char *check, uint16_t port)
{
    probe_at(w, "127.0.0.1", check, port);
}

static void expect(struct world *w, const char *check, uint16_t port, enum health health,
                   const char *reason)
{
    times_out = strncmp(reason, "timeout", 7) == 0;
    probe(w, check, port);
    times_out = false;
    timed_out_by = NULL;
    const struct endpoint_state *s = world_state(w, 0);
    if (strcmp(s->reason + strlen("c: "), reason) != 0 || s->health != health)
        fail_msg("%s: %s, \"%s\"; expected \"%s\"", check, health_text(s->health), s->reason,
                 reason);
    world_stop(w);
}

/* ---- http ---- */

static const struct {
    enum backend_mode mode;
    const char *reply, *check;
    enum health health;
    const char *reason;
} http_cases[] = {
    {BACKEND_REPLY, OK_REPLY, "type: http", HEALTH_UP, "status 200"},
    {BACKEND_KEEP, OK_REPLY, "type: http", HEALTH_UP, "status 200"},
    {BACKEND_SLOW, OK_REPLY, "type: http, expect: {body: ready}", HEALTH_UP,
     "status 200, body contains \"ready\""},
    {BACKEND_KEEP, "HTTP/1.1 503 Sorry\r\n", "type: http", HEALTH_DOWN,
     "status 503, expected 200-299"},
    {BACKEND_REPLY, OK_REPLY, "type: http, expect: {status: [301, 404]}", HEALTH_DOWN,
     "status 200, expected 301,404"},
    {BACKEND_REPLY, OK_REPLY, "type: http, expect: {body: READY}", HEALTH_DOWN,
     "body does not contain \"READY\" (5 bytes read)"},
    {BACKEND_KEEP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nre\r\n3\r\nady\r\n",
     "type: http, expect: {body: ready}", HEALTH_UP, "status 200, body contains \"ready\""},
    {BACKEND_CLOSE, "", "type: http", HEALTH_DOWN, NULL}, /* closed or reset: a race */
    {BACKEND_REPLY, "", "type: http", HEALTH_DOWN, "connection closed before the response header"},
    {BACKEND_REPLY, "HTTP/1.1 200 OK\r\nA: b", "type: http", HEALTH_DOWN,
     "connection closed within the response header"},
    {BACKEND_RESET, "", "type: http", HEALTH_DOWN,
     "connection reset waiting for the response header"},
    {BACKEND_HANG, "", "type: http, timeout: 100ms", HEALTH_DOWN,
     "timeout after 100ms waiting for the response header"},
    {BACKEND_KEEP, "HTTP/1.1 200 OK\r\n\r\nrea",
     "type: http, timeout: 100ms, expect: {body: ready}", HEALTH_DOWN,
     "timeout after 100ms reading the body"},
    {BACKEND_KEEP, "220 mail.example.net ESMTP\r\n", "type: http", HEALTH_DOWN,
     "not an HTTP/1 reply: \"220 mail.example.net ESMTP\""},
    {BACKEND_KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "type: http, method: HEAD",
     HEALTH_UP, "status 200"},
};

static void test_http(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(http_cases); i++) {
        struct backend b;
        backend_open(&b, http_cases[i].mode, http_cases[i].reply);
        bool hangs = http_cases[i].reason && strncmp(http_cases[i].reason, "timeout", 7) == 0;
        timed_out_by = hangs ? &b : NULL;
        if (http_cases[i].reason) {
            expect(&w, http_cases[i].check, b.port, http_cases[i].health, http_cases[i].reason);
        } else {
            probe(&w, http_cases[i].check, b.port);
            assert_int_equal(world_state(&w, 0)->health, http_cases[i].health);
            world_stop(&w);
        }
        backend_close(&b);
    }
    expect(&w, "type: http", unused_port(), HEALTH_DOWN, "connect refused");
    world_close(&w);
}

/* While we did not run, the reply may have come: that is not the back end's fault. */
static void test_pause_is_no_timeout(void **state)
{
    (void)state;
    struct world w;
    struct backend b;
    world_open(&w);
    backend_open(&b, BACKEND_REPLY, OK_REPLY);
    world_configure(&w, NULL,
                    "sites: {ams: {location: [52, 4]}}\n"
                    "checks: {c: {type: http, interval: 1h, timeout: 100ms}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    b.port);
    world_start(&w);
    settable_clock_advance_ms(400);
    assert_true(world_wait(&w, world_all_tried, NULL));
    assert_string_equal(world_state(&w, 0)->reason, "c: status 200");
    world_stop(&w);
    backend_close(&b);
    world_close(&w);
}

/* A peer that sends as fast as it can has one buffer a turn of the loop, as all others have. */
static void test_floods_take_turns(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20, BUFFER = 16 << 10 };
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    struct world w;
    struct backend b;
    char *reply = malloc(SIZE + 1);
    assert_non_null(reply);
    memset(reply, 'a', SIZE);
    memcpy(reply, head, sizeof head - 1);
    reply[SIZE] = '\0';
    world_open(&w);
    backend_open(&b, BACKEND_REPLY, reply);
    probe(&w, "type: http, expect: {body: b}, max_body: 16M", b.port);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_DOWN);
    assert_non_null(strstr(world_state(&w, 0)->reason, "body does not contain"));
    assert_true(w.n_turns >= SIZE / BUFFER);
    world_stop(&w);
    backend_close(&b);
    world_close(&w);
    free(reply);
}

static void test_http_request(void **state)
{
    (void)state;
    struct world w;
    struct backend b;
    char host[64];
    world_open(&w);
    backend_open(&b, BACKEND_REPLY, OK_REPLY);
    expect(&w, "type: http, path: /healthz?full=1, host: www.example.com", b.port, HEALTH_UP,
           "status 200");
    assert_ptr_equal(strstr(b.request, "GET /healthz?full=1 HTTP/1.1\r\n"), b.request);
    assert_non_null(strstr(b.request, "\r\nHost: www.example.com\r\n"));
    assert_non_null(strstr(b.request, "\r\nConnection: close\r\n"));
    expect(&w, "type: http, method: HEAD", b.port, HEALTH_UP, "status 200");
    assert_ptr_equal(strstr(b.request, "HEAD / HTTP/1.1\r\n"), b.request);
    snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%u\r\n", b.port);
    assert_non_null(strstr(b.request, host));
    backend_close(&b);
    world_close(&w);
}

static void test_ipv6(void **state)
{
    (void)state;
    struct world w;
    struct backend b;
    char host[64];
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int missing = bind(fd, (const struct sockaddr *)&to, sizeof to);
    close(fd);
    if (missing)
        skip();
    world_open(&w);
    backend_open(&b, BACKEND_REPLY, OK_REPLY);
    probe_at(&w, "::1", "type: http", b.port);
    assert_string_equal(world_state(&w, 0)->reason, "c: status 200");
    world_stop(&w);
    snprintf(host, sizeof host, "\r\nHost: [::1]:%u\r\n", b.port);
    assert_non_null(strstr(b.request, host));
    backend_close(&b);
    world_close(&w);
}

/* ---- https ---- */

struct authority {
    struct certificate ca, other_ca;
    char ca_path[96], cert_path[96], key_path[96];
};

static void authority_open(struct authority *a, const struct world *w)
{
    a->ca = certificate_make(&(struct certificate_wish){"Test CA", NULL, -10, 10, NULL, 1});
    a->other_ca = certificate_make(&(struct certificate_wish){"Other CA", NULL, -10, 10, NULL, 1});
    snprintf(a->ca_path, sizeof a->ca_path, "%s/ca.pem", w->dir);
    snprintf(a->cert_path, sizeof a->cert_path, "%s/client.pem", w->dir);
    snprintf(a->key_path, sizeof a->key_path, "%s/client.key", w->dir);
    certificate_write(&a->ca, a->ca_path, NULL);
    struct certificate client =
        certificate_make(&(struct certificate_wish){"checker", NULL, -1, 1, &a->ca, 0});
    certificate_write(&client, a->cert_path, a->key_path);
    certificate_free(&client);
}

static void authority_close(struct authority *a)
{
    certificate_free(&a->ca);
    certificate_free(&a->other_ca);
}

static const struct {
    const char *common_name, *names;
    int from_days, until_days;
    enum { BY_CA, BY_OTHER, BY_SELF } by;
    const char *check; /* beside type, and tls: {ca_file} */
    const char *tls;
    enum health health;
    const char *reason;
} tls_cases[] = {
    {"x", "DNS:www.example.com", -1, 1, BY_CA, "host: www.example.com", "", HEALTH_UP,
     "status 200"},
    {"x", "DNS:*.example.com", -1, 1, BY_CA, "host: \"www.example.com:8443\"", "", HEALTH_UP,
     "status 200"},
    {"www.example.com", NULL, -1, 1, BY_CA, "host: www.example.com", "", HEALTH_UP, "status 200"},
    {"x", "IP:127.0.0.1", -1, 1, BY_CA, "path: /", "", HEALTH_UP, "status 200"},
    {"x", "DNS:a.example.com", -1, 1, BY_CA, "host: b.example.com", ", sni: a.example.com",
     HEALTH_UP, "status 200"},
    {"x", "DNS:other.example.net", -1, 1, BY_CA, "host: www.example.com", "", HEALTH_DOWN,
     "certificate is for other.example.net, expected www.example.com"},
    {"x", "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example", -1, 1, BY_CA,
     "host: www.example.com", "", HEALTH_DOWN,
     "certificate is for a.example, b.example, c.example, ..., expected www.example.com"},
    {"x", "DNS:www.example.com,IP:192.0.2.9", -1, 1, BY_CA, "path: /", "", HEALTH_DOWN,
     "certificate is for www.example.com, 192.0.2.9, expected 127.0.0.1"},
    {"x", "DNS:www.example.com", -9, -3, BY_CA, "host: www.example.com", "", HEALTH_DOWN,
     "certificate expired 3 days ago"},
    {"x", "DNS:www.example.com", 2, 9, BY_CA, "host: www.example.com", "", HEALTH_DOWN,
     "certificate becomes valid only in 2 days"},
    {"x", "DNS:www.example.com", -1, 1, BY_OTHER, "host: www.example.com", "", HEALTH_DOWN,
     "certificate signed by an unknown authority"},
    {"x", "DNS:www.example.com", -1, 1, BY_SELF, "host: www.example.com", "", HEALTH_DOWN,
     "certificate signed by an unknown authority (by itself)"},
    {"x", "DNS:other.example.net", -9, -3, BY_SELF, "host: www.example.com", ", verify: false",
     HEALTH_UP, "status 200"},
};

static void test_https(void **state)
{
    (void)state;
    struct world w;
    struct authority a;
    char check[512];
    world_open(&w);
    authority_open(&a, &w);
    for (size_t i = 0; i < ARRAY_LEN(tls_cases); i++) {
        const struct certificate *issuers[] = {&a.ca, &a.other_ca, NULL};
        struct certificate c = certificate_make(&(struct certificate_wish){
            tls_cases[i].common_name, tls_cases[i].names, tls_cases[i].from_days,
            tls_cases[i].until_days, issuers[tls_cases[i].by], 0});
        SSL_CTX *tls = server_context(&c, NULL);
        struct backend b;
        backend_open_tls(&b, OK_REPLY, tls);
        snprintf(check, sizeof check, "type: https, %s, tls: {ca_file: %s%s}", tls_cases[i].check,
                 a.ca_path, tls_cases[i].tls);
        expect(&w, check, b.port, tls_cases[i].health, tls_cases[i].reason);
        backend_close(&b);
        SSL_CTX_free(tls);
        certificate_free(&c);
    }
    authority_close(&a);
    world_close(&w);
}

static void test_client_certificate(void **state)
{
    (void)state;
    struct world w;
    struct authority a;
    struct backend b;
    char check[512];
    world_open(&w);
    authority_open(&a, &w);
    struct certificate c =
        certificate_make(&(struct certificate_wish){"x", "IP:127.0.0.1", -1, 1, &a.ca, 0});
    SSL_CTX *tls = server_context(&c, &a.ca);
    backend_open_tls(&b, OK_REPLY, tls);
    snprintf(check, sizeof check, "type: https, tls: {ca_file: %s}", a.ca_path);
    expect(&w, check, b.port, HEALTH_DOWN, "the server requires a client certificate");
    snprintf(check, sizeof check, "type: https, tls: {ca_file: %s, cert_file: %s, key_file: %s}",
             a.ca_path, a.cert_path, a.key_path);
    expect(&w, check, b.port, HEALTH_UP, "status 200");
    backend_close(&b);
    SSL_CTX_free(tls);
    certificate_free(&c);
    authority_close(&a);
    world_close(&w);
}

static void test_tls_that_is_none(void **state)
{
    (void)state;
    struct world w;
    struct backend b;
    world_open(&w);
    backend_open(&b, BACKEND_REPLY, "HTTP/1.1 400 Bad Request\r\n\r\n");
    expect(&w, "type: https, tls: {verify: false}", b.port, HEALTH_DOWN,
           "the server does not speak TLS on this port");
    b.mode = BACKEND_HANG;
    timed_out_by = &b;
    expect(&w, "type: https, tls: {verify: false}, timeout: 100ms", b.port, HEALTH_DOWN,
           "timeout after 100ms in the TLS handshake");
    backend_close(&b);
    world_close(&w);
}

/* Servers that keep a probe busy with TLS and never answer: found out by what they send, whatever
 * the timeout. */
static void test_tls_without_end(void **state)
{
    (void)state;
    static const struct {
        enum backend_mode mode;
        const char *check, *reason;
    } cases[] = {
        {BACKEND_KEYS, "type: https, timeout: 1h, interval: 1h, tls: {verify: false}",
         "too much TLS: more than 64 messages since the handshake"},
        {BACKEND_PADS,
         "type: https, timeout: 1h, interval: 1h, max_body: 1k, expect: {body: x}, "
         "tls: {verify: false}",
         "too much TLS: more than 295936 bytes for one reply"},
    };
    struct world w;
    struct certificate c =
        certificate_make(&(struct certificate_wish){"x", "IP:127.0.0.1", -1, 1, NULL, 0});
    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX *tls = server_context(&c, NULL);
        struct backend b;
        SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
        backend_open_tls(&b, "HTTP/1.1 200 OK\r\nX-Header: and more and more of it", tls);
        b.mode = (int)cases[i].mode;
        expect(&w, cases[i].check, b.port, HEALTH_DOWN, cases[i].reason);
        backend_close(&b);
        SSL_CTX_free(tls);
    }
    certificate_free(&c);
    world_close(&w);
}

/* ---- exec ---- */

static const struct {
    const char *command;
    enum health health;
    const char *reason;
} exec_cases[] = {
    {"[/bin/true]", HEALTH_UP, "exec exited 0"},
    {"[/bin/false]", HEALTH_DOWN, "exec exited 1"},
    {"[/bin/sh, -c, echo fine]", HEALTH_UP, "fine"},
    {"[/bin/sh, -c, \"echo disk full >&2; echo more >&2; exit 2\"]", HEALTH_DOWN,
     "exec exited 2: disk full"},
    {"[/bin/sh, -c, \"printf 'a\\\\tb\\\\377'; exit 3\"]", HEALTH_DOWN, "exec exited 3: a b\\xff"},
    {"[/bin/sh, -c, \"kill -TERM $$\"]", HEALTH_DOWN, "exec killed by signal 15 (Terminated)"},
    {"[/bin/sh, -c, \"sleep 60 & echo $!; wait\"]", HEALTH_DOWN,
     "timeout after 300ms running the command"},
    {"[/bin/sh, -c, \"sleep 2 >/dev/null 2>&1 & echo left one\"]", HEALTH_UP, "left one"},
    {"[/nonexistent/check]", HEALTH_UNKNOWN,
     "exec cannot run /nonexistent/check: no such file or directory"},
    {"[/bin/echo, \"{address}\", \"{port}x\", \"{name}\", \"{pool}/{site}\", \"{what}\", \"{\"]",
     HEALTH_UP, "127.0.0.1 9x web7 www/ams {what} {"},
    {"[/bin/sh, -c, 'echo $LOADSTAR_ADDRESS $LOADSTAR_PORT $LOADSTAR_NAME $LOADSTAR_POOL "
     "$LOADSTAR_SITE $LOADSTAR_CHECK']",
     HEALTH_UP, "127.0.0.1 9 web7 www ams c"},
};

static void test_exec(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(exec_cases); i++) {
        char check[512];
        snprintf(check, sizeof check, "type: exec, timeout: 300ms, command: %s",
                 exec_cases[i].command);
        expect(&w, check, 9, exec_cases[i].health, exec_cases[i].reason);
    }
    world_close(&w);
}

static bool is_file(struct world *w, void *arg)
{
    (void)w;
    return access(arg, F_OK) == 0;
}

/* The timeout ends what the command started, too. */
static void test_exec_kills_the_group(void **state)
{
    (void)state;
    struct world w;
    char check[512], path[96];
    int pid = 0;
    world_open(&w);
    snprintf(path, sizeof path, "%s/pid", w.dir);
    snprintf(check, sizeof check,
             "type: exec, timeout: 300ms, command: [/bin/sh, -c, 'sleep 60 & echo $! > %s.new; mv "
             "%s.new %s; wait']",
             path, path, path);
    world_configure(&w, NULL,
                    "sites: {ams: {location: [52, 4]}}\nchecks: {c: {%s}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [192.0.2.1]}}}\n",
                    check);
    world_start(&w);
    assert_true(world_wait(&w, is_file, path));
    FILE *file = fopen(path, "r");
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(kill(pid, 0), 0);
    assert_true(world_run(&w, 2000, world_all_tried, NULL));
    world_stop(&w);
    /* Nobody may be there to reap it, so it may stay as a zombie: but soon it runs no more. */
    bool runs = true;
    for (int i = 0; runs && i < 6000; i++) {
        char status[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        file = fopen(path, "r");
        runs = file && fgets(status, sizeof status, file) && !strstr(status, ") Z");
        if (file)
            fclose(file);
        if (runs)
            usleep(10000);
    }
    assert_false(runs);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_pause_is_no_timeout),
        cmocka_unit_test(test_floods_take_turns),
        cmocka_unit_test(test_http_request),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_https),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_tls_that_is_none),
        cmocka_unit_test(test_tls_without_end),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_exec_kills_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
