/* SPDX-License-Identifier: Apache-2.0
 * Opening and keeping the sockets of services. */
#include "l4/listeners.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 4096 /* connections that wait for a worker; the kernel's somaxconn caps it */
#define FAST_OPEN_QUEUE 1024     /* of those, with data in the SYN and not yet acknowledged */
#define DATAGRAM_BYTES (4 << 20) /* that wait for a worker; net.core.rmem_max caps it */

/** An address with its sockets. */
struct listener {
    uint32_t n_holds;
    struct ip addr;
    uint16_t port;
    bool udp;
    uint32_t n; /* at least one a worker */
    int fds[];
};

struct listeners {
    uint32_t n_holds;
    uint32_t n; /* in the order of the services and their addresses */
    struct listener **v;
    uint32_t *first; /* of each service: of its addresses, in v */
    uint32_t width;  /* of an address in `fds` */
    int *fds;        /* v[i]->fds, `width` of each, one behind the other */
};

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool listeners_is_wildcard(const struct ip *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->b, zero, sizeof zero) == 0;
}

/** Before it is bound: of a datagram that comes earlier the kernel does not keep where it was sent
 *  to, and one that waits for the first worker would be answered from another address. */
static bool have_addresses_told(int fd, const struct ip *addr)
{
    if (!listeners_is_wildcard(addr))
        return true;
    return addr->family == IP_V6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                 : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static bool prepare(int fd, const struct ip *addr, bool udp)
{
    bool ok = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
              (addr->family != IP_V6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    if (udp) {
        (void)set(fd, SOL_SOCKET, SO_RCVBUF, DATAGRAM_BYTES);
        return ok && have_addresses_told(fd, addr);
    }
    /* Accepted sockets inherit these: nothing is to be set on each. */
    ok = ok && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set(fd, IPPROTO_TCP, TCP_FASTOPEN, FAST_OPEN_QUEUE); /* where the system allows it */
    return ok;
}

/** Binds, also to an address that comes later. */
static bool bind_to(int fd, const struct ip *addr, uint16_t port, bool *is_absent)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, addr, port);
    if (bind(fd, (const struct sockaddr *)&sa, n) == 0)
        return true;
    if (errno != EADDRNOTAVAIL)
        return false;
    *is_absent = true;
    bool free_bind = addr->family == IP_V6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
                                           : set(fd, IPPROTO_IP, IP_FREEBIND, 1);
    return free_bind && bind(fd, (const struct sockaddr *)&sa, n) == 0;
}

