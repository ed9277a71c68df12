/* SPDX-License-Identifier: Apache-2.0
 * RR types as text. */
#include "dns/rr_type.h"

#include "base/diag.h"
#include "base/digits.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <stdio.h>
#include <strings.h>

/* The N of `TYPEN` (RFC 3597 5), or -1. */
static int generic_type(const char *text, size_t n)
{
    uint64_t type;
    if (n < 5 || n > 9 || strncasecmp(text, "TYPE", 4) != 0 ||
        !decimal_parse(slice_of(text + 4, n - 4), UINT16_MAX, &type))
        return -1;
    return (int)type;
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
