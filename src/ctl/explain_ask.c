/* SPDX-License-Identifier: Apache-2.0
 * The query of an explanation, and its response. */
#include "ctl/explain_ask.h"

#include "base/cursor.h"
#include "control/json.h"
#include "dns/rdata.h"
#include "dns/response.h"
#include "dns/rr.h"
#include "dns/types.h"

#include <stdio.h>
#include <stdlib.h>

#define ECS_FIXED 4 /* family, source and scope length */

static void put_ecs(struct writer *w, const struct ip_prefix *ecs)
{
    unsigned bytes = (ecs->len + 7u) / 8;
    writer_u16(w, EDNS_CLIENT_SUBNET);
    writer_u16(w, (uint16_t)(ECS_FIXED + bytes));
    writer_u16(w, ecs->addr.family == IP_V4 ? 1 : 2);
    writer_u8(w, ecs->len);
    writer_u8(w, 0);
    writer_bytes(w, ecs->addr.b, bytes);
}

static uint32_t put_query(uint8_t *out, size_t max, const struct asked *asked)
{
    struct writer w = writer_of(out, max);
    bool edns = asked->ecs.addr.family != IP_NONE;
    uint16_t counts[] = {1, 0, 0, edns};
    writer_u16(&w, 0);
    writer_u16(&w, 0);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        writer_u16(&w, counts[i]);
    writer_bytes(&w, asked->name, asked->name_len);
    writer_u16(&w, asked->type);
    writer_u16(&w, CLASS_IN);
    if (edns) {
        writer_u8(&w, 0);
        writer_u16(&w, TYPE_OPT);
        writer_u16(&w, ANSWER_UDP_MAX);
        writer_u32(&w, 0);
        writer_u16(&w, (uint16_t)(4 + ECS_FIXED + (asked->ecs.len + 7u) / 8));
        put_ecs(&w, &asked->ecs);
    }
    return (uint32_t)(w.p - out);
}

static int read_name(struct asked *asked, const char *text, char error[EXPLAIN_ERROR_MAX])
{
    static const uint8_t root[] = {0};
    int n = name_from_text(asked->name, text, strlen(text), slice_of(root, 1));
    if (n < 0) {
        snprintf(error, EXPLAIN_ERROR_MAX, "name: \"%.100s\" is no domain name%s", text,
                 n == E_RANGE ? ": a label has at most 63 bytes, a name 255" : "");
        return E_SYNTAX;
    }
    asked->name_len = (uint32_t)n;
    name_lower(asked->lower, slice_of(asked->name, asked->name_len));
    return 0;
}

static void read_response(struct asked *asked)
{
    struct response response;
    asked->ecs_scope = -1;
    if (response_read(&response, slice_of(asked->response, asked->response_len)) != 0)
        return;
    asked->rcode = response.rcode;
    asked->authoritative = response.authoritative;
    asked->ecs_scope = response.ecs_scope;
}

int explain_ask(struct asked *asked, const struct snapshot *snapshot,
                const struct explain_question *question, int64_t now_s,
                char error[EXPLAIN_ERROR_MAX])
{
    uint8_t query[512];
    struct answer_ctx ctx = {.now_s = now_s};
    int err = read_name(asked, question->name, error);
    if (err != 0)
        return err;
    asked->type = question->type;
    asked->ecs = question->ecs;
    asked->resolver = question->client;
    if (asked->resolver.family == IP_NONE)
        asked->resolver = (struct ip){{127, 0, 0, 1}, IP_V4};
    rng_init(&ctx.rng);
    struct answer_packet packet = {.query = query,
                                   .query_len = put_query(query, sizeof query, asked),
                                   .response = asked->response,
                                   .response_max = sizeof asked->response,
                                   .source = asked->resolver,
                                   .tcp = true};
    answer_explain(&ctx, snapshot, &packet, &asked->trace);
    asked->response_len = packet.response_len;
    read_response(asked);
    return 0;
}

static const char *rdata_text(struct buf *buf, const struct response_record *r)
{
    buf->n = 0;
    rdata_print(buf, r->type, slice_of(r->rdata, r->rdata_len));
    return buf->p;
}

static json_t *record_json(struct buf *buf, const struct response_record *r)
{
    char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
    json_t *record = json_object();
    json_set_text(record, "name", name_to_text(name, slice_of(r->owner, r->owner_len)));
    json_set_text(record, "type", rr_type_text(type, r->type));
    json_set_int(record, "ttl", r->ttl_s);
    json_set_text(record, "rdata", rdata_text(buf, r));
    return record;
}

int64_t explain_records(json_t *document, const struct asked *asked)
{
    struct response response;
    struct response_record *r = xmalloc(sizeof *r);
    struct buf buf = {0};
    int64_t answer_ttl = -1, authority_ttl = -1;
    json_t *answers = json_set_array(document, "answers");
    json_t *records = json_set_array(document, "records");
    json_t *authority = json_set_array(document, "authority");
    if (response_read(&response, slice_of(asked->response, asked->response_len)) != 0)
        response.section = RESPONSE_END;
    while (response_next(&response, r)) {
        if (r->section == RESPONSE_ANSWER) {
            json_array_append_new(records, record_json(&buf, r));
            json_array_append_new(answers, json_text(rdata_text(&buf, r)));
            answer_ttl = r->ttl_s;
        } else if (r->section == RESPONSE_AUTHORITY) {
            json_array_append_new(authority, record_json(&buf, r));
            authority_ttl = authority_ttl < 0 ? r->ttl_s : authority_ttl;
        }
    }
    buf_free(&buf);
    free(r);
    return answer_ttl >= 0 ? answer_ttl : authority_ttl;
}
