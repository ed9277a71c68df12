/* SPDX-License-Identifier: Apache-2.0
 * The driver of IPVS against the kernel that it runs in, through the interface that the engine
 * uses. Runs as root in the guest (test_ipvs_guest.py), where ipvsadm plays everybody else.
 * Writes a line "ok NAME" for each thing shown, and ends with 1 at the first that is not so. */
#include "base/clock.h"
#include "tier/driver.h"

#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMBERS_MAX 4000

static const char *at; /* what is being shown */

#define EXPECT(condition)                                                                 \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            printf("FAILED %s: line %d: %s (%s)\n", at, __LINE__, #condition, said.text); \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

/* ---- a drive and a host ---- */

struct drive {
    uv_loop_t loop;
};
static struct drive drive;

uv_loop_t *drive_loop(struct drive *d)
{
    return &d->loop;
}

static struct {
    bool ended, failed;
    enum tier_error reason;
    char text[256];
    unsigned n_nudges;
    struct observation seen;
    struct observed v[MEMBERS_MAX + 8];
} said;

static void on_observed(void *ctx, struct observation *seen)
{
    (void)ctx;
    said.ended = true;
    said.seen = *seen;
    EXPECT(seen->n <= MEMBERS_MAX + 8);
    if (seen->n)
        memcpy(said.v, seen->v, seen->n * sizeof *seen->v);
    said.seen.v = said.v;
}

static void on_applied(void *ctx)
{
    (void)ctx;
    said.ended = true;
}

static void on_failed(void *ctx, enum tier_error reason, const char *text)
{
    (void)ctx;
    said.ended = said.failed = true;
    said.reason = reason;
    snprintf(said.text, sizeof said.text, "%s", text);
}

static void on_nudge(void *ctx)
{
    (void)ctx;
    said.n_nudges++;
}

/* ---- a tier ---- */

static struct tier config;
static struct tier_member members[MEMBERS_MAX];
static struct tier_spec spec = {.config = &config, .name = "t", .pool = "p", .site = ""};
static struct driver *driver;
static struct tier_table table;
static struct tier_plan plan;

static struct ip addr(const char *text)
{
    struct ip ip;
    if (ip_parse(&ip, text) != 0)
        abort();
    return ip;
}

static void open_tier(const char *service, uint16_t port)
{
    static const struct driver_host host = {
        .drive = &drive,
        .spec = &spec,
        .node = "guest",
        .observed = on_observed,
        .applied = on_applied,
        .failed = on_failed,
        .nudge = on_nudge,
    };
    if (service) {
        config.service.addr = addr(service);
        config.service.family = config.service.addr.family;
    }
    config.service.port = port;
    if (!config.service.scheduler)
        config.service.scheduler = "wlc";
    spec.members = members;
    driver = ipvs_driver.open(&host);
}

/* Members 10.0.X.Y from 10.0.0.1 on, all alike, with rows. */
static void have_members(uint32_t n, const char *first, uint16_t port)
{
    tier_table_free(&table);
    spec.n_members = n;
    for (uint32_t i = 0; i < n; i++) {
        members[i] = (struct tier_member){.addr = addr(first), .port = port, .name = "m"};
        uint8_t *low =
            members[i].addr.family == IP_V4 ? &members[i].addr.b[2] : &members[i].addr.b[14];
        unsigned number = (unsigned)(low[0] << 8 | low[1]) + i;
        low[0] = (uint8_t)(number >> 8);
        low[1] = (uint8_t)number;
        struct tier_row *row = vec_push(&table.rows);
        row->addr = members[i].addr;
        row->port = port;
        row->member = i;
    }
}

static void run(void)
{
    int64_t deadline = clock_mono_ms() + 60000;
    while (!said.ended) {
        if (clock_mono_ms() > deadline) {
            printf("FAILED %s: no end\n", at);
            exit(1);
        }
        if (uv_run(&drive.loop, UV_RUN_NOWAIT) && !said.ended)
            poll(NULL, 0, 1);
    }
}

static void observe(void)
{
    memset(&said.seen, 0, sizeof said.seen);
    said.ended = said.failed = false;
    said.text[0] = '\0';
    ipvs_driver.observe(driver);
    run();
}

