/* SPDX-License-Identifier: Apache-2.0
 * What IPVS has, as ipvsadm prints it (`-Ln --stats`, `-Ln`), byte for byte: whoever reads, or
 * parses, that knows this. */
#include "control/json.h"
#include "ctl/render.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_TEXT 96

/* ---- names ---- */

static const char *port_text(char out[NAME_MAX_TEXT], const json_t *object)
{
    const char *addr = json_get_text(object, "address", "?");
    bool is_v6 = strchr(addr, ':');
    snprintf(out, NAME_MAX_TEXT, "%s%s%s:%" PRId64, is_v6 ? "[" : "", addr, is_v6 ? "]" : "",
             json_get_int(object, "port", 0));
    return out;
}

/* "TCP  192.0.2.80:443", "FWM  10 IPv6" */
static const char *service_text(char out[NAME_MAX_TEXT], const json_t *service)
{
    const char *protocol = json_get_text(service, "protocol", "?");
    char word[8], at[NAME_MAX_TEXT];
    if (strcmp(protocol, "fwmark") == 0) {
        snprintf(out, NAME_MAX_TEXT, "FWM  %" PRId64 "%s", json_get_int(service, "fwmark", 0),
                 json_get_int(service, "family", 4) == 6 ? " IPv6" : "");
        return out;
    }
    snprintf(word, sizeof word, "%s", protocol);
    for (char *p = word; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    snprintf(out, NAME_MAX_TEXT, "%-4s %s", word, port_text(at, service));
    return out;
}

static void add_title(struct buf *out, const json_t *document)
{
    buf_printf(out, "IP Virtual Server version %s (size=%" PRId64 ")\n",
               json_get_text(document, "version", "?"), json_get_int(document, "table_size", 0));
}

/* ---- statistics ---- */

/* Nine columns, or eight and a unit. */
static void add_count(struct buf *out, const json_t *object, const char *key)
{
    static const struct {
        int64_t below, unit;
        const char *word;
    } scales[] = {
        {INT64_C(100000000), 1, ""},
        {INT64_C(1000000000), 1000, "K"},
        {INT64_C(100000000000), 1000000, "M"},
        {INT64_C(100000000000000), 1000000000, "G"},
        {INT64_MAX, INT64_C(1000000000000), "T"},
    };
    int64_t n = json_get_int(object, key, 0);
    size_t i = 0;
    while (n >= scales[i].below && scales[i].below != INT64_MAX)
        i++;
    buf_printf(out, "%*" PRId64 "%s", i == 0 ? 9 : 8, n / scales[i].unit, scales[i].word);
}

static void add_counters(struct buf *out, const json_t *object)
{
    add_count(out, object, "connections");
    add_count(out, object, "packets_in");
    add_count(out, object, "packets_out");
    add_count(out, object, "bytes_in");
    add_count(out, object, "bytes_out");
    buf_puts(out, "\n");
}

void render_ipvs_stats(struct buf *out, const json_t *document)
{
    const json_t *service, *dest;
    size_t i, k;
    char name[NAME_MAX_TEXT];
    add_title(out, document);
    buf_puts(out, "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
                  "  -> RemoteAddress:Port\n");
    json_array_foreach(json_object_get(document, "services"), i, service)
    {
        buf_printf(out, "%-33s", service_text(name, service));
        add_counters(out, service);
        json_array_foreach(json_object_get(service, "destinations"), k, dest)
        {
            buf_printf(out, "  -> %-28s", port_text(name, dest));
            add_counters(out, dest);
        }
    }
}

/* ---- weights and connections ---- */

static void add_flags(struct buf *out, const json_t *service)
{
    const json_t *flag;
    size_t i;
    bool is_first = true;
    json_array_foreach(json_object_get(service, "flags"), i, flag)
    {
        const char *word = json_text_of(flag, "?");
        if (strcmp(word, "ops") == 0)
            continue;
        buf_printf(out, "%s%s", is_first ? " (" : ",", word);
        is_first = false;
    }
    if (!is_first)
        buf_puts(out, ")");
}

static bool has_flag(const json_t *service, const char *word)
{
    const json_t *flag;
    size_t i;
    json_array_foreach(json_object_get(service, "flags"), i,
                       flag) if (strcmp(json_text_of(flag, ""), word) == 0) return true;
    return false;
}

static void add_service(struct buf *out, const json_t *service)
{
    char name[NAME_MAX_TEXT];
    const char *mask = json_get_text(service, "persistence_mask", "");
    buf_printf(out, "%s %s", service_text(name, service), json_get_text(service, "scheduler", "?"));
    add_flags(out, service);
    if (json_is_integer(json_object_get(service, "persistence_s"))) {
        buf_printf(out, " persistent %" PRId64, json_get_int(service, "persistence_s", 0));
        if (strcmp(mask, "255.255.255.255") != 0 && strcmp(mask, "128") != 0)
            buf_printf(out, " mask %s", mask);
    }
    if (json_object_get(service, "persistence_engine"))
        buf_printf(out, " pe %s", json_get_text(service, "persistence_engine", ""));
    buf_puts(out, has_flag(service, "ops") ? " ops\n" : "\n");
}

static const char *forward_word(const json_t *dest)
{
    static const char *const words[][2] = {
        {"nat", "Masq"}, {"local", "Local"}, {"tunnel", "Tunnel"}, {"dr", "Route"}};
    const char *forward = json_get_text(dest, "forward", "");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i][0], forward) == 0)
            return words[i][1];
    return "";
}

void render_ipvs_weights(struct buf *out, const json_t *document)
{
    const json_t *service, *dest;
    size_t i, k;
    char name[NAME_MAX_TEXT];
    add_title(out, document);
    buf_puts(out, "Prot LocalAddress:Port Scheduler Flags\n"
                  "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
    json_array_foreach(json_object_get(document, "services"), i, service)
    {
        add_service(out, service);
        json_array_foreach(json_object_get(service, "destinations"), k, dest)
            buf_printf(out, "  -> %-28s %-7s %-6" PRId64 " %-10" PRId64 " %-10" PRId64 "\n",
                       port_text(name, dest), forward_word(dest), json_get_int(dest, "weight", 0),
                       json_get_int(dest, "active", 0), json_get_int(dest, "inactive", 0));
    }
}

void render_ipvs(struct buf *out, const json_t *document)
{
    if (strcmp(json_get_text(document, "shows", ""), "weights") == 0)
        render_ipvs_weights(out, document);
    else
        render_ipvs_stats(out, document);
}
