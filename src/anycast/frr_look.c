/* SPDX-License-Identifier: Apache-2.0
 * Reading back what bgpd makes of its networks. */
#include "anycast/frr_driver.h"

#include <stdio.h>

/* bgpd decides 50 ms after a change. */
enum { DECIDES_MS = 25, DECIDES_TIMES = 20 };

static void note(struct speaker_driver *d, const struct ip_prefix *prefix, const char *text)
{
    char p[IP_PREFIX_TEXT_MAX];
    if (!*d->seen.note)
        snprintf(d->seen.note, sizeof d->seen.note, "%s %s", ip_prefix_text(p, prefix), text);
}

/* By the name of its route-map it is as told, and it is not. */
static bool is_tampered(struct speaker_driver *d, const struct announcement *a, const char *map)
{
    char name[FRR_MAP_NAME_MAX];
    struct buf sets = {0};
    frr_map_lines(&sets, a, d->host.config, d->has.as);
    frr_map_name(name, a->spec->name, sets.p ? sets.p : "", d->salt);
    buf_free(&sets);
    return strcmp(name, map) == 0;
}

static void judge(struct speaker_driver *d, struct seen_route *seen, const struct frr_route *route,
                  const struct frr_network *network)
{
    bool is_ours = network && network->is_ours;
    seen->real = route->best ? REAL_PRESENT : REAL_ABSENT;
    bool announced = d->wanted->v[seen->set].announced;
    seen->differs = route->best ? route->differs || !is_ours : is_ours && !announced;
    if (is_ours && route->sourced && route->differs)
        d->tampered |= is_tampered(d, &d->wanted->v[seen->set], network->map);
    if (route->sourced && !network)
        note(d, &seen->prefix, "is announced by what bgpd redistributes, not by Loadstar");
    else if (network && !is_ours)
        note(d, &seen->prefix, "has a network statement in bgpd that is not Loadstar's");
    else if (is_ours && route->sourced && !route->valid)
        note(d, &seen->prefix,
             "is not announced: its route is not in the kernel (bgp network import-check)");
    else if (is_ours && route->valid && !route->best)
        note(d, &seen->prefix, "is not announced: bgpd prefers the route of a neighbour");
    else if (is_ours && route->best && !route->advertised)
        note(d, &seen->prefix,
             "is told to no neighbour: no session is up, or a policy keeps it back");
}

/* False when a document is not understood, or bgpd has not decided. */
static bool take_routes(struct speaker_driver *d, const struct frr_reply *reply, bool *pending)
{
    struct slice text = reply->output;
    *pending = false;
    for (uint32_t set = 0; set < d->wanted->n; set++) {
        const struct announcement *a = &d->wanted->v[set];
        const struct prefix_set *config = a->spec->config;
        for (uint32_t nth = 0; nth < config->n_prefixes; nth++) {
            const struct ip_prefix *prefix = &config->prefixes[nth];
            struct seen_route *seen = vec_push(&d->seen.routes);
            struct frr_route route;
            struct frr_expected expected = {&a->attributes, route_next_hop(config, d->host.config,
                                                                           prefix->addr.family)};
            *seen = (struct seen_route){.prefix = *prefix, .set = set, .nth = nth};
            if (frr_route_read(&route, &text, &expected) != 0)
                return false;
            *pending |= route.pending;
            judge(d, seen, &route, frr_config_network(&d->has, prefix));
        }
    }
    return true;
}

static void add_leftovers(struct speaker_driver *d)
{
    uint32_t set, nth;
    bool has_ours = false;
    for (size_t i = 0; i < d->has.networks.n; i++) {
        const struct frr_network *network = &d->has.networks.v[i];
        has_ours |= network->is_ours;
        if (network->is_ours && !announcements_find(d->wanted, &network->prefix, &set, &nth))
            *vec_push(&d->seen.routes) = (struct seen_route){.prefix = network->prefix,
                                                             .set = MODEL_NONE,
                                                             .nth = MODEL_NONE,
                                                             .real = REAL_PRESENT};
    }
    d->seen.restarted = d->lost || (d->had_ours && !has_ours);
    d->had_ours = has_ours;
    d->lost = false;
}

static void tell_observed(struct speaker_driver *d)
{
    add_leftovers(d);
    if (*d->has.version)
        snprintf(d->seen.version, sizeof d->seen.version, "FRR %s", d->has.version);
    d->host.observed(d->host.ctx, &d->seen);
}

void frr_look_again(uv_timer_t *timer)
{
    frr_look(timer->data);
}

static void on_routes(struct speaker_driver *d, const struct frr_reply *reply)
{
    bool pending;
    d->seen.routes.n = 0;
    *d->seen.note = '\0';
    d->tampered = false;
    if (reply->error)
        frr_fail(d, reply->error, "%s", reply->text);
    else if (!take_routes(d, reply, &pending))
        frr_fail(d, SPEAKER_ERROR_REJECTED,
                 "bgpd answers `show bgp ipv4 unicast PREFIX json` in words that are not known");
    else if (pending && ++d->n_looks < DECIDES_TIMES)
        uv_timer_start(d->timer, frr_look_again, DECIDES_MS, 0);
    else
        tell_observed(d);
}

void frr_look(struct speaker_driver *d)
{
    struct frr_lines lines = {0};
    char text[IP_PREFIX_TEXT_MAX];
    for (uint32_t set = 0; set < d->wanted->n; set++) {
        const struct prefix_set *config = d->wanted->v[set].spec->config;
        for (uint32_t nth = 0; nth < config->n_prefixes; nth++) {
            const struct ip_prefix *prefix = &config->prefixes[nth];
            frr_lines_add(&lines, "show bgp %s unicast %s json",
                          prefix->addr.family == IP_V4 ? "ipv4" : "ipv6",
                          ip_prefix_text(text, prefix));
        }
    }
    if (lines.v.n > 0)
        frr_ask(d, &lines, on_routes);
    else
        tell_observed(d);
    frr_lines_free(&lines);
}
