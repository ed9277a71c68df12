/* SPDX-License-Identifier: Apache-2.0
 * SvcParams of SVCB and HTTPS (RFC 9460 2.1, 2.2, appendix A).
 *
 * In wire format: key, length, value, keys in strictly ascending order. In text: KEY, KEY=VALUE or
 * KEY="VALUE" in any order; a value is a character-string whose escapes are undone first, and then,
 * in `alpn`, a list with escapes of its own. */
#include "base/vec.h"
#include "dns/svcb_key.h"

#include <stdlib.h>

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
    return rdata_fail(in->error, at, "'%s' has a wrong value, expected %s", svcb_keys[key].name,
                      svcb_keys[key].expected);
}

/* The value behind `KEY=`, which may be in quotes that follow at once. */
static bool read_value(struct rdata_in *in, struct word value, int key, bool generic)
{
    struct svcb_value v = {in, value.p, {0}};
    uint32_t n;
    if (value.n == 0 && *in->scan->p == '"' && !rdata_word(in, &value, "a value"))
        return false;
    uint8_t *bytes = rdata_unescaped(in, &value, &n);
    if (!bytes)
        return false;
    v.bytes = slice_of(bytes, n);
    bool known = (size_t)key < SVCB_KEYS && !generic;
    bool (*read)(const struct svcb_value *) = known ? svcb_keys[key].read : svcb_read_bytes;
    bool ok = read ? read(&v) : n == 0;
    free(bytes);
    return ok || bad_value(in, v.at, key);
}

static bool read_param(struct rdata_in *in, const struct word *word, params *list)
{
    const uint8_t *equals = memchr(word->p, '=', word->n);
    struct slice name = slice_of(word->p, equals ? (size_t)(equals - word->p) : word->n);
    int key = word->quoted ? -1 : svcb_key_of(name);
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
    if ((size_t)key < SVCB_KEYS && !svcb_keys[key].check(value))
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
    if (key == SVCB_INVALID)
        return rdata_fail(walk->error, at, "key 65535 is reserved, expected 0 to 65534");
    if (key <= *last)
        return rdata_fail(walk->error, at, "key %u after key %d, expected ascending order", key,
                          *last);
    if (key < SVCB_KEYS && !svcb_keys[key].check(slice_of(p, n)))
        return rdata_fail(walk->error, at, "'%s' has a wrong value, expected %s",
                          svcb_keys[key].name, svcb_keys[key].expected);
    if (key == SVCB_NO_DEFAULT_ALPN && *last != SVCB_ALPN)
        return rdata_fail(walk->error, at, "'no-default-alpn' without 'alpn', expected both");
    if (key == SVCB_MANDATORY)
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
    svcb_print_key(&name, load_u16(mandatory.p));
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
        svcb_print_key(out, key);
        if (n > 0)
            buf_puts(out, "=");
        if (key < SVCB_KEYS)
            svcb_keys[key].print(out, value);
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
