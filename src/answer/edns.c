/* SPDX-License-Identifier: Apache-2.0
 * The options of the OPT that few queries ask for. */
#include "answer/edns.h"

#define EDE_LEN 2 /* INFO-CODE, no text */

struct edns_options edns_add_cookie(struct edns_options o, const struct cookie *cookie)
{
    if (cookie->state == COOKIE_NONE)
        return o;
    o.what |= EDNS_WITH_COOKIE;
    o.len += EDNS_OPTION_LEN + COOKIE_LEN;
    return o;
}

struct edns_options edns_choose_rare(struct edns_options o, const struct reply *r)
{
    const struct query *q = r->query;
    o = edns_add_cookie(o, &r->cookie);
    if (q->rcode != RCODE_NOERROR)
        return o;
    if (q->keepalive && r->packet->tcp) {
        o.what |= EDNS_WITH_KEEPALIVE;
        o.len += EDNS_OPTION_LEN + 2;
    }
    if (q->nsid && r->snapshot->identity.n)
        o.what |= EDNS_WITH_NSID;
    return o;
}

struct edns_options edns_add_error(struct edns_options o, const struct reply *r)
{
    if (!o.len || r->end - r->p < EDNS_OPTION_LEN + EDE_LEN)
        return o;
    o.what |= EDNS_WITH_ERROR;
    o.len += EDNS_OPTION_LEN + EDE_LEN;
    return o;
}

static uint8_t *put_bytes(uint8_t *p, uint16_t code, const void *data, uint32_t n)
{
    p = edns_put_option(p, code, n);
    memcpy(p, data, n);
    return p + n;
}

/* Whether there is room for the NSID besides what o.len says. */
static bool nsid_fits(const struct reply *r, struct edns_options o)
{
    uint32_t taken = o.what & EDNS_WITH_ERROR ? EDNS_OPTION_LEN + EDE_LEN : 0;
    return taken + EDNS_OPTION_LEN + (size_t)r->snapshot->identity.n <= (size_t)(r->end - r->p);
}

uint8_t *edns_put_rare(const struct reply *r, struct edns_options o, uint8_t *p)
{
    if (o.what & EDNS_WITH_COOKIE)
        p = put_bytes(p, EDNS_COOKIE, r->cookie.bytes, COOKIE_LEN);
    if (o.what & EDNS_WITH_KEEPALIVE) {
        p = edns_put_option(p, EDNS_TCP_KEEPALIVE, 2);
        store_u16(p, r->ctx->keepalive_100ms);
        p += 2;
    }
    if (o.what & EDNS_WITH_ERROR) {
        p = edns_put_option(p, EDNS_ERROR, EDE_LEN);
        store_u16(p, r->ede);
        p += EDE_LEN;
    }
    if ((o.what & EDNS_WITH_NSID) && nsid_fits(r, o)) {
        const struct slice *identity = &r->snapshot->identity;
        p = put_bytes(p, EDNS_NSID, identity->p, identity->n);
        store_u16(r->p + EDNS_OPT_LEN - 2, (uint16_t)(p - r->p - EDNS_OPT_LEN));
    }
    return p;
}
