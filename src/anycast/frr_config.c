/* SPDX-License-Identifier: Apache-2.0
 * The running configuration of bgpd, as far as it matters. */
#include "anycast/frr_config.h"

#include "base/diag.h"
#include "base/digits.h"

#include <stdio.h>

enum section { OUTSIDE, IPV4_UNICAST, IPV6_UNICAST, ELSEWHERE };

/* The next word of a line; empty at its end. */
static struct slice take_word(struct slice *line)
{
    while (line->n > 0 && (*line->p == ' ' || *line->p == '\r'))
        line->p++, line->n--;
    struct slice word = {line->p, 0};
    while (word.n < line->n && line->p[word.n] != ' ' && line->p[word.n] != '\r')
        word.n++;
    line->p += word.n;
    line->n -= word.n;
    return word;
}

static bool is(struct slice word, const char *text)
{
    return slice_equal(word, slice_str(text));
}

static bool keep_text(char *out, size_t size, struct slice word)
{
    if (word.n >= size)
        return false;
    if (word.n > 0)
        memcpy(out, word.p, word.n);
    out[word.n] = '\0';
    return true;
}

/* Names that we gave: what else is in one is not repeated to bgpd. */
static bool read_map_name(char out[FRR_MAP_NAME_MAX], struct slice word)
{
    struct slice rest = word;
    if (!slice_take(&rest, FRR_MAP_PREFIX) || rest.n == 0)
        return false;
    for (uint32_t i = 0; i < rest.n; i++) {
        uint8_t c = rest.p[i];
        if (!is_digit(c) && (uint8_t)((c | 0x20) - 'a') >= 26 && c != '-' && c != '_' && c != '.')
            return false;
    }
    return keep_text(out, FRR_MAP_NAME_MAX, word);
}

/* "65001", or "1.10" (RFC 5396). */
static bool read_as(struct frr_config *config, struct slice word)
{
    uint64_t high = 0, low;
    struct slice at = word;
    const uint8_t *dot = word.n ? memchr(word.p, '.', word.n) : NULL;
    if (dot) {
        struct slice before = slice_of(word.p, (size_t)(dot - word.p));
        if (!decimal_parse(before, UINT16_MAX, &high))
            return false;
        at = slice_of(dot + 1, word.n - before.n - 1u);
    }
    if (!decimal_parse(at, dot ? UINT16_MAX : UINT32_MAX, &low) ||
        !keep_text(config->as_text, sizeof config->as_text, word))
        return false;
    config->as = (uint32_t)(high << 16 | low);
    return config->as != 0;
}

static void read_network(struct frr_config *config, struct slice line, enum section section)
{
    char text[IP_PREFIX_TEXT_MAX];
    struct frr_network network = {0};
    if (!keep_text(text, sizeof text, take_word(&line)) ||
        ip_prefix_parse(&network.prefix, text) != 0 ||
        (network.prefix.addr.family == IP_V4) != (section == IPV4_UNICAST))
        return;
    for (struct slice word; (word = take_word(&line)).n > 0;)
        if (is(word, "route-map"))
            network.is_ours = read_map_name(network.map, take_word(&line));
    *vec_push(&config->networks) = network;
}

static enum section read_family(struct slice line)
{
    struct slice family = take_word(&line), kind = take_word(&line);
    if (!is(kind, "unicast"))
        return ELSEWHERE;
    return is(family, "ipv4") ? IPV4_UNICAST : is(family, "ipv6") ? IPV6_UNICAST : ELSEWHERE;
}

/* `router bgp AS`; one `vrf NAME` or `view NAME` is another's. */
static bool begins_router(struct frr_config *config, struct slice line)
{
    if (!is(take_word(&line), "bgp"))
        return false;
    struct slice as = take_word(&line), more = take_word(&line);
    if (is(more, "vrf") || is(more, "view") || config->has_router || !read_as(config, as))
        return false;
    config->has_router = true;
    return true;
}

struct place {
    bool in_router;
    enum section section;
};

static void read_top(struct frr_config *config, struct place *at, struct slice line)
{
    struct slice word = take_word(&line);
    if (word.n == 0 || *word.p == '!')
        return;
    at->in_router = false;
    at->section = OUTSIDE;
    if (is(word, "frr") && is(take_word(&line), "version")) {
        (void)keep_text(config->version, sizeof config->version, take_word(&line));
    } else if (is(word, "router")) {
        at->in_router = begins_router(config, line);
    } else if (is(word, "route-map")) {
        struct frr_map map = {0};
        if (read_map_name(map.name, take_word(&line)))
            *vec_push(&config->maps) = map;
    }
}

static void read_line(struct frr_config *config, struct place *at, struct slice line)
{
    if (line.n == 0 || *line.p != ' ') {
        read_top(config, at, line);
        return;
    }
    struct slice word = take_word(&line);
    if (!at->in_router)
        return;
    if (is(word, "address-family"))
        at->section = read_family(line);
    else if (is(word, "exit-address-family"))
        at->section = OUTSIDE;
    else if (is(word, "network") && (at->section == IPV4_UNICAST || at->section == IPV6_UNICAST))
        read_network(config, line, at->section);
}

int frr_config_read(struct frr_config *config, struct slice text)
{
    struct place at = {false, OUTSIDE};
    *config = (struct frr_config){0};
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        struct slice line = slice_of(text.p, end ? (size_t)(end - text.p) : text.n);
        read_line(config, &at, line);
        text.p += line.n + (end != NULL);
        text.n -= line.n + (end != NULL);
    }
    return config->version[0] || config->has_router ? 0 : E_SYNTAX;
}

void frr_config_free(struct frr_config *config)
{
    vec_free(&config->networks);
    vec_free(&config->maps);
}

const struct frr_network *frr_config_network(const struct frr_config *config,
                                             const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < config->networks.n; i++) {
        const struct frr_network *network = &config->networks.v[i];
        if (ip_prefix_equal(&network->prefix, prefix))
            return network;
    }
    return NULL;
}

bool frr_config_has_map(const struct frr_config *config, const char *name)
{
    for (size_t i = 0; i < config->maps.n; i++)
        if (strcmp(config->maps.v[i].name, name) == 0)
            return true;
    return false;
}
