# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libanswer.a
LINK_answer = libanswer.a $(LINK_snapshot)
libanswer_a_SOURCES = \
	src/answer/answer.c \
	src/answer/answer.h \
	src/answer/chaos.c \
	src/answer/cookie.c \
	src/answer/cookie.h \
	src/answer/edns.c \
	src/answer/edns.h \
	src/answer/limit.c \
	src/answer/limit.h \
	src/answer/limiter.c \
	src/answer/limiter.h \
	src/answer/pool.c \
	src/answer/reply.c \
	src/answer/reply.h \
	src/answer/resolve.c \
	src/answer/tsig.c
