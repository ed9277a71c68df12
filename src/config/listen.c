/* SPDX-License-Identifier: Apache-2.0
 * Addresses to listen on, and those that no host can have. Whether this host has an address now is
 * not asked here: it may come later, see io/workers.h. */
#include "config/parts.h"

#define DNS_PORT 53

/** Kinds of addresses that nothing can be listened on, whatever the host. */
static const struct {
    struct ip_prefix within;
    const char *why; /* what it is, and what was expected */
} unusable[] = {
    {{{.family = IP_V4, .b = {0}}, 8},
     "no host has an address in 0.0.0.0/8; 0.0.0.0 itself is every IPv4 address"},
    {{{.family = IP_V4, .b = {224}}, 4},
     "a multicast address, expected one of a host, or 0.0.0.0 for every IPv4 address"},
    {{{.family = IP_V4, .b = {255, 255, 255, 255}}, 32},
     "the broadcast address, expected one of a host, or 0.0.0.0 for every IPv4 address"},
    {{{.family = IP_V6, .b = {0xff}}, 8},
     "a multicast address, expected one of a host, or [::] for every IPv6 address"},
    {{{.family = IP_V6, .b = {0xfe, 0x80}}, 10},
     "a link-local address, which means nothing without its interface: [::] takes queries to it, "
     "too"},
};

const char *listen_unusable(struct arena *arena, const struct ip *addr)
{
    static const uint8_t zero[16];
    char text[IP_TEXT_MAX];
    struct ip v4;
    unsigned before;
    if (memcmp(addr->b, zero, sizeof zero) == 0)
        return NULL;
    if (addr->family == IP_V6 && ip_embedded_v4(addr, &v4, &before) && before == 96 &&
        memcmp(addr->b, zero, 10) == 0)
        return arena_printf(arena, "an IPv4 address within an IPv6 one, expected %s",
                            ip_text(text, &v4));
    for (size_t i = 0; i < ARRAY_LEN(unusable); i++)
        if (ip_in_prefix(addr, &unusable[i].within))
            return unusable[i].why;
    return NULL;
}

static bool all_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_host_name(const char *text)
{
    static const char usable[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return text[strspn(text, usable)] == '\0' && text[strspn(text, "0123456789.")] != '\0';
}

/* What is wrong with a text that is no ADDRESS:PORT, if that can be told, or NULL. */
static const char *listen_slip(struct arena *arena, const char *text)
{
    const char *close = strchr(text, ']'), *colon = strrchr(close ? close : text, ':');
    const char *port = colon ? colon + 1 : text;
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    const char *host = arena_strndup(arena, text, n);
    struct ip ip;
    if (colon ? n == 0 || strcmp(host, "*") == 0 : all_digits(text))
        return arena_printf(arena,
                            "a port without an address, expected one before it: 0.0.0.0:%s for "
                            "every IPv4 address, or [::]:%s",
                            port, port);
    if (is_host_name(host))
        return arena_printf(arena, "'%s' is a name, expected an address", host);
    if (!colon || (close ? colon != close + 1 : !!strchr(host, ':') || ip_parse(&ip, host) != 0))
        return NULL;
    return arena_printf(arena,
                        all_digits(port) ? "port %s, expected 1 to 65535"
                                         : "port '%s', expected a number from 1 to 65535",
                        port);
}

bool listen_read(struct load *load, const struct yaml_node *node, const char *what,
                 const char *expected, struct ip *addr, uint16_t *port)
{
    const char *text = schema_scalar(load, node, what, expected);
    const char *key = strchr(what, '\'');
    if (!text)
        return false;
    if (strchr(text, '%')) {
        load_expected(load, node, key,
                      "%s without a zone (%%): [::] takes queries to link-local addresses, too",
                      expected);
        return false;
    }
    if (ip_port_parse(addr, port, text) != 0 || *port == 0) {
        const char *slip = listen_slip(load->scratch, text);
        if (slip)
            diag_error(load->diags, node->span, "%s is '%s': %s", key, text, slip);
        else
            load_expected(load, node, key, "%s", expected);
        return false;
    }
    const char *why = listen_unusable(load->scratch, addr);
    if (why)
        diag_error(load->diags, node->span, "%s is '%s': %s", key, text, why);
    return !why;
}

static void read_one(struct load *load, const struct yaml_node *node, struct listen_addr *out)
{
    struct listen_addr l = {.span = node->span, .port = DNS_PORT};
    bool ok = listen_read(load, node, "an item of 'listen'", "ADDRESS, ADDRESS:PORT or [IPV6]:PORT",
                          &l.addr, &l.port);
    *out = ok ? l : (struct listen_addr){.span = node->span};
}

static bool same(const struct listen_addr *a, const struct listen_addr *b)
{
    return a->addr.family != IP_NONE && a->port == b->port && ip_equal(&a->addr, &b->addr);
}

static void refuse_repeated(struct load *load, const struct listen_addr *v, uint32_t n)
{
    char text[IP_PORT_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (same(&v[i], &v[j])) {
                diag_error(load->diags, v[i].span, "'listen' has %s twice",
                           ip_port_text(text, &v[i].addr, v[i].port));
                break;
            }
}

void listen_read_list(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct yaml_items items = yaml_items(&node);
    /* An empty list is one: of no address. */
    struct listen_addr *v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    for (uint32_t i = 0; i < items.n; i++)
        read_one(load, items.v[i], &v[i]);
    refuse_repeated(load, v, items.n);
    load->model->server.listen = v;
    load->model->server.n_listen = items.n;
}

void listen_default(struct load *load)
{
    struct listen_addr *v = arena_calloc(load->arena, 2, sizeof *v);
    v[0] = (struct listen_addr){.addr.family = IP_V4, .port = DNS_PORT};
    v[1] = (struct listen_addr){.addr.family = IP_V6, .port = DNS_PORT};
    load->model->server.listen = v;
    load->model->server.n_listen = 2;
}
