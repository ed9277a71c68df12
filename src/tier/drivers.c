/* SPDX-License-Identifier: Apache-2.0
 * Which driver drives which type of tier. */
#include "tier/drivers.h"

const struct driver_type *driver_of(enum tier_type type)
{
    static const struct driver_type *const types[] = {
        [TIER_IPVS] = &ipvs_driver,             /* netlink */
        [TIER_HAPROXY] = &haproxy_driver,       /* its sockets */
        [TIER_NGINX] = &nginx_driver,           /* a file, tested and told */
        [TIER_ENVOY] = &envoy_driver,           /* a file, or HTTP */
        [TIER_KEEPALIVED] = &keepalived_driver, /* a file */
        [TIER_EXEC] = &exec_driver,             /* a command */
        [TIER_L4] = &l4_driver,                 /* its control socket */
    };
    return types[type];
}
