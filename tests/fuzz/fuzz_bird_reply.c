/* SPDX-License-Identifier: Apache-2.0
 * What BIRD says: lines, rows and routes of any bytes are read within their bounds; and a file of
 * any bytes is never taken for one that is ours without its mark. */
#include "anycast/bird_file.h"
#include "anycast/bird_reply.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void read_line(struct bird_route *route, const char *text, int *code)
{
    struct bird_line line;
    struct bird_protocol row;
    struct ip_prefix prefix, of;
    CHECK(ip_prefix_parse(&of, "192.0.2.53/32") == 0);
    if (!bird_line_read(&line, text, *code))
        return;
    CHECK(line.text >= text && line.text <= text + strlen(text));
    *code = line.code;
    bird_route_feed(route, &line, &of);
    if (bird_protocol_read(&row, line.text)) {
        CHECK(strlen(row.name) < sizeof row.name && strlen(row.state) < sizeof row.state);
        CHECK(row.info >= line.text && row.info <= line.text + strlen(line.text));
    }
    if (bird_prefix_read(&prefix, line.text))
        CHECK(prefix.len <= ip_bits(&prefix.addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bird_route route = {0};
    char node[MARK_NODE_MAX], *text = malloc(n + 1), *save = NULL;
    struct route_attributes wanted = {0};
    int code = 0;
    bool blank;
    enum mark_owner owner = bird_file_owner(slice_of(data, n), "n", node, &blank);
    CHECK(!blank || owner == MARK_NONE);
    (void)bird_file_has(slice_of(data, n), "loadstar_dns_4");
    memcpy(text, data, n);
    text[n] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        read_line(&route, line, &code);
    const struct route_read *read = &route.read;
    CHECK(read->n_path <= ROUTE_READ_MAX && read->n_communities <= ROUTE_READ_MAX &&
          read->n_large <= ROUTE_READ_MAX);
    (void)route_read_differs(read, &wanted, NULL, 65001, 0);
    free(text);
    return 0;
}
