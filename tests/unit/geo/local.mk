# SPDX-License-Identifier: Apache-2.0
UNIT_geo = $(LINK_geo) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/geo/test_country tests/unit/geo/test_geo
tests_unit_geo_test_country_SOURCES = tests/unit/geo/test_country.c
tests_unit_geo_test_country_LDADD = $(UNIT_geo)
tests_unit_geo_test_geo_SOURCES = tests/unit/geo/test_geo.c tests/unit/geo/geo_fixture.h \
	tests/unit/geo/mmdb_make.h
tests_unit_geo_test_geo_LDADD = $(UNIT_geo)

check_PROGRAMS += tests/unit/geo/test_mmdb
tests_unit_geo_test_mmdb_SOURCES = tests/unit/geo/test_mmdb.c tests/unit/geo/geo_fixture.h \
	tests/unit/geo/mmdb_make.h
tests_unit_geo_test_mmdb_LDADD = $(UNIT_geo)
check_PROGRAMS += tests/unit/geo/test_mmdb_guard
tests_unit_geo_test_mmdb_guard_SOURCES = tests/unit/geo/test_mmdb_guard.c \
	tests/unit/geo/geo_fixture.h tests/unit/geo/mmdb_make.h
tests_unit_geo_test_mmdb_guard_LDADD = $(UNIT_geo)
check_PROGRAMS += tests/unit/geo/test_mistaken
tests_unit_geo_test_mistaken_SOURCES = tests/unit/geo/test_mistaken.c
tests_unit_geo_test_mistaken_LDADD = $(UNIT_geo)
check_PROGRAMS += tests/unit/geo/test_places
tests_unit_geo_test_places_SOURCES = tests/unit/geo/test_places.c tests/unit/geo/geo_fixture.h \
	tests/unit/geo/mmdb_make.h
tests_unit_geo_test_places_LDADD = $(UNIT_geo)
