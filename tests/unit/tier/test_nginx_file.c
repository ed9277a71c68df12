/* SPDX-License-Identifier: Apache-2.0
 * The file with an upstream: what is written, what is read back, and what is none of ours. */
#include "tier/nginx_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tier config = {.name = "edge",
                             .type = TIER_NGINX,
                             .file = "/etc/nginx/upstreams/web.conf",
                             .nginx = {.upstream = "web"}};
static struct tier_member members[] = {{.key = "web/ams/web1"}, {.key = "web/ams/web2"}};
static struct tier_spec spec = {
    .config = &config, .name = "edge", .pool = "web", .members = members, .n_members = 2};

static struct tier_row *add(struct tier_table *table, const char *addr, enum serves serves,
                            uint16_t weight)
{
    uint32_t n = (uint32_t)table->rows.n;
    struct tier_row *row = vec_push(&table->rows);
    row->port = 80;
    assert_int_equal(ip_port_parse(&row->addr, &row->port, addr), 0);
    row->member = n < 2 ? n : MODEL_NONE;
    row->target = (struct serving){(uint8_t)serves, weight};
    return row;
}

static char *written(const struct tier_table *table, uint32_t *n)
{
    struct buf out = {0};
    *n = nginx_file_write(&out, &spec, "ams1", table);
    return out.p;
}

static void says_each_state_as_the_table_has_it(void **state)
{
    (void)state;
    static const struct {
        enum serves serves;
        uint16_t weight;
        const char *text; /* NULL: left out */
    } of[] = {{SERVES_READY, 100, "weight=100;"}, {SERVES_READY, 256, "weight=256;"},
              {SERVES_READY, 1, "weight=1;"},     {SERVES_READY, 0, "down;"},
              {SERVES_DRAIN, 0, "down;"},         {SERVES_DOWN, 0, "down;"},
              {SERVES_MAINT, 0, "down;"},         {SERVES_UNKNOWN, 0, "down;"},
              {SERVES_DRAIN, 7, "down;"},         {SERVES_GONE, 0, NULL}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct tier_table table = {0};
        uint32_t n;
        char line[64];
        add(&table, "192.0.2.1", of[i].serves, of[i].weight);
        char *text = written(&table, &n);
        snprintf(line, sizeof line, "    server 192.0.2.1:80 %s # web/ams/web1\n",
                 of[i].text ? of[i].text : "");
        assert_int_equal(n, of[i].text ? 1 : 0);
        if (of[i].text)
            assert_non_null(strstr(text, line));
        else
            assert_null(strstr(text, "server"));
        free(text);
        vec_free(&table.rows);
    }
}

static void leaves_what_is_unknown_as_it_was_seen(void **state)
{
    (void)state;
    struct tier_table table = {0};
    uint32_t n;
    struct tier_row *row = add(&table, "192.0.2.1", SERVES_UNKNOWN, 0);
    row->present = true;
    row->seen.serving = (struct serving){SERVES_READY, 33};
    char *text = written(&table, &n);
    assert_non_null(strstr(text, "weight=33;"));
    free(text);
    vec_free(&table.rows);
}

static void is_this_text(void **state)
{
    (void)state;
    struct tier_table table = {0};
    uint32_t n;
    add(&table, "192.0.2.1", SERVES_READY, 100);
    add(&table, "[2001:db8::1]:8080", SERVES_DRAIN, 0);
    char *text = written(&table, &n);
    assert_int_equal(n, 2);
    assert_string_equal(text, "# loadstar node=ams1 tier=edge sum=d453f671b8849812; written by "
                              "loadstard, edits are undone\n"
                              "upstream web {\n"
                              "    include \"/etc/nginx/upstreams/web.conf.d/*.conf\";\n"
                              "    server 192.0.2.1:80 weight=100; # web/ams/web1\n"
                              "    server [2001:db8::1]:8080 down; # web/ams/web2\n"
                              "}\n");
    struct nginx_file file;
    nginx_file_read(&file, slice_str(text), "ams1");
    assert_int_equal(file.owner, MARK_OURS);
    assert_true(slice_equal(file.upstream, slice_str("web")));
    assert_int_equal(file.servers.n, 2);
    assert_int_equal(file.servers.v[0].weight, 100);
    assert_int_equal(file.servers.v[1].weight, 0);
    assert_int_equal(file.servers.v[1].port, 8080);
    assert_int_equal(file.servers.v[1].addr.family, IP_V6);
    nginx_file_free(&file);
    free(text);
    vec_free(&table.rows);
}

