# SPDX-License-Identifier: Apache-2.0
UNIT_main = $(LINK_base) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/main/test_process
tests_unit_main_test_process_SOURCES = tests/unit/main/test_process.c src/main/connections.c src/main/rights.c
tests_unit_main_test_process_LDADD = $(UNIT_main)

check_PROGRAMS += tests/unit/main/test_ctl_verdict
tests_unit_main_test_ctl_verdict_SOURCES = tests/unit/main/test_ctl_verdict.c src/main/ctl_verdict.c
tests_unit_main_test_ctl_verdict_LDADD = $(LINK_control) $(CMOCKA_LIBS)
