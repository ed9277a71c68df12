/* SPDX-License-Identifier: Apache-2.0
 * A bgpd that does what its lines say: networks, route-maps, and what neighbours have been told.
 * Takes the place of its vty (frr_vty.h), so it is included once in a program. */
#pragma once

#include "anycast/frr_vty.h"
#include "driver_ends.h"

enum { MAPS = 64, NETWORKS = 512 };

struct model_map {
    char name[96];
    char sets[1024]; /* its lines, each with its LF */
};
struct model_network {
    char prefix[IP_PREFIX_TEXT_MAX];
    char map[96];     /* "": it has none */
    char told[1024];  /* what neighbours have: the lines of its map when that was given */
    unsigned pending; /* so many more looks */
};

static struct bgpd {
    struct model_map maps[MAPS];
    struct model_network networks[NETWORKS];
    uint32_t n_maps, n_networks;
    char as[16];
    bool no_router, import_check, no_sessions, redistributes;
    const char *refuse; /* lines that begin so */
    enum speaker_error dead;
    const char *says; /* in the place of everything */
    unsigned n_updates, n_withdrawals, pending;
    uint32_t n_asked;
    enum { AT_TOP, AT_CONFIG, AT_MAP, AT_ROUTER, AT_V4, AT_V6 } at;
    struct model_map *map;
    struct frr_asker asker;
    struct buf output;
    struct frr_reply reply;
} bgpd;

static struct model_network *model_network(const char *prefix)
{
    for (uint32_t i = 0; i < bgpd.n_networks; i++)
        if (strcmp(bgpd.networks[i].prefix, prefix) == 0)
            return &bgpd.networks[i];
    return NULL;
}

static struct model_map *model_map(const char *name)
{
    for (uint32_t i = 0; i < bgpd.n_maps; i++)
        if (strcmp(bgpd.maps[i].name, name) == 0)
            return &bgpd.maps[i];
    return NULL;
}

static int model_add_network(const char *prefix, const char *map)
{
    struct model_network *network = model_network(prefix);
    const struct model_map *m = model_map(map);
    assert_true((bgpd.at == AT_V6) == (strchr(prefix, ':') != NULL));
    assert_true(!*map || m); /* it would be withdrawn */
    if (!network) {
        assert_true(bgpd.n_networks < NETWORKS);
        network = &bgpd.networks[bgpd.n_networks++];
        *network = (struct model_network){0};
        snprintf(network->prefix, sizeof network->prefix, "%s", prefix);
        bgpd.n_updates++;
    } else if (strcmp(network->told, m ? m->sets : "") != 0) {
        bgpd.n_updates++;
    }
    snprintf(network->map, sizeof network->map, "%s", map);
    snprintf(network->told, sizeof network->told, "%s", m ? m->sets : "");
    network->pending = bgpd.pending;
    return 0;
}

static int model_remove_network(const char *prefix)
{
    struct model_network *network = model_network(prefix);
    if (!network)
        return 13;
    *network = bgpd.networks[--bgpd.n_networks];
    bgpd.n_withdrawals++;
    return 0;
}

static int model_remove_map(const char *name)
{
    struct model_map *map = model_map(name);
    for (uint32_t i = 0; i < bgpd.n_networks; i++)
        assert_string_not_equal(bgpd.networks[i].map, name);
    assert_non_null(map);
    *map = bgpd.maps[--bgpd.n_maps];
    return 0;
}

static int model_add_map(const char *name)
{
    bgpd.map = model_map(name);
    if (!bgpd.map) {
        assert_true(bgpd.n_maps < MAPS);
        bgpd.map = &bgpd.maps[bgpd.n_maps++];
        *bgpd.map = (struct model_map){0};
        snprintf(bgpd.map->name, sizeof bgpd.map->name, "%s", name);
    }
    bgpd.at = AT_MAP;
    return 0;
}

