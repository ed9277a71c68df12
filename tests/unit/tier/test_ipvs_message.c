/* SPDX-License-Identifier: Apache-2.0
 * Messages of IPVS: what a kernel said (recorded from Linux 6.1, tests/fuzz/corpus/ipvs_reply), and
 * what is made of a configuration, read back by the same functions. */
#include "drive/netlink.h"
#include "tier/ipvs_errors.h"
#include "tier/ipvs_message.h"
#include "tier/ipvs_sysctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- recorded ---- */

static _Alignas(struct nlmsghdr) char bytes[8192];
static int n_bytes;

static struct nlmsghdr *load(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/ipvs_reply/%s", srcdir ? srcdir : "../..",
             name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    n_bytes = (int)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    struct nlmsghdr *message = (struct nlmsghdr *)bytes;
    assert_true(nlmsg_ok(message, n_bytes));
    return message;
}

static struct ip addr(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static void recorded_family(void **state)
{
    (void)state;
    struct nlmsghdr *message = load("family");
    assert_int_equal(ipvs_read_family(message), 32);
    message->nlmsg_type = 32;
    assert_int_equal(ipvs_read_family(message), 0);
}

static void recorded_info(void **state)
{
    (void)state;
    struct ipvs_info info;
    assert_true(ipvs_read_info(&info, load("info")));
    assert_int_equal(info.version, 0x010201);
    assert_int_equal(info.table_size, 4096);
    assert_false(ipvs_read_info(&info, load("ack")));
}

static void recorded_services(void **state)
{
    (void)state;
    struct nlmsghdr *message = load("services");
    struct ipvs_service s[4];
    for (unsigned i = 0; i < 4; i++, message = nlmsg_next(message, &n_bytes)) {
        assert_true(nlmsg_ok(message, n_bytes));
        assert_true(ipvs_read_service(&s[i], message));
        struct ipvs_dest dest;
        assert_false(ipvs_read_dest(&dest, message, IP_V4));
    }
    unsigned seen = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (s[i].fwmark) {
            assert_int_equal(s[i].fwmark, 10);
            assert_int_equal(s[i].addr.family, IP_NONE);
            assert_int_equal(s[i].family, IP_V4);
            assert_string_equal(s[i].scheduler, "sh");
            seen |= 1;
        } else if (s[i].family == IP_V6) {
            struct ip expected = addr("2001:db8::1");
            assert_true(ip_equal(&s[i].addr, &expected));
            assert_int_equal(s[i].port, 80);
            assert_string_equal(s[i].scheduler, "mh");
            assert_false(s[i].flags & IP_VS_SVC_F_PERSISTENT);
            seen |= 2;
        } else if (s[i].port == 443) {
            struct ip expected = addr("198.51.100.20");
            assert_true(ip_equal(&s[i].addr, &expected));
            assert_int_equal(s[i].protocol, IPPROTO_TCP);
            assert_true(s[i].flags & IP_VS_SVC_F_PERSISTENT);
            assert_int_equal(s[i].timeout_s, 300);
            assert_int_equal(ntohl(s[i].mask_be), 0xffffff00);
            assert_string_equal(s[i].engine, "");
            seen |= 4;
        } else {
            assert_int_equal(s[i].port, 5060);
            seen |= 8;
        }
    }
    assert_int_equal(seen, 15);
}

static void recorded_dests(void **state)
{
    (void)state;
    struct nlmsghdr *message = load("dests");
    unsigned seen = 0;
    for (; nlmsg_ok(message, n_bytes); message = nlmsg_next(message, &n_bytes)) {
        struct ipvs_dest d;
        assert_true(ipvs_read_dest(&d, message, IP_V4));
        assert_int_equal(d.addr.family, IP_V4);
        assert_int_equal(d.weight, 3);
        assert_true(d.knows_tunnels);
        seen |= 1u << d.addr.b[3];
        switch (d.addr.b[3]) {
        case 1:
            assert_int_equal(d.forward, IP_VS_CONN_F_TUNNEL);
            assert_int_equal(d.tunnel, IP_VS_CONN_F_TUNNEL_TYPE_IPIP);
            assert_int_equal(d.upper, 200);
            assert_int_equal(d.lower, 100);
            assert_int_equal(d.port, 443);
            break;
        case 2:
            assert_int_equal(d.forward, IP_VS_CONN_F_MASQ);
            assert_int_equal(d.port, 80);
            break;
        case 3:
            assert_int_equal(d.tunnel, IP_VS_CONN_F_TUNNEL_TYPE_GUE);
            assert_int_equal(d.tunnel_port, 6080);
            break;
        default:
            fail();
        }
    }
    assert_int_equal(seen, 14);
    struct ipvs_dest d;
    assert_true(ipvs_read_dest(&d, load("dests6"), IP_V4));
    struct ip expected = addr("2001:db8::2");
    assert_true(ip_equal(&d.addr, &expected));
}

