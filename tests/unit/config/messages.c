/* SPDX-License-Identifier: Apache-2.0
 * Wrong configurations and what must be said about them. */
#include "messages.h"

#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const whole[][2] = {
    {"loadstar.yaml", "geo: {networks: networks.yaml}\npools: pools.yaml\nzones: zones/\n"},
    {"networks.yaml", "192.0.2.0/24: {country: NO}\n"},
    {"pools.yaml", "sites: {ams: {location: [52.31, 4.76]}, iad: {location: [38.95, -77.45]}}\n"
                   "pools: {www: {sites: {ams: [192.0.2.11], iad: [198.51.100.11]}},\n"
                   "        cdn: {sites: {ams: [{cname: a.example}]}}}\n"},
    {"zones/example.com.yaml", "zone: example.com\n"
                               "soa: {mname: ns1, rname: hostmaster}\n"
                               "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n"},
    {"zones/example.org.zone", "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n"
                               "ns1 A 192.0.2.53\n"},
};

static char *load_and_print(int *code)
{
    struct diags diags;
    struct model *model = NULL;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    *code = config_load(&model, "loadstar.yaml", &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_int_equal(*code == 0, diags.n_errors == 0);
    model_free(model);
    diags_free(&diags);
    return text;
}

static void check_case(const struct message_case *c)
{
    int code;
    files_enter();
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        files_write_text(whole[i][0], whole[i][1]);
    files_write_text(c->file, c->text);
    char *printed = load_and_print(&code);
    if (strcmp(printed, c->expected) != 0)
        fail_msg("%s:\n%s\nprinted:\n%s\nexpected:\n%s", c->file, c->text, printed, c->expected);
    free(printed);
    files_leave();
}

void check_messages_crlf(const struct message_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *text = calloc(1, 2 * strlen(cases[i].text) + 1), *out = text;
        for (const char *p = cases[i].text; *p; p++) {
            if (*p == '\n' && (p == cases[i].text || p[-1] != '\r'))
                *out++ = '\r';
            *out++ = *p;
        }
        check_case(&(struct message_case){cases[i].file, text, cases[i].expected});
        free(text);
    }
}

void check_messages(const struct message_case *cases, size_t n)
{
    const struct message_case good = {"loadstar.yaml", whole[0][1], ""};
    check_case(&good);
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}
