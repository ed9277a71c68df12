/* SPDX-License-Identifier: Apache-2.0
 * The file that BIRD includes. */
#include "anycast/bird_file.h"

#include "anycast/route_read.h"

#include <stdio.h>
#include <string.h>

static const char function[] = "# Called by the export filters of eBGP sessions.\n"
                               "function loadstar_export()\n"
                               "{\n"
                               "  if proto ~ \"" BIRD_PREFIX "*\" then {\n"
                               "    if defined(bgp_med) then bgp_med = bgp_med;\n"
                               "    if defined(bgp_next_hop) then bgp_next_hop = bgp_next_hop;\n"
                               "  }\n"
                               "}\n";

const char *bird_protocol_name(char out[BIRD_NAME_MAX], const char *set, uint8_t family)
{
    snprintf(out, BIRD_NAME_MAX, BIRD_PREFIX "%s_%u", set, family);
    return out;
}

bool bird_set_has(const struct anycast_spec *spec, uint8_t family)
{
    for (uint32_t i = 0; i < spec->config->n_prefixes; i++)
        if (spec->config->prefixes[i].addr.family == family)
            return true;
    return false;
}

bool bird_is_written(const struct announcement *a)
{
    return a->announced || a->spec->config->hold == ANYCAST_HOLD_TUN;
}

/* ---- writing ---- */

static void add_attributes(struct buf *out, const struct announcement *a, uint8_t family,
                           const struct speaker *config)
{
    const struct route_attributes *attributes = &a->attributes;
    const struct ip *next_hop = route_next_hop(a->spec->config, config, family);
    char text[IP_TEXT_MAX];
    for (uint32_t i = 0; config->as && i < attributes->prepend; i++)
        buf_printf(out, " bgp_path.prepend(%u);", config->as);
    if (attributes->has_med)
        buf_printf(out, " bgp_med = %u;", attributes->med);
    if (next_hop)
        buf_printf(out, " bgp_next_hop = %s;", ip_text(text, next_hop));
    for (uint32_t i = 0; i < attributes->n_communities; i++)
        buf_printf(out, " bgp_community.add((%u,%u));", attributes->communities[i].high,
                   attributes->communities[i].low);
    for (uint32_t i = 0; i < attributes->n_large; i++)
        buf_printf(out, " bgp_large_community.add((%u,%u,%u));", attributes->large[i].v[0],
                   attributes->large[i].v[1], attributes->large[i].v[2]);
}

static void add_protocol(struct buf *out, const struct announcement *a, uint8_t family,
                         const struct speaker *config)
{
    const struct anycast_spec *spec = a->spec;
    char name[BIRD_NAME_MAX], prefix[IP_PREFIX_TEXT_MAX];
    struct buf attributes = {0};
    add_attributes(&attributes, a, family, config);
    buf_printf(out, "protocol static '%s' {\n  ipv%u;\n",
               bird_protocol_name(name, spec->name, family), family);
    if (spec->config->hold == ANYCAST_HOLD_TUN)
        buf_puts(out, "  check link;\n");
    for (uint32_t i = 0; i < spec->config->n_prefixes; i++) {
        if (spec->config->prefixes[i].addr.family != family)
            continue;
        buf_printf(out, "  route %s ", ip_prefix_text(prefix, &spec->config->prefixes[i]));
        if (spec->config->hold == ANYCAST_HOLD_TUN)
            buf_printf(out, "via \"%s\"", spec->ifname);
        else
            buf_puts(out, "unreachable");
        if (attributes.n > 0)
            buf_printf(out, " {%s }", attributes.p);
        buf_puts(out, ";\n");
    }
    buf_puts(out, "}\n");
    buf_free(&attributes);
}

void bird_file_write(struct buf *out, const struct announcements *wanted,
                     const struct speaker *config, const char *node)
{
    struct buf rest = {0};
    buf_puts(&rest, function);
    for (uint32_t i = 0; wanted && i < wanted->n; i++) {
        const struct announcement *a = &wanted->v[i];
        for (unsigned family = IP_V4; bird_is_written(a) && family <= IP_V6; family += 2)
            if (bird_set_has(a->spec, (uint8_t)family))
                add_protocol(&rest, a, (uint8_t)family, config);
    }
    mark_add_speaker(out, node, config->name, slice_of(rest.p, rest.n));
    buf_add(out, rest.p, rest.n);
    buf_free(&rest);
}

/* ---- reading ---- */

static struct slice take_line(struct slice *text)
{
    const uint8_t *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
    struct slice line = {text->p, end ? (uint32_t)(end - text->p) : text->n};
    uint32_t taken = line.n + (end != NULL);
    text->p += taken;
    text->n -= taken;
    return line;
}

static bool is_blank(struct slice line)
{
    uint32_t i = 0;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '\r'))
        i++;
    return i == line.n || line.p[i] == '#';
}

/* Whether it is a line of the function, which a site may have put there for BIRD to start with. */
static bool is_of_function(struct slice line)
{
    struct slice text = slice_str(function);
    while (text.n > 0)
        if (slice_equal(take_line(&text), line))
            return true;
    return false;
}

enum mark_owner bird_file_owner(struct slice text, const char *node, char found[MARK_NODE_MAX],
                                bool *blank)
{
    struct slice rest = text, line = take_line(&rest);
    enum mark_owner owner = mark_read(line, rest, node, found);
    *blank = owner == MARK_NONE;
    while (*blank && text.n > 0) {
        line = take_line(&text);
        *blank = is_blank(line) || is_of_function(line);
    }
    return owner;
}

bool bird_file_has(struct slice text, const char *protocol)
{
    char head[BIRD_NAME_MAX + 32];
    snprintf(head, sizeof head, "protocol static '%s' {", protocol);
    while (text.n > 0) {
        struct slice line = take_line(&text);
        if (slice_equal(line, slice_str(head)))
            return true;
    }
    return false;
}
