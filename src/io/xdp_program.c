/* SPDX-License-Identifier: Apache-2.0
 * The XDP program as an object of libbpf. */
#include "io/xdp_program.h"

#include "base/diag.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <unistd.h>

/* The compiled program is part of this file: nothing to install or to find. */
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "xdp_filter_object: .incbin \"src/io/xdp_filter.bpf.o\"\n"
        "xdp_filter_object_end: .byte 0\n"
        ".popsection\n");
extern const char xdp_filter_object[], xdp_filter_object_end[];

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level, (void)format, (void)args;
    return 0; /* errno says it, in one line of our own */
}

static int load(struct xdp_program *p)
{
    libbpf_set_print(say_nothing);
    size_t n = (size_t)(xdp_filter_object_end - xdp_filter_object);
    p->object = bpf_object__open_mem(xdp_filter_object, n, NULL);
    if (!p->object || bpf_object__load(p->object) != 0)
        return E_SYSTEM;
    p->sockets_fd = bpf_object__find_map_fd_by_name(p->object, "sockets");
    p->listen_fd = bpf_object__find_map_fd_by_name(p->object, "listen");
    p->settings_fd = bpf_object__find_map_fd_by_name(p->object, "settings");
    return 0;
}

static int attach(struct xdp_program *p, unsigned ifindex, bool generic)
{
    int program_fd = bpf_program__fd(bpf_object__find_program_by_name(p->object, "loadstar"));
    LIBBPF_OPTS(bpf_link_create_opts, opts,
                .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    p->generic = generic;
    p->link_fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &opts);
    return p->link_fd >= 0 ? 0 : E_SYSTEM;
}

static int attach_somewhere(struct xdp_program *p, unsigned ifindex, bool native_only,
                            bool generic_only)
{
    if (generic_only)
        return attach(p, ifindex, true);
    int code = attach(p, ifindex, false);
    /* EBUSY: another program is there, and in the stack ours would come behind it. */
    return code == 0 || native_only || errno == EBUSY ? code : attach(p, ifindex, true);
}

int xdp_program_attach(struct xdp_program *p, unsigned ifindex, bool native_only, bool generic_only)
{
    *p = (struct xdp_program){.link_fd = -1};
    int code = load(p);
    if (code == 0)
        code = attach_somewhere(p, ifindex, native_only, generic_only);
    if (code != 0) {
        int error = errno;
        xdp_program_detach(p);
        errno = error;
    }
    return code;
}

void xdp_program_detach(struct xdp_program *p)
{
    if (p->link_fd >= 0)
        close(p->link_fd);
    bpf_object__close(p->object);
    *p = (struct xdp_program){.link_fd = -1};
}

int xdp_program_set_socket(struct xdp_program *p, __u32 queue, int fd)
{
    return bpf_map_update_elem(p->sockets_fd, &queue, &fd, BPF_ANY) == 0 ? 0 : E_SYSTEM;
}

int xdp_program_set(struct xdp_program *p, const struct xdp_settings *settings)
{
    const __u32 zero = 0;
    return bpf_map_update_elem(p->settings_fd, &zero, settings, BPF_ANY) == 0 ? 0 : E_SYSTEM;
}

int xdp_program_listen(struct xdp_program *p, const struct xdp_listen *listen)
{
    const __u8 yes = 1;
    return bpf_map_update_elem(p->listen_fd, listen, &yes, BPF_ANY) == 0 ? 0 : E_SYSTEM;
}

int xdp_program_unlisten(struct xdp_program *p, const struct xdp_listen *listen)
{
    return bpf_map_delete_elem(p->listen_fd, listen) == 0 ? 0 : E_SYSTEM;
}