static void lets_nothing_out_of_a_comment(void **state)
{
    (void)state;
    static const char *const keys[] = {"web/ams/x\n}\nserver { listen 80; }",
                                       "web/ams/\r\nx",
                                       "\"';{}#\\",
                                       "\xe2\x80\xa8"
                                       "server 1;",
                                       "\x9b[2J",
                                       ""};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct tier_table table = {0};
        uint32_t n;
        members[0].key = keys[i];
        add(&table, "192.0.2.1", SERVES_READY, 1);
        struct tier_row *left = add(&table, "192.0.2.2", SERVES_DRAIN, 0);
        left->member = MODEL_NONE;
        snprintf(left->name, sizeof left->name, "%s", keys[i]);
        char *text = written(&table, &n);
        uint32_t lines = 0;
        for (const char *p = text; *p; p++) {
            lines += *p == '\n';
            assert_true(*p == '\n' || (uint8_t)*p >= 0x20);
        }
        assert_int_equal(lines, 6);
        assert_null(strstr(text, "\xe2\x80\xa8"));
        struct nginx_file file;
        nginx_file_read(&file, slice_str(text), "ams1");
        assert_int_equal(file.owner, MARK_OURS);
        assert_int_equal(file.servers.n, 2);
        nginx_file_free(&file);
        free(text);
        vec_free(&table.rows);
    }
    members[0].key = "web/ams/web1";
}

static void includes_only_by_plain_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool includes;
    } of[] = {{"/etc/nginx/a.conf", true}, {"/etc/a b.conf", false},  {"/etc/a\".conf", false},
              {"/etc/a*.conf", false},     {"/etc/a$b.conf", false},  {"web.conf", false},
              {"/etc/[a].conf", false},    {"/etc/a\n;.conf", false}, {"/etc/{a}.conf", false}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct tier_table table = {0};
        uint32_t n;
        config.file = of[i].path;
        add(&table, "192.0.2.1", SERVES_READY, 1);
        char *text = written(&table, &n);
        assert_int_equal(strstr(text, "include") != NULL, of[i].includes);
        free(text);
        vec_free(&table.rows);
    }
    config.file = "/etc/nginx/upstreams/web.conf";
    assert_true(nginx_name_is_plain("be_web-1.x"));
    assert_false(nginx_name_is_plain(""));
    assert_false(nginx_name_is_plain("a b"));
    assert_false(nginx_name_is_plain("a{"));
    assert_false(nginx_name_is_plain("a\n"));
}

static enum mark_owner owner_of(const char *text, size_t n, const char *node, size_t *servers)
{
    struct nginx_file file;
    nginx_file_read(&file, slice_of(text, n), node);
    enum mark_owner owner = file.owner;
    *servers = file.servers.n;
    nginx_file_free(&file);
    return owner;
}

