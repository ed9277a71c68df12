# SPDX-License-Identifier: Apache-2.0
# System calls that tests/unit/faults.h lets fail.
FAULT_LINK = $(AM_LDFLAGS) -Wl,--wrap=open,--wrap=openat,--wrap=read,--wrap=write,--wrap=fsync \
	-Wl,--wrap=fchmod,--wrap=fstat,--wrap=renameat,--wrap=renameat2
check_PROGRAMS += tests/unit/base/test_file_faults
tests_unit_base_test_file_faults_SOURCES = tests/unit/base/test_file_faults.c tests/unit/faults.h
tests_unit_base_test_file_faults_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_base_test_file_faults_LDADD = $(UNIT_LIBS)
tests_unit_base_test_file_faults_LDFLAGS = $(FAULT_LINK)
check_PROGRAMS += tests/unit/base/test_lpm
tests_unit_base_test_lpm_SOURCES = tests/unit/base/test_lpm.c
tests_unit_base_test_lpm_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_arena
tests_unit_base_test_arena_SOURCES = tests/unit/base/test_arena.c
tests_unit_base_test_arena_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_file
tests_unit_base_test_file_SOURCES = tests/unit/base/test_file.c
tests_unit_base_test_file_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_ip
tests_unit_base_test_ip_SOURCES = tests/unit/base/test_ip.c
tests_unit_base_test_ip_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_strmap
tests_unit_base_test_strmap_SOURCES = tests/unit/base/test_strmap.c
tests_unit_base_test_strmap_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_units
tests_unit_base_test_units_SOURCES = tests/unit/base/test_units.c
tests_unit_base_test_units_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_wheel
tests_unit_base_test_wheel_SOURCES = tests/unit/base/test_wheel.c
tests_unit_base_test_wheel_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_give_way
tests_unit_base_test_give_way_SOURCES = tests/unit/base/test_give_way.c
tests_unit_base_test_give_way_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_escape
tests_unit_base_test_escape_SOURCES = tests/unit/base/test_escape.c
tests_unit_base_test_escape_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_log
tests_unit_base_test_log_SOURCES = tests/unit/base/test_log.c
tests_unit_base_test_log_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_excerpt
tests_unit_base_test_excerpt_SOURCES = tests/unit/base/test_excerpt.c
tests_unit_base_test_excerpt_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_memory
tests_unit_base_test_memory_SOURCES = tests/unit/base/test_memory.c
tests_unit_base_test_memory_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_siphash
tests_unit_base_test_siphash_SOURCES = tests/unit/base/test_siphash.c
tests_unit_base_test_siphash_LDADD = $(UNIT_LIBS)