/* Every length that is cut, and every byte that is turned, is refused or read: never more. */
static void damaged(void **state)
{
    (void)state;
    static const char *const names[] = {"family", "info", "services", "dests", "dests6", "ack"};
    for (unsigned f = 0; f < 6; f++) {
        struct nlmsghdr *message = load(names[f]);
        uint32_t whole = message->nlmsg_len;
        for (uint32_t n = NLMSG_HDRLEN; n <= whole; n++) {
            char *copy = malloc(n); /* so that a sanitizer sees a read past it */
            memcpy(copy, message, n);
            struct nlmsghdr *cut = (struct nlmsghdr *)copy;
            cut->nlmsg_len = n;
            struct ipvs_service service;
            struct ipvs_dest dest;
            struct ipvs_info info;
            struct netlink_end end;
            (void)ipvs_read_family(cut);
            (void)ipvs_read_service(&service, cut);
            (void)ipvs_read_dest(&dest, cut, IP_V6);
            (void)ipvs_read_info(&info, cut);
            (void)netlink_judge(cut, &end);
            free(copy);
        }
    }
    struct ipvs_service service;
    struct nlmsghdr *message = load("services");
    for (uint32_t i = NLMSG_HDRLEN + GENL_HDRLEN; i < message->nlmsg_len; i++) {
        bytes[i] = (char)(bytes[i] ^ 0x5a);
        if (ipvs_read_service(&service, message)) {
            assert_true(service.family == IP_V4 || service.family == IP_V6);
            assert_true(memchr(service.scheduler, '\0', sizeof service.scheduler));
            assert_true(service.fwmark || service.protocol);
        }
        bytes[i] = (char)(bytes[i] ^ 0x5a);
    }
}

static void names_are_made_fit_to_show(void **state)
{
    (void)state;
    struct nlmsghdr *message = load("services");
    char *p = memmem(bytes, message->nlmsg_len, "wlc", 3);
    assert_non_null(p);
    memcpy(p, "\x1b\nc", 3);
    struct ipvs_service service;
    assert_true(ipvs_read_service(&service, message));
    assert_string_equal(service.scheduler, "??c");
}

/* ---- as configured ---- */

static struct tier tier_of(const char *address, uint16_t port)
{
    struct tier t = {.service = {.port = port, .scheduler = "wlc"}};
    t.service.addr = addr(address);
    t.service.family = t.service.addr.family;
    return t;
}

