/* SPDX-License-Identifier: Apache-2.0
 * In place of AF_XDP where it was not built in. */
#include "io/xdp.h"

struct xdp *xdp_open(const struct server_config *server, struct diags *diags)
{
    for (uint32_t i = 0; i < server->xdp.n_interfaces; i++)
        diag_warning(diags, server->xdp.interfaces[i].span,
                     "no AF_XDP on %s: this loadstard was built without it; its queries go to "
                     "kernel sockets",
                     server->xdp.interfaces[i].name);
    return NULL;
}

/* Never called, as there is nothing to call them with. */

int xdp_start(struct xdp *xdp, struct limiter *limiter)
{
    (void)xdp;
    return 0;
}

void xdp_update(struct xdp *xdp, const struct server_config *server)
{
    (void)xdp, (void)server;
}

void xdp_close(struct xdp *xdp, struct io_stats *sum)
{
    (void)xdp, (void)sum;
}

void xdp_stats(const struct xdp *xdp, struct io_stats *sum)
{
    (void)xdp, (void)sum;
}

bool xdp_stalled(const struct xdp *xdp, int64_t now_ms)
{
    (void)xdp, (void)now_ms;
    return false;
}

bool xdp_interface(const struct xdp *xdp, uint32_t i, struct xdp_info *out)
{
    (void)xdp, (void)i, (void)out;
    return false;
}
