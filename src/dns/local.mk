# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libdns.a
LINK_dns = libdns.a $(LINK_base)
libdns_a_SOURCES = \
	src/dns/name.c \
	src/dns/name.h \
	src/dns/query.c \
	src/dns/query.h \
	src/dns/rdata.c \
	src/dns/rdata.h \
	src/dns/rdata_address.c \
	src/dns/rdata_bitmap.c \
	src/dns/rdata_bytes.c \
	src/dns/rdata_digest.c \
	src/dns/rdata_encoding.c \
	src/dns/rdata_host.c \
	src/dns/rdata_in.c \
	src/dns/rdata_kind.h \
	src/dns/rdata_loc.c \
	src/dns/rdata_number.c \
	src/dns/rdata_string.c \
	src/dns/rdata_svcb.c \
	src/dns/rdata_table.c \
	src/dns/response.c \
	src/dns/response.h \
	src/dns/rr.c \
	src/dns/rr.h \
	src/dns/rr_type.c \
	src/dns/rr_type.h \
	src/dns/scan.c \
	src/dns/scan.h \
	src/dns/svcb_key.c \
	src/dns/svcb_key.h \
	src/dns/types.h
