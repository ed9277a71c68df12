# SPDX-License-Identifier: Apache-2.0
libloadstar_a_SOURCES += \
	src/io/clients.c \
	src/io/clients.h \
	src/io/counters.c \
	src/io/counters.h \
	src/io/frame.c \
	src/io/frame.h \
	src/io/framing.c \
	src/io/framing.h \
	src/io/socket.c \
	src/io/socket.h \
	src/io/tcp.c \
	src/io/tcp.h \
	src/io/tcp_conn.c \
	src/io/tcp_conn.h \
	src/io/thread.c \
	src/io/thread.h \
	src/io/udp.c \
	src/io/udp.h \
	src/io/workers.c \
	src/io/workers.h
