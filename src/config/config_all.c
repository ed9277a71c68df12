/* SPDX-License-Identifier: Apache-2.0
 * A configuration with all its sections; apart, as whoever links it links them. */
#include "config/config.h"

#include <stddef.h>

int config_reload(struct model **model, const char *path, const struct config_options *options,
                  struct diags *diags)
{
    static const struct config_section *const all[] = {
        &config_pools, &config_tiers, &config_anycast, &config_geo, &config_zones, NULL};
    return config_read(model, path, all, options, diags);
}

int config_load(struct model **model, const char *path, struct diags *diags)
{
    return config_reload(model, path, &(struct config_options){0}, diags);
}
