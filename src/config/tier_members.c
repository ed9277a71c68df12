/* SPDX-License-Identifier: Apache-2.0
 * Who is in a tier: members with their ports and ways, and the endpoints that lead clients to it.
 */
#include "config/tier_draft.h"

#include "model/target.h"

/* ---- exceptions ---- */

struct exception {
    struct tier_path path, bounds; /* `forward`, `thresholds` */
    uint16_t port;
    bool has_forward, has_bounds, has_port;
};

static const struct schema_key member_keys[] = {
    {.name = "forward",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct exception, path),
     .sub = &tier_forward_schema,
     .read = tier_forward_read,
     .type = FORWARD_FORMS,
     .fallback_doc = "as of the tier",
     .doc = "For `ipvs`: how packets reach them.",
     .example = "tunnel"},
    {.name = "thresholds",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct exception, bounds),
     .sub = &tier_thresholds_schema,
     .read = tier_thresholds_read,
     .type = "a mapping",
     .fallback_doc = "as of the tier",
     .doc = "For `ipvs`: bounds of their connections.",
     .example = "{upper: 100}"},
    {.name = "port",
     .kind = SCHEMA_U16,
     .offset = offsetof(struct exception, port),
     .min = 1,
     .max = 65535,
     .fallback_doc = "as of the tier",
     .doc = "Their port.",
     .example = "8443"},
};
const struct schema tier_member_schema = {.title = "an exception of 'members'",
                                          .doc = "What holds for some members only.",
                                          SCHEMA_KEYS(member_keys)};

/* A tier's members while they are found. */
struct finding {
    struct load *load;
    struct tier_draft *d;
    const struct pool *pool;
    uint32_t *v, n;
    uint16_t *ports;
    struct tier_path *paths;    /* NULL: of no meaning for the type */
    struct exception *told;     /* by member: what exceptions say */
    struct exception exception; /* while the members that it names are visited */
    uint32_t n_matched;
};

static bool take_exception(void *ctx, uint32_t endpoint)
{
    struct finding *f = ctx;
    const struct exception *from = &f->exception;
    uint32_t i = tier_list_find(f->v, f->n, endpoint);
    if (i == MODEL_NONE)
        return true; /* of another site */
    struct exception *to = &f->told[i];
    f->n_matched++;
    if (from->has_forward)
        to->path = from->path;
    if (from->has_bounds)
        to->bounds = from->bounds;
    if (from->has_port)
        to->port = from->port;
    to->has_forward |= from->has_forward;
    to->has_bounds |= from->has_bounds;
    to->has_port |= from->has_port;
    return true;
}

static void read_exception(struct finding *f, const struct yaml_pair *pair)
{
    struct load *load = f->load;
    struct exception e = {0};
    struct target target;
    unsigned errors = load->diags->n_errors;
    schema_read(load, &tier_member_schema, pair->value, &e);
    if (load->diags->n_errors != errors)
        return;
    const struct yaml_node *forward = yaml_get(pair->value, "forward"),
                           *bounds = yaml_get(pair->value, "thresholds");
    e.has_forward = forward;
    e.has_bounds = bounds;
    e.has_port = yaml_get(pair->value, "port");
    if (!f->paths && (forward || bounds))
        diag_error(load->diags, (forward ? forward : bounds)->span,
                   "'%s' has no meaning for a tier of type %s, expected it with type ipvs",
                   forward ? "forward" : "thresholds", tier_type_word(f->d->tier.type));
    const char *text = arena_printf(load->scratch, "%s/%s", f->pool->name, pair->key->text);
    f->exception = e;
    f->n_matched = 0;
    if (target_parse(&target, text) == 0) {
        target_visit(&target, load->model, take_exception, f);
        target_free(&target);
    }
    if (f->n_matched == 0)
        diag_error(load->diags, pair->key->span,
                   "'%s' matches no member, expected SITE/LABEL or SITE of the tier's pool '%s'",
                   pair->key->text, f->pool->name);
}

static void read_exceptions(struct finding *f)
{
    const struct yaml_node *node = yaml_get(f->d->node, "members");
    if (!node)
        return;
    if (node->kind != YAML_MAP || node->n == 0)
        load_expected(f->load, node, "'members'", "a mapping: \"SITE/LABEL\": {...}");
    else
        for (uint32_t i = 0; i < node->n; i++)
            read_exception(f, &node->pairs[i]);
}

/* ---- members ---- */

/* The endpoints of the pool, or of its part in the site. Returns false after reporting. */
static bool find_endpoints(struct finding *f)
{
    struct load *load = f->load;
    const struct tier *t = &f->d->tier;
    const struct model *m = load->model;
    const struct pool *pool = f->pool;
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        n += pool->sites[i].n_endpoints;
    f->v = arena_calloc(load->arena, n, sizeof *f->v);
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        for (uint32_t e = 0; e < s->n_endpoints; e++)
            if (t->site == MODEL_NONE || t->site == s->site)
                f->v[f->n++] = s->first_endpoint + e;
    }
    for (uint32_t i = 0; i < f->n; i++)
        if (!m->endpoints[f->v[i]].addr.family)
            return false; /* it could not be read, which was told */
    if (f->n > 0)
        return true;
    const struct yaml_node *site = yaml_get(f->d->node, "site");
    if (t->site != MODEL_NONE)
        diag_error(load->diags, site ? site->span : t->span,
                   "pool '%s' of tier '%s' has nothing in site '%s'%s", pool->name, t->name,
                   m->sites[t->site].name,
                   site ? ", expected one of its sites, or \"*\" for all"
                        : ", where the server stands, expected a 'site', or \"*\" for all");
    return false;
}

