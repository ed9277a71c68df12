/* SPDX-License-Identifier: Apache-2.0
 * The threads of tiers and of anycast: a thread has what the one that starts it has, so those that
 * need nothing are started last. */
#include "main/daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/** What is started from now on has no more than this thread. Root by choice stays root. */
static void drop_rights(const struct model *m, struct diags *diags)
{
    if (geteuid() != 0 && rights_drop(rights_of_drives(m)) != 0)
        diag_warning(diags, (struct span){0},
                     "all threads keep CAP_NET_ADMIN, which one alone needs: %s (a filter that "
                     "forbids capset()?)",
                     strerror(errno));
}

static int start(struct daemon *d, bool tiers, bool anycast, struct diags *diags)
{
    int code = 0;
    if (tiers)
        code = daemon_start_tiers(d, diags);
    if (code == 0 && anycast)
        code = daemon_start_anycast(d, diags);
    return code;
}

int daemon_start_drives(struct daemon *d, struct diags *diags)
{
    const struct model *m = d->generation->model;
    bool tiers = rights_tiers_need(m), anycast = rights_anycast_needs(m);
    rights_set kept = rights_held();
    int code = start(d, tiers, anycast, diags);
    if (code == 0)
        drop_rights(m, diags);
    if (code == 0)
        code = start(d, !tiers, !anycast, diags);
    d->anycast_rights.thread = anycast ? kept : rights_held();
    return code == 0 ? daemon_prepare_tiers(d, diags) : code;
}
