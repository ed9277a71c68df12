# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += tests/interop/rdata_wire
tests_interop_rdata_wire_SOURCES = tests/interop/rdata_wire.c
tests_interop_rdata_wire_LDADD = $(LINK_dns)
noinst_PROGRAMS += tests/interop/guest/ipvs_kernel
tests_interop_guest_ipvs_kernel_SOURCES = tests/interop/guest/ipvs_kernel.c
tests_interop_guest_ipvs_kernel_LDADD = $(LINK_tier)
EXTRA_DIST += tests/interop/guest/guest.py tests/interop/guest/ipvs_daemon.sh
noinst_PROGRAMS += tests/interop/guest/peer
tests_interop_guest_peer_SOURCES = tests/interop/guest/peer.c
noinst_PROGRAMS += tests/interop/speaker_tool
tests_interop_speaker_tool_SOURCES = tests/interop/speaker_tool.c
tests_interop_speaker_tool_LDADD = $(LINK_anycast)
