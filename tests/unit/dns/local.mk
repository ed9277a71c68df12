# SPDX-License-Identifier: Apache-2.0
UNIT_dns = $(LINK_dns) $(LDNS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/dns/test_name
tests_unit_dns_test_name_SOURCES = tests/unit/dns/test_name.c
tests_unit_dns_test_name_LDADD = $(UNIT_dns)
check_PROGRAMS += tests/unit/dns/test_rr
tests_unit_dns_test_rr_SOURCES = tests/unit/dns/test_rr.c tests/unit/rdata_text.h
tests_unit_dns_test_rr_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_dns_test_rr_LDADD = $(UNIT_dns)
check_PROGRAMS += tests/unit/dns/test_query
tests_unit_dns_test_query_SOURCES = tests/unit/dns/test_query.c
tests_unit_dns_test_query_LDADD = $(UNIT_dns)
check_PROGRAMS += tests/unit/dns/test_rdata
tests_unit_dns_test_rdata_SOURCES = tests/unit/dns/test_rdata.c tests/unit/dns/rdata_vectors.h
tests_unit_dns_test_rdata_LDADD = $(UNIT_dns)
check_PROGRAMS += tests/unit/dns/test_response
tests_unit_dns_test_response_SOURCES = tests/unit/dns/test_response.c
tests_unit_dns_test_response_LDADD = $(UNIT_dns)
