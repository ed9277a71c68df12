/* SPDX-License-Identifier: Apache-2.0
 * What each prefix covers: where this server answers in it, whom `self` asks, and which addresses
 * are held. */
#include "config/anycast_draft.h"

static bool is_any(const struct ip *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->b, zero, sizeof zero) == 0;
}

static bool is_host(const struct ip_prefix *p)
{
    return p->len == ip_bits(&p->addr);
}

/* The listener that gets queries to `addr`; NULL: none. Those of the address itself first. */
static const struct listen_addr *listener_of(const struct model *m, const struct ip *addr)
{
    const struct listen_addr *any = NULL;
    for (uint32_t i = 0; i < m->server.n_listen; i++) {
        const struct listen_addr *l = &m->server.listen[i];
        if (l->addr.family != addr->family)
            continue;
        if (ip_equal(&l->addr, addr))
            return l;
        if (!any && is_any(&l->addr))
            any = l;
    }
    return any;
}

/* The first address within the prefix that is listened on by itself. */
static const struct listen_addr *listener_in(const struct model *m, const struct ip_prefix *p)
{
    for (uint32_t i = 0; i < m->server.n_listen; i++)
        if (m->server.listen[i].addr.family && !is_any(&m->server.listen[i].addr) &&
            ip_in_prefix(&m->server.listen[i].addr, p))
            return &m->server.listen[i];
    return NULL;
}

static const struct tier *tier_in(const struct model *m, const struct ip_prefix *p)
{
    for (uint32_t i = 0; i < m->n_tiers; i++)
        if (m->tiers[i].service.addr.family && ip_in_prefix(&m->tiers[i].service.addr, p))
            return &m->tiers[i];
    return NULL;
}

/* Whether DNS is answered somewhere in the prefix: by address, on every address for one alone, or
 * where `self` says. */
static bool is_served(const struct model *m, const struct prefix_set *s, const struct ip_prefix *p)
{
    return listener_in(m, p) || (is_host(p) && listener_of(m, &p->addr)) ||
           (s->self.addr.family && ip_in_prefix(&s->self.addr, p) && listener_of(m, &s->self.addr));
}

static void refuse_uncovered(struct load *load, const struct set_draft *d, uint32_t i)
{
    const struct model *m = load->model;
    const struct ip_prefix *p = &d->set.prefixes[i];
    char text[IP_PREFIX_TEXT_MAX];
    struct ip any = {.family = p->addr.family};
    bool wide = listener_of(m, &any);
    diag_error(load->diags, prefix_span(d, i),
               wide ? "'%s' of prefix set '%s' has no address of its own in 'listen', expected one "
                      "there, or 'self: {address: ADDRESS}' with one that is asked"
                    : "'%s' of prefix set '%s' covers no address of 'listen' and of no tier's "
                      "'service': nobody answers there, expected one, or 'self: false'",
               ip_prefix_text(text, p), d->set.name);
}

/* ---- whom `self` asks ---- */

static void find_address(struct load *load, struct prefix_set *s)
{
    const struct model *m = load->model;
    for (uint32_t i = 0; i < s->n_prefixes && !s->self.addr.family; i++) {
        const struct listen_addr *l = listener_in(m, &s->prefixes[i]);
        if (l)
            s->self.addr = l->addr;
    }
    for (uint32_t i = 0; i < s->n_prefixes && !s->self.addr.family; i++)
        if (is_host(&s->prefixes[i]) && listener_of(m, &s->prefixes[i].addr))
            s->self.addr = s->prefixes[i].addr;
}

static void judge_address(struct load *load, const struct set_draft *d, struct prefix_set *s)
{
    char text[IP_TEXT_MAX];
    bool inside = false;
    const struct yaml_node *self = yaml_get(d->node, "self");
    const struct yaml_node *said =
        self && self->kind == YAML_MAP ? yaml_get(self, "address") : NULL;
    struct span at = said ? said->span : s->span;
    for (uint32_t i = 0; i < s->n_prefixes; i++)
        inside |= ip_in_prefix(&s->self.addr, &s->prefixes[i]);
    const struct listen_addr *l = listener_of(load->model, &s->self.addr);
    ip_text(text, &s->self.addr);
    if (!inside)
        diag_error(load->diags, at,
                   "'address' of 'self' of prefix set '%s' is %s, which none of its prefixes "
                   "covers, expected one within them",
                   s->name, text);
    else if (!l)
        diag_error(load->diags, at,
                   "'address' of 'self' of prefix set '%s' is %s, which 'listen' has not, expected "
                   "one that this server answers on",
                   s->name, text);
    else
        s->self.port = l->port;
}

