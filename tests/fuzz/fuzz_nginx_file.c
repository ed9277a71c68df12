/* SPDX-License-Identifier: Apache-2.0
 * Files that were written for nginx and keepalived, as they are found again. Whatever they hold:
 * what is taken for our own is written back as the same bytes, but for comments, names and what an
 * operator's FILE.d adds. The checksum would keep a fuzzer out, so each input is also read with a
 * right mark in front, or behind. */
#include "fuzz.h"
#include "tier/keepalived_file.h"
#include "tier/nginx_file.h"

#include <string.h>

/* What is written for the servers says the same when it is read. */
static void check_servers(const struct nginx_file *file)
{
    struct tier config = {.nginx = {.upstream = "u"}};
    struct tier_spec spec = {.config = &config, .name = "t"};
    struct tier_table table = {0};
    for (size_t i = 0; i < file->servers.n; i++) {
        const struct nginx_server *server = &file->servers.v[i];
        struct tier_row *row = vec_push(&table.rows);
        CHECK(server->port > 0 && server->weight <= TIER_WEIGHT_MAX);
        CHECK(server->addr.family == IP_V4 || server->addr.family == IP_V6);
        row->addr = server->addr;
        row->port = server->port;
        row->member = MODEL_NONE;
        row->target = (struct serving){SERVES_READY, server->weight};
    }
    struct buf text = {0};
    struct nginx_file again;
    CHECK(nginx_file_write(&text, &spec, "n", &table) == file->servers.n);
    nginx_file_read(&again, slice_of(text.p, text.n), "n");
    CHECK(again.owner == MARK_OURS && again.servers.n == file->servers.n);
    for (size_t i = 0; i < again.servers.n; i++) {
        CHECK(ip_equal(&again.servers.v[i].addr, &file->servers.v[i].addr));
        CHECK(again.servers.v[i].port == file->servers.v[i].port);
        CHECK(again.servers.v[i].weight == file->servers.v[i].weight);
    }
    nginx_file_free(&again);
    buf_free(&text);
    vec_free(&table.rows);
}

static void check_upstream(struct slice text)
{
    struct nginx_file file;
    nginx_file_read(&file, text, "n");
    CHECK(strlen(file.node) < MARK_NODE_MAX);
    CHECK(file.owner == MARK_OURS || file.servers.n == 0);
    CHECK(!file.empty || file.owner == MARK_NONE);
    if (file.owner == MARK_OURS)
        check_servers(&file);
    nginx_file_free(&file);
}

static void check_track(struct slice text)
{
    struct track_file file;
    struct buf again = {0};
    track_file_read(&file, text, "n");
    if (file.owner == MARK_OURS) {
        CHECK(file.value >= -254 && file.value <= 254);
        track_file_write(&again, file.value, "n", "t");
        struct track_file back;
        track_file_read(&back, slice_of(again.p, again.n), "n");
        CHECK(back.owner == MARK_OURS && back.value == file.value);
    }
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice text = slice_of(data, n);
    struct buf marked = {0};
    check_upstream(text);
    check_track(text);
    mark_add(&marked, "n", "t", text);
    buf_add(&marked, data, n);
    check_upstream(slice_of(marked.p, marked.n));
    marked.n = 0;
    buf_add(&marked, data, n);
    mark_add(&marked, "n", "t", text);
    check_track(slice_of(marked.p, marked.n));
    buf_free(&marked);
    return 0;
}
