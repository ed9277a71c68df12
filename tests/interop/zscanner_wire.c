/* SPDX-License-Identifier: Apache-2.0
 * Rdata from text to wire format by Knot's zone scanner (libzscanner):
 *
 *   zscanner_wire ORIGIN <RECORDS
 *
 * A record is a line. For each, a line: `ok TYPE HEX` or `error`. Built by the test that needs it.
 */
#include <libzscanner/scanner.h>

#include <stdio.h>
#include <stdlib.h>

static void print(const zs_scanner_t *s)
{
    printf("ok %u ", s->r_type);
    for (uint32_t i = 0; i < s->r_data_length; i++)
        printf("%02x", s->r_data[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    zs_scanner_t *s = malloc(sizeof *s);
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool ready = false;
    if (argc != 2 || !s)
        return 2;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (!ready && zs_init(s, argv[1], 1, 300) != 0)
            return 2;
        if (zs_set_input_string(s, line, (size_t)n) != 0)
            return 2;
        ready = zs_parse_record(s) == 0 && s->state == ZS_STATE_DATA;
        if (ready)
            print(s);
        else
            puts("error");
        /* what is left of the line may hold an error still; a scanner that saw one starts anew */
        if (!ready || zs_parse_record(s) != 0 || s->state != ZS_STATE_EOF) {
            zs_deinit(s);
            ready = false;
        }
    }
    free(line);
    free(s);
    return 0;
}
