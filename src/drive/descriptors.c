/* SPDX-License-Identifier: Apache-2.0
 * Descriptors by name, in one table. */
#include "drive/descriptors.h"

#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 128 };

struct descriptor {
    char *name;
    struct ip addr;
    uint16_t port;
    int fd;
    bool wanted; /* asked for since descriptors_begin() */
    bool is_new; /* opened since then */
};

struct descriptors {
    VEC(struct descriptor) v;
    bool begun;
};

struct descriptors *descriptors_new(void)
{
    return xcalloc(1, sizeof(struct descriptors));
}

static void drop(struct descriptors *table, size_t i)
{
    close(table->v.v[i].fd);
    free(table->v.v[i].name);
    table->v.v[i] = table->v.v[--table->v.n];
}

void descriptors_free(struct descriptors *table)
{
    if (!table)
        return;
    while (table->v.n > 0)
        drop(table, table->v.n - 1);
    vec_free(&table->v);
    free(table);
}

static int open_listener(const struct ip *addr, uint16_t port)
{
    const int one = 1;
    struct sockaddr_storage to;
    socklen_t n = ip_to_sockaddr(&to, addr, port);
    int level = addr->family == IP_V6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* An address that comes later is listened on already; without the option it has to be there. */
    setsockopt(fd, level, addr->family == IP_V6 ? IPV6_FREEBIND : IP_FREEBIND, &one, sizeof one);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        (addr->family != IP_V6 || setsockopt(fd, level, IPV6_V6ONLY, &one, sizeof one) == 0) &&
        bind(fd, (struct sockaddr *)&to, n) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The one of this address, of this name if there are two: a listener that gets another name is
 * there under both until it is decided. */
static struct descriptor *find_address(struct descriptors *table, const char *name,
                                       const struct ip *addr, uint16_t port)
{
    struct descriptor *found = NULL;
    for (size_t i = 0; i < table->v.n; i++) {
        struct descriptor *d = &table->v.v[i];
        if (d->port != port || !ip_equal(&d->addr, addr))
            continue;
        if (strcmp(d->name, name) == 0)
            return d;
        if (!found || d->wanted)
            found = d;
    }
    return found;
}

int descriptors_listen(struct descriptors *table, const char *name, const struct ip *addr,
                       uint16_t port)
{
    struct descriptor *there = port ? find_address(table, name, addr, port) : NULL;
    if (there && strcmp(there->name, name) == 0) {
        there->wanted = true;
        return there->fd;
    }
    if (there && there->wanted) {
        errno = EADDRINUSE;
        return -1;
    }
    int fd = there ? fcntl(there->fd, F_DUPFD_CLOEXEC, 0) : open_listener(addr, port);
    if (fd < 0)
        return -1;
    *vec_push(&table->v) = (struct descriptor){.name = xstrdup(name),
                                               .addr = *addr,
                                               .port = port,
                                               .fd = fd,
                                               .wanted = true,
                                               .is_new = table->begun};
    return fd;
}

int descriptors_find(const struct descriptors *table, const char *name)
{
    int fd = -1;
    for (size_t i = 0; i < table->v.n; i++)
        if (strcmp(table->v.v[i].name, name) == 0 && (fd < 0 || table->v.v[i].wanted))
            fd = table->v.v[i].fd;
    return fd;
}

void descriptors_begin(struct descriptors *table)
{
    table->begun = true;
    for (size_t i = 0; i < table->v.n; i++)
        table->v.v[i].wanted = table->v.v[i].is_new = false;
}

void descriptors_end(struct descriptors *table, bool commit)
{
    for (size_t i = table->v.n; i-- > 0;) {
        struct descriptor *d = &table->v.v[i];
        if (commit ? !d->wanted : d->is_new)
            drop(table, i);
        else
            d->wanted = true;
    }
    table->begun = false;
}
