/* SPDX-License-Identifier: Apache-2.0
 * l4.yaml as loadstar-l4 gets it: what each key becomes, and what a program that reads it links. */
#include "files.h"

#include "config/config.h"
#include "model/l4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

/* Defined by the readers of what loadstar-l4 has not got. A weak reference draws in nothing: where
 * nothing else does, it is null. */
extern char config_zones_is_linked __asm__("config_zones") __attribute__((weak));
extern char config_geo_is_linked __asm__("config_geo") __attribute__((weak));
extern char config_tiers_is_linked __asm__("config_tiers") __attribute__((weak));
extern char config_anycast_is_linked __asm__("config_anycast") __attribute__((weak));
extern char zonefile_is_linked __asm__("zonefile_read") __attribute__((weak));
extern char zoneyaml_is_linked __asm__("zoneyaml_read") __attribute__((weak));
extern char ldns_is_linked __asm__("ldns_rr_new_frm_str") __attribute__((weak));

static const char pools[] =
    "sites: {ams: {}, iad: {}}\n"
    "checks: {up: {type: tcp}}\n"
    "pools:\n"
    "  api: {checks: [up], sites: {ams: [{address: 10.0.0.1, port: 8443}],\n"
    "                              iad: [{address: 10.0.1.1, port: 8443}]}}\n"
    "  web: {sites: {ams: [10.0.0.2, 10.0.0.3]}}\n";

static int enter(void **state)
{
    (void)state;
    files_enter();
    files_write_text("pools.yaml", pools);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    files_leave();
    return 0;
}

/* Loads without a word, or fails. */
static struct model *load(const char *text)
{
    struct model *m = NULL;
    struct diags diags;
    files_write_text("l4.yaml", text);
    diags_init(&diags);
    if (config_l4_load(&m, "l4.yaml", &diags) != 0 || diags.n) {
        diags_print(&diags, stderr);
        fail_msg("%s", text);
    }
    diags_free(&diags);
    return m;
}

#define MEMBERS "members: [\"10.0.0.1:80\"]"

static struct model *load_service(const char *keys)
{
    char text[1000];
    snprintf(text, sizeof text, "services: {s: {listen: \"192.0.2.80:443\", %s}}\n", keys);
    return load(text);
}

static void assert_listen(const struct l4_listen *l, const char *expected)
{
    char text[IP_PORT_TEXT_MAX];
    assert_string_equal(ip_port_text(text, &l->addr, l->port), expected);
}

static void test_least(void **state)
{
    (void)state;
    struct model *m = load_service(MEMBERS);
    const struct l4_config *c = m->l4;
    assert_string_equal(m->control, "/run/loadstar-l4/control.sock");
    assert_null(m->server.user);
    assert_null(m->server.state_dir);
    assert_int_equal(m->server.exec_concurrency, 32);
    assert_false(m->server.panic.off);
    assert_int_equal(m->server.panic.probes, 8);
    assert_int_equal(m->server.site, MODEL_NONE);
    assert_int_equal(m->server.n_listen, 0);
    assert_int_equal(c->metrics_addr.family, IP_NONE);
    assert_int_equal(c->workers, 0);
    assert_false(c->log_connections);
    assert_int_equal(c->log_sample, 1);
    assert_int_equal(c->n_services, 1);
    assert_int_equal(c->n_sets, 1);
    assert_int_equal(m->n_pools, 0);
    assert_int_equal(m->n_sources, 1);
    assert_int_not_equal(m->file_hash, 0);
    model_free(m);
}

