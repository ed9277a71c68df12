/* SPDX-License-Identifier: Apache-2.0
 * What is left of root's rights, looked at from a child that has given them up; and how many
 * connections the limit of open files allows. */
#include "base/process.h"
#include "main/connections.h"
#include "main/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIND ((uint64_t)1 << CAP_NET_BIND_SERVICE)

/** A field of /proc/self/status as a hexadecimal number. */
static uint64_t status_of(const char *field)
{
    char line[256];
    uint64_t value = UINT64_MAX;
    FILE *file = fopen("/proc/thread-self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            value = strtoull(line + strlen(field) + 1, NULL, 16);
    if (file)
        fclose(file);
    return value;
}

/** Runs check() in a child; it returns a word on what is wrong, or NULL. */
static void in_child(const char *(*check)(void))
{
    int ends[2];
    char why[256] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *wrong = check();
        if (wrong)
            (void)!write(ends[1], wrong, strlen(wrong));
        _exit(wrong ? 1 : 0);
    }
    close(ends[1]);
    (void)!read(ends[0], why, sizeof why - 1);
    close(ends[0]);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("%s", why);
}

static int become(const char *user, uint64_t keep)
{
    struct diags diags;
    diags_init(&diags);
    return process_become(user, keep, &diags);
}

static const char *all_is_confined(uint64_t keep)
{
    if (status_of("CapEff") != keep)
        return "CapEff";
    if (status_of("CapPrm") != keep)
        return "CapPrm";
    if (status_of("CapInh") != 0)
        return "CapInh";
    if (status_of("CapAmb") != 0)
        return "CapAmb";
    if (status_of("CapBnd") != 0)
        return "CapBnd";
    return status_of("NoNewPrivs") != 1 ? "NoNewPrivs" : NULL;
}

static const char *nobody_keeps_one(void)
{
    if (become("nobody", BIND) != 0)
        return "cannot become nobody";
    if (geteuid() == 0 || getegid() == 0 || getgroups(0, NULL) > 1)
        return "still root";
    if (setresuid(0, 0, 0) == 0)
        return "root again";
    return all_is_confined(BIND);
}

static const char *nobody_keeps_none(void)
{
    return become("nobody", 0) != 0 ? "cannot become nobody" : all_is_confined(0);
}

/** A process that is told to keep its capabilities when its user changes: they go all the same. */
static const char *nothing_is_kept_by_securebits(void)
{
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS, 0, 0, 0) != 0)
        return "no securebits";
    if (become("nobody", BIND) != 0)
        return "cannot become nobody";
    return setresuid(0, 0, 0) == 0 ? "root again" : all_is_confined(BIND);
}

static const char *a_second_time_is_fine(void)
{
    if (become("nobody", BIND) != 0 || become("nobody", BIND) != 0)
        return "cannot become nobody";
    if (become("daemon", BIND) == 0)
        return "became another";
    return all_is_confined(BIND);
}

static const char *what_is_not_had_is_not_kept(void)
{
    if (become("nobody", 0) != 0 || become("nobody", BIND) != 0)
        return "cannot become nobody";
    return all_is_confined(0);
}

/** One capability, in all sets. */
static const char *hold_ambient(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct v[2] = {{0}};
    v[0] = (struct __user_cap_data_struct){(uint32_t)BIND, (uint32_t)BIND, (uint32_t)BIND};
    if (syscall(SYS_capset, &head, v) != 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0)
        return "no ambient capability to be had";
    return NULL;
}

static const char *ambient_goes(void)
{
    const char *wrong = hold_ambient();
    if (wrong)
        return wrong;
    rights_disinherit();
    if (status_of("CapAmb") != 0 || status_of("CapInh") != 0)
        return "inherited";
    return status_of("CapEff") != BIND ? "lost" : NULL;
}

