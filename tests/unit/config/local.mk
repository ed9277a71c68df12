# SPDX-License-Identifier: Apache-2.0
UNIT_config = $(LINK_config) $(LDNS_LIBS) $(CMOCKA_LIBS)
CONFIG_TEST_SUPPORT = tests/unit/config/files.c tests/unit/config/files.h
CONFIG_TEST_MESSAGES = $(CONFIG_TEST_SUPPORT) tests/unit/config/messages.c tests/unit/config/messages.h

check_PROGRAMS += tests/unit/config/test_messages_server
tests_unit_config_test_messages_server_SOURCES = \
	tests/unit/config/test_messages_server.c $(CONFIG_TEST_MESSAGES)
tests_unit_config_test_messages_server_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_messages_pools
tests_unit_config_test_messages_pools_SOURCES = \
	tests/unit/config/test_messages_pools.c $(CONFIG_TEST_MESSAGES)
tests_unit_config_test_messages_pools_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_messages_tiers
tests_unit_config_test_messages_tiers_SOURCES = \
	tests/unit/config/test_messages_tiers.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_messages_tiers_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_answer_ttls
tests_unit_config_test_answer_ttls_SOURCES = tests/unit/config/test_answer_ttls.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_answer_ttls_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_tiers
tests_unit_config_test_tiers_SOURCES = tests/unit/config/test_tiers.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_tiers_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_messages_zones
tests_unit_config_test_messages_zones_SOURCES = \
	tests/unit/config/test_messages_zones.c $(CONFIG_TEST_MESSAGES)
tests_unit_config_test_messages_zones_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_messages_slips
tests_unit_config_test_messages_slips_SOURCES = \
	tests/unit/config/test_messages_slips.c $(CONFIG_TEST_MESSAGES)
tests_unit_config_test_messages_slips_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_zone_ldns
tests_unit_config_test_zone_ldns_SOURCES = tests/unit/config/test_zone_ldns.c \
	tests/unit/config/zone_text.c tests/unit/config/zone_text.h $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_zone_ldns_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_zonefile
tests_unit_config_test_zonefile_SOURCES = tests/unit/config/test_zonefile.c \
	tests/unit/config/zone_text.c tests/unit/config/zone_text.h $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_zonefile_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_load
tests_unit_config_test_load_SOURCES = tests/unit/config/test_load.c \
	tests/unit/config/zone_text.c tests/unit/config/zone_text.h $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_load_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_example
tests_unit_config_test_example_SOURCES = tests/unit/config/test_example.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_example_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_listen
tests_unit_config_test_listen_SOURCES = tests/unit/config/test_listen.c
tests_unit_config_test_listen_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_yaml
tests_unit_config_test_yaml_SOURCES = tests/unit/config/test_yaml.c
tests_unit_config_test_yaml_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_reload
tests_unit_config_test_reload_SOURCES = tests/unit/config/test_reload.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_reload_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_suggest
tests_unit_config_test_suggest_SOURCES = tests/unit/config/test_suggest.c
tests_unit_config_test_suggest_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_sections
tests_unit_config_test_sections_SOURCES = tests/unit/config/test_sections.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_sections_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_pool_defaults
tests_unit_config_test_pool_defaults_SOURCES = tests/unit/config/test_pool_defaults.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_pool_defaults_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_anycast
tests_unit_config_test_anycast_SOURCES = tests/unit/config/test_anycast.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_anycast_LDADD = $(UNIT_config)

check_PROGRAMS += tests/unit/config/test_messages_anycast
tests_unit_config_test_messages_anycast_SOURCES = \
	tests/unit/config/test_messages_anycast.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_messages_anycast_LDADD = $(UNIT_config)

# Without LDNS_LIBS: what it does not link has no use of it.
check_PROGRAMS += tests/unit/config/test_l4
tests_unit_config_test_l4_SOURCES = tests/unit/config/test_l4.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_l4_LDADD = $(LINK_config) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/config/test_messages_l4
tests_unit_config_test_messages_l4_SOURCES = tests/unit/config/test_messages_l4.c $(CONFIG_TEST_SUPPORT)
tests_unit_config_test_messages_l4_LDADD = $(LINK_config) $(CMOCKA_LIBS)