static void services_as_configured(void **state)
{
    (void)state;
    struct tier t = tier_of("2001:db8::5", 53);
    t.service.protocol = TIER_UDP;
    t.service.persistence_s = 60;
    t.service.persistence_len = 56;
    struct ipvs_service wanted = ipvs_service_of(&t), seen;
    snprintf(wanted.engine, sizeof wanted.engine, "sip");
    struct nl_msg *msg = ipvs_ask(32, IPVS_CMD_SET_SERVICE, false, &wanted, NULL);
    assert_int_equal(nlmsg_hdr(msg)->nlmsg_type, 32);
    assert_true(ipvs_read_service(&seen, nlmsg_hdr(msg)));
    nlmsg_free(msg);
    assert_false(ipvs_service_differs(&wanted, &seen));
    assert_true(ip_equal(&seen.addr, &t.service.addr));
    assert_int_equal(seen.port, 53);
    assert_int_equal(seen.protocol, IPPROTO_UDP);
    assert_int_equal(seen.mask_be, 56);
    assert_string_equal(seen.engine, "sip");

    /* by its name alone: the rest is not told */
    msg = ipvs_ask(32, IPVS_CMD_GET_DEST, true, &wanted, NULL);
    assert_int_equal(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
    assert_true(ipvs_read_service(&seen, nlmsg_hdr(msg)));
    nlmsg_free(msg);
    assert_string_equal(seen.scheduler, "");

    struct tier mark = {.service = {.fwmark = 7, .family = IP_V4, .scheduler = "mh"}};
    wanted = ipvs_service_of(&mark);
    assert_int_equal(wanted.mask_be, UINT32_MAX);
    msg = ipvs_ask(32, IPVS_CMD_NEW_SERVICE, false, &wanted, NULL);
    assert_true(ipvs_read_service(&seen, nlmsg_hdr(msg)));
    nlmsg_free(msg);
    assert_int_equal(seen.fwmark, 7);
    assert_int_equal(seen.addr.family, IP_NONE);
}

static void differences_of_services(void **state)
{
    (void)state;
    struct tier t = tier_of("10.0.0.1", 80);
    struct ipvs_service wanted = ipvs_service_of(&t), seen = wanted;
    assert_false(ipvs_service_differs(&wanted, &seen));
    seen.timeout_s = 360; /* means nothing without persistence */
    seen.mask_be = 1;
    seen.flags |= IP_VS_SVC_F_SCHED1; /* nor are flags of the scheduler ours */
    assert_false(ipvs_service_differs(&wanted, &seen));
    snprintf(seen.scheduler, sizeof seen.scheduler, "wl");
    assert_true(ipvs_service_differs(&wanted, &seen));
    seen = wanted;
    seen.flags |= IP_VS_SVC_F_PERSISTENT;
    assert_true(ipvs_service_differs(&wanted, &seen));
    t.service.persistence_s = 300;
    t.service.persistence_len = 24;
    wanted = seen = ipvs_service_of(&t);
    assert_int_equal(ntohl(wanted.mask_be), 0xffffff00);
    assert_false(ipvs_service_differs(&wanted, &seen));
    seen.timeout_s++;
    assert_true(ipvs_service_differs(&wanted, &seen));
    seen = wanted;
    seen.mask_be = htonl(0xffff0000);
    assert_true(ipvs_service_differs(&wanted, &seen));
}

static void dests_as_configured(void **state)
{
    (void)state;
    static const uint8_t forwards[] = {IP_VS_CONN_F_MASQ, IP_VS_CONN_F_DROUTE, IP_VS_CONN_F_TUNNEL};
    struct tier t = tier_of("10.0.0.1", 80);
    const struct ipvs_service service = ipvs_service_of(&t);
    struct tier_member member = {.addr = addr("10.0.0.7"), .port = 8080};
    for (unsigned i = 0; i < 3; i++) {
        member.path = (struct tier_path){.forward = (enum tier_forward)i,
                                         .tunnel = TIER_TUNNEL_GUE,
                                         .tunnel_port = 6080,
                                         .upper = 9,
                                         .lower = 4};
        struct ipvs_dest wanted = ipvs_dest_of(&member), seen;
        wanted.weight = 100;
        assert_int_equal(wanted.forward, forwards[i]);
        struct nl_msg *msg = ipvs_ask(32, IPVS_CMD_SET_DEST, false, &service, &wanted);
        assert_true(ipvs_read_dest(&seen, nlmsg_hdr(msg), IP_NONE));
        nlmsg_free(msg);
        assert_true(ip_equal(&seen.addr, &member.addr));
        assert_int_equal(seen.port, 8080);
        assert_int_equal(seen.weight, 100);
        assert_false(ipvs_dest_differs(&wanted, &seen));
        assert_int_equal(seen.tunnel_port, i == TIER_FORWARD_TUNNEL ? 6080 : 0);

        struct ipvs_dest other = seen;
        other.upper = 10;
        assert_true(ipvs_dest_differs(&wanted, &other));
        other = seen;
        other.lower = 5;
        assert_true(ipvs_dest_differs(&wanted, &other));
        other = seen;
        other.forward = IP_VS_CONN_F_BYPASS;
        assert_true(ipvs_dest_differs(&wanted, &other));
        other = seen;
        other.tunnel_port++; /* means nothing but for a tunnel */
        assert_int_equal(ipvs_dest_differs(&wanted, &other), i == TIER_FORWARD_TUNNEL);
        other = seen;
        other.tunnel = IP_VS_CONN_F_TUNNEL_TYPE_GRE;
        assert_int_equal(ipvs_dest_differs(&wanted, &other), i == TIER_FORWARD_TUNNEL);
        other = seen;
        other.weight = other.active = 77;
        assert_false(ipvs_dest_differs(&wanted, &other));
    }
    /* whoever only names one does not say the rest */
    const struct ipvs_dest named = ipvs_dest_of(&member);
    struct ipvs_dest seen;
    struct nl_msg *msg = ipvs_ask(32, IPVS_CMD_DEL_DEST, false, &service, &named);
    assert_false(ipvs_read_dest(&seen, nlmsg_hdr(msg), IP_V4));
    nlmsg_free(msg);
}

/* ---- words ---- */

static void errors_in_words(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *said, *contains;
        enum tier_error reason;
    } cases[] = {
        {-EPERM, "", "CAP_NET_ADMIN", TIER_ERROR_DENIED},
        {-EAFNOSUPPORT, "", "RestrictAddressFamilies=", TIER_ERROR_UNREACHABLE},
        {-ETIMEDOUT, "", "does not answer", TIER_ERROR_TIMEOUT},
        {-ENOBUFS, "", "lost", TIER_ERROR_PROTOCOL},
        {-EINTR, "", "changes faster", TIER_ERROR_PROTOCOL},
        {-EINVAL, "", "cannot set 10.0.0.1:80: Invalid argument", TIER_ERROR_REJECTED},
        {-ERANGE, "Not that", "(Not that)", TIER_ERROR_REJECTED},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ipvs_error out;
        ipvs_explain(&out, cases[i].error, cases[i].said, "cannot set 10.0.0.1:80");
        assert_int_equal(out.reason, cases[i].reason);
        assert_non_null(strstr(out.text, cases[i].contains));
        assert_ptr_equal(strstr(out.text, "cannot set 10.0.0.1:80: "), out.text);
    }
    struct ipvs_error out;
    ipvs_explain_scheduler(&out, "twos");
    assert_string_equal(out.text, "scheduler 'twos' is not available: modprobe ip_vs_twos");
    ipvs_explain_absent(&out);
    assert_int_equal(out.reason, TIER_ERROR_UNREACHABLE);
    assert_string_equal(out.text, "the kernel has no IPVS: modprobe ip_vs");
}

