/* SPDX-License-Identifier: Apache-2.0
 * TUNs and addresses, and who claims them. */
#include "anycast/hold.h"

#include "anycast/host_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 5000

struct tun {
    const char *name; /* of the latest claim */
    uint32_t n_claims, n_announced;
    bool there, carrier;
    bool fails; /* it is not there, or its carrier is down against its will: it is asked for anew */
    char error[160];
};

struct hold {
    struct holds *holds;
    const struct anycast_spec *spec;
    struct tun *tun;       /* NULL: none */
    const char *interface; /* NULL: none */
    bool announced;
};

struct holds {
    struct holds_host host;
    struct guard *guard; /* NULL: there is none */
    bool lost;           /* it has ended by itself */
    bool (*alive)(void *ctx);
    struct host_addresses *addresses;
    VEC(struct tun *) tuns;
    VEC(struct hold *) claims;
    uv_timer_t retry;
};

/* ---- TUNs ---- */

/** NULL: there is nobody to ask. */
static struct guard *guard_of(const struct holds *h)
{
    return h->lost ? NULL : h->guard;
}

static bool on_alive(void *ctx)
{
    const struct holds *h = ctx;
    return h->alive(h->host.ctx);
}

static struct tun *find_tun(const struct holds *h, const char *name)
{
    for (size_t i = 0; i < h->tuns.n; i++)
        if (strcmp(h->tuns.v[i]->name, name) == 0)
            return h->tuns.v[i];
    return NULL;
}

static void ask_for(struct hold *hold)
{
    struct holds *h = hold->holds;
    const struct prefix_set *config = hold->spec->config;
    if (config->n_addresses > GUARD_ADDRESSES_MAX)
        snprintf(hold->tun->error, sizeof hold->tun->error,
                 "it has %u addresses, and a TUN at most %d: make several sets of it",
                 config->n_addresses, GUARD_ADDRESSES_MAX);
    else if (guard_of(h))
        guard_tun(h->guard, hold->tun->name, config->addresses, config->n_addresses);
    else
        snprintf(hold->tun->error, sizeof hold->tun->error, "%s",
                 h->lost ? "the guard has ended, and its TUNs with it: restart loadstard"
                         : "there is no guard to hold it: restart loadstard");
}

static void on_retry(uv_timer_t *timer)
{
    struct holds *h = timer->data;
    for (size_t i = 0; i < h->claims.n; i++)
        if (guard_of(h) && h->claims.v[i]->tun && h->claims.v[i]->tun->error[0])
            ask_for(h->claims.v[i]);
}

static void on_tun(void *ctx, const char *ifname, bool there, bool carrier, const char *error)
{
    struct holds *h = ctx;
    struct tun *tun = find_tun(h, ifname);
    if (!tun)
        return;
    tun->there = there;
    tun->carrier = carrier;
    snprintf(tun->error, sizeof tun->error, "%s", error);
    tun->fails = *error && !carrier;
    if (*error)
        uv_timer_start(&h->retry, on_retry, RETRY_MS, 0);
    if (guard_of(h) && there && !*error && carrier != (tun->n_announced > 0))
        guard_carrier(h->guard, ifname, tun->n_announced > 0);
    h->host.changed(h->host.ctx);
}

static void on_lost(void *ctx)
{
    struct holds *h = ctx;
    h->lost = true;
    for (size_t i = 0; i < h->claims.n; i++) {
        if (!h->claims.v[i]->tun)
            continue;
        h->claims.v[i]->tun->there = h->claims.v[i]->tun->carrier = false;
        ask_for(h->claims.v[i]);
    }
    h->host.changed(h->host.ctx);
}

/** The sets have left what the guard has taken down; they come again by their own announcers. */
static void on_late(void *ctx)
{
    struct holds *h = ctx;
    h->host.late(h->host.ctx);
    on_retry(&h->retry);
}

static void claim_tun(struct hold *hold)
{
    struct holds *h = hold->holds;
    struct tun *tun = find_tun(h, hold->spec->ifname);
    if (!tun) {
        tun = xcalloc(1, sizeof *tun);
        *vec_push(&h->tuns) = tun;
    }
    tun->name = hold->spec->ifname;
    tun->n_claims++;
    tun->n_announced += hold->announced;
    hold->tun = tun;
    ask_for(hold);
}

/** The name lives with some claim's specification. */
static void rename_tun(const struct holds *h, struct tun *tun)
{
    for (size_t i = 0; i < h->claims.n; i++)
        if (h->claims.v[i]->tun == tun)
            tun->name = h->claims.v[i]->spec->ifname;
}

