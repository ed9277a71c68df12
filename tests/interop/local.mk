# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += tests/interop/rdata_wire
tests_interop_rdata_wire_SOURCES = tests/interop/rdata_wire.c
tests_interop_rdata_wire_LDADD = $(LINK_dns)
