/* SPDX-License-Identifier: Apache-2.0
 * Room for memory: the least of machine, control groups and limits, from files made by hand. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MB (UINT64_C(1) << 20)

static char root[64];

static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        char command[600];
        *p = '\0';
        snprintf(command, sizeof command, "mkdir -p '%s'", full);
        assert_int_equal(system(command), 0);
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state)
{
    (void)state;
    strcpy(root, "/tmp/test_memory.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void expect(uint64_t address, uint64_t data, uint64_t mb, const char *limit)
{
    struct memory_room room;
    memory_look_at(&room, root, address, data);
    assert_int_equal(room.bytes, mb == UINT64_MAX ? mb : mb * MB);
    assert_string_equal(room.limit, limit);
}

static void machine(void)
{
    put("/proc/meminfo", "MemTotal: 9999999 kB\nMemFree: 1 kB\nMemAvailable:    1048576 kB\n");
}

static void test_nothing_known(void **state)
{
    (void)state;
    expect(UINT64_MAX, UINT64_MAX, UINT64_MAX, "");
}

static void test_machine(void **state)
{
    (void)state;
    machine();
    expect(UINT64_MAX, UINT64_MAX, 1024, "MemAvailable of this machine");
}

static void test_version2(void **state)
{
    (void)state;
    machine();
    put("/proc/self/cgroup", "0::/a.slice/b.service\n");
    put("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
    put("/sys/fs/cgroup/a.slice/b.service/memory.current", "104857600\n");
    expect(UINT64_MAX, UINT64_MAX, 1024, "MemAvailable of this machine");
    put("/sys/fs/cgroup/a.slice/b.service/memory.max", "209715200\n");
    expect(UINT64_MAX, UINT64_MAX, 100, "memory.max of the control group /a.slice/b.service");
    put("/sys/fs/cgroup/a.slice/b.service/memory.stat",
        "anon 1\ninactive_file 10485760\nactive_file 20971520\n");
    expect(UINT64_MAX, UINT64_MAX, 130, "memory.max of the control group /a.slice/b.service");
    /* One above is tighter. */
    put("/sys/fs/cgroup/a.slice/memory.max", "52428800\n");
    put("/sys/fs/cgroup/a.slice/memory.current", "31457280\n");
    expect(UINT64_MAX, UINT64_MAX, 20, "memory.max of the control group /a.slice");
    /* Over its limit already. */
    put("/sys/fs/cgroup/a.slice/memory.current", "62914560\n");
    expect(UINT64_MAX, UINT64_MAX, 0, "memory.max of the control group /a.slice");
}

static void test_root_of_a_container(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "104857600\n");
    put("/sys/fs/cgroup/memory.current", "1048576\n");
    expect(UINT64_MAX, UINT64_MAX, 99, "memory.max of the control group /");
    put("/proc/self/cgroup", "0::/../elsewhere/x\n");
    expect(UINT64_MAX, UINT64_MAX, 99, "memory.max of the control group /");
}

static void test_version1(void **state)
{
    (void)state;
    machine();
    put("/proc/self/cgroup", "5:cpu,cpuacct:/c\n4:hugetlb,memory:/m/x\n0::/y\n");
    put("/sys/fs/cgroup/memory/m/x/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/m/x/memory.usage_in_bytes", "1048576\n");
    expect(UINT64_MAX, UINT64_MAX, 1024, "MemAvailable of this machine");
    put("/sys/fs/cgroup/memory/m/x/memory.limit_in_bytes", "10485760\n");
    expect(UINT64_MAX, UINT64_MAX, 9, "memory.limit_in_bytes of the control group /m/x");
    put("/sys/fs/cgroup/memory/m/x/memory.stat", "inactive_file 5\ntotal_inactive_file 524288\n"
                                                 "total_active_file 524288\n");
    expect(UINT64_MAX, UINT64_MAX, 10, "memory.limit_in_bytes of the control group /m/x");
}

static void test_limits(void **state)
{
    char text[64];
    unsigned long pages = (unsigned long)(MB / (uint64_t)sysconf(_SC_PAGESIZE));
    (void)state;
    machine();
    snprintf(text, sizeof text, "%lu 1 2 3 0 %lu 0\n", 100 * pages, 30 * pages);
    put("/proc/self/statm", text);
    expect(400 * MB, UINT64_MAX, 300, "RLIMIT_AS (ulimit -v) of 400 MB");
    expect(400 * MB, 50 * MB, 20, "RLIMIT_DATA (ulimit -d) of 50 MB");
    expect(50 * MB, UINT64_MAX, 0, "RLIMIT_AS (ulimit -v) of 50 MB");
    expect(4000 * MB, 4000 * MB, 1024, "MemAvailable of this machine");
}

static void test_this_machine(void **state)
{
    struct memory_room room;
    (void)state;
    memory_look(&room);
    assert_true(room.bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_known, begin, end),
        cmocka_unit_test_setup_teardown(test_machine, begin, end),
        cmocka_unit_test_setup_teardown(test_version2, begin, end),
        cmocka_unit_test_setup_teardown(test_root_of_a_container, begin, end),
        cmocka_unit_test_setup_teardown(test_version1, begin, end),
        cmocka_unit_test_setup_teardown(test_limits, begin, end),
        cmocka_unit_test_setup_teardown(test_this_machine, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
