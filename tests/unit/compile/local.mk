# SPDX-License-Identifier: Apache-2.0
UNIT_compile = $(LINK_compile) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/compile/test_verdict
tests_unit_compile_test_verdict_SOURCES = tests/unit/compile/test_verdict.c \
	tests/unit/compile/world.h tests/unit/statistics.h
tests_unit_compile_test_verdict_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_compile_test_verdict_LDADD = $(UNIT_compile)

check_PROGRAMS += tests/unit/compile/test_shares
tests_unit_compile_test_shares_SOURCES = tests/unit/compile/test_shares.c \
	tests/unit/compile/world.h tests/unit/statistics.h
tests_unit_compile_test_shares_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_compile_test_shares_LDADD = $(UNIT_compile)

check_PROGRAMS += tests/unit/compile/test_steer
tests_unit_compile_test_steer_SOURCES = tests/unit/compile/test_steer.c tests/unit/compile/world.h
tests_unit_compile_test_steer_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_compile_test_steer_LDADD = $(UNIT_compile)

check_PROGRAMS += tests/unit/compile/test_lint
tests_unit_compile_test_lint_SOURCES = tests/unit/compile/test_lint.c
tests_unit_compile_test_lint_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_compile_test_lint_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/compile/test_lint_geo tests/unit/compile/test_lint_pools
tests_unit_compile_test_lint_geo_SOURCES = tests/unit/compile/test_lint_geo.c
tests_unit_compile_test_lint_geo_LDADD = $(UNIT_compile)
tests_unit_compile_test_lint_pools_SOURCES = tests/unit/compile/test_lint_pools.c
tests_unit_compile_test_lint_pools_LDADD = $(UNIT_compile)

check_PROGRAMS += tests/unit/compile/test_lint_coarse
tests_unit_compile_test_lint_coarse_SOURCES = tests/unit/compile/test_lint_coarse.c
tests_unit_compile_test_lint_coarse_LDADD = $(UNIT_compile)
