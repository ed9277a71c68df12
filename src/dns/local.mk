# SPDX-License-Identifier: Apache-2.0
libloadstar_a_SOURCES += \
	src/dns/name.c \
	src/dns/name.h \
	src/dns/query.c \
	src/dns/query.h \
	src/dns/rr.c \
	src/dns/rr.h \
	src/dns/types.h
