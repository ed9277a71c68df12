# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libout.a
LINK_out = libout.a libio.a libanswer.a $(LINK_compile) $(XDP_LIBS)
libout_a_SOURCES = \
	src/out/effect.c \
	src/out/effect.h \
	src/out/events.c \
	src/out/events.h \
	src/out/facts.h \
	src/out/limited.c \
	src/out/limited.h \
	src/out/metrics.c \
	src/out/metrics.h \
	src/out/standing.c \
	src/out/standing.h \
	src/out/vanished.c \
	src/out/vanished.h
