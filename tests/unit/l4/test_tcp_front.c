/* SPDX-License-Identifier: Apache-2.0
 * What comes before a member: PROXY headers that are accepted, server names that are routed. */
#include "forward_world.h"

static const struct ip_prefix trusted[] = {{.addr = {.family = IP_V4, .b = {127}}, .len = 8}};
static const struct ip_prefix others[] = {{.addr = {.family = IP_V4, .b = {192, 0, 2}}, .len = 24}};

struct front {
    struct world w;
    int backend;
};

static void front_open(struct front *f)
{
    world_open(&f->w);
    f->backend = listening(64);
    f->w.service.proxy_accept = true;
    f->w.service.proxy_trusted = trusted;
    f->w.service.n_proxy_trusted = 1;
    WORLD_MEMBERS_ARE(&f->w, up(port_of(f->backend)));
}

static void front_close(struct front *f)
{
    close(f->backend);
    world_close(&f->w);
}

static void a_header_says_who_the_client_is(void **state)
{
    (void)state;
    struct front f;
    front_open(&f);
    int client = client_of(f.w.port);
    SAY(client, "PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\nhello");
    int member = accepted(f.backend);
    HEAR(member, "hello"); /* and nothing of the header */
    close(client), close(member);
    WAIT_UNTIL(f.w.n_ended == 1);
    char text[IP_PORT_TEXT_MAX];
    assert_string_equal(ip_port_text(text, &f.w.last.client, f.w.last.client_port),
                        "198.51.100.7:4711");
    assert_string_equal(ip_port_text(text, &f.w.last.local, f.w.last.local_port),
                        "203.0.113.9:443");
    assert_int_equal(f.w.n_rtts, 0); /* the RTT known is the proxy's */
    front_close(&f);
}

static void a_header_may_come_in_pieces(void **state)
{
    (void)state;
    static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x09"
                             "\x12\x67\x01\xbbhello";
    struct front f;
    front_open(&f);
    int client = client_of(f.w.port);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (size_t i = 0; i < sizeof v2 - 1; i++) {
        say(client, v2 + i, 1);
        world_settle(&f.w);
    }
    int member = accepted(f.backend);
    HEAR(member, "hello");
    SAY(member, "hello yourself");
    HEAR(client, "hello yourself");
    close(client), close(member);
    WAIT_UNTIL(f.w.n_ended == 1);
    char text[IP_PORT_TEXT_MAX];
    assert_string_equal(ip_port_text(text, &f.w.last.client, f.w.last.client_port),
                        "198.51.100.7:4711");
    front_close(&f);
}

/* In as v1, out as v2, with the addresses that were told. */
static void a_header_is_handed_on(void **state)
{
    (void)state;
    static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x09"
                             "\x12\x67\x01\xbb";
    struct front f;
    front_open(&f);
    f.w.service.proxy_send = L4_PROXY_V2;
    world_give(&f.w);
    world_settle(&f.w);
    int client = client_of(f.w.port);
    SAY(client, "PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n");
    int member = accepted(f.backend);
    hear(member, v2, sizeof v2 - 1);
    close(client);
    hear_end(member);
    close(member);
    front_close(&f);
}

static void what_is_no_header_is_reset(void **state)
{
    (void)state;
    struct front f;
    front_open(&f);
    int client = client_of(f.w.port);
    SAY(client, "GET / HTTP/1.1\r\n\r\n");
    hear_reset(client);
    close(client);
    assert_int_equal(world_result(&f.w, SERVICE_BAD_HEADER), 1);
    client = client_of(f.w.port);
    SAY(client, "PROXY TCP4");
    close(client); /* in the middle of it */
    WAIT_UNTIL(world_result(&f.w, SERVICE_CLIENT) == 1);
    f.w.service.proxy_trusted = others;
    world_give(&f.w);
    world_settle(&f.w);
    client = client_of(f.w.port);
    hear_reset(client); /* before it says anything */
    close(client);
    assert_int_equal(world_result(&f.w, SERVICE_BAD_HEADER), 2);
    front_close(&f);
}

