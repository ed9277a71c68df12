# SPDX-License-Identifier: Apache-2.0
libloadstar_a_SOURCES += \
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
