/* SPDX-License-Identifier: Apache-2.0
 * Facts into the bytes of a page. */
#include "ctl/page_write.h"

#include "base/buf.h"
#include "base/give_way.h"
#include "base/hash.h"
#include "config/suggest.h"
#include "control/json.h"
#include "ctl/action_parts.h"
#include "ctl/documents.h"
#include "ctl/drain.h"
#include "ctl/explain.h"
#include "ctl/explain_set.h"
#include "dns/rr.h"
#include "out/anycast_facts.h"
#include "out/events.h"
#include "out/metrics.h"
#include "out/tier_facts.h"

#include <stdio.h>
#include <stdlib.h>

#define DIGEST_PIECE (256u << 10)

bool page_needs_the_loop(const struct ctl_request *request)
{
    return request->command == CTL_EXPLAIN || request->command == CTL_EVENTS ||
           request->command == CTL_DRAIN;
}

bool page_needs_states(const struct ctl_request *request)
{
    return request->command != CTL_TIERS && request->command != CTL_ANYCAST &&
           request->command != CTL_RTT;
}

/* Each returns the document, or NULL with a code and the reason in `error`. */

static json_t *write_endpoints(const struct facts *f, const struct ctl_request *request, int *code,
                               char *error)
{
    const struct window window = {request->from, request->limit};
    uint32_t pool = MODEL_NONE;
    if (request->pool[0])
        pool = model_find_pool(f->generation->model, request->pool);
    if (!request->pool[0] || pool != MODEL_NONE)
        return document_endpoints(f, pool, &window);
    snprintf(error, EXPLAIN_ERROR_MAX, "there is no pool \"%.100s\"", request->pool);
    *code = E_NOTFOUND;
    return NULL;
}

static json_t *write_explain(const struct facts *f, const struct ctl_request *request, int *code,
                             char *error)
{
    const char *type = request->type[0] ? request->type : "A";
    if (explain_is_of_set(f, request->name))
        return explain_set_document(f, request->name, code, error);
    int number = rr_type_from_text(type, strlen(type));
    *code = E_INVALID;
    if (!f->ready) {
        snprintf(error, EXPLAIN_ERROR_MAX, "loadstard is starting: nothing is answered yet");
        return NULL;
    }
    if (number < 0) {
        *code = E_SYNTAX;
        snprintf(error, EXPLAIN_ERROR_MAX, "type: \"%s\" is no RR type", type);
        return NULL;
    }
    struct explain_question question = {request->name, (uint16_t)number, request->address,
                                        request->ecs};
    return explain_document(f, &question, error);
}

static const char *tier_name(const void *words, uint32_t i)
{
    return ((const struct tier *)words)[i].name;
}

static json_t *write_tiers(const struct facts *f, const struct ctl_request *request, int *code,
                           char *error)
{
    const struct window window = {request->from, request->limit};
    const struct model *m = f->generation->model;
    if (!request->name[0] || tier_facts_find(&f->tiers, request->name))
        return document_tiers(f, request->name, request->diff, &window);
    const char *meant = suggest_nearest(request->name, tier_name, m->tiers, m->n_tiers);
    snprintf(error, EXPLAIN_ERROR_MAX, "there is no tier \"%.100s\"%s%.60s%s", request->name,
             meant ? ", did you mean " : "", meant ? meant : "", meant ? "?" : "");
    *code = E_NOTFOUND;
    return NULL;
}

static json_t *write_anycast(const struct facts *f, const struct ctl_request *request, int *code,
                             char *error)
{
    const struct window window = {request->from, request->limit};
    if (!request->name[0] || anycast_facts_find(&f->anycast, request->name))
        return document_anycast(f, request->name, &window);
    action_explain_set(error, f->generation->model, request->name);
    *code = E_NOTFOUND;
    return NULL;
}

static json_t *write_drain(const struct facts *f, const struct ctl_request *request, int *code,
                           char *error)
{
    struct arena *arena = arena_new();
    struct drain drain;
    *code = drain_look(&drain, arena, f, request->target, error);
    json_t *document = *code ? NULL : drain_document(&drain, request->target);
    arena_free(arena);
    return document;
}

static json_t *write_events(const struct ctl_request *request)
{
    uint64_t after = request->after;
    if (after == UINT64_MAX)
        after = events_before_newest(request->limit);
    return document_events(after, request->limit);
}

static json_t *write_document(const struct facts *f, const struct ctl_request *request, int *code,
                              char *error)
{
    const struct window window = {request->from, request->limit};
    switch (request->command) {
    case CTL_STATUS:
        return document_status(f);
    case CTL_POOLS:
        return document_pools(f, &window);
    case CTL_ENDPOINTS:
        return write_endpoints(f, request, code, error);
    case CTL_SITES:
        return document_sites(f, &window);
    case CTL_CHECKS:
        return document_checks(f, &window);
    case CTL_ORDERS:
        return document_orders(f);
    case CTL_TIERS:
        return write_tiers(f, request, code, error);
    case CTL_RTT:
        return document_rtt(f, &window);
    case CTL_ANYCAST:
        return write_anycast(f, request, code, error);
    case CTL_DRAIN:
        return write_drain(f, request, code, error);
    case CTL_EVENTS:
        return write_events(request);
    case CTL_EXPLAIN:
        return write_explain(f, request, code, error);
    case CTL_GEO:
        return document_geo(f, &request->address);
    default:
        *code = E_INVALID;
        snprintf(error, EXPLAIN_ERROR_MAX, "this command reads nothing");
        return NULL;
    }
}

static uint64_t digest(const char *p, size_t n)
{
    uint64_t hash = n;
    while (n) {
        uint32_t piece = n < DIGEST_PIECE ? (uint32_t)n : DIGEST_PIECE;
        hash = hash_bytes(hash, (const uint8_t *)p, piece);
        p += piece;
        n -= piece;
        give_way_pause();
    }
    return hash;
}

void page_make(struct page_made *made, const struct facts *f, const struct ctl_request *request)
{
    *made = (struct page_made){0};
    made->document = write_document(f, request, &made->code, made->error);
    made->code = made->document ? 0 : made->code;
}

void page_write_made(struct page_text *out, struct page_made *made)
{
    *out = (struct page_text){.code = made->code};
    if (made->document) {
        out->bytes = json_print(made->document, JSON_COMPACT, &out->n);
        json_decref(made->document);
        made->document = NULL;
        out->bytes = xrealloc(out->bytes, out->n + 1);
        out->bytes[out->n++] = '\n';
    } else {
        out->bytes = xstrdup(made->error);
        out->n = strlen(made->error);
    }
    out->digest = digest(out->bytes, out->n);
}

void page_write(struct page_text *out, const struct facts *f, const struct ctl_request *request)
{
    struct buf text = {0};
    struct page_made made;
    if (request) {
        page_make(&made, f, request);
        page_write_made(out, &made);
        return;
    }
    metrics_text(&text, f);
    *out = (struct page_text){.bytes = text.p, .n = text.n, .digest = digest(text.p, text.n)};
}
