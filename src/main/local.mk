# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += loadstarctl
loadstarctl_SOURCES = \
	src/main/ctl_arguments.c \
	src/main/ctl_arguments.h \
	src/main/ctl_commands.c \
	src/main/ctl_commands.h \
	src/main/ctl_output.c \
	src/main/ctl_output.h \
	src/main/loadstarctl.c
loadstarctl_LDADD = $(LINK_ctl)
loadstarctl_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed

sbin_PROGRAMS += loadstard
loadstard_SOURCES = \
	src/main/changes.c \
	src/main/daemon.c \
	src/main/daemon.h \
	src/main/judge.c \
	src/main/judge.h \
	src/main/lent.c \
	src/main/levels.c \
	src/main/life.c \
	src/main/loadstard.c \
	src/main/notify.c \
	src/main/notify.h \
	src/main/process.c \
	src/main/process.h \
	src/main/reload.c \
	src/main/reload.h \
	src/main/report.c \
	src/main/report.h \
	src/main/rights.c \
	src/main/rights.h \
	src/main/transition.c \
	src/main/transition.h \
	src/main/turn_watch.c \
	src/main/turn_watch.h
loadstard_LDADD = libload.a $(LINK_ctl)
