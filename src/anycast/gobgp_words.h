/* SPDX-License-Identifier: Apache-2.0
 * The arguments of gobgp. Pure. */
#pragma once

#include "anycast/speaker.h"

/** An argv, which ends with NULL; its words are its own. */
struct gobgp_argv {
    VEC(char *) v;
};
void gobgp_argv_free(struct gobgp_argv *argv) ATTR_NONNULL;

/** `COMMAND.. -j global`, for words that are all blank-free. */
void gobgp_argv_ask(struct gobgp_argv *argv, const char *const *command,
                    const char *words) ATTR_NONNULL;
/** `COMMAND.. global rib add PREFIX ..`: replaces what is there at once. `next_hop` NULL: gobgpd's
 *  own. */
void gobgp_argv_add(struct gobgp_argv *argv, const char *const *command,
                    const struct ip_prefix *prefix, const struct route_attributes *attributes,
                    const struct ip *next_hop, uint32_t as) __attribute__((nonnull(1, 2, 3, 4)));
void gobgp_argv_del(struct gobgp_argv *argv, const char *const *command,
                    const struct ip_prefix *prefix) ATTR_NONNULL;

/** The path of the Unix socket by which the command reaches gobgpd (`--target unix://PATH`); NULL:
 *  it names none. */
const char *gobgp_socket(const char *const *command) ATTR_NONNULL;
