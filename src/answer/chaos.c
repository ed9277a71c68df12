/* SPDX-License-Identifier: Apache-2.0
 * Class CH: who is answering (RFC 4892), and with what. */
#include "answer/reply.h"

#define TXT_MAX 255 /* one character-string */

static const struct slice *text_for(const struct reply *r)
{
    static const struct {
        const char *wire;
        size_t n;
        bool identity;
    } names[] = {
        {"\2id\6server", 11, true},
        {"\10hostname\4bind", 15, true},
        {"\7version\6server", 16, false},
        {"\7version\4bind", 14, false},
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_equal(r->name, slice_of(names[i].wire, names[i].n)))
            return names[i].identity ? &r->snapshot->identity : &r->snapshot->version;
    }
    return NULL;
}

void chaos_answer(struct reply *r)
{
    const struct slice *text = text_for(r);
    uint16_t qtype = r->query->qtype;
    if (!text || text->n == 0 || text->n > TXT_MAX || (qtype != TYPE_TXT && qtype != TYPE_ANY)) {
        r->rcode = RCODE_REFUSED;
        r->authoritative = false;
        return;
    }
    uint8_t *rr = reply_take(r, 2 + RR_FIXED_LEN + 1 + text->n);
    if (!rr)
        return;
    store_u16(rr, OWNER_QUESTION);
    store_u16(rr + 2, TYPE_TXT);
    store_u16(rr + 4, CLASS_CH);
    store_u32(rr + 6, 0);
    store_u16(rr + 10, (uint16_t)(text->n + 1));
    rr[12] = (uint8_t)text->n;
    memcpy(rr + 13, text->p, text->n);
    r->n_answer++;
}
