/* SPDX-License-Identifier: Apache-2.0
 * ExaBGP's text API. */
#include "anycast/exabgp_text.h"

#include "base/digits.h"

#include <stdio.h>
#include <string.h>

/* ---- commands ---- */

static void add_lists(struct buf *out, const struct route_attributes *attributes)
{
    char text[LARGE_COMMUNITY_TEXT_MAX];
    for (uint32_t i = 0; i < attributes->n_communities; i++)
        buf_printf(out, "%s %s", i ? "" : " community [",
                   community_text(text, attributes->communities[i]));
    if (attributes->n_communities > 0)
        buf_puts(out, " ]");
    for (uint32_t i = 0; i < attributes->n_large; i++)
        buf_printf(out, "%s %s", i ? "" : " large-community [",
                   large_community_text(text, &attributes->large[i]));
    if (attributes->n_large > 0)
        buf_puts(out, " ]");
}

static uint32_t path_length(const struct announcement *a, const struct speaker *config)
{
    return config->as && a->attributes.prepend ? a->attributes.prepend + 1u : 0;
}

void exabgp_announce(struct buf *out, const struct ip_prefix *prefix, const struct announcement *a,
                     const struct speaker *config)
{
    char text[IP_PREFIX_TEXT_MAX], hop_text[IP_TEXT_MAX];
    const struct ip *hop = route_next_hop(a->spec->config, config, prefix->addr.family);
    uint32_t n_path = path_length(a, config);
    buf_printf(out, "announce route %s next-hop %s", ip_prefix_text(text, prefix),
               hop ? ip_text(hop_text, hop) : "self");
    if (a->attributes.has_med)
        buf_printf(out, " med %u", a->attributes.med);
    for (uint32_t i = 0; i < n_path; i++)
        buf_printf(out, "%s %u", i ? "" : " as-path [", config->as);
    if (n_path > 0)
        buf_puts(out, " ]");
    add_lists(out, &a->attributes);
}

void exabgp_withdraw(struct buf *out, const struct ip_prefix *prefix)
{
    char text[IP_PREFIX_TEXT_MAX];
    buf_printf(out, "withdraw route %s next-hop self", ip_prefix_text(text, prefix));
}

/* ---- answers ---- */

/* The next word of a line, without its blanks. */
static struct slice take(const char **at)
{
    *at += strspn(*at, " \t");
    size_t n = strcspn(*at, " \t");
    struct slice word = slice_of(*at, n);
    *at += n;
    return word;
}

static bool is(struct slice word, const char *text)
{
    return slice_equal(word, slice_str(text));
}

enum exabgp_word exabgp_word(const char *line)
{
    const char *at = line;
    struct slice first = take(&at), second = take(&at), third = take(&at);
    if (first.n == 0)
        return EXABGP_NOTHING;
    if (second.n == 0 && is(first, "done"))
        return EXABGP_DONE;
    if (is(first, "error"))
        return EXABGP_ERROR;
    if (is(first, "exabgp") && second.n > 0)
        return EXABGP_VERSION;
    if (!is(first, "neighbor"))
        return EXABGP_OTHER;
    return is(third, "up") || is(third, "down") || is(third, "connected") ? EXABGP_EVENT
                                                                          : EXABGP_ROUTE;
}

static bool read_prefix(struct ip_prefix *out, struct slice word)
{
    char text[IP_PREFIX_TEXT_MAX];
    if (word.n == 0 || word.n >= sizeof text)
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    return ip_prefix_parse(out, text) == 0;
}

/* So many numbers with colons between them. */
static bool read_tuple(struct slice word, uint32_t *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *colon = word.n > 0 ? memchr(word.p, ':', word.n) : NULL;
        struct slice part = {word.p, colon ? (uint32_t)(colon - word.p) : word.n};
        uint64_t number;
        if ((colon != NULL) != (i + 1 < n) || !decimal_parse(part, UINT32_MAX, &number))
            return false;
        v[i] = (uint32_t)number;
        word = colon ? slice_of(colon + 1, word.n - part.n - 1) : slice_of(word.p, 0);
    }
    return true;
}

