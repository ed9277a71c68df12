/* SPDX-License-Identifier: Apache-2.0
 * Who asks for a change: written to the log, kept with orders, told by events. A value, to be
 * copied. Listeners make it (control socket, HTTP), everybody else passes it on and shows `text`.
 */
#pragma once

#include "base/attr.h"

#include <sys/types.h>

#define ACTOR_TEXT_MAX 128 /* bytes, with the NUL */

/** "alice (uid 1000)", "uid 1000" where no name is known, "token NAME from ADDRESS", "ADDRESS" for
 * who only reads, or "loadstard" for what it does by itself. One line, fit for a terminal
 * (base/escape.h), never empty. */
struct actor {
    char text[ACTOR_TEXT_MAX];
};

#define ACTOR_SELF ((struct actor){"loadstard"})

/** A user of this machine; `name` may be NULL: not known. Bytes of a name that must not be shown
 * are escaped, a long one is cut. */
struct actor actor_user(uid_t uid, const char *name) ATTR_MUST_USE;

/** Who has the token of this name, and sent it from `from`, an address. */
struct actor actor_token(const char *name, const char *from) ATTR_NONNULL ATTR_MUST_USE;

/** Who reads over HTTP: known by an address alone. */
struct actor actor_anybody(const char *from) ATTR_NONNULL ATTR_MUST_USE;
