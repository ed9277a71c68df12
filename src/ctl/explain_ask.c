/* SPDX-License-Identifier: Apache-2.0
 * The query of an explanation, and its response. */
#include "ctl/explain_ask.h"

#include "base/cursor.h"
#include "ctl/json.h"
#include "dns/types.h"

#include <ldns/ldns.h>
#include <stdio.h>

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

/* The scope in the response's OPT, or -1. */
static int read_scope(const ldns_pkt *response)
{
    const ldns_rdf *options = ldns_pkt_edns_data(response);
    if (options == NULL)
        return -1;
    struct reader r = reader_of(ldns_rdf_data(options), ldns_rdf_size(options));
    while (!r.bad && reader_left(&r) > 0) {
        uint16_t code = reader_u16(&r), len = reader_u16(&r);
        const uint8_t *value = reader_take(&r, len);
        if (value != NULL && code == EDNS_CLIENT_SUBNET && len >= ECS_FIXED)
            return value[3];
    }
    return -1;
}

static void read_response(struct asked *asked)
{
    ldns_pkt *response = NULL;
    asked->ecs_scope = -1;
    if (ldns_wire2pkt(&response, asked->response, asked->response_len) != LDNS_STATUS_OK)
        return;
    asked->rcode = ldns_pkt_get_rcode(response) | (unsigned)ldns_pkt_edns_extended_rcode(response)
                                                      << 4;
    asked->authoritative = ldns_pkt_aa(response);
    asked->ecs_scope = read_scope(response);
    ldns_pkt_free(response);
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

static json_t *text_of(char *owned)
{
    json_t *text = json_text(owned != NULL ? owned : "");
    free(owned);
    return text;
}

static char *rdata_text(const ldns_rr *rr)
{
    ldns_buffer *out = ldns_buffer_new(LDNS_MIN_BUFLEN);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        if (i > 0)
            ldns_buffer_printf(out, " ");
        (void)ldns_rdf2buffer_str(out, ldns_rr_rdf(rr, i));
    }
    char *text = ldns_buffer_export2str(out);
    ldns_buffer_free(out);
    return text;
}

static json_t *record_json(const ldns_rr *rr)
{
    json_t *record = json_object();
    json_object_set_new(record, "name", text_of(ldns_rdf2str(ldns_rr_owner(rr))));
    json_object_set_new(record, "type", text_of(ldns_rr_type2str(ldns_rr_get_type(rr))));
    json_set_int(record, "ttl", ldns_rr_ttl(rr));
    json_object_set_new(record, "rdata", text_of(rdata_text(rr)));
    return record;
}

static void set_records(json_t *document, const char *key, const ldns_rr_list *list)
{
    json_t *records = json_set_array(document, key);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
        json_array_append_new(records, record_json(ldns_rr_list_rr(list, i)));
}

int64_t explain_records(json_t *document, const struct asked *asked)
{
    ldns_pkt *response = NULL;
    int64_t ttl = -1;
    json_t *answers = json_set_array(document, "answers");
    if (ldns_wire2pkt(&response, asked->response, asked->response_len) != LDNS_STATUS_OK)
        return -1;
    const ldns_rr_list *answer = ldns_pkt_answer(response),
                       *authority = ldns_pkt_authority(response);
    set_records(document, "records", answer);
    set_records(document, "authority", authority);
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++)
        json_array_append_new(answers, text_of(rdata_text(ldns_rr_list_rr(answer, i))));
    if (ldns_rr_list_rr_count(answer) > 0)
        ttl = ldns_rr_ttl(ldns_rr_list_rr(answer, ldns_rr_list_rr_count(answer) - 1));
    else if (ldns_rr_list_rr_count(authority) > 0)
        ttl = ldns_rr_ttl(ldns_rr_list_rr(authority, 0));
    ldns_pkt_free(response);
    return ttl;
}
