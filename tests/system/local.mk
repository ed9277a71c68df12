# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += tests/system/load
tests_system_load_SOURCES = tests/system/load.c
tests_system_load_LDADD = $(LOADSTAR_LIBS)
noinst_PROGRAMS += tests/system/racer
tests_system_racer_SOURCES = tests/system/racer.c
