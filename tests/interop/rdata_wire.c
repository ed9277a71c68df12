/* SPDX-License-Identifier: Apache-2.0
 * Rdata from text to wire format, by the server's own reader, for comparison with others'.
 *
 *   rdata_wire ORIGIN <RECORDS
 *
 * A record is a line `OWNER TYPE DATA`. For each, a line: `ok TYPE HEX TEXT`, `error COLUMN
 * MESSAGE`, or `UNSTABLE ...` when what was read does not print as text that reads as the same
 * again. */
#include "base/diag.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t room[RDATA_MAX + RDATA_SLACK], again[RDATA_MAX + RDATA_SLACK];

static int read_data(uint8_t *out, uint16_t type, struct slice text, struct slice origin,
                     struct rdata_error *error)
{
    struct scan scan;
    scan_init(&scan, text, "");
    return rdata_read(out, RDATA_MAX, &scan, type, origin, error);
}

/* Prints `rdata`, after telling whether that is read as the same again. */
static void put(uint16_t type, struct slice rdata)
{
    struct buf text = {0};
    struct rdata_error error;
    rdata_print(&text, type, rdata);
    struct slice printed = slice_of(text.n ? text.p : "", text.n);
    int n = read_data(again, type, printed, slice_of(NULL, 0), &error);
    bool same = n >= 0 && slice_equal(rdata, slice_of(again, (size_t)n));
    printf("%s %u ", same ? "ok" : "UNSTABLE", type);
    for (uint32_t i = 0; i < rdata.n; i++)
        printf("%02x", rdata.p[i]);
    printf(" %s\n", text.n ? text.p : "");
    buf_free(&text);
}

static void convert(char *line, size_t n, struct slice origin)
{
    char *type_at = line + strcspn(line, " \t");
    type_at += strspn(type_at, " \t");
    char *data = type_at + strcspn(type_at, " \t");
    int type = rr_type_from_text(type_at, (size_t)(data - type_at));
    struct slice text = slice_of(data, (size_t)(line + n - data));
    struct rdata_error error = {.text = "unknown type"};
    int len = type < 0 ? E_SYNTAX : read_data(room, (uint16_t)type, text, origin, &error);
    if (len < 0) {
        printf("error %td %s\n", error.at ? error.at - text.p + 1 : 0, error.text);
        return;
    }
    put((uint16_t)type, slice_of(room, (size_t)len));
}

int main(int argc, char **argv)
{
    uint8_t origin[NAME_WIRE_MAX];
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int len = argc == 2 ? name_from_text(origin, argv[1], strlen(argv[1]), slice_of("", 1)) : -1;
    if (len < 0)
        return 2;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[n - 1] == '\n')
            line[--n] = '\0';
        convert(line, (size_t)n, slice_of(origin, (size_t)len));
    }
    free(line);
    return 0;
}
