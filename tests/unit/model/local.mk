# SPDX-License-Identifier: Apache-2.0
UNIT_model = $(LINK_model) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/model/test_answer_ttls
tests_unit_model_test_answer_ttls_SOURCES = tests/unit/model/test_answer_ttls.c
tests_unit_model_test_answer_ttls_LDADD = $(UNIT_model)
check_PROGRAMS += tests/unit/model/test_kin
tests_unit_model_test_kin_SOURCES = tests/unit/model/test_kin.c
tests_unit_model_test_kin_LDADD = $(UNIT_model)
check_PROGRAMS += tests/unit/model/test_budget
tests_unit_model_test_budget_SOURCES = tests/unit/model/test_budget.c
tests_unit_model_test_budget_LDADD = $(UNIT_model)
check_PROGRAMS += tests/unit/model/test_l4
tests_unit_model_test_l4_SOURCES = tests/unit/model/test_l4.c
tests_unit_model_test_l4_LDADD = $(UNIT_model)
