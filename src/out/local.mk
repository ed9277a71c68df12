# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libout.a
LINK_out = libout.a libio.a libanswer.a libtier.a libanycast.a $(LINK_compile) $(NL_LIBS) $(XDP_LIBS)
libout_a_SOURCES = \
	src/out/anycast_facts.c \
	src/out/anycast_facts.h \
	src/out/causes.c \
	src/out/causes.h \
	src/out/effect.c \
	src/out/effect.h \
	src/out/effect_note.c \
	src/out/effect_note.h \
	src/out/event_file.c \
	src/out/event_file.h \
	src/out/event_line.c \
	src/out/event_line.h \
	src/out/events.c \
	src/out/events.h \
	src/out/facts.h \
	src/out/impact.c \
	src/out/impact.h \
	src/out/limited.c \
	src/out/limited.h \
	src/out/metrics.c \
	src/out/metrics_anycast.c \
	src/out/metrics.h \
	src/out/metrics_orders.c \
	src/out/metrics_parts.h \
	src/out/metrics_pools.c \
	src/out/metrics_probes.c \
	src/out/metrics_tiers.c \
	src/out/metrics_traffic.c \
	src/out/standing.c \
	src/out/standing.h \
	src/out/tier_facts.c \
	src/out/tier_facts.h \
	src/out/tier_news.c \
	src/out/tier_news.h \
	src/out/transitions.c \
	src/out/transitions.h \
	src/out/vanished.c \
	src/out/vanished.h
