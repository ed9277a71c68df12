# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcompile.a
LINK_compile = libcompile.a libgeo.a libhealth.a libdrive.a libsnapshot.a $(LINK_model) \
	$(MAXMINDDB_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(URCU_LIBS) -lm
libcompile_a_SOURCES = \
	src/compile/alias.c \
	src/compile/alias.h \
	src/compile/candidates.c \
	src/compile/candidates.h \
	src/compile/classes.c \
	src/compile/classes.h \
	src/compile/client_table.c \
	src/compile/client_table.h \
	src/compile/compile.c \
	src/compile/compile.h \
	src/compile/kin.c \
	src/compile/kin.h \
	src/compile/limits.c \
	src/compile/limits.h \
	src/compile/lint.c \
	src/compile/lint.h \
	src/compile/lint_coarse.c \
	src/compile/lint_geo.c \
	src/compile/lint_name.h \
	src/compile/lint_pools.c \
	src/compile/lint_targets.c \
	src/compile/lint_steer.c \
	src/compile/order.c \
	src/compile/order.h \
	src/compile/render.c \
	src/compile/render.h \
	src/compile/site_standing.c \
	src/compile/site_sum.c \
	src/compile/site_sum.h \
	src/compile/steer.c \
	src/compile/steer.h \
	src/compile/steer_explain.c \
	src/compile/tree.c \
	src/compile/tree.h \
	src/compile/tree_sets.c \
	src/compile/verdict.c \
	src/compile/verdict.h \
	src/compile/zones.h \
	src/compile/zones.c
