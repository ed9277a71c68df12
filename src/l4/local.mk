# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libl4.a
LINK_l4 = libl4.a libcontrol.a libconfig.a $(LINK_health) $(YAML_LIBS) $(IDN2_LIBS)
libl4_a_SOURCES = \
	src/l4/balance.c \
	src/l4/balance.h \
	src/l4/balance_draw.c \
	src/l4/balance_hash.c \
	src/l4/balance_round.c \
	src/l4/balance_tables.h \
	src/l4/client.h \
	src/l4/client_hello.c \
	src/l4/client_hello.h \
	src/l4/command_args.c \
	src/l4/command_args.h \
	src/l4/command_documents.c \
	src/l4/command_flows.c \
	src/l4/command_members.c \
	src/l4/command_orders.c \
	src/l4/command_rtt.c \
	src/l4/commands.c \
	src/l4/commands.h \
	src/l4/elders.c \
	src/l4/elders.h \
	src/l4/elders_internal.h \
	src/l4/flow_log.c \
	src/l4/flow_log.h \
	src/l4/followers.c \
	src/l4/followers.h \
	src/l4/forwarder.c \
	src/l4/forwarder.h \
	src/l4/forwarder_hands.c \
	src/l4/forwarder_plan.c \
	src/l4/forwarder_reload.c \
	src/l4/forwarder_stop.c \
	src/l4/heir.c \
	src/l4/heir.h \
	src/l4/heritage.c \
	src/l4/heritage.h \
	src/l4/inherited.c \
	src/l4/limits.c \
	src/l4/limits.h \
	src/l4/lines.h \
	src/l4/link.c \
	src/l4/link.h \
	src/l4/list_orders.c \
	src/l4/listeners.c \
	src/l4/listeners.h \
	src/l4/local_ports.c \
	src/l4/local_ports.h \
	src/l4/member.c \
	src/l4/member.h \
	src/l4/metrics.c \
	src/l4/metrics.h \
	src/l4/metrics_server.c \
	src/l4/metrics_server.h \
	src/l4/plan.h \
	src/l4/plan_build.c \
	src/l4/plan_build.h \
	src/l4/proxy_header.c \
	src/l4/proxy_header.h \
	src/l4/quantiles.c \
	src/l4/quantiles.h \
	src/l4/rates.c \
	src/l4/rates.h \
	src/l4/result.c \
	src/l4/route.c \
	src/l4/saved_sets.c \
	src/l4/saved_sets.h \
	src/l4/set_table.c \
	src/l4/set_table.h \
	src/l4/sets.c \
	src/l4/sets.h \
	src/l4/setup.c \
	src/l4/setup.h \
	src/l4/shortage.c \
	src/l4/shortage.h \
	src/l4/sources.c \
	src/l4/sources.h \
	src/l4/tcp.c \
	src/l4/tcp_accept.c \
	src/l4/tcp_connect.c \
	src/l4/tcp_end.c \
	src/l4/tcp_front.c \
	src/l4/tcp_internal.h \
	src/l4/tcp_pool.c \
	src/l4/tcp_relay.c \
	src/l4/tcp_spare.c \
	src/l4/tcp_splice.c \
	src/l4/udp.c \
	src/l4/udp.h \
	src/l4/udp_answer.c \
	src/l4/udp_ask.c \
	src/l4/udp_flow.c \
	src/l4/udp_follow.c \
	src/l4/udp_own.c \
	src/l4/udp_send.c \
	src/l4/udp_socket.c \
	src/l4/udp_table.c \
	src/l4/worker.c \
	src/l4/worker.h

sbin_PROGRAMS += loadstar-l4
loadstar_l4_SOURCES = src/l4/loadstar_l4.c
loadstar_l4_LDADD = $(LINK_l4)
loadstar_l4_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed
