/* SPDX-License-Identifier: Apache-2.0
 * What ExaBGP was told. */
#include "anycast/exabgp_driver.h"

#include <stdlib.h>
#include <string.h>

size_t exabgp_find_told(const struct speaker_driver *d, const struct ip_prefix *prefix)
{
    size_t i = 0;
    while (i < d->told.n && !ip_prefix_equal(&d->told.v[i].prefix, prefix))
        i++;
    return i;
}

void exabgp_forget(struct speaker_driver *d, size_t i)
{
    free(d->told.v[i].command);
    d->told.v[i] = d->told.v[--d->told.n];
}

void exabgp_forget_all(struct speaker_driver *d)
{
    while (d->told.n > 0)
        exabgp_forget(d, d->told.n - 1);
}

void exabgp_remember(struct speaker_driver *d, const struct ip_prefix *prefix, const char *command)
{
    size_t i = exabgp_find_told(d, prefix);
    if (i == d->told.n)
        vec_push(&d->told)->prefix = *prefix;
    free(d->told.v[i].command);
    d->told.v[i].command = command ? xstrdup(command) : NULL;
}
