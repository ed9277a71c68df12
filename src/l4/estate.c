/* SPDX-License-Identifier: Apache-2.0
 * What the process that is to take over gets when it starts. */
#include "l4/estate.h"

#include "control/json.h"
#include "control/server.h"
#include "l4/elders.h"
#include "l4/heritage.h"
#include "l4/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct parts {
    json_t *list; /* of what each descriptor is */
    VEC(int) fds;
};

static void add(struct parts *parts, int fd, const char *what, json_t *facts)
{
    json_set_text(facts, "for", what);
    json_array_append_new(parts->list, facts);
    *vec_push(&parts->fds) = fd;
}

static void add_socket(void *arg, const struct handed_socket *socket)
{
    char text[IP_TEXT_MAX];
    json_t *facts = json_object();
    json_set_text(facts, "address", ip_text(text, &socket->addr));
    json_set_int(facts, "port", socket->port);
    json_set_bool(facts, "udp", socket->udp);
    add(arg, socket->fd, "service", facts);
}

static void add_elder(void *arg, int fd, json_t *facts)
{
    add(arg, fd, "elder", facts);
}

static void add_map(void *arg, int fd, json_t *facts)
{
    add(arg, fd, "sockhash", facts);
}

static void add_servers(struct parts *parts, const struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    char text[IP_TEXT_MAX];
    if (f->control) {
        json_t *facts = json_object();
        json_set_text(facts, "path", control_server_path(f->control));
        add(parts, control_server_fd(f->control), "control", facts);
    }
    if (f->metrics) {
        json_t *facts = json_object();
        json_set_text(facts, "address", ip_text(text, &config->metrics_addr));
        json_set_int(facts, "port", config->metrics_port);
        add(parts, metrics_server_fd(f->metrics), "metrics", facts);
    }
}

json_t *estate_update(const struct forwarder *f, const char *what)
{
    json_t *update = json_object();
    json_set_text(update, "what", what);
    json_set_int(update, "pid", getpid());
    heritage_write_open(update, f->registry);
    return update;
}

static int send_parts(const struct forwarder *f, int fd, const struct parts *parts)
{
    char seed[17];
    json_t *state = estate_update(f, "state"), *sockets = json_object();
    snprintf(seed, sizeof seed, "%016" PRIx64, f->seed);
    json_set_text(state, "seed", seed);
    json_object_set(state, "descriptors", parts->list);
    heritage_write_sets(state, &f->sets);
    int code = link_send(fd, state, NULL, 0);
    json_set_text(sockets, "what", "sockets");
    for (size_t i = 0; code == 0 && i < parts->fds.n; i += LINK_FDS_MAX) {
        size_t left = parts->fds.n - i;
        code = link_send(fd, sockets, parts->fds.v + i,
                         (uint32_t)(left < LINK_FDS_MAX ? left : LINK_FDS_MAX));
    }
    json_decref(state);
    json_decref(sockets);
    return code;
}

int estate_send(const struct forwarder *f, int fd)
{
    struct parts parts = {.list = json_array()};
    add_servers(&parts, f);
    forwarder_each_map(f, add_map, &parts);
    elders_each(f, add_elder, &parts);
    listeners_each(f->listeners, add_socket, &parts);
    int code = send_parts(f, fd, &parts);
    json_decref(parts.list);
    vec_free(&parts.fds);
    return code;
}
