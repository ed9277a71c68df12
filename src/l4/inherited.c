/* SPDX-License-Identifier: Apache-2.0
 * What the process that we take over from hands on. */
#include "base/clock.h"
#include "base/digits.h"
#include "control/json.h"
#include "control/server.h"
#include "l4/commands.h"
#include "l4/elders_internal.h"
#include "l4/heir.h"
#include "l4/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- coming ---- */

/** The next packet, by `until_ms`. */
static int receive(int fd, struct link_packet *packet, int64_t until_ms)
{
    for (;;) {
        int64_t left_ms = until_ms - clock_mono_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0) {
            errno = ETIMEDOUT;
            return E_SYSTEM;
        }
        if (poll(&wait, 1, (int)left_ms) > 0)
            return link_receive(fd, packet);
    }
}

static int take_sockets(struct inherited *in, int64_t until_ms)
{
    size_t n = json_array_size(json_object_get(in->state, "descriptors"));
    while (in->fds.n < n) {
        struct link_packet packet;
        int code = receive(in->link, &packet, until_ms);
        if (code != 0)
            return code;
        json_decref(packet.object);
        for (uint32_t i = 0; i < packet.n; i++)
            *vec_push(&in->fds) = packet.fds[i];
        if (packet.n == 0)
            return E_SYNTAX;
    }
    return in->fds.n == n ? 0 : E_SYNTAX;
}

static int take_all(struct inherited *in)
{
    int64_t until_ms = clock_mono_ms() + HEIR_PATIENCE_MS;
    struct link_packet packet;
    int code = receive(in->link, &packet, until_ms);
    if (code != 0)
        return code;
    in->state = packet.object;
    for (uint32_t i = 0; i < packet.n; i++)
        close(packet.fds[i]);
    return take_sockets(in, until_ms);
}

int inherited_take(struct inherited **out, struct diags *diags)
{
    uint64_t fd;
    const char *text = getenv(HEIR_VARIABLE);
    if (!text)
        return 0;
    bool ok =
        decimal_parse(slice_str(text), INT_MAX, &fd) && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0;
    unsetenv(HEIR_VARIABLE);
    struct inherited *in = xcalloc(1, sizeof *in);
    in->link = ok ? (int)fd : -1;
    *out = in;
    int code = ok ? take_all(in) : E_SYNTAX;
    if (code != 0)
        diag_error(diags, (struct span){0}, "cannot take over from another process: %s",
                   code == E_SYSTEM     ? strerror(errno)
                   : code == E_NOTFOUND ? "it has ended"
                                        : "what it says is not understood");
    return code;
}

void inherited_free(struct inherited *in)
{
    if (!in)
        return;
    for (size_t i = 0; i < in->fds.n; i++)
        if (in->fds.v[i] >= 0)
            close(in->fds.v[i]);
    vec_free(&in->fds);
    json_decref(in->state);
    if (in->link >= 0)
        close(in->link);
    free(in);
}

/* ---- taking ---- */

uint64_t inherited_seed(const struct inherited *in)
{
    return strtoull(json_get_text(in->state, "seed", "0"), NULL, 16);
}

int inherited_claim(struct inherited *in, const char *what, size_t *from, const json_t **facts)
{
    const json_t *list = json_object_get(in->state, "descriptors");
    for (; *from < in->fds.n; ++*from) {
        *facts = json_array_get(list, *from);
        if (in->fds.v[*from] < 0 || strcmp(json_get_text(*facts, "for", ""), what) != 0)
            continue;
        int fd = in->fds.v[*from];
        in->fds.v[(*from)++] = -1;
        return fd;
    }
    return -1;
}

static bool read_place(const json_t *facts, struct ip *addr, uint16_t *port)
{
    int64_t n = json_get_int(facts, "port", 0);
    *port = (uint16_t)n;
    return n > 0 && n <= UINT16_MAX && ip_parse(addr, json_get_text(facts, "address", "")) == 0;
}

int inherited_listen(struct inherited *in, struct listeners **out, const struct l4_config *config,
                     uint32_t n_workers, struct diags *diags)
{
    VEC(struct handed_socket) sockets = {0};
    const json_t *facts;
    size_t from = 0;
    for (int fd; (fd = inherited_claim(in, "service", &from, &facts)) >= 0;) {
        struct handed_socket s = {.udp = json_is_true(json_object_get(facts, "udp")), .fd = fd};
        if (read_place(facts, &s.addr, &s.port))
            *vec_push(&sockets) = s;
        else
            close(fd);
    }
    struct listeners *before = listeners_handed(sockets.v, (uint32_t)sockets.n, n_workers);
    vec_free(&sockets);
    int code = listeners_open(out, config, n_workers, before, diags);
    listeners_release(before);
    return code;
}

/* They belong to each other: all of them, of the same kind, or none. */
bool inherited_sockhash(struct inherited *in, struct sockhash *out)
{
    const json_t *facts;
    size_t from = 0;
    unsigned n = 0;
    *out = (struct sockhash){{-1, -1, -1, -1}};
    for (int fd; (fd = inherited_claim(in, "sockhash", &from, &facts)) >= 0;) {
        int map = 0;
        while (map < SOCKHASH_MAPS && strcmp(json_get_text(facts, "map", ""),
                                             sockhash_map_name((enum sockhash_map)map)) != 0)
            map++;
        if (map < SOCKHASH_MAPS && out->maps[map] < 0 &&
            json_get_int(facts, "kind", 0) == SOCKHASH_KIND) {
            out->maps[map] = fd;
            n++;
        } else {
            close(fd);
        }
    }
    if (n < SOCKHASH_MAPS)
        sockhash_close(out);
    return n == SOCKHASH_MAPS;
}

static int open_control(struct forwarder *f, struct diags *diags)
{
    const struct model *m = f->setup->model;
    const struct control_handler handler = forwarder_commands(f);
    const json_t *facts;
    size_t from = 0;
    int fd = inherited_claim(f->inherited, "control", &from, &facts);
    if (m->control && fd >= 0 && strcmp(json_get_text(facts, "path", ""), m->control) == 0)
        return control_server_adopt(&f->control, &handler, &f->loop, m->control, fd, diags);
    if (fd >= 0)
        close(fd);
    return m->control ? control_server_open(&f->control, &handler, &f->loop, m->control,
                                            m->server.user, diags)
                      : 0;
}

static int open_metrics(struct forwarder *f, struct diags *diags)
{
    const struct l4_config *config = f->setup->model->l4;
    const json_t *facts;
    struct ip addr;
    uint16_t port;
    size_t from = 0;
    int fd = inherited_claim(f->inherited, "metrics", &from, &facts);
    if (fd >= 0 && !(read_place(facts, &addr, &port) && ip_equal(&addr, &config->metrics_addr) &&
                     port == config->metrics_port)) {
        close(fd);
        fd = -1;
    }
    return forwarder_open_metrics(f, &f->metrics, config, fd, diags);
}

int inherited_open_servers(struct forwarder *f, struct diags *diags)
{
    int code = open_control(f, diags);
    return code == 0 ? open_metrics(f, diags) : code;
}
