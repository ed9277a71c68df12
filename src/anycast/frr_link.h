/* SPDX-License-Identifier: Apache-2.0
 * The way to bgpd: its vty, or vtysh where the socket is not configured, or not to be had. Either
 * takes lines, and gives what bgpd says to them in one piece. */
#pragma once

#include "anycast/frr_vty.h"

struct frr_link;

/** By `config`, which is looked at during the call alone, and has a socket or a command. */
struct frr_link *
frr_link_open(struct drive *drive, const struct speaker *config,
              const struct frr_asker *asker) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** One at a time. By vtysh what follows a line that is refused is not carried out. */
void frr_link_ask(struct frr_link *link, const struct frr_lines *lines) ATTR_NONNULL;
/** Whether vtysh has given the latest answer. */
bool frr_link_is_vtysh(const struct frr_link *link) ATTR_NONNULL ATTR_PURE;
/** The arguments of vtysh that carry out the lines, which they point to; ends with NULL, for
 *  free(). */
const char **frr_vtysh_argv(const char *const *command,
                            const struct frr_lines *lines) ATTR_NONNULL ATTR_MUST_USE;
/** Nothing is called any more. */
void frr_link_close(struct frr_link *link) ATTR_NONNULL;
