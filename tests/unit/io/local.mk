# SPDX-License-Identifier: Apache-2.0
UNIT_io = $(LINK_io) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/io/test_clients
tests_unit_io_test_clients_SOURCES = tests/unit/io/test_clients.c
tests_unit_io_test_clients_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_dispatch
tests_unit_io_test_dispatch_SOURCES = tests/unit/io/test_dispatch.c
tests_unit_io_test_dispatch_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_framing
tests_unit_io_test_framing_SOURCES = tests/unit/io/test_framing.c
tests_unit_io_test_framing_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_workers
tests_unit_io_test_workers_SOURCES = tests/unit/io/test_workers.c tests/unit/free_port.h
tests_unit_io_test_workers_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_io_test_workers_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_ethernet
tests_unit_io_test_ethernet_SOURCES = tests/unit/io/test_ethernet.c tests/unit/io/frames.h
tests_unit_io_test_ethernet_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_io_test_ethernet_LDADD = $(UNIT_io)

if HAVE_XDP
check_PROGRAMS += tests/unit/io/test_xdp
tests_unit_io_test_xdp_SOURCES = tests/unit/io/test_xdp.c tests/unit/io/frames.h
tests_unit_io_test_xdp_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_io_test_xdp_LDADD = $(UNIT_io)
endif

check_PROGRAMS += tests/unit/io/test_udp
tests_unit_io_test_udp_SOURCES = tests/unit/io/test_udp.c
tests_unit_io_test_udp_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_tcp_lists
tests_unit_io_test_tcp_lists_SOURCES = tests/unit/io/test_tcp_lists.c
tests_unit_io_test_tcp_lists_LDADD = $(UNIT_io)

check_PROGRAMS += tests/unit/io/test_tcp_conn
tests_unit_io_test_tcp_conn_SOURCES = tests/unit/io/test_tcp_conn.c
tests_unit_io_test_tcp_conn_LDADD = $(UNIT_io)
