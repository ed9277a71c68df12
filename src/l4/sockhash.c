/* SPDX-License-Identifier: Apache-2.0
 * Maps and program by bpf(2) itself: it is few calls, and takes no library. */
#include "l4/sockhash.h"

#include "base/arena.h"
#include "base/diag.h"
#include "l4/btf.h"
#include "l4/sockhash_program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define BTF_MAX (64u << 20)
#define KERNEL_MAJOR 6 /* before 6.15 bytes were sent twice when a send buffer was full */
#define KERNEL_MINOR 15

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

/* ---- making ---- */

static const struct {
    const char *name;
    enum bpf_map_type type;
    uint32_t value_size, flags;
} kinds[SOCKHASH_MAPS] = {
    [SOCKHASH_WAYS] = {"ways", BPF_MAP_TYPE_HASH, sizeof(struct sockhash_way), BPF_F_NO_PREALLOC},
    [SOCKHASH_ORDERS] = {"orders", BPF_MAP_TYPE_HASH, 1, BPF_F_NO_PREALLOC},
    [SOCKHASH_TARGETS] = {"targets", BPF_MAP_TYPE_SOCKHASH, sizeof(uint32_t), 0},
    [SOCKHASH_SOURCES] = {"sources", BPF_MAP_TYPE_SOCKHASH, sizeof(uint32_t), 0},
};

const char *sockhash_map_name(enum sockhash_map map)
{
    return kinds[map].name;
}

static int give_reason(char why[SOCKHASH_WHY_MAX], const char *what, int error)
{
    const char *hint = error == EPERM ? " (it takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON when "
                                        "the program starts)"
                                      : "";
    snprintf(why, SOCKHASH_WHY_MAX, "%s: %s%s", what, strerror(error), hint);
    return E_SYSTEM;
}

static int make_maps(struct sockhash *s, uint32_t pairs, char why[SOCKHASH_WHY_MAX])
{
    uint32_t n = pairs < SOCKHASH_PAIRS_MAX ? pairs : SOCKHASH_PAIRS_MAX;
    for (int i = 0; i < SOCKHASH_MAPS; i++) {
        union bpf_attr attr = {.map_type = kinds[i].type,
                               .key_size = sizeof(uint64_t),
                               .value_size = kinds[i].value_size,
                               .max_entries = 2 * n,
                               .map_flags = kinds[i].flags};
        snprintf(attr.map_name, sizeof attr.map_name, "l4_%s", kinds[i].name);
        s->maps[i] = bpf(BPF_MAP_CREATE, &attr);
        if (s->maps[i] < 0)
            return give_reason(why, "no BPF map is to be had", errno);
    }
    return 0;
}

static bool read_file(const char *path, uint8_t *to, uint32_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint32_t room = *n;
    ssize_t got = fd < 0 ? -1 : 1;
    for (*n = 0; got > 0 && *n < room; *n += (uint32_t)got) {
        got = read(fd, to + *n, room - *n);
        if (got <= 0)
            break;
    }
    if (fd >= 0)
        close(fd);
    return got == 0;
}

static int find_offsets(struct sockhash_offsets *out, char why[SOCKHASH_WHY_MAX])
{
    uint32_t n = BTF_MAX;
    uint8_t *bytes = xmalloc(n);
    int64_t una = -1, seq = -1;
    if (read_file(BTF_PATH, bytes, &n)) {
        una = btf_member_offset(slice_of(bytes, n), "tcp_sock", "snd_una");
        seq = btf_member_offset(slice_of(bytes, n), "tcp_sock", "write_seq");
    }
    free(bytes);
    if (una < 0 || seq < 0 || una > INT16_MAX || seq > INT16_MAX) {
        snprintf(why, SOCKHASH_WHY_MAX,
                 BTF_PATH " does not tell where struct tcp_sock has what "
                          "the program looks at");
        return E_SYSTEM;
    }
    *out = (struct sockhash_offsets){.snd_una = (int16_t)una, .write_seq = (int16_t)seq};
    return 0;
}

static int attach(const struct sockhash *s, const struct sockhash_offsets *offsets,
                  char why[SOCKHASH_WHY_MAX])
{
    struct bpf_insn code[SOCKHASH_PROGRAM_MAX];
    uint32_t n = sockhash_program(code, s->maps, offsets);
    /* Its source is under the GPL too, at choice: without, it may not look into struct tcp_sock. */
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_SK_SKB,
                           .expected_attach_type = BPF_SK_SKB_STREAM_VERDICT,
                           .insns = (uintptr_t)code,
                           .insn_cnt = n,
                           .license = (uintptr_t) "GPL and additional rights",
                           .prog_name = "l4_verdict"};
    int fd = bpf(BPF_PROG_LOAD, &load);
    if (fd < 0)
        return give_reason(why, "the kernel does not take the BPF program", errno);
    union bpf_attr attr = {.target_fd = (uint32_t)s->maps[SOCKHASH_SOURCES],
                           .attach_bpf_fd = (uint32_t)fd,
                           .attach_type = BPF_SK_SKB_STREAM_VERDICT};
    int code_ = bpf(BPF_PROG_ATTACH, &attr);
    int error = errno;
    close(fd); /* the map holds it */
    return code_ == 0 ? 0 : give_reason(why, "the BPF program cannot be attached", error);
}

