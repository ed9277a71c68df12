# SPDX-License-Identifier: Apache-2.0
UNIT_tier = libtier.a libhealth.a libdrive.a $(LINK_config) $(NL_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/tier/test_spec
tests_unit_tier_test_spec_SOURCES = tests/unit/tier/test_spec.c $(CONFIG_TEST_SUPPORT)
tests_unit_tier_test_spec_LDADD = $(UNIT_tier)

check_PROGRAMS += tests/unit/tier/test_nginx_file
tests_unit_tier_test_nginx_file_SOURCES = tests/unit/tier/test_nginx_file.c
tests_unit_tier_test_nginx_file_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_desired
tests_unit_tier_test_desired_SOURCES = tests/unit/tier/test_desired.c tests/unit/tier/small_tier.h
tests_unit_tier_test_desired_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_desired_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_eds
tests_unit_tier_test_eds_SOURCES = tests/unit/tier/test_eds.c
tests_unit_tier_test_eds_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_nginx
tests_unit_tier_test_nginx_SOURCES = tests/unit/tier/test_nginx.c tests/unit/tier/nginx_world.h
tests_unit_tier_test_nginx_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_nginx_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_keepalived
tests_unit_tier_test_keepalived_SOURCES = tests/unit/tier/test_keepalived.c
tests_unit_tier_test_keepalived_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_agent_line
tests_unit_tier_test_agent_line_SOURCES = tests/unit/tier/test_agent_line.c
tests_unit_tier_test_agent_line_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_haproxy_commands
tests_unit_tier_test_haproxy_commands_SOURCES = tests/unit/tier/haproxy_said.h \
	tests/unit/tier/test_haproxy_commands.c
tests_unit_tier_test_haproxy_commands_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_haproxy_reply
tests_unit_tier_test_haproxy_reply_SOURCES = tests/unit/tier/haproxy_said.h \
	tests/unit/tier/test_haproxy_reply.c
tests_unit_tier_test_haproxy_reply_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_nginx_gate
tests_unit_tier_test_nginx_gate_SOURCES = tests/unit/tier/test_nginx_gate.c
tests_unit_tier_test_nginx_gate_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_haproxy
tests_unit_tier_test_haproxy_SOURCES = tests/unit/tier/haproxy_said.h \
	tests/unit/tier/haproxy_world.h tests/unit/tier/test_haproxy.c
tests_unit_tier_test_haproxy_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_haproxy_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_agent
tests_unit_tier_test_agent_SOURCES = tests/unit/tier/haproxy_world.h tests/unit/tier/test_agent.c
tests_unit_tier_test_agent_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_agent_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_ipvs_message
tests_unit_tier_test_ipvs_message_SOURCES = tests/unit/tier/test_ipvs_message.c
tests_unit_tier_test_ipvs_message_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_reconcile
tests_unit_tier_test_reconcile_SOURCES = tests/unit/tier/test_reconcile.c tests/unit/tier/kept.h tests/unit/tier/fake_tier.h \
	tests/unit/tier/small_tier.h
tests_unit_tier_test_reconcile_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_reconcile_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_reconcile_owners
tests_unit_tier_test_reconcile_owners_SOURCES = tests/unit/tier/test_reconcile_owners.c tests/unit/tier/kept.h \
	tests/unit/tier/fake_tier.h tests/unit/tier/small_tier.h
tests_unit_tier_test_reconcile_owners_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_reconcile_owners_LDADD = $(UNIT_tier)
ENGINE_WORLD = tests/unit/tier/engine_world.c tests/unit/tier/engine_world.h tests/unit/tier/table_tier.c \
	tests/unit/tier/table_tier.h tests/unit/tier/small_tier.h tests/unit/health/settable_clock.c \
	tests/unit/health/settable_clock.h
check_PROGRAMS += tests/unit/tier/test_engine
tests_unit_tier_test_engine_SOURCES = tests/unit/tier/test_engine.c $(ENGINE_WORLD)
tests_unit_tier_test_engine_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_engine_faults
tests_unit_tier_test_engine_faults_SOURCES = tests/unit/tier/test_engine_faults.c $(ENGINE_WORLD)
tests_unit_tier_test_engine_faults_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_engine_life
tests_unit_tier_test_engine_life_SOURCES = tests/unit/tier/test_engine_life.c $(ENGINE_WORLD)
tests_unit_tier_test_engine_life_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_keeper
tests_unit_tier_test_keeper_SOURCES = tests/unit/tier/test_keeper.c
tests_unit_tier_test_keeper_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_dns_memory
tests_unit_tier_test_dns_memory_SOURCES = tests/unit/tier/test_dns_memory.c
tests_unit_tier_test_dns_memory_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_tiers
tests_unit_tier_test_tiers_SOURCES = tests/unit/tier/test_tiers.c tests/unit/tier/table_tier.c \
	tests/unit/tier/table_tier.h tests/unit/health/world.c tests/unit/health/world.h \
	tests/unit/tier/real_clock.c tests/unit/health/settable_clock.h
tests_unit_tier_test_tiers_LDADD = $(UNIT_tier)
tests_unit_tier_test_tiers_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=checker_hasten
check_PROGRAMS += tests/unit/tier/test_reconcile_model
tests_unit_tier_test_reconcile_model_SOURCES = tests/unit/tier/test_reconcile_model.c \
	tests/unit/tier/fake_tier.h tests/unit/tier/small_tier.h
tests_unit_tier_test_reconcile_model_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_reconcile_model_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_records
tests_unit_tier_test_records_SOURCES = tests/unit/tier/test_records.c
tests_unit_tier_test_records_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_feedback
tests_unit_tier_test_feedback_SOURCES = tests/unit/tier/test_feedback.c
tests_unit_tier_test_feedback_LDADD = $(UNIT_tier) -lm
check_PROGRAMS += tests/unit/tier/test_forwarder_words
tests_unit_tier_test_forwarder_words_SOURCES = tests/unit/tier/test_forwarder_words.c
tests_unit_tier_test_forwarder_words_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_l4
tests_unit_tier_test_l4_SOURCES = tests/unit/tier/test_l4.c
tests_unit_tier_test_l4_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_tier_test_l4_LDADD = $(UNIT_tier)
check_PROGRAMS += tests/unit/tier/test_client_rtts
tests_unit_tier_test_client_rtts_SOURCES = tests/unit/tier/test_client_rtts.c
tests_unit_tier_test_client_rtts_LDADD = $(UNIT_tier)