static void leave_tun(struct hold *hold)
{
    struct holds *h = hold->holds;
    struct tun *tun = hold->tun;
    hold->tun = NULL;
    tun->n_announced -= hold->announced;
    if (--tun->n_claims > 0) {
        if (hold->announced && tun->n_announced == 0 && guard_of(h))
            guard_carrier(h->guard, tun->name, false);
        rename_tun(h, tun);
        return;
    }
    if (guard_of(h))
        guard_gone(h->guard, tun->name);
    size_t n = 0;
    for (size_t i = 0; i < h->tuns.n; i++)
        if (h->tuns.v[i] != tun)
            h->tuns.v[n++] = h->tuns.v[i];
    h->tuns.n = n;
    free(tun);
}

/* ---- claims ---- */

static void claim(struct hold *hold)
{
    const struct prefix_set *config = hold->spec->config;
    if (hold->spec->ifname)
        claim_tun(hold);
    else
        hold->interface = config->interface;
    for (uint32_t i = 0; hold->interface && i < config->n_addresses; i++)
        host_address_take(hold->holds->addresses, hold->interface, &config->addresses[i].addr);
}

static void leave(struct hold *hold, bool keep)
{
    const struct prefix_set *config = hold->spec->config;
    if (hold->tun)
        leave_tun(hold);
    for (uint32_t i = 0; hold->interface && i < config->n_addresses; i++)
        host_address_drop(hold->holds->addresses, hold->interface, &config->addresses[i].addr,
                          keep);
}

struct hold *hold_open(struct holds *holds, const struct anycast_spec *spec)
{
    struct hold *hold = xcalloc(1, sizeof *hold);
    *hold = (struct hold){.holds = holds, .spec = spec};
    *vec_push(&holds->claims) = hold;
    claim(hold);
    return hold;
}

void hold_close(struct hold *hold, bool keep)
{
    struct holds *h = hold->holds;
    size_t n = 0;
    for (size_t i = 0; i < h->claims.n; i++)
        if (h->claims.v[i] != hold)
            h->claims.v[n++] = h->claims.v[i];
    h->claims.n = n;
    leave(hold, keep);
    free(hold);
}

/** The new claim comes before the old one goes, so that what both have is never let go of. */
struct hold *hold_respecify(struct hold *hold, const struct anycast_spec *spec)
{
    struct hold *next = xcalloc(1, sizeof *next);
    *next = (struct hold){.holds = hold->holds, .spec = spec, .announced = hold->announced};
    *vec_push(&hold->holds->claims) = next;
    claim(next);
    hold_close(hold, false);
    return next;
}

void hold_announce(struct hold *hold, bool announced)
{
    struct tun *tun = hold->tun;
    if (hold->announced == announced)
        return;
    hold->announced = announced;
    if (!tun)
        return;
    tun->n_announced += announced ? 1 : -1u;
    if (announced && tun->error[0] && guard_of(hold->holds))
        ask_for(hold); /* a carrier that goes up says nothing of an address that is missing */
    if (guard_of(hold->holds) && tun->n_announced == announced)
        guard_carrier(hold->holds->guard, tun->name, announced);
}

bool hold_ready(const struct hold *hold, const char **why)
{
    *why = "";
    if (hold->tun)
        *why = hold->tun->error;
    if (hold->tun || !hold->interface)
        return !hold->tun || (hold->tun->there && !hold->tun->fails);
    const struct prefix_set *config = hold->spec->config;
    for (uint32_t i = 0; i < config->n_addresses; i++)
        if (!host_address_there(hold->holds->addresses, hold->interface, &config->addresses[i].addr,
                                why))
            return false;
    return true;
}

/* ---- all ---- */

bool holds_will(struct holds *h, uint32_t number, const struct last_will *will)
{
    return !guard_of(h) || guard_will(h->guard, number, will);
}

uint32_t holds_busy(const struct holds *h)
{
    return host_addresses_busy(h->addresses);
}

struct holds *holds_new(const struct holds_host *host, int guard_fd, bool (*alive)(void *ctx))
{
    struct holds *h = xcalloc(1, sizeof *h);
    h->host = *host;
    h->alive = alive;
    const struct guard_host guard = {
        .drive = host->drive, .ctx = h, .tun = on_tun, .late = on_late, .lost = on_lost};
    const struct host_addresses_host addresses = {
        .drive = host->drive, .ctx = host->ctx, .changed = host->changed};
    uv_timer_init(drive_loop(host->drive), &h->retry);
    h->retry.data = h;
    h->addresses = host_addresses_new(&addresses);
    if (guard_fd >= 0)
        h->guard = guard_open(&guard, guard_fd, on_alive);
    return h;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void holds_free(struct holds *h, bool withdrawn)
{
    if (h->guard)
        guard_close(h->guard, withdrawn);
    host_addresses_free(h->addresses);
    for (size_t i = 0; i < h->tuns.n; i++)
        free(h->tuns.v[i]);
    vec_free(&h->tuns);
    vec_free(&h->claims);
    uv_close((uv_handle_t *)&h->retry, on_closed);
}
