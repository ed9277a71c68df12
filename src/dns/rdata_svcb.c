/* SPDX-License-Identifier: Apache-2.0
 * SvcParams of SVCB and HTTPS (RFC 9460 2.1, 2.2, 7, 8 and appendix A; RFC 9461, 9540, 9848).
 *
 * In wire format: key, length, value, keys in strictly ascending order. In text: KEY, KEY=VALUE or
 * KEY="VALUE" in any order; a value is a character-string whose escapes are undone first, and then,
 * in `alpn`, a list with escapes of its own. */
#include "dns/rdata_kind.h"

#include "base/ip.h"
#include "base/vec.h"

#include <stdlib.h>

enum { KEY_MANDATORY, KEY_ALPN, KEY_NO_DEFAULT_ALPN, KEY_INVALID = UINT16_MAX };

/* What is read: the value of one key, its escapes undone. */
struct value {
    struct rdata_in *in;
    const uint8_t *at; /* in the text */
    struct slice bytes;
};

struct svc_key {
    char name[24];
    const char *expected;
    bool (*read)(const struct value *v); /* NULL: the key has no value */
    bool (*check)(struct slice value);
    void (*print)(struct buf *out, struct slice value);
};

static int key_of(struct slice text);
static void print_key(struct buf *out, uint16_t key);

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

static bool read_mandatory(const struct value *v)
{
    VEC(uint16_t) keys = {0};
    struct slice rest = v->bytes;
    bool more = true, ok = true;
    while (more && ok) {
        int key = key_of(next_item(&rest, &more));
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
    unsigned last = KEY_MANDATORY;
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
        print_key(out, load_u16(value.p + i));
    }
}

/* --- alpn (RFC 9460 7.1; appendix A.1: a comma and a backslash in an item are escaped) --- */

static bool read_alpn(const struct value *v)
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

