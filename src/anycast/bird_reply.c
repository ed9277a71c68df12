/* SPDX-License-Identifier: Apache-2.0
 * What BIRD says. */
#include "anycast/bird_reply.h"

#include "base/digits.h"

#include <stdio.h>
#include <string.h>

bool bird_line_read(struct bird_line *out, const char *line, int code)
{
    int number = 0;
    if (*line == ' ') {
        *out = (struct bird_line){.code = code, .text = line + 1};
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (!is_digit((uint8_t)line[i]))
            return false;
        number = number * 10 + (line[i] - '0');
    }
    if (line[4] != ' ' && line[4] != '-')
        return false;
    *out = (struct bird_line){.code = number, .last = line[4] == ' ', .text = line + 5};
    return true;
}

/* The next word; what does not fit makes it false. */
static bool take_word(const char **text, char *out, size_t size)
{
    *text += strspn(*text, " \t");
    size_t n = strcspn(*text, " \t");
    if (n == 0 || n >= size)
        return false;
    memcpy(out, *text, n);
    out[n] = '\0';
    *text += n;
    return true;
}

bool bird_protocol_read(struct bird_protocol *out, const char *text)
{
    char table[64];
    if (!take_word(&text, out->name, sizeof out->name) ||
        !take_word(&text, out->type, sizeof out->type) || !take_word(&text, table, sizeof table) ||
        !take_word(&text, out->state, sizeof out->state))
        return false;
    text += strspn(text, " ");
    const char *end = strstr(text, "  ");
    out->info = end ? end + strspn(end, " ") : text + strlen(text);
    return *text != '\0';
}

bool bird_prefix_read(struct ip_prefix *out, const char *text)
{
    char word[IP_PREFIX_TEXT_MAX];
    return take_word(&text, word, sizeof word) && strchr(word, '/') &&
           ip_prefix_parse(out, word) == 0;
}

/* ---- attributes ---- */

static bool take_number(const char **text, uint32_t *out)
{
    uint64_t number;
    *text += strspn(*text, " ,\t");
    size_t n = strspn(*text, "0123456789");
    if (!decimal_parse(slice_of(*text, n), UINT32_MAX, &number))
        return false;
    *text += n;
    *out = (uint32_t)number;
    return true;
}

/* `(A,B) (C,D) ..`, of so many numbers each. */
static bool take_tuple(const char **text, uint32_t *v, unsigned n)
{
    const char *at = *text + strspn(*text, " \t");
    if (*at++ != '(')
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!take_number(&at, &v[i]))
            return false;
    if (*at != ')')
        return false;
    *text = at + 1;
    return true;
}

static bool is_over(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static void read_communities(struct route_read *read, const char *text)
{
    uint32_t v[2];
    while (take_tuple(&text, v, 2))
        route_read_community(read, v[0], v[1]);
    read->odd |= !is_over(text);
}

static void read_large(struct route_read *read, const char *text)
{
    uint32_t v[3];
    while (take_tuple(&text, v, 3))
        route_read_large(read, v);
    read->odd |= !is_over(text);
}

static void read_path(struct route_read *read, const char *text)
{
    uint32_t as;
    while (take_number(&text, &as))
        route_read_as(read, as);
    read->odd |= !is_over(text);
}

static void read_next_hop(struct route_read *read, const char *text)
{
    char word[IP_TEXT_MAX];
    read->has_next_hop =
        take_word(&text, word, sizeof word) && ip_parse(&read->next_hop, word) == 0;
    read->odd |= !read->has_next_hop;
}

static void read_list(struct bird_route *route, const char *text)
{
    if (route->list == BIRD_COMMUNITIES)
        read_communities(&route->read, text);
    else if (route->list == BIRD_LARGE)
        read_large(&route->read, text);
}

static void read_attribute(struct bird_route *route, const char *text)
{
    struct slice in = slice_str(text);
    if (slice_take(&in, "\t\t")) { /* a list goes on */
        read_list(route, (const char *)in.p);
        return;
    }
    route->list = BIRD_NO_LIST;
    if (!slice_take(&in, "\tBGP."))
        return;
    if (slice_take(&in, "as_path:")) {
        read_path(&route->read, (const char *)in.p);
    } else if (slice_take(&in, "med:")) {
        const char *number = (const char *)in.p;
        route->read.has_med = take_number(&number, &route->read.med);
    } else if (slice_take(&in, "next_hop:")) {
        read_next_hop(&route->read, (const char *)in.p);
    } else if (slice_take(&in, "community:")) {
        route->list = BIRD_COMMUNITIES;
        read_list(route, (const char *)in.p);
    } else if (slice_take(&in, "large_community:")) {
        route->list = BIRD_LARGE;
        read_list(route, (const char *)in.p);
    }
}

void bird_route_feed(struct bird_route *route, const struct bird_line *line,
                     const struct ip_prefix *prefix)
{
    struct ip_prefix found;
    if (line->code == BIRD_ROUTE && bird_prefix_read(&found, line->text))
        route->present |= ip_prefix_equal(&found, prefix);
    else if (line->code == BIRD_ATTRIBUTES)
        read_attribute(route, line->text);
}
