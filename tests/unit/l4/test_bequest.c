/* SPDX-License-Identifier: Apache-2.0
 * What is handed on in a file: flows that are found again, connections and tokens of clients that
 * count, and files that are none. */
#include "l4/bound.h"
#include "l4/counted.h"

#include "l4/client.h"
#include "l4/limits.h"
#include "l4/plan_build.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 5000000

static const struct l4_service services[] = {
    {.name = "web", .limits = {.connections = 100, .per_source = 3}},
    {.name = "dns", .udp = true, .limits = {.connections = 100, .per_source = 3}},
};
static const struct l4_config config = {.services = services, .n_services = 2};

static struct ip nth(uint8_t n)
{
    return (struct ip){.family = IP_V4, .b = {192, 0, 2, n}};
}

static struct bound_key key_of(uint8_t n)
{
    struct bound_key key = {.client_port_be = n, .port = 53};
    memcpy(key.client, nth(n).b, sizeof key.client);
    return key;
}

static struct bequest_member member_of(const char *key)
{
    struct bequest_member m = {.set = "dns", .family = IP_V4, .port = 53, .close_at_ms = 77};
    snprintf(m.key, sizeof m.key, "%s", key);
    return m;
}

static uint64_t client_of(uint8_t n)
{
    struct ip ip = nth(n);
    return client_number(&ip);
}

