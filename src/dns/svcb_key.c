/* SPDX-License-Identifier: Apache-2.0
 * The keys of SvcParams: what their values are in wire format, and in text behind `KEY=`, escapes
 * undone (RFC 9460 7, 8 and appendix A; RFC 9461, 9540, 9848). */
#include "dns/svcb_key.h"

#include "base/ip.h"
#include "base/vec.h"

#include <stdlib.h>

/* The bytes before the next comma; moves *rest behind it. `more` says whether there was one. */
static struct slice next_item(struct slice *rest, bool *more)
{
    const uint8_t *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    struct slice item = {rest->p, comma ? (uint32_t)(comma - rest->p) : rest->n};
    *more = comma != NULL;
    uint32_t used = item.n + (comma != NULL);
    *rest = slice_of(rest->p + used, rest->n - used);
    return item;
}

/* --- mandatory (RFC 9460 8) --- */

static int by_number(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool read_mandatory(const struct svcb_value *v)
{
    VEC(uint16_t) keys = {0};
    struct slice rest = v->bytes;
    bool more = true, ok = true;
    while (more && ok) {
        int key = svcb_key_of(next_item(&rest, &more));
        ok = key >= 0;
        *vec_push(&keys) = (uint16_t)key;
    }
    qsort(keys.v, keys.n, sizeof *keys.v, by_number);
    for (size_t i = 0; i < keys.n; i++)
        writer_u16(&v->in->w, keys.v[i]);
    vec_free(&keys);
    return ok;
}

static bool check_mandatory(struct slice value)
{
    unsigned last = SVCB_MANDATORY;
    bool ok = value.n > 0 && value.n % 2 == 0;
    for (uint32_t i = 0; ok && i < value.n; i += 2) {
        ok = load_u16(value.p + i) > last;
        last = load_u16(value.p + i);
    }
    return ok;
}

static void print_mandatory(struct buf *out, struct slice value)
{
    for (uint32_t i = 0; i < value.n; i += 2) {
        buf_puts(out, i ? "," : "");
        svcb_print_key(out, load_u16(value.p + i));
    }
}

/* --- alpn (RFC 9460 7.1; appendix A.1: a comma and a backslash in an item are escaped) --- */

static bool read_alpn(const struct svcb_value *v)
{
    const uint8_t *p = v->bytes.p, *end = p + v->bytes.n;
    struct writer *w = &v->in->w;
    for (;;) {
        uint8_t *length = writer_take(w, 1), *first = w->p;
        for (; p < end && *p != ','; p++) {
            if (*p == '\\' && (++p == end || (*p != ',' && *p != '\\')))
                return false;
            writer_u8(w, *p);
        }
        if (!length || w->p == first || w->p - first > UINT8_MAX)
            return false;
        *length = (uint8_t)(w->p - first);
        if (p == end)
            return true;
        p++;
    }
}

static bool check_alpn(struct slice value)
{
    struct reader r = reader_of(value.p, value.n);
    while (reader_left(&r) > 0) {
        uint8_t n = reader_u8(&r);
        if (n == 0 || !reader_take(&r, n))
            return false;
    }
    return value.n > 0;
}

static void print_alpn(struct buf *out, struct slice value)
{
    struct buf list = {0};
    struct reader r = reader_of(value.p, value.n);
    while (reader_left(&r) > 0) {
        uint8_t n = reader_u8(&r);
        const uint8_t *item = reader_take(&r, n);
        buf_puts(&list, list.n ? "," : "");
        for (unsigned i = 0; i < n; i++) {
            if (item[i] == ',' || item[i] == '\\')
                buf_puts(&list, "\\");
            buf_add(&list, &item[i], 1);
        }
    }
    rdata_print_quoted(out, slice_of(list.p, list.n));
    buf_free(&list);
}

/* --- no-default-alpn, ohttp --- */

static bool check_empty(struct slice value)
{
    return value.n == 0;
}

static void print_empty(struct buf *out, struct slice value)
{
    (void)out;
    (void)value;
}

/* --- port (RFC 9460 7.2), tls-supported-groups: numbers of 16 bits --- */

static bool read_port(const struct svcb_value *v)
{
    uint64_t port;
    if (!decimal_parse(v->bytes, UINT16_MAX, &port))
        return false;
    writer_u16(&v->in->w, (uint16_t)port);
    return true;
}

static bool check_port(struct slice value)
{
    return value.n == 2;
}

static void print_port(struct buf *out, struct slice value)
{
    buf_printf(out, "%u", load_u16(value.p));
}

static bool read_groups(const struct svcb_value *v)
{
    struct slice rest = v->bytes;
    bool more = true;
    while (more) {
        uint64_t group;
        if (!decimal_parse(next_item(&rest, &more), UINT16_MAX, &group))
            return false;
        writer_u16(&v->in->w, (uint16_t)group);
    }
    return true;
}

static bool check_groups(struct slice value)
{
    return value.n > 0 && value.n % 2 == 0;
}

static void print_groups(struct buf *out, struct slice value)
{
    for (uint32_t i = 0; i < value.n; i += 2)
        buf_printf(out, "%s%u", i ? "," : "", load_u16(value.p + i));
}

/* --- ipv4hint, ipv6hint (RFC 9460 7.3) --- */

static bool read_hints(const struct svcb_value *v, bool v6)
{
    struct slice rest = v->bytes;
    bool more = true;
    while (more) {
        uint8_t address[16];
        char text[IP_TEXT_MAX];
        struct slice item = next_item(&rest, &more);
        if (item.n == 0 || item.n >= sizeof text)
            return false;
        memcpy(text, item.p, item.n); /* rdata_ipv4() reads on to the byte behind */
        text[item.n] = '\0';
        if (v6 ? !rdata_ipv6(item, address) : !rdata_ipv4(slice_of(text, item.n), address))
            return false;
        writer_bytes(&v->in->w, address, v6 ? 16 : 4);
    }
    return true;
}

static bool read_ipv4hint(const struct svcb_value *v)
{
    return read_hints(v, false);
}

static bool read_ipv6hint(const struct svcb_value *v)
{
    return read_hints(v, true);
}

static bool check_ipv4hint(struct slice value)
{
    return value.n > 0 && value.n % 4 == 0;
}

static bool check_ipv6hint(struct slice value)
{
    return value.n > 0 && value.n % 16 == 0;
}

static void print_ipv4hint(struct buf *out, struct slice value)
{
    for (uint32_t i = 0; i < value.n; i += 4) {
        buf_puts(out, i ? "," : "");
        rdata_print_ipv4(out, value.p + i);
    }
}

static void print_ipv6hint(struct buf *out, struct slice value)
{
    for (uint32_t i = 0; i < value.n; i += 16) {
        buf_puts(out, i ? "," : "");
        rdata_print_ipv6(out, value.p + i);
    }
}

/* --- ech (RFC 9848) --- */

static bool read_ech(const struct svcb_value *v)
{
    return v->bytes.n > 0 && rdata_put_base64(v->in, v->at, v->bytes);
}

static bool check_bytes(struct slice value)
{
    return value.n > 0;
}

static void print_ech(struct buf *out, struct slice value)
{
    rdata_print_base64(out, value);
}

/* --- dohpath (RFC 9461 5): a relative URI template with the variable `dns` --- */

bool svcb_read_bytes(const struct svcb_value *v)
{
    writer_bytes(&v->in->w, v->bytes.p, v->bytes.n);
    return true;
}

static bool is_dns_variable(const uint8_t *p, const uint8_t *end)
{
    bool begins = strchr("{?&/;.+#,", p[-1]) != NULL;
    return begins && end - p > 3 && memcmp(p, "dns", 3) == 0 && strchr(",}:*", p[3]) != NULL;
}

static bool check_dohpath(struct slice value)
{
    bool inside = false, found = false;
    if (value.n == 0 || value.p[0] != '/' || memchr(value.p, '\0', value.n))
        return false;
    for (const uint8_t *p = value.p, *end = p + value.n; p < end; p++) {
        if (*p == '{' || *p == '}') {
            if (inside != (*p == '}'))
                return false;
            inside = *p == '{';
        } else if (inside) {
            found = found || is_dns_variable(p, end);
        }
    }
    return found && !inside;
}

const struct svcb_key svcb_keys[] = {
    {"mandatory", "keys that stand in the record, as alpn,port; not itself", read_mandatory,
     check_mandatory, print_mandatory},
    {"alpn", "protocols of 1 to 255 bytes, as h2,h3", read_alpn, check_alpn, print_alpn},
    {"no-default-alpn", "no value", NULL, check_empty, print_empty},
    {"port", "a number from 0 to 65535", read_port, check_port, print_port},
    {"ipv4hint", "IPv4 addresses, separated by commas", read_ipv4hint, check_ipv4hint,
     print_ipv4hint},
    {"ech", "base64", read_ech, check_bytes, print_ech},
    {"ipv6hint", "IPv6 addresses, separated by commas", read_ipv6hint, check_ipv6hint,
     print_ipv6hint},
    {"dohpath", "a URI template with the variable dns, as /dns-query{?dns}", svcb_read_bytes,
     check_dohpath, rdata_print_quoted},
    {"ohttp", "no value", NULL, check_empty, print_empty},
    {"tls-supported-groups", "numbers of groups, separated by commas", read_groups, check_groups,
     print_groups},
};

int svcb_key_of(struct slice text)
{
    uint64_t x;
    for (size_t i = 0; i < SVCB_KEYS; i++)
        if (strlen(svcb_keys[i].name) == text.n && memcmp(svcb_keys[i].name, text.p, text.n) == 0)
            return (int)i;
    if (text.n < 4 || memcmp(text.p, "key", 3) != 0 || (text.p[3] == '0' && text.n > 4) ||
        !decimal_parse(slice_of(text.p + 3, text.n - 3), SVCB_INVALID - 1, &x))
        return -1;
    return (int)x;
}

void svcb_print_key(struct buf *out, uint16_t key)
{
    if (key < SVCB_KEYS)
        buf_puts(out, svcb_keys[key].name);
    else
        buf_printf(out, "key%u", key);
}