static void step(enum plan_op op, uint32_t row, enum serves serves, uint16_t weight)
{
    struct plan_step *s = vec_push(&plan.steps);
    *s = (struct plan_step){.op = (uint8_t)op, .row = row};
    s->to = (struct serving){(uint8_t)serves, weight};
    if (row != MODEL_NONE)
        table.rows.v[row].target = s->to;
}

static void apply(void)
{
    said.ended = said.failed = false;
    said.text[0] = '\0';
    ipvs_driver.apply(driver, &table, &plan);
    run();
    plan.steps.n = 0;
}

static void apply_well(void)
{
    apply();
    EXPECT(!said.failed);
}

static void observe_well(void)
{
    observe();
    EXPECT(!said.failed);
}

static const struct observed *member_seen(uint32_t i)
{
    for (uint32_t k = 0; k < said.seen.n; k++)
        if (ip_equal(&said.v[k].addr, &members[i].addr) && said.v[k].port == members[i].port)
            return &said.v[k];
    return NULL;
}

static void sh(const char *command)
{
    if (system(command) != 0) {
        printf("FAILED %s: %s\n", at, command);
        exit(1);
    }
}

static void begin(const char *name)
{
    at = name;
    sh("ipvsadm -C");
    memset(&config, 0, sizeof config);
    config.interval_ms = 30000;
}

static void end(void)
{
    ipvs_driver.close(driver);
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    printf("ok %s\n", at);
    fflush(stdout);
}

/* ---- what is shown ---- */

static void made_changed_and_deleted(void)
{
    begin("made, changed and deleted");
    have_members(3, "10.0.0.1", 80);
    members[1].path = (struct tier_path){.forward = TIER_FORWARD_DR, .upper = 200, .lower = 100};
    members[2].path.forward = TIER_FORWARD_TUNNEL;
    open_tier("198.51.100.10", 80);
    observe_well();
    EXPECT(!said.seen.exists && said.seen.n == 0);
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    for (uint32_t i = 0; i < 3; i++)
        step(PLAN_ADD, i, SERVES_READY, 0);
    apply_well();
    observe_well();
    EXPECT(said.seen.exists && !said.seen.differs && said.seen.n == 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct observed *o = member_seen(i);
        EXPECT(o && !o->differs && o->serving.serves == SERVES_READY && o->serving.weight == 0);
        EXPECT(o->active == 0 && o->inactive == 0 && o->n_total == 0);
    }
    step(PLAN_SET, 0, SERVES_READY, 100);
    step(PLAN_SET, 1, SERVES_READY, 256);
    step(PLAN_SET, 2, SERVES_DRAIN, 100); /* whatever its weight would be */
    apply_well();
    observe_well();
    EXPECT(member_seen(0)->serving.weight == 100);
    EXPECT(member_seen(1)->serving.weight == 256);
    EXPECT(member_seen(2)->serving.weight == 0);
    sh("ipvsadm -Ln");
    step(PLAN_REMOVE, 1, SERVES_GONE, 0);
    apply_well();
    observe_well();
    EXPECT(said.seen.n == 2 && !member_seen(1));
    step(PLAN_DELETE, MODEL_NONE, SERVES_UNKNOWN, 0);
    apply_well();
    observe_well();
    EXPECT(!said.seen.exists && said.seen.n == 0);
    end();
}