static void warnings(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_ipvs.XXXXXX", path[128], out[256];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/expire_quiescent_template", dir);
    struct tier t = tier_of("10.0.0.1", 80);
    ipvs_warn(out, &t, dir);
    assert_string_equal(out, "");
    t.service.persistence_s = 60;
    ipvs_warn(out, &t, dir);
    assert_non_null(strstr(out, "cannot be read: No such file"));
    static const char *const contents[] = {"0\n", "1\n", ""};
    for (unsigned i = 0; i < 3; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(contents[i], file);
        fclose(file);
        ipvs_warn(out, &t, dir);
        if (i == 0)
            assert_non_null(strstr(out, "expire_quiescent_template=1"));
        else if (i == 1)
            assert_string_equal(out, "");
        else
            assert_non_null(strstr(out, "cannot be read"));
    }
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_family),
        cmocka_unit_test(recorded_info),
        cmocka_unit_test(recorded_services),
        cmocka_unit_test(recorded_dests),
        cmocka_unit_test(damaged),
        cmocka_unit_test(names_are_made_fit_to_show),
        cmocka_unit_test(services_as_configured),
        cmocka_unit_test(differences_of_services),
        cmocka_unit_test(dests_as_configured),
        cmocka_unit_test(errors_in_words),
        cmocka_unit_test(warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