static void a_header_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct front f;
    front_open(&f);
    f.w.service.idle_timeout_ms = 1000;
    world_give(&f.w);
    world_settle(&f.w);
    int client = client_of(f.w.port);
    SAY(client, "PROXY ");
    hear_reset(client);
    close(client);
    assert_int_equal(world_result(&f.w, SERVICE_BAD_HEADER), 1);
    front_close(&f);
}

static void limits_are_those_of_the_proxied_address(void **state)
{
    (void)state;
    struct front f;
    front_open(&f);
    f.w.service.limits.per_source = 1;
    world_give(&f.w);
    world_settle(&f.w);
    int a = client_of(f.w.port), b = client_of(f.w.port), c = client_of(f.w.port);
    SAY(a, "PROXY TCP4 198.51.100.7 203.0.113.9 1 443\r\n");
    int at_a = accepted(f.backend);
    SAY(b, "PROXY TCP4 198.51.100.7 203.0.113.9 2 443\r\n");
    hear_reset(b);
    SAY(c, "PROXY TCP4 198.51.100.8 203.0.113.9 3 443\r\n");
    int at_c = accepted(f.backend);
    assert_int_equal(world_result(&f.w, SERVICE_SOURCE), 1);
    close(a), close(b), close(c), close(at_a), close(at_c);
    front_close(&f);
}

/* ---- server names ---- */

static uint8_t *put16(uint8_t *p, size_t n)
{
    *p++ = (uint8_t)(n >> 8);
    *p++ = (uint8_t)n;
    return p;
}

/* One with the name as its only extension, in one record; its length. */
static size_t hello(uint8_t *out, const char *name)
{
    size_t n = strlen(name);
    uint8_t *p = out;
    *p++ = 22, *p++ = 3, *p++ = 1;
    p = put16(p, 4 + 2 + 32 + 1 + 4 + 2 + 2 + 9 + n);
    *p++ = 1, *p++ = 0;
    p = put16(p, 2 + 32 + 1 + 4 + 2 + 2 + 9 + n);
    *p++ = 3, *p++ = 3;
    memset(p, 0xa5, 32);
    p += 32;
    *p++ = 0;
    p = put16(p, 2), *p++ = 0x13, *p++ = 1;
    *p++ = 1, *p++ = 0;
    p = put16(p, 9 + n), p = put16(p, 0), p = put16(p, 5 + n), p = put16(p, 3 + n);
    *p++ = 0;
    p = put16(p, n);
    memcpy(p, name, n);
    return (size_t)(p - out) + n;
}

static const struct l4_route routes[] = {{"*.example.net", 1}, {"api.example.com", 2}};

struct names {
    struct world w;
    int backends[WORLD_SETS];
};

static void names_open(struct names *s)
{
    static const char *const set_names[] = {"web/default", "web/wild", "web/api"};
    world_open(&s->w);
    s->w.n_sets = 3;
    for (uint32_t i = 0; i < 3; i++) {
        s->w.sets[i].name = set_names[i];
        s->backends[i] = listening(64);
        s->w.members[i][0] = up(port_of(s->backends[i]));
        s->w.n_members[i] = 1;
    }
    s->w.service.routes = routes;
    s->w.service.n_routes = 2;
    world_give(&s->w);
    world_settle(&s->w);
}

static void names_close(struct names *s)
{
    for (uint32_t i = 0; i < 3; i++)
        close(s->backends[i]);
    world_close(&s->w);
}

static void names_lead_to_sets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t set;
    } cases[] = {
        {"API.example.com", 2}, {"a.example.net", 1}, {"a.b.example.net", 0}, {"else.example", 0}};
    struct names s;
    uint8_t bytes[512];
    names_open(&s);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = hello(bytes, cases[i].name);
        int client = client_of(s.w.port);
        say(client, bytes, n);
        SAY(client, "more");
        int member = accepted(s.backends[cases[i].set]);
        hear(member, bytes, n); /* the hello is passed on whole */
        HEAR(member, "more");
        close(client), close(member);
    }
    names_close(&s);
}