static void test_top(void **state)
{
    (void)state;
    struct model *m = load("control: run/c.sock\nmetrics: \"127.0.0.1:9000\"\nworkers: 3\n"
                           "user: www\nstate_dir: state\nlog: {connections: true, sample: 50}\n"
                           "services: {s: {listen: \"192.0.2.80:443\", " MEMBERS "}}\n");
    assert_string_equal(m->control, "run/c.sock");
    assert_string_equal(m->server.user, "www");
    assert_int_equal(m->server.user_at.line, 4);
    assert_string_equal(m->server.state_dir, "state");
    assert_int_equal(m->server.state_dir_at.line, 5);
    assert_int_equal(m->control_at.line, 1);
    assert_listen(&(struct l4_listen){.addr = m->l4->metrics_addr, .port = m->l4->metrics_port},
                  "127.0.0.1:9000");
    assert_int_equal(m->l4->metrics_at.line, 2);
    assert_int_equal(m->l4->workers, 3);
    assert_true(m->l4->log_connections);
    assert_int_equal(m->l4->log_sample, 50);
    model_free(m);
    m = load("metrics: \"::1\"\nservices: {s: {listen: \"192.0.2.80:443\", " MEMBERS "}}\n");
    assert_int_equal(m->l4->metrics_port, 9254);
    assert_int_equal(m->l4->metrics_addr.family, IP_V6);
    model_free(m);
}

static void test_defaults_of_tcp(void **state)
{
    (void)state;
    struct model *m = load_service(MEMBERS);
    const struct l4_service *s = &m->l4->services[0];
    assert_string_equal(s->name, "s");
    assert_string_equal(s->span.file, "l4.yaml");
    assert_int_equal(s->span.column, 12);
    assert_false(s->udp || s->proxy_accept || s->reset_on_down || s->transparent);
    assert_int_equal(s->balance, L4_LEAST_CONN);
    assert_int_equal(s->relay, L4_RELAY_AUTO);
    assert_int_equal(s->proxy_send, L4_PROXY_NONE);
    assert_int_equal(s->connect_timeout_ms, 2000);
    assert_int_equal(s->connect_retries, 2);
    assert_int_equal(s->idle_timeout_ms, 300000);
    assert_int_equal(s->drain_timeout_ms, 600000);
    assert_int_equal(s->limits.connections, 100000);
    assert_int_equal(s->limits.per_source | s->limits.new_per_second | s->limits.per_source_new, 0);
    assert_int_equal(s->n_routes, 0);
    assert_int_equal(s->set, 0);
    assert_int_equal(s->n_listens, 1);
    assert_listen(&s->listens[0], "192.0.2.80:443");
    assert_int_equal(s->listens[0].span.line, 1);
    model_free(m);
}

static void test_defaults_of_udp(void **state)
{
    (void)state;
    struct model *m = load_service("protocol: udp, " MEMBERS);
    const struct l4_service *s = &m->l4->services[0];
    assert_true(s->udp);
    assert_int_equal(s->balance, L4_MAGLEV);
    assert_int_equal(s->idle_timeout_ms, 10000);
    model_free(m);
    m = load_service("protocol: udp, balance: round_robin, idle_timeout: 1m, " MEMBERS);
    assert_int_equal(m->l4->services[0].balance, L4_ROUND_ROBIN);
    assert_int_equal(m->l4->services[0].idle_timeout_ms, 60000);
    model_free(m);
}