static void model_show_config(struct buf *out)
{
    buf_puts(out, "frr version 8.4.4\n!\n");
    if (!bgpd.no_router)
        buf_printf(out, "router bgp %s\n", bgpd.as);
    for (int family = 4; family <= 6; family += 2) {
        buf_printf(out, " address-family ipv%d unicast\n", family);
        for (uint32_t i = 0; i < bgpd.n_networks; i++) {
            const struct model_network *n = &bgpd.networks[i];
            if ((family == 6) == (strchr(n->prefix, ':') != NULL))
                buf_printf(out, "  network %s%s%s\n", n->prefix, *n->map ? " route-map " : "",
                           n->map);
        }
        buf_puts(out, " exit-address-family\n");
    }
    buf_puts(out, "exit\n!\n");
    for (uint32_t i = 0; i < bgpd.n_maps; i++)
        for (int entry = 10; entry <= 20; entry += 10) /* of each another that somebody added */
            buf_printf(out, "route-map %s permit %d\nexit\n", bgpd.maps[i].name, entry);
}

/* The list behind a word of a map's lines, as JSON. */
static void model_list(struct buf *out, const char *lines, const char *word)
{
    const char *line = strstr(lines, word);
    bool first = true;
    buf_puts(out, "{\"list\": [");
    for (const char *p = line ? line + strlen(word) : ""; *p && *p != '\n';) {
        size_t n = strcspn(p, " \n");
        const char *name = strncmp(p, "65535:0", n) == 0 && n == 7 ? "gracefulShutdown" : NULL;
        if (n > 0 && strncmp(p, "additive", n) != 0) {
            buf_printf(out, "%s\"%.*s\"", first ? "" : ", ", name ? 16 : (int)n, name ? name : p);
            first = false;
        }
        p += n + (p[n] == ' ');
    }
    buf_puts(out, "]}");
}

static void model_show_path(struct buf *out, const char *lines, bool pending)
{
    const char *med = strstr(lines, "set metric "), *path = strstr(lines, "as-path prepend ");
    const char *hop = strstr(lines, "next-hop ");
    unsigned n_as = 0;
    for (const char *p = path ? path + strlen("as-path prepend") : ""; *p && *p != '\n'; p++)
        n_as += *p == ' ';
    buf_printf(out, "{\"aspath\": {\"length\": %u}, \"metric\": %s%.*s, ", n_as, med ? "" : "0",
               med ? (int)strcspn(med + 11, "\n") : 0, med ? med + 11 : "");
    buf_printf(out, "\"valid\": %s, \"sourced\": true, \"local\": true, ",
               bgpd.import_check ? "false" : "true");
    if (pending)
        buf_puts(out, "\"processScheduled\": true, ");
    else if (!bgpd.import_check)
        buf_puts(out, "\"bestpath\": {\"overall\": true}, ");
    buf_puts(out, "\"community\": ");
    model_list(out, lines, "set community ");
    buf_puts(out, ", \"largeCommunity\": ");
    model_list(out, lines, "set large-community ");
    if (hop && strncmp(hop + 9, "global ", 7) == 0)
        hop += 7;
    buf_printf(out, ", \"nexthops\": [{\"ip\": \"%.*s\"}]}", hop ? (int)strcspn(hop + 9, "\n") : 7,
               hop ? hop + 9 : "0.0.0.0");
}

static void model_show_route(struct buf *out, const char *prefix)
{
    struct model_network *n = model_network(prefix);
    if (!n && !bgpd.redistributes) {
        buf_puts(out, "{\n}\n");
        return;
    }
    bool pending = n && n->pending > 0;
    if (pending)
        n->pending--;
    buf_printf(out, "{\"prefix\": \"%s\", ", prefix);
    if (!bgpd.no_sessions)
        buf_puts(out, "\"advertisedTo\": {\"10.9.0.1\": {}}, ");
    buf_puts(out, "\"paths\": [");
    model_show_path(out, n ? n->told : "", pending);
    buf_puts(out, "]}\n");
}

