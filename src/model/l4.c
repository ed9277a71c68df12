/* SPDX-License-Identifier: Apache-2.0
 * What a configuration of loadstar-l4 takes. */
#include "model/l4.h"

#include "base/parallel.h"
#include "model/model.h"

/* Of the program beside connections: its log and control socket with clients, checks, saved files.
 */
#define DESCRIPTORS_PROGRAM 512
/* Of a worker: its epoll instance and what wakes it, at most 256 pipes between sockets while bulk
 * moves, and 64 sockets that are to be connected anew. */
#define DESCRIPTORS_WORKER 640

/* Those that a reload or `replace` opens are there while the old ones still are. */
static uint64_t service_descriptors(const struct l4_service *s, uint32_t workers)
{
    return (uint64_t)s->limits.connections * (s->udp ? 1 : 2) +
           UINT64_C(2) * s->n_listens * workers;
}

uint32_t l4_config_told(const struct l4_config *config)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < config->n_sets; i++)
        n += config->sets[i].pool == MODEL_NONE && config->sets[i].n_listed == 0;
    return n;
}

uint64_t l4_config_descriptors(const struct l4_config *config)
{
    uint32_t workers = config->workers ? config->workers : usable_cores();
    uint64_t n = DESCRIPTORS_PROGRAM + (uint64_t)DESCRIPTORS_WORKER * workers;
    for (uint32_t i = 0; i < config->n_services; i++)
        n += service_descriptors(&config->services[i], workers);
    return n + l4_config_told(config); /* each may have a client on the control socket */
}
