# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/health/test_fsm
tests_unit_health_test_fsm_SOURCES = tests/unit/health/test_fsm.c
tests_unit_health_test_fsm_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_guard
tests_unit_health_test_guard_SOURCES = tests/unit/health/test_guard.c
tests_unit_health_test_guard_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_http_reply
tests_unit_health_test_http_reply_SOURCES = tests/unit/health/test_http_reply.c
tests_unit_health_test_http_reply_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_overrides
tests_unit_health_test_overrides_SOURCES = tests/unit/health/test_overrides.c
tests_unit_health_test_overrides_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_checker
tests_unit_health_test_checker_SOURCES = tests/unit/health/test_checker.c tests/unit/health/world.c \
	tests/unit/health/world.h
tests_unit_health_test_checker_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_probes
tests_unit_health_test_probes_SOURCES = tests/unit/health/certs.c tests/unit/health/certs.h \
	tests/unit/health/test_probes.c tests/unit/health/world.c tests/unit/health/world.h
tests_unit_health_test_probes_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_store
tests_unit_health_test_store_SOURCES = tests/unit/health/test_store.c
tests_unit_health_test_store_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_endpoints
tests_unit_health_test_endpoints_SOURCES = tests/unit/health/test_endpoints.c \
	tests/unit/health/world.c tests/unit/health/world.h
tests_unit_health_test_endpoints_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_reason
tests_unit_health_test_reason_SOURCES = tests/unit/health/test_reason.c
tests_unit_health_test_reason_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_operator
tests_unit_health_test_operator_SOURCES = tests/unit/health/test_operator.c \
	tests/unit/health/world.c tests/unit/health/world.h
tests_unit_health_test_operator_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_panic
tests_unit_health_test_panic_SOURCES = tests/unit/health/test_panic.c \
	tests/unit/health/world.c tests/unit/health/world.h
tests_unit_health_test_panic_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_reload
tests_unit_health_test_reload_SOURCES = tests/unit/health/test_reload.c \
	tests/unit/health/world.c tests/unit/health/world.h
tests_unit_health_test_reload_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_state
tests_unit_health_test_state_SOURCES = tests/unit/health/test_state.c
tests_unit_health_test_state_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/health/test_state_dir
tests_unit_health_test_state_dir_SOURCES = tests/unit/health/test_state_dir.c \
	tests/unit/health/world.c tests/unit/health/world.h tests/unit/faults.h
tests_unit_health_test_state_dir_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_health_test_state_dir_LDADD = $(UNIT_LIBS)
tests_unit_health_test_state_dir_LDFLAGS = $(FAULT_LINK)
check_PROGRAMS += tests/unit/health/test_credentials
tests_unit_health_test_credentials_SOURCES = tests/unit/health/certs.c tests/unit/health/certs.h \
	tests/unit/health/test_credentials.c
tests_unit_health_test_credentials_LDADD = $(UNIT_LIBS)