static void what_others_change(void)
{
    begin("what others change");
    have_members(2, "10.0.0.1", 80);
    open_tier("198.51.100.10", 80);
    config.service.persistence_s = 300;
    config.service.persistence_len = 24;
    ipvs_driver.close(driver);
    open_tier("198.51.100.10", 80);
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    observe_well();
    step(PLAN_ADD, 0, SERVES_READY, 0);
    step(PLAN_ADD, 1, SERVES_READY, 0);
    apply_well();
    sh("ipvsadm -Sn | grep -q -- '-t 198.51.100.10:80 -s wlc -p 300 -M 255.255.255.0'");
    observe_well();
    EXPECT(!said.seen.differs);

    /* a stranger's destination, and ours by another way */
    sh("ipvsadm -a -t 198.51.100.10:80 -r 10.9.9.9:81 -m -w 7");
    sh("ipvsadm -e -t 198.51.100.10:80 -r 10.0.0.2:80 -m -w 9 -x 5 -y 3");
    observe_well();
    EXPECT(said.seen.n == 3 && member_seen(1)->differs && member_seen(1)->serving.weight == 9);
    EXPECT(!member_seen(0)->differs);
    step(PLAN_SET, 1, SERVES_READY, 50);
    apply_well();
    observe_well();
    EXPECT(!member_seen(1)->differs && member_seen(1)->serving.weight == 50 && said.seen.n == 3);

    /* the scheduler, and persistence */
    static const char *const edits[] = {"-s rr -p 300 -M 255.255.255.0", "-s wlc",
                                        "-s wlc -p 301 -M 255.255.255.0",
                                        "-s wlc -p 300 -M 255.255.0.0"};
    for (unsigned i = 0; i < 4; i++) {
        char command[128];
        snprintf(command, sizeof command, "ipvsadm -E -t 198.51.100.10:80 %s", edits[i]);
        sh(command);
        observe_well();
        EXPECT(said.seen.exists && said.seen.differs);
        step(PLAN_REPAIR, MODEL_NONE, SERVES_UNKNOWN, 0);
        apply_well();
        observe_well();
        EXPECT(said.seen.exists && !said.seen.differs && said.seen.n == 3);
    }
    /* flags of schedulers are not ours */
    sh("ipvsadm -E -t 198.51.100.10:80 -s sh -b sh-port");
    step(PLAN_REPAIR, MODEL_NONE, SERVES_UNKNOWN, 0);
    apply_well();
    sh("ipvsadm -Sn | grep -q -- '-s wlc -p 300 -M 255.255.255.0 -b flag-2'");

    /* Gone between a look and a plan: nobody's failure. */
    sh("ipvsadm -d -t 198.51.100.10:80 -r 10.0.0.1:80");
    step(PLAN_SET, 0, SERVES_READY, 100);
    step(PLAN_REMOVE, 0, SERVES_GONE, 0);
    step(PLAN_SET, 1, SERVES_READY, 60);
    apply_well();
    sh("ipvsadm -a -t 198.51.100.10:80 -r 10.0.0.1:80 -m -w 33");
    step(PLAN_ADD, 0, SERVES_READY, 0); /* there already, and in service */
    apply_well();
    observe_well();
    EXPECT(member_seen(0)->serving.weight == 33 && member_seen(1)->serving.weight == 60);
    sh("ipvsadm -C");
    step(PLAN_SET, 0, SERVES_READY, 100);
    step(PLAN_REPAIR, MODEL_NONE, SERVES_UNKNOWN, 0);
    step(PLAN_DELETE, MODEL_NONE, SERVES_UNKNOWN, 0);
    apply_well();
    sh("ipvsadm -A -t 198.51.100.10:80 -s rr"); /* somebody else's, and not to be taken over */
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    apply();
    EXPECT(said.failed && said.reason == TIER_ERROR_REJECTED);
    puts(said.text);
    end();
}

static void pulse(void)
{
    ipvs_driver.pulse(driver);
    for (int i = 0; i < 50; i++) {
        uv_run(&drive.loop, UV_RUN_NOWAIT);
        poll(NULL, 0, 1);
    }
}

static void pulses(void)
{
    begin("a service that goes, comes or changes is noticed");
    have_members(1, "10.0.0.1", 80);
    open_tier("198.51.100.10", 80);
    said.n_nudges = 0;
    pulse(); /* before the first look */
    EXPECT(said.n_nudges == 0);
    observe_well();
    pulse();
    EXPECT(said.n_nudges == 0);
    sh("ipvsadm -A -t 198.51.100.10:80 -s wlc");
    pulse();
    EXPECT(said.n_nudges == 1);
    observe_well();
    pulse();
    EXPECT(said.n_nudges == 1);
    sh("ipvsadm -E -t 198.51.100.10:80 -s rr");
    pulse();
    EXPECT(said.n_nudges == 2);
    observe_well();
    sh("ipvsadm -C");
    pulse();
    EXPECT(said.n_nudges == 3);
    observe_well();
    EXPECT(!said.seen.exists);
    end();
}

