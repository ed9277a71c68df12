# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += tests/system/load
tests_system_load_SOURCES = tests/system/load.c
tests_system_load_LDADD = $(LINK_dns) -lm
noinst_PROGRAMS += tests/system/racer
tests_system_racer_SOURCES = tests/system/racer.c
noinst_PROGRAMS += tests/system/flood
tests_system_flood_SOURCES = tests/system/flood.c
tests_system_flood_LDADD = $(LINK_base)
