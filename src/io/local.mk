# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libio.a
LINK_io = libio.a libanswer.a libsnapshot.a $(LINK_model) $(URCU_LIBS) $(XDP_LIBS)
libio_a_SOURCES = \
	src/io/clients.c \
	src/io/clients.h \
	src/io/counters.c \
	src/io/counters.h \
	src/io/ethernet.c \
	src/io/ethernet.h \
	src/io/framing.c \
	src/io/framing.h \
	src/io/host.c \
	src/io/host.h \
	src/io/listener.c \
	src/io/listener.h \
	src/io/netif.c \
	src/io/netif.h \
	src/io/socket.c \
	src/io/socket.h \
	src/io/stall.h \
	src/io/stats.h \
	src/io/dispatch.c \
	src/io/dispatch.h \
	src/io/tcp.c \
	src/io/tcp.h \
	src/io/tcp_conn.c \
	src/io/tcp_conn.h \
	src/io/tcp_lists.c \
	src/io/tcp_lists.h \
	src/io/tcp_serve.c \
	src/io/tcp_server.h \
	src/io/thread.c \
	src/io/thread.h \
	src/io/udp.c \
	src/io/udp.h \
	src/io/workers.c \
	src/io/workers.h \
	src/io/xdp.h \
	src/io/xdp_filter.h \
	src/io/xdp_program.h \
	src/io/xdp_queue.h

EXTRA_DIST += src/io/xdp_filter.bpf.c

if HAVE_XDP
libio_a_SOURCES += \
	src/io/xdp.c \
	src/io/xdp_program.c \
	src/io/xdp_queue.c

src/io/xdp_program.$(OBJEXT): src/io/xdp_filter.bpf.o

src/io/xdp_filter.bpf.o: $(srcdir)/src/io/xdp_filter.bpf.c $(srcdir)/src/io/xdp_filter.h
	$(AM_V_GEN)$(MKDIR_P) src/io && $(BPF_CLANG) $(BPF_CFLAGS) -c $(srcdir)/src/io/xdp_filter.bpf.c -o $@

CLEANFILES += src/io/xdp_filter.bpf.o
else
libio_a_SOURCES += src/io/xdp_none.c
endif
