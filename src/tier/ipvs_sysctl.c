/* SPDX-License-Identifier: Apache-2.0
 * Settings of IPVS in /proc/sys. */
#include "tier/ipvs_sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUIESCENT "expire_quiescent_template"

/* A number in a file of procfs, which does not wait for anything. Returns 0 or a negative errno. */
static int read_flag(const char *directory, const char *name, bool *out)
{
    char path[256], text[16];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof text - 1);
    int error = n < 0 ? -errno : n == 0 ? -EPROTO : 0;
    close(fd);
    if (!error)
        *out = text[0] != '0';
    return error;
}

void ipvs_warn(char out[256], const struct tier *config, const char *directory)
{
    out[0] = '\0';
    if (!config->service.persistence_s)
        return;
    bool expires = false;
    int error = read_flag(directory, QUIESCENT, &expires);
    if (error)
        snprintf(out, 256,
                 "whether clients leave a member that drains is not known, as the service has "
                 "persistence and %s/" QUIESCENT " cannot be read: %s",
                 directory, strerror(-error));
    else if (!expires)
        snprintf(out, 256,
                 "persistence keeps sending clients to members that drain or are down: sysctl -w "
                 "net.ipv4.vs." QUIESCENT "=1");
}