static void test_keys_of_a_service(void **state)
{
    (void)state;
    struct model *m =
        load("services:\n"
             "  web:\n"
             "    listen: [\"192.0.2.80:443\", \"192.0.2.81:8443\"]\n"
             "    protocol: tcp\n"
             "    balance: source_hash\n"
             "    members: [\"10.0.0.1:80\"]\n"
             "    proxy_protocol: {send: v2, accept: true, trusted: [192.0.2.0/24, 10.0.0.0/8]}\n"
             "    connect: {timeout: 250ms, retries: 0}\n"
             "    idle_timeout: 1h\n"
             "    limits: {connections: 10, per_source: 5, new_per_second: 20, per_source_new: 3}\n"
             "    drain: {timeout: 1m}\n"
             "    on_down: reset\n"
             "    transparent: true\n"
             "    relay: splice\n");
    const struct l4_service *s = &m->l4->services[0];
    assert_int_equal(s->n_listens, 2);
    assert_listen(&s->listens[1], "192.0.2.81:8443");
    assert_int_equal(s->balance, L4_SOURCE_HASH);
    assert_int_equal(s->proxy_send, L4_PROXY_V2);
    assert_true(s->proxy_accept);
    assert_int_equal(s->n_proxy_trusted, 2);
    assert_int_equal(s->proxy_trusted[1].len, 8);
    assert_int_equal(s->connect_timeout_ms, 250);
    assert_int_equal(s->connect_retries, 0);
    assert_int_equal(s->idle_timeout_ms, 3600000);
    assert_int_equal(s->limits.connections, 10);
    assert_int_equal(s->limits.per_source, 5);
    assert_int_equal(s->limits.new_per_second, 20);
    assert_int_equal(s->limits.per_source_new, 3);
    assert_int_equal(s->drain_timeout_ms, 60000);
    assert_true(s->reset_on_down && s->transparent);
    assert_int_equal(s->relay, L4_RELAY_SPLICE);
    model_free(m);
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum l4_balance balance;
    } words[] = {{"round_robin", L4_ROUND_ROBIN},
                 {"least_conn", L4_LEAST_CONN},
                 {"random2", L4_RANDOM2},
                 {"maglev", L4_MAGLEV},
                 {"source_hash", L4_SOURCE_HASH}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char keys[100];
        snprintf(keys, sizeof keys, "balance: %s, " MEMBERS, words[i].word);
        struct model *m = load_service(keys);
        assert_int_equal(m->l4->services[0].balance, words[i].balance);
        model_free(m);
    }
    struct model *m = load_service("relay: copy, proxy_protocol: {send: v1}, " MEMBERS);
    assert_int_equal(m->l4->services[0].relay, L4_RELAY_COPY);
    assert_int_equal(m->l4->services[0].proxy_send, L4_PROXY_V1);
    model_free(m);
}

static void test_listed(void **state)
{
    (void)state;
    struct model *m = load_service("members: [10.0.0.1, \"[2001:db8::1]:80\", "
                                   "{address: 10.0.0.1, port: 81, weight: 0}]");
    const struct l4_set *set = &m->l4->sets[0];
    assert_string_equal(set->name, "s");
    assert_int_equal(set->pool, MODEL_NONE);
    assert_int_equal(set->site, MODEL_NONE);
    assert_int_equal(set->n_listed, 3);
    assert_int_equal(set->listed[0].port, 443);
    assert_int_equal(set->listed[0].weight, 1);
    assert_int_equal(set->listed[1].addr.family, IP_V6);
    assert_int_equal(set->listed[1].port, 80);
    assert_int_equal(set->listed[2].port, 81);
    assert_int_equal(set->listed[2].weight, 0);
    assert_int_equal(set->listed[2].span.column, 82);
    model_free(m);
}

static void test_pool_of_loadstard(void **state)
{
    (void)state;
    struct model *m = load_service("members: {pool: web-backends}");
    const struct l4_set *set = &m->l4->sets[m->l4->services[0].set];
    assert_string_equal(set->name, "s");
    assert_int_equal(set->pool, MODEL_NONE);
    assert_int_equal(set->n_listed, 0);
    model_free(m);
}

static void test_pool_of_ours(void **state)
{
    (void)state;
    struct model *m = load("pools: pools.yaml\nservices:\n"
                           "  a: {listen: \"192.0.2.80:443\", members: {pool: api, site: iad}}\n"
                           "  b: {listen: \"192.0.2.80:80\", members: {pool: web}}\n");
    const struct l4_set *v = m->l4->sets;
    assert_int_equal(m->l4->n_sets, 2);
    assert_int_equal(v[0].pool, model_find_pool(m, "api"));
    assert_int_equal(v[0].site, model_find_site(m, "iad"));
    assert_int_equal(v[1].pool, model_find_pool(m, "web"));
    assert_int_equal(v[1].site, MODEL_NONE);
    assert_int_equal(v[1].port, 80);
    assert_int_equal(m->l4->services[1].set, 1);
    assert_int_equal(m->n_endpoints, 4);
    assert_int_equal(m->n_checks, 1);
    assert_int_equal(m->n_sources, 2);
    model_free(m);
}

