# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libmodel.a
LINK_model = libmodel.a $(LINK_dns)
libmodel_a_SOURCES = \
	src/model/answer_ttls.c \
	src/model/answer_ttls.h \
	src/model/anycast.c \
	src/model/anycast.h \
	src/model/budget.c \
	src/model/budget.h \
	src/model/broken.c \
	src/model/broken.h \
	src/model/copy.c \
	src/model/copy.h \
	src/model/kin.c \
	src/model/kin.h \
	src/model/kinds.c \
	src/model/kinds.h \
	src/model/l4.c \
	src/model/l4.h \
	src/model/model.c \
	src/model/model.h \
	src/model/server.h \
	src/model/target.c \
	src/model/target.h \
	src/model/tier.c \
	src/model/tier.h \
	src/model/zones_gone.c \
	src/model/zones_gone.h