/** Answers capset() with EPERM from now on, as the supplied unit's filter does. */
static bool forbid_capset(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {ARRAY_LEN(filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static int confine(uint64_t keep)
{
    struct diags diags;
    diags_init(&diags);
    return process_confine(keep, &diags);
}

static const char *a_filter_takes_capset_away(void)
{
    const char *wrong = hold_ambient();
    if (wrong)
        return wrong;
    if (!forbid_capset())
        return "no filter to be had";
    rights_disinherit();
    if (status_of("CapAmb") != 0)
        return "CapAmb";
    if (confine(0) == 0)
        return "keeps what it cannot give up, and does not say so";
    if (confine(BIND) != 0)
        return "refused to keep what it has";
    return status_of("CapEff") != BIND || status_of("NoNewPrivs") != 1 ? "CapEff" : NULL;
}

static const char *root_by_choice_stays(void)
{
    uint64_t before = status_of("CapEff");
    return become("root", BIND) != 0 || status_of("CapEff") != before ? "changed" : NULL;
}

static const char *nobody_by_that_name(void)
{
    return become("no-such-user-here", BIND) == 0 ? "became nobody" : NULL;
}

static void what_is_kept(void **state)
{
    (void)state;
    static const char *(*const checks[])(void) = {
        nobody_keeps_one,           nobody_keeps_none,           nothing_is_kept_by_securebits,
        a_second_time_is_fine,      what_is_not_had_is_not_kept, ambient_goes,
        a_filter_takes_capset_away, root_by_choice_stays,        nobody_by_that_name,
    };
    if (geteuid() != 0 || !(status_of("CapEff") & (uint64_t)1 << CAP_SETPCAP)) {
        print_message("skipped: needs root with CAP_SETPCAP\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        in_child(checks[i]);
}

#define NET_ADMIN ((uint64_t)1 << CAP_NET_ADMIN)
#define XDP (NET_ADMIN | (uint64_t)1 << CAP_NET_RAW | (uint64_t)1 << CAP_BPF)

static const struct tier tiers[] = {
    {.name = "edge", .type = TIER_NGINX, .span = {"tiers.yaml", 2, 3}},
    {.name = "vip", .type = TIER_IPVS, .span = {"tiers.yaml", 7, 3}},
    {.name = "vip6", .type = TIER_IPVS, .span = {"tiers.yaml", 12, 3}},
};

static const struct prefix_set sets[] = {
    {.name = "a", .hold = ANYCAST_HOLD_TUN, .span = {"anycast.yaml", 2, 3}},
    {.name = "b", .hold = ANYCAST_HOLD_NONE, .span = {"anycast.yaml", 5, 3}},
    {.name = "c", .hold = ANYCAST_HOLD_NONE, .interface = "lo", .span = {"anycast.yaml", 8, 3}},
};

static void what_is_needed(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_interfaces, n_tiers, n_sets;
        uint64_t needed, of_drives;
    } cases[] = {
        {0, 0, 0, BIND, 0},
        {0, 1, 0, BIND, 0},
        {0, 2, 0, BIND | NET_ADMIN, NET_ADMIN},
        {0, 0, 2, BIND, 0}, /* a TUN is the guard's */
        {0, 0, 3, BIND | NET_ADMIN, NET_ADMIN},
        {0, 2, 3, BIND | NET_ADMIN, NET_ADMIN},
        {1, 1, 0, BIND | XDP, 0}, /* what XDP needs, all threads have */
        {1, 3, 3, BIND | XDP, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct model m = {.server = {.n_listen = 1,
                                           .xdp = {.n_interfaces = cases[i].n_interfaces}},
                                .tiers = tiers,
                                .n_tiers = cases[i].n_tiers,
                                .prefix_sets = sets,
                                .n_prefix_sets = cases[i].n_sets};
        assert_int_equal(rights_needed(&m), cases[i].needed);
        assert_int_equal(rights_of_drives(&m), cases[i].of_drives);
        assert_int_equal(rights_tiers_need(&m), cases[i].n_tiers > 1);
        assert_int_equal(rights_anycast_needs(&m), cases[i].n_sets > 2);
    }
}

static void a_tier_that_lacks_a_right_is_told(void **state)
{
    (void)state;
    const struct model m = {.tiers = tiers, .n_tiers = ARRAY_LEN(tiers)};
    struct diags diags;
    diags_init(&diags);
    const struct model before = {.tiers = tiers, .n_tiers = 1}; /* that of nginx alone */
    assert_int_equal(rights_check_tiers(&before, &m, BIND | NET_ADMIN, &diags), 0);
    assert_int_equal(rights_check_tiers(NULL, &m, NET_ADMIN, &diags), 0);
    assert_int_equal(diags.n, 0);
    assert_int_equal(rights_check_tiers(&before, &m, ~NET_ADMIN, &diags), E_INVALID);
    assert_int_equal(diags.n_errors, 2);
    assert_int_equal(diags.v[0].span.line, 7);
    assert_int_equal(diags.v[1].span.line, 12);
    assert_non_null(strstr(diags.v[0].text, "tier 'vip' (ipvs) needs CAP_NET_ADMIN"));
    assert_non_null(strstr(diags.v[0].text, "tier-ipvs.conf"));
    assert_non_null(strstr(diags.v[0].text, "systemctl restart loadstard"));
    /* A start goes on, and so do reloads of what has lacked it from the start. */
    assert_int_equal(rights_check_tiers(NULL, &m, 0, &diags), 0);
    assert_int_equal(rights_check_tiers(&m, &m, 0, &diags), 0);
    assert_int_equal(diags.n_errors, 2);
    assert_int_equal(diags.n_warnings, 4);
    diags_free(&diags);
}

/** Always an error: of the set that lacks it alone. */
static void a_prefix_set_that_lacks_something_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct anycast_rights have;
        unsigned n;
        uint32_t line;
        const char *text;
    } cases[] = {
        {{NET_ADMIN, NET_ADMIN, true}, 0, 0, ""},
        {{0, NET_ADMIN, true}, 1, 2, "prefix set 'a' (hold: tun) needs CAP_NET_ADMIN"},
        {{~NET_ADMIN, NET_ADMIN, true}, 1, 2, "contrib/systemd/anycast.conf"},
        {{NET_ADMIN, ~NET_ADMIN, true}, 1, 8, "prefix set 'c' (interface) needs CAP_NET_ADMIN"},
        {{NET_ADMIN, NET_ADMIN, false}, 3, 2, "prefix set 'a' needs a restart"},
    };
    const struct model m = {.prefix_sets = sets, .n_prefix_sets = ARRAY_LEN(sets)};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diags diags;
        diags_init(&diags);
        assert_int_equal(rights_check_anycast(&m, &cases[i].have, &diags),
                         cases[i].n ? E_INVALID : 0);
        assert_int_equal(diags.n_errors, cases[i].n);
        assert_int_equal(diags.n_warnings, 0);
        if (cases[i].n) {
            assert_int_equal(diags.v[0].span.line, cases[i].line);
            assert_non_null(strstr(diags.v[0].text, cases[i].text));
        }
        diags_free(&diags);
    }
}

/* ---- threads ---- */

static void *look(void *held)
{
    *(uint64_t *)held = status_of("CapPrm") & status_of("CapEff");
    return NULL;
}

static uint64_t held_by_a_thread(pthread_t *thread)
{
    uint64_t held = 0;
    pthread_create(thread, NULL, look, &held);
    pthread_join(*thread, NULL);
    return held;
}

struct keeper {
    sem_t go;
    uint64_t held;
};

static void *look_later(void *arg)
{
    struct keeper *keeper = arg;
    while (sem_wait(&keeper->go) != 0)
        ;
    look(&keeper->held);
    return NULL;
}

/* One thread keeps what the others drop: those that were not there yet, too. */
static const char *one_thread_keeps_it(void)
{
    struct keeper keeper = {0};
    pthread_t first, later;
    sem_init(&keeper.go, 0, 0);
    if (become("nobody", BIND | NET_ADMIN) != 0)
        return "cannot become nobody";
    if (rights_held() != (BIND | NET_ADMIN))
        return "rights_held()";
    pthread_create(&first, NULL, look_later, &keeper);
    if (rights_drop(NET_ADMIN) != 0 || rights_drop(NET_ADMIN) != 0)
        return "rights_drop()";
    if (held_by_a_thread(&later) != BIND)
        return "a later thread has it";
    sem_post(&keeper.go);
    pthread_join(first, NULL);
    if (keeper.held != (BIND | NET_ADMIN))
        return "the first thread has lost it";
    return all_is_confined(BIND);
}

static const char *dropping_what_is_not_had_needs_no_call(void)
{
    if (become("nobody", BIND) != 0 || !forbid_capset())
        return "no filter to be had";
    if (rights_drop(NET_ADMIN) != 0)
        return "refused";
    return rights_drop(BIND) == 0 ? "says that it dropped what it could not" : NULL;
}

static void threads_differ(void **state)
{
    (void)state;
    if (geteuid() != 0 || (status_of("CapEff") & (NET_ADMIN | BIND)) != (NET_ADMIN | BIND)) {
        print_message("skipped: needs root with CAP_NET_ADMIN\n");
        skip();
    }
    in_child(one_thread_keeps_it);
    in_child(dropping_what_is_not_had_needs_no_call);
}

/* Open files */

struct files_case {
    rlim_t limit;
    uint32_t connections, endpoints, checks;
    bool http;
    uint32_t expected;
    uint32_t sets, speakers;
};

/* Kept for others: 164, HTTP 256, probes up to half of all, 2 for each address and worker; with
 * prefix sets 8, 4 for each and 6 for each speaker. */
static const struct files_case files_cases[] = {
    {2000, 1000, 0, 0, false, 1000, 0, 0}, {1172, 1000, 0, 0, false, 1000, 0, 0},
    {1171, 1000, 0, 0, false, 999, 0, 0},  {1024, 1000, 0, 0, false, 852, 0, 0},
    {1024, 1000, 0, 0, true, 596, 0, 0},   {1024, 1000, 50, 2, true, 496, 0, 0},
    {1024, 1000, 5000, 2, true, 84, 0, 0}, {1024, 10, 5000, 2, true, 10, 0, 0},
    {256, 1000, 0, 0, true, 16, 0, 0},     {256, 5, 0, 0, true, 5, 0, 0},
    {100, 1000, 1000, 9, true, 16, 0, 0},  {1024, 1000, 0, 0, false, 852, 0, 3},
    {1024, 1000, 0, 0, false, 820, 3, 2},
};

static const struct files_case *files_case;

static const char *files_are_shared_out(void)
{
    const struct files_case *c = files_case;
    struct endpoint *endpoints = calloc(c->endpoints + 1, sizeof *endpoints);
    struct pool pool = {.checks.n = c->checks};
    struct model model = {.pools = &pool, .n_pools = 1, .endpoints = endpoints};
    model.n_endpoints = c->endpoints;
    model.n_prefix_sets = c->sets;
    model.n_speakers = c->speakers;
    model.http.enabled = c->http;
    model.server.n_listen = 2;
    model.server.workers = 2;
    model.server.tcp.max_connections = c->connections;
    struct rlimit limit = {c->limit, c->limit};
    /* Without root's rights the limit cannot be raised. */
    if (rights_confine(0) != 0 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return "no limit";
    struct diags diags;
    diags_init(&diags);
    uint32_t n = connections_max(&model, &diags);
    if (n != c->expected)
        return arena_printf(arena_new(), "%u connections with %llu files", n,
                            (unsigned long long)c->limit);
    return diags.n_warnings != (n < c->connections) ? "a warning too many, or none" : NULL;
}

static void files_are_shared(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files_cases); i++) {
        files_case = &files_cases[i];
        in_child(files_are_shared_out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(what_is_needed),
        cmocka_unit_test(a_tier_that_lacks_a_right_is_told),
        cmocka_unit_test(a_prefix_set_that_lacks_something_is_refused),
        cmocka_unit_test(threads_differ),
        cmocka_unit_test(files_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
