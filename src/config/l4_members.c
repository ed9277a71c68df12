/* SPDX-License-Identifier: Apache-2.0
 * Which sets of members a service of loadstar-l4 has, and which server name leads to which. */
#include "config/l4_draft.h"
#include "config/pool_draft.h"
#include "config/suggest.h"

#include <stdlib.h>

#define NAME_MAX_B 253 /* of a host as text, RFC 1035 2.3.4 */
#define LABEL_MAX_B 63
#define MEMBERS_FORMS "{pool: NAME}, or a list of endpoints"
#define ROUTE_FORMS "the name of a pool, or {pool: NAME, site: NAME}"
#define NAME_FORMS "the name of a host, or \"*.NAME\""

/* A pool as it is named, alone or with a site. */
struct pool_form {
    const struct yaml_node *pool, *site;
};

static const struct schema_key members_keys[] = {
    {.name = "pool",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct pool_form, pool),
     .read = node_keep,
     .type = "the name of a pool",
     .doc = "One of `pools`, whose endpoints are addresses; one without a port has that of "
            "`listen`. Without `pools`: what members are asked of `loadstard` for, whose tier of "
            "type `l4` decides which they are.",
     .example = "web-backends"},
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct pool_form, site),
     .read = node_keep,
     .type = "the name of a site",
     .fallback_doc = "all sites of the pool",
     .doc = "With `pools`: only this site's endpoints are members.",
     .example = "ams"},
};
const struct schema l4_members_schema = {
    .title = "'members'", .doc = "Who serves.", SCHEMA_KEYS(members_keys)};
static const struct schema route_schema = {.title = "a value of 'sni'", SCHEMA_KEYS(members_keys)};

static const struct schema_key sni_keys[] = {
    {.name = "default",
     .kind = SCHEMA_CUSTOM,
     .read = node_keep,
     .type = ROUTE_FORMS,
     .fallback_doc = "`members`; without that, other names are refused",
     .doc = "Where connections go that ask for a name which is not listed, or for none. It takes "
            "the place of `members`.",
     .example = "web-backends"},
};
const struct schema l4_sni_schema = {
    .title = "'sni'", .doc = "Names of servers, and:", SCHEMA_KEYS(sni_keys)};

/* ---- sets ---- */

/* Which pool and site, when there are `pools`. Returns false after reporting. */
static bool find_pool(struct load *load, const struct pool_form *form, struct l4_set *set)
{
    set->pool = namespace_find(load, &load->pools, form->pool, "'pool'");
    set->site = form->site ? namespace_find(load, &load->sites, form->site, "'site'") : MODEL_NONE;
    return set->pool != MODEL_NONE && (!form->site || set->site != MODEL_NONE);
}

/* The name that loadstard is asked for. Returns false after reporting. */
static bool judge_foreign(struct load *load, const struct pool_form *form)
{
    if (form->site)
        diag_error(load->diags, form->site->span,
                   "'site' has no meaning without 'pools': which endpoints are members is said by "
                   "the tier of loadstard");
    if (form->pool->kind != YAML_SCALAR || yaml_is_empty(form->pool) ||
        !name_is_usable(form->pool->text))
        load_expected(load, form->pool, "'pool'", "the name of a pool");
    else
        return !form->site;
    return false;
}

static const char *set_name(struct load *load, const struct l4_service *s, const char *pool)
{
    return pool ? arena_printf(load->arena, "%s/%s", s->name, pool) : s->name;
}

/* Adds the set, or finds the one that has its name: the same pool, named before. */
static uint32_t add_set(struct load *load, struct l4_sets *sets, const struct l4_set *set)
{
    uint32_t i = strmap_add(&sets->index, slice_str(set->name), (uint32_t)sets->v.n);
    if (i == sets->v.n) {
        *(struct l4_set *)vec_push(&sets->v) = *set;
        return i;
    }
    const struct l4_set *o = &sets->v.v[i];
    if (o->site != set->site) {
        diag_error(load->diags, set->span,
                   "set '%s' has another 'site' than at %s:%u:%u, expected the same: a service "
                   "has one set of a pool",
                   set->name, o->span.file, o->span.line, o->span.column);
        diag_also(load->diags, o->span, "the other");
    }
    return i;
}

/* The set of a pool. MODEL_NONE after reporting. */
static uint32_t read_pool(struct load *load, const struct l4_service_draft *d,
                          const struct yaml_node *node, const struct schema *schema,
                          struct l4_sets *sets)
{
    struct pool_form form = {.pool = node};
    struct l4_set set = {.span = node->span, .pool = MODEL_NONE, .site = MODEL_NONE};
    unsigned errors = load->diags->n_errors;
    if (node->kind == YAML_MAP)
        schema_read(load, schema, node, memset(&form, 0, sizeof form));
    if (load->diags->n_errors != errors || !form.pool)
        return MODEL_NONE; /* the YAML may have been told of before */
    if (load->pools_node ? !find_pool(load, &form, &set) : !judge_foreign(load, &form))
        return MODEL_NONE;
    set.name = set_name(load, &d->service, d->sni ? form.pool->text : NULL);
    set.port = l4_service_port(&d->service);
    if (load->pools_node)
        l4_pool_judge(load, &d->service, &set);
    return add_set(load, sets, &set);
}

