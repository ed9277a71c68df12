/* SPDX-License-Identifier: Apache-2.0
 * What zoneyaml_keys.c puts the keys of a zone into: for zoneyaml.c alone. */
#pragma once

#include "config/parts.h"

struct soa {
    const struct yaml_node *mname, *rname, *serial;
    uint32_t refresh_s, retry_s, expire_s, minimum_s;
};

struct zone_form {
    const struct yaml_node *zone, *soa, *records;
    uint32_t ttl_s;
};

struct data_form {
    const struct yaml_node *data;
    uint32_t ttl_s;
};