static bool takes_all_ports(const struct tier *t)
{
    return t->type == TIER_IPVS && t->service.port == 0;
}

/* Which port each member has; 0: none is said. */
static void choose_ports(struct finding *f)
{
    const struct tier *t = &f->d->tier;
    const struct endpoint *endpoints = f->load->model->endpoints, *first = NULL;
    bool said = yaml_get(f->d->node, "port");
    uint32_t n_without = 0;
    f->ports = arena_calloc(f->load->arena, f->n, sizeof *f->ports);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct endpoint *e = &endpoints[f->v[i]];
        f->ports[i] = f->told[i].has_port ? f->told[i].port
                      : said              ? f->d->port
                      : e->port           ? e->port
                                          : t->service.port;
        if (f->ports[i])
            continue;
        if (n_without++ == 0)
            first = e;
    }
    if (n_without == 0 || takes_all_ports(t) || (t->type == TIER_KEEPALIVED && !said))
        return;
    if (said) {
        diag_error(f->load->diags, yaml_get(f->d->node, "port")->span,
                   "'port' is 0, the one that the client asked for, which takes an IPVS service of "
                   "all ports or by mark, expected 1 to 65535");
        return;
    }
    const char *more =
        n_without > 1 ? arena_printf(f->load->scratch, " (and %u more)", n_without - 1) : "";
    diag_error(f->load->diags, t->span,
               "endpoint '%s'%s of pool '%s' has no port and tier '%s' names none, expected 'port' "
               "in one of them",
               first->label, more, f->pool->name, t->name);
    diag_also(f->load->diags, first->span, "the endpoint");
}

static void choose_paths(struct finding *f)
{
    for (uint32_t i = 0; f->paths && i < f->n; i++) {
        struct tier_path *path = &f->paths[i];
        *path = f->d->path;
        if (f->told[i].has_forward) {
            path->forward = f->told[i].path.forward;
            path->tunnel = f->told[i].path.tunnel;
            path->tunnel_port = f->told[i].path.tunnel_port;
        }
        if (f->told[i].has_bounds) {
            path->upper = f->told[i].bounds.upper;
            path->lower = f->told[i].bounds.lower;
        }
    }
}

/* A balancer knows its members by address and port. */
static void refuse_twice(struct finding *f)
{
    const struct endpoint *endpoints = f->load->model->endpoints;
    struct strmap seen = {0};
    char text[IP_PORT_TEXT_MAX];
    struct {
        struct ip addr;
        uint8_t port[2];
    } *keys = arena_calloc(f->load->scratch, f->n, sizeof *keys);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct endpoint *e = &endpoints[f->v[i]];
        keys[i].addr = e->addr;
        keys[i].port[0] = (uint8_t)(f->ports[i] >> 8);
        keys[i].port[1] = (uint8_t)f->ports[i];
        uint32_t first = strmap_add(&seen, slice_of(&keys[i], sizeof keys[i]), i);
        if (first == i)
            continue;
        const struct endpoint *o = &endpoints[f->v[first]];
        diag_error(f->load->diags, f->d->tier.span,
                   "tier '%s' has %s twice: '%s' at %s:%u:%u and '%s' at %s:%u:%u, expected each "
                   "address and port once in a tier",
                   f->d->tier.name, ip_port_text(text, &e->addr, f->ports[i]), o->label,
                   o->span.file, o->span.line, o->span.column, e->label, e->span.file, e->span.line,
                   e->span.column);
        diag_also(f->load->diags, e->span, "the second");
        break;
    }
    strmap_free(&seen);
}

void tier_members_find(struct load *load, struct tier_draft *d, const struct tier_places *places)
{
    struct tier *t = &d->tier;
    const struct pool *pool = &load->model->pools[t->pool];
    struct finding f = {.load = load, .d = d, .pool = pool};
    if (pool->is_cname) {
        diag_error(load->diags, yaml_get(d->node, "pool")->span,
                   "pool '%s' is of 'cname', expected one of addresses: a balancer connects to "
                   "addresses",
                   pool->name);
        return;
    }
    if (!find_endpoints(&f))
        return;
    f.told = arena_calloc(load->scratch, f.n, sizeof *f.told);
    if (t->type == TIER_IPVS)
        f.paths = arena_calloc(load->arena, f.n, sizeof *f.paths);
    unsigned errors = load->diags->n_errors;
    read_exceptions(&f);
    choose_ports(&f);
    choose_paths(&f);
    if (load->diags->n_errors == errors)
        refuse_twice(&f);
    t->members = f.v;
    t->member_ports = f.ports;
    t->member_paths = f.paths;
    t->n_members = f.n;
    tier_fronts_find(load, d, places);
    if (t->type == TIER_IPVS && load->diags->n_errors == errors)
        tier_judge_paths(load, d);
}
