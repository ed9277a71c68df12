/* SPDX-License-Identifier: Apache-2.0
 * What IPVS has, as JSON. */
#include "tier/ipvs_list.h"
#include "tier/json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void set_counters(json_t *object, const struct ipvs_counters *c)
{
    set(object, "connections", json_integer((json_int_t)c->connections));
    set(object, "packets_in", json_integer((json_int_t)c->packets_in));
    set(object, "packets_out", json_integer((json_int_t)c->packets_out));
    set(object, "bytes_in", json_integer((json_int_t)c->bytes_in));
    set(object, "bytes_out", json_integer((json_int_t)c->bytes_out));
}

static json_t *addr_text(const struct ip *addr)
{
    char text[IP_TEXT_MAX];
    return json_string(ip_text(text, addr));
}

/* ---- services ---- */

static const char *protocol_word(const struct ipvs_service *s)
{
    if (s->fwmark)
        return "fwmark";
    switch (s->protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_SCTP:
        return "sctp";
    default:
        return "other";
    }
}

/* The words that ipvsadm has for flags of schedulers depend on the scheduler. */
static json_t *flag_words(const struct ipvs_service *s)
{
    static const struct {
        uint32_t flag;
        const char *word, *sh, *mh;
    } flags[] = {
        {IP_VS_SVC_F_ONEPACKET, "ops", "ops", "ops"},
        {IP_VS_SVC_F_SCHED1, "flag-1", "sh-fallback", "mh-fallback"},
        {IP_VS_SVC_F_SCHED2, "flag-2", "sh-port", "mh-port"},
        {IP_VS_SVC_F_SCHED3, "flag-3", "flag-3", "flag-3"},
    };
    json_t *words = json_array();
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (s->flags & flags[i].flag)
            json_array_append_new(words,
                                  json_string(strcmp(s->scheduler, "sh") == 0   ? flags[i].sh
                                              : strcmp(s->scheduler, "mh") == 0 ? flags[i].mh
                                                                                : flags[i].word));
    return words;
}

/* 255.255.255.0, or the length of a prefix. */
static json_t *mask_text(const struct ipvs_service *s)
{
    char text[INET_ADDRSTRLEN];
    if (s->family == IP_V6)
        snprintf(text, sizeof text, "%u", s->mask_be);
    else
        inet_ntop(AF_INET, &s->mask_be, text, sizeof text);
    return json_string(text);
}

static json_t *service_object(const struct ipvs_service *s)
{
    bool persists = s->flags & IP_VS_SVC_F_PERSISTENT;
    json_t *o = json_object();
    set(o, "protocol", json_string(protocol_word(s)));
    if (s->fwmark) {
        set(o, "fwmark", json_integer(s->fwmark));
    } else {
        set(o, "address", addr_text(&s->addr));
        set(o, "port", json_integer(s->port));
    }
    set(o, "family", json_integer(s->family));
    set(o, "scheduler", json_string(s->scheduler));
    set(o, "flags", flag_words(s));
    set(o, "persistence_s", persists ? json_integer(s->timeout_s) : json_null());
    if (persists)
        set(o, "persistence_mask", mask_text(s));
    if (s->engine[0])
        set(o, "persistence_engine", json_string(s->engine));
    set_counters(o, &s->counters);
    return o;
}

/* ---- destinations ---- */

static const char *forward_word(uint8_t forward)
{
    static const char *const words[] = {
        [IP_VS_CONN_F_MASQ] = "nat",      [IP_VS_CONN_F_LOCALNODE] = "local",
        [IP_VS_CONN_F_TUNNEL] = "tunnel", [IP_VS_CONN_F_DROUTE] = "dr",
        [IP_VS_CONN_F_BYPASS] = "bypass",
    };
    return forward < ARRAY_LEN(words) ? words[forward] : "other";
}

static json_t *tunnel_object(const struct ipvs_dest *d)
{
    static const char *const types[] = {[IP_VS_CONN_F_TUNNEL_TYPE_IPIP] = "ipip",
                                        [IP_VS_CONN_F_TUNNEL_TYPE_GUE] = "gue",
                                        [IP_VS_CONN_F_TUNNEL_TYPE_GRE] = "gre"};
    if (d->forward != IP_VS_CONN_F_TUNNEL)
        return json_null();
    json_t *o = json_object();
    set(o, "type", json_string(d->tunnel < ARRAY_LEN(types) ? types[d->tunnel] : "other"));
    set(o, "port", json_integer(d->tunnel_port));
    return o;
}

static json_t *dest_object(const struct ipvs_dest *d)
{
    json_t *o = json_object();
    set(o, "address", addr_text(&d->addr));
    set(o, "port", json_integer(d->port));
    set(o, "forward", json_string(forward_word(d->forward)));
    set(o, "tunnel", tunnel_object(d));
    set(o, "weight", json_integer(d->weight));
    set(o, "upper", json_integer(d->upper));
    set(o, "lower", json_integer(d->lower));
    set(o, "active", json_integer(d->active));
    set(o, "inactive", json_integer(d->inactive));
    set(o, "persistent", json_integer(d->persistent));
    set_counters(o, &d->counters);
    return o;
}

void ipvs_list_document(struct buf *out, const struct ipvs_list *list)
{
    char version[32];
    json_t *document = json_object(), *services = json_array();
    snprintf(version, sizeof version, "%u.%u.%u", (list->info.version >> 16) & 255u,
             (list->info.version >> 8) & 255u, list->info.version & 255u);
    set(document, "version", json_string(version));
    set(document, "table_size", json_integer(list->info.table_size));
    for (size_t i = 0; i < list->services.n; i++) {
        const struct ipvs_listed *listed = &list->services.v[i];
        json_t *service = service_object(&listed->service), *dests = json_array();
        for (size_t k = 0; k < listed->dests.n; k++)
            json_array_append_new(dests, dest_object(&listed->dests.v[k]));
        set(service, "destinations", dests);
        json_array_append_new(services, service);
    }
    set(document, "services", services);
    tier_json_print(out, document);
}
