/* SPDX-License-Identifier: Apache-2.0
 * What IPVS has, from values to a document to text: as ipvsadm 1.31 printed it for the same table
 * of Linux 6.1 (recorded). */
#include "ctl/render.h"
#include "tier/ipvs_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

static const char weights[] =
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
    "TCP  198.51.100.20:80 mh\n"
    "TCP  198.51.100.20:443 wlc persistent 300 mask 255.255.255.0\n"
    "  -> 10.0.0.1:443                 Tunnel  3      0          0         \n"
    "  -> 10.0.0.2:80                  Masq    3      7          12        \n"
    "  -> 10.0.0.3:443                 Tunnel  3      0          0         \n"
    "  -> 10.0.0.4:443                 Route   70000  0          0         \n"
    "UDP  10.0.0.1:53 rr ops\n"
    "SCTP 10.0.0.1:53 rr\n"
    "TCP  [2001:db8::1]:80 wlc persistent 360 mask 64\n"
    "  -> [2001:db8::2]:80             Masq    1      0          0         \n"
    "FWM  10 sh (sh-port)\n"
    "  -> 10.0.0.1:0                   Route   1      0          0         \n"
    "FWM  11 IPv6 rr\n";

static const char stats[] =
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
    "  -> RemoteAddress:Port\n"
    "TCP  198.51.100.20:80                    0        0        0        0        0\n"
    "TCP  198.51.100.20:443                   0        0        0        0        0\n"
    "  -> 10.0.0.1:443                        0        0        0        0        0\n"
    "  -> 10.0.0.2:80                         1       22      333     4444    55555\n"
    "  -> 10.0.0.3:443                        0        0        0        0        0\n"
    "  -> 10.0.0.4:443                        0        0        0        0        0\n"
    "UDP  10.0.0.1:53                         0        0        0        0        0\n"
    "SCTP 10.0.0.1:53                         0        0        0        0        0\n"
    "TCP  [2001:db8::1]:80                    0        0        0        0        0\n"
    "  -> [2001:db8::2]:80                    0        0        0        0        0\n"
    "FWM  10                                  0        0        0        0        0\n"
    "  -> 10.0.0.1:0                          0        0        0        0        0\n"
    "FWM  11 IPv6                             0        0        0        0        0\n";

static struct ipvs_listed *add_service(struct ipvs_list *list, const char *addr, uint16_t port,
                                       uint16_t protocol, const char *scheduler)
{
    struct ipvs_listed *listed = vec_push(&list->services);
    struct ipvs_service *s = &listed->service;
    s->family = IP_V4;
    if (addr) {
        assert_int_equal(ip_parse(&s->addr, addr), 0);
        s->family = s->addr.family;
    }
    s->port = port;
    s->protocol = protocol;
    snprintf(s->scheduler, sizeof s->scheduler, "%s", scheduler);
    return listed;
}

static struct ipvs_dest *add_dest(struct ipvs_listed *listed, const char *addr, uint16_t port,
                                  uint8_t forward, uint32_t weight)
{
    struct ipvs_dest *d = vec_push(&listed->dests);
    assert_int_equal(ip_parse(&d->addr, addr), 0);
    d->port = port;
    d->forward = forward;
    d->weight = weight;
    return d;
}

