/* SPDX-License-Identifier: Apache-2.0
 * For whom a request is meant. */
#include "ctl/http_host.h"

#include <string.h>
#include <strings.h>

#define HOST_MAX 256

/** HOST, HOST:PORT, [IPV6] or [IPV6]:PORT without port, brackets and final dot. */
static bool read_name(char out[HOST_MAX], const char *host)
{
    size_t n = strcspn(host, ":");
    const char *rest = host + n;
    if (*host == '[') {
        host++;
        n = strcspn(host, "]");
        if (host[n] != ']')
            return false;
        rest = host + n + 1;
    }
    if (n == 0 || n >= HOST_MAX)
        return false;
    memcpy(out, host, n);
    out[n] = '\0';
    if (n > 1 && out[n - 1] == '.')
        out[n - 1] = '\0';
    return !*rest || (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

static bool is_loopback(const struct ip *ip)
{
    static const uint8_t v6[16] = {[15] = 1};
    return ip->family == IP_V4 ? ip->b[0] == 127 : memcmp(ip->b, v6, sizeof v6) == 0;
}

bool http_host_is_ours(const char *host, const struct ip *listens, const struct ip *local,
                       const struct str_list *names)
{
    char name[HOST_MAX];
    struct ip ip;
    if (!host || !read_name(name, host))
        return false;
    if (strcasecmp(name, "localhost") == 0)
        return true;
    for (uint32_t i = 0; i < names->n; i++)
        if (strcasecmp(name, names->v[i]) == 0)
            return true;
    if (ip_parse(&ip, name) != 0)
        return false;
    return ip_equal(&ip, listens) || ip_equal(&ip, local) ||
           (is_loopback(&ip) && is_loopback(local));
}
