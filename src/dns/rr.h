/* SPDX-License-Identifier: Apache-2.0
 * Rdata as text, and RCODEs. Cold: configuration, explain, logs. */
#pragma once

#include "base/arena.h"
#include "dns/rr_type.h"

/** Parses the rdata of one RR into `arena`; see rdata_read(). Returns 0, or E_SYNTAX with the
 * reason in *why (in `arena`). */
int rr_rdata_from_text(struct slice *out, struct arena *arena, uint16_t type, const char *text,
                       struct slice origin, const char **why) ATTR_NONNULL ATTR_MUST_USE;

/** Positions of the domain names inside rdata, for the types of RFC 1035 and RFC 2782/2163/6672
 * style that the server must look into: fills at[] (at most 2) with offsets, returns how many. The
 * types whose names may be compressed (RFC 3597 4) are told apart by *compressible. */
unsigned rr_rdata_names(uint16_t type, struct slice rdata, uint16_t at[2],
                        bool *compressible) ATTR_NONNULL;

const char *rcode_text(unsigned rcode);
