# SPDX-License-Identifier: Apache-2.0
UNIT_out = $(LINK_out) $(CMOCKA_LIBS)
EXTRA_DIST += tests/unit/out/facts.h
check_PROGRAMS += tests/unit/out/test_effect
tests_unit_out_test_effect_SOURCES = tests/unit/out/test_effect.c
tests_unit_out_test_effect_LDADD = $(UNIT_out)
check_PROGRAMS += tests/unit/out/test_events
tests_unit_out_test_events_SOURCES = tests/unit/out/test_events.c
tests_unit_out_test_events_LDADD = $(UNIT_out)
check_PROGRAMS += tests/unit/out/test_limited
tests_unit_out_test_limited_SOURCES = tests/unit/out/test_limited.c
tests_unit_out_test_limited_LDADD = $(UNIT_out)
check_PROGRAMS += tests/unit/out/test_metrics
tests_unit_out_test_metrics_SOURCES = tests/unit/out/test_metrics.c
tests_unit_out_test_metrics_LDADD = $(UNIT_out)
check_PROGRAMS += tests/unit/out/test_vanished
tests_unit_out_test_vanished_SOURCES = tests/unit/out/test_vanished.c
tests_unit_out_test_vanished_LDADD = $(UNIT_out)
