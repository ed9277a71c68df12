/* SPDX-License-Identifier: Apache-2.0
 * Which rights what is configured takes. */
#include "main/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

static bool has_ipvs(const struct model *m)
{
    for (uint32_t i = 0; i < m->n_tiers; i++)
        if (m->tiers[i].type == TIER_IPVS)
            return true;
    return false;
}

/** Whose addresses the thread of anycast adds to an interface and removes. */
static bool has_addresses(const struct prefix_set *set)
{
    return set->hold == ANYCAST_HOLD_NONE && set->interface;
}

bool rights_tiers_need(const struct model *m)
{
    return has_ipvs(m);
}

bool rights_anycast_needs(const struct model *m)
{
    for (uint32_t i = 0; i < m->n_prefix_sets; i++)
        if (has_addresses(&m->prefix_sets[i]))
            return true;
    return false;
}

static rights_set needed_by_xdp(const struct server_config *server)
{
    return server->xdp.n_interfaces > 0 ? RIGHT(CAP_NET_ADMIN) | RIGHT(CAP_NET_RAW) | RIGHT(CAP_BPF)
                                        : 0;
}

static rights_set needed_by_drives(const struct model *m)
{
    return has_ipvs(m) || rights_anycast_needs(m) ? RIGHT(CAP_NET_ADMIN) : 0;
}

rights_set rights_needed(const struct model *m)
{
    return RIGHT(CAP_NET_BIND_SERVICE) | needed_by_xdp(&m->server) | needed_by_drives(m);
}

rights_set rights_of_drives(const struct model *m)
{
    return needed_by_drives(m) & ~needed_by_xdp(&m->server);
}

static const char how_to_give[] =
    "needs CAP_NET_ADMIN, which loadstard keeps only when it is started with such a tier and is "
    "given it: install contrib/systemd/tier-ipvs.conf as "
    "/etc/systemd/system/loadstard.service.d/tier-ipvs.conf, then systemctl daemon-reload and "
    "systemctl restart loadstard";

static bool lacks(const struct tier *tier, rights_set held)
{
    return tier->type == TIER_IPVS && !(held & RIGHT(CAP_NET_ADMIN));
}

int rights_check_tiers(const struct model *before, const struct model *m, rights_set held,
                       struct diags *diags)
{
    bool warn = !before || has_ipvs(before);
    int code = 0;
    for (uint32_t i = 0; i < m->n_tiers; i++) {
        const struct tier *tier = &m->tiers[i];
        if (!lacks(tier, held))
            continue;
        if (warn)
            diag_warning(diags, tier->span, "tier '%s' (ipvs) %s", tier->name, how_to_give);
        else
            diag_error(diags, tier->span, "tier '%s' (ipvs) %s", tier->name, how_to_give);
        code = warn ? 0 : E_INVALID;
    }
    return code;
}

#define ANYCAST_DROP_IN                                                     \
    "install contrib/systemd/anycast.conf as "                              \
    "/etc/systemd/system/loadstard.service.d/anycast.conf, then systemctl " \
    "daemon-reload and systemctl restart loadstard"

/** One thing that is missing; NULL: nothing. */
static const char *missing_for(const struct prefix_set *set, const struct anycast_rights *have)
{
    if (set->hold == ANYCAST_HOLD_TUN && !(have->guard & RIGHT(CAP_NET_ADMIN)))
        return "(hold: tun) needs CAP_NET_ADMIN, which loadstard gives to its guard and keeps "
               "nothing of: start it as root with server.user, or " ANYCAST_DROP_IN;
    if (has_addresses(set) && !(have->thread & RIGHT(CAP_NET_ADMIN)))
        return "(interface) needs CAP_NET_ADMIN, which loadstard keeps only when it is started "
               "with such a set and is given it: " ANYCAST_DROP_IN
               "; or have the addresses on the interface for good, and leave `interface` out";
    if (!have->has_guard)
        return "needs a restart of loadstard: its guard, the process that withdraws when loadstard "
               "cannot, is started only with loadstard, and was not, as there was no prefix set";
    return NULL;
}

int rights_check_anycast(const struct model *m, const struct anycast_rights *have,
                         struct diags *diags)
{
    int code = 0;
    for (uint32_t i = 0; i < m->n_prefix_sets; i++) {
        const struct prefix_set *set = &m->prefix_sets[i];
        const char *missing = missing_for(set, have);
        if (missing) {
            diag_error(diags, set->span, "prefix set '%s' %s", set->name, missing);
            code = E_INVALID;
        }
    }
    return code;
}

int rights_check_tun(const struct model *m, struct diags *diags)
{
    const struct prefix_set *set = NULL;
    for (uint32_t i = 0; i < m->n_prefix_sets && !set; i++)
        if (m->prefix_sets[i].hold == ANYCAST_HOLD_TUN)
            set = &m->prefix_sets[i];
    int fd = set ? open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0)
        close(fd);
    if (!set || fd >= 0)
        return 0;
    diag_error(diags, set->span, "prefix set '%s' (hold: tun) needs /dev/net/tun: %s; %s",
               set->name, strerror(errno),
               errno == EACCES   ? "it is for everybody to open (chmod 666), as udev has it"
               : errno == ENODEV ? "modprobe tun"
                                 : "give it to the container, or " ANYCAST_DROP_IN);
    return E_INVALID;
}