static void open_file(struct bequest *file, const struct bequest *from)
{
    int fd = bequest_write(from);
    assert_true(fd >= 0);
    assert_int_equal(bequest_open(file, fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
}

static void flows_are_found_again(void **state)
{
    (void)state;
    struct bequest file;
    const struct bequest_member members[] = {member_of("a"), member_of("b")};
    const struct bequest_flow flows[] = {{key_of(1), 0, NOW - 100},
                                         {key_of(2), 1, NOW},
                                         {key_of(1), 1, NOW}}; /* another process's, before */
    struct registry *registry = registry_new();
    open_file(&file,
              &(struct bequest){.members = members, .n_members = 2, .flows = flows, .n_flows = 3});
    struct bound *bound = bound_new(&file, registry);
    bound_hold(bound);
    bound_release(bound, registry);
    const struct bound_key one = key_of(1), two = key_of(2), three = key_of(3);
    struct member *a = bound_find(bound, &one, NOW, 101);
    assert_string_equal(a->key, "a");
    assert_int_equal(a->close_at_ms, 77);
    assert_null(bound_find(bound, &one, NOW, 100));
    assert_string_equal(bound_find(bound, &two, NOW, 1)->key, "b");
    assert_null(bound_find(bound, &three, NOW, 1000));
    struct bound_key other = one;
    other.is_v6 = 1;
    assert_null(bound_find(bound, &other, NOW, 1000));
    uint32_t n;
    registry_collect(registry); /* they are held .. */
    assert_int_equal(bound_flows(bound, &n)[1].member, 1);
    assert_int_equal(n, 3);
    bound_release(bound, registry);
    registry_collect(registry); /* .. until now */
    registry_members(registry, &n);
    assert_int_equal(n, 0);
    registry_free(registry);
}

static void no_flows(void **state)
{
    (void)state;
    struct bequest file;
    struct registry *registry = registry_new();
    open_file(&file, &(struct bequest){0});
    struct bound *bound = bound_new(&file, registry);
    const struct bound_key key = key_of(1);
    assert_null(bound_find(bound, &key, NOW, 1000));
    bound_release(bound, registry);
    registry_free(registry);
}

/* Each wrong in one way; read as a whole or not at all. */
static void what_is_no_such_file(void **state)
{
    (void)state;
    struct bequest out;
    alignas(8) char bytes[4096];
    const struct bequest_service service = {.name = "web"};
    const struct bequest_member member = member_of("a");
    const struct bequest_flow flow = {key_of(1), 0, 0};
    const struct bequest_source source = {.client = 1};
    const struct bequest good = {&service, &member, &flow, &source, 1, 1, 1, 1, NULL, 0};
    int fd = bequest_write(&good);
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    assert_true(n > 0 && n < 4096);
    assert_int_equal(write(fd, "x", 1), -1); /* sealed */
    assert_int_equal(ftruncate(fd, 1), -1);
    close(fd);
    size_t size = (size_t)n, at_member = 24 + sizeof service, at_flow = at_member + sizeof member;
    assert_int_equal(bequest_read(&out, bytes, size), 0);
    assert_int_equal(bequest_read(&out, bytes, size - 1), E_SYNTAX);
    assert_int_equal(bequest_read(&out, bytes, 23), E_SYNTAX);
    const struct {
        size_t at;
        char c;
        size_t n;
    } wrong[] = {
        {0, 'X', 1}, /* the magic */
        {8, 2, 1},   /* more of them than there are */
        {24, 'x', sizeof service.name},
        {at_member, 'x', sizeof member.set},
        {at_member + offsetof(struct bequest_member, key), 'x', sizeof member.key},
        {at_member + offsetof(struct bequest_member, port), 0, 2},
        {at_member + offsetof(struct bequest_member, family), 5, 1},
        {at_flow + offsetof(struct bequest_flow, member), 1, 1},
        {at_flow + sizeof flow + offsetof(struct bequest_source, service), 1, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        alignas(8) char copy[4096];
        memcpy(copy, bytes, sizeof copy);
        memset(copy + wrong[i].at, wrong[i].c, wrong[i].n);
        assert_int_equal(bequest_read(&out, copy, size), E_SYNTAX);
    }
}

static void one_that_is_not_sealed(void **state)
{
    (void)state;
    struct bequest out;
    int fd = memfd_create("x", MFD_CLOEXEC), good = bequest_write(&(struct bequest){0});
    char bytes[24];
    assert_int_equal(pread(good, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(bequest_open(&out, fd), E_SYNTAX);
    close(good);
    fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING); /* empty */
    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    assert_int_equal(bequest_open(&out, fd), E_SYNTAX);
    assert_int_equal(bequest_open(&out, -1), E_SYSTEM);
}

/* ---- clients ---- */

static uint32_t enter_many(struct limits *limits, uint8_t client, uint32_t n)
{
    uint32_t in = 0;
    struct ip ip = nth(client);
    for (uint32_t i = 0; i < n; i++)
        in += limits_enter(limits, &ip, NOW) == LIMITS_OK;
    return in;
}

static void connections_of_clients(void **state)
{
    (void)state;
    /* Client 1 has two, one of which is of process 9; client 2 has three. */
    const struct bequest_service names[] = {{.name = "web"}, {.name = "dns"}, {.name = "gone"}};
    const struct bequest_source sources[] = {
        {.client = client_of(1), .open = 2},
        {.client = client_of(2), .open = 3},
        {.client = client_of(1), .open = 2, .service = 1},
        {.client = client_of(1), .open = 2, .service = 2},
        {.client = client_of(1), .open = 1, .holder = 9},
        {.client = client_of(5), .open = 1, .holder = 9}, /* all together have none */
        {.client = client_of(1), .open = 1, .service = 2, .holder = 9},
    };
    const struct bequest file = {
        .services = names, .n_services = 3, .sources = sources, .n_sources = 7};
    struct counted last = {0}, first = {0};
    struct registry *registry = registry_new();
    counted_adopt(&last, &file, &config, registry, NOW);
    counted_split(&first, &last, &file, registry, 9);
    struct limits *web = plan_service_run(registry, &services[0])->limits;
    struct limits *dns = plan_service_run(registry, &services[1])->limits;
    limits_set(web, &services[0]);
    limits_set(dns, &services[1]);
    assert_int_equal(limits_open(web), 0);
    assert_int_equal(enter_many(web, 1, 5), 1);
    assert_int_equal(enter_many(web, 2, 5), 0);
    assert_int_equal(enter_many(web, 3, 5), 3);
    assert_int_equal(enter_many(web, 5, 5), 3);
    assert_int_equal(enter_many(dns, 1, 5), 3); /* flows of datagrams begin anew */

    json_t *fewer = json_pack("{s:[I,i,I,i], s:[I,i]}", "web", (json_int_t)client_of(2), 1,
                              (json_int_t)client_of(7), 0, "gone", (json_int_t)client_of(1), 0);
    counted_follow(&last, fewer);
    counted_follow(&last, fewer); /* said twice */
    counted_follow(&last, NULL);
    json_t *more = json_pack("{s:[I,i]}", "web", (json_int_t)client_of(2), 2);
    counted_follow(&last, more); /* nobody has more than before */
    json_decref(more);
    assert_int_equal(enter_many(web, 2, 5), 2);
    assert_int_equal(enter_many(web, 1, 5), 0);
    counted_end(&first);
    assert_int_equal(enter_many(web, 1, 5), 1);
    counted_end(&last);
    assert_int_equal(enter_many(web, 1, 5), 1);
    assert_int_equal(enter_many(web, 2, 5), 1);
    counted_free(&first, registry);
    counted_free(&last, registry);
    json_decref(fewer);
    registry_free(registry);
}

static uint32_t n_services(struct registry *registry)
{
    uint32_t n;
    registry_collect(registry);
    registry_services(registry, &n);
    return n;
}

static void a_service_is_kept(void **state)
{
    (void)state;
    const struct bequest_service names[] = {{.name = "web"}};
    const struct bequest_source sources[] = {{.client = client_of(1), .open = 2},
                                             {.client = client_of(1), .open = 1, .holder = 9}};
    const struct bequest file = {
        .services = names, .n_services = 1, .sources = sources, .n_sources = 2};
    struct counted all = {0}, part = {0};
    struct registry *registry = registry_new();
    counted_adopt(&all, &file, &config, registry, NOW);
    assert_int_equal(n_services(registry), 1);
    counted_split(&part, &all, &file, registry, 9);
    counted_free(&all, registry);
    assert_int_equal(n_services(registry), 1);
    counted_end(&part);
    counted_free(&part, registry);
    assert_int_equal(n_services(registry), 0);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_are_found_again),  cmocka_unit_test(no_flows),
        cmocka_unit_test(what_is_no_such_file),   cmocka_unit_test(one_that_is_not_sealed),
        cmocka_unit_test(connections_of_clients), cmocka_unit_test(a_service_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