static void kinds_of_services(void)
{
    static const struct {
        const char *addr, *member, *shows;
        uint16_t port;
        uint32_t fwmark;
        enum tier_protocol protocol;
        const char *scheduler;
        uint8_t family;
    } kinds[] = {
        {"2001:db8::10", "2001:db8:1::1", "-A -t [2001:db8::10]:443 -s sh -p 60 -M 64", 443, 0,
         TIER_TCP, "sh", IP_V6},
        {"198.51.100.10", "10.0.0.1", "-A -u 198.51.100.10:53 -s rr", 53, 0, TIER_UDP, "rr", IP_V4},
        {"198.51.100.10", "10.0.0.1", "-A --sctp-service 198.51.100.10:2905 -s mh", 2905, 0,
         TIER_SCTP, "mh", IP_V4},
        {NULL, "10.0.0.1", "-A -f 10 -s wrr", 0, 10, TIER_TCP, "wrr", IP_V4},
        {NULL, "2001:db8:1::1", "-A -f 11 -6 -s lblc", 0, 11, TIER_TCP, "lblc", IP_V6},
        {"198.51.100.11", "10.0.0.1", "-A -t 198.51.100.11:0 -s wlc -p 60", 0, 0, TIER_TCP, "wlc",
         IP_V4},
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        begin(kinds[i].shows);
        config.service.fwmark = kinds[i].fwmark;
        config.service.protocol = kinds[i].protocol;
        config.service.scheduler = kinds[i].scheduler;
        config.service.family = kinds[i].family;
        if (strstr(kinds[i].shows, "-p 60")) {
            config.service.persistence_s = 60;
            config.service.persistence_len = kinds[i].family == IP_V6 ? 64 : 32;
        }
        have_members(2, kinds[i].member, 8080);
        open_tier(kinds[i].addr, kinds[i].port);
        observe_well();
        EXPECT(!said.seen.exists);
        step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
        step(PLAN_ADD, 0, SERVES_READY, 0);
        step(PLAN_ADD, 1, SERVES_READY, 0);
        step(PLAN_SET, 1, SERVES_READY, 5);
        apply_well();
        observe_well();
        EXPECT(said.seen.exists && !said.seen.differs && said.seen.n == 2);
        EXPECT(!member_seen(0)->differs && member_seen(1)->serving.weight == 5);
        char command[256];
        snprintf(command, sizeof command,
                 "ipvsadm -Sn | grep -q -- '^%s *$' || { ipvsadm -Sn; false; }", kinds[i].shows);
        for (char *p = command; *p; p++)
            if (*p == '[' || *p == ']')
                *p = '.';
        sh(command);
        step(PLAN_DELETE, MODEL_NONE, SERVES_UNKNOWN, 0);
        apply_well();
        end();
    }
}

static void tunnels(void)
{
    begin("tunnels");
    have_members(3, "10.0.0.1", 80);
    for (unsigned i = 0; i < 3; i++)
        members[i].path = (struct tier_path){.forward = TIER_FORWARD_TUNNEL,
                                             .tunnel = (enum tier_tunnel)i,
                                             .tunnel_port = i == TIER_TUNNEL_GUE ? 6080 : 0};
    open_tier("198.51.100.10", 80);
    observe_well();
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    for (uint32_t i = 0; i < 3; i++)
        step(PLAN_ADD, i, SERVES_READY, 0);
    apply_well();
    observe_well();
    for (uint32_t i = 0; i < 3; i++)
        EXPECT(member_seen(i) && !member_seen(i)->differs);
    sh("ipvsadm -Sn");
    sh("ipvsadm -Sn | grep -q -- '-r 10.0.0.2:80 -i -w 0 --tun-type gue --tun-port 6080'");
    sh("ipvsadm -Sn | grep -q -- '-r 10.0.0.3:80 -i -w 0 --tun-type gre'");
    sh("ipvsadm -e -t 198.51.100.10:80 -r 10.0.0.2:80 -i -w 0 --tun-type gue --tun-port 6081");
    sh("ipvsadm -e -t 198.51.100.10:80 -r 10.0.0.3:80 -i -w 0 --tun-type ipip");
    observe_well();
    EXPECT(!member_seen(0)->differs && member_seen(1)->differs && member_seen(2)->differs);
    end();
}

