# SPDX-License-Identifier: Apache-2.0
# Not built by default: make tests/bench/answer_bench
EXTRA_PROGRAMS += tests/bench/answer_bench
tests_bench_answer_bench_SOURCES = tests/bench/answer_bench.c
tests_bench_answer_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_bench_answer_bench_LDADD = libanswer.a $(LINK_compile) $(LDNS_LIBS)
CLEANFILES += tests/bench/answer_bench
EXTRA_DIST += tests/bench/instructions.sh tests/bench/instructions.budget

EXTRA_PROGRAMS += tests/bench/zone_bench
tests_bench_zone_bench_SOURCES = tests/bench/zone_bench.c
tests_bench_zone_bench_LDADD = $(LINK_config)
CLEANFILES += tests/bench/zone_bench
EXTRA_DIST += tests/bench/zones.sh tests/bench/xdp.sh

EXTRA_PROGRAMS += tests/bench/stream_load
tests_bench_stream_load_SOURCES = tests/bench/stream_load.c
tests_bench_stream_load_LDADD = $(LINK_base)
CLEANFILES += tests/bench/stream_load
EXTRA_DIST += tests/bench/tcp.py

EXTRA_PROGRAMS += tests/bench/flips/flips
tests_bench_flips_flips_SOURCES = tests/bench/flips/flips.c
CLEANFILES += tests/bench/flips/flips
EXTRA_DIST += tests/bench/flips.sh tests/bench/control.py

# The peers' side of the comparison; tests/bench/peers.sh builds and runs them.
EXTRA_PROGRAMS += tests/bench/peers/dnsload tests/bench/peers/udpecho tests/bench/peers/warm
tests_bench_peers_dnsload_SOURCES = tests/bench/peers/dnsload.c tests/bench/peers/queries.c \
	tests/bench/peers/queries.h tests/bench/peers/account.c tests/bench/peers/account.h
tests_bench_peers_udpecho_SOURCES = tests/bench/peers/udpecho.c
tests_bench_peers_warm_SOURCES = tests/bench/peers/warm.c
CLEANFILES += tests/bench/peers/dnsload tests/bench/peers/udpecho tests/bench/peers/warm
EXTRA_DIST += tests/bench/peers.sh tests/bench/peers/lib.sh tests/bench/peers/servers tests/bench/peers/mmdbremap.py
EXTRA_DIST += tests/bench/tiers.py tests/bench/anycast.py tests/bench/l4_many.py

EXTRA_PROGRAMS += tests/bench/balance_bench
tests_bench_balance_bench_SOURCES = tests/bench/balance_bench.c
tests_bench_balance_bench_LDADD = $(LINK_l4)
CLEANFILES += tests/bench/balance_bench

EXTRA_PROGRAMS += tests/bench/plan_bench
tests_bench_plan_bench_SOURCES = tests/bench/plan_bench.c
tests_bench_plan_bench_LDADD = $(LINK_l4)
CLEANFILES += tests/bench/plan_bench

# Loads and back end of tests/bench/l4.py; the kernel's relay, for comparison.
EXTRA_PROGRAMS += tests/bench/l4_load tests/bench/l4_serve tests/bench/l4_sockhash
tests_bench_l4_load_SOURCES = tests/bench/l4_load.c
tests_bench_l4_load_LDADD = $(LINK_base)
tests_bench_l4_serve_SOURCES = tests/bench/l4_serve.c
tests_bench_l4_sockhash_SOURCES = tests/bench/l4_sockhash.c
CLEANFILES += tests/bench/l4_load tests/bench/l4_serve tests/bench/l4_sockhash
EXTRA_DIST += tests/bench/l4.py