/* Every byte is under the checksum, the mark itself included. */
static void finds_every_edit(void **state)
{
    (void)state;
    struct tier_table table = {0};
    uint32_t n;
    size_t servers;
    add(&table, "192.0.2.1", SERVES_READY, 100);
    add(&table, "192.0.2.2", SERVES_READY, 100);
    char *text = written(&table, &n);
    size_t size = strlen(text), lead = strlen("# loadstar node=");
    assert_int_equal(owner_of(text, size, "ams1", &servers), MARK_OURS);
    for (size_t i = 0; i < size; i++) {
        char kept = text[i];
        /* The tier's name is news for people, not part of what is checked. */
        bool of_tier = i >= strlen("# loadstar node=ams1 tier=") &&
                       i < strlen("# loadstar node=ams1 tier=edge");
        text[i] = (char)(kept ^ 1);
        enum mark_owner owner = owner_of(text, size, "ams1", &servers);
        if (i < lead)
            assert_int_equal(owner, MARK_NONE);
        else if (i < lead + 4)
            assert_true(owner == MARK_FOREIGN || owner == MARK_NONE);
        else if (!of_tier)
            assert_true(owner == MARK_EDITED || owner == MARK_FOREIGN);
        if (owner != MARK_OURS)
            assert_int_equal(servers, 0);
        text[i] = kept;
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(owner_of(text, cut, "ams1", &servers), MARK_OURS);
    assert_int_equal(owner_of(text, size, "ams2", &servers), MARK_FOREIGN);
    assert_int_equal(owner_of(text, size, "ams", &servers), MARK_FOREIGN);
    free(text);
    vec_free(&table.rows);
}

static void knows_an_empty_file_from_a_strange_one(void **state)
{
    (void)state;
    struct nginx_file file;
    static const char *const empty[] = {"", "\n", " \t\r\n\n"};
    static const char *const strange[] = {"upstream web { server 192.0.2.1; }\n", "# mine\n", "x",
                                          "# loadstar node=\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        nginx_file_read(&file, slice_str(empty[i]), "ams1");
        assert_true(file.empty && file.owner == MARK_NONE);
    }
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        nginx_file_read(&file, slice_str(strange[i]), "ams1");
        assert_true(!file.empty && file.owner == MARK_NONE);
    }
    nginx_file_read(&file, slice_of("\0", 1), "ams1");
    assert_false(file.empty);
}

/* A node may have any name: the mark stays one line, and finds itself. */
static void marks_for_any_node(void **state)
{
    (void)state;
    static const char *const nodes[] = {"ams1", "a b", "x\ny", "%", "\xc3\xa9", "a tier=b sum=c"};
    struct slice rest = slice_str("rest\n");
    char found[MARK_NODE_MAX];
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct buf out = {0};
        mark_add(&out, nodes[i], "t\n", rest);
        assert_int_equal(out.p[out.n - 1], '\n');
        assert_ptr_equal(strchr(out.p, '\n'), out.p + out.n - 1);
        struct slice line = slice_of(out.p, out.n - 1);
        for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++)
            assert_int_equal(mark_read(line, rest, nodes[k], found),
                             i == k ? MARK_OURS : MARK_FOREIGN);
        assert_int_equal(mark_read(line, slice_str("rest"), nodes[i], found), MARK_EDITED);
        buf_free(&out);
    }
}

static void holds_4000_servers(void **state)
{
    (void)state;
    struct tier_table table = {0};
    uint32_t n;
    for (uint32_t i = 0; i < 4000; i++) {
        char addr[32];
        snprintf(addr, sizeof addr, "10.1.%u.%u", i >> 8, i & 255);
        add(&table, addr, i % 7 ? SERVES_READY : SERVES_DOWN, (uint16_t)(1 + i % 256));
    }
    char *text = written(&table, &n);
    assert_int_equal(n, 4000);
    struct nginx_file file;
    nginx_file_read(&file, slice_str(text), "ams1");
    assert_int_equal(file.owner, MARK_OURS);
    assert_int_equal(file.servers.n, 4000);
    for (uint32_t i = 0; i < 4000; i++) {
        assert_int_equal(file.servers.v[i].weight, i % 7 ? 1 + i % 256 : 0);
        assert_true(ip_equal(&file.servers.v[i].addr, &table.rows.v[i].addr));
    }
    nginx_file_free(&file);
    free(text);
    vec_free(&table.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_each_state_as_the_table_has_it),
        cmocka_unit_test(leaves_what_is_unknown_as_it_was_seen),
        cmocka_unit_test(is_this_text),
        cmocka_unit_test(lets_nothing_out_of_a_comment),
        cmocka_unit_test(includes_only_by_plain_paths),
        cmocka_unit_test(finds_every_edit),
        cmocka_unit_test(knows_an_empty_file_from_a_strange_one),
        cmocka_unit_test(marks_for_any_node),
        cmocka_unit_test(holds_4000_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
