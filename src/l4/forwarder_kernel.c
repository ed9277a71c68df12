/* SPDX-License-Identifier: Apache-2.0
 * The maps of `relay: sockhash`: made at the start, while the rights for it are there, or taken
 * over from the process that made them. Two processes may use the same ones: what is in there goes
 * by sockets, and each socket is one process's. */
#include "control/json.h"
#include "l4/elders.h"
#include "l4/forwarder.h"

#include <stdio.h>

static const struct l4_service *first_hashed(const struct l4_config *config)
{
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].relay == L4_RELAY_SOCKHASH)
            return &config->services[i];
    return NULL;
}

static uint32_t hashed_connections(const struct l4_config *config)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].relay == L4_RELAY_SOCKHASH)
            n += config->services[i].limits.connections;
    return n < SOCKHASH_PAIRS_MAX ? (uint32_t)n : SOCKHASH_PAIRS_MAX;
}

void forwarder_open_sockhash(struct forwarder *f, struct diags *diags)
{
    const struct l4_config *config = f->setup->model->l4;
    snprintf(f->sockhash_why, sizeof f->sockhash_why,
             "its maps are made at a start with such a service, while the rights are there");
    if (f->inherited)
        f->has_sockhash = inherited_sockhash(f->inherited, &f->sockhash);
    if (!f->has_sockhash && first_hashed(config))
        f->has_sockhash =
            sockhash_open(&f->sockhash, hashed_connections(config), f->sockhash_why) == 0;
    forwarder_warn_of_sockhash(f, config, diags);
}

void forwarder_warn_of_sockhash(const struct forwarder *f, const struct l4_config *config,
                                struct diags *diags)
{
    const struct l4_service *s = first_hashed(config);
    if (s && !f->has_sockhash)
        diag_warning(diags, s->span,
                     "service '%s': relay sockhash is not to be had, it is splice instead: %s",
                     s->name, f->sockhash_why);
}

void forwarder_each_map(const struct forwarder *f, void (*fn)(void *arg, int fd, json_t *facts),
                        void *arg)
{
    for (int i = 0; f->has_sockhash && i < SOCKHASH_MAPS; i++) {
        json_t *facts = json_object();
        json_set_text(facts, "map", sockhash_map_name((enum sockhash_map)i));
        json_set_int(facts, "kind", SOCKHASH_KIND);
        fn(arg, f->sockhash.maps[i], facts);
    }
}

void forwarder_close_sockhash(struct forwarder *f)
{
    if (f->has_sockhash)
        sockhash_close(&f->sockhash);
    f->has_sockhash = false;
}
