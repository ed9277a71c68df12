/* SPDX-License-Identifier: Apache-2.0
 * Who asks for a change. */
#include "base/actor.h"

#include "base/escape.h"

#include <stdio.h>

#define NAME_SHOWN 65 /* bytes with the NUL: leaves room for an address and the words */

struct actor actor_user(uid_t uid, const char *name)
{
    struct actor actor = {0};
    char shown[NAME_SHOWN];
    if (name && escape_text(shown, sizeof shown, slice_str(name)) > 0)
        snprintf(actor.text, sizeof actor.text, "%s (uid %u)", shown, (unsigned)uid);
    else
        snprintf(actor.text, sizeof actor.text, "uid %u", (unsigned)uid);
    return actor;
}

struct actor actor_token(const char *name, const char *from)
{
    struct actor actor = {0};
    char shown[NAME_SHOWN], shown_from[40];
    escape_text(shown, sizeof shown, slice_str(name));
    escape_text(shown_from, sizeof shown_from, slice_str(from));
    snprintf(actor.text, sizeof actor.text, "token %s from %s", shown, shown_from);
    return actor;
}

struct actor actor_anybody(const char *from)
{
    struct actor actor = {0};
    escape_text(actor.text, sizeof actor.text, slice_str(from));
    return actor;
}