static void persistence_is_warned_of(void)
{
    begin("persistence is warned of");
    have_members(1, "10.0.0.1", 80);
    open_tier("198.51.100.10", 80);
    observe_well();
    EXPECT(said.seen.note[0] == '\0');
    config.service.persistence_s = 300;
    sh("echo 0 >/proc/sys/net/ipv4/vs/expire_quiescent_template");
    observe_well();
    EXPECT(strstr(said.seen.note, "expire_quiescent_template=1"));
    puts(said.seen.note);
    sh("echo 1 >/proc/sys/net/ipv4/vs/expire_quiescent_template");
    observe_well();
    EXPECT(said.seen.note[0] == '\0');
    end();
}

static void unknown_scheduler(void)
{
    begin("an unknown scheduler");
    have_members(1, "10.0.0.1", 80);
    config.service.scheduler = "nosuch";
    open_tier("198.51.100.10", 80);
    observe_well();
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    step(PLAN_ADD, 0, SERVES_READY, 0);
    apply();
    EXPECT(said.failed && said.reason == TIER_ERROR_REJECTED);
    EXPECT(strcmp(said.text, "scheduler 'nosuch' is not available: modprobe ip_vs_nosuch") == 0);
    observe_well(); /* and it can be asked on */
    EXPECT(!said.seen.exists);
    end();
}

static void thousands(void)
{
    begin("4,000 members");
    have_members(MEMBERS_MAX, "10.1.0.1", 80);
    open_tier("198.51.100.10", 80);
    observe_well();
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        step(PLAN_ADD, i, SERVES_READY, 0);
    int64_t start = clock_mono_us();
    apply_well();
    int64_t added = clock_mono_us();
    observe_well();
    int64_t observed = clock_mono_us();
    EXPECT(said.seen.n == MEMBERS_MAX);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        step(PLAN_SET, i, SERVES_READY, (uint16_t)(1 + i % 256));
    int64_t before = clock_mono_us();
    apply_well();
    int64_t set = clock_mono_us();
    observe_well();
    EXPECT(said.seen.n == MEMBERS_MAX);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        sum += said.v[i].serving.weight;
    uint64_t expected = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        expected += 1 + i % 256;
    EXPECT(sum == expected);
    printf("4000 added in %lld ms, read in %lld ms, set in %lld ms\n",
           (long long)(added - start) / 1000, (long long)(observed - added) / 1000,
           (long long)(set - before) / 1000);
    end();
}

/* Other threads' rights are theirs: here there is one. */
static void without_rights(void)
{
    begin("without CAP_NET_ADMIN");
    have_members(1, "10.0.0.1", 80);
    open_tier("198.51.100.10", 80);
    observe_well();
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2], less[2];
    EXPECT(syscall(SYS_capget, &header, all) == 0);
    memcpy(less, all, sizeof less);
    less[0].effective &= ~(1u << CAP_NET_ADMIN);
    EXPECT(syscall(SYS_capset, &header, less) == 0);
    for (int i = 0; i < 2; i++) { /* with a socket of before, and one of now */
        observe();
        EXPECT(said.failed && said.reason == TIER_ERROR_DENIED);
        EXPECT(strstr(said.text, "CAP_NET_ADMIN"));
    }
    puts(said.text);
    EXPECT(syscall(SYS_capset, &header, all) == 0);
    observe_well(); /* no restart is needed once it is allowed */
    end();
}

static void module_comes_and_goes(void)
{
    begin("the module comes and goes");
    have_members(1, "10.0.0.1", 80);
    open_tier("198.51.100.10", 80);
    observe_well();
    sh("cat /modules/order | grep '^ip_vs_' | sed 's/.ko//' | while read m; do rmmod $m; done; "
       "rmmod ip_vs");
    observe();
    EXPECT(said.failed && said.reason == TIER_ERROR_UNREACHABLE);
    EXPECT(strcmp(said.text, "the kernel has no IPVS: modprobe ip_vs") == 0);
    sh("insmod /modules/ip_vs.ko && insmod /modules/ip_vs_wlc.ko");
    observe_well();
    step(PLAN_CREATE, MODEL_NONE, SERVES_UNKNOWN, 0);
    apply_well();
    observe_well();
    EXPECT(said.seen.exists);
    end();
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    uv_loop_init(&drive.loop);
    made_changed_and_deleted();
    what_others_change();
    pulses();
    kinds_of_services();
    tunnels();
    persistence_is_warned_of();
    unknown_scheduler();
    thousands();
    without_rights();
    module_comes_and_goes();
    puts("all shown");
    return 0;
}
