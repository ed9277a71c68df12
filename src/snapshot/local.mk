# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsnapshot.a
LINK_snapshot = libsnapshot.a $(LINK_dns) $(URCU_LIBS)
libsnapshot_a_SOURCES = \
	src/snapshot/index.c \
	src/snapshot/index.h \
	src/snapshot/limits.h \
	src/snapshot/log2.h \
	src/snapshot/node.h \
	src/snapshot/part.c \
	src/snapshot/part.h \
	src/snapshot/pick.c \
	src/snapshot/publish.c \
	src/snapshot/publish.h \
	src/snapshot/snapshot.c \
	src/snapshot/snapshot.h \
	src/snapshot/view.h
