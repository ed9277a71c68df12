/* SPDX-License-Identifier: Apache-2.0
 * The running configuration of bgpd: what is ours, what is not, and what is neither. */
#include "anycast/frr_config.h"

#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As bgpd 8.4.4 prints it by its vty, shortened. */
static const char config_844[] = "frr version 8.4.4\n"
                                 "frr defaults traditional\n"
                                 "!\n"
                                 "hostname f\n"
                                 "router bgp 65002 vrf red\n"
                                 " address-family ipv4 unicast\n"
                                 "  network 198.51.100.0/24 route-map LOADSTAR-red-1\n"
                                 " exit-address-family\n"
                                 "exit\n"
                                 "!\n"
                                 "router bgp 65001\n"
                                 " bgp router-id 10.9.0.2\n"
                                 " neighbor 10.9.0.1 remote-as 65000\n"
                                 " !\n"
                                 " address-family ipv4 unicast\n"
                                 "  network 192.0.2.0/24\n"
                                 "  network 192.0.2.53/32 route-map LOADSTAR-dns-0a1b2c3d\n"
                                 "  network 192.0.2.54/32 label-index 7 route-map THEIRS\n"
                                 "  network 192.0.2.55/32 route-map LOADSTAR-\n"
                                 "  network 192.0.2.56/32 route-map LOADSTAR-x;y\n"
                                 "  network nonsense\n"
                                 "  network 2001:db8::1/128 route-map LOADSTAR-dns-0a1b2c3d\n"
                                 " exit-address-family\n"
                                 " !\n"
                                 " address-family ipv4 multicast\n"
                                 "  network 203.0.113.1/32 route-map LOADSTAR-dns-0a1b2c3d\n"
                                 " exit-address-family\n"
                                 " !\n"
                                 " address-family ipv6 unicast\n"
                                 "  network 2001:db8::53/128 route-map LOADSTAR-dns-0a1b2c3d\n"
                                 " exit-address-family\n"
                                 "exit\n"
                                 "!\n"
                                 "route-map LOADSTAR-dns-0a1b2c3d permit 10\n"
                                 " set community 65001:53 additive\n"
                                 "exit\n"
                                 "!\n"
                                 "route-map THEIRS permit 10\n"
                                 "exit\n"
                                 "route-map LOADSTAR-old_1.20 permit 10\n"
                                 "exit\n";

static const struct frr_network *network(const struct frr_config *config, const char *text)
{
    struct ip_prefix prefix;
    assert_int_equal(ip_prefix_parse(&prefix, text), 0);
    return frr_config_network(config, &prefix);
}

static void ours_are_told_from_others(void **state)
{
    struct frr_config config;
    (void)state;
    assert_int_equal(frr_config_read(&config, slice_str(config_844)), 0);
    assert_string_equal(config.version, "8.4.4");
    assert_true(config.has_router);
    assert_int_equal(config.as, 65001);
    assert_string_equal(config.as_text, "65001");
    assert_int_equal(config.networks.n, 6);
    assert_true(network(&config, "192.0.2.53/32")->is_ours);
    assert_string_equal(network(&config, "192.0.2.53/32")->map, "LOADSTAR-dns-0a1b2c3d");
    assert_true(network(&config, "2001:db8::53/128")->is_ours);
    assert_false(network(&config, "192.0.2.0/24")->is_ours);
    assert_false(network(&config, "192.0.2.54/32")->is_ours);
    assert_false(network(&config, "192.0.2.55/32")->is_ours);
    assert_false(network(&config, "192.0.2.56/32")->is_ours);
    assert_null(network(&config, "198.51.100.0/24"));
    assert_null(network(&config, "203.0.113.1/32"));
    assert_null(network(&config, "2001:db8::1/128"));
    assert_null(network(&config, "192.0.2.52/31"));
    assert_int_equal(config.maps.n, 2);
    assert_true(frr_config_has_map(&config, "LOADSTAR-old_1.20"));
    assert_false(frr_config_has_map(&config, "LOADSTAR-old_1.2"));
    assert_false(frr_config_has_map(&config, "THEIRS"));
    frr_config_free(&config);
}

static void expect_as(const char *text, bool has, uint32_t as)
{
    struct frr_config config;
    char all[128];
    snprintf(all, sizeof all, "frr version 9\nrouter bgp %s\n", text);
    assert_int_equal(frr_config_read(&config, slice_str(all)), 0);
    assert_int_equal(config.has_router, has);
    if (has)
        assert_int_equal(config.as, as);
    frr_config_free(&config);
}

static void the_as_has_two_forms(void **state)
{
    (void)state;
    expect_as("4294967295", true, UINT32_MAX);
    expect_as("4294967296", false, 0);
    expect_as("1.10", true, 65546);
    expect_as("65535.65535 as-notation dot", true, UINT32_MAX);
    expect_as("65536.1", false, 0);
    expect_as("1.65536", false, 0);
    expect_as(".1", false, 0);
    expect_as("1.", false, 0);
    expect_as("0", false, 0);
    expect_as("", false, 0);
    expect_as("65001 view other", false, 0);
    expect_as("65001 vrf other", false, 0);
}

static void what_is_no_configuration_is_refused(void **state)
{
    static const char *const texts[] = {"", "{}", "% Unknown command", "router ospf\n network x\n",
                                        "   router bgp 1\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct frr_config config;
        assert_int_equal(frr_config_read(&config, slice_str(texts[i])), E_SYNTAX);
        frr_config_free(&config);
    }
}

static void it_is_read_without_an_end(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof config_844; n++) {
        struct frr_config config;
        uint8_t *bytes = malloc(n + 1);
        memcpy(bytes, config_844, n);
        (void)!frr_config_read(&config, slice_of(bytes, n));
        assert_true(config.networks.n <= 6);
        frr_config_free(&config);
        free(bytes);
    }
}

static void long_words_are_left_out(void **state)
{
    char text[512], name[201];
    struct frr_config config;
    (void)state;
    memset(name, 'a', 200);
    name[200] = '\0';
    snprintf(text, sizeof text,
             "frr version 8\nrouter bgp 1\n address-family ipv4 unicast\n"
             "  network 192.0.2.1/32 route-map LOADSTAR-%s\n",
             name);
    assert_int_equal(frr_config_read(&config, slice_str(text)), 0);
    assert_false(network(&config, "192.0.2.1/32")->is_ours);
    frr_config_free(&config);
    for (int n = FRR_MAP_NAME_MAX - 1; n <= FRR_MAP_NAME_MAX; n++) {
        snprintf(text, sizeof text, "frr version 8\nroute-map LOADSTAR-%.*s permit 10\n",
                 n - (int)strlen(FRR_MAP_PREFIX), name);
        assert_int_equal(frr_config_read(&config, slice_str(text)), 0);
        assert_int_equal(config.maps.n, n < FRR_MAP_NAME_MAX);
        frr_config_free(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_are_told_from_others),
        cmocka_unit_test(the_as_has_two_forms),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(it_is_read_without_an_end),
        cmocka_unit_test(long_words_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
