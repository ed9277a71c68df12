/* SPDX-License-Identifier: Apache-2.0
 * What is left of root's rights, looked at from a child that has given them up; and how many
 * connections the limit of open files allows. */
#include "main/process.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
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

static void what_is_needed(void **state)
{
    (void)state;
    struct server_config server = {.n_listen = 1};
    assert_int_equal(rights_needed(&server), BIND);
    server.xdp.n_interfaces = 1;
    assert_int_equal(rights_needed(&server), BIND | (uint64_t)1 << CAP_NET_ADMIN |
                                                 (uint64_t)1 << CAP_NET_RAW |
                                                 (uint64_t)1 << CAP_BPF);
}

/* Open files */

struct files_case {
    rlim_t limit;
    uint32_t connections, endpoints, checks;
    bool http;
    uint32_t expected;
};

/* Kept for others: 164, HTTP 256, probes up to half of all, and 2 for each address and worker. */
static const struct files_case files_cases[] = {
    {2000, 1000, 0, 0, false, 1000}, {1172, 1000, 0, 0, false, 1000},
    {1171, 1000, 0, 0, false, 999},  {1024, 1000, 0, 0, false, 852},
    {1024, 1000, 0, 0, true, 596},   {1024, 1000, 50, 2, true, 496},
    {1024, 1000, 5000, 2, true, 84}, {1024, 10, 5000, 2, true, 10},
    {256, 1000, 0, 0, true, 16},     {256, 5, 0, 0, true, 5},
    {100, 1000, 1000, 9, true, 16},
};

static const struct files_case *files_case;

static const char *files_are_shared_out(void)
{
    const struct files_case *c = files_case;
    struct endpoint *endpoints = calloc(c->endpoints + 1, sizeof *endpoints);
    struct pool pool = {.checks.n = c->checks};
    struct model model = {.pools = &pool, .n_pools = 1, .endpoints = endpoints};
    model.n_endpoints = c->endpoints;
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
    uint32_t n = process_max_connections(&model, &diags);
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
        cmocka_unit_test(files_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