static void find_name(struct load *load, struct prefix_set *s)
{
    const struct model *m = load->model;
    for (uint32_t i = 0; i < m->n_zones && !s->self.name.n; i++)
        if (!m->zones[i].broken)
            s->self.name = m->zones[i].origin;
    for (uint32_t i = 0; i < m->n_zones && !s->self.name.n; i++)
        s->self.name = m->zones[i].origin;
    if (!s->self.name.n)
        diag_error(load->diags, s->span,
                   "prefix set '%s' has no 'name' to ask for, and there is no zone, expected "
                   "'self: {name: NAME}', or 'self: false'",
                   s->name);
}

/* ---- what is held ---- */

/* Whether another set has a longer prefix with the address: that one holds it. */
static bool is_others(const struct prefix_set *v, uint32_t n, const struct prefix_set *s,
                      const struct ip_prefix *within, const struct ip *addr)
{
    if (is_host(within))
        return false; /* none is longer */
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; &v[i] != s && k < v[i].n_prefixes; k++)
            if (v[i].prefixes[k].len > within->len && ip_in_prefix(addr, &v[i].prefixes[k]))
                return true;
    return false;
}

struct holding {
    const struct prefix_set *v, *set;
    uint32_t n_sets;
    struct ip_prefix *out;
    uint32_t n, max;
};

static void hold(struct holding *h, const struct ip_prefix *within, const struct ip *addr)
{
    if (!addr->family || is_any(addr) || !ip_in_prefix(addr, within) ||
        is_others(h->v, h->n_sets, h->set, within, addr))
        return;
    for (uint32_t i = 0; i < h->n; i++)
        if (ip_equal(&h->out[i].addr, addr))
            return;
    if (h->n < h->max)
        h->out[h->n++] = (struct ip_prefix){*addr, (uint8_t)ip_bits(addr)};
}

static void find_held(struct load *load, struct holding *h)
{
    const struct model *m = load->model;
    for (uint32_t i = 0; i < h->set->n_prefixes; i++) {
        const struct ip_prefix *p = &h->set->prefixes[i];
        if (is_host(p)) {
            hold(h, p, &p->addr);
            continue;
        }
        for (uint32_t k = 0; k < m->server.n_listen; k++)
            hold(h, p, &m->server.listen[k].addr);
        for (uint32_t k = 0; k < m->n_tiers; k++)
            hold(h, p, &m->tiers[k].service.addr);
        if (!h->set->self.off)
            hold(h, p, &h->set->self.addr);
    }
}

static void find_self(struct load *load, const struct set_draft *d, struct prefix_set *s)
{
    find_address(load, s);
    judge_address(load, d, s);
    if (!s->self.name.n)
        find_name(load, s);
}

static void find_addresses(struct load *load, struct prefix_set *s)
{
    const struct model *m = load->model;
    uint32_t max = s->n_prefixes + m->server.n_listen + m->n_tiers + 1;
    struct holding h = {.v = load->set_table,
                        .set = s,
                        .n_sets = m->n_prefix_sets,
                        .out = arena_calloc(load->arena, max, sizeof *h.out),
                        .max = max};
    find_held(load, &h);
    s->addresses = h.out;
    s->n_addresses = h.n;
}

/* All of it is of tiers: there is nothing to ask by DNS. */
static void leave_to_tiers(struct load *load, const struct set_draft *d, struct prefix_set *s)
{
    const struct yaml_node *said = yaml_get(d->node, "self");
    if (said)
        diag_error(load->diags, said->span,
                   "'self' of prefix set '%s' has nobody to ask: its prefixes cover addresses of "
                   "tiers, and none of 'listen', expected one there, or 'self: false'",
                   s->name);
    s->self.off = true;
}

static void cover(struct load *load, const struct set_draft *d, struct prefix_set *s)
{
    const struct model *m = load->model;
    unsigned errors = load->diags->n_errors;
    bool served = false;
    for (uint32_t i = 0; i < s->n_prefixes && !s->self.off; i++) {
        bool here = is_served(m, s, &s->prefixes[i]);
        served |= here;
        if (!here && !tier_in(m, &s->prefixes[i]))
            refuse_uncovered(load, d, i);
    }
    if (load->diags->n_errors != errors)
        return;
    if (!s->self.off && !served)
        leave_to_tiers(load, d, s);
    if (!s->self.off && load->diags->n_errors == errors)
        find_self(load, d, s);
    find_addresses(load, s);
}

void anycast_cover(struct load *load)
{
    for (uint32_t i = 0; i < load->model->n_prefix_sets; i++)
        cover(load, &load->set_drafts[i], &load->set_table[i]);
}
