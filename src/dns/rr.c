/* SPDX-License-Identifier: Apache-2.0
 * Rdata as text, and RCODEs. */
#include "dns/rr.h"

#include "base/diag.h"
#include "dns/name.h"
#include "dns/rdata.h"

#include <stdio.h>
#include <stdlib.h>

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