static bool read_port(const struct value *v)
{
    uint64_t port;
    if (!rdata_decimal(v->bytes, UINT16_MAX, &port))
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

static bool read_groups(const struct value *v)
{
    struct slice rest = v->bytes;
    bool more = true;
    while (more) {
        uint64_t group;
        if (!rdata_decimal(next_item(&rest, &more), UINT16_MAX, &group))
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

static bool read_hints(const struct value *v, bool v6)
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

static bool read_ipv4hint(const struct value *v)
{
    return read_hints(v, false);
}

static bool read_ipv6hint(const struct value *v)
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

static bool read_ech(const struct value *v)
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

static bool read_bytes(const struct value *v)
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

static const struct svc_key keys[] = {
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
    {"dohpath", "a URI template with the variable dns, as /dns-query{?dns}", read_bytes,
     check_dohpath, rdata_print_quoted},
    {"ohttp", "no value", NULL, check_empty, print_empty},
    {"tls-supported-groups", "numbers of groups, separated by commas", read_groups, check_groups,
     print_groups},
};

/* The number of a key by its name, or of `keyNNNNN` without leading zeros; -1: neither. */
static int key_of(struct slice text)
{
    uint64_t x;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strlen(keys[i].name) == text.n && memcmp(keys[i].name, text.p, text.n) == 0)
            return (int)i;
    if (text.n < 4 || memcmp(text.p, "key", 3) != 0 || (text.p[3] == '0' && text.n > 4) ||
        !rdata_decimal(slice_of(text.p + 3, text.n - 3), KEY_INVALID - 1, &x))
        return -1;
    return (int)x;
}

static void print_key(struct buf *out, uint16_t key)
{
    if (key < ARRAY_LEN(keys))
        buf_puts(out, keys[key].name);
    else
        buf_printf(out, "key%u", key);
}

/* --- all of them --- */

struct param {
    uint16_t key;
    uint32_t at, n; /* in the rdata, from its key on */
    const uint8_t *text;
};
typedef VEC(struct param) params;

static int by_key(const void *a, const void *b)
{
    return ((const struct param *)a)->key - ((const struct param *)b)->key;
}

static bool bad_value(struct rdata_in *in, const uint8_t *at, int key)
{
    return rdata_fail(in->error, at, "'%s' has a wrong value, expected %s", keys[key].name,
                      keys[key].expected);
}

/* The value behind `KEY=`, which may be in quotes that follow at once. */
static bool read_value(struct rdata_in *in, struct word value, int key, bool generic)
{
    struct value v = {in, value.p, {0}};
    uint32_t n;
    if (value.n == 0 && *in->scan->p == '"' && !rdata_word(in, &value, "a value"))
        return false;
    uint8_t *bytes = rdata_unescaped(in, &value, &n);
    if (!bytes)
        return false;
    v.bytes = slice_of(bytes, n);
    bool known = (size_t)key < ARRAY_LEN(keys) && !generic;
    bool (*read)(const struct value *) = known ? keys[key].read : read_bytes;
    bool ok = read ? read(&v) : n == 0;
    free(bytes);
    return ok || bad_value(in, v.at, key);
}

static bool read_param(struct rdata_in *in, const struct word *word, params *list)
{
    const uint8_t *equals = memchr(word->p, '=', word->n);
    struct slice name = slice_of(word->p, equals ? (size_t)(equals - word->p) : word->n);
    int key = word->quoted ? -1 : key_of(name);
    if (key < 0)
        return rdata_expected(in->error, word, in->expected);
    uint8_t *start = in->w.p;
    bool generic = name.n > 3 && memcmp(name.p, "key", 3) == 0;
    writer_u16(&in->w, (uint16_t)key);
    writer_u16(&in->w, 0);
    if (equals) {
        uint32_t skip = name.n + 1;
        if (!read_value(in, (struct word){word->p + skip, word->n - skip, false}, key, generic))
            return false;
    }
    if (in->w.bad)
        return true; /* the caller's caller tells */
    struct slice value = slice_of(start + 4, (size_t)(in->w.p - start - 4));
    store_u16(start + 2, (uint16_t)value.n);
    if ((size_t)key < ARRAY_LEN(keys) && !keys[key].check(value))
        return bad_value(in, word->p, key);
    *vec_push(list) =
        (struct param){(uint16_t)key, (uint32_t)(start - in->start), value.n + 4, word->p};
    return true;
}

/* Puts what was read into ascending order. */
static bool sort_params(struct rdata_in *in, const params *list, uint8_t *from)
{
    size_t n = (size_t)(in->w.p - from), at = (size_t)(from - in->start);
    uint8_t *copy = xmalloc(n + 1), *to = from;
    bool ok = true;
    memcpy(copy, from, n);
    qsort(list->v, list->n, sizeof *list->v, by_key);
    for (size_t i = 0; i < list->n && ok; i++) {
        const struct param *p = &list->v[i];
        memcpy(to, copy + (p->at - at), p->n);
        to += p->n;
        if (i > 0 && p->key == p[-1].key)
            ok = rdata_fail(in->error, p->text > p[-1].text ? p->text : p[-1].text,
                            "the key is there twice, expected it once");
    }
    free(copy);
    return ok;
}

static bool read_svcparams(struct rdata_in *in, struct word *word)
{
    uint8_t *from = in->w.p;
    params list = {0};
    int result = word->n > 0 || word->quoted;
    bool ok = true;
    for (; result > 0 && ok; result = ok ? rdata_next(in, word) : 0)
        ok = read_param(in, word, &list);
    ok = ok && result == 0 && (in->w.bad || list.n == 0 || sort_params(in, &list, from));
    vec_free(&list);
    return ok;
}

/* One key and its value; `mandatory` is what is left of the value of that key: both ascend. */
static bool check_param(struct rdata_walk *walk, int *last, struct slice *mandatory)
{
    const uint8_t *at = walk->r.p;
    uint16_t key = reader_u16(&walk->r), n = reader_u16(&walk->r);
    const uint8_t *p = reader_take(&walk->r, n);
    if (!p)
        return false;
    if (key == KEY_INVALID)
        return rdata_fail(walk->error, at, "key 65535 is reserved, expected 0 to 65534");
    if (key <= *last)
        return rdata_fail(walk->error, at, "key %u after key %d, expected ascending order", key,
                          *last);
    if (key < ARRAY_LEN(keys) && !keys[key].check(slice_of(p, n)))
        return rdata_fail(walk->error, at, "'%s' has a wrong value, expected %s", keys[key].name,
                          keys[key].expected);
    if (key == KEY_NO_DEFAULT_ALPN && *last != KEY_ALPN)
        return rdata_fail(walk->error, at, "'no-default-alpn' without 'alpn', expected both");
    if (key == KEY_MANDATORY)
        *mandatory = slice_of(p, n);
    else if (mandatory->n && load_u16(mandatory->p) == key)
        *mandatory = slice_of(mandatory->p + 2, mandatory->n - 2);
    *last = key;
    return true;
}

static bool check_svcparams(struct rdata_walk *walk)
{
    const uint8_t *at = walk->r.p;
    struct slice mandatory = {0};
    int last = -1;
    while (reader_left(&walk->r) > 0)
        if (!check_param(walk, &last, &mandatory))
            return false;
    if (mandatory.n == 0)
        return true;
    struct buf name = {0};
    print_key(&name, load_u16(mandatory.p));
    rdata_fail(walk->error, at, "'%s' is mandatory, but not there, expected it", name.p);
    buf_free(&name);
    return false;
}

static bool print_svcparams(struct buf *out, struct rdata_walk *walk)
{
    for (bool first = true; reader_left(&walk->r) > 0; first = false) {
        uint16_t key = reader_u16(&walk->r), n = reader_u16(&walk->r);
        struct slice value = slice_of(reader_take(&walk->r, n), n);
        buf_puts(out, first ? "" : " ");
        print_key(out, key);
        if (n > 0)
            buf_puts(out, "=");
        if (key < ARRAY_LEN(keys))
            keys[key].print(out, value);
        else if (n > 0)
            rdata_print_quoted(out, value);
    }
    return true;
}

const struct rdata_kind rdata_kind_SVCPARAMS = {
    .expected = "KEY or KEY=VALUE, as alpn=h2,h3 (alpn, port, ipv4hint, ..., key65280)",
    .may_be_absent = true,
    .read = read_svcparams,
    .check = check_svcparams,
    .print = print_svcparams};
