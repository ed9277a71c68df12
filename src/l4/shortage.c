/* SPDX-License-Identifier: Apache-2.0
 * Local ports that are used up. */
#include "l4/shortage.h"

#include "base/log.h"

static void look_at(struct service_run *run, int64_t now_ms)
{
    struct service_shortage *s = &run->shortage;
    uint64_t n = atomic_load_explicit(&run->results[SERVICE_NO_PORT], memory_order_relaxed);
    if (n == s->n)
        return;
    if (s->n == 0 || now_ms - s->told_ms >= SHORTAGE_MS) {
        log_warning("service '%s': %llu flows refused, as no local port towards its members is "
                    "left: widen net.ipv4.ip_local_port_range, add members, or shorten "
                    "idle_timeout",
                    run->name, (unsigned long long)(n - s->n_told));
        s->told_ms = now_ms;
        s->n_told = n;
    }
    s->n = n;
    s->at_ms = now_ms;
}

void shortage_look(const struct registry *registry, int64_t now_ms)
{
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    for (uint32_t i = 0; i < n; i++)
        look_at(services[i], now_ms);
}

bool shortage_is(const struct service_run *run, int64_t now_ms)
{
    return run->shortage.n > 0 && now_ms - run->shortage.at_ms < SHORTAGE_MS;
}
