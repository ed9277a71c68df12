/* SPDX-License-Identifier: Apache-2.0
 * Local balancers at the start. */
#include "main/daemon.h"

static void on_changed(void *ctx)
{
    struct daemon *d = ctx;
    if (d->ctl)
        ctl_tiers_changed(d->ctl);
}

int daemon_start_tiers(struct daemon *d, struct diags *diags)
{
    const struct tiers_host host = {.ctx = d, .changed = on_changed};
    d->tier_rights = rights_held();
    int code = rights_check_tiers(NULL, d->generation->model, d->tier_rights, diags);
    return code == 0 ? tiers_start(&d->tiers, &d->loop, &host, diags) : code;
}

int daemon_prepare_tiers(struct daemon *d, struct diags *diags)
{
    d->first_tiers = tier_set_new(d->generation->model);
    return tiers_prepare(d->tiers, d->first_tiers, diags);
}

void daemon_follow_tiers(struct daemon *d)
{
    tiers_follow(d->tiers, d->checker);
    tiers_switch(d->tiers, d->first_tiers, d->generation->model);
    tier_set_release(d->first_tiers);
    d->first_tiers = NULL;
}

static void on_given_up(void *ctx)
{
    (void)ctx;
}

void daemon_give_up_tiers(struct daemon *d)
{
    tier_set_release(d->first_tiers);
    d->first_tiers = NULL;
    if (d->tiers)
        tiers_stop(d->tiers, on_given_up, NULL);
    d->tiers = NULL;
}
