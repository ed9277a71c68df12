/* SPDX-License-Identifier: Apache-2.0
 * The file of what is handed on. */
#include "l4/bequest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct head {
    char magic[8];
    uint32_t n_services, n_members, n_flows, n_sources;
};

static const char magic[8] = "l4-heir1";

_Static_assert(sizeof(struct head) % 8 == 0 && sizeof(struct bequest_service) % 8 == 0 &&
                   sizeof(struct bequest_member) % 8 == 0 && sizeof(struct bequest_flow) % 8 == 0 &&
                   sizeof(struct bequest_source) % 8 == 0,
               "each part begins where its numbers are aligned");

/* ---- reading ---- */

static bool ends(const char *text, size_t n)
{
    return memchr(text, '\0', n) != NULL;
}

static bool is_sound(const struct bequest *b)
{
    bool ok = true;
    for (uint32_t i = 0; i < b->n_services; i++)
        ok = ok && ends(b->services[i].name, sizeof b->services[i].name);
    for (uint32_t i = 0; i < b->n_members; i++) {
        const struct bequest_member *m = &b->members[i];
        ok = ok && ends(m->set, sizeof m->set) && ends(m->key, sizeof m->key) && m->port > 0 &&
             (m->family == IP_V4 || m->family == IP_V6);
    }
    for (uint32_t i = 0; i < b->n_flows; i++)
        ok = ok && b->flows[i].member < b->n_members;
    for (uint32_t i = 0; i < b->n_sources; i++)
        ok = ok && b->sources[i].service < b->n_services;
    return ok;
}

int bequest_read(struct bequest *b, const void *bytes, size_t n)
{
    const struct head *head = bytes;
    const char *at = (const char *)bytes + sizeof *head;
    if (n < sizeof *head || memcmp(head->magic, magic, sizeof magic) != 0)
        return E_SYNTAX;
    uint64_t services = (uint64_t)head->n_services * sizeof *b->services,
             members = (uint64_t)head->n_members * sizeof *b->members,
             flows = (uint64_t)head->n_flows * sizeof *b->flows,
             sources = (uint64_t)head->n_sources * sizeof *b->sources;
    if (sizeof *head + services + members + flows + sources != n)
        return E_SYNTAX;
    *b = (struct bequest){.services = (const void *)at,
                          .members = (const void *)(at + services),
                          .flows = (const void *)(at + services + members),
                          .sources = (const void *)(at + services + members + flows),
                          .n_services = head->n_services,
                          .n_members = head->n_members,
                          .n_flows = head->n_flows,
                          .n_sources = head->n_sources};
    return is_sound(b) ? 0 : E_SYNTAX;
}

/** Whoever else has the file cannot change it any more. */
static bool is_sealed(int fd)
{
    const int all = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & all) == all;
}

int bequest_open(struct bequest *b, int fd)
{
    struct stat file;
    *b = (struct bequest){.map = MAP_FAILED};
    int code = fstat(fd, &file) != 0 ? E_SYSTEM : !is_sealed(fd) ? E_SYNTAX : 0;
    size_t size = code == 0 ? (size_t)file.st_size : 0;
    if (code == 0 && size < sizeof(struct head))
        code = E_SYNTAX;
    void *map = code == 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (code == 0)
        code = map == MAP_FAILED ? E_SYSTEM : bequest_read(b, map, size);
    b->map = map;
    b->size = size;
    int error = errno;
    close(fd);
    if (code != 0)
        bequest_close(b);
    errno = error;
    return code;
}

void bequest_close(struct bequest *b)
{
    if (b->map != MAP_FAILED && b->map)
        munmap(b->map, b->size);
    *b = (struct bequest){0};
}

/* ---- writing ---- */

static bool write_all(int fd, const void *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno != EINTR)
            return false;
        if (k > 0) {
            bytes = (const char *)bytes + k;
            n -= (size_t)k;
        }
    }
    return true;
}

int bequest_write(const struct bequest *b)
{
    struct head head = {.n_services = b->n_services,
                        .n_members = b->n_members,
                        .n_flows = b->n_flows,
                        .n_sources = b->n_sources};
    memcpy(head.magic, magic, sizeof magic);
    int fd = memfd_create("loadstar-l4", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (write_all(fd, &head, sizeof head) &&
        write_all(fd, b->services, b->n_services * sizeof *b->services) &&
        write_all(fd, b->members, b->n_members * sizeof *b->members) &&
        write_all(fd, b->flows, b->n_flows * sizeof *b->flows) &&
        write_all(fd, b->sources, b->n_sources * sizeof *b->sources) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
