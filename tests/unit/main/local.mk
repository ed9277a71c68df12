# SPDX-License-Identifier: Apache-2.0
UNIT_main = $(LINK_base) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/main/test_notify
tests_unit_main_test_notify_SOURCES = tests/unit/main/test_notify.c src/main/notify.c
tests_unit_main_test_notify_LDADD = $(UNIT_main)

check_PROGRAMS += tests/unit/main/test_process
tests_unit_main_test_process_SOURCES = tests/unit/main/test_process.c src/main/process.c src/main/rights.c
tests_unit_main_test_process_LDADD = $(UNIT_main)

check_PROGRAMS += tests/unit/main/test_reload
tests_unit_main_test_reload_SOURCES = tests/unit/main/test_reload.c src/main/reload.c
tests_unit_main_test_reload_LDADD = $(UNIT_main) $(UV_LIBS)