static uint32_t read_list(struct load *load, const struct l4_service_draft *d, struct l4_sets *sets)
{
    struct l4_set set = {
        .name = d->service.name, .span = d->members->span, .pool = MODEL_NONE, .site = MODEL_NONE};
    l4_listed_read(load, &d->service, d->members, &set);
    return add_set(load, sets, &set);
}

static void read_members(struct load *load, struct l4_service_draft *d, struct l4_sets *sets)
{
    if (d->members->kind == YAML_MAP)
        d->service.set = read_pool(load, d, d->members, &l4_members_schema, sets);
    else if (d->members->kind == YAML_LIST && d->members->n)
        d->service.set = read_list(load, d, sets);
    else
        load_expected(load, d->members, "'members'", MEMBERS_FORMS);
}

/* ---- names of servers ---- */

static bool is_host(const char *name)
{
    static const char usable[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    struct ip ip;
    if (strlen(name) > NAME_MAX_B || ip_parse(&ip, name) == 0)
        return false;
    for (;;) {
        size_t n = strspn(name, usable);
        if (n == 0 || n > LABEL_MAX_B || (name[n] && name[n] != '.'))
            return false;
        if (!name[n])
            return true;
        name += n + 1;
    }
}

static char *lower_name(struct arena *arena, const char *text)
{
    char *name = arena_strdup(arena, text);
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '.')
        name[n - 1] = '\0';
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return name;
}

/* NULL after reporting. */
static const char *read_name(struct load *load, const struct yaml_node *key)
{
    const char *name = lower_name(load->arena, key->text);
    if (is_host(strncmp(name, "*.", 2) == 0 ? name + 2 : name))
        return name;
    bool other = strspn(key->text, "*.") == key->n;
    for (const char *c = key->text; *c; c++)
        if ((unsigned char)*c >= 0x80) {
            load_expected(load, key, "a key of 'sni'", "%s in ASCII: xn--...", NAME_FORMS);
            return NULL;
        }
    load_expected(load, key, "a key of 'sni'", "%s%s", NAME_FORMS,
                  other ? "; 'default' is all that are not listed" : "");
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct l4_route *)a)->name, ((const struct l4_route *)b)->name);
}

static const char *rest_word(const void *words, uint32_t i)
{
    (void)i;
    return words;
}

/* A host may be called that, though hardly anybody asks one for it. */
static void warn_of_rest(struct load *load, const struct yaml_node *key, const char *name)
{
    if (!strchr(name, '.') && suggest_nearest(name, rest_word, "default", 1))
        diag_warning(load->diags, key->span,
                     "'%s' is the name of a host here, did you mean 'default'?", name);
}

static void read_route(struct load *load, struct l4_service_draft *d, const struct yaml_pair *pair,
                       struct strmap *seen, struct l4_route *v, struct l4_sets *sets)
{
    uint32_t *n = &d->service.n_routes;
    const char *name = read_name(load, pair->key);
    if (!name)
        return;
    if (strmap_add(seen, slice_str(name), *n) != *n) {
        diag_error(load->diags, pair->key->span, "'sni' has '%s' twice", name);
        return;
    }
    warn_of_rest(load, pair->key, name);
    v[*n].name = name;
    v[*n].set = read_pool(load, d, pair->value, &route_schema, sets);
    ++*n;
}

static void read_sni(struct load *load, struct l4_service_draft *d, struct l4_sets *sets)
{
    const struct yaml_node *sni = d->sni;
    struct strmap seen = {0};
    if (sni->kind != YAML_MAP) {
        load_expected(load, sni, "'sni'", "a mapping from names of servers to pools");
        return;
    }
    struct l4_route *v = arena_calloc(load->arena, sni->n, sizeof *v);
    const struct yaml_node *rest = yaml_get(sni, "default");
    for (uint32_t i = 0; i < sni->n; i++)
        if (sni->pairs[i].value != rest)
            read_route(load, d, &sni->pairs[i], &seen, v, sets);
    strmap_free(&seen);
    if (sni->n == (rest ? 1 : 0) && !sni->incomplete)
        diag_error(load->diags, sni->span, "'sni' has no name of a server, expected one or more");
    if (rest && d->members) {
        diag_error(load->diags, rest->span,
                   "'default' stands beside 'members' at %s:%u:%u, expected one of them",
                   d->members->span.file, d->members->span.line, d->members->span.column);
        diag_also(load->diags, d->members->span, "the members");
    } else if (rest) {
        d->service.set = read_pool(load, d, rest, &route_schema, sets);
    }
    qsort(v, d->service.n_routes, sizeof *v, by_name);
    d->service.routes = v;
}

void l4_members_read(struct load *load, struct l4_service_draft *d, struct l4_sets *sets)
{
    if (d->members)
        read_members(load, d, sets);
    if (d->sni)
        read_sni(load, d, sets);
}
