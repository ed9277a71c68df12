/* SPDX-License-Identifier: Apache-2.0
 * Kinds of things that the configuration has words for: each with its word, and what the manual
 * says of it. Who reads the words (config) and who shows them (documents, explanations) take them
 * from here. */
#pragma once

#include "base/attr.h"

/* X(constant, word, what it means) */
#define CHECK_TYPES(X)                                                     \
    X(CHECK_TCP, "tcp", "A TCP connection opens.")                         \
    X(CHECK_HTTP, "http", "An HTTP request is answered as `expect` says.") \
    X(CHECK_HTTPS, "https", "As `http`, over TLS.")                        \
    X(CHECK_EXEC, "exec", "A program exits with status 0.")                \
    X(CHECK_POOL, "pool", "Another pool has a site that is up.")

/* These words are said alone, those of STEER_KEYS before something else. */
#define STEER_WORDS(X)                         \
    X(STEER_NEAREST, "nearest", "by distance") \
    X(STEER_ALL, "all", "all sites as one set")
#define STEER_KEYS(X)                        \
    X(STEER_MAP, "map", "by a map")          \
    X(STEER_ORDER, "order", "in this order") \
    X(STEER_SPLIT, "split", "by weight")

#define PICK_KINDS(X)                                                                     \
    X(PICK_WEIGHTED, "weighted",                                                          \
      "Draws by weight for every query; of several `answers`, each is in by its weight.") \
    X(PICK_ALL, "all", "All of them.")                                                    \
    X(PICK_ORDERED, "ordered", "The first ones in the order of the file.")                \
    X(PICK_STICKY, "sticky",                                                              \
      "By weight, but the same for all queries from one client network (/24 or /56).")

/* Beside these, ALL_DOWN_FALLBACK names a pool. */
#define ALL_DOWN_WORDS(X)                                                  \
    X(ALL_DOWN_SERVE_ALL, "serve_all", "As though all endpoints were up.") \
    X(ALL_DOWN_NODATA, "nodata", "The name exists, but has no addresses.") \
    X(ALL_DOWN_SERVFAIL, "servfail", "Resolvers try another server, or serve stale data.")

#define KIND(constant, word, doc) constant,
enum check_type { CHECK_TYPES(KIND) };
enum steer_kind { STEER_WORDS(KIND) STEER_KEYS(KIND) };
enum pick_kind { PICK_KINDS(KIND) };
enum all_down_kind { ALL_DOWN_WORDS(KIND) ALL_DOWN_FALLBACK };
#undef KIND

const char *check_type_word(enum check_type type) ATTR_PURE;
const char *steer_word(enum steer_kind kind) ATTR_PURE;
const char *pick_word(enum pick_kind kind) ATTR_PURE;
const char *all_down_word(enum all_down_kind kind) ATTR_PURE;