static int judge_kernel(char why[SOCKHASH_WHY_MAX])
{
    struct utsname system;
    unsigned major = 0, minor = 0;
    if (uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
        (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)))
        return 0;
    snprintf(why, SOCKHASH_WHY_MAX, "it takes Linux %d.%d: this one (%u.%u) may send bytes twice",
             KERNEL_MAJOR, KERNEL_MINOR, major, minor);
    return E_SYSTEM;
}

int sockhash_open(struct sockhash *s, uint32_t pairs, char why[SOCKHASH_WHY_MAX])
{
    struct sockhash_offsets offsets;
    *s = (struct sockhash){{-1, -1, -1, -1}};
    int code = judge_kernel(why);
    if (code == 0)
        code = make_maps(s, pairs, why);
    if (code == 0)
        code = find_offsets(&offsets, why);
    if (code == 0)
        code = attach(s, &offsets, why);
    if (code != 0)
        sockhash_close(s);
    return code;
}

void sockhash_close(struct sockhash *s)
{
    for (int i = 0; i < SOCKHASH_MAPS; i++) {
        if (s->maps[i] >= 0)
            close(s->maps[i]);
        s->maps[i] = -1;
    }
}

/* ---- entries ---- */

static int put(const struct sockhash *s, enum sockhash_map map, uint64_t key, const void *value)
{
    union bpf_attr attr = {.map_fd = (uint32_t)s->maps[map],
                           .key = (uintptr_t)&key,
                           .value = (uintptr_t)value,
                           .flags = BPF_ANY};
    return bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0 ? 0 : E_SYSTEM;
}

static void drop(const struct sockhash *s, enum sockhash_map map, uint64_t key)
{
    union bpf_attr attr = {.map_fd = (uint32_t)s->maps[map], .key = (uintptr_t)&key};
    (void)bpf(BPF_MAP_DELETE_ELEM, &attr);
}

uint64_t sockhash_key(int fd)
{
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n);
    return cookie;
}

static int send_buffer(int fd)
{
    int size = 0;
    socklen_t n = sizeof size;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &n);
    return size;
}

/* Asked for, it would stay as it is for good; the kernel shall go on to make it larger. */
bool sockhash_prepare(int fd)
{
    static const int size = SOCKHASH_SEND_BUFFER / 2, unlocked = 0; /* socket(7): it is doubled */
    if (send_buffer(fd) >= SOCKHASH_SEND_BUFFER)
        return true;
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof unlocked) == 0 &&
           send_buffer(fd) >= SOCKHASH_SEND_BUFFER;
}

/* Each of the maps for both before the next one: when the program is first asked, it finds all that
 * it looks for. What has come by then is in the receive queue, whole, and waits for the next
 * segment or for a look, which setting this option is. */
int sockhash_join(const struct sockhash *s, const int fds[2], const uint64_t keys[2])
{
    static const struct sockhash_way none;
    static const uint8_t yes = 1;
    static const int lowest = 1;
    int code = 0;
    for (int i = 0; i < 2 && code == 0; i++)
        code = put(s, SOCKHASH_WAYS, keys[i], &none);
    for (int i = 0; i < 2 && code == 0; i++)
        code = put(s, SOCKHASH_ORDERS, keys[i], &yes);
    for (int i = 0; i < 2 && code == 0; i++)
        code = put(s, SOCKHASH_TARGETS, keys[i], &fds[!i]);
    for (int i = 0; i < 2 && code == 0; i++)
        code = put(s, SOCKHASH_SOURCES, keys[i], &fds[i]);
    for (int i = 0; i < 2 && code == 0; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_RCVLOWAT, &lowest, sizeof lowest);
    return code;
}

/* To ask for TCP_INFO takes the socket's lock: the program, which may have seen the order a moment
 * ago, is done then. */
void sockhash_stop(const struct sockhash *s, int fd, uint64_t key)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    drop(s, SOCKHASH_ORDERS, key);
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n);
}

struct sockhash_way sockhash_way_of(const struct sockhash *s, uint64_t key)
{
    struct sockhash_way way = {0};
    union bpf_attr attr = {.map_fd = (uint32_t)s->maps[SOCKHASH_WAYS],
                           .key = (uintptr_t)&key,
                           .value = (uintptr_t)&way};
    if (bpf(BPF_MAP_LOOKUP_ELEM, &attr) != 0)
        way = (struct sockhash_way){0};
    return way;
}

uint64_t sockhash_written(int fd)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    int unacknowledged = 0;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n);
    ioctl(fd, SIOCOUTQ, &unacknowledged);
    return info.tcpi_bytes_acked + (uint64_t)unacknowledged;
}

void sockhash_forget(const struct sockhash *s, uint64_t key)
{
    drop(s, SOCKHASH_ORDERS, key);
    drop(s, SOCKHASH_WAYS, key);
}
