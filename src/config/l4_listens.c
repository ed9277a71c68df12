/* SPDX-License-Identifier: Apache-2.0
 * What the services of loadstar-l4 listen on, among each other: Linux lets several sockets of one
 * process have one address (SO_REUSEPORT), and spreads connections over them; of an address and a
 * wildcard the former gets its own (inet_lookup_listener()). */
#include "config/l4_draft.h"

struct place {
    const struct l4_service *service;
    const struct l4_listen *listen;
};

struct places {
    struct load *load;
    struct strmap index; /* by what place_key() gives */
    VEC(struct place) v;
};

static const char *place_key(struct load *load, bool udp, const struct ip *addr, uint16_t port)
{
    char text[IP_PORT_TEXT_MAX];
    return arena_printf(load->scratch, "%s %s", udp ? "udp" : "tcp",
                        ip_port_text(text, addr, port));
}

static bool is_wildcard(const struct ip *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->b, zero, sizeof zero) == 0;
}

static void add_place(struct places *places, const struct l4_service *s, const struct l4_listen *l)
{
    struct load *load = places->load;
    const char *key = place_key(load, s->udp, &l->addr, l->port);
    uint32_t i = strmap_add(&places->index, slice_str(key), (uint32_t)places->v.n);
    if (i == places->v.n) {
        *(struct place *)vec_push(&places->v) = (struct place){s, l};
        return;
    }
    const struct place *o = &places->v.v[i];
    if (o->service == s)
        diag_error(load->diags, l->span, "'listen' has %s twice", key + 4);
    else
        diag_error(load->diags, l->span,
                   "services '%s' and '%s' (%s:%u:%u) both listen on %s, expected one for it",
                   s->name, o->service->name, o->listen->span.file, o->listen->span.line,
                   o->listen->span.column, key);
    diag_also(load->diags, o->listen->span, "the other");
}

/* Whether another one listens on all addresses, with the same port. */
static void lint_wildcard(struct places *places, const struct place *place)
{
    struct load *load = places->load;
    const struct ip any = {.family = place->listen->addr.family};
    char text[IP_PORT_TEXT_MAX];
    const char *key = place_key(load, place->service->udp, &any, place->listen->port);
    uint32_t i = strmap_get(&places->index, slice_str(key));
    if (i == STRMAP_NONE || is_wildcard(&place->listen->addr))
        return;
    const struct place *o = &places->v.v[i];
    ip_port_text(text, &place->listen->addr, place->listen->port);
    if (o->service == place->service)
        diag_warning(load->diags, place->listen->span, "'listen' has %s beside %s, which it is in",
                     text, key + 4);
    else
        diag_warning(load->diags, place->listen->span,
                     "service '%s' gets what comes to %s, and service '%s' on %s does not",
                     place->service->name, text, o->service->name, key + 4);
    diag_also(load->diags, o->listen->span, "the other");
}

/* That socket shares its address with nobody. */
static void judge_metrics(struct load *load, const struct l4_config *c, const struct place *place)
{
    const struct l4_listen *l = place->listen;
    char text[IP_PORT_TEXT_MAX];
    if (place->service->udp || l->port != c->metrics_port ||
        l->addr.family != c->metrics_addr.family)
        return;
    if (!is_wildcard(&l->addr) && !is_wildcard(&c->metrics_addr) &&
        !ip_equal(&l->addr, &c->metrics_addr))
        return;
    diag_error(
        load->diags, l->span,
        "service '%s' listens on %s, where 'metrics' are served (%s:%u:%u), expected another "
        "port",
        place->service->name, ip_port_text(text, &l->addr, l->port), c->metrics_at.file,
        c->metrics_at.line, c->metrics_at.column);
    diag_also(load->diags, c->metrics_at, "the metrics");
}

void l4_listens_judge(struct load *load, const struct l4_config *config)
{
    struct places places = {.load = load};
    for (uint32_t i = 0; i < config->n_services; i++)
        for (uint32_t k = 0; k < config->services[i].n_listens; k++)
            add_place(&places, &config->services[i], &config->services[i].listens[k]);
    for (size_t i = 0; i < places.v.n; i++) {
        lint_wildcard(&places, &places.v.v[i]);
        judge_metrics(load, config, &places.v.v[i]);
    }
    strmap_free(&places.index);
    vec_free(&places.v);
}
