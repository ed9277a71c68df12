# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/fuzz.h

if FUZZER
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer

noinst_PROGRAMS += tests/fuzz/fuzz_answer tests/fuzz/fuzz_query tests/fuzz/fuzz_name tests/fuzz/fuzz_rdata
tests_fuzz_fuzz_rdata_SOURCES = tests/fuzz/fuzz_rdata.c
tests_fuzz_fuzz_rdata_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_rdata_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_answer_SOURCES = tests/fuzz/fuzz_answer.c
tests_fuzz_fuzz_answer_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_fuzz_fuzz_answer_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_answer_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c
tests_fuzz_fuzz_query_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_query_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_name_SOURCES = tests/fuzz/fuzz_name.c
tests_fuzz_fuzz_name_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_name_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c
tests_fuzz_fuzz_frame_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_tcp_framing
tests_fuzz_fuzz_tcp_framing_SOURCES = tests/fuzz/fuzz_tcp_framing.c
tests_fuzz_fuzz_tcp_framing_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_tcp_framing_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_mmdb
tests_fuzz_fuzz_mmdb_SOURCES = tests/fuzz/fuzz_mmdb.c
tests_fuzz_fuzz_mmdb_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_mmdb_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_ctl_request
tests_fuzz_fuzz_ctl_request_SOURCES = tests/fuzz/fuzz_ctl_request.c
tests_fuzz_fuzz_ctl_request_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_ctl_request_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_yaml
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c
tests_fuzz_fuzz_yaml_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_yaml_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_zonefile
tests_fuzz_fuzz_zonefile_SOURCES = tests/fuzz/fuzz_zonefile.c
tests_fuzz_fuzz_zonefile_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_zonefile_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_http_reply
tests_fuzz_fuzz_http_reply_SOURCES = tests/fuzz/fuzz_http_reply.c
tests_fuzz_fuzz_http_reply_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_http_reply_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_overrides
tests_fuzz_fuzz_overrides_SOURCES = tests/fuzz/fuzz_overrides.c
tests_fuzz_fuzz_overrides_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_overrides_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_health_file
tests_fuzz_fuzz_health_file_SOURCES = tests/fuzz/fuzz_health_file.c
tests_fuzz_fuzz_health_file_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_health_file_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_networks
tests_fuzz_fuzz_networks_SOURCES = tests/fuzz/fuzz_networks.c
tests_fuzz_fuzz_networks_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_networks_LDFLAGS = $(FUZZ_LINK)
noinst_PROGRAMS += tests/fuzz/fuzz_exec_output
tests_fuzz_fuzz_exec_output_SOURCES = tests/fuzz/fuzz_exec_output.c
tests_fuzz_fuzz_exec_output_LDADD = $(LOADSTAR_LIBS)
tests_fuzz_fuzz_exec_output_LDFLAGS = $(FUZZ_LINK)
endif
