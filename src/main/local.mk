# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += loadstarctl
loadstarctl_SOURCES = \
	src/main/ctl_arguments.c \
	src/main/ctl_arguments.h \
	src/main/ctl_commands.c \
	src/main/ctl_commands.h \
	src/main/ctl_exabgp.c \
	src/main/ctl_exabgp.h \
	src/main/ctl_output.c \
	src/main/ctl_output.h \
	src/main/ctl_verdict.c \
	src/main/ctl_verdict.h \
	src/main/ctl_wait.c \
	src/main/ctl_wait.h \
	src/main/loadstarctl.c
loadstarctl_LDADD = $(LINK_ctl)
loadstarctl_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed

sbin_PROGRAMS += loadstard
loadstard_SOURCES = \
	src/main/anycast.c \
	src/main/changes.c \
	src/main/connections.c \
	src/main/connections.h \
	src/main/daemon.c \
	src/main/daemon.h \
	src/main/drives.c \
	src/main/guard.c \
	src/main/judge.c \
	src/main/judge.h \
	src/main/lent.c \
	src/main/levels.c \
	src/main/life.c \
	src/main/loadstard.c \
	src/main/report.c \
	src/main/report.h \
	src/main/rights.c \
	src/main/rights.h \
	src/main/stop.c \
	src/main/tiers.c \
	src/main/transition.c \
	src/main/transition.h
loadstard_LDADD = libload.a $(LINK_ctl)
