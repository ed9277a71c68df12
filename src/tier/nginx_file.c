/* SPDX-License-Identifier: Apache-2.0
 * Upstreams of nginx as text. */
#include "tier/nginx_file.h"

#include "base/digits.h"
#include "base/escape.h"

#define SERVER "    server "
#define INCLUDE "    include "

struct serving nginx_shown(struct serving target)
{
    if (target.serves == SERVES_READY && target.weight > 0)
        return target;
    return (struct serving){SERVES_DOWN, 0};
}

/* Bytes that mean nothing to nginx, nor to glob(3). */
static bool is_plain(const char *text, const char *others)
{
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;
        if (!is_digit(c) && (uint8_t)((c | 0x20) - 'a') >= 26 && !strchr(others, c))
            return false;
    }
    return true;
}

bool nginx_name_is_plain(const char *name)
{
    return *name && is_plain(name, "-_.");
}

static void add_server(struct buf *out, const struct tier_spec *spec, const struct tier_row *row)
{
    struct serving serving = row->target;
    char addr[IP_PORT_TEXT_MAX];
    if (serving.serves == SERVES_UNKNOWN && row->present)
        serving = row->seen.serving;
    serving = nginx_shown(serving);
    buf_printf(out, SERVER "%s ", ip_port_text(addr, &row->addr, row->port));
    if (serving.weight > 0)
        buf_printf(out, "weight=%u; # ", serving.weight);
    else
        buf_puts(out, "down; # ");
    /* To the end of the line, so nothing ends the comment but what is escaped. */
    const char *key = row->member < spec->n_members ? spec->members[row->member].key : row->name;
    escape_add(out, slice_str(key));
    buf_puts(out, "\n");
}

uint32_t nginx_file_write(struct buf *out, const struct tier_spec *spec, const char *node,
                          const struct tier_table *table)
{
    struct buf rest = {0};
    uint32_t n = 0;
    const char *path = spec->config->file;
    buf_printf(&rest, "upstream %s {\n", spec->config->nginx.upstream);
    if (path && *path == '/' && is_plain(path, "-_./+,=@:"))
        buf_printf(&rest, INCLUDE "\"%s.d/*.conf\";\n", path);
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->target.serves == SERVES_GONE)
            continue;
        add_server(&rest, spec, row);
        n++;
    }
    buf_puts(&rest, "}\n");
    struct slice made = slice_of(rest.p, rest.n);
    mark_add(out, node, spec->name, made);
    buf_add(out, rest.p, rest.n);
    buf_free(&rest);
    return n;
}

/* --- back --- */

/* The next line without its end; false at the end, or where the last one has none. */
static bool take_line(struct slice *text, struct slice *line)
{
    const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
    if (!end)
        return false;
    *line = slice_of(text->p, (size_t)(end - text->p));
    text->p += line->n + 1;
    text->n -= line->n + 1;
    return true;
}

/* Up to the byte, which is left out. */
static bool take_until(struct slice *in, uint8_t byte, struct slice *out)
{
    const uint8_t *end = in->n ? memchr(in->p, byte, in->n) : NULL;
    if (!end)
        return false;
    *out = slice_of(in->p, (size_t)(end - in->p));
    in->p += out->n + 1;
    in->n -= out->n + 1;
    return true;
}

static bool read_server(struct nginx_server *server, struct slice line)
{
    struct slice addr, word;
    char text[IP_PORT_TEXT_MAX];
    uint64_t weight = 0;
    if (!slice_take(&line, SERVER) || !take_until(&line, ' ', &addr) || addr.n >= sizeof text ||
        memchr(addr.p, '\0', addr.n) || !take_until(&line, ';', &word) || !slice_take(&line, " # "))
        return false;
    memcpy(text, addr.p, addr.n);
    text[addr.n] = '\0';
    *server = (struct nginx_server){0};
    if (ip_port_parse(&server->addr, &server->port, text) != 0 || server->port == 0)
        return false;
    if (!slice_equal(word, slice_str("down")) &&
        (!slice_take(&word, "weight=") || !decimal_parse(word, TIER_WEIGHT_MAX, &weight) ||
         weight == 0))
        return false;
    server->weight = (uint16_t)weight;
    return true;
}

static bool read_upstream(struct nginx_file *file, struct slice text)
{
    struct slice line;
    struct nginx_server server;
    if (!take_line(&text, &line) || !slice_take(&line, "upstream ") ||
        !take_until(&line, ' ', &file->upstream) || !slice_equal(line, slice_str("{")))
        return false;
    bool first = true;
    for (; take_line(&text, &line); first = false) {
        if (slice_equal(line, slice_str("}")))
            return text.n == 0;
        if (first && slice_take(&line, INCLUDE))
            continue;
        if (!read_server(&server, line))
            return false;
        *vec_push(&file->servers) = server;
    }
    return false;
}

static bool is_blank(struct slice text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        if (!strchr(" \t\r\n", text.p[i]) || !text.p[i])
            return false;
    }
    return true;
}

void nginx_file_read(struct nginx_file *file, struct slice text, const char *node)
{
    struct slice line;
    memset(file, 0, sizeof *file);
    file->empty = is_blank(text);
    if (file->empty || !take_line(&text, &line))
        return;
    file->owner = mark_read(line, text, node, file->node);
    if (file->owner == MARK_OURS && !read_upstream(file, text)) {
        vec_free(&file->servers);
        file->owner = MARK_EDITED;
    }
}

void nginx_file_free(struct nginx_file *file)
{
    vec_free(&file->servers);
}
