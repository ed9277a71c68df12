# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libgeo.a
LINK_geo = libgeo.a $(LINK_model) $(MAXMINDDB_LIBS) -lm
libgeo_a_SOURCES = \
	src/geo/country.c \
	src/geo/database.c \
	src/geo/database.h \
	src/geo/facts.c \
	src/geo/facts.h \
	src/geo/geo.c \
	src/geo/geo.h \
	src/geo/inland.c \
	src/geo/interner.c \
	src/geo/mistaken.c \
	src/geo/mistaken.h \
	src/geo/mmdb.c \
	src/geo/mmdb.h \
	src/geo/mmdb_guard.c \
	src/geo/mmdb_guard.h \
	src/geo/mmdb_record.c \
	src/geo/reduce.c \
	src/geo/subdivision.c \
	src/geo/subdivision.h
