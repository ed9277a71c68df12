# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libload.a
LINK_load = libload.a libconfig.a $(LINK_compile) $(YAML_LIBS) $(IDN2_LIBS)
libload_a_SOURCES = \
	src/load/load.c \
	src/load/load.h
