# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libdrive.a
LINK_drive = libdrive.a $(LINK_base) $(NL_LIBS) $(UV_LIBS)
libdrive_a_SOURCES = \
	src/drive/backoff.c \
	src/drive/backoff.h \
	src/drive/command.c \
	src/drive/command.h \
	src/drive/descriptors.c \
	src/drive/descriptors.h \
	src/drive/drive.c \
	src/drive/drive.h \
	src/drive/file_task.c \
	src/drive/file_task.h \
	src/drive/files.c \
	src/drive/files.h \
	src/drive/first_line.h \
	src/drive/internal.h \
	src/drive/line_split.c \
	src/drive/line_split.h \
	src/drive/mailbox.c \
	src/drive/mark.c \
	src/drive/mark.h \
	src/drive/netlink.c \
	src/drive/netlink.h \
	src/drive/netlink_judge.c \
	src/drive/output.c \
	src/drive/output.h \
	src/drive/process.c \
	src/drive/process.h \
	src/drive/program.c \
	src/drive/program.h \
	src/drive/reload.c \
	src/drive/reload.h \
	src/drive/talk.c \
	src/drive/sock_diag.c \
	src/drive/sock_diag.h \
	src/drive/talk.h \
	src/drive/turn_watch.c \
	src/drive/turn_watch.h \
	src/drive/written_text.c
