# SPDX-License-Identifier: Apache-2.0
UNIT_control = $(LINK_control) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/control/test_client
tests_unit_control_test_client_SOURCES = tests/unit/control/test_client.c
tests_unit_control_test_client_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_control_test_client_LDADD = $(UNIT_control)
check_PROGRAMS += tests/unit/control/test_lines
tests_unit_control_test_lines_SOURCES = tests/unit/control/test_lines.c
tests_unit_control_test_lines_LDADD = $(UNIT_control)
check_PROGRAMS += tests/unit/control/test_listen
tests_unit_control_test_listen_SOURCES = tests/unit/control/test_listen.c
tests_unit_control_test_listen_LDADD = $(UNIT_control)
check_PROGRAMS += tests/unit/control/test_table
tests_unit_control_test_table_SOURCES = tests/unit/control/test_table.c
tests_unit_control_test_table_LDADD = $(UNIT_control)
