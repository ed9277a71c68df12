/* SPDX-License-Identifier: Apache-2.0
 * Datagrams as the kernel sends them for netlink and IPVS, taken apart as the driver does. Beyond
 * memory safety: what is taken for a service or a destination has a family, and texts end. */
#include "drive/netlink.h"
#include "tier/ipvs_message.h"

#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void take(const struct nlmsghdr *message)
{
    struct netlink_end end;
    if (netlink_judge(message, &end) == NETLINK_KIND_END) {
        require(end.error <= 0);
        require(ends(end.text, sizeof end.text));
    }
    struct ipvs_service service;
    if (ipvs_read_service(&service, message)) {
        require(service.family == IP_V4 || service.family == IP_V6);
        require(service.fwmark || service.addr.family == service.family);
        require(ends(service.scheduler, sizeof service.scheduler));
        require(ends(service.engine, sizeof service.engine));
    }
    struct ipvs_dest dest;
    static const uint8_t families[] = {IP_NONE, IP_V4, IP_V6};
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (ipvs_read_dest(&dest, message, families[i]))
            require(dest.addr.family == IP_V4 || dest.addr.family == IP_V6);
    struct ipvs_info info;
    (void)ipvs_read_info(&info, message);
    (void)ipvs_read_family(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* aligned, and of that length */
    memcpy(copy, data, size);
    int left = (int)size;
    for (struct nlmsghdr *m = (struct nlmsghdr *)copy; nlmsg_ok(m, left); m = nlmsg_next(m, &left))
        take(m);
    free(copy);
    return 0;
}
