# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libconfig.a
LINK_config = libconfig.a $(LINK_model) $(YAML_LIBS) $(IDN2_LIBS) -lm
libconfig_a_SOURCES = \
	src/config/check_http.c \
	src/config/check_keys.h \
	src/config/checks.c \
	src/config/check_tls.c \
	src/config/config.c \
	src/config/config_all.c \
	src/config/config.h \
	src/config/endpoints.c \
	src/config/endpoints.h \
	src/config/limits.c \
	src/config/listen.c \
	src/config/load.c \
	src/config/load.h \
	src/config/main_file.c \
	src/config/maps.c \
	src/config/networks.c \
	src/config/parts.h \
	src/config/pool_draft.h \
	src/config/pools.c \
	src/config/pools_file.c \
	src/config/pool_steer.c \
	src/config/schema.c \
	src/config/schema.h \
	src/config/schema_value.c \
	src/config/schema_value.h \
	src/config/server.c \
	src/config/sites.c \
	src/config/sources.c \
	src/config/sources.h \
	src/config/suggest.c \
	src/config/suggest.h \
	src/config/validate.c \
	src/config/yaml.c \
	src/config/yaml.h \
	src/config/yaml_error.c \
	src/config/yaml_error.h \
	src/config/zone_broken.c \
	src/config/zone_broken.h \
	src/config/zone_build.c \
	src/config/zone_build.h \
	src/config/zone_directives.c \
	src/config/zone_rdata.c \
	src/config/zone_reader.h \
	src/config/zone_slips.c \
	src/config/zone_slips.h \
	src/config/zonefile.c \
	src/config/zonefile.h \
	src/config/zone_files.c \
	src/config/zone_files.h \
	src/config/zones.c \
	src/config/zones_load.c \
	src/config/zones_load.h \
	src/config/zoneyaml.c \
	src/config/zoneyaml.h
