# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
LINK_base = libbase.a -lpthread
libbase_a_SOURCES = \
	src/base/actor.c \
	src/base/actor.h \
	src/base/arena.c \
	src/base/arena.h \
	src/base/attr.h \
	src/base/buf.c \
	src/base/buf.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/count.h \
	src/base/cursor.h \
	src/base/diag.c \
	src/base/diag.h \
	src/base/escape.c \
	src/base/escape.h \
	src/base/excerpt.c \
	src/base/excerpt.h \
	src/base/file.c \
	src/base/file.h \
	src/base/give_way.c \
	src/base/give_way.h \
	src/base/hash.h \
	src/base/identity.c \
	src/base/identity.h \
	src/base/ip.c \
	src/base/ip.h \
	src/base/log.c \
	src/base/log.h \
	src/base/lpm.c \
	src/base/lpm.h \
	src/base/lpm_share.c \
	src/base/lpm_share.h \
	src/base/memory.c \
	src/base/memory.h \
	src/base/parallel.c \
	src/base/parallel.h \
	src/base/rng.c \
	src/base/rng.h \
	src/base/siphash.h \
	src/base/slice.h \
	src/base/strmap.c \
	src/base/strmap.h \
	src/base/trie.c \
	src/base/trie.h \
	src/base/turns.c \
	src/base/turns.h \
	src/base/units.c \
	src/base/units.h \
	src/base/vec.c \
	src/base/vec.h \
	src/base/wheel.c \
	src/base/wheel.h \
	src/base/worklist.c \
	src/base/worklist.h
