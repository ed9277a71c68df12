/* SPDX-License-Identifier: Apache-2.0
 * Words for gobgp. */
#include "anycast/gobgp_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct gobgp_argv *argv, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void add(struct gobgp_argv *argv, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    *vec_push(&argv->v) = text.p;
}

void gobgp_argv_free(struct gobgp_argv *argv)
{
    for (size_t i = 0; i < argv->v.n; i++)
        free(argv->v.v[i]);
    vec_free(&argv->v);
}

static void begin(struct gobgp_argv *argv, const char *const *command)
{
    for (; *command; command++)
        *vec_push(&argv->v) = xstrdup(*command);
}

static void end(struct gobgp_argv *argv, const struct ip_prefix *prefix)
{
    add(argv, "-a");
    add(argv, "%s", prefix->addr.family == IP_V4 ? "ipv4" : "ipv6");
    *vec_push(&argv->v) = NULL;
}

void gobgp_argv_ask(struct gobgp_argv *argv, const char *const *command, const char *words)
{
    begin(argv, command);
    add(argv, "-j");
    while (*words) {
        size_t n = strcspn(words, " ");
        add(argv, "%.*s", (int)n, words);
        words += n + (words[n] == ' ');
    }
    *vec_push(&argv->v) = NULL;
}

static void begin_rib(struct gobgp_argv *argv, const char *const *command, const char *verb,
                      const struct ip_prefix *prefix)
{
    char text[IP_PREFIX_TEXT_MAX];
    begin(argv, command);
    add(argv, "global");
    add(argv, "rib");
    add(argv, "%s", verb);
    add(argv, "%s", ip_prefix_text(text, prefix));
}

/* One word for all: given twice, the second is not understood. */
static void add_communities(struct gobgp_argv *argv, const struct route_attributes *a)
{
    char text[COMMUNITY_TEXT_MAX], large[LARGE_COMMUNITY_TEXT_MAX];
    struct buf list = {0};
    for (uint32_t i = 0; i < a->n_communities; i++)
        buf_printf(&list, "%s%s", i ? "," : "", community_text(text, a->communities[i]));
    if (list.n) {
        add(argv, "community");
        add(argv, "%s", list.p);
    }
    list.n = 0;
    for (uint32_t i = 0; i < a->n_large; i++)
        buf_printf(&list, "%s%s", i ? "," : "", large_community_text(large, &a->large[i]));
    if (list.n) {
        add(argv, "large-community");
        add(argv, "%s", list.p);
    }
    buf_free(&list);
}

static void add_path(struct gobgp_argv *argv, unsigned n, uint32_t as)
{
    struct buf path = {0};
    for (unsigned i = 0; i < n; i++)
        buf_printf(&path, "%s%u", i ? "," : "", as);
    if (path.n) {
        add(argv, "aspath");
        add(argv, "%s", path.p);
    }
    buf_free(&path);
}

void gobgp_argv_add(struct gobgp_argv *argv, const char *const *command,
                    const struct ip_prefix *prefix, const struct route_attributes *a,
                    const struct ip *next_hop, uint32_t as)
{
    char text[IP_TEXT_MAX];
    begin_rib(argv, command, "add", prefix);
    add(argv, "origin");
    add(argv, "igp");
    add_path(argv, a->prepend, as);
    if (next_hop) {
        add(argv, "nexthop");
        add(argv, "%s", ip_text(text, next_hop));
    }
    if (a->has_med) {
        add(argv, "med");
        add(argv, "%u", a->med);
    }
    add_communities(argv, a);
    end(argv, prefix);
}

void gobgp_argv_del(struct gobgp_argv *argv, const char *const *command,
                    const struct ip_prefix *prefix)
{
    begin_rib(argv, command, "del", prefix);
    end(argv, prefix);
}

const char *gobgp_socket(const char *const *command)
{
    static const char option[] = "--target", scheme[] = "unix://";
    for (; *command; command++) {
        const char *value = NULL;
        if (strncmp(*command, option, sizeof option - 1) != 0)
            continue;
        if ((*command)[sizeof option - 1] == '=')
            value = *command + sizeof option;
        else if (!(*command)[sizeof option - 1])
            value = command[1];
        if (value && strncmp(value, scheme, sizeof scheme - 1) == 0)
            return value + sizeof scheme - 1;
    }
    return NULL;
}
