# SPDX-License-Identifier: Apache-2.0
UNIT_snapshot = $(LINK_snapshot) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/snapshot/test_publish
tests_unit_snapshot_test_publish_SOURCES = tests/unit/snapshot/test_publish.c
tests_unit_snapshot_test_publish_LDADD = $(UNIT_snapshot)

check_PROGRAMS += tests/unit/snapshot/test_pick
tests_unit_snapshot_test_pick_SOURCES = tests/unit/snapshot/test_pick.c tests/unit/statistics.h
tests_unit_snapshot_test_pick_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_snapshot_test_pick_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/snapshot/test_index
tests_unit_snapshot_test_index_SOURCES = tests/unit/snapshot/test_index.c
tests_unit_snapshot_test_index_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_snapshot_test_index_LDADD = $(UNIT_answer)

check_PROGRAMS += tests/unit/snapshot/test_part
tests_unit_snapshot_test_part_SOURCES = tests/unit/snapshot/test_part.c
tests_unit_snapshot_test_part_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_snapshot_test_part_LDADD = $(UNIT_answer)
