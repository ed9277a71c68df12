/* SPDX-License-Identifier: Apache-2.0
 * What members of a tier and tiers among each other must not be: packets that cannot reach them,
 * two tiers that drive one thing. */
#include "config/tier_draft.h"

static void judge_family(struct load *load, const struct tier_draft *d, const struct endpoint *e,
                         const struct tier_path *path)
{
    const struct tier *t = &d->tier;
    if (e->addr.family == t->service.family || path->forward == TIER_FORWARD_TUNNEL)
        return;
    diag_error(load->diags, t->span,
               "member '%s' of tier '%s' is IPv%d and its service IPv%d, expected one family, or "
               "'forward: tunnel'",
               e->label, t->name, e->addr.family, t->service.family);
    diag_also(load->diags, e->span, "the member");
}

/* Packets come to the member as they came to the service. */
static void judge_port(struct load *load, const struct tier_draft *d, const struct endpoint *e,
                       const struct tier_path *path, uint16_t port)
{
    const struct tier *t = &d->tier;
    if (path->forward == TIER_FORWARD_NAT || !t->service.port || port == t->service.port)
        return;
    diag_error(load->diags, t->span,
               "member '%s' of tier '%s' has port %u, but '%s' leaves packets as they came, to "
               "port %u: expected 'port: %u' in the tier, or 'forward: nat'",
               e->label, t->name, port, path->forward == TIER_FORWARD_DR ? "dr" : "tunnel",
               t->service.port, t->service.port);
    diag_also(load->diags, e->span, "the member");
}

/* Packets for any port come to one: meant for a member that is a balancer itself, or forgotten. */
static void lint_all_ports(struct load *load, const struct tier_draft *d)
{
    const struct tier *t = &d->tier;
    for (uint32_t i = 0; i < t->n_members; i++) {
        const struct endpoint *e = &load->model->endpoints[t->members[i]];
        if (t->member_paths[i].forward != TIER_FORWARD_NAT || !t->member_ports[i] ||
            t->member_ports[i] != e->port || yaml_get(d->node, "port"))
            continue;
        diag_warning(load->diags, t->span,
                     "tier '%s' takes packets for all ports, and member '%s' gets them at its port "
                     "%u: expected 'port: 0' for the one that the client asked for, or 'port: %u' "
                     "if that is meant",
                     t->name, e->label, e->port, e->port);
        return;
    }
}

void tier_judge_paths(struct load *load, struct tier_draft *d)
{
    struct tier *t = &d->tier;
    const struct endpoint *endpoints = load->model->endpoints;
    unsigned errors = load->diags->n_errors;
    t->service.family = t->service.addr.family ? t->service.addr.family
                        : d->family            ? (uint8_t)d->family
                                               : endpoints[t->members[0]].addr.family;
    unsigned bits = t->service.family == IP_V4 ? 32 : 128;
    t->service.persistence_len = d->persistence_len ? d->persistence_len : (uint8_t)bits;
    if (t->service.persistence_len > bits)
        diag_error(load->diags, yaml_get(yaml_get(d->node, "service"), "persistence")->span,
                   "'prefix' of 'persistence' is %u, expected at most 32 for IPv4",
                   t->service.persistence_len);
    if (t->service.port == 0)
        lint_all_ports(load, d);
    for (uint32_t i = 0; i < t->n_members && load->diags->n_errors == errors; i++) {
        const struct endpoint *e = &endpoints[t->members[i]];
        judge_family(load, d, e, &t->member_paths[i]);
        judge_port(load, d, e, &t->member_paths[i], t->member_ports[i]);
    }
}

void slow_start_give(struct load *load, const struct tier_draft *d)
{
    struct pool *pool = &load->pool_table[d->tier.pool];
    if (!d->slow_start_ms || pool->slow_start_ms == d->slow_start_ms)
        return;
    if (pool->slow_start_ms) {
        diag_error(load->diags, d->slow_start_at,
                   "'slow_start' is not that of pool '%s' at %s:%u:%u, expected the same: an "
                   "endpoint begins slowly everywhere at once",
                   pool->name, pool->slow_start_at.file, pool->slow_start_at.line,
                   pool->slow_start_at.column);
        diag_also(load->diags, pool->slow_start_at, "the pool's");
        return;
    }
    pool->slow_start_ms = d->slow_start_ms;
    pool->slow_start_at = d->slow_start_at;
}

