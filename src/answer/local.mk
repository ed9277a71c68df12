# SPDX-License-Identifier: Apache-2.0
libloadstar_a_SOURCES += \
	src/answer/answer.c \
	src/answer/answer.h \
	src/answer/chaos.c \
	src/answer/pool.c \
	src/answer/reply.c \
	src/answer/reply.h \
	src/answer/resolve.c