/* Some that have names are printed by them. */
static bool read_named(struct slice word, uint32_t v[2])
{
    static const struct {
        const char *name;
        uint32_t low;
    } names[] = {{"no-export", 65281},
                 {"no-advertise", 65282},
                 {"no-export-subconfed", 65283},
                 {"no-peer", 65284},
                 {"blackhole", 666}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is(word, names[i].name))
            continue;
        v[0] = 65535;
        v[1] = names[i].low;
        return true;
    }
    return false;
}

enum list { LIST_PATH, LIST_COMMUNITIES, LIST_LARGE };

static void read_item(struct route_read *read, enum list list, struct slice word)
{
    uint32_t v[3];
    if (list == LIST_PATH && read_tuple(word, v, 1))
        route_read_as(read, v[0]);
    else if (list == LIST_COMMUNITIES && (read_tuple(word, v, 2) || read_named(word, v)))
        route_read_community(read, v[0], v[1]);
    else if (list == LIST_LARGE && read_tuple(word, v, 3))
        route_read_large(read, v);
    else
        read->odd = true;
}

/* One item, or more in brackets. */
static void read_list(struct route_read *read, enum list list, const char **at)
{
    struct slice word = take(at);
    if (!is(word, "[")) {
        read_item(read, list, word);
        return;
    }
    for (word = take(at); word.n > 0 && !is(word, "]"); word = take(at))
        read_item(read, list, word);
    read->odd |= word.n == 0;
}

static void read_attributes(struct route_read *read, const char *at)
{
    struct slice word;
    uint64_t number;
    struct ip_prefix hop;
    while ((word = take(&at)).n > 0) {
        if (is(word, "next-hop")) {
            word = take(&at);
            read->has_next_hop = !is(word, "self");
            if (read->has_next_hop && read_prefix(&hop, word))
                read->next_hop = hop.addr;
        } else if (is(word, "med")) {
            read->has_med = decimal_parse(take(&at), UINT32_MAX, &number);
            read->med = read->has_med ? (uint32_t)number : 0;
        } else if (is(word, "as-path")) {
            read_list(read, LIST_PATH, &at);
        } else if (is(word, "community")) {
            read_list(read, LIST_COMMUNITIES, &at);
        } else if (is(word, "large-community")) {
            read_list(read, LIST_LARGE, &at);
        } else {
            (void)take(&at); /* what is no attribute of ours may have a value */
        }
    }
}

bool exabgp_route_read(struct exabgp_route *out, const char *line)
{
    static const char unicast[] = " unicast ";
    memset(out, 0, sizeof *out);
    const char *at = strstr(line, unicast);
    if (!at)
        return false;
    at += sizeof unicast - 1;
    if (!read_prefix(&out->prefix, take(&at)))
        return false;
    read_attributes(&out->read, at);
    return true;
}

bool exabgp_route_differs(const struct exabgp_route *route, const struct announcement *a,
                          const struct speaker *config)
{
    return route_read_differs(&route->read, &a->attributes,
                              route_next_hop(a->spec->config, config, route->prefix.addr.family),
                              config->as, path_length(a, config));
}

bool exabgp_neighbor_read(const char *line, struct ip *peer, char state[32])
{
    const char *at = line;
    struct ip_prefix prefix;
    struct slice word = take(&at);
    if (!read_prefix(&prefix, word) || memchr(word.p, '/', word.n) || take(&at).n == 0)
        return false;
    *peer = prefix.addr;
    struct slice uptime = take(&at);
    word = take(&at);
    if (uptime.n == 0 || word.n == 0)
        return false;
    if (is(uptime, "down")) /* it has no time: "down  idle" */
        word = uptime;
    snprintf(state, 32, "%.*s", (int)word.n, (const char *)word.p);
    return true;
}
