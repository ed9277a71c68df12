# SPDX-License-Identifier: Apache-2.0
UNIT_answer = libanswer.a $(LINK_compile) $(LDNS_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/unit/answer/served.h

check_PROGRAMS += tests/unit/answer/test_static
tests_unit_answer_test_static_SOURCES = tests/unit/answer/test_static.c
tests_unit_answer_test_static_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_static_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_dynamic
tests_unit_answer_test_dynamic_SOURCES = tests/unit/answer/test_dynamic.c
tests_unit_answer_test_dynamic_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_dynamic_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_names
tests_unit_answer_test_names_SOURCES = tests/unit/answer/test_names.c
tests_unit_answer_test_names_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_names_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_message
tests_unit_answer_test_message_SOURCES = tests/unit/answer/test_message.c
tests_unit_answer_test_message_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_message_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_oracle
tests_unit_answer_test_oracle_SOURCES = tests/unit/answer/test_oracle.c
tests_unit_answer_test_oracle_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_oracle_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_cookie
tests_unit_answer_test_cookie_SOURCES = tests/unit/answer/test_cookie.c
tests_unit_answer_test_cookie_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_cookie_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_limit
tests_unit_answer_test_limit_SOURCES = tests/unit/answer/test_limit.c
tests_unit_answer_test_limit_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_limit_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/answer/test_limiter
tests_unit_answer_test_limiter_SOURCES = tests/unit/answer/test_limiter.c
tests_unit_answer_test_limiter_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_limiter_LDADD = $(UNIT_answer) -lm

check_PROGRAMS += tests/unit/answer/test_options
tests_unit_answer_test_options_SOURCES = tests/unit/answer/test_options.c
tests_unit_answer_test_options_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_answer_test_options_LDADD = $(UNIT_answer)