/** Returns a socket, or -1 (errno). */
static int open_socket(const struct ip *addr, uint16_t port, bool udp, bool *is_absent)
{
    int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(addr->family == IP_V6 ? AF_INET6 : AF_INET, type, 0);
    if (fd >= 0 && prepare(fd, addr, udp) && bind_to(fd, addr, port, is_absent) &&
        (udp || listen(fd, BACKLOG) == 0))
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static void listener_release(struct listener *l)
{
    if (!l || --l->n_holds > 0)
        return;
    for (uint32_t w = 0; w < l->n; w++)
        if (l->fds[w] >= 0)
            close(l->fds[w]);
    free(l);
}

static void tell_failure(const struct l4_listen *at, struct diags *diags)
{
    char text[IP_PORT_TEXT_MAX];
    ip_port_text(text, &at->addr, at->port);
    if (errno == EACCES && at->port < 1024)
        diag_error(diags, at->span,
                   "cannot listen on %s: ports below 1024 take a right (CAP_NET_BIND_SERVICE) that "
                   "loadstar-l4 gives up once it has started: restart it",
                   text);
    else
        diag_error(diags, at->span, "cannot listen on %s: %s", text, strerror(errno));
}

static struct listener *listener_new(const struct ip *addr, uint16_t port, bool udp, uint32_t n)
{
    struct listener *l = xcalloc(1, sizeof *l + n * sizeof l->fds[0]);
    *l = (struct listener){.n_holds = 1, .addr = *addr, .port = port, .udp = udp, .n = n};
    for (uint32_t w = 0; w < n; w++)
        l->fds[w] = -1;
    return l;
}

/** NULL after an error. */
static struct listener *listener_open(const struct l4_listen *at, bool udp, uint32_t n_workers,
                                      struct diags *diags)
{
    bool is_absent = false;
    struct listener *l = listener_new(&at->addr, at->port, udp, n_workers);
    for (uint32_t w = 0; w < n_workers; w++) {
        l->fds[w] = open_socket(&at->addr, at->port, udp, &is_absent);
        if (l->fds[w] < 0) {
            tell_failure(at, diags);
            listener_release(l);
            return NULL;
        }
    }
    char text[IP_TEXT_MAX];
    if (is_absent)
        diag_warning(diags, at->span,
                     "this host has no address %s: connections to it come when it has",
                     ip_text(text, &at->addr));
    return l;
}

static int compare(const void *a, const void *b)
{
    const struct listener *x = *(struct listener *const *)a, *y = *(struct listener *const *)b;
    if (x->udp != y->udp)
        return x->udp - y->udp;
    if (x->port != y->port)
        return x->port - y->port;
    if (x->addr.family != y->addr.family)
        return x->addr.family - y->addr.family;
    return memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
}

/** Those that there are in an order in which find() looks; for free(). */
static struct listener **in_order(const struct listeners *in)
{
    struct listener **v = xcalloc((in ? in->n : 0) + 1, sizeof(struct listener *));
    if (in && in->n) {
        memcpy(v, in->v, in->n * sizeof(struct listener *));
        qsort(v, in->n, sizeof(struct listener *), compare);
    }
    return v;
}

static struct listener *find(struct listener *const *v, size_t n, const struct l4_listen *at,
                             bool udp)
{
    const struct listener key = {.addr = at->addr, .port = at->port, .udp = udp};
    const struct listener *p = &key;
    struct listener *const *found =
        n ? bsearch(&p, v, n, sizeof(struct listener *), compare) : NULL;
    return found ? *found : NULL;
}

/** SO_REUSEPORT would let another forwarder of the same user take half of what comes, unseen.
 * Without it the kernel says who was there before: when nothing is ours yet, as our own addresses
 * may lie within each other. An address that comes later is nobody's. */
static bool is_free(const struct l4_listen *at, bool udp)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &at->addr, at->port);
    int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
    int fd = socket(at->addr.family == IP_V6 ? AF_INET6 : AF_INET, type, 0);
    bool taken = fd >= 0 && (udp || set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) &&
                 (at->addr.family != IP_V6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                 bind(fd, (const struct sockaddr *)&sa, n) != 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return !taken;
}

static bool all_are_free(const struct l4_config *config, struct diags *diags)
{
    bool ok = true;
    for (uint32_t i = 0; i < config->n_services; i++)
        for (uint32_t k = 0; k < config->services[i].n_listens; k++)
            if (!is_free(&config->services[i].listens[k], config->services[i].udp)) {
                errno = EADDRINUSE;
                tell_failure(&config->services[i].listens[k], diags);
                ok = false;
            }
    return ok;
}

static bool open_all(struct listeners *ls, const struct l4_config *config, uint32_t n_workers,
                     const struct listeners *before, struct diags *diags)
{
    bool ok = true;
    struct listener **old = in_order(before);
    uint32_t n_old = before ? before->n : 0;
    for (uint32_t i = 0; i < config->n_services; i++) {
        const struct l4_service *s = &config->services[i];
        ls->first[i] = ls->n;
        for (uint32_t k = 0; k < s->n_listens; k++) {
            struct listener *l = find(old, n_old, &s->listens[k], s->udp);
            if (l)
                l->n_holds++;
            else
                l = listener_open(&s->listens[k], s->udp, n_workers, diags);
            if (l)
                ls->v[ls->n++] = l;
            ok = ok && l;
        }
    }
    free(old);
    return ok;
}

static void lay_out(struct listeners *ls)
{
    for (uint32_t i = 0; i < ls->n; i++)
        if (ls->v[i]->n > ls->width)
            ls->width = ls->v[i]->n;
    ls->fds = xcalloc((size_t)ls->n * ls->width + 1, sizeof *ls->fds);
    for (uint32_t i = 0; i < ls->n; i++)
        for (uint32_t k = 0; k < ls->width; k++)
            ls->fds[(size_t)i * ls->width + k] = k < ls->v[i]->n ? ls->v[i]->fds[k] : -1;
}

int listeners_open(struct listeners **out, const struct l4_config *config, uint32_t n_workers,
                   struct listeners *before, struct diags *diags)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < config->n_services; i++)
        n += config->services[i].n_listens;
    struct listeners *ls = xcalloc(1, sizeof *ls);
    *ls = (struct listeners){.n_holds = 1,
                             .v = xcalloc(n + 1, sizeof(struct listener *)),
                             .first = xcalloc(config->n_services + 1, sizeof *ls->first)};
    if ((!before && !all_are_free(config, diags)) ||
        !open_all(ls, config, n_workers, before, diags)) {
        listeners_release(ls);
        return E_SYSTEM;
    }
    lay_out(ls);
    *out = ls;
    return 0;
}

