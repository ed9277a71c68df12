# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libhealth.a
LINK_health = libhealth.a $(LINK_model) $(UV_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) -lm
libhealth_a_SOURCES = \
	src/health/authorities.c \
	src/health/authorities.h \
	src/health/check.c \
	src/health/check.h \
	src/health/checker.c \
	src/health/checker.h \
	src/health/credentials.c \
	src/health/credentials.h \
	src/health/endpoints.c \
	src/health/exec_line.h \
	src/health/fsm.c \
	src/health/fsm.h \
	src/health/guard.c \
	src/health/guard.h \
	src/health/http_reply.c \
	src/health/http_reply.h \
	src/health/internal.h \
	src/health/lanes.c \
	src/health/lanes.h \
	src/health/operator.c \
	src/health/overrides.c \
	src/health/overrides.h \
	src/health/pem.c \
	src/health/pem.h \
	src/health/persist.c \
	src/health/plan.c \
	src/health/plan.h \
	src/health/probe_exec.c \
	src/health/probe_http.c \
	src/health/probe_tcp.c \
	src/health/process.c \
	src/health/process.h \
	src/health/program.c \
	src/health/program.h \
	src/health/reason.c \
	src/health/schedule.c \
	src/health/state.c \
	src/health/state.h \
	src/health/state_dir.c \
	src/health/state_dir.h \
	src/health/store.c \
	src/health/store.h \
	src/health/stream.c \
	src/health/stream.h \
	src/health/subscription.c \
	src/health/subscription.h \
	src/health/tls.c \
	src/health/tls.h \
	src/health/tls_reason.c \
	src/health/tls_reason.h \
	src/health/trial.c \
	src/health/trial.h
