/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: for whom a request may be meant. A page elsewhere can make a browser ask us under
 * a name of its own that it lets point here (DNS rebinding), and would then be allowed to read the
 * answer; it cannot choose what the Host field says. */
#pragma once

#include "model/model.h"

/** Whether `host` (NULL: none was sent) is a name of the server: localhost, the address that it
 *  listens on or that the connection came to, or one of `names`. With or without a port. */
bool http_host_is_ours(const char *host, const struct ip *listens, const struct ip *local,
                       const struct str_list *names) __attribute__((nonnull(2, 3, 4)));
