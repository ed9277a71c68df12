/* SPDX-License-Identifier: Apache-2.0
 * Reading a response. */
#include "dns/response.h"

#include "base/arena.h"
#include "base/diag.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <stdlib.h>

#define RECORD_FIXED 10 /* type, class, TTL, length */
#define ECS_SCOPE 3     /* offset in the option: RFC 7871 6 */

/* A name at *at, pointers followed (each to a place before it: RFC 1035 4.1.4). Returns its length;
 * 0 when it is none. Moves *at behind it. */
static unsigned read_name(struct slice message, uint32_t *at, uint8_t out[NAME_WIRE_MAX])
{
    uint32_t p = *at, before = *at;
    unsigned n = 0;
    bool jumped = false;
    for (;;) {
        uint8_t label = p < message.n ? message.p[p] : UINT8_MAX;
        if (label >= 0xc0 && p + 1 < message.n) {
            uint32_t to = load_u16(message.p + p) & 0x3fffu;
            if (to >= before)
                return 0;
            *at = jumped ? *at : p + 2;
            jumped = true;
            p = before = to;
            continue;
        }
        if (label > LABEL_MAX || n + label + 1 > NAME_WIRE_MAX || p + label >= message.n)
            return 0;
        memcpy(out + n, message.p + p, label + 1u);
        n += label + 1u;
        p += label + 1u;
        if (label == 0)
            break;
    }
    *at = jumped ? *at : p;
    return n;
}

/* Rdata with its names written out: only those of RFC 1035 types can be compressed. */
static bool read_rdata(struct response_record *out, struct slice message, uint32_t at, uint32_t end)
{
    const struct rdata_form *form = rdata_form(out->type);
    struct slice upto = slice_of(message.p, end);
    uint8_t *o = out->rdata;
    if (form && form->compressible) {
        if (end - at < form->name_at)
            return false;
        memcpy(o, message.p + at, form->name_at);
        o += form->name_at;
        at += form->name_at;
        for (unsigned i = 0; i < form->n_names; i++) {
            unsigned n = read_name(upto, &at, o);
            if (n == 0)
                return false;
            o += n;
        }
    }
    memcpy(o, message.p + at, end - at);
    out->rdata_len = (uint32_t)(o - out->rdata) + end - at;
    return true;
}

bool response_next(struct response *r, struct response_record *out)
{
    while (r->section < RESPONSE_END && r->left[r->section] == 0)
        r->section++;
    if (r->section == RESPONSE_END)
        return false;
    r->left[r->section]--;
    out->section = r->section;
    out->owner_len = read_name(r->message, &r->at, out->owner);
    if (out->owner_len == 0 || r->message.n - r->at < RECORD_FIXED)
        return false;
    const uint8_t *fixed = r->message.p + r->at;
    out->type = load_u16(fixed);
    out->ttl_s = load_u32(fixed + 4);
    uint32_t at = r->at + RECORD_FIXED, len = load_u16(fixed + 8);
    if (r->message.n - at < len || !read_rdata(out, r->message, at, at + len))
        return false;
    r->at = at + len;
    return true;
}

static void read_opt(struct response *r, const struct response_record *opt)
{
    struct reader options = reader_of(opt->rdata, opt->rdata_len);
    r->rcode |= opt->ttl_s >> 24 << 4;
    while (!options.bad && reader_left(&options) > 0) {
        uint16_t code = reader_u16(&options), len = reader_u16(&options);
        const uint8_t *value = reader_take(&options, len);
        if (value && code == EDNS_CLIENT_SUBNET && len > ECS_SCOPE)
            r->ecs_scope = value[ECS_SCOPE];
    }
}

int response_read(struct response *r, struct slice message)
{
    *r = (struct response){.message = message, .at = DNS_HEADER_LEN, .ecs_scope = -1};
    uint8_t name[NAME_WIRE_MAX];
    if (message.n < DNS_HEADER_LEN)
        return E_SYNTAX;
    uint16_t flags = load_u16(message.p + 2), questions = load_u16(message.p + 4);
    size_t records = 0, seen = 0;
    r->rcode = flags & 15;
    r->authoritative = flags & FLAG_AA;
    for (unsigned i = 0; i < 3; i++)
        records += r->left[i] = load_u16(message.p + 6 + 2 * i);
    for (; questions > 0; questions--) {
        if (read_name(message, &r->at, name) == 0 || message.n - r->at < 4)
            return E_SYNTAX;
        r->at += 4;
    }
    struct response all = *r;
    struct response_record *record = xmalloc(sizeof *record);
    for (; response_next(&all, record); seen++)
        if (record->type == TYPE_OPT)
            read_opt(r, record);
    free(record);
    return seen == records && all.at == message.n ? 0 : E_SYNTAX;
}
