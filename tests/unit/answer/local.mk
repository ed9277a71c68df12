# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/unit/answer/served.h

check_PROGRAMS += tests/unit/answer/test_static
tests_unit_answer_test_static_SOURCES = tests/unit/answer/test_static.c
tests_unit_answer_test_static_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_static_LDADD = $(UNIT_LIBS)

check_PROGRAMS += tests/unit/answer/test_dynamic
tests_unit_answer_test_dynamic_SOURCES = tests/unit/answer/test_dynamic.c
tests_unit_answer_test_dynamic_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_dynamic_LDADD = $(UNIT_LIBS)

check_PROGRAMS += tests/unit/answer/test_message
tests_unit_answer_test_message_SOURCES = tests/unit/answer/test_message.c
tests_unit_answer_test_message_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_message_LDADD = $(UNIT_LIBS)

check_PROGRAMS += tests/unit/answer/test_oracle
tests_unit_answer_test_oracle_SOURCES = tests/unit/answer/test_oracle.c
tests_unit_answer_test_oracle_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_oracle_LDADD = $(UNIT_LIBS)