static void assert_route(const struct l4_config *c, uint32_t i, const char *name, const char *set)
{
    const struct l4_route *r = &c->services[0].routes[i];
    assert_string_equal(r->name, name);
    assert_string_equal(c->sets[r->set].name, set);
}

static void test_server_names(void **state)
{
    (void)state;
    struct model *m =
        load_service("tls: {sni: {\"*.B.example\": x, api.Example.: y, default: z, a: x}}");
    const struct l4_config *c = m->l4;
    assert_int_equal(c->n_sets, 3);
    assert_int_equal(c->services[0].n_routes, 3);
    assert_route(c, 0, "*.b.example", "s/x");
    assert_route(c, 1, "a", "s/x");
    assert_route(c, 2, "api.example", "s/y");
    assert_string_equal(c->sets[c->services[0].set].name, "s/z");
    model_free(m);
    m = load_service("tls: {sni: {a: x}}");
    assert_int_equal(m->l4->services[0].set, MODEL_NONE);
    model_free(m);
}

/* Of a pool there is one set, whoever names it; a list goes by the service's name. */
static void test_members_beside_server_names(void **state)
{
    (void)state;
    struct model *m = load_service("members: {pool: x}, tls: {sni: {a: x, b: {pool: y}}}");
    assert_int_equal(m->l4->n_sets, 2);
    assert_string_equal(m->l4->sets[m->l4->services[0].set].name, "s/x");
    assert_route(m->l4, 0, "a", "s/x");
    model_free(m);
    m = load_service(MEMBERS ", tls: {sni: {a: x}}");
    assert_string_equal(m->l4->sets[m->l4->services[0].set].name, "s");
    assert_route(m->l4, 0, "a", "s/x");
    model_free(m);
}

static void test_sets_of_several_services(void **state)
{
    (void)state;
    struct model *m = load("services:\n"
                           "  a: {listen: \"192.0.2.80:443\", members: {pool: x}}\n"
                           "  b: {listen: \"192.0.2.80:443\", protocol: udp, members: {pool: x}}\n"
                           "  c: {listen: \"192.0.2.81:443\", tls: {sni: {n: x}}}\n");
    static const char *const names[] = {"a", "b", "c/x"};
    assert_int_equal(m->l4->n_sets, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_equal(m->l4->sets[i].name, names[i]);
    assert_int_equal(m->l4->services[1].set, 1);
    assert_int_equal(m->l4->services[2].routes[0].set, 2);
    model_free(m);
}

/* Whether what is on disk is what runs: status tells. */
static void test_disk_hash(void **state)
{
    (void)state;
    struct model *m = load("pools: pools.yaml\nservices:\n"
                           "  a: {listen: \"192.0.2.80:443\", members: {pool: api}}\n");
    struct disk_memory *memory = NULL;
    uint64_t hash;
    assert_int_equal(config_disk_hash(&hash, m, &memory), 0);
    assert_true(hash == m->file_hash);
    files_write_text("pools.yaml", "pools: {}\n");
    assert_int_equal(config_disk_hash(&hash, m, &memory), 0);
    assert_false(hash == m->file_hash);
    disk_memory_free(memory);
    model_free(m);
}

static void test_links_no_more(void **state)
{
    (void)state;
    assert_null(&config_zones_is_linked);
    assert_null(&config_geo_is_linked);
    assert_null(&config_tiers_is_linked);
    assert_null(&config_anycast_is_linked);
    assert_null(&zonefile_is_linked);
    assert_null(&zoneyaml_is_linked);
    assert_null(&ldns_is_linked);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_least),
        TEST(test_top),
        TEST(test_defaults_of_tcp),
        TEST(test_defaults_of_udp),
        TEST(test_keys_of_a_service),
        TEST(test_words),
        TEST(test_listed),
        TEST(test_pool_of_loadstard),
        TEST(test_pool_of_ours),
        TEST(test_server_names),
        TEST(test_members_beside_server_names),
        TEST(test_sets_of_several_services),
        TEST(test_disk_hash),
        TEST(test_links_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
