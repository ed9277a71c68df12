# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcontrol.a
LINK_control = libcontrol.a $(LINK_base) $(JANSSON_LIBS) $(OPENSSL_LIBS) -lm
libcontrol_a_SOURCES = \
	src/control/client.c \
	src/control/client.h \
	src/control/json.c \
	src/control/json.h \
	src/control/lines.c \
	src/control/lines.h \
	src/control/listen.c \
	src/control/listen.h \
	src/control/page.c \
	src/control/page.h \
	src/control/table.c \
	src/control/table.h \
	src/control/token.c \
	src/control/token.h

pkginclude_HEADERS = include/loadstar/control.h