static struct ipvs_list table(void)
{
    struct ipvs_list list = {.info = {.version = 0x010201, .table_size = 4096}};
    add_service(&list, "198.51.100.20", 80, IPPROTO_TCP, "mh");
    struct ipvs_listed *web = add_service(&list, "198.51.100.20", 443, IPPROTO_TCP, "wlc");
    web->service.flags = IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_HASHED;
    web->service.timeout_s = 300;
    web->service.mask_be = htonl(0xffffff00);
    add_dest(web, "10.0.0.1", 443, IP_VS_CONN_F_TUNNEL, 3);
    struct ipvs_dest *busy = add_dest(web, "10.0.0.2", 80, IP_VS_CONN_F_MASQ, 3);
    busy->active = 7;
    busy->inactive = 12;
    busy->counters = (struct ipvs_counters){1, 22, 333, 4444, 55555};
    struct ipvs_dest *gue = add_dest(web, "10.0.0.3", 443, IP_VS_CONN_F_TUNNEL, 3);
    gue->tunnel = IP_VS_CONN_F_TUNNEL_TYPE_GUE;
    gue->tunnel_port = 6080;
    add_dest(web, "10.0.0.4", 443, IP_VS_CONN_F_DROUTE, 70000);
    add_service(&list, "10.0.0.1", 53, IPPROTO_UDP, "rr")->service.flags = IP_VS_SVC_F_ONEPACKET;
    add_service(&list, "10.0.0.1", 53, IPPROTO_SCTP, "rr");
    struct ipvs_listed *v6 = add_service(&list, "2001:db8::1", 80, IPPROTO_TCP, "wlc");
    v6->service.flags = IP_VS_SVC_F_PERSISTENT;
    v6->service.timeout_s = 360;
    v6->service.mask_be = 64;
    add_dest(v6, "2001:db8::2", 80, IP_VS_CONN_F_MASQ, 1);
    struct ipvs_listed *mark = add_service(&list, NULL, 0, 0, "sh");
    mark->service.fwmark = 10;
    mark->service.flags = IP_VS_SVC_F_SCHED2;
    add_dest(mark, "10.0.0.1", 0, IP_VS_CONN_F_DROUTE, 1);
    struct ipvs_service *mark6 = &add_service(&list, NULL, 0, 0, "rr")->service;
    mark6->fwmark = 11;
    mark6->family = IP_V6;
    return list;
}

static json_t *document_of(const struct ipvs_list *list)
{
    struct buf text = {0};
    ipvs_list_document(&text, list);
    json_t *document = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    buf_free(&text);
    return document;
}

static void as_ipvsadm(void **state)
{
    (void)state;
    struct ipvs_list list = table();
    json_t *document = document_of(&list);
    struct buf out = {0};
    render_ipvs_weights(&out, document);
    assert_string_equal(out.p, weights);
    out.n = 0;
    render_ipvs_stats(&out, document);
    assert_string_equal(out.p, stats);
    buf_free(&out);
    json_decref(document);
    ipvs_list_free(&list);
}

static void document_tells_what_text_does_not(void **state)
{
    (void)state;
    struct ipvs_list list = table();
    json_t *document = document_of(&list);
    const json_t *web = json_array_get(json_object_get(document, "services"), 1);
    const json_t *gue = json_array_get(json_object_get(web, "destinations"), 2);
    const json_t *tunnel = json_object_get(gue, "tunnel");
    assert_string_equal(json_string_value(json_object_get(tunnel, "type")), "gue");
    assert_int_equal(json_integer_value(json_object_get(tunnel, "port")), 6080);
    const json_t *dr = json_array_get(json_object_get(web, "destinations"), 3);
    assert_true(json_is_null(json_object_get(dr, "tunnel")));
    assert_string_equal(json_string_value(json_object_get(dr, "forward")), "dr");
    json_decref(document);
    ipvs_list_free(&list);
}

static void large_counts_have_units(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {
        {99999999, " 99999999"},       {100000000, "  100000K"},       {999999999, "  999999K"},
        {1000000000, "    1000M"},     {99999999999, "   99999M"},     {100000000000, "     100G"},
        {99999999999999, "   99999G"}, {100000000000000, "     100T"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ipvs_list list = {0};
        struct ipvs_service *s = &add_service(&list, "10.0.0.1", 80, IPPROTO_TCP, "rr")->service;
        s->counters.connections = cases[i].n;
        json_t *document = document_of(&list);
        struct buf out = {0};
        render_ipvs_stats(&out, document);
        const char *line = strstr(out.p, "TCP ");
        assert_non_null(line);
        assert_memory_equal(line + 33, cases[i].text, 9);
        buf_free(&out);
        json_decref(document);
        ipvs_list_free(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_ipvsadm),
        cmocka_unit_test(document_tells_what_text_does_not),
        cmocka_unit_test(large_counts_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
