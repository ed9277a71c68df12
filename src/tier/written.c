/* SPDX-License-Identifier: Apache-2.0
 * Owners and errors of written files. */
#include "tier/written.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum tier_error written_reason(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return TIER_ERROR_DENIED;
    case ETIMEDOUT:
    case EBUSY:
        return TIER_ERROR_TIMEOUT;
    default:
        return TIER_ERROR_DISK;
    }
}

static void say_kept(char *text, size_t size, const struct tier *config, const char *suffix)
{
    size_t n = strlen(text);
    if (suffix)
        snprintf(text + n, size - n, ", and kept as %s%s", config->file, suffix);
}

void written_judge(struct observation *seen, const struct tier *config, enum mark_owner owner,
                   bool empty, const char *node, const char *const kept[2])
{
    seen->exists = !empty;
    seen->is_ours = owner == MARK_OURS || owner == MARK_EDITED;
    if (owner == MARK_FOREIGN) {
        seen->is_foreign = true;
        snprintf(seen->refused, sizeof seen->refused,
                 "%s is written by the node %s, and one file has one writer; remove it if that "
                 "node is no more",
                 config->file, node);
    } else if (owner == MARK_NONE && !empty && !config->adopt) {
        snprintf(seen->refused, sizeof seen->refused,
                 "%s was not written by Loadstar; with `adopt: true` it is replaced", config->file);
        say_kept(seen->refused, sizeof seen->refused, config, kept ? kept[0] : NULL);
    } else if (owner == MARK_EDITED) {
        snprintf(seen->note, sizeof seen->note, "%s was changed by somebody else; it is put right",
                 config->file);
        say_kept(seen->note, sizeof seen->note, config, kept ? kept[1] : NULL);
    }
}

void written_is_link(struct observation *seen, const struct tier *config)
{
    seen->exists = true;
    snprintf(seen->refused, sizeof seen->refused,
             "%s is a link, and is not followed; name the file itself", config->file);
}

bool written_is_taken(char out[WRITTEN_TEXT_MAX], const struct tier *config, enum mark_owner owner,
                      bool empty)
{
    snprintf(out, WRITTEN_TEXT_MAX, "%s has become another's; it is left alone", config->file);
    return owner == MARK_FOREIGN || (owner == MARK_NONE && !empty && !config->adopt);
}