/** Worker w goes by socket w: those without one share the others'. */
static void share(struct listener *l, uint32_t n)
{
    for (uint32_t w = n; !l->udp && w < l->n; w++)
        l->fds[w] = fcntl(l->fds[w % n], F_DUPFD_CLOEXEC, 0);
}

struct listeners *listeners_handed(const struct handed_socket *v, uint32_t n, uint32_t n_workers)
{
    struct listeners *ls = xcalloc(1, sizeof *ls);
    *ls = (struct listeners){.n_holds = 1, .v = xcalloc(n + 1, sizeof(struct listener *))};
    for (uint32_t i = 0, k; i < n; i += k) {
        for (k = 1; i + k < n && v[i + k].port == v[i].port && v[i + k].udp == v[i].udp &&
                    ip_equal(&v[i + k].addr, &v[i].addr);)
            k++;
        struct listener *l =
            listener_new(&v[i].addr, v[i].port, v[i].udp, k > n_workers ? k : n_workers);
        for (uint32_t j = 0; j < k; j++)
            l->fds[j] = v[i + j].fd;
        share(l, k);
        ls->v[ls->n++] = l;
    }
    return ls;
}

static void tell_wanting(const struct listener *l, uint32_t n_workers, struct diags *diags)
{
    char text[IP_PORT_TEXT_MAX];
    uint32_t n = 0;
    for (uint32_t w = 0; w < n_workers; w++)
        n += l->fds[w] >= 0;
    ip_port_text(text, &l->addr, l->port);
    diag_warning(diags, (struct span){0},
                 "%u of %u workers take datagrams to %s, until a restart: the others cannot have "
                 "sockets there: %s",
                 n, n_workers, text,
                 errno == EADDRINUSE ? "those that there are belong to another user"
                                     : strerror(errno));
}

static void complete(struct listener *l, uint32_t n_workers, struct diags *diags)
{
    bool is_absent;
    for (uint32_t w = 0; l->udp && w < n_workers; w++) {
        if (l->fds[w] < 0)
            l->fds[w] = open_socket(&l->addr, l->port, true, &is_absent);
        if (l->fds[w] < 0) {
            tell_wanting(l, n_workers, diags);
            return;
        }
    }
}

void listeners_complete(struct listeners *ls, uint32_t n_workers, struct diags *diags)
{
    for (uint32_t i = 0; i < ls->n; i++) {
        complete(ls->v[i], n_workers, diags);
        for (uint32_t k = 0; k < ls->v[i]->n; k++)
            ls->fds[(size_t)i * ls->width + k] = ls->v[i]->fds[k];
    }
}

void listeners_each(const struct listeners *ls,
                    void (*fn)(void *arg, const struct handed_socket *socket), void *arg)
{
    for (uint32_t i = 0; i < ls->n; i++)
        for (uint32_t k = 0; k < ls->v[i]->n; k++)
            if (ls->v[i]->fds[k] >= 0)
                fn(arg, &(struct handed_socket){ls->v[i]->addr, ls->v[i]->port, ls->v[i]->udp,
                                                ls->v[i]->fds[k]});
}

struct listeners *listeners_hold(struct listeners *ls)
{
    ls->n_holds++;
    return ls;
}

void listeners_release(struct listeners *ls)
{
    if (!ls || --ls->n_holds > 0)
        return;
    for (uint32_t i = 0; i < ls->n; i++)
        listener_release(ls->v[i]);
    free(ls->v);
    free(ls->first);
    free(ls->fds);
    free(ls);
}

const int *listeners_of(const struct listeners *ls, uint32_t service)
{
    return ls->fds + (size_t)ls->first[service] * ls->width;
}

uint32_t listeners_width(const struct listeners *ls)
{
    return ls->width;
}

void listeners_leave(struct listeners *ls)
{
    for (uint32_t i = 0; i < ls->n; i++)
        for (uint32_t k = 0; !ls->v[i]->udp && k < ls->v[i]->n; k++) {
            if (ls->v[i]->fds[k] >= 0)
                close(ls->v[i]->fds[k]);
            ls->v[i]->fds[k] = -1;
        }
}
