# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcontrol.a
LINK_control = libcontrol.a $(LINK_base) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(UV_LIBS) -lm
libcontrol_a_SOURCES = \
	src/control/call.c \
	src/control/call.h \
	src/control/client.c \
	src/control/client.h \
	src/control/http_head.c \
	src/control/http_head.h \
	src/control/json.c \
	src/control/json.h \
	src/control/lines.c \
	src/control/lines.h \
	src/control/listen.c \
	src/control/listen.h \
	src/control/names.c \
	src/control/names.h \
	src/control/outbox.c \
	src/control/outbox.h \
	src/control/page.c \
	src/control/page.h \
	src/control/peer.c \
	src/control/peer.h \
	src/control/peer_internal.h \
	src/control/place.c \
	src/control/place.h \
	src/control/protocol.c \
	src/control/protocol.h \
	src/control/reply.h \
	src/control/server.c \
	src/control/server.h \
	src/control/table.c \
	src/control/table.h \
	src/control/token.c \
	src/control/token.h

pkginclude_HEADERS = include/loadstar/control.h
