# SPDX-License-Identifier: Apache-2.0
UNIT_model = $(LINK_model) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/model/test_family
tests_unit_model_test_family_SOURCES = tests/unit/model/test_family.c
tests_unit_model_test_family_LDADD = $(UNIT_model)
