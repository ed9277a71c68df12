/* SPDX-License-Identifier: Apache-2.0
 * RR types and rdata as text. */
#include "dns/rr.h"

#include "base/diag.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The N of `TYPEN` (RFC 3597 5), or -1. */
static int generic_type(const char *text, size_t n)
{
    unsigned type = 0;
    if (n < 5 || n > 9 || strncasecmp(text, "TYPE", 4) != 0)
        return -1;
    for (size_t i = 4; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        type = type * 10 + (unsigned)(text[i] - '0');
    }
    return type <= UINT16_MAX ? (int)type : -1;
}

/* Types of questions and of messages; they are never in a zone. */
static const struct {
    uint16_t type;
    char name[8];
} meta_types[] = {{TYPE_OPT, "OPT"}, {128, "NXNAME"},     {249, "TKEY"},
                  {250, "TSIG"},     {TYPE_IXFR, "IXFR"}, {TYPE_AXFR, "AXFR"},
                  {253, "MAILB"},    {254, "MAILA"},      {TYPE_ANY, "ANY"}};

int rr_type_from_text(const char *text, size_t n)
{
    int type = generic_type(text, n);
    if (type >= 0 || n == 0 || n >= RR_TYPE_TEXT_MAX)
        return type;
    for (size_t i = 0; i < ARRAY_LEN(meta_types); i++)
        if (strlen(meta_types[i].name) == n && strncasecmp(meta_types[i].name, text, n) == 0)
            return meta_types[i].type;
    return rdata_type_of_name(text, n);
}

const char *rr_type_text(char out[RR_TYPE_TEXT_MAX], uint16_t type)
{
    const struct rdata_form *form = rdata_form(type);
    if (form)
        return memcpy(out, form->name, sizeof form->name);
    for (size_t i = 0; i < ARRAY_LEN(meta_types); i++)
        if (meta_types[i].type == type)
            return memcpy(out, meta_types[i].name, sizeof meta_types[i].name);
    (void)snprintf(out, RR_TYPE_TEXT_MAX, "TYPE%u", type);
    return out;
}

static int refuse_line(struct rdata_error *error, const struct scan *scan)
{
    error->at = scan->p;
    (void)snprintf(error->text, sizeof error->text, "a second line, expected none");
    return E_SYNTAX;
}

int rr_rdata_from_text(struct slice *out, struct arena *arena, uint16_t type, const char *text,
                       struct slice origin, const char **why)
{
    struct scan scan;
    struct rdata_error error;
    uint8_t *room = xmalloc(RDATA_MAX + RDATA_SLACK);
    scan_init(&scan, slice_str(text), "");
    int n = rdata_read(room, RDATA_MAX, &scan, type, origin, &error);
    if (n >= 0 && scan.p < scan.end)
        n = refuse_line(&error, &scan);
    if (n >= 0)
        *out = slice_of(arena_copy(arena, room, (size_t)n), (size_t)n);
    else
        *why = arena_strdup(arena, error.text);
    free(room);
    return n < 0 ? n : 0;
}

const char *rr_rdata_text(struct arena *arena, uint16_t type, struct slice rdata)
{
    struct buf text = {0};
    rdata_print(&text, type, rdata);
    const char *copy = arena_strndup(arena, text.n ? text.p : "", text.n);
    buf_free(&text);
    return copy;
}

unsigned rr_rdata_names(uint16_t type, struct slice rdata, uint16_t at[2], bool *compressible)
{
    const struct rdata_form *form = rdata_form(type);
    uint32_t offset = form ? form->name_at : 0;
    unsigned n = 0;
    *compressible = form && form->compressible;
    for (; form && n < form->n_names && offset < rdata.n; n++) {
        int len = name_check(slice_of(rdata.p + offset, rdata.n - offset));
        if (len < 0)
            break;
        at[n] = (uint16_t)offset;
        offset += (uint32_t)len;
    }
    return n;
}

const char *rcode_text(unsigned rcode)
{
    static const char *const names[] = {
        "NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",   "REFUSED",
        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",  "DSOTYPENI",
        NULL,       NULL,      NULL,       NULL,       "BADVERS",  "BADKEY",
        "BADTIME",  "BADMODE", "BADNAME",  "BADALG",   "BADTRUNC", "BADCOOKIE",
    };
    const char *name = rcode < ARRAY_LEN(names) ? names[rcode] : NULL;
    return name ? name : "unknown";
}
