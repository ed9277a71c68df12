/* SPDX-License-Identifier: Apache-2.0
 * The program for SO_ATTACH_REUSEPORT_CBPF, and when it is worth it. */
#include "io/dispatch.h"

#include "base/arena.h"
#include "base/diag.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* An index that no group of sockets has: the kernel falls back to its hash. */
#define BY_HASH UINT32_MAX

/* --- do the interfaces spread? --- */

/** Reads the first line of a file; false: there is none. */
static bool read_line(char *out, size_t n, const char *path)
{
    FILE *file = fopen(path, "re");
    bool ok = file && fgets(out, (int)n, file);
    if (file)
        fclose(file);
    return ok;
}

/** The number of bits in a mask as the kernel writes it: "ff,ffffffff". */
static unsigned mask_bits(const char *mask)
{
    unsigned n = 0;
    for (; *mask; mask++) {
        char digit[2] = {*mask, 0};
        n += (unsigned)__builtin_popcountl(strtoul(digit, NULL, 16));
    }
    return n;
}

/** Whether the interface's packets are taken in on n cores, by its queues or by what the system
 *  does with each of them. */
static bool spreads(struct arena *arena, const char *interface, unsigned n)
{
    char mask[1024];
    unsigned queues = 0, least = UINT32_MAX;
    const char *path = arena_printf(arena, "%s/queues", interface);
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "rx-", 3) != 0)
            continue;
        const char *rps = arena_printf(arena, "%s/%s/rps_cpus", path, entry->d_name);
        unsigned cores = read_line(mask, sizeof mask, rps) ? mask_bits(mask) : 0;
        least = cores < least ? cores : least;
        queues++;
    }
    if (dir)
        closedir(dir);
    return queues >= n || (queues > 0 && least >= n);
}

/** Whether the interface is up and has a device under it: not loopback, no bridge, no tunnel. */
static bool is_hardware(struct arena *arena, const char *interface)
{
    char flags[32];
    return access(arena_printf(arena, "%s/device", interface), F_OK) == 0 &&
           read_line(flags, sizeof flags, arena_printf(arena, "%s/flags", interface)) &&
           strtoul(flags, NULL, 16) & IFF_UP;
}

bool dispatch_interfaces_spread(const char *sys_net, unsigned n)
{
    struct arena *arena = arena_new();
    bool any = false, spread = true;
    DIR *dir = opendir(sys_net);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *interface = arena_printf(arena, "%s/%s", sys_net, entry->d_name);
        if (entry->d_name[0] == '.' || !is_hardware(arena, interface))
            continue;
        any = true;
        spread = spread && spreads(arena, interface, n);
    }
    if (dir)
        closedir(dir);
    arena_free(arena);
    return any && spread;
}

enum dispatch dispatch_decide(enum dispatch wanted, bool spread, const int *cpu, unsigned n_workers)
{
    for (unsigned i = 0; i < n_workers; i++)
        if (cpu[i] < 0)
            return DISPATCH_HASH;
    bool by_core = wanted == DISPATCH_CPU || (wanted == DISPATCH_AUTO && spread);
    return n_workers > 1 && by_core ? DISPATCH_CPU : DISPATCH_HASH;
}

/* --- the program --- */

/** Steps that turn the number of the core into that of the socket. Cores in a row, the usual case,
 *  take a subtraction, whatever their number; others a comparison each. Returns their number. */
static unsigned write_program(struct sock_filter *out, const int *cpu, unsigned n_workers)
{
    unsigned n = 0;
    bool row = true;
    for (unsigned i = 0; i < n_workers; i++)
        row = row && cpu[i] == cpu[0] + (int)i;
    out[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU));
    if (row) { /* an earlier core wraps round: no socket has that number */
        out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, (uint32_t)cpu[0]);
        out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
        return n;
    }
    for (unsigned i = 0; i < n_workers; i++) {
        out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)cpu[i], 0, 1);
        out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
    }
    out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, BY_HASH);
    return n;
}

static int detach(int fd)
{
    static const int none = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none) != 0 &&
        errno != ENOENT)
        return E_SYSTEM;
    return 0;
}

int dispatch_apply(int fd, enum dispatch dispatch, const int *cpu, unsigned n_workers)
{
    if (dispatch != DISPATCH_CPU)
        return detach(fd);
    struct sock_filter *steps = xcalloc(2 * n_workers + 3, sizeof *steps);
    struct sock_fprog program = {.filter = steps};
    program.len = (unsigned short)write_program(steps, cpu, n_workers);
    int code = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
    free(steps);
    return code != 0 ? E_SYSTEM : 0;
}
