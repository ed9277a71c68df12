/* SPDX-License-Identifier: Apache-2.0
 * Files that a process hands on, of any bytes: read as a whole or not at all, and then each flow is
 * found, and each client counts and is over again. */
#include "fuzz.h"
#include "l4/bound.h"
#include "l4/counted.h"

#include <string.h>

#define NOW 5000000

static void look(struct bequest *file)
{
    static const struct l4_service services[] = {{.name = "web"}, {.name = "dns", .udp = true}};
    static const struct l4_config config = {.services = services, .n_services = 2};
    struct counted all = {0}, part = {0};
    struct registry *registry = registry_new();
    counted_adopt(&all, file, &config, registry, NOW);
    counted_split(&part, &all, file, registry, file->n_sources ? file->sources[0].holder : 1);
    counted_end(&part);
    counted_free(&part, registry);
    counted_free(&all, registry);
    struct bound *bound = bound_new(file, registry);
    uint32_t n;
    const struct bequest_flow *flows = bound_flows(bound, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct member *member = bound_find(bound, &flows[i].key, NOW, 1000);
        CHECK(!member || (member->port > 0 && strlen(member->key) < MEMBER_KEY_MAX));
    }
    bound_release(bound, registry);
    registry_free(registry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bequest file;
    if (n > 1 << 16)
        return 0;
    uint64_t *copy = malloc(n + 8); /* aligned */
    CHECK(copy);
    memcpy(copy, data, n);
    if (bequest_read(&file, copy, n) == 0)
        look(&file);
    free(copy);
    return 0;
}