static void a_hello_may_come_in_pieces(void **state)
{
    (void)state;
    struct names s;
    uint8_t bytes[512];
    names_open(&s);
    size_t n = hello(bytes, "api.example.com");
    int client = client_of(s.w.port);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (size_t i = 0; i < n; i++) {
        say(client, &bytes[i], 1);
        world_settle(&s.w);
    }
    int member = accepted(s.backends[2]);
    hear(member, bytes, n);
    close(client), close(member);
    names_close(&s);
}

static void a_name_that_is_not_listed_gets_an_alert(void **state)
{
    (void)state;
    struct names s;
    uint8_t bytes[512];
    names_open(&s);
    s.w.service.set = MODEL_NONE;
    world_give(&s.w);
    world_settle(&s.w);
    size_t n = hello(bytes, "else.example");
    int client = client_of(s.w.port);
    say(client, bytes, n);
    HEAR(client, "\x15\x03\x01\0\x02\x02\x70"); /* unrecognized_name */
    hear_end(client);
    close(client);
    assert_int_equal(world_result(&s.w, SERVICE_BAD_HEADER), 1);
    client = client_of(s.w.port);
    SAY(client, "GET / HTTP/1.1\r\n\r\n");
    HEAR(client, "\x15\x03\x01\0\x02\x02");
    close(client);
    WAIT_UNTIL(world_result(&s.w, SERVICE_BAD_HEADER) == 2);
    names_close(&s);
}

/* A hello that begins behind a header, both of the greatest length. */
static void a_header_and_a_long_hello_fit(void **state)
{
    (void)state;
    struct names s;
    static uint8_t bytes[20000];
    names_open(&s);
    s.w.service.proxy_accept = true;
    s.w.service.proxy_trusted = trusted;
    s.w.service.n_proxy_trusted = 1;
    world_give(&s.w);
    world_settle(&s.w);
    int client = client_of(s.w.port);
    SAY(client, "PROXY TCP4 198.51.100.7 203.0.113.9 1 443\r\n");
    size_t n = hello(bytes, "api.example.com");
    say(client, bytes, n);
    int member = accepted(s.backends[2]);
    hear(member, bytes, n);
    close(client), close(member);
    /* records of a hello that never ends: bounded, and told so */
    client = client_of(s.w.port);
    SAY(client, "PROXY TCP4 198.51.100.7 203.0.113.9 1 443\r\n");
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x16\x03\x01\x40\0\x01\0\x50\0\x03\x03", 11);
    memcpy(bytes + 5 + 16384, "\x16\x03\x01\x10\0", 5);
    send(client, bytes, sizeof bytes, MSG_NOSIGNAL); /* may be reset before it is through */
    WAIT_UNTIL(world_result(&s.w, SERVICE_BAD_HEADER) == 1);
    close(client);
    names_close(&s);
}

/* The routes may change while a hello is awaited. */
static void a_new_plan_holds_for_those_that_wait(void **state)
{
    (void)state;
    struct names s;
    uint8_t bytes[512];
    names_open(&s);
    size_t n = hello(bytes, "api.example.com");
    int client = client_of(s.w.port);
    say(client, bytes, 20);
    WAIT_UNTIL(atomic_load(&s.w.run->active) == 1);
    s.w.service.n_routes = 1;
    world_give(&s.w);
    world_settle(&s.w);
    say(client, bytes + 20, n - 20);
    int member = accepted(s.backends[0]);
    hear(member, bytes, n);
    close(client), close(member);
    names_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_says_who_the_client_is),
        cmocka_unit_test(a_header_may_come_in_pieces),
        cmocka_unit_test(a_header_is_handed_on),
        cmocka_unit_test(what_is_no_header_is_reset),
        cmocka_unit_test(a_header_is_not_waited_for_for_ever),
        cmocka_unit_test(limits_are_those_of_the_proxied_address),
        cmocka_unit_test(names_lead_to_sets),
        cmocka_unit_test(a_hello_may_come_in_pieces),
        cmocka_unit_test(a_name_that_is_not_listed_gets_an_alert),
        cmocka_unit_test(a_header_and_a_long_hello_fit),
        cmocka_unit_test(a_new_plan_holds_for_those_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