/* ---- two on one thing ---- */

struct claims {
    struct load *load;
    const struct tier *v;
    struct strmap seen; /* what is driven -> the tier */
};

static void claim(struct claims *claims, uint32_t tier, struct span at, const char *key,
                  const char *what)
{
    const struct tier *t = &claims->v[tier];
    uint32_t first = strmap_add(&claims->seen, slice_str(key), tier);
    if (first == tier)
        return;
    const struct tier *o = &claims->v[first];
    diag_error(claims->load->diags, at,
               "tiers '%s' and '%s' (%s:%u:%u) both drive %s, expected one tier for it", t->name,
               o->name, o->span.file, o->span.line, o->span.column, what);
    diag_also(claims->load->diags, o->span, "the other");
}

static void claim_service(struct claims *claims, uint32_t tier)
{
    static const char *const protocols[] = {
        [TIER_TCP] = "tcp", [TIER_UDP] = "udp", [TIER_SCTP] = "sctp"};
    const struct tier *t = &claims->v[tier];
    struct arena *arena = claims->load->scratch;
    char text[IP_PORT_TEXT_MAX];
    const char *what = t->service.fwmark
                           ? arena_printf(arena, "the IPv%d service of mark %u", t->service.family,
                                          t->service.fwmark)
                           : arena_printf(arena, "the service %s of %s",
                                          ip_port_text(text, &t->service.addr, t->service.port),
                                          protocols[t->service.protocol]);
    claim(claims, tier, t->span, what, what);
}

static void claim_all(struct claims *claims, uint32_t tier)
{
    const struct tier *t = &claims->v[tier];
    struct load *load = claims->load;
    const char *path = t->file ? written_file_judge(load, t->file, t->file_at) : NULL;
    if (t->type == TIER_IPVS)
        claim_service(claims, tier);
    if (t->type == TIER_L4)
        claim(claims, tier, t->socket_at,
              arena_printf(load->scratch, "l4 %s %s", t->l4.service, t->socket),
              arena_printf(load->scratch, "service '%s' at '%s'", t->l4.service, t->socket));
    else if (t->socket)
        claim(claims, tier, t->socket_at,
              arena_printf(load->scratch, "backend %s %s", t->haproxy.backend, t->socket),
              arena_printf(load->scratch, "backend '%s' at '%s'", t->haproxy.backend, t->socket));
    if (t->envoy.rest)
        claim(claims, tier, t->span, arena_printf(load->scratch, "cluster %s", t->envoy.cluster),
              arena_printf(load->scratch, "cluster '%s' of the HTTP API", t->envoy.cluster));
    if (path)
        claim(claims, tier, t->file_at, arena_printf(load->scratch, "file %s", path),
              arena_printf(load->scratch, "the file '%s'", t->file));
}

/* What was made by us is known by its records alone there: other types have marks in their files,
 * or hold nothing. */
static bool needs_records(const struct tier *t)
{
    return t->type == TIER_IPVS || (t->type == TIER_HAPROXY && t->socket);
}

void tiers_judge(struct load *load, const struct tier *v, uint32_t n)
{
    struct claims claims = {.load = load, .v = v};
    const struct tier *unrecorded = NULL;
    for (uint32_t i = 0; i < n; i++) {
        claim_all(&claims, i);
        if (!unrecorded && needs_records(&v[i]))
            unrecorded = &v[i];
    }
    strmap_free(&claims.seen);
    if (unrecorded && !load->model->server.state_dir && load->main_is_sound)
        diag_warning(load->diags, unrecorded->span,
                     "without 'state_dir' of the server nobody knows after a restart what "
                     "Loadstar has made in tier '%s': it is taken for others' and kept",
                     unrecorded->name);
}
