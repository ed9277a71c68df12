/* SPDX-License-Identifier: Apache-2.0
 * Members of services of loadstar-l4 as addresses: those of a list, and those of a pool. */
#include "config/endpoint_probe.h"
#include "config/l4_draft.h"

#define LISTED_MAX 65536
#define LISTED_FORMS "ADDRESS:PORT, [IPV6]:PORT, or {address: ADDRESS, port: PORT, weight: N}"

/* ---- members ---- */

/* Whether what is sent there comes to where the service listens. */
static bool is_own(const struct l4_listen *l, const struct ip *addr, uint16_t port)
{
    static const struct ip_prefix loops[] = {{{.family = IP_V4, .b = {127}}, 8},
                                             {{.family = IP_V6, .b = {[15] = 1}}, 128}};
    const struct ip any = {.family = addr->family};
    bool loop = ip_in_prefix(addr, &loops[0]) || ip_in_prefix(addr, &loops[1]);
    return l->port == port && (ip_equal(&l->addr, addr) || (loop && ip_equal(&l->addr, &any)));
}

/* What no member of the service can be. Returns false after reporting. */
static bool judge_member(struct load *load, const struct l4_service *s, struct span at,
                         const struct ip *addr, uint16_t port)
{
    char text[IP_PORT_TEXT_MAX];
    for (uint32_t i = 0; i < s->n_listens; i++) {
        const struct l4_listen *l = &s->listens[i];
        if (is_own(l, addr, port)) {
            diag_error(load->diags, at,
                       "member %s of service '%s' is where the service listens itself, expected "
                       "another address or port",
                       ip_port_text(text, addr, port), s->name);
            return false;
        }
        if (s->transparent && l->addr.family != addr->family) {
            diag_error(load->diags, at,
                       "member %s of service '%s' is IPv%d and the service listens on IPv%d, "
                       "expected one family with 'transparent: true'",
                       ip_port_text(text, addr, port), s->name, addr->family, l->addr.family);
            diag_also(load->diags, l->span, "where it listens");
            return false;
        }
    }
    return true;
}

static void judge_endpoint(struct load *load, const struct l4_service *s, const struct l4_set *set,
                           const struct endpoint *e)
{
    uint16_t port = e->port ? e->port : set->port;
    if (!e->addr.family)
        return; /* it could not be read, which was told */
    if (port) {
        if (!judge_member(load, s, set->span, &e->addr, port))
            diag_also(load->diags, e->span, "the member");
        return;
    }
    diag_error(load->diags, set->span,
               "endpoint '%s' of pool '%s' has no port and service '%s' listens on several, "
               "expected 'port' in the endpoint",
               e->label, load->model->pools[set->pool].name, s->name);
    diag_also(load->diags, e->span, "the endpoint");
}

void l4_pool_judge(struct load *load, const struct l4_service *s, const struct l4_set *set)
{
    const struct model *m = load->model;
    const struct pool *pool = &m->pools[set->pool];
    unsigned errors = load->diags->n_errors;
    bool found = set->site == MODEL_NONE;
    if (pool->is_cname) {
        diag_error(load->diags, set->span,
                   "pool '%s' is of 'cname', expected one of addresses: a balancer connects to "
                   "addresses",
                   pool->name);
        return;
    }
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *site = &pool->sites[i];
        if (set->site != MODEL_NONE && site->site != set->site)
            continue;
        found = true;
        for (uint32_t k = 0; k < site->n_endpoints && load->diags->n_errors == errors; k++)
            judge_endpoint(load, s, set, &m->endpoints[site->first_endpoint + k]);
    }
    if (!found)
        diag_error(load->diags, set->span,
                   "pool '%s' of service '%s' has nothing in site '%s', expected one of its sites",
                   pool->name, s->name, m->sites[set->site].name);
}

/* ---- a list of members ---- */

static void read_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct l4_listed *m = field;
    if (node->kind != YAML_SCALAR || ip_parse(&m->addr, node->text) != 0)
        load_expected(load, node, "'address'", "an IPv4 or IPv6 address (IPv6 in quotes)");
    else
        address_warn_unreachable(load, node, &m->addr, "member");
}

/* Without a port m->port stays 0. */
static void read_scalar(struct load *load, const struct yaml_node *node, struct l4_listed *m)
{
    uint16_t said = 1; /* it is 0 when that is what stands there */
    if (node->kind != YAML_SCALAR || ip_port_parse(&m->addr, &said, node->text) != 0 || said == 0 ||
        ip_port_parse(&m->addr, &m->port, node->text) != 0)
        load_expected(load, node, "a member", LISTED_FORMS);
    else
        address_warn_unreachable(load, node, &m->addr, "member");
}

static const struct schema_key listed_keys[] = {
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = read_address,
     .type = "an IPv4 or IPv6 address"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = offsetof(struct l4_listed, port),
     .min = 1,
     .max = 65535},
    {.name = "weight",
     .kind = SCHEMA_U32,
     .offset = offsetof(struct l4_listed, weight),
     .max = WEIGHT_MAX,
     .fallback = "1"},
};
static const struct schema listed_schema = {.title = "a member", SCHEMA_KEYS(listed_keys)};

/* Returns false after reporting. */
static bool read_one(struct load *load, const struct l4_service *s, const struct yaml_node *node,
                     struct l4_listed *m)
{
    unsigned errors = load->diags->n_errors;
    *m = (struct l4_listed){.span = node->span, .weight = WEIGHT_DEFAULT};
    if (node->kind == YAML_MAP)
        schema_read(load, &listed_schema, node, m);
    else
        read_scalar(load, node, m);
    if (load->diags->n_errors != errors || !m->addr.family)
        return false; /* the YAML may have been told of before */
    if (!m->port)
        m->port = l4_service_port(s);
    if (!m->port) {
        diag_error(load->diags, node->span,
                   "a member has no port and service '%s' listens on several, expected %s", s->name,
                   LISTED_FORMS);
        return false;
    }
    return judge_member(load, s, node->span, &m->addr, m->port);
}

static void refuse_twice(struct load *load, const struct l4_listed *v, uint32_t n)
{
    struct strmap seen = {0};
    char text[IP_PORT_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        const char *key = arena_strdup(load->scratch, ip_port_text(text, &v[i].addr, v[i].port));
        if (strmap_add(&seen, slice_str(key), i) != i)
            diag_error(load->diags, v[i].span, "member %s is listed twice", key);
    }
    strmap_free(&seen);
}

void l4_listed_read(struct load *load, const struct l4_service *service,
                    const struct yaml_node *node, struct l4_set *set)
{
    struct l4_listed *v = arena_calloc(load->arena, node->n, sizeof *v);
    bool weight = false;
    if (node->n > LISTED_MAX) {
        diag_error(load->diags, node->span, "'members' has %u items, expected at most %d", node->n,
                   LISTED_MAX);
        return;
    }
    for (uint32_t i = 0; i < node->n; i++)
        if (read_one(load, service, node->items[i], &v[set->n_listed]))
            weight |= v[set->n_listed++].weight > 0;
    refuse_twice(load, v, set->n_listed);
    if (set->n_listed == node->n && !weight)
        diag_warning(load->diags, node->span,
                     "service '%s' never serves: all its members have weight 0", service->name);
    set->listed = v;
}
