/* SPDX-License-Identifier: Apache-2.0
 * Zone files: master files of RFC 1035 5 with the directives $ORIGIN, $TTL (RFC 2308), $INCLUDE and
 * $GENERATE, unknown types (RFC 3597), and one type of our own:
 *
 *     www    30 IN POOL www answers=2           ; names a pool; the TTL overrides the pool's
 *     www       IN POOL www ttl=5s-60s          ; bounds for one that follows from the checks
 *     www.ams   IN POOL www/ams                 ; one site of the pool
 *
 * A record without a TTL has that of $TTL, else that of the record before it (RFC 1035 5.1); a SOA
 * that comes first has its own MINIMUM. */
#pragma once

#include "config/zone_build.h"

#define ZONEFILE_INCLUDE_DEPTH 16   /* files inside files */
#define ZONEFILE_FILES_MAX 4096     /* that one zone may consist of */
#define ZONEFILE_GENERATE_MAX 65536 /* entries that one $GENERATE may make */
#define ZONEFILE_ERRORS_MAX 1000    /* then the rest of the zone is not read */

/** Reads the file at `path`, named at `named`, into `build`. The origin is that of $ORIGIN before
 *  the first record, else build->origin, which may be empty. Errors are reported. */
void zonefile_read(struct zone_build *build, const char *path, struct span named) ATTR_NONNULL;

/** Adds one record of build's current owner from rdata as text, which stands at `span`. Used by
 *  YAML zones. Errors are reported. */
void zonefile_add_text(struct zone_build *build, uint16_t type, uint32_t ttl_s, struct slice text,
                       struct span span, uint16_t file) ATTR_NONNULL;

/** A number of seconds, with or without units (`300`, `1h30m`). */
bool zonefile_ttl(const uint8_t *p, uint32_t n, uint32_t *out) ATTR_NONNULL;