static int model_show(struct buf *out, const char *line)
{
    char prefix[64], family[8];
    if (strcmp(line, "show running-config") == 0)
        model_show_config(out);
    else if (sscanf(line, "show bgp %7s unicast %63s json", family, prefix) == 2)
        model_show_route(out, prefix);
    else
        return 2;
    return 0;
}

static int model_configure(const char *line)
{
    char a[96], b[96] = "", text[128];
    snprintf(text, sizeof text, "router bgp %s", bgpd.as);
    if (strcmp(line, "exit") == 0 || strcmp(line, "exit-address-family") == 0)
        bgpd.at = bgpd.at >= AT_V4 ? AT_ROUTER : AT_CONFIG;
    else if (sscanf(line, "route-map %95s permit 10", a) == 1)
        return model_add_map(a);
    else if (sscanf(line, "no route-map %95s", a) == 1 && bgpd.at == AT_CONFIG)
        return model_remove_map(a);
    else if (strcmp(line, text) == 0)
        bgpd.at = AT_ROUTER;
    else if (strcmp(line, "address-family ipv4 unicast") == 0 && bgpd.at == AT_ROUTER)
        bgpd.at = AT_V4;
    else if (strcmp(line, "address-family ipv6 unicast") == 0 && bgpd.at == AT_ROUTER)
        bgpd.at = AT_V6;
    else if (sscanf(line, "network %95s route-map %95s", a, b) >= 1 && bgpd.at >= AT_V4)
        return model_add_network(a, b);
    else if (sscanf(line, "no network %95s", a) == 1 && bgpd.at >= AT_V4)
        return model_remove_network(a);
    else if (strncmp(line, "set ", 4) == 0 && bgpd.at == AT_MAP)
        snprintf(bgpd.map->sets + strlen(bgpd.map->sets), 256, "%s\n", line);
    else
        return 2;
    return 0;
}

static int model_line(struct buf *out, const char *line)
{
    if (bgpd.refuse && strncmp(line, bgpd.refuse, strlen(bgpd.refuse)) == 0)
        return 13;
    if (strcmp(line, "configure terminal") == 0)
        bgpd.at = AT_CONFIG;
    else if (strcmp(line, "end") == 0)
        bgpd.at = AT_TOP;
    else
        return bgpd.at == AT_TOP ? model_show(out, line) : model_configure(line);
    return 0;
}

/* --- in the place of the vty --- */

struct frr_vty *frr_vty_open(struct drive *drive, const char *path, const struct frr_asker *asker)
{
    (void)drive, (void)path;
    bgpd.asker = *asker;
    return (struct frr_vty *)(void *)&bgpd;
}

void frr_vty_ask(struct frr_vty *vty, const struct frr_lines *lines, uint32_t timeout_ms)
{
    (void)vty;
    assert_int_equal(timeout_ms, speaker.timeout_ms);
    bgpd.output.n = 0;
    buf_puts(&bgpd.output, "");
    bgpd.reply = (struct frr_reply){.error = bgpd.dead};
    bgpd.n_asked++;
    if (bgpd.dead)
        snprintf(bgpd.reply.text, sizeof bgpd.reply.text, "dead");
    for (size_t i = 0; i < lines->v.n && !bgpd.dead; i++) {
        int status = model_line(&bgpd.output, lines->v.v[i]);
        if (status && !bgpd.reply.error) {
            bgpd.reply.error = SPEAKER_ERROR_REJECTED;
            snprintf(bgpd.reply.text, sizeof bgpd.reply.text, "refused %.100s", lines->v.v[i]);
        }
    }
    if (bgpd.says) {
        bgpd.output.n = 0;
        buf_puts(&bgpd.output, bgpd.says);
    }
    bgpd.reply.output = slice_of(bgpd.output.p, bgpd.output.n);
    bgpd.asker.answered(bgpd.asker.ctx, &bgpd.reply);
}

void frr_vty_close(struct frr_vty *vty)
{
    (void)vty;
}
